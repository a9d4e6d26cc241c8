"""The ping to an outside monitor, which tells people when it no longer comes.

It rests on the same fact as the heartbeat to the service manager: which critical parts have not turned in time.
"""

from collections.abc import Callable

import anyio

from ultrad.core.events import Finding, Level, Origin, Severity
from ultrad.errors import Permanent, Transient
from ultrad.i18n import Message, msg
from ultrad.ports import Clock, Deadman, FindingSink, Turned

PING_S = 10.0
"""How long one ping may take."""
FAILURES = 3
"""So many in a row are more than a hiccup; by then the monitor is about to raise the alarm by itself."""
FIRST_S = 5.0
"""The first ping waits for the parts to have turned once."""
AFTER_DEATH_S = 120.0
"""And after a death so long: a process that dies again and again must not look alive in between."""


class DeadmanPart:
    """A part of the supervisor. late_parts: the critical loops that have not turned within their limits."""

    def __init__(
        self,
        monitor: Deadman,
        late_parts: Callable[[], tuple[str, ...]],
        clock: Clock,
        sink: FindingSink,
        interval_s: float,
        first_s: float = FIRST_S,
    ) -> None:
        """Nothing is sent before `run`. first_s: how long after "start" the first word follows."""
        self._monitor, self._late_parts = monitor, late_parts
        self._clock, self._sink = clock, sink
        self._interval_s, self._first_s = interval_s, first_s
        self._failures = 0

    async def run(self, turned: Turned) -> None:
        """Say "start" once, then "ok" or "fail" at each interval, for ever."""
        await self._ping("start")
        turned()
        await anyio.sleep(self._first_s)
        while True:
            await self._ping("fail" if self._late_parts() else "ok")
            turned()
            await anyio.sleep(self._interval_s)

    async def _ping(self, what: str) -> None:
        error: Message = msg("it gave no answer within {seconds} s.", seconds=int(PING_S))
        with anyio.move_on_after(PING_S):
            try:
                await self._monitor.ping(what)
            except (Transient, Permanent) as failure:
                error = failure.message
            else:
                self._failures = 0
                self._sink.observe("deadman", (), self._clock.now())
                return
        self._failures += 1
        if self._failures >= FAILURES:
            self._sink.observe("deadman", (_unreachable(error),), self._clock.now())


def _unreachable(reason: Message) -> Finding:
    return Finding(
        code="deadman_unreachable",
        subject="",
        level=Level.ALERT,
        origin=Origin.OUTSIDE,
        severity=Severity.S2,
        message=msg(
            "The outside monitor does not take our pings: {reason} It will report us as dead, and nobody would "
            "notice if we were. Check its URL and the network.",
            reason=reason,
        ),
    )
