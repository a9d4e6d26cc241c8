"""The jobs that need nothing but the daemon: housekeeping and the health check."""

import anyio
import pytest

from tests.sim.work import World
from ultrad.core.events import Level, Severity
from ultrad.core.schedule import parse
from ultrad.i18n import msg
from ultrad.jobs import JOBS
from ultrad.jobs.health_check import HEALTH_CHECK
from ultrad.jobs.housekeeping import HOUSEKEEPING
from ultrad.jobs.probing import PROBE_LIMIT_S
from ultrad.jobs.spec import JobPlan, JobSpec
from ultrad.ports import EndpointFault, Probe

pytestmark = pytest.mark.looptime(noop_cycles=0)


@pytest.fixture
async def world() -> World:
    return World()


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
