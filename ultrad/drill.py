"""Drills at work: the real gate's and stop's code on a flag of its own, and the real outbox.

Nothing here can touch the real gate: what trips is a `Gate` and an `Estop` that exist for the drill alone, on a
flag in a scratch directory, and what that stop would record goes to nobody who folds the real one.
"""

import math
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, replace

import anyio

from ultrad.core import assess, telling
from ultrad.core import drill as judged
from ultrad.core import outbox as box
from ultrad.core.drill import SUBJECT, DrillRules, EstopDrill, Heard
from ultrad.core.estop import EstopState, Step
from ultrad.core.events import Event, Finding, Level, Recorded, Severity
from ultrad.core.limits import EstopRules, Limits
from ultrad.core.outbox import Told
from ultrad.core.telling import Notice, Target, Why
from ultrad.errors import Transient
from ultrad.estop import JOURNAL_TIMEOUT_S, Estop
from ultrad.estop import Ports as EstopPorts
from ultrad.gate import Gate, GateShutError, MaybeSentError
from ultrad.heard import HeardJournal
from ultrad.i18n import Message, msg
from ultrad.live import Live
from ultrad.ports import Clock, EstopFlag, FlagLook, FlagState
from ultrad.postman import Postman
from ultrad.units import Now

SENDING_S = 1.0
"""How long the drill's own send may take to begin: it waits for nothing."""
GONE = frozenset({box.DELIVERED, box.GIVEN_UP, box.SPARED, box.SUPERSEDED})
"""What closes a notice on a channel."""

Scratch = Callable[[], AbstractAsyncContextManager[EstopFlag]]
"""Makes a flag in a directory of its own, gone afterwards. Raises Transient."""


@dataclass(frozen=True, slots=True)
class DrillPorts:
    """What drills work with. limits, rules: as they are now. new_id, key_of: see `ultrad.outside`."""

    journal: HeardJournal
    clock: Clock
    postman: Postman
    scratch: Scratch
    limits: Callable[[], Limits]
    rules: Live[EstopRules]
    new_id: Callable[[], str]
    key_of: Callable[[str], str]


class Drills:
    """Carries out drills, one of a kind at a time (the scheduler sees to that)."""

    def __init__(self, ports: DrillPorts, rules: DrillRules) -> None:
        """It hears the journal, to know when a channel has taken its notice, and when a real stop comes."""
        self._ports, self.rules = ports, rules
        self._notice = ""
        self._open: set[str] = set()
        self._heard: dict[str, Heard] = {}
        self._began_s = 0.0
        self._stopped = False
        self._over = anyio.Event()
        ports.journal.listen(self._hear)

    # -------------------------------------------------------- the stop

    async def estop(self) -> EstopDrill:
        """Trip a stop that stands for the real one, and tell of it; recorded."""
        self._stopped, self._over = False, anyio.Event()
        self._began_s = anyio.current_time()
        try:
            async with self._ports.scratch() as flag:
                drill = await self._stop(flag)
        except Transient as error:
            drill = EstopDrill(failure=error.message)
        heard = await self._tell(drill)
        drill = replace(drill, heard=heard, broken_off=self._stopped)
        await self._keep(judged.estop_event(drill, self.rules, self._ports.clock.now()))
        return drill

    async def _keep(self, event: Event) -> None:
        """Record a drill, and wait for the disk as long as it may take; where it refuses, the journal goes on."""
        self._ports.journal.post(event)
        with anyio.move_on_after(JOURNAL_TIMEOUT_S), suppress(Transient):
            await self._ports.journal.flush()

    async def _stop(self, flag: EstopFlag) -> EstopDrill:
        """A send is under way, and a bad reading comes."""
        timed, sink, aside = _TimedFlag(flag), _Sink(), _Aside(self._ports.journal)
        gate = Gate(timed)
        ports = EstopPorts(gate, timed, aside, self._ports.clock, sink, str)
        estop = Estop(ports, self._ports.rules, EstopState())
        await estop.start(())
        send = _Send(gate)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(send.run)
            with anyio.move_on_after(SENDING_S):
                await send.begun.wait()
            begun_s = self._began_s = anyio.current_time()
            reading = judged.bad_reading(self._ports.limits())
            findings = assess.reading_findings(reading, None, self._ports.limits())
            tripping = tuple(one for one in findings if estop.must_trip(one))
            detect_s = anyio.current_time()
            await estop.judge(tripping, {SUBJECT: reading.health_factor}, self._ports.clock.now())
            with anyio.move_on_after(SENDING_S):
                await send.ended.wait()
            failure = _failure(gate, timed, sink, send)
            tasks.cancel_scope.cancel()
        record = next((one for one in aside.kept if one.kind == Step.TRIP), None)
        journal_s = None if record is None else await self._record(record)
        if failure is None and journal_s is None:
            failure = msg("the journal's disk did not take its record")

        def since(at_s: float | None) -> int | None:
            return None if at_s is None else _ms(at_s - begun_s)

        return EstopDrill(
            since(detect_s), since(timed.begun_s), since(timed.done_s), since(journal_s), (), failure
        )

    async def _record(self, trip: Event) -> float | None:
        """What the stop would have recorded, durably, under another name; when that was done, or None."""
        event = Event(judged.TRIP, Level.INFO, trip.now, msg("Drill: {what}", what=trip.message), trip.data)
        with anyio.move_on_after(JOURNAL_TIMEOUT_S):
            try:
                await self._ports.journal.append(event)
            except Transient:
                return None
            return anyio.current_time()
        return None

    # -------------------------------------------------------- telling

    async def _tell(self, drill: EstopDrill) -> tuple[Heard, ...]:
        """Put a notice into the real outbox, and wait until its channels have taken it."""
        channels = self.rules.channels
        if not channels or self._stopped:
            return ()
        ports, now = self._ports, self._ports.clock.now()
        name = ports.new_id()
        self._notice, self._open, self._heard = name, set(channels), {}
        keys = {channel: ports.key_of(f"{name}:{channel}") for channel in channels}
        to = tuple(Target(channel, 0) for channel in channels)
        event = telling.queued_event(_notice(drill), name, keys, to, now)
        ports.journal.post(event)
        ports.postman.take(event)
        with anyio.move_on_after(self.rules.notice_limit_ms / 1_000):
            await self._over.wait()
        self._notice = ""
        ports.postman.withdraw(name, ports.clock.now())  # nobody is to hear of a drill tomorrow
        return tuple(self._heard.get(channel, Heard(channel, None)) for channel in channels)

    def _hear(self, event: Event) -> None:
        """Never waits, never fails."""
        if event.kind == Step.TRIP:
            self._stopped = True
            self._over.set()
        elif self._notice and event.kind in GONE and event.data.get("notice") == self._notice:
            channel = str(event.data.get("channel"))
            if channel in self._open:
                self._open.discard(channel)
                self._heard[channel] = self._outcome(channel, event)
            if not self._open:
                self._over.set()

    def _outcome(self, channel: str, event: Event) -> Heard:
        if event.kind == box.DELIVERED:
            return Heard(channel, _ms(anyio.current_time() - self._began_s))
        return Heard(channel, None, event.message, spared=event.kind == box.SPARED)

    # -------------------------------------------------------- the channels

    async def notify(self) -> tuple[Heard, ...]:
        """Send a test to each channel at once, and wait until it is taken; recorded."""
        ports, now = self._ports, self._ports.clock.now()
        names = tuple(one.name for one in ports.postman.channels())
        title = msg("Drill: this channel works.")
        told = Told(ports.new_id(), Why.TEST, Severity.S3, Level.INFO, None, title, (), now)
        results: dict[str, Heard] = {}

        async def try_one(name: str) -> None:
            begun_s = anyio.current_time()
            error = await ports.postman.test(name, told)
            ms = None if error is not None else _ms(anyio.current_time() - begun_s)
            results[name] = Heard(name, ms, error)

        async with anyio.create_task_group() as tasks:
            for name in names:
                tasks.start_soon(try_one, name)
        heard = tuple(results[name] for name in names)
        await self._keep(judged.notify_event(heard, self.rules, ports.clock.now()))
        return heard


def _failure(gate: Gate, flag: "_TimedFlag", sink: "_Sink", send: "_Send") -> Message | None:
    """What of the stop did not do what it promises; None where all of it did."""
    if not send.begun.is_set():
        return msg("its gate was not open beforehand ({why})", why=send.refused or "–")
    if flag.begun_s is None:
        return msg("a reading at the limit did not trip it")
    if not send.cancelled:
        return msg("a send that was under way went on")
    try:
        gate.check()
    except GateShutError:
        pass
    else:
        return msg("its gate stayed open")
    if flag.done_s is None or flag.look().state is not FlagState.PRESENT:
        return sink.why or msg("its flag is not on the disk")
    return None


def _notice(drill: EstopDrill) -> Notice:
    text = (
        msg("DRILL, nothing to do: the stop was tried on a flag of its own, and it works.")
        if drill.failure is None
        else msg("DRILL: the stop was tried on a flag of its own, and it failed: {why}", why=drill.failure)
    )
    figures = msg(
        "From the bad reading: gate {gate} ms, flag {flag} ms, journal {journal} ms.",
        gate="–" if drill.gate_ms is None else drill.gate_ms,
        flag="–" if drill.flag_ms is None else drill.flag_ms,
        journal="–" if drill.journal_ms is None else drill.journal_ms,
    )
    return Notice(Why.DRILL, Severity.S2, Level.INFO, text, (figures,))


def _ms(seconds: float) -> int:
    """Whole milliseconds, rounded up, so that nothing seems to take no time. Loop times carry a float's noise."""
    return max(1, math.ceil(round(seconds * 1_000, 6)))


# ---------------------------------------------------------------- what stands for the real ones


class _TimedFlag:
    """The drill's flag, and when its writing began (the gate was shut by then) and ended."""

    def __init__(self, inner: EstopFlag) -> None:
        self._inner = inner
        self.begun_s: float | None = None
        self.done_s: float | None = None

    def look(self) -> FlagLook:
        return self._inner.look()

    def content(self) -> bytes:
        return self._inner.content()

    async def write(self, content: bytes) -> None:
        self.begun_s = anyio.current_time() if self.begun_s is None else self.begun_s
        await self._inner.write(content)
        self.done_s = anyio.current_time()

    def remove(self, seen: FlagLook) -> bool:
        return self._inner.remove(seen)


class _Aside(HeardJournal):
    """What the drill's stop records, kept from everybody who would take it for the real one's."""

    def __init__(self, inner: HeardJournal) -> None:
        super().__init__(inner)
        self.kept: list[Event] = []

    def post(self, *events: Event) -> None:
        self.kept += events

    async def append(self, *events: Event) -> tuple[Recorded, ...]:
        self.kept += events
        return ()


class _Sink:
    """What the drill's stop complains of: why its flag cannot be written."""

    def __init__(self) -> None:
        self.why: Message | None = None

    def observe(self, source: str, findings: Iterable[Finding], now: Now) -> None:  # noqa: ARG002 - the port's names
        self.why = next((one.message for one in findings), self.why)


class _Send:
    """A send of the strategy's that is under way when the drill's stop comes, and never ends by itself."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self.begun, self.ended = anyio.Event(), anyio.Event()
        self.cancelled = False
        self.refused = ""

    async def run(self) -> None:
        try:
            await self._gate.send(self._call)
        except MaybeSentError:
            self.cancelled = True
        except GateShutError as error:
            self.refused = error.reason
        self.ended.set()

    async def _call(self) -> None:
        self.begun.set()
        await anyio.sleep_forever()
