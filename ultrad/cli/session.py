"""What every command works with."""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ultrad.cli.place import Place
from ultrad.cli.screen import Screen

if TYPE_CHECKING:
    from ultrad.control_client import Client


@dataclass(frozen=True, slots=True)
class Session:
    """One command's surroundings."""

    args: argparse.Namespace
    place: Place
    screen: Screen
    environ: Mapping[str, str]

    def client(self) -> "Client":
        """The daemon of this configuration."""
        from ultrad.control_client import Client  # noqa: PLC0415 - half of what `--help` may take

        return Client(self.place.paths.socket)
