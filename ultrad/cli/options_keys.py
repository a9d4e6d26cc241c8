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


def _block(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError(text)
    return number
