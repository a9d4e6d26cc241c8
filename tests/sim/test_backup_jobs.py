"""The three jobs of backups, in virtual time, with the work itself done by what a test says."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import anyio
import pytest

from tests.fakes.aside import FakeAside, FakeWork
from tests.sim.work import World
from ultrad.checks.backed_up import RecordedBackups
from ultrad.core.backup_age import Newest
from ultrad.core.backup_runs import BackupRun, Brought, Drilled, DrillRun, Look, TargetLook
from ultrad.core.events import Json, Severity
from ultrad.core.schedule import next_fire, parse
from ultrad.core.wire import to_json
from ultrad.errors import Transient
from ultrad.i18n import Message, msg
from ultrad.jobs.backup_daily import BACKUP_DAILY
from ultrad.jobs.backup_watch import BACKUP_WATCH
from ultrad.jobs.restore_drill import RESTORE_DRILL
from ultrad.jobs.spec import JobContext, JobSpec

pytestmark = pytest.mark.looptime(noop_cycles=0)

HOUR_MS = 3_600_000
FULL = msg("the disk is full")


def answering(result: object) -> FakeWork:
    async def work(_: Mapping[str, Json], told: Callable[[Message], None]) -> Mapping[str, Json]:
        told(msg("packing"))
        await anyio.sleep(60)
        found: Any = to_json(result)
        return dict(found)

    return work


def context(world: World, aside: FakeAside | None) -> JobContext:
    return JobContext(world.clock, world.chain, world.journal, world.log, world._probe_http, aside=aside)


def fresh(world: World, name: str = "a") -> TargetLook:
    return TargetLook(name, None, 1, "x", world.clock.now().wall_ms, 10, 1_000, 10)


@pytest.mark.parametrize("job", [BACKUP_DAILY, BACKUP_WATCH, RESTORE_DRILL])
async def test_jobs__nothing_configured__do_nothing_and_say_so(job: JobSpec) -> None:
    world = World()
    empty = {
        "backup": answering(BackupRun(Look(configured=False))),
        "backup_look": answering(Look(configured=False)),
        "restore_drill": answering(DrillRun(configured=False)),
    }
    for aside in (None, FakeAside(empty)):
        result = await job.run(context(world, aside))
        assert result.ok
        assert result.findings == ()
        assert "nothing is backed up" in str(result.message)


async def test_backup_daily__went_well__is_in_log_and_journal() -> None:
    world = World()
    run = BackupRun(
        Look(configured=True, max_age_ms=26 * HOUR_MS, targets=(fresh(world),)),
        at_ms=world.clock.now().wall_ms, head="7:ab", events=7, readings=3, rows=2,
        brought=(Brought("a", "ultrad-x", 10, kept=True, removed=1),),
    )  # fmt: skip
    result = await BACKUP_DAILY.run(context(world, FakeAside({"backup": answering(run)})))
    await world.journal.flush()
    assert (result.ok, result.findings) == (True, ())
    (event,) = world.journal.of("backup.made")
    assert (event.kind, event.data["name"], event.data["head"]) == ("backup.made.a", "ultrad-x", "7:ab")
    assert [line for name, _, line in world.log.lines if name == "backup_daily.log"] == [
        "packing",
        "ultrad-x is at a, read back (10 bytes).",
    ]


async def test_backup_daily__one_target_failed__fails_with_an_s2_and_the_other_is_recorded() -> None:
    world = World()
    run = BackupRun(
        Look(configured=True, max_age_ms=26 * HOUR_MS, targets=(fresh(world), fresh(world, "b"))),
        brought=(Brought("a", "x", 10, kept=True), Brought("b", "x", 10, kept=False, error=FULL)),
        missing=(msg("Notion"),),
    )  # fmt: skip
    result = await BACKUP_DAILY.run(context(world, FakeAside({"backup": answering(run)})))
    await world.journal.flush()
    assert not result.ok
    assert [(one.code, one.subject, one.severity) for one in result.findings] == [
        ("backup_failed", "b", Severity.S2),
        ("backup_partial", "", Severity.S3),
    ]
    assert [one.kind for one in world.journal.of("backup.made")] == ["backup.made.a"]


async def test_recorded_backups__made_and_drilled__are_what_the_checks_see() -> None:
    world = World()
    seen = RecordedBackups(world.journal.events, "/backups")
    assert await seen.newest() is None
    at_ms = world.clock.now().wall_ms
    run = BackupRun(
        Look(configured=True, targets=(fresh(world),)), at_ms, brought=(Brought("a", "x", 10, kept=True),)
    )
    await BACKUP_DAILY.run(context(world, FakeAside({"backup": answering(run)})))
    await world.journal.flush()
    assert await seen.newest() == Newest("x", at_ms, 10, None)
    for drilled in (Drilled("a", "x"), Drilled("a", "x", opened=False), Drilled("a", "x", FULL)):
        drill = FakeAside({"restore_drill": answering(DrillRun(configured=True, drilled=(drilled,)))})
        await RESTORE_DRILL.run(context(world, drill))
    await world.journal.flush()
    newest = await seen.newest()
    assert newest is not None
    assert newest.verified_ms == world.journal.of("backup.drilled")[0].now.wall_ms
    assert seen.directory() == "/backups"


async def test_backup_watch__target_unseen__is_noise_twice_and_an_s2_then() -> None:
    world = World()
    look = Look(configured=True, max_age_ms=26 * HOUR_MS, targets=(TargetLook("a", FULL), fresh(world, "b")))
    them = context(world, FakeAside({"backup_look": answering(look)}))
    severities = [[one.severity for one in (await BACKUP_WATCH.run(them)).findings] for _ in range(3)]
    assert severities == [[Severity.S3], [Severity.S3], [Severity.S2]]
    good = Look(configured=True, max_age_ms=26 * HOUR_MS, targets=(fresh(world),))
    result = await BACKUP_WATCH.run(context(world, FakeAside({"backup_look": answering(good)})))
    assert (result.ok, result.findings) == (True, ())


async def test_restore_drill__one_target_failed__fails_with_an_s2_and_both_are_recorded() -> None:
    world = World()
    run = DrillRun(
        configured=True, drilled=(Drilled("a", "x", events=7, elapsed_ms=9), Drilled("b", "y", msg("spoilt")))
    )
    result = await RESTORE_DRILL.run(context(world, FakeAside({"restore_drill": answering(run)})))
    await world.journal.flush()
    assert not result.ok
    assert [(one.code, one.subject, one.severity) for one in result.findings] == [
        ("restore_failed", "b", Severity.S2)
    ]
    assert [(one.kind, one.data["ok"]) for one in world.journal.of("backup.drilled")] == [
        ("backup.drilled.a", True),
        ("backup.drilled.b", False),
    ]
    assert dict(result.figures) == {"elapsed_ms.a": 9, "elapsed_ms.b": 0}


async def test_backup_daily__worker_dies__is_for_the_scheduler_to_count() -> None:
    async def dies(_: Mapping[str, Json], __: Callable[[Message], None]) -> Mapping[str, Json]:
        raise Transient(msg("its process died"))

    with pytest.raises(Transient):
        await BACKUP_DAILY.run(context(World(), FakeAside({"backup": dies})))


def test_jobs__when__midnight_each_hour_and_each_week_in_tokyo() -> None:
    noon = datetime(2026, 11, 25, 3, tzinfo=UTC)
    found = [next_fire(parse(job.cron, "Asia/Tokyo"), noon) for job in (BACKUP_DAILY, BACKUP_WATCH, RESTORE_DRILL)]
    assert found == [
        datetime(2026, 11, 25, 15, tzinfo=UTC),
        datetime(2026, 11, 25, 3, 20, tzinfo=UTC),
        datetime(2026, 11, 28, 18, tzinfo=UTC),
    ]
