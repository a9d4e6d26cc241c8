from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fakes.chain import FakeChain
from tests.fakes.clock import FakeClock
from tests.fakes.journal import FakeJournal
from tests.sim.memory import MemorySink
from ultrad.core.events import Event, Level, Recorded, Severity
from ultrad.core.schedule import Missed, parse
from ultrad.errors import Permanent, Transient
from ultrad.i18n import Message, msg
from ultrad.jobs import JOBS
from ultrad.jobs.health_check import HEALTH_CHECK
from ultrad.jobs.housekeeping import HOUSEKEEPING
from ultrad.jobs.probing import PROBE_LIMIT_S
from ultrad.jobs.scheduler import CLAIM_S, LONGEST_S, Scheduler
from ultrad.jobs.spec import JobContext, JobPlan, JobResult, JobSpec
from ultrad.live import Holder
from ultrad.ports import EndpointFault, EventFilter, Probe
from ultrad.supervisor import contained
from ultrad.units import Now

pytestmark = pytest.mark.looptime(noop_cycles=0)

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


@pytest.fixture
async def world() -> World:
    return World()


# ---------------------------------------------------------------- on time


async def test_scheduler__minute_job__runs_each_minute_once_and_is_recorded(world: World) -> None:
    async with world.running(plan(quick)) as scheduler:
        await anyio.sleep(601)
        (line,) = scheduler.status()
    assert world.fires() == [NOON + timedelta(minutes=one) for one in range(1, 11)]
    assert len(world.journal.of("job.finished")) == 10
    assert all(one.key == f"work@{one.data['fire']}" for one in world.journal.of("job.started"))
    finished = world.journal.of("job.finished")[0]
    assert finished.data == {"job": "work", "ok": True, "duration_ms": 0, "figures": {"rows": 3}}
    assert world.log.lines[0] == ("work.log", Level.INFO, "work: done")
    assert (line.last_ok, line.failures_24h, line.running) == (True, 0, False)
    assert line.next_ms == int((NOON + timedelta(minutes=11)).timestamp() * 1000)
    assert line.last_started_ms == int((NOON + timedelta(minutes=10)).timestamp() * 1000)


async def test_scheduler__nothing_to_do__turns_all_the_same(world: World) -> None:
    async with world.running(plan(quick, "0 0 1 1 *")):
        await anyio.sleep(100)
    assert world.turns >= 100 / LONGEST_S


async def test_scheduler__a_disabled_job__is_not_scheduled_but_runs_by_hand(world: World) -> None:
    async with world.running(plan(quick, enabled=False)) as scheduler:
        await anyio.sleep(300)
        assert not world.journal.of("job")
        assert await scheduler.run_now("work") == DONE
        assert scheduler.status()[0].next_ms is None
    assert [one.key for one in world.journal.of("job.started")] == [None]


async def test_scheduler__run_by_hand__an_unknown_or_running_job_is_refused(world: World) -> None:
    async def slow(_context: JobContext) -> JobResult:
        await anyio.sleep(20)
        return DONE

    async with world.running(plan(slow)) as scheduler:
        with pytest.raises(Permanent, match="there are: work"):
            await scheduler.run_now("nothing")
        await anyio.sleep(65)
        with pytest.raises(Permanent, match="running now"):
            await scheduler.run_now("work")


@pytest.mark.parametrize(
    ("tz", "wall", "cron"),
    [
        pytest.param("America/New_York", "2026-03-05T12:00Z", "30 2 * * *", marks=pytest.mark.prove),
        ("America/New_York", "2026-10-29T12:00Z", "30 1 * * *"),
        ("Europe/Berlin", "2026-03-26T12:00Z", "30 2 * * *"),
        pytest.param("Europe/Berlin", "2026-10-22T12:00Z", "30 1 * * *", marks=pytest.mark.prove),
    ],
)
async def test_scheduler__a_week_with_a_change_of_offset__each_fire_once(tz: str, wall: str, cron: str) -> None:
    world = World(datetime.fromisoformat(wall))
    async with world.running(
        plan(quick, cron, name="daily", tz=tz), plan(quick, "*/30 * * * *", name="rhythm", tz=tz), writer=False
    ):
        await anyio.sleep(7 * 86_400 + 5)
    assert len(set(world.fires("job.started.daily"))) == len(world.fires("job.started.daily")) == 7
    rhythm = world.fires("job.started.rhythm")
    assert len(rhythm) == 7 * 48
    assert {after - before for before, after in pairwise(rhythm)} == {timedelta(minutes=30)}


# ---------------------------------------------------------------- jobs that misbehave


async def test_scheduler__a_job_raises__counted_told_and_scheduled_again(world: World) -> None:
    async with world.running(plan(failing), plan(quick, name="other")) as scheduler:
        await anyio.sleep(61)
        assert world.findings() == {("job_failed", "work")}
        await anyio.sleep(31)
        assert world.findings() == {("job_failed", "work"), ("job_failures", "")}
        assert world.sink.standing()["job.work"]["job_failed", "work"].severity is Severity.S3
        await anyio.sleep(100)
        assert world.sink.standing()["job.work"]["job_failed", "work"].severity is Severity.S2
        assert scheduler.failures_24h() == 3
        assert scheduler.status()[0].last_ok is False
    assert len(world.journal.of("job.failed.work")) == 3
    assert len(world.journal.of("job.finished.other")) == 3
    assert world.reported == ["job work: the storage does not answer"] * 3


async def test_scheduler__failures__leave_the_count_after_a_day_and_the_finding_after_a_success(
    world: World,
) -> None:
    outcomes = iter([JobResult(ok=False, message=msg("half done"))])

    async def once_bad(_context: JobContext) -> JobResult:
        return next(outcomes, DONE)

    async with world.running(plan(once_bad)) as scheduler:
        await anyio.sleep(61)
        assert "half done" in str(scheduler.status()[0].last_message)
        await anyio.sleep(60)
        assert ("job_failed", "work") not in world.findings()
        assert scheduler.failures_24h() == 1
        world.clock.suspend(timedelta(hours=24))
        assert scheduler.failures_24h() == 0


async def test_scheduler__a_job_takes_too_long__is_stopped_at_its_time_out(world: World) -> None:
    async def hangs(_context: JobContext) -> JobResult:
        await anyio.sleep_forever()
        return DONE

    async with world.running(plan(hangs, timeout_s=20)):
        await anyio.sleep(150)
    assert [one.data["duration_ms"] for one in world.journal.of("job.failed")] == [20_000, 20_000]
    assert "time-out of 20 s" in str(world.journal.of("job.failed")[0].message)


async def test_scheduler__a_run_overruns__the_next_fire_is_skipped_and_recorded(world: World) -> None:
    async def slow(_context: JobContext) -> JobResult:
        await anyio.sleep(90)
        return DONE

    async with world.running(plan(slow, timeout_s=100)):
        await anyio.sleep(400)
    minutes = [(one - NOON) // timedelta(minutes=1) for one in world.fires()]
    skipped = [(one - NOON) // timedelta(minutes=1) for one in world.fires("job.skipped")]
    assert minutes == [1, 3, 5]
    assert skipped == [2, 4, 6]


async def test_scheduler__a_job_heeds_no_cancellation__is_told_and_harms_nobody(world: World) -> None:
    release = anyio.Event()

    async def stuck(_context: JobContext) -> JobResult:
        with anyio.CancelScope(shield=True):
            await release.wait()
        return DONE

    async with world.running(plan(stuck, timeout_s=20), plan(quick, name="other")):
        await anyio.sleep(301)
        told = world.findings()
        release.set()
        await anyio.sleep(31)
        assert ("job_stuck", "work") in told - world.findings()
    assert len(world.journal.of("job.finished.other")) == 5
    assert len(world.journal.of("job.started.work")) == 1


async def test_scheduler__stopped_in_a_run__recorded_as_stopped_and_no_failure(world: World) -> None:
    async def hangs(_context: JobContext) -> JobResult:
        await anyio.sleep_forever()
        return DONE

    async with world.running(plan(hangs)) as scheduler:
        await anyio.sleep(65)
    assert [one.event.kind for one in world.journal.recorded] == ["job.started.work", "job.stopped.work"]
    assert scheduler.failures_24h() == 0


# ---------------------------------------------------------------- missed runs


@pytest.mark.parametrize(("missed", "fired"), [(Missed.SKIP, []), (Missed.ONCE, [NOON + timedelta(hours=8)])])
async def test_scheduler__the_machine_slept__missed_runs_by_policy(
    world: World, missed: Missed, fired: list[datetime]
) -> None:
    async with world.running(plan(quick, "0 * * * *", missed=missed)):
        await anyio.sleep(60)
        world.clock.suspend(timedelta(hours=8, minutes=10))
        await anyio.sleep(60)
    assert world.fires() == fired
    skipped = world.journal.of("job.skipped")
    assert [one.data["count"] for one in skipped] == ([8] if missed is Missed.SKIP else [])


@pytest.mark.parametrize(("missed", "fired"), [(Missed.SKIP, 1), (Missed.ONCE, 2)])
async def test_scheduler__the_daemon_was_down__goes_on_from_the_journal(
    world: World, missed: Missed, fired: int
) -> None:
    async with world.running(plan(quick, "0 * * * *", missed=missed)):
        await anyio.sleep(3_610)
    world.clock.suspend(timedelta(hours=5, minutes=10))
    async with world.running(plan(quick, "0 * * * *", missed=missed)) as scheduler:
        await anyio.sleep(60)
        (line,) = scheduler.status()
    assert len(world.fires()) == fired
    assert line.last_ok is True
    assert line.last_duration_ms == 0


async def test_scheduler__first_start__nothing_is_made_up_for(world: World) -> None:
    async with world.running(plan(quick, "0 * * * *", missed=Missed.ONCE)):
        await anyio.sleep(60)
    assert not world.fires()


async def test_scheduler__restarted__failures_and_results_are_remembered(world: World) -> None:
    async with world.running(plan(failing)):
        await anyio.sleep(150)
    async with world.running(plan(failing)) as scheduler:
        await anyio.sleep(5)
        assert scheduler.failures_24h() == 2
        assert scheduler.status()[0].last_ok is False
        assert ("job_failed", "work") in world.findings()


async def test_scheduler__killed_in_a_run__the_run_counts_as_bad_and_its_fire_is_not_repeated(
    world: World,
) -> None:
    async with world.running(plan(quick)):
        await anyio.sleep(65)
    world.journal.recorded = [one for one in world.journal.recorded if one.event.kind != "job.finished.work"]
    async with world.running(plan(quick)) as scheduler:
        await anyio.sleep(10)
        assert scheduler.status()[0].last_ok is False
    assert len(world.fires()) == 1


# ---------------------------------------------------------------- clocks that jump


async def test_scheduler__wall_clock_set_back__no_fire_comes_twice_and_new_ones_come(world: World) -> None:
    async with world.running(plan(quick)):
        await anyio.sleep(1_210)
        world.clock.jump(timedelta(minutes=-10))
        await anyio.sleep(1_200)
    fires = world.fires()
    assert len(fires) == len(set(fires)) == 30
    assert max(fires) == NOON + timedelta(minutes=30)


async def test_scheduler__wall_clock_was_a_year_ahead__jobs_do_not_wait_for_a_year(world: World) -> None:
    async with world.running(plan(quick)):
        await anyio.sleep(120)
        world.clock.jump(timedelta(days=365))
        await anyio.sleep(120)
        world.clock.jump(timedelta(days=-365))
        await anyio.sleep(121)
    assert world.fires()[-2:] == [NOON + timedelta(minutes=5), NOON + timedelta(minutes=6)]
    assert len(world.fires()) <= 7


async def test_scheduler__restarted_after_the_clock_was_ahead__goes_on_from_now(world: World) -> None:
    world.clock.jump(timedelta(days=365))
    async with world.running(plan(quick)):
        await anyio.sleep(61)
    world.clock.jump(timedelta(days=-365))
    async with world.running(plan(quick)):
        await anyio.sleep(61)
    assert [one.year for one in world.fires()] == [2027, 2026]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    acts=st.lists(
        st.tuples(st.sampled_from(["run", "jump", "sleep", "restart"]), st.integers(-9_000, 9_000)), max_size=12
    ),
    missed=st.sampled_from(Missed),
    cron=st.sampled_from(["* * * * *", "*/10 * * * *", "0 1 * * *"]),
)
async def test_scheduler__whatever_the_clocks_do__no_fire_comes_twice_and_none_storms(
    acts: list[tuple[str, int]], missed: Missed, cron: str
) -> None:
    begun: list[float] = []

    async def noting(_context: JobContext) -> JobResult:
        begun.append(anyio.current_time())
        return DONE

    world = World(datetime(2026, 11, 1, 4, tzinfo=UTC))
    job = plan(noting, cron, missed=missed, tz="America/New_York")
    waiting = list(acts)
    while waiting:  # each turn is one life of the daemon
        async with world.running(job):
            while waiting and (act := waiting.pop(0))[0] != "restart":
                if act[0] == "run":
                    await anyio.sleep(abs(act[1]) / 10)
                elif act[0] == "jump":
                    world.clock.jump(timedelta(seconds=act[1]))
                else:
                    world.clock.suspend(timedelta(seconds=abs(act[1])))
                await anyio.sleep(1)
            await anyio.sleep(1)
    fires = world.fires()
    assert len(begun) <= len(fires) == len(set(fires))  # one claimed just before the end is not begun
    passed_s = sum(abs(seconds) / 10 for act, seconds in acts if act == "run") + 2 * len(acts)
    assert len(begun) <= passed_s / 60 + len(acts) + 1


# ---------------------------------------------------------------- a disk that refuses


async def test_scheduler__full_disk__harmless_jobs_run_and_others_wait(world: World) -> None:
    world.journal.full = True
    async with world.running(
        plan(quick, name="look", harmless=True),
        plan(quick, name="once", missed=Missed.ONCE),
        plan(quick, name="skip"),
    ):
        await anyio.sleep(190)
        assert {line[0] for line in world.log.lines if line[1] is Level.INFO} == {"look.log"}
        assert {("job_unclaimed", "once"), ("job_unclaimed", "skip")} <= world.findings()
        world.journal.recover()
        await anyio.sleep(45)
        assert not world.findings()
    assert len(world.journal.of("job.finished.look")) == 3
    assert [one.data["fire"] for one in world.journal.of("job.started.once")] == ["2026-03-02T12:03:00+00:00"]
    assert len(world.journal.of("job.finished.once")) == 1


async def test_scheduler__a_disk_slower_than_the_claim_may_wait__each_fire_runs_once(world: World) -> None:
    world.journal.slow_s = 40
    runs: list[float] = []

    async def noting(_context: JobContext) -> JobResult:
        runs.append(anyio.current_time())
        return DONE

    async with world.running(
        plan(noting, "*/10 * * * *", timeout_s=30, missed=Missed.ONCE),
        plan(quick, "*/10 * * * *", name="look", harmless=True),
    ):
        await anyio.sleep(600 + CLAIM_S + 1)
        assert ("look.log", Level.INFO, "look: done") in world.log.lines
        assert not runs
        await anyio.sleep(40)
        world.journal.slow_s = 0
        await anyio.sleep(60)
        assert len(runs) == 1  # cut off while it was written, the claim turns out to be ours at the next try
        world.clock.jump(timedelta(minutes=-5))
        await anyio.sleep(400)
    assert len(runs) == 1


async def test_scheduler__the_journal_cannot_be_read__no_job_runs_until_it_can(world: World) -> None:
    world.journal.unreadable = True
    async with world.running(plan(quick, harmless=True)):
        await anyio.sleep(100)
        assert not world.fires()
        assert ("jobs_wait", "") in world.findings()
        world.journal.unreadable = False
        await anyio.sleep(100)
        assert world.fires()
        assert not world.findings()


# ---------------------------------------------------------------- the jobs themselves


def builtin(spec: JobSpec) -> JobPlan:
    return JobPlan(spec, parse(spec.cron, "Asia/Tokyo"), spec.timeout_s, spec.missed)


def test_jobs__every_default__is_a_schedule_and_has_its_own_name() -> None:
    assert len({spec.name for spec in JOBS}) == len(JOBS)
    for spec in JOBS:
        parse(spec.cron, "Asia/Tokyo")


async def test_housekeeping__each_hour__is_asked_of_the_journal(world: World) -> None:
    async with world.running(builtin(HOUSEKEEPING)):
        await anyio.sleep(3 * 3_600)
    assert world.journal.housekept == 3


async def checked(world: World) -> dict[tuple[str, str], Level]:
    async with world.running(builtin(HEALTH_CHECK)) as scheduler:
        await scheduler.run_now("health_check")
        return {key: one.level for key, one in world.sink.standing()["job.health_check"].items()}


async def test_health_check__all_well__a_line_for_each_probe_and_no_finding(world: World) -> None:
    assert await checked(world) == {}
    texts = [text for name, level, text in world.log.lines if (name, level) == ("healthcheck.log", Level.INFO)]
    assert texts[:3] == ["alpha answered in 0 ms", "beta answered in 0 ms", "http answered in 12 ms"]
    assert texts[3] == "health_check: 3 of 3 probes answered in time"


@pytest.mark.parametrize(
    ("takes_s", "expected"), [(10.0, None), (10.001, Level.WARNING), (30.0, Level.WARNING), (30.001, Level.ALERT)]
)
async def test_health_check__a_slow_endpoint__warning_then_alert(
    world: World, takes_s: float, expected: Level | None
) -> None:
    world.chain.node("beta").takes_s = takes_s
    assert await checked(world) == ({("probe_slow", "beta"): expected} if expected else {})


async def test_health_check__an_endpoint_and_the_page_fail__each_is_its_own_finding(world: World) -> None:
    world.chain.node("alpha").fault = EndpointFault.FAILED
    world.http = Probe("http", 0, msg("503"))
    found = await checked(world)
    assert set(found) == {("probe_failed", "alpha"), ("probe_failed", "http")}


async def test_health_check__silent_three_runs_in_a_row__is_an_alert_until_it_answers(world: World) -> None:
    async with world.running(builtin(HEALTH_CHECK)) as scheduler:

        async def level() -> Level | None:
            await scheduler.run_now("health_check")
            found = world.sink.standing()["job.health_check"].get(("probe_failed", "beta"))
            if found is not None:
                assert found.severity is (Severity.S2 if found.level is Level.ALERT else Severity.S3)
            return found.level if found else None

        world.chain.node("beta").takes_s = 1_000
        first = [await level() for _ in range(4)]
        assert first == [Level.WARNING, Level.WARNING, Level.ALERT, Level.ALERT]
        world.chain.node("beta").takes_s = 0
        assert await level() is None
        world.chain.node("beta").takes_s = 1_000
        assert await level() is Level.WARNING


async def test_health_check__one_never_answers__the_others_are_told_apart(world: World) -> None:
    world.chain.node("alpha").takes_s = 1_000
    begun_s = anyio.current_time()
    found = await checked(world)
    assert set(found) == {("probe_failed", "alpha")}
    assert anyio.current_time() - begun_s == pytest.approx(PROBE_LIMIT_S)
    assert "beta answered in 0 ms" in [text for _, _, text in world.log.lines]
    assert "http answered in 12 ms" in [text for _, _, text in world.log.lines]


# ---------------------------------------------------------------- plans that change


async def test_scheduler__plan_changed_while_a_claim_is_tried_again__the_fire_is_recorded_as_skipped(
    world: World,
) -> None:
    async with world.running(plan(quick, "0 * * * *")):
        await anyio.sleep(3_599)
        world.journal.full = True
        await anyio.sleep(20)
        assert ("job_unclaimed", "work") in world.findings()
        world.plans.swap((plan(quick, "30 * * * *"),))
        await anyio.sleep(1)
        assert ("job_unclaimed", "work") not in world.findings()
        world.journal.recover()
        await anyio.sleep(1_800)
    assert world.fires() == [NOON + timedelta(minutes=90)]
    assert world.fires("job.skipped") == [NOON + timedelta(minutes=60)]


async def test_scheduler__plan_changed_while_a_claim_is_written__the_refused_fire_does_not_come_back(
    world: World,
) -> None:
    async with world.running(plan(quick, "0 * * * *", missed=Missed.ONCE)):
        await anyio.sleep(3_599)
        world.journal.full, world.journal.slow_s = True, 10.0
        await anyio.sleep(5)
        world.plans.swap((plan(quick, "*/20 * * * *", missed=Missed.ONCE),))
        await anyio.sleep(20)
        world.journal.recover()
        await anyio.sleep(1_200)
    assert world.fires() == [NOON + timedelta(minutes=80)]
    assert world.fires("job.skipped") == [NOON + timedelta(minutes=60)]


async def test_scheduler__time_out_changed_in_a_run__that_run_keeps_its_own(world: World) -> None:
    async def slow(_: JobContext) -> JobResult:
        await anyio.sleep(20)
        return DONE

    async with world.running(plan(slow, timeout_s=30)) as scheduler:
        await anyio.sleep(61)
        world.plans.swap((plan(slow, timeout_s=5),))
        await anyio.sleep(15)
        assert ("job_stuck", "work") not in world.findings()
        await anyio.sleep(10)
        assert scheduler.status()[0].last_ok
        await anyio.sleep(50)
    assert len(world.journal.of("job.finished")) == 1
    assert "time-out of 5 s" in str(world.journal.of("job.failed")[0].message)


async def test_scheduler__plan_changed_before_the_journal_can_be_read__counts_once_it_can(world: World) -> None:
    world.journal.unreadable = True
    async with world.running(plan(quick, "0 * * * *")) as scheduler:
        await anyio.sleep(1)
        world.plans.swap((plan(quick, "*/10 * * * *"),))
        await anyio.sleep(1)
        assert scheduler.status()[0].cron == "*/10 * * * * UTC"
        world.journal.unreadable = False
        await anyio.sleep(601)
    assert world.fires() == [NOON + timedelta(minutes=10)]
