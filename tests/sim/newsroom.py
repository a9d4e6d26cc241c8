"""The reporter with its jobs, between a journal and the ways to people, in virtual time: days cost little."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from zoneinfo import ZoneInfo

import anyio

from tests.fakes.chain import FakeChain
from tests.fakes.journal import FakeJournal
from tests.fakes.reports import FakeReports
from tests.sim.office import TELL, Office
from ultrad.core.estop import Cause
from ultrad.core.estop_rules import trade_cause
from ultrad.core.events import Level
from ultrad.core.periods import ReportKind
from ultrad.core.position import Block, Reading
from ultrad.core.report_rules import ReportRules
from ultrad.core.report_words import About
from ultrad.core.schedule import parse
from ultrad.core.telling import TellRules
from ultrad.i18n import Message, msg
from ultrad.jobs.housekeeping import HOUSEKEEPING
from ultrad.jobs.reports import MONITOR_DAILY, MONITOR_WEEKLY
from ultrad.jobs.scheduler import Scheduler
from ultrad.jobs.spec import JobContext, JobPlan
from ultrad.live import Holder
from ultrad.ports import Probe
from ultrad.reporter import Reporter, ReporterPorts
from ultrad.supervisor import contained
from ultrad.units import UsdE8, Wad

TOKYO = ZoneInfo("Asia/Tokyo")
DAILY = parse(MONITOR_DAILY.cron, "Asia/Tokyo")
WEEKLY = parse(MONITOR_WEEKLY.cron, "Asia/Tokyo")
READ_S = 600.0


class NoLog:
    """Implements `JobLog`."""

    def write(self, name: str, level: Level, message: Message, **figures: str | int) -> None:
        pass


async def _no_probe() -> Probe:
    return Probe("http", 1, None)


def plans() -> tuple[JobPlan, ...]:
    return tuple(
        JobPlan(spec, parse(spec.cron, "Asia/Tokyo"), spec.timeout_s, spec.missed)
        for spec in (HOUSEKEEPING, MONITOR_DAILY, MONITOR_WEEKLY)
    )


@dataclass
class Newsroom(Office):
    """What outlives the process. Enter `at_work` for a process; `restart` ends it suddenly.

    hf: what is read each ten minutes; None: nothing can be read.
    """

    rules: ReportRules = field(default_factory=lambda: ReportRules(channels=("slack", "line")))
    enabled: bool = True
    hf: float | None = 2.0

    def __post_init__(self) -> None:
        self.tell: TellRules = replace(TELL)
        self.zone = TOKYO
        self.block = 1_000
        self.started_ms: list[int] = []
        self.reports = FakeReports(lambda: self.journal, About(TOKYO, "staging/sepolia", "1"))

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator["Newsroom"]:
        """From a start to a sudden end."""
        self.started_ms.append(self.clock.now().wall_ms)
        async with self.life(), anyio.create_task_group() as tasks:
            self.reporter = Reporter(self._reporter_ports(), self.rules, TOKYO)
            self.heard.listen(self.reporter.hear)
            context = JobContext(
                self.clock,
                FakeChain(self.clock, ("alpha",)),
                self.heard,
                NoLog(),
                _no_probe,
                reports=self.reporter,
            )
            self.scheduler = Scheduler(
                Holder(plans()),
                context,
                self.conditions,
                contained,
                lambda place, error: self.reported.append((place, repr(error))),
            )
            for loop in (self.reporter.run, self.scheduler.run):
                tasks.start_soon(loop, self._turned)
            tasks.start_soon(self._read)
            try:
                yield self
            finally:
                tasks.cancel_scope.cancel()

    def _reporter_ports(self) -> ReporterPorts:
        daily, weekly = (DAILY, WEEKLY) if self.enabled else (None, None)
        return ReporterPorts(
            journal=self.heard,
            clock=self.clock,
            sink=self.conditions,
            postman=self.postman,
            maker=self.reports,
            key_of=lambda text: f"key of {text}",
            loosened=tuple,
            schedules=lambda: {ReportKind.DAILY: daily, ReportKind.WEEKLY: weekly},
        )

    async def _read(self) -> None:
        while True:
            if self.hf is not None:
                self.block += 1
                block = Block(self.block, f"0x{self.block:064x}", 1_700_000_000 + self.block)
                value = UsdE8((14_000 + self.block % 500) * 10**8)
                reading = Reading("main", block, "alpha", Wad(round(self.hf * 10**18)), value, UsdE8(0))
                self.journal.telemetry((reading,), self.clock.now())
            await anyio.sleep(READ_S)

    def lose_power(self) -> None:
        """The disk stays as it is at this moment; the next process works on a copy of it."""
        old = self.journal
        self.journal = FakeJournal(
            thin_after_hours=old.thin_after_hours,
            recorded=list(old.recorded),
            kept={hour: list(rows) for hour, rows in old.kept.items()},
            _keys=set(old._keys),
            _sealed=set(old._sealed),
            _thinned=set(old._thinned),
            _looks_written=old._looks_written,
        )

    async def trip(self, code: str = "operator") -> None:
        cause: Cause = trade_cause(code, msg("{code} is so.", code=code), self.clock.now())
        await self.estop.trip(cause)

    def came(self, channel: str = "slack", word: str = "report") -> list[str]:
        return [title for title in self.shown(channel) if word in title]

    def of(self, kind: str) -> list[str]:
        """The reports that the journal says something of."""
        found = [one.event for one in self.journal.recorded if f"{one.event.kind}.".startswith(f"{kind}.")]
        return [str(event.data["report"]) for event in found]
