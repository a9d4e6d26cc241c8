"""The options of `ultrad note`, `notes` and `handover`."""

from typing import TYPE_CHECKING

from ultrad.i18n import msg

if TYPE_CHECKING:
    from ultrad.cli.parser import Builder

MOST_HOURS = 24 * 31


def add(build: "Builder") -> None:
    """Add the commands of a shift."""
    as_json = build.text(msg("for programs: one JSON object"))
    note = build.command("note", msg("leave a word for the others, in the journal and in the hand-over"))
    note.add_argument("text", metavar="TEXT", help=build.text(msg("in your words; it stands in the journal")))
    notes = build.command("notes", msg("the words that were left"))
    notes.add_argument(
        "--since",
        default="7d",
        metavar="TIME",
        help=build.text(msg("a time (2026-11-24, 2026-11-24T09:30) or how long ago (90s, 30m, 2h, 7d)")),
    )
    handover = build.command("handover", msg("what the next person has to know: the last day in one page"))
    handover.add_argument(
        "--hours",
        type=int,
        default=24,
        metavar="N",
        help=build.text(msg("the last so many hours (1 to {most}; default: 24)", most=MOST_HOURS)),
    )
    for one in (notes, handover):
        one.add_argument("--json", action="store_true", help=as_json)
