"""A journal in memory, without threads, that works in virtual time and fails when told to."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from heapq import merge
from itertools import groupby, islice

import anyio

from ultrad.core.events import Event, Recorded
from ultrad.core.position import Reading
from ultrad.core.probes import Sample
from ultrad.core.readings import (
    HOUR_MS,
    Kept,
    hour_facts,
    outstanding,
    seal_event,
    thinned_event,
)
from ultrad.core.record import Row, genesis, link, pack, repeated, unpack
from ultrad.errors import Duplicate, Fatal, Permanent, Transient, UltradError
from ultrad.i18n import Message, msg
from ultrad.ports import EventFilter, Extremes, JournalHead, Turned
from ultrad.units import Now, Wad

MAX_WAITING = 10_000
MAX_READINGS = 20_000
PACE_S = 2.0
RETRY_S = 0.5


@dataclass(slots=True, eq=False)
class _Handed:
    rows: tuple[Row, ...]
    posted: bool
    answered: anyio.Event = field(default_factory=anyio.Event)
    answer: tuple[Recorded, ...] | UltradError = ()


@dataclass(slots=True)
class FakeJournal:
    """Implements `Journal`.

    Faults, settable at any time: `full` (every write is refused), `slow_s` (each write takes so long), `hang` (a
    write does not return until `recover`). `recover` ends them all. `writes` counts the transactions;
    `hanging` is set once one hangs.
    """

    thin_after_hours: int = 24
    journal_id: str = "fake"
    full: bool = False
    slow_s: float = 0.0
    writes: int = 0
    hanging: anyio.Event = field(default_factory=anyio.Event)
    recorded: list[Recorded] = field(default_factory=list)
    kept: dict[int, list[Kept]] = field(default_factory=dict)
    _queue: list[_Handed] = field(default_factory=list)
    _looks: list[tuple[tuple[Reading, ...], Now]] = field(default_factory=list)
    _busy: list[_Handed] = field(default_factory=list)
    _sealed: set[int] = field(default_factory=set)
    _thinned: set[int] = field(default_factory=set)
    probes: list[Sample] = field(default_factory=list)
    _probed: list[Sample] = field(default_factory=list)
    _looks_written: int = 0
    _open_hour: int = 0
    _lost: int = 0
    _waiting: int = 0
    _failure: Message | None = None
    _running: bool = False
    _closed: bool = False
    _keys: set[tuple[str, str]] = field(default_factory=set)
    _by_kind: dict[str, list[int]] = field(default_factory=dict)
    _indexed: int = 0
    _indexed_list: list[Recorded] | None = None
    _wake: anyio.Event = field(default_factory=anyio.Event)
    _moving: anyio.Event | None = None
    _writing: anyio.Lock = field(default_factory=anyio.Lock)

    def hang(self) -> None:
        """The next write does not return until `recover`."""
        self._moving, self.hanging = anyio.Event(), anyio.Event()

    def recover(self) -> None:
        """The disk is well again."""
        self.full, self.slow_s = False, 0.0
        if self._moving is not None:
            self._moving.set()
            self._moving = None

    async def run(self, turned: Turned) -> None:
        self._running = True
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(self._turn, turned)
                while True:
                    await self._write()
                    with anyio.move_on_after(PACE_S if self._failure is None else RETRY_S):
                        await self._wake.wait()
                    self._wake = anyio.Event()
        finally:
            self._running = False

    async def append(self, *events: Event) -> tuple[Recorded, ...]:
        return await self._submit(tuple(pack(event) for event in events))

    def post(self, *events: Event) -> None:
        rows = tuple(pack(event) for event in events)
        if self._waiting + len(rows) > MAX_WAITING:
            raise Fatal(msg("{count} events wait for the journal.", count=self._waiting))
        self._enqueue(_Handed(rows, posted=True))
        if self._failure is None:
            self._wake.set()

    def telemetry(self, readings: Sequence[Reading], now: Now) -> None:
        groups = groupby(readings, key=lambda one: (one.endpoint, one.block))
        self._looks += [(tuple(group), now) for _, group in groups]
        while sum(len(look) for look, _ in self._looks) > MAX_READINGS:
            self._lost += len(self._looks.pop(0)[0])

    def probed(self, samples: Sequence[Sample]) -> None:
        self._probed += samples
        del self._probed[:-MAX_READINGS]

    async def samples(self, since_steady_ms: int) -> tuple[Sample, ...]:
        found = (one for one in self.probes if one.at.steady_ms >= since_steady_ms)
        return tuple(sorted(found, key=lambda one: one.at.steady_ms))

    async def flush(self) -> None:
        await self._submit(())

    async def events(self, which: EventFilter) -> tuple[Recorded, ...]:
        found = (self.recorded[place] for place in self._places(which) if _matches(self.recorded[place], which))
        return tuple(islice(found, max(0, which.limit)))

    def _places(self, which: EventFilter) -> Iterable[int]:
        """Where to look: by kind, so that a long life in virtual time does not go through all of it each time."""
        if self._indexed_list is not self.recorded:
            self._by_kind, self._indexed, self._indexed_list = {}, 0, self.recorded
        for place in range(self._indexed, len(self.recorded)):
            self._by_kind.setdefault(self.recorded[place].event.kind, []).append(place)
        self._indexed = len(self.recorded)
        if not which.kinds:
            every = range(which.after_seq, len(self.recorded))
            return reversed(every) if which.newest_first else every
        of_kinds = [places for kind, places in self._by_kind.items() if _is_of(kind, which.kinds)]
        if which.newest_first:
            return merge(*(reversed(places) for places in of_kinds), reverse=True)
        return merge(*of_kinds)

    async def value_extremes(self, since_steady_ms: int) -> tuple[Extremes, ...]:
        minutes: dict[tuple[int, str], list[Kept]] = {}
        for rows in self.kept.values():
            for row in rows:
                if row.steady_ms >= since_steady_ms and (row.collateral_e8 or row.debt_e8):
                    minutes.setdefault((row.steady_ms // 60_000 * 60_000, row.position), []).append(row)
        return tuple(
            Extremes(
                position,
                minute,
                min(row.net_e8 for row in rows),
                max(row.net_e8 for row in rows),
                Wad(min(row.health_factor for row in rows)),
            )
            for (minute, position), rows in sorted(minutes.items())
        )

    async def head(self) -> JournalHead:
        last = self.recorded[-1] if self.recorded else None
        return JournalHead(
            self.journal_id, last.seq if last else 0, last.hash if last else genesis(self.journal_id).hex()
        )

    async def housekeeping(self, now: Now) -> None:
        current = now.steady_ms // HOUR_MS
        await self.flush()
        self._open_hour = max(self._open_hour, current)
        for hour in sorted(set(self.kept) - self._sealed):
            if hour < current:
                lost, self._lost = self._lost, 0
                await self.append(seal_event(hour_facts(hour, self.kept[hour]), lost, now))
                self._sealed.add(hour)
        for hour in sorted(self._sealed - self._thinned):
            if hour < current - self.thin_after_hours:
                staying = outstanding(self.kept[hour])
                before = hour_facts(hour, self.kept[hour])
                await self.append(thinned_event(before, hour_facts(hour, staying), now))
                self.kept[hour] = list(staying)
                self._thinned.add(hour)
        oldest_ms = (current - self.thin_after_hours) * HOUR_MS
        self.probes = [one for one in self.probes if one.at.steady_ms >= oldest_ms]

    def backlog(self) -> tuple[int, Message | None]:
        hung = self._moving is not None and self.hanging.is_set()
        return self._waiting, msg("The disk under the journal has not answered.") if hung else self._failure

    async def close(self) -> None:
        if self._closed:
            return
        if self._queue or self._looks or self._probed:
            await self._write()
        self._closed = True
        if self._waiting:
            raise Transient(msg("Events could not be written before the end."))

    async def _turn(self, turned: Turned) -> None:
        while True:
            turned()
            await anyio.sleep(PACE_S)

    async def _submit(self, rows: tuple[Row, ...]) -> tuple[Recorded, ...]:
        handed = _Handed(rows, posted=False)
        self._enqueue(handed)
        self._wake.set()
        try:
            if not self._running:
                await self._write()
            await handed.answered.wait()
        finally:
            if handed in self._queue:
                self._queue.remove(handed)
                self._waiting -= len(handed.rows)
        if isinstance(handed.answer, UltradError):
            raise handed.answer
        return handed.answer

    def _enqueue(self, handed: _Handed) -> None:
        if self._closed:
            raise Permanent(msg("The journal is closed."))
        self._queue.append(handed)
        self._waiting += len(handed.rows)

    async def _write(self) -> None:
        async with self._writing:
            if not (self._queue or self._looks or self._probed):
                return
            with anyio.CancelScope(shield=True):
                self._busy, self._queue = self._queue, []
                looks, self._looks = self._looks, []
                await anyio.sleep(self.slow_s)
                if self._moving is not None:
                    self.hanging.set()
                    await self._moving.wait()
                busy, self._busy = self._busy, []
                if self.full:
                    self._refuse(busy, looks)
                else:
                    self._record(busy, looks)

    def _refuse(self, busy: list[_Handed], looks: list[tuple[tuple[Reading, ...], Now]]) -> None:
        self._failure = msg("The journal refuses: {cause}.", cause="the disk is full")
        for handed in (*busy, *self._queue):
            if not handed.posted:
                self._waiting -= len(handed.rows)
                handed.answer = Transient(self._failure)
                handed.answered.set()
        self._queue = [handed for handed in (*busy, *self._queue) if handed.posted]
        self._looks = looks + self._looks
        self.telemetry((), Now(0, 0))  # trims

    def _record(self, busy: list[_Handed], looks: list[tuple[tuple[Reading, ...], Now]]) -> None:
        self._failure = None
        self.writes += 1
        for handed in busy:
            self._waiting -= len(handed.rows)
            handed.answer = self._chain(handed)
            handed.answered.set()
        self.probes += self._probed
        self._probed.clear()
        for look, now in looks:
            self._looks_written += 1
            rows = self.kept.setdefault(max(now.steady_ms // HOUR_MS, self._open_hour), [])
            rows += [_kept(self._looks_written, place, one, now) for place, one in enumerate(look)]

    def _chain(self, handed: _Handed) -> tuple[Recorded, ...] | UltradError:
        rows: list[Row] = []
        taken: set[tuple[str, str]] = set()
        for row in handed.rows:
            if row.key is None or (row.kind, row.key) not in self._keys | taken:
                rows.append(row)
            elif handed.posted:
                rows.append(repeated(row))
            else:
                return Duplicate(msg("{kind} {key} is recorded already.", kind=row.kind, key=row.key))
            if row.key is not None:
                taken.add((row.kind, row.key))
        self._keys |= taken
        first = len(self.recorded)
        for row in rows:
            previous = bytes.fromhex(self.recorded[-1].hash) if self.recorded else genesis(self.journal_id)
            seq = len(self.recorded) + 1
            self.recorded.append(Recorded(seq, link(previous, seq, row).hex(), unpack(row)))
        return tuple(self.recorded[first:])


def _kept(look: int, place: int, one: Reading, now: Now) -> Kept:
    return Kept(
        look=look,
        place=place,
        steady_ms=now.steady_ms,
        wall_ms=now.wall_ms,
        position=one.position,
        endpoint=one.endpoint,
        block_number=one.block.number,
        block_hash=one.block.hash,
        block_time_s=one.block.time_s,
        health_factor=one.health_factor,
        collateral_e8=one.collateral_e8,
        debt_e8=one.debt_e8,
        net_e8=one.net_value_e8,
    )


def _matches(one: Recorded, which: EventFilter) -> bool:
    event = one.event
    return (
        one.seq > which.after_seq
        and event.level >= which.min_level
        and (which.since_ms is None or event.now.wall_ms >= which.since_ms)
        and (which.until_ms is None or event.now.wall_ms <= which.until_ms)
        and (not which.kinds or _is_of(event.kind, which.kinds))
    )


def _is_of(kind: str, wanted: tuple[str, ...]) -> bool:
    return any(f"{kind}.".startswith(f"{one}.") for one in wanted)
