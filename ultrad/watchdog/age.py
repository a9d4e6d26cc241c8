"""The age of the newest accepted reading, looked at apart from the loop that reads: that one may hang."""

from collections.abc import Callable

import anyio

from ultrad.gate import Gate
from ultrad.ports import Clock, FindingSink, Turned
from ultrad.units import Now
from ultrad.watchdog import findings_of

NO_READING = "no_reading"
LOOK_INTERVAL_S = 1.0
SOURCE = "age"


class ReadingAge:
    """Holds the gate shut while the newest accepted reading is older than its limit. The watch lets go of it."""

    def __init__(
        self, read_at: Callable[[], Now | None], gate: Gate, clock: Clock, sink: FindingSink, *, limit_s: int
    ) -> None:
        """read_at: when the newest accepted reading was made; None before the first."""
        self._read_at, self._gate, self._clock, self._sink = read_at, gate, clock, sink
        self._limit_s = limit_s

    async def run(self, turned: Turned) -> None:
        """Look each second, for ever."""
        while True:
            self.look()
            turned()
            await anyio.sleep(LOOK_INTERVAL_S)

    def look(self) -> None:
        """One look, and what follows from it."""
        now, read_at = self._clock.now(), self._read_at()
        age_s = 0 if read_at is None else (now.steady_ms - read_at.steady_ms) // 1_000
        if age_s <= self._limit_s:
            self._sink.observe(SOURCE, (), now)
            return
        self._gate.hold(NO_READING)
        self._sink.observe(SOURCE, (findings_of.reading_old(age_s, self._limit_s),), now)
