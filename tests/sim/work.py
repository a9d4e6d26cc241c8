"""A scheduler at work in virtual time, and jobs for it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import anyio

from tests.fakes.chain import FakeChain
from tests.fakes.clock import FakeClock
from tests.fakes.journal import FakeJournal
from tests.sim.memory import MemorySink
from ultrad.core.events import Event, Level, Recorded
from ultrad.core.schedule import Missed, parse
from ultrad.errors import Transient
from ultrad.i18n import Message, msg
from ultrad.jobs.scheduler import Scheduler
from ultrad.jobs.spec import JobContext, JobPlan, JobResult, JobSpec
from ultrad.live import Holder
from ultrad.ports import EventFilter, Probe
from ultrad.supervisor import contained
from ultrad.units import Now

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
Run = Callable[[JobContext], Awaitable[JobResult]]
DONE = JobResult(ok=True, message=msg("done"), figures=(("rows", 3),))


@dataclass
class LogLines:
    """Implements `JobLog`."""

    lines: list[tuple[str, Level, str]] = field(default_factory=list)

    def write(self, name: str, level: Level, message: Message, **_figures: str | int) -> None:
        self.lines.append((name, level, str(message)))


class WatchedJournal(FakeJournal):
    """A journal that can also be unreadable, and counts its housekeeping."""

    def __init__(self) -> None:
        super().__init__()
        self.unreadable = False
        self.housekept = 0

    def of(self, kind: str) -> list[Event]:
        return [one.event for one in self.recorded if f"{one.event.kind}.".startswith(f"{kind}.")]

    async def events(self, which: EventFilter) -> tuple[Recorded, ...]:
        if self.unreadable:
            raise Transient(msg("the disk does not answer"))
        return await super().events(which)

    async def housekeeping(self, now: Now) -> None:
        self.housekept += 1
        await super().housekeeping(now)


class World:
    def __init__(self, wall: datetime = NOON) -> None:
        self.clock = FakeClock(wall)
        self.journal = WatchedJournal()
        self.sink = MemorySink()
        self.log = LogLines()
        self.chain = FakeChain(self.clock)
        self.http = Probe("http", 12, None)
        self.reported: list[str] = []
        self.turns = 0

    def scheduler(self, *plans: JobPlan) -> Scheduler:
        self.plans = Holder(plans)
        context = JobContext(self.clock, self.chain, self.journal, self.log, self._probe_http)
        return Scheduler(
            self.plans,
            context,
            self.sink,
            contained,
            lambda name, error: self.reported.append(f"{name}: {error}"),
        )

    async def _probe_http(self) -> Probe:
        return self.http

    def _turned(self) -> None:
        self.turns += 1

    @asynccontextmanager
    async def running(self, *plans: JobPlan, writer: bool = True) -> AsyncIterator[Scheduler]:
        """A scheduler at work; leaving stops it, as a shutdown does. writer: the journal's own loop runs too."""
        scheduler = self.scheduler(*plans)
        async with anyio.create_task_group() as tasks:
            if writer:
                tasks.start_soon(self.journal.run, lambda: None)
            tasks.start_soon(scheduler.run, self._turned)
            yield scheduler
            tasks.cancel_scope.cancel()
        await self.journal.flush()

    def fires(self, kind: str = "job.started") -> list[datetime]:
        return [datetime.fromisoformat(str(one.data["fire"])) for one in self.journal.of(kind)]

    def findings(self) -> set[tuple[str, str]]:
        return {key for found in self.sink.standing().values() for key in found}


def plan(  # noqa: PLR0913 - what a test does not name is not its point
    run: Run,
    cron: str = "* * * * *",
    *,
    name: str = "work",
    timeout_s: float = 30,
    missed: Missed = Missed.SKIP,
    harmless: bool = False,
    tz: str = "UTC",
    enabled: bool = True,
) -> JobPlan:
    spec = JobSpec(name, cron, timeout_s, missed, f"{name}.log", harmless, run)
    return JobPlan(spec, parse(cron, tz), timeout_s, missed, enabled)


async def quick(_context: JobContext) -> JobResult:
    return DONE


async def failing(_context: JobContext) -> JobResult:
    raise Transient(msg("the storage does not answer"))
