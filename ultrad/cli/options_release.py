"""The options of `ultrad release`."""

import argparse
from typing import TYPE_CHECKING

from ultrad.i18n import msg

if TYPE_CHECKING:
    from ultrad.cli.parser import Builder

LEAST_MINUTES, MOST_MINUTES = 5, 24 * 60


def add(build: "Builder") -> None:
    """Add the commands of the group."""
    text = build.text
    release = build.group("release", msg("another version: what has to be so before it, and after it"))
    check = release.command("check", msg("before: checks what it can, and asks the rest; records who said it"))
    check.add_argument(
        "--to", default="", metavar="VERSION", help=text(msg("begin one: the version to be installed"))
    )
    check.add_argument("--reason", default="", metavar="TEXT", help=text(msg("begin one: what changes")))
    check.add_argument(
        "--minutes",
        type=_minutes,
        default=60,
        metavar="N",
        help=text(msg("begin one: how long it is watched afterwards (default: 60)")),
    )
    verify = release.command("verify", msg("after: tries it, begins the watch, and ends it with a verdict"))
    abandon = release.command("abandon", msg("end it without a verdict"))
    abandon.add_argument("--text", required=True, metavar="TEXT", help=text(msg("why, for the record")))
    for one in (check, verify):
        for name, about in (
            ("--done", msg("this item is done; may be repeated")),
            ("--not-needed", msg("this item is not needed, as --text says; may be repeated")),
            ("--failed", msg("this item failed, as --text says; may be repeated")),
        ):
            one.add_argument(name, action="append", default=[], metavar="ITEM", help=text(about))
        one.add_argument("--text", default="", metavar="TEXT", help=text(msg("a word to what is said now")))
        one.add_argument("--json", action="store_true", help=text(msg("for programs: one JSON object")))


def _minutes(given: str) -> int:
    number = int(given)
    if not LEAST_MINUTES <= number <= MOST_MINUTES:
        raise argparse.ArgumentTypeError(f"{LEAST_MINUTES} – {MOST_MINUTES}")
    return number
