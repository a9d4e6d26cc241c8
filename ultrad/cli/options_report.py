"""`ultrad report`: its options."""

from typing import TYPE_CHECKING

from ultrad.i18n import msg

if TYPE_CHECKING:
    from ultrad.cli.parser import Builder


def add(build: "Builder") -> None:
    """The commands of the group."""
    report = build.group("report", msg("the reports: of a day, of a week, of an emergency"))
    daily = report.command("daily", msg("a day's report, made again and printed; it is sent to nobody"))
    weekly = report.command("weekly", msg("the same for a week, Monday to Sunday"))
    situation = report.command("situation", msg("the same for the newest emergency stop"))
    named = report.command("make", msg("the same for a report by its name, as `ultrad report list` shows it"))
    listed = report.command("list", msg("the reports that are kept as files"))
    for one in (daily, weekly):
        one.add_argument(
            "--date",
            metavar="DATE",
            help=build.text(msg("the day, or a day of the week, as 2026-11-22 (default: the last whole one)")),
        )
    named.add_argument("name", metavar="NAME")
    for one in (daily, weekly, situation, named, listed):
        one.add_argument("--json", action="store_true", help=build.text(msg("for programs: one JSON object")))
