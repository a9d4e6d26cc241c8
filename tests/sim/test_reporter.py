"""Reports in virtual time: each goes out once, on time; what keeps one back is told, and it goes out after it."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import anyio
import pytest

from tests.fakes.reports import facts_in_memory
from tests.sim.newsroom import TOKYO, Newsroom
from tests.sim.office import unhurried, wall
from ultrad.core import periods
from ultrad.core.report import compose
from ultrad.core.report_rules import ReportRules
from ultrad.errors import Permanent

pytestmark = pytest.mark.looptime(noop_cycles=0)

MINUTE, HOUR, DAY = 60, 3_600, 86_400
EVENING = "2026-11-22T23:00"
"""A Sunday in Tokyo: the day ends in an hour, and the week with it."""


@pytest.fixture(autouse=True)
def _unhurried() -> Iterator[None]:
    with unhurried():
        yield


def newsroom(begin: str = EVENING, **more: object) -> Newsroom:
    return Newsroom(clock=wall(begin, TOKYO), **more)  # type: ignore[arg-type]


async def test_reports__day_and_week_end__each_goes_out_once_at_its_time() -> None:
    async with newsroom().at_work() as room:
        await anyio.sleep(1 * HOUR + 29 * MINUTE)
        assert room.came() == []
        await anyio.sleep(3 * MINUTE)
        assert room.came() == ["Daily report 2026-11-22: all quiet"]
        await anyio.sleep(30 * MINUTE)
        assert room.came("line") == [
            "Daily report 2026-11-22: all quiet",
            "Weekly report 2026-11-16 to 2026-11-22: all quiet",
        ]
        await anyio.sleep(2 * DAY)
        assert room.of("report.made.daily") == [f"daily-2026-11-{day}" for day in (22, 23, 24)]
        assert room.of("report.out.weekly") == ["weekly-2026-11-16"]
        assert room.came() == room.came("line")
        assert room.channels["slack"].shown[0].picture == "daily-2026-11-22.png"
        assert room.channels["slack"].shown[0].severity is None
        assert "report_late" not in {code for code, _ in room.told()}
        assert room.reports.pruned == 4


async def test_reports__daemon_down_at_the_time__caught_up_once_at_the_start() -> None:
    room = newsroom()
    async with room.at_work():
        await anyio.sleep(30 * MINUTE)
    room.lose_power()
    await anyio.sleep(3 * HOUR)
    async with room.at_work():
        await anyio.sleep(2 * MINUTE)
        assert [one[:12] for one in room.came()] == ["Daily report", "Weekly repor"]
        await anyio.sleep(20 * HOUR)
    assert room.of("report.made.daily") == ["daily-2026-11-22"]


async def test_reports__down_for_three_days__each_missed_day_is_made_up_for_in_order() -> None:
    room = newsroom()
    async with room.at_work():
        await anyio.sleep(3 * HOUR)
    room.lose_power()
    await anyio.sleep(3 * DAY)
    async with room.at_work():
        await anyio.sleep(10 * MINUTE)
        assert [one.split(":")[0] for one in room.came()] == [
            "Daily report 2026-11-22",
            "Weekly report 2026-11-16 to 2026-11-22",
            "Daily report 2026-11-23",
            "Daily report 2026-11-24",
            "Daily report 2026-11-25",
        ]


async def test_reports__worker_fails__tried_again_and_late_until_it_is_out() -> None:
    async with newsroom().at_work() as room:
        room.reports.broken = True
        await anyio.sleep(1 * HOUR + 35 * MINUTE)
        assert [one.event.kind for one in room.recorded("job.failed.monitor_daily")] == [
            "job.failed.monitor_daily"
        ]
        await anyio.sleep(80 * MINUTE)
        assert ("report_late", "daily") not in room.told()
        await anyio.sleep(10 * MINUTE)
        assert ("report_late", "daily") in room.told()
        assert any("The worker died." in title for title in room.shown("slack"))
        assert [one.key for one in room.desk.book.open()] == [("report_late", "daily")]
        room.reports.broken = False
        await anyio.sleep(12 * MINUTE)
        assert room.of("report.out.daily") == ["daily-2026-11-22"]
        assert ("report_late", "daily") not in room.told()
        assert len(room.came(word="Daily report")) == 1


async def test_reports__channels_down__late_then_out_once_on_each() -> None:
    async with newsroom().at_work() as room:
        for one in room.channels.values():
            one.mode = "down"
        await anyio.sleep(4 * HOUR)
        assert {("report_late", "daily"), ("report_late", "weekly")} <= room.told()
        for one in room.channels.values():
            one.mode = "ok"
        await anyio.sleep(1 * HOUR)
        assert Counter(one.split(":")[0] for one in room.came(word="Daily report")) == {
            "Daily report 2026-11-22": 1
        }
        assert len(room.came("line", "Weekly report")) == 1
        assert "report_late" not in {code for code, _ in room.told()}


async def test_reports__no_channel__out_when_made() -> None:
    async with newsroom(rules=ReportRules()).at_work() as room:
        await anyio.sleep(5 * HOUR)
        assert room.of("report.out.daily") == ["daily-2026-11-22"]
        assert room.came() == []
        assert room.told() == set()


async def test_reports__jobs_disabled__none_is_late() -> None:
    async with newsroom(enabled=False).at_work() as room:
        room.reports.broken = True
        await anyio.sleep(5 * HOUR)
        assert "report_late" not in {code for code, _ in room.told()}


async def test_reports__new_installation__owes_nothing_of_the_time_before() -> None:
    async with newsroom("2026-11-25T12:00").at_work() as room:
        await anyio.sleep(6 * HOUR)
        assert room.reports.made == []
        assert room.told() == set()


async def test_reports__asked_by_hand__made_again_and_sent_to_nobody() -> None:
    async with newsroom().at_work() as room:
        await anyio.sleep(2 * HOUR + 10 * MINUTE)
        before = len(room.channels["slack"].shown)
        made = await room.reporter.make_named("daily-2026-11-22")
        assert made.name == "daily-2026-11-22"
        with pytest.raises(Permanent, match="no report"):
            await room.reporter.make_named("daily-yesterday")
        await room.scheduler.run_now("monitor_daily")
        await anyio.sleep(10 * MINUTE)
        assert len(room.channels["slack"].shown) == before
        assert (await room.reporter.kept())[0].name == "daily-2026-11-22"
        assert await room.reporter.page("daily-2026-11-22") == b"<!doctype html>"


# ---------------------------------------------------------------- emergencies


async def test_situation__trip__told_within_seconds_with_its_causes() -> None:
    async with newsroom().at_work() as room:
        await anyio.sleep(20 * MINUTE)
        await room.trip("octobot_silent")
        await anyio.sleep(2)
        await room.trip("signal_burst")
        await anyio.sleep(40)
        (situation,) = [one for one in room.channels["slack"].shown if "Situation" in one.title]
        text = "\n".join(situation.lines)
        assert "octobot_silent is so" in text
        assert "signal_burst is so" in text
        assert text.index("Stopped:") < text.index("Next, in this order:")
        assert "1. See how it is now" in text
        await anyio.sleep(9 * MINUTE)
        await room.trip("gas_errors")  # one more cause of a stop that people know of
        await anyio.sleep(2 * MINUTE)
        assert len(room.came(word="Situation")) == 1


async def test_situation__process_ends_at_the_trip__told_after_the_start() -> None:
    room = newsroom()
    async with room.at_work():
        await anyio.sleep(20 * MINUTE)
        await room.trip()
        await room.journal.flush()
    room.lose_power()
    await anyio.sleep(5 * MINUTE)
    async with room.at_work():
        await anyio.sleep(2 * MINUTE)
        assert len(room.came(word="Situation")) == 1
        assert room.of("report.made.situation") == room.of("report.out.situation")
    room.lose_power()
    async with room.at_work():
        await anyio.sleep(20 * MINUTE)
        assert len(room.came(word="Situation")) == 1


async def test_situation__worker_fails__told_that_it_fails_and_sent_when_it_works() -> None:
    async with newsroom().at_work() as room:
        await anyio.sleep(20 * MINUTE)
        room.reports.broken = True
        await room.trip()
        await anyio.sleep(2 * MINUTE)
        assert ("report_late", "situation") in room.told()
        room.reports.broken = False
        await anyio.sleep(2 * MINUTE)
        assert ("report_late", "situation") not in room.told()
        assert len(room.came(word="Situation")) == 1


# ---------------------------------------------------------------- whatever comes between


@pytest.mark.parametrize("after_s", [0.0, 0.3, 0.55, 0.9, 2.5, 31.0])
async def test_reports__power_fails_around_the_time__out_once_all_the_same(after_s: float) -> None:
    room = newsroom()
    async with room.at_work():
        await anyio.sleep(90 * MINUTE + after_s)
    room.lose_power()
    await anyio.sleep(20)
    async with room.at_work():
        await anyio.sleep(1 * HOUR)
        assert len(room.came(word="Daily report")) == 1
        assert len(room.came("line", "Daily report")) == 1
    assert room.of("report.made.daily") == ["daily-2026-11-22"]


async def test_reports__clock_ran_ahead_for_a_month__what_is_due_then_comes_all_the_same() -> None:
    async with newsroom().at_work() as room:
        await anyio.sleep(2 * HOUR)
        room.clock.jump(timedelta(days=30))
        await anyio.sleep(30 * MINUTE)
        room.clock.jump(timedelta(days=-30))
        await anyio.sleep(1 * DAY)
        assert room.of("report.out.daily")[-1] == "daily-2026-11-23"
        assert "report_late" not in {code for code, _ in room.told()}


async def test_reports__disk_full_at_the_time__out_once_it_has_room() -> None:
    async with newsroom().at_work() as room:
        await anyio.sleep(80 * MINUTE)
        room.journal.full = True
        await anyio.sleep(30 * MINUTE)
        assert room.came(word="Daily report") == []
        room.journal.recover()
        await anyio.sleep(20 * MINUTE)
        assert len(room.came(word="Daily report")) == 1


async def test_reports__made__its_figures_are_what_the_journal_holds_and_its_head_lies_in_the_chain() -> None:
    async with newsroom("2026-11-21T22:00").at_work() as room:
        await anyio.sleep(10 * HOUR)
        await room.trip()
        await anyio.sleep(20 * HOUR)
        await room.journal.flush()
        days = [(now, one) for now, one in room.reports.made if one.period.kind is periods.ReportKind.DAILY]
        assert len(days) == 2
        for _, report in days:
            again = compose(facts_in_memory(room.journal, report.period))
            assert (again.levels, again.positions, again.trips) == (report.levels, report.positions, report.trips)
            assert room.journal.recorded[report.seq - 1].hash == report.hash
            assert again.positions[0].count == len(
                [
                    row
                    for rows in room.journal.kept.values()
                    for row in rows
                    if report.period.since_ms <= row.wall_ms < report.period.until_ms
                ]
            )
        assert days[1][1].trips == 1
        assert datetime.fromtimestamp(days[1][0].wall_ms / 1_000, UTC).astimezone(TOKYO).hour == 0
