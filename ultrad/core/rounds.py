"""Rounds of reading in which no endpoint could serve, and what they amount to."""

from dataclasses import dataclass

from ultrad.errors import Transient
from ultrad.i18n import Message


@dataclass(frozen=True, slots=True)
class Refused:
    """Why one endpoint did not serve a round. stale: it answered, but with an old head."""

    endpoint: str
    stale: bool
    message: Message


class ChainUnavailable(Transient):
    """No endpoint could serve. `refused` says why, one by one."""

    def __init__(self, message: Message, refused: tuple[Refused, ...]) -> None:
        """Keep the reasons beside the message."""
        super().__init__(message)
        self.refused = refused

    @property
    def silent(self) -> bool:
        """Whether every endpoint failed: one that answered with a stale head is not silence."""
        return not any(one.stale for one in self.refused)
