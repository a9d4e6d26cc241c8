"""The whole daemon over days: what it does by the clock, and that it neither drifts nor grows."""

import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

import tests.fakes.chain
import tests.fakes.journal
import tests.sim.world
import ultrad.daemon
import ultrad.desk
import ultrad.estop
import ultrad.postman
import ultrad.supervisor
import ultrad.watchdog.age
from tests.fakes.clock import START
from tests.sim.promises import assert_journal, assert_settled, beat_gaps, fires, held
from tests.sim.setting import configured
from tests.sim.world import BLOCK_S, World, world
from ultrad.core.estop import Mode
from ultrad.core.metrics import METRICS
from ultrad.core.readings import HOUR_MS
from ultrad.core.rounds import READ_LIMIT_S
from ultrad.i18n import ENGLISH
from ultrad.ports import EndpointFault
from ultrad.rules import MAX_ROUND_S

pytestmark = pytest.mark.looptime(noop_cycles=0)

SEALED_WITHIN_MS = 66 * 60_000
"""Hours of readings are those of steady time; the job that seals them runs by the wall, at five past."""
MINUTE, SLOT, HOUR, DAY = timedelta(minutes=1), timedelta(minutes=10), timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Looks at flag, status and heartbeat ten times as far apart, blocks each minute: days cost a tenth."""
    with monkeypatch.context() as patch:
        patch.setattr(ultrad.supervisor, "BEAT_S", 10.0)
        patch.setattr(ultrad.watchdog.age, "LOOK_INTERVAL_S", 10.0)
        patch.setattr(ultrad.estop, "LOOK_INTERVAL_S", 10.0)
        patch.setattr(ultrad.daemon, "REFRESH_S", 10.0)
        patch.setattr(ultrad.desk, "TICK_S", 10.0)
        patch.setattr(ultrad.postman, "TICK_S", 10.0)
        patch.setattr(tests.fakes.chain, "TURN_S", 15.0)
        patch.setattr(tests.fakes.journal, "PACE_S", 20.0)
        patch.setattr(tests.sim.world, "SEND_S", 30.0)
        patch.setattr(tests.sim.world, "BLOCK_S", 60.0)
        yield


def kinds_of_reports(made: World) -> dict[str, int]:
    """Each day that ended was told of once."""
    days = made.clock.wall.astimezone(made.config.zone).date() - START.astimezone(made.config.zone).date()
    ended = {"daily": days.days, "weekly": days.days // 7}  # it starts on a Monday
    kinds = ("job.started.monitor_{}", "job.finished.monitor_{}", "report.made.{}", "report.out.{}")
    return {kind.format(one): count for one, count in ended.items() if count for kind in kinds}


async def live_through(made: World, span: timedelta, block_s: float) -> None:
    """Nothing happens for so long: everything is counted, and nothing else is there."""
    await made.pass_by(timedelta(minutes=90))
    early = held(made.life)
    await made.pass_by(span - timedelta(minutes=90, seconds=-30))
    # Windows fill up to a day and an entry a minute; here the value stands still, and one entry is enough.
    # What the metrics amounted to stands there by the hour, for a day; and which reports were made and are out.
    assert held(made.life) <= early + 200 + 24 * (1 + len(METRICS)) + 20
    minutes = span // MINUTE
    kinds = Counter(one.event.kind for one in made.journal.recorded)
    assert kinds == {
        "daemon.started": 1,
        "finding.raised": 3,  # what had not been read yet at the start
        "finding.cleared": 3,
        "config.loaded": 1,
        "job.started.health_check": minutes,
        "job.finished.health_check": minutes,
        "job.started.housekeeping": span // HOUR,
        "job.finished.housekeeping": span // HOUR,
        "readings.seal": kinds["readings.seal"],
        "metrics.tally": span // SLOT,
        "outlook.main": span // timedelta(minutes=30),
        **kinds_of_reports(made),
    }
    assert made.probed == minutes
    assert made.log.lines["healthcheck.log"] == 4 * minutes  # two endpoints, HTTP, and the job's own line
    starts = fires(made, "health_check")
    assert all(datetime.fromisoformat(b) - datetime.fromisoformat(a) == MINUTE for a, b in pairwise(starts))
    delays = {
        one.event.now.wall_ms - datetime.fromisoformat(str(one.event.data["fire"])).timestamp() * 1_000
        for one in made.recorded("job.started")
    }
    assert max(delays) < 100  # no drift: the last run is as punctual as the first
    assert reconciled(made) >= span // timedelta(seconds=min(block_s, MAX_ROUND_S))
    assert made.life.mode is Mode.OFF
    assert made.life.told() == set()
    assert made.reported == []


def reconciled(made: World) -> int:
    """How many readings there are, each hour's count being what its seal says."""
    seals = {int(str(one.event.data["hour"])): one.event.data for one in made.recorded("readings.seal")}
    now_ms = made.clock.now().steady_ms
    ended = {hour for hour in made.journal.kept if hour < now_ms // HOUR_MS}
    due = {hour for hour in ended if hour < (now_ms - SEALED_WITHIN_MS) // HOUR_MS}
    assert due <= set(seals) <= ended
    assert all(len(made.journal.kept[hour]) == seal["count"] for hour, seal in seals.items())
    assert all(seal["lost"] == 0 for seal in seals.values())
    return sum(map(len, made.journal.kept.values()))


@pytest.mark.usefixtures("unhurried")
async def test_daemon__a_quiet_day__is_punctual_to_the_end_and_does_not_grow() -> None:
    async with world() as made:
        await live_through(made, DAY, 60.0)
        await made.stop()
        assert made.kinds("daemon") == ["daemon.started", "daemon.stopped"]
        assert_journal(made)


async def test_daemon__outage_with_the_longest_limits_and_most_endpoints__is_never_taken_for_a_hang() -> None:
    names = tuple(f"e{number}" for number in range(10))
    config = configured(endpoints=names, more="[estop]\ncrosscheck_wait_s = 10")
    async with world(config) as made:
        await made.pass_by(timedelta(minutes=1))
        made.blind_ms = round((MAX_ROUND_S + READ_LIMIT_S + 1) * 1_000)
        for name in names:
            made.chain.node(name).takes_s = 30.0
            made.chain.node(name).fault = EndpointFault.FAILED
        late = set[str]()
        for _ in range(600):
            await made.pass_by(timedelta(seconds=1))
            late |= set(made.life.late())
        assert late == set()
        assert made.life.causes == ("aave_silent",)
        assert beat_gaps(made) < 1.1


@pytest.mark.prove
async def test_daemon__a_quiet_week__is_punctual_to_the_end_and_does_not_grow() -> None:
    async with world() as made:
        await live_through(made, 7 * DAY, BLOCK_S)
        assert beat_gaps(made) < 1.1
        assert made.sent > 7 * 86_000
        await assert_settled(made)


async def test_daemon__told_to_stop_and_something_is_stuck__sends_nothing_from_then_on() -> None:
    async with world() as made:
        await made.pass_by(MINUTE)
        made.journal.hang()
        await made.pass_by(timedelta(seconds=5))
        sent = made.sent
        assert made.life.shut_by() == ()
        life = made.life
        await made.stop()
        assert life.abandoned
        assert life.shut_by() == ("stopping",)
        assert made.sent == sent


# ---------------------------------------------------------------- changes of offset

CHANGES = [
    ("America/New_York", "2026-03-08T06:30", ["06:30", "07:00"]),  # 02:30 is skipped: it comes as the gap ends
    ("America/New_York", "2026-11-01T05:30", ["05:30", "07:30"]),  # 01:30 is shown twice: only the first counts
    ("Europe/Berlin", "2026-03-29T00:30", ["00:30", "01:00"]),
    ("Europe/Berlin", "2026-10-24T23:30", ["23:30", "00:30"]),
]


async def live_through_change(
    zone: str, first: str, times: list[str], before: timedelta, after: timedelta
) -> None:
    """A job at 01:30 and 02:30 and one each minute, around the first of these fires."""
    config = configured(zone=zone, more='[jobs.housekeeping]\ncron = "30 1,2 * * *"')
    fire = datetime.fromisoformat(first).replace(tzinfo=UTC)
    async with world(config, fire - before - timedelta(seconds=30)) as made:
        await made.pass_by(before + after + MINUTE)
        daily = [datetime.fromisoformat(one) for one in fires(made, "housekeeping")]
        around = [one for one in daily if fire <= one < fire + timedelta(hours=3)]
        assert [f"{one:%H:%M}" for one in around] == times
        days = (before + after) // DAY
        assert len(daily) == 2 * max(days, 1)
        minutely = fires(made, "health_check")
        assert len(minutely) == (before + after) // MINUTE + 1
        assert all(datetime.fromisoformat(b) - datetime.fromisoformat(a) == MINUTE for a, b in pairwise(minutely))
        assert made.life.told() == set()
        assert made.life.mode is Mode.OFF
        await made.stop()
        assert_journal(made)


@pytest.mark.usefixtures("unhurried")
@pytest.mark.parametrize(("zone", "first", "times"), CHANGES)
async def test_daemon__night_of_a_change_of_offset__each_wall_time_once_and_no_minute_left_out(
    zone: str, first: str, times: list[str]
) -> None:
    await live_through_change(zone, first, times, MINUTE, timedelta(hours=3))


@pytest.mark.prove
@pytest.mark.usefixtures("unhurried")
@pytest.mark.parametrize(("zone", "first", "times"), CHANGES)
async def test_daemon__week_of_a_change_of_offset__each_wall_time_once_and_no_minute_left_out(
    zone: str, first: str, times: list[str]
) -> None:
    await live_through_change(zone, first, times, 3 * DAY + MINUTE, 4 * DAY - MINUTE)


# ---------------------------------------------------------------- the line for the service manager


async def test_status_line__no_reading_for_long__says_how_old_it_is_and_what_is_late(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with world() as made:
        await made.pass_by(MINUTE)
        daemon = made.life.assembly.daemon
        assert daemon.status_line(ENGLISH) == "HF 2.0000 · estop OFF"
        for name in ("alpha", "beta"):
            made.chain.node(name).fault = EndpointFault.FAILED
        monkeypatch.setattr(tests.fakes.chain, "TURN_S", 4_000.0)
        await made.pass_by(10 * MINUTE)
        said = daemon.status_line(ENGLISH)
        assert re.fullmatch(r"HF 2\.0000 \(\d{3} s old\) · estop .* · late: chain.*", said), said
