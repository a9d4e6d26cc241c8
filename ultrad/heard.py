"""A journal that others hear: each event as it is handed over, before any disk has answered."""

from collections.abc import Callable, Sequence

from ultrad.core.events import Event, Recorded
from ultrad.core.position import Reading
from ultrad.core.probes import Sample
from ultrad.i18n import Message
from ultrad.ports import EventFilter, Extremes, Journal, JournalHead, Turned
from ultrad.units import Now

Listener = Callable[[Event], None]
"""Hears an event. It must not wait, nor raise: whoever hands over may be in the middle of a trip."""


class HeardJournal:
    """Implements `Journal` on top of another one."""

    def __init__(self, inner: Journal, *listeners: Listener) -> None:
        """listeners: told of what is posted at once, and of what is appended once it is durable."""
        self._inner = inner
        self._listeners = listeners

    def listen(self, listener: Listener) -> None:
        """One more who hears, from now on."""
        self._listeners = (*self._listeners, listener)

    async def append(self, *events: Event) -> tuple[Recorded, ...]:
        """See the port."""
        recorded = await self._inner.append(*events)
        self._tell(events)
        return recorded

    def post(self, *events: Event) -> None:
        """See the port. Heard also where the journal refuses: people are told of what it cannot hold."""
        self._tell(events)
        self._inner.post(*events)

    def _tell(self, events: Sequence[Event]) -> None:
        for event in events:
            for listener in self._listeners:
                listener(event)

    async def run(self, turned: Turned) -> None:
        """See the port."""
        await self._inner.run(turned)

    def telemetry(self, readings: Sequence[Reading], now: Now) -> None:
        """See the port."""
        self._inner.telemetry(readings, now)

    def probed(self, samples: Sequence[Sample]) -> None:
        """See the port."""
        self._inner.probed(samples)

    async def samples(self, since_steady_ms: int) -> tuple[Sample, ...]:
        """See the port."""
        return await self._inner.samples(since_steady_ms)

    async def flush(self) -> None:
        """See the port."""
        await self._inner.flush()

    async def events(self, which: EventFilter) -> tuple[Recorded, ...]:
        """See the port."""
        return await self._inner.events(which)

    async def value_extremes(self, since_steady_ms: int) -> tuple[Extremes, ...]:
        """See the port."""
        return await self._inner.value_extremes(since_steady_ms)

    async def head(self) -> JournalHead:
        """See the port."""
        return await self._inner.head()

    async def housekeeping(self, now: Now) -> None:
        """See the port."""
        await self._inner.housekeeping(now)

    def backlog(self) -> tuple[int, Message | None]:
        """See the port."""
        return self._inner.backlog()

    async def close(self) -> None:
        """See the port."""
        await self._inner.close()
