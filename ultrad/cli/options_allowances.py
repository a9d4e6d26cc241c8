"""The options of `ultrad allowances`."""

from typing import TYPE_CHECKING

from ultrad.i18n import msg

if TYPE_CHECKING:
    from ultrad.cli.parser import Builder


def add_allowances(build: "Builder") -> None:
    """`ultrad allowances` and `ultrad allowances revoke [ASSET]`."""
    group = build.command("allowances", msg("what others may take of the account's tokens; or take that back"))
    as_json = build.text(msg("for programs: one JSON object"))
    group.add_argument("--json", action="store_true", help=as_json)
    inner = group.add_subparsers(dest="subcommand", metavar=build.text(msg("COMMAND")))
    about = build.text(msg("allow nothing any more, by a transaction that goes the way of all others"))
    revoke = inner.add_parser("revoke", help=about, description=about, allow_abbrev=False)
    revoke.add_argument(
        "asset",
        nargs="?",
        default="",
        metavar="ASSET",
        help=build.text(msg("only of this asset: its symbol or its address")),
    )
    revoke.add_argument("--json", action="store_true", help=as_json)
