"""Samples the operators' metrics each minute, and keeps what they amounted to over the look-back time."""

from collections.abc import Callable

import anyio

from ultrad.core.limits import HOUR_MS, MINUTE_MS
from ultrad.core.metrics import (
    SLOT_MS,
    TALLIED,
    Http,
    Tallies,
    event_tallies,
    merged,
    metric_lines,
    sampled,
    tally_event,
)
from ultrad.core.status import MetricLine, Status
from ultrad.errors import Permanent, Transient
from ultrad.ports import Clock, EventFilter, Journal, Turned
from ultrad.units import Now

LOOK_S = 10.0


class Measures:
    """A part of the supervisor (`run`). http: how the daemon's own HTTP server answers, where there is one."""

    def __init__(self, journal: Journal, clock: Clock, status: Callable[[], Status], look_back_ms: int) -> None:
        """status: everything there is to see, now. Nothing is sampled before `run`."""
        self._journal, self._clock, self._status = journal, clock, status
        self._look_back_ms = look_back_ms
        self._hours: dict[int, Tallies] = {}
        self._open: tuple[int, Tallies] | None = None
        self._sampled_ms: int | None = None
        self._restored = False
        self._lines = metric_lines({}, look_back_ms)
        self.http: Callable[[], Http | None] = lambda: None

    @property
    def lines(self) -> tuple[MetricLine, ...]:
        """Each metric over the look-back time, as of the last sample."""
        return self._lines

    async def run(self, turned: Turned) -> None:
        """Sample each minute of steady time, for ever."""
        while True:
            now = self._clock.now()
            if not self._restored:
                await self._restore(now)
            minute = now.steady_ms // MINUTE_MS
            if self._sampled_ms != minute:
                self._sampled_ms = minute
                self._take(now, sampled(self._status(), self.http()))
            turned()
            await anyio.sleep(LOOK_S)

    def keep(self, now: Now) -> None:
        """Hand what is not in the journal yet to it: at the end."""
        if self._open is not None and self._open[1]:
            self._journal.post(tally_event(self._open[1], now))
        self._open = None

    def _take(self, now: Now, sample: Tallies) -> None:
        slot = now.steady_ms // SLOT_MS
        if self._open is not None and self._open[0] != slot:
            self.keep(now)
        self._open = (slot, merged((self._open[1], sample) if self._open else (sample,)))
        self._count(now, sample)
        oldest = (now.steady_ms - self._look_back_ms) // HOUR_MS
        self._hours = {hour: one for hour, one in self._hours.items() if hour > oldest}
        self._lines = metric_lines(merged(self._hours.values()), self._look_back_ms)

    def _count(self, now: Now, tallies: Tallies) -> None:
        """Into its hour: whole hours are what the look-back time is made of, the one under way included."""
        hour = now.steady_ms // HOUR_MS
        self._hours[hour] = merged((self._hours[hour], tallies) if hour in self._hours else (tallies,))

    async def _restore(self, now: Now) -> None:
        """What the journal holds of the look-back time, what does not fit left out; until it can be read."""
        since_ms = now.steady_ms - self._look_back_ms
        most = self._look_back_ms // SLOT_MS + 2
        try:
            found = await self._journal.events(EventFilter(kinds=(TALLIED,), limit=most, newest_first=True))
        except (Transient, Permanent):
            return
        self._restored = True
        seen, self._hours = self._hours, {}
        for one in reversed(found):
            try:
                if one.event.now.steady_ms > since_ms:
                    self._count(one.event.now, event_tallies(one.event))
            except (ValueError, TypeError):
                continue
        for hour, tallies in seen.items():  # sampled while the journal could not be read
            self._hours[hour] = merged((self._hours[hour], tallies) if hour in self._hours else (tallies,))
