"""A journal whose events are also logged, in the operator's language, as they are handed over."""

from collections.abc import Callable, Sequence

from ultrad.core.events import Event, Level, Recorded
from ultrad.core.position import Reading
from ultrad.i18n import Message
from ultrad.ports import EventFilter, Extremes, Journal, JournalHead, Turned
from ultrad.units import Now


class LoggedJournal:
    """Implements `Journal` on top of another one."""

    def __init__(self, inner: Journal, say: Callable[[Level, Message, str], None]) -> None:
        """say: hears the level, the message and the kind of each event."""
        self._inner = inner
        self._say = say

    async def append(self, *events: Event) -> tuple[Recorded, ...]:
        """See the port; logged once it is durable."""
        recorded = await self._inner.append(*events)
        self._log(events)
        return recorded

    def post(self, *events: Event) -> None:
        """See the port; logged at once."""
        self._log(events)
        self._inner.post(*events)

    def _log(self, events: Sequence[Event]) -> None:
        for event in events:
            self._say(event.level, event.message, event.kind)

    async def run(self, turned: Turned) -> None:
        """See the port."""
        await self._inner.run(turned)

    def telemetry(self, readings: Sequence[Reading], now: Now) -> None:
        """See the port."""
        self._inner.telemetry(readings, now)

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
