"""Reports at work: the daily and weekly ones by their jobs, a situation report at once when the stop trips.

A report is made aside, and recorded together with its notice: so it goes out once, however often it is tried. One
that failed is tried again until it is out; one that is late is an incident.
"""

from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

import anyio

from ultrad.core import periods, report_rules
from ultrad.core.estop import Step
from ultrad.core.events import Event, Finding
from ultrad.core.outbox import DELIVERED
from ultrad.core.periods import Period, ReportKind
from ultrad.core.report_order import Kept, Made
from ultrad.core.report_rules import MADE, OUT, ReportRules
from ultrad.core.schedule import Schedule, newest_fire, next_fire
from ultrad.errors import Permanent, Transient
from ultrad.i18n import Message
from ultrad.ports import Clock, EventFilter, FindingSink, Journal, Turned
from ultrad.postman import Postman
from ultrad.report_ports import ReportMaker
from ultrad.units import Now

LOOK_S = 30.0
RETRY_MS = 10 * 60_000
"""How long after its time, and after each try, a report that is not made is tried again."""
SETTLE_S = periods.SETTLE_MS / 1_000
QUIET_MS = 10 * 60_000
"""Further causes of a stop that is ON already make no report of their own within so long."""
BEGUN_MS = 10 * 60_000
"""After a start what is owed is given so long before it counts as late."""
MISSED_MS = 6 * 3_600_000
"""A trip whose situation report the end of the process cut off is told of after a start within so long."""
KEPT = 60
"""So many of the newest reports are remembered by name: a clock that ran ahead must not hide what is due."""
FURTHEST = timedelta(days=15)
PERIODIC = (ReportKind.DAILY, ReportKind.WEEKLY)
_NOT_ON = frozenset({Step.OVERRIDE, Step.OVERRIDE_END, Step.RESUME})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ReporterPorts:
    """What the reporter works with. key_of: a UUID made of a text. loosened: what is switched off, now.

    schedules: when each periodic report is due, now; None for one whose job is disabled.
    """

    journal: Journal
    clock: Clock
    sink: FindingSink
    postman: Postman
    maker: ReportMaker
    key_of: Callable[[str], str]
    loosened: Callable[[], tuple[Message, ...]]
    schedules: Callable[[], Mapping[ReportKind, Schedule | None]]


class Reporter:
    """A part of the supervisor (`run`), what the jobs call, and what operators ask."""

    def __init__(self, ports: ReporterPorts, rules: ReportRules, zone: tzinfo) -> None:
        """Nothing is made before `run` or a job."""
        self._ports, self._rules, self._zone = ports, rules, zone
        self._lock = anyio.Lock()
        self._wake = anyio.Event()
        self._tripped: int | None = None
        self._told: Now | None = None
        self._made: dict[ReportKind, deque[str]] = {kind: deque(maxlen=KEPT) for kind in ReportKind}
        self._out: dict[ReportKind, deque[str]] = {kind: deque(maxlen=KEPT) for kind in ReportKind}
        self._tried: dict[ReportKind, Now] = {}
        self._why: dict[ReportKind, Message] = {}
        self._owed_situation: Period | None = None
        self._began_ms = 0
        self._fires: dict[Schedule, tuple[datetime, datetime | None, datetime]] = {}
        self._restored = False

    # ------------------------------------------------------------ heard

    def hear(self, event: Event) -> None:
        """Of a trip, or of a report that was delivered. Never waits, never fails."""
        if event.kind == Step.TRIP and self._tripped is None:
            told = self._told
            if told is None or event.now.steady_ms - told.steady_ms >= QUIET_MS:
                self._tripped, self._told = event.now.wall_ms, event.now
                self._wake.set()
        elif event.kind in _NOT_ON:
            self._told = None  # the next trip begins anew
        elif event.kind == DELIVERED and (name := report_rules.report_named(str(event.data["notice"]))):
            self._went_out(name, str(event.data["channel"]), event.now)

    def _went_out(self, name: str, channel: str, now: Now) -> None:
        kind = report_rules.kind_of(name)
        if kind is None or name in self._out[kind]:
            return
        self._out[kind].append(name)
        self._ports.journal.post(report_rules.out_event(name, kind, channel, now))

    # ------------------------------------------------------------ the loop

    async def run(self, turned: Turned) -> None:
        """Tell of each trip at once, make up for what failed, and say what is late; for ever."""
        started = self._ports.clock.now()
        while True:
            await self._restore()
            await self._situations()
            now = self._ports.clock.now()
            await self._make_up(now)
            self._ports.sink.observe("reports", self._late(started, self._ports.clock.now()), now)
            turned()
            with anyio.move_on_after(LOOK_S):
                await self._wake.wait()
            self._wake = anyio.Event()

    async def _restore(self) -> None:
        """Take up where the journal says we were; until it can be read nothing is made up for, nothing is late."""
        if self._restored:
            return
        try:
            await self._recall()
        except (Transient, Permanent):
            return

    async def _recall(self) -> None:
        first = await self._ports.journal.events(EventFilter(limit=1))
        self._began_ms = first[0].event.now.wall_ms if first else self._ports.clock.now().wall_ms
        made = None
        for known, what in ((self._made, MADE), (self._out, OUT)):
            for kind in ReportKind:
                found = await self._newest(f"{what}.{kind}", KEPT)
                fresh = [name for name in known[kind] if all(name != one.data["report"] for one in found)]
                known[kind] = deque((*(str(one.data["report"]) for one in found), *fresh), maxlen=KEPT)
                if what == MADE and kind is ReportKind.SITUATION and found:
                    made = found[-1]
        trips = await self._newest(Step.TRIP, 1)
        trip = trips[0] if trips else None
        now = self._ports.clock.now()
        if trip is not None and self._tripped is None and now.steady_ms - trip.now.steady_ms < MISSED_MS:
            until_ms = made.data["until_ms"] if made is not None else 0
            quiet = made is not None and trip.now.steady_ms - made.now.steady_ms < QUIET_MS
            if isinstance(until_ms, int) and trip.now.wall_ms >= until_ms and not quiet:
                self._tripped, self._told = trip.now.wall_ms, trip.now
        self._restored = True

    async def _newest(self, kind: str, count: int) -> tuple[Event, ...]:
        """The newest events of a kind, oldest first."""
        found = await self._ports.journal.events(EventFilter(kinds=(kind,), limit=count, newest_first=True))
        return tuple(one.event for one in reversed(found))

    async def _situations(self) -> None:
        if self._tripped is not None:
            await anyio.sleep(SETTLE_S)  # further causes, and what becomes of what was under way
            at_ms, self._tripped = self._tripped, None
            period = periods.situation(at_ms)
            self._owed_situation = None if period.name in self._made[ReportKind.SITUATION] else period
        if self._owed_situation is None:
            return
        try:
            async with self._lock:
                await self._send(self._owed_situation)
        except (Transient, Permanent) as error:
            self._why[ReportKind.SITUATION] = error.message
        else:
            self._why.pop(ReportKind.SITUATION, None)
            self._owed_situation = None

    async def _make_up(self, now: Now) -> None:
        """What its job could not make. The job itself has the first word."""
        if not self._restored:
            return
        for kind, schedule in self._ports.schedules().items():
            fire = self._fire(schedule, now)
            if fire is None or not self._owed(kind, fire):
                continue
            tried = self._tried.get(kind)
            waited_ms = now.wall_ms - _ms(fire)
            if waited_ms < RETRY_MS or (tried is not None and now.steady_ms - tried.steady_ms < RETRY_MS):
                continue
            with suppress(Transient, Permanent):  # `_late` tells why
                await self.make_owed(kind)

    def _owed(self, kind: ReportKind, fire: datetime) -> tuple[Period, ...]:
        """What is to be made; of the time before the journal began there is nothing to tell."""
        owed = periods.owed(kind, fire, self._zone, self._made[kind])
        return tuple(period for period in owed if period.until_ms > self._began_ms)

    def _fire(self, schedule: Schedule | None, now: Now) -> datetime | None:
        """The newest time that a report was due. Looked up anew only once another one may be."""
        if schedule is None:
            return None
        wall = _wall(now)
        known = self._fires.get(schedule)
        if known is None or not known[0] <= wall < known[2]:
            found = newest_fire(schedule, wall - FURTHEST, wall)
            known = self._fires[schedule] = (found or wall, found, next_fire(schedule, wall))
        return known[1]

    # ------------------------------------------------------------ late

    def _late(self, started: Now, now: Now) -> tuple[Finding, ...]:
        if not self._restored or now.steady_ms - started.steady_ms < BEGUN_MS:
            return ()
        found = []
        for kind, schedule in self._ports.schedules().items():
            fire = self._fire(schedule, now)
            if fire is None:
                continue
            period, late_ms = periods.before(kind, fire, self._zone), now.wall_ms - _ms(fire)
            began = period.until_ms > self._began_ms
            if late_ms >= self._rules.late_ms and period.name not in self._out[kind] and began:
                found.append(report_rules.late_finding(kind, period.name, late_ms // 60_000, self._why.get(kind)))
        owed = self._owed_situation
        if owed is not None and (why := self._why.get(owed.kind)) is not None:
            minutes = max(0, now.wall_ms - owed.until_ms) // 60_000
            found.append(report_rules.late_finding(owed.kind, owed.name, minutes, why))
        return tuple(found)

    # ------------------------------------------------------------ making

    async def make_owed(self, kind: ReportKind) -> tuple[Made, ...]:
        """Make and send every report of a kind that is due and not made. Raises Transient, Permanent."""
        now = self._ports.clock.now()
        self._tried[kind] = now
        async with self._lock:
            try:
                if not self._restored:
                    await self._recall()
                made = [await self._send(period) for period in self._owed(kind, _wall(now))]
                await self._ports.maker.prune(now)
            except (Transient, Permanent) as error:
                self._why[kind] = error.message
                raise
        self._why.pop(kind, None)
        return tuple(made)

    async def _send(self, period: Period) -> Made:
        """Make one report, record it with its notice, and hand that over."""
        ports, kind = self._ports, period.kind
        await ports.journal.flush()  # it is made from the file, and what happened last belongs in it
        made = await ports.maker.make(period, ports.clock.now(), ports.loosened())
        now = ports.clock.now()
        channels = self._rules.channels
        keys = {channel: ports.key_of(f"{report_rules.notice_id(made.name)}:{channel}") for channel in channels}
        queued = report_rules.report_queued(made, kind, channels, keys, now)
        # Posted together and tried once they are durable: so it goes out once, wherever the process ends.
        ports.journal.post(report_rules.made_event(made, period, now), *((queued,) if channels else ()))
        self._made[kind].append(made.name)
        if channels:
            ports.postman.take(queued)
        else:
            self._went_out(made.name, "", now)
        return made

    # ------------------------------------------------------------ asked from outside

    async def make_named(self, name: str) -> Made:
        """Make a report of any past period again, and send it to nobody. Raises Transient, Permanent."""
        period = periods.named(name, self._zone)
        if period is None:
            raise Permanent(report_rules.no_report(name))
        await self._ports.journal.flush()
        async with self._lock:
            return await self._ports.maker.make(period, self._ports.clock.now(), self._ports.loosened())

    async def kept(self) -> tuple[Kept, ...]:
        """The reports that are kept, the newest first. Raises Transient."""
        return await self._ports.maker.kept()

    async def page(self, name: str) -> bytes | None:
        """The page of one of them; None where there is none of that name. Raises Transient."""
        return await self._ports.maker.page(name)


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1_000)


def _wall(now: Now) -> datetime:
    return _EPOCH + timedelta(milliseconds=now.wall_ms)
