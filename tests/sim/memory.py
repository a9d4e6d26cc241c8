"""Small stand-ins for supervisor and jobs: a journal that can refuse, a sink that remembers."""

from collections.abc import Iterable, Sequence

import anyio

from ultrad.core.events import Event, Finding, Recorded
from ultrad.core.position import Reading
from ultrad.errors import Duplicate, Transient
from ultrad.i18n import Message, msg
from ultrad.ports import EventFilter, Extremes, JournalHead, Turned
from ultrad.units import Now


class MemoryJournal:
    """Implements what jobs and supervisor use of `Journal`. Writes fail while `full`."""

    def __init__(self) -> None:
        self.kept: list[Event] = []
        self.waiting: list[Event] = []
        self.full = False
        self.unreadable = False
        self.slow_s = 0.0
        self.housekept: list[Now] = []

    def of(self, kind: str) -> list[Event]:
        return [one for one in self.kept if one.kind == kind or one.kind.startswith(kind + ".")]

    def mend(self) -> None:
        self.full = False
        self.kept += self.waiting
        self.waiting = []

    async def append(self, *events: Event) -> tuple[Recorded, ...]:
        if self.full:
            raise Transient(msg("no space left on the disk"))
        for one in events:
            if one.key and any(two.kind == one.kind and two.key == one.key for two in self.kept):
                raise Duplicate(msg("taken"))
        self.kept += events
        await anyio.sleep(self.slow_s)
        return ()

    def post(self, *events: Event) -> None:
        (self.waiting if self.full else self.kept).extend(events)

    async def events(self, which: EventFilter) -> tuple[Recorded, ...]:
        if self.unreadable:
            raise Transient(msg("the disk does not answer"))
        found = [
            Recorded(seq, "", one)
            for seq, one in enumerate(self.kept, 1)
            if any(one.kind == kind or one.kind.startswith(kind + ".") for kind in which.kinds)
        ]
        return tuple((found[::-1] if which.newest_first else found)[: which.limit])

    async def housekeeping(self, now: Now) -> None:
        self.housekept.append(now)

    async def run(self, turned: Turned) -> None:
        raise NotImplementedError

    def telemetry(self, readings: Sequence[Reading], now: Now) -> None:
        raise NotImplementedError

    async def flush(self) -> None:
        raise NotImplementedError

    async def value_extremes(self, since_steady_ms: int) -> tuple[Extremes, ...]:
        raise NotImplementedError

    async def head(self) -> JournalHead:
        raise NotImplementedError

    def backlog(self) -> tuple[int, Message | None]:
        raise NotImplementedError

    async def close(self) -> None:
        raise NotImplementedError


class MemorySink:
    """Implements `FindingSink`."""

    def __init__(self) -> None:
        self._standing: dict[str, dict[tuple[str, str], Finding]] = {}
        self.ever: list[tuple[str, str]] = []

    def observe(self, source: str, findings: Iterable[Finding], now: Now) -> None:
        assert now.wall_ms
        self._standing[source] = {one.key: one for one in findings}
        self.ever += [key for key in self._standing[source] if key not in self.ever]

    def standing(self) -> dict[str, dict[tuple[str, str], Finding]]:
        return self._standing
