"""Jobs on time, jobs that misbehave, and plans that change."""

from datetime import datetime, timedelta
from itertools import pairwise

import anyio
import pytest

from tests.sim.work import DONE, NOON, World, failing, plan, quick
from ultrad.core.events import Level, Severity
from ultrad.core.schedule import Missed
from ultrad.errors import Permanent
from ultrad.i18n import msg
from ultrad.jobs.scheduler import LONGEST_S
from ultrad.jobs.spec import JobContext, JobResult

pytestmark = pytest.mark.looptime(noop_cycles=0)


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
