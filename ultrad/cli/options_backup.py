"""The options of `ultrad backup`."""

from pathlib import Path
from typing import TYPE_CHECKING

from ultrad.i18n import msg

if TYPE_CHECKING:
    from ultrad.cli.parser import Builder


def add_backup(build: "Builder") -> None:
    """`ultrad backup now | list | verify | restore`."""
    backup = build.group("backup", msg("backups: make one, list them, try one, restore one"))
    backup.command("now", msg("make a backup now, and wait for its end"))
    backup.command("list", msg("all backups at all targets, and whether they are good")).add_argument(
        "--json", action="store_true", help=build.text(msg("for programs: one JSON object"))
    )
    verify = backup.command("verify", msg("fetch a backup, restore it into a scratch place and check it"))
    restore = backup.command("restore", msg("restore a backup into a new directory; nothing live is touched"))
    for one in (verify, restore):
        one.add_argument(
            "name", nargs="?", default="", metavar="NAME", help=build.text(msg("default: the newest good one"))
        )
        one.add_argument("--target", default="", metavar="TARGET", help=build.text(msg("only from this target")))
    restore.add_argument(
        "--to",
        required=True,
        type=Path,
        metavar="DIR",
        help=build.text(msg("the directory; empty, or not there yet")),
    )
    restore.add_argument(
        "--identity",
        type=Path,
        metavar="FILE",
        help=build.text(msg("the file with the age identity (the private key) of a recipient")),
    )
