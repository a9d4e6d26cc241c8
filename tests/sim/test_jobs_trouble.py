"""Jobs where runs were missed, clocks jump or the disk refuses: no fire comes twice."""

from datetime import UTC, datetime, timedelta

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sim.work import DONE, NOON, World, failing, plan, quick
from ultrad.core.events import Level
from ultrad.core.schedule import Missed
from ultrad.jobs.scheduler import CLAIM_S
from ultrad.jobs.spec import JobContext, JobResult

pytestmark = pytest.mark.looptime(noop_cycles=0)


@pytest.fixture
async def world() -> World:
    return World()


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
