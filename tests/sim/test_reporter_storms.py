"""Days with faults sprinkled in: each report goes out once, its figures reconcile, and a late one is told of."""

import random
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, timedelta

import anyio
import pytest

from tests.fakes.reports import FakeReports
from tests.sim.newsroom import TOKYO, Newsroom
from tests.sim.office import unhurried, wall
from ultrad.core import periods
from ultrad.core.events import Level, Recorded
from ultrad.core.periods import Period, ReportKind
from ultrad.core.report import Report
from ultrad.reporter import BEGUN_MS, RETRY_MS

pytestmark = pytest.mark.looptime(noop_cycles=0)

MINUTE, HOUR = 60, 3_600
BEGIN = date(2026, 11, 20)
LATE_MS = 90 * 60_000
MODES = ("down", "hang", "cut", "throttled", "refused")
TELLING_MS = BEGUN_MS + 2 * RETRY_MS
"""What is late is told within this after a start, or after the time at which it is late."""


@pytest.fixture(autouse=True)
def _unhurried() -> Iterator[None]:
    with unhurried():
        yield


async def _storm(room: Newsroom, days: int, dice: random.Random) -> None:
    """So many days, with a fault or two each."""
    hours_left = days * 24
    while hours_left > 0:
        async with room.at_work():
            while hours_left > 0:
                calm = dice.randint(2, 9)
                await anyio.sleep(calm * HOUR + dice.randint(0, 3_000))
                hours_left -= calm + 1
                if not await _trouble(room, dice):
                    break  # the process ends here
                _heal(room)
        room.lose_power()
        await anyio.sleep(dice.choice((1, 10, 70, 300)) * MINUTE)
    async with room.at_work():
        await anyio.sleep(8 * HOUR)


async def _trouble(room: Newsroom, dice: random.Random) -> bool:
    """One fault, over when this returns; False for the end of the process."""
    lasts_s = dice.randint(5, 170) * MINUTE
    match dice.choice(("channels", "line", "worker", "disk", "clock", "trip", "blind", "end", "end")):
        case "channels":
            for one in room.channels.values():
                one.mode = dice.choice(MODES)
        case "line":
            room.channels["line"].mode = dice.choice(MODES)
        case "worker":
            room.reports.broken = True
        case "disk":
            room.journal.full = True
            lasts_s = min(lasts_s, 40 * MINUTE)
        case "clock":
            by = timedelta(minutes=dice.randint(-20, 20))
            room.clock.jump(by)
            await anyio.sleep(lasts_s)
            room.clock.jump(-by)
            return True
        case "trip":
            await room.trip(dice.choice(("operator", "signal_burst", "octobot_silent")))
        case "blind":
            room.hf = None
        case "end":
            return False
    await anyio.sleep(lasts_s)
    return True


def _heal(room: Newsroom) -> None:
    room.journal.recover()
    room.reports.broken, room.hf = False, 2.0 - (room.block % 7) / 100
    for one in room.channels.values():
        one.mode = "ok"


# ---------------------------------------------------------------- what must hold


def _due(room: Newsroom, days: int) -> list[Period]:
    """Every period whose time came while somebody could still make it."""
    found = [periods.day(BEGIN + timedelta(days=one), TOKYO) for one in range(days)]
    weeks = {periods.week(BEGIN + timedelta(days=one), TOKYO).name: one for one in range(days)}
    found += [periods.week(BEGIN + timedelta(days=one), TOKYO) for one in weeks.values()]
    now_ms = room.clock.now().wall_ms
    return [one for one in found if one.until_ms + 7 * HOUR * 1_000 < now_ms]


def _reconcile(report: Report, made: FakeReports, events: list[Recorded]) -> None:
    """The figures, counted by another way: over the events that the report had seen."""
    period = report.period
    seen = [one.event for one in events if one.seq <= report.seq]
    inside = [one for one in seen if period.since_ms <= one.now.wall_ms < period.until_ms]
    counted = Counter(one.level for one in inside)
    assert dict(report.levels) == {level: counted[level] for level in Level}
    assert report.trips == sum(one.kind == "estop.on" for one in inside)
    assert report.delivered == sum(one.kind == "notice.delivered" for one in inside)
    for job in report.jobs:
        assert job.finished == sum(one.kind == f"job.finished.{job.name}" for one in inside)
        assert job.failed == sum(one.kind == f"job.failed.{job.name}" for one in inside)
    opened = {
        one.data["incident"] for one in seen if one.kind == "incident.opened" and one.now.wall_ms < period.until_ms
    }
    assert {one.number for one in report.incidents} <= opened
    assert made.made


def _on_time_or_told(room: Newsroom, period: Period) -> None:
    """It went out in time, or its lateness was told while the daemon ran."""
    events = [one.event for one in room.journal.recorded]
    (out,) = [
        one for one in events if one.kind == f"report.out.{period.kind}" and one.data["report"] == period.name
    ]
    fire_ms = period.until_ms + (30 if period.kind is ReportKind.DAILY else 60) * MINUTE * 1_000
    late_ms = out.now.wall_ms - fire_ms
    if late_ms <= LATE_MS + TELLING_MS + 25 * MINUTE * 1_000:  # the wall clock itself was off by up to 20 minutes
        return
    told = [
        one
        for one in events
        if one.kind == "finding.raised"
        and one.data["code"] == "report_late"
        and one.data["subject"] == period.kind.value
        and fire_ms < one.now.wall_ms <= out.now.wall_ms
    ]
    assert told or _was_down(room, out.now.wall_ms), (
        f"{period.name} was {late_ms // 60_000} min late, and nobody knew"
    )


def _was_down(room: Newsroom, until_ms: int) -> bool:
    """Whether the daemon had been up for less than it gives itself after a start."""
    ups = [at_ms for at_ms in room.started_ms if at_ms <= until_ms]
    return until_ms - ups[-1] < TELLING_MS


async def _check(days: int, seed: int) -> None:
    begin = datetime.combine(BEGIN, datetime.min.time(), TOKYO).isoformat()[:16]
    room = Newsroom(clock=wall(begin, TOKYO))
    await _storm(room, days, random.Random(seed))  # noqa: S311 - a storm, no secret
    due = _due(room, days)
    assert len([one for one in due if one.kind is ReportKind.DAILY]) >= days - 1
    for period in due:
        name = period.name
        assert room.of(f"report.made.{period.kind}").count(name) == 1
        assert room.of(f"report.out.{period.kind}").count(name) == 1
        for channel in ("slack", "line"):
            key = f"key of report:{name}:{channel}"
            shown = sum(one.key == key for one in room.channels[channel].shown)
            assert shown >= 1
            assert channel != "line" or shown == 1
        _on_time_or_told(room, period)
    for _, report in room.reports.made:
        _reconcile(report, room.reports, room.journal.recorded)
    trips = {one.event.now.wall_ms for one in room.recorded("estop.on")}
    assert len(room.of("report.made.situation")) <= len(trips)
    assert bool(trips) == bool(room.of("report.out.situation"))
    assert all("The worker died." in error for _, error in room.reported)


async def test_reports__days_of_faults__each_goes_out_once_and_reconciles() -> None:
    await _check(4, seed=1)


@pytest.mark.prove
@pytest.mark.parametrize("seed", [10, 11])
async def test_reports__a_month_of_faults__each_goes_out_once_and_reconciles(seed: int) -> None:
    await _check(31, seed)
