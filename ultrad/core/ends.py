"""How the process ended before: a fold over the journal's `daemon.*` events."""

from collections.abc import Iterable
from dataclasses import dataclass

from ultrad.core.events import Recorded
from ultrad.units import Now

STARTED = "daemon.started"
STOPPED = "daemon.stopped"
DAY_MS = 86_400_000
MOST_COUNTED = 1_000


@dataclass(frozen=True, slots=True)
class Ends:
    """died: whether the last end was none in order. last: when the journal last heard of that process.

    deaths: when each start found that the process before it had died, the oldest first.
    """

    died: bool = False
    last: Now | None = None
    deaths: tuple[Now, ...] = ()

    def count(self, now: Now) -> int:
        """How many ends of the last 24 h were none in order, the last one with them."""
        return self.died + sum(now.steady_ms - one.steady_ms < DAY_MS for one in self.deaths)


def fold(events: Iterable[Recorded], last: Now | None) -> Ends:
    """From the `daemon.*` events, oldest first. last: when anything was recorded last."""
    running = False
    deaths: list[Now] = []
    for one in events:
        if running and one.event.kind == STARTED:
            deaths.append(one.event.now)
        running = one.event.kind == STARTED
    return Ends(running, last if running else None, tuple(deaths[-MOST_COUNTED:]))
