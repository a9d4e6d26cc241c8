"""The port to work that is too heavy for the daemon's own process: backups, charts, restore drills."""

from collections.abc import Callable, Mapping
from typing import Protocol

from ultrad.core.events import Json
from ultrad.i18n import Message


def _nobody(_: Message) -> None:
    """Progress that nobody asked for."""


class Aside(Protocol):
    """Has work done by a process of its own."""

    async def run(
        self,
        work: str,
        arguments: Mapping[str, Json],
        timeout_s: float,
        told: Callable[[Message], None] = _nobody,
    ) -> Mapping[str, Json]:
        """Do a work of `ultrad.worker.WORKS`, and answer its result. Cancelled, or late, it is given up at once.

        arguments: what it is to do, never a secret: the worker reads the configuration by itself. told: hears its
        progress. Raises Transient and Permanent as the worker says, and Transient where it ends without a word.
        """
        ...
