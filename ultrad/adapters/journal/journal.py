"""The journal port over SQLite.

What is handed over waits in one queue, in order. One writer takes all that waits, writes it in one transaction
with one fsync in a thread of its own, and answers those who wait. Nothing but that thread ever touches the disk
for writing, so a slow or hung disk holds up nobody who does not wait for an answer.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

import anyio
import anyio.to_thread

from ultrad.adapters.journal.reader import Reader, open_reader
from ultrad.adapters.journal.schema import UnusableError
from ultrad.adapters.journal.store import Handed, Look, Place, Store
from ultrad.core.events import Event, Recorded
from ultrad.core.position import Reading
from ultrad.core.probes import Sample
from ultrad.core.readings import (
    HOUR_MS,
    SEALED,
    damaged_event,
    hour_facts,
    outstanding,
    seal_event,
    sealed_facts,
    thinned_event,
)
from ultrad.core.record import pack
from ultrad.core.retry import Backoff, pause_s
from ultrad.errors import Fatal, Permanent, Transient, UltradError
from ultrad.i18n import Message, msg
from ultrad.ports import EventFilter, Extremes, JournalHead, Turned
from ultrad.units import Now

MAX_WAITING = 10_000
"""Events that may wait for the disk. A bad day writes some hundreds an hour: this is a disk gone for a day."""
MAX_BATCH = 1_000
"""Events in one transaction, about: some 20 ms of work, so that those who wait are answered soon."""
MAX_READINGS = 20_000
"""Readings that may wait for the disk: a position for three days, or a thousand positions for four minutes."""
TELEMETRY_S = 2.0
"""How long readings wait at most for an event that takes them along."""
TURN_S = 1.0
"""How often `run` shows that the loop is alive. It does so while the disk hangs: that is told by `backlog`."""
HUNG_S = 5.0
"""A write that takes longer than this is told as a failing disk."""
RETRY = Backoff(first_s=0.5, most_s=30.0)
"""Pauses between tries while the disk refuses what was posted, less half: nobody competes, so without jitter."""

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(slots=True, eq=False)
class _Ticket:
    """Something handed over, from the queue to its answer."""

    handed: Handed
    taken: bool = False
    answered: anyio.Event = field(default_factory=anyio.Event)
    answer: tuple[Place, ...] | UltradError | None = None

    def settle(self, answer: tuple[Place, ...] | UltradError) -> None:
        self.answer = answer
        self.answered.set()


class SqliteJournal:
    """Implements `Journal`. All methods are called from the event loop's thread."""

    def __init__(self, store: Store, thin_after_hours: int, failure: Message | None) -> None:
        """Made by `open_journal`. failure: why the file could not be opened yet."""
        self._store = store
        self._thin_after_hours = thin_after_hours
        self._queue: deque[_Ticket] = deque()
        self._looks: deque[Look | Sample] = deque()
        self._readings = 0
        self._lost = 0
        self._waiting = 0
        self._failures = 0 if failure is None else 1
        self._failure = failure
        self._busy_since_s: float | None = None
        self._running = False
        self._closed = False
        self._wake = anyio.Event()
        self._writing = anyio.Lock()
        self._keeping_house = anyio.Lock()
        self._writer = anyio.CapacityLimiter(1)
        self._readers = anyio.CapacityLimiter(2)

    # ------------------------------------------------------------ handing over

    async def append(self, *events: Event) -> tuple[Recorded, ...]:
        """See the port. A caller that is cancelled finds all of its events recorded later, or none."""
        places = await self._submit(Handed(tuple(pack(event) for event in events), posted=False))
        return tuple(
            Recorded(seq, digest.hex(), event) for (seq, digest), event in zip(places, events, strict=True)
        )

    def post(self, *events: Event) -> None:
        """See the port."""
        rows = tuple(pack(event) for event in events)
        if self._waiting + len(rows) > MAX_WAITING:
            raise Fatal(
                msg(
                    "{count} events wait for the journal {path}, more than may be lost at once. {cause}",
                    count=self._waiting,
                    path=str(self._store.path),
                    cause=self.backlog()[1] or "",
                )
            )
        self._enqueue(_Ticket(Handed(rows, posted=True)))
        if self._failure is None:
            self._wake.set()  # while the disk refuses, its pauses are kept

    def telemetry(self, readings: Sequence[Reading], now: Now) -> None:
        """See the port."""
        for (endpoint, block), group in groupby(readings, key=lambda one: (one.endpoint, one.block)):
            look = Look(now, endpoint, block, tuple(group))
            self._looks.append(look)
            self._readings += len(look.readings)
        self._trim()

    def probed(self, samples: Sequence[Sample]) -> None:
        """See the port. Each counts as a reading in what may wait."""
        self._looks += samples
        self._readings += len(samples)
        self._trim()

    async def flush(self) -> None:
        """See the port."""
        await self._submit(Handed((), posted=False))

    def backlog(self) -> tuple[int, Message | None]:
        """See the port. A write that hangs counts as one that failed."""
        if self._busy_since_s is not None:
            hung_s = anyio.current_time() - self._busy_since_s
            if hung_s > HUNG_S:
                return self._waiting, msg(
                    "The disk under the journal {path} has not answered for {seconds} s: look at the kernel's log "
                    "(`dmesg`).",
                    path=str(self._store.path),
                    seconds=int(hung_s),
                )
        return self._waiting, self._failure

    # ------------------------------------------------------------ reading

    async def events(self, which: EventFilter) -> tuple[Recorded, ...]:
        """See the port."""
        return await self._read(Reader.events, which)

    async def value_extremes(self, since_steady_ms: int) -> tuple[Extremes, ...]:
        """See the port. Only what is durable: `flush` first to have all."""
        return await self._read(Reader.value_extremes, since_steady_ms)

    async def samples(self, since_steady_ms: int) -> tuple[Sample, ...]:
        """See the port."""
        return await self._read(Reader.samples, since_steady_ms)

    async def head(self) -> JournalHead:
        """See the port. Raises Transient where the journal could not be opened yet."""
        head = self._store.head
        if head is None:
            raise Transient(self._failure or msg("The journal {path} is not open.", path=str(self._store.path)))
        return head

    async def _read(self, question: Callable[Concatenate[Reader, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Ask over a reading connection of its own, in a thread that the writer does not need."""

        def ask() -> R:
            try:
                with open_reader(self._store.path) as reader:
                    return question(reader, *args, **kwargs)
            except UnusableError as error:  # it may be put right while the daemon watches on
                raise Transient(error.message) from error

        return await anyio.to_thread.run_sync(ask, abandon_on_cancel=True, limiter=self._readers)

    # ------------------------------------------------------------ writing

    async def run(self, turned: Turned) -> None:
        """See the port. Raises Fatal where the file turns out to be a newer program's."""
        self._running = True
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(self._turn, turned)
                error = await self._write_forever()
                group.cancel_scope.cancel()
        finally:
            self._running = False
        raise error  # here, so that it does not come wrapped in a group

    async def close(self) -> None:
        """See the port. Waits as long as the disk does; raises Transient where something could not be written."""
        if self._closed:
            return
        try:
            while self._queue or self._looks:
                await self._round()
                if self._failure is not None:
                    break
        finally:
            self._closed = True
            async with self._writing:
                await self._in_writer(self._store.close)
        if self._waiting:
            raise Transient(
                msg(
                    "{count} events could not be written before the end. {cause}",
                    count=self._waiting,
                    cause=self._failure or "",
                )
            )

    async def _turn(self, turned: Turned) -> None:
        while True:
            turned()
            await anyio.sleep(TURN_S)

    async def _write_forever(self) -> Fatal:
        """Write whenever something waits; ends only with an error that no trying again can mend."""
        while True:
            with anyio.move_on_after(pause_s(RETRY, self._failures, 0.0) if self._failures else TELEMETRY_S):
                await self._wake.wait()
            self._wake = anyio.Event()
            try:
                while await self._round():
                    pass
            except Fatal as error:
                return error

    async def _submit(self, handed: Handed) -> tuple[Place, ...]:
        """Hand over and wait for the answer. Without `run` (at start, at the end) the caller writes itself."""
        ticket = _Ticket(handed)
        self._enqueue(ticket)
        self._wake.set()
        try:
            while not (self._running or ticket.answered.is_set()):
                await self._round()
            await ticket.answered.wait()
        finally:
            if not ticket.taken:
                self._drop(ticket)
        if isinstance(ticket.answer, UltradError):
            raise ticket.answer
        return ticket.answer or ()

    def _enqueue(self, ticket: _Ticket) -> None:
        if self._closed:
            raise Permanent(msg("The journal {path} is closed.", path=str(self._store.path)))
        self._queue.append(ticket)
        self._waiting += len(ticket.handed.rows)

    def _drop(self, ticket: _Ticket) -> None:
        """Whoever handed it over no longer waits, and it was not taken: it will not be recorded."""
        if ticket in self._queue:
            self._queue.remove(ticket)
            self._waiting -= len(ticket.handed.rows)

    async def _round(self) -> bool:
        """Write what waits, once; whether more waits that may be tried at once. Raises Fatal."""
        async with self._writing:
            tickets, looks = self._take()
            if not (tickets or looks):
                return False
            self._busy_since_s = anyio.current_time()
            answers: Sequence[tuple[Place, ...] | UltradError] | None = None
            refusal: UltradError = Transient(
                msg("Writing to the journal {path} broke off.", path=str(self._store.path))
            )
            try:
                batch = tuple(ticket.handed for ticket in tickets)
                answers = await self._in_writer(self._store.commit, batch, looks)
            except UltradError as error:
                refusal = error
                self._failures += 1
                self._failure = error.message
                if isinstance(error, Fatal):
                    raise
                return False
            finally:
                self._busy_since_s = None
                if answers is None:
                    self._give_back(tickets, looks, refusal)
            self._failures, self._failure = 0, None
            for ticket, answer in zip(tickets, answers, strict=True):
                self._waiting -= len(ticket.handed.rows)
                ticket.settle(answer)
            return bool(self._queue)

    def _take(self) -> tuple[list[_Ticket], tuple[Look | Sample, ...]]:
        """The next batch: events up to its bound (those handed over together stay together), and all readings."""
        tickets: list[_Ticket] = []
        room = MAX_BATCH
        while self._queue and (not tickets or len(self._queue[0].handed.rows) <= room):
            ticket = self._queue.popleft()
            ticket.taken = True
            room -= len(ticket.handed.rows)
            tickets.append(ticket)
        looks = tuple(self._looks)
        self._looks.clear()
        self._readings = 0
        return tickets, looks

    def _give_back(self, tickets: Sequence[_Ticket], looks: Sequence[Look | Sample], refusal: UltradError) -> None:
        """Put back in front what must be tried again: the posted events and the readings.

        Appended events go, and who waits for them is told; also those whose turn had not come: behind a refusing
        disk nobody waits for long.
        """
        waiting = (*tickets, *self._queue)
        self._queue.clear()
        for ticket in waiting:
            if ticket.handed.posted:
                ticket.taken = False
                self._queue.append(ticket)
            else:
                self._waiting -= len(ticket.handed.rows)
                ticket.settle(refusal)
        self._looks.extendleft(reversed(looks))
        self._readings += sum(_readings_in(look) or 1 for look in looks)
        self._trim()

    def _trim(self) -> None:
        """The oldest readings give way where too many wait; how many did, the next seal says."""
        while self._readings > MAX_READINGS:
            gone = _readings_in(self._looks.popleft())
            self._readings -= gone or 1
            self._lost += gone

    async def _in_writer(self, act: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Do something with the store, in the writer's thread. Not cancelled: it would go on unseen."""
        answers: list[R] = []
        with anyio.CancelScope(shield=True):
            answers.append(await anyio.to_thread.run_sync(lambda: act(*args, **kwargs), limiter=self._writer))
        return answers[0]

    # ------------------------------------------------------------ housekeeping

    async def housekeeping(self, now: Now) -> None:
        """See the port. May be broken off anywhere and done again. Raises Transient where the disk refuses."""
        hour = now.steady_ms // HOUR_MS
        async with self._keeping_house:
            await self.flush()
            for old in await self._write(self._store.hours_to_seal, hour):
                await self._seal(old, now)
            for old in await self._write(self._store.hours_to_thin, hour - self._thin_after_hours):
                await self._thin(old, now)
            await self._write(self._store.forget_probes, (hour - self._thin_after_hours) * HOUR_MS)

    async def _seal(self, hour: int, now: Now) -> None:
        facts = await self._read(lambda reader: hour_facts(hour, reader.hour(hour)))
        lost = self._lost
        await self.append(seal_event(facts, lost, now))
        self._lost -= lost

    async def _thin(self, hour: int, now: Now) -> None:
        """Thin one hour, but never one that is not what was sealed: that would cover up what happened to it."""
        seal = await self._read(Reader.keyed, SEALED, str(hour))
        before = await self._read(lambda reader: hour_facts(hour, reader.hour(hour)))
        if before != sealed_facts(seal.event):
            await self.append(damaged_event(hour, now))
            return
        staying = await self._read(lambda reader: outstanding(reader.hour(hour)))
        row = pack(thinned_event(before, hour_facts(hour, staying), now))
        await self._write(self._store.thin, hour, staying, row)

    async def _write(self, act: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Let the store do something between two batches."""
        async with self._writing:
            return await self._in_writer(act, *args, **kwargs)


def _readings_in(look: Look | Sample) -> int:
    return 0 if isinstance(look, Sample) else len(look.readings)


def open_journal(path: Path, *, thin_after_hours: int) -> SqliteJournal:
    """Open the journal that `create` made; blocks for some milliseconds.

    thin_after_hours: how long whole readings are kept.

    Raises Fatal (EXIT_CONFIG) where a newer program wrote the file. Where the file is missing, damaged or not
    ours, or the disk refuses (read-only, full, failing), the journal opens all the same, `backlog` says why, and
    it is tried again with each write: a bad disk must not keep the daemon from watching. It is never made anew.
    """
    store = Store(path)
    failure: Message | None = None
    try:
        store.connect()
    except Transient as error:
        failure = error.message
    return SqliteJournal(store, thin_after_hours, failure)
