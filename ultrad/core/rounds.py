"""Rounds of reading in which no endpoint could serve, and what they amount to."""

from dataclasses import dataclass

from ultrad.core.events import Effect, Finding, Level, Origin, Severity
from ultrad.errors import Transient
from ultrad.i18n import Message, msg
from ultrad.units import Now

READ_LIMIT_S = 30.0
"""How long one reading may take, whatever the number of endpoints and the limit of a call: so that two rounds that
fail fit into the minute after which silence trips, and the loop that reads is never taken for a hung one."""


def share_s(left_s: float, endpoints: int) -> float:
    """How long the next of so many endpoints may take, so that each is asked within what is left of a round."""
    return max(left_s, 0.0) / endpoints


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


@dataclass(frozen=True, slots=True)
class Silence:
    """Rounds in a row in which every endpoint failed. since: when the first of them ended."""

    rounds: int = 0
    since: Now | None = None

    def longer(self, now: Now) -> "Silence":
        """One more such round."""
        return Silence(self.rounds + 1, self.since or now)

    def seconds(self, now: Now) -> int:
        """How long it has lasted."""
        return 0 if self.since is None else (now.steady_ms - self.since.steady_ms) // 1_000


def unavailable_finding(error: ChainUnavailable) -> Finding:
    """No position could be read in a round: no trade."""
    return Finding(
        code="chain_unreadable",
        subject="",
        level=Level.ALERT,
        origin=Origin.OUTSIDE,
        severity=Severity.S2,
        effect=Effect.NO_TRADE,
        message=error.message,
    )


def silence_finding(silence: Silence, rounds: int, seconds: int, now: Now) -> Finding | None:
    """Aave silent: at least so many rounds in which every endpoint failed, over at least so many seconds."""
    if silence.rounds < rounds or silence.seconds(now) < seconds:
        return None
    return Finding(
        code="aave_silent",
        subject="",
        level=Level.EMERGENCY,
        origin=Origin.OUTSIDE,
        severity=Severity.S2,
        effect=Effect.TRIP,
        message=msg(
            "Aave is silent: every endpoint failed in {rounds} rounds over {seconds} s. "
            "Check the network and the providers' status pages.",
            rounds=silence.rounds,
            seconds=silence.seconds(now),
        ),
        figures=(("rounds", str(silence.rounds)), ("seconds", str(silence.seconds(now)))),
    )
