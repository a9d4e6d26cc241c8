"""The options of `ultrad keys`."""

from typing import TYPE_CHECKING

from ultrad.i18n import msg

if TYPE_CHECKING:
    from ultrad.cli.parser import Builder


def add(build: "Builder") -> None:
    """Add the commands of the group."""
    keys = build.group("keys", msg("the keys: whether others use them, and their replacement"))
    audit = keys.command(
        "audit", msg("compare the account's whole history on chain with the journal; lists what was not ours")
    )
    audit.add_argument(
        "--from-block",
        type=_block,
        metavar="N",
        help=build.text(msg("from this block on (default: the journal's first day)")),
    )
    audit.add_argument(
        "--since", metavar="TIME", help=build.text(msg("from this time on: 2026-11-24, 2026-11-24T09:30, 7d"))
    )
    audit.add_argument(
        "--position", metavar="NAME", help=build.text(msg("whose account (default: the one that trades)"))
    )
    audit.add_argument(
        "--rpc",
        metavar="FILE",
        help=build.text(msg("a file (mode 0600) with the URL of another node, such as an archive's")),
    )
    audit.add_argument("--json", action="store_true", help=build.text(msg("for programs: one JSON object")))

    _rotation(build, keys)


def _rotation(build: "Builder", keys: "Builder") -> None:
    text = build.text
    rotate = keys.command(
        "rotate", msg("after a suspected leak: leads through the replacement of every key, and records it")
    )
    how = rotate.add_mutually_exclusive_group()
    how.add_argument(
        "--continue", dest="goes_on", action="store_true", help=text(msg("go on with the one that is open"))
    )
    how.add_argument(
        "--status", action="store_true", help=text(msg("only show how far it is; works without the daemon"))
    )
    how.add_argument(
        "--abandon", action="store_true", help=text(msg("end it although it is not complete; needs --text"))
    )
    rotate.add_argument("--reason", default="", metavar="TEXT", help=text(msg("begin one: why, for the record")))
    rotate.add_argument("--incident", type=int, metavar="N", help=text(msg("the incident that it belongs to")))
    for name, about in (
        ("--done", msg("this item is done; may be repeated")),
        ("--not-needed", msg("this item is not needed, as --text says; may be repeated")),
        ("--failed", msg("this item failed, as --text says; may be repeated")),
    ):
        rotate.add_argument(name, action="append", default=[], metavar="ITEM", help=text(about))
    rotate.add_argument("--text", default="", metavar="TEXT", help=text(msg("a word to what is said now")))
    rotate.add_argument(
        "--old",
        action="append",
        default=[],
        metavar="KEY=FILE",
        help=text(msg("try whether the service still takes the old one, from a file; may be repeated")),
    )
    rotate.add_argument(
        "--offline", action="store_true", help=text(msg("ask no service whether it takes a secret"))
    )
    rotate.add_argument("--json", action="store_true", help=text(msg("for programs: one JSON object")))


def _block(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError(text)
    return number
