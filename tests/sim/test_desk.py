"""Incidents at work: who is told of what, and when."""

from collections.abc import Iterator
from dataclasses import replace
from zoneinfo import ZoneInfo

import anyio
import pytest

from tests.core.make import cause
from tests.sim.office import (
    HOUR,
    MINUTE,
    OFFICE_HOURS,
    S1,
    S2,
    SOON_S,
    WEEKDAYS,
    Office,
    broken,
    mode,
    unhurried,
    until,
    wall,
)
from ultrad.core.estop import Mode
from ultrad.core.events import Level, Severity
from ultrad.core.telling import Route, TellRules

pytestmark = pytest.mark.looptime(noop_cycles=0)

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def days() -> Iterator[None]:
    with unhurried():
        yield


# ---------------------------------------------------------------- a trip


async def test_desk__a_trip__reaches_every_channel_and_its_finding_is_not_told_again() -> None:
    async with Office().life() as office:
        await office.estop.trip(cause("hf_low"))
        office.find(broken("hf_low", S1))
        await anyio.sleep(SOON_S)
        for channel in ("slack", "line"):
            assert office.shown(channel)[0] == "EMERGENCY STOP: Because of hf_low."
        assert len(office.shown("line")) == 2  # the fakes' finding has another subject: it is another condition


async def test_desk__journal_full_or_hung__a_trip_is_told_all_the_same() -> None:
    for fault in ("full", "hung"):
        async with Office().life() as office:
            office.journal.full = fault == "full"
            if fault == "hung":
                office.journal.hang()
            await office.estop.trip(cause("hf_low"))
            await anyio.sleep(6)
            assert office.shown("line") == ["EMERGENCY STOP: Because of hf_low."]


# ---------------------------------------------------------------- hours


@pytest.mark.usefixtures("days")
@pytest.mark.parametrize(
    ("now", "opens_h"),
    [
        ("2026-10-23T19:00", 63),  # Friday evening, until Monday: one hour of it comes twice
        ("2026-03-04T08:00", 1),
    ],
)
async def test_desk__hours__hold_an_s2_until_they_open_and_an_s1_never(now: str, opens_h: int) -> None:
    async with Office(tell=OFFICE_HOURS, zone=BERLIN, clock=wall(now, BERLIN)).life() as office:
        office.find(broken("disk_full"), broken("gone", S1))
        await anyio.sleep(MINUTE)
        assert office.shown("line") == ["gone is so."]
        assert office.shown("slack") == ["gone is so."]
        await office.desk.acknowledge(2, "taro")
        await anyio.sleep((opens_h * HOUR) - 2 * MINUTE)
        assert "disk_full is so." not in office.shown("slack")
        await anyio.sleep(2 * MINUTE)
        assert office.shown("slack").count("disk_full is so.") == 1  # nor is it told again before it was heard
        assert "disk_full is so." not in office.shown("line")


@pytest.mark.usefixtures("days")
async def test_desk__taken_on_and_the_stop_on_anew__is_told_again_and_again() -> None:
    async with Office().life() as office:
        await office.estop.trip(cause("hf_low"))
        await anyio.sleep(MINUTE)
        await office.desk.acknowledge(1, "taro")
        office.flag.rm()
        await anyio.sleep(32 * MINUTE)
        assert mode(office) is Mode.OFF
        told = len(office.shown("slack"))
        await office.estop.trip(cause("hf_low"))
        await anyio.sleep(30 * MINUTE)
        assert sum("hf_low" in title for title in office.shown("slack")[told:]) >= 3


WEEKEND = TellRules(
    routes=(
        Route("office", frozenset({S2}), ("line",), hours=WEEKDAYS),
        Route("always", frozenset({S1, S2}), ("slack",)),
    ),
    costly=frozenset({"line"}),
)


@pytest.mark.usefixtures("days")
async def test_desk__comes_and_goes_all_weekend__monday_begins_with_one_notice() -> None:
    async with Office(tell=WEEKEND, clock=wall("2026-05-01T18:30")).life() as office:
        for _ in range(62):
            office.find(broken())
            await anyio.sleep(HOUR / 2)
            office.find()
            await anyio.sleep(HOUR / 2)
        await anyio.sleep(2 * HOUR)
        assert office.shown("line") == ["Recovered: disk_full is so."]


@pytest.mark.usefixtures("days")
async def test_desk__resolved_before_monday__is_not_told_then() -> None:
    async with Office(tell=WEEKEND, clock=wall("2026-05-01T18:30")).life() as office:
        office.find(broken())
        await anyio.sleep(10 * MINUTE)
        office.find()
        await anyio.sleep(MINUTE)
        await office.desk.resolve(1, "taro", "done")
        await anyio.sleep(64 * HOUR)
        assert office.shown("line") == []


@pytest.mark.usefixtures("days")
async def test_desk__held_until_monday_and_then_an_s1__is_told_again_and_again() -> None:
    async with Office(tell=OFFICE_HOURS, clock=wall("2026-05-01T19:00")).life() as office:
        office.find(broken("endpoints_disagree"))
        await anyio.sleep(MINUTE)
        assert office.shown("slack") == []
        office.find(replace(broken("endpoints_disagree", S1), level=Level.EMERGENCY))
        await anyio.sleep(3 * HOUR)
        assert len(office.shown("slack")) >= 15
        assert [one.data["channel"] for one in office.events("notice.superseded")] == ["slack"]
        assert len(office.recorded("incident.escalated")) == 1


# ---------------------------------------------------------------- told again


@pytest.mark.usefixtures("days")
@pytest.mark.parametrize(("severity", "minutes"), [(S1, 10), (S2, 60)])
async def test_desk__nobody_answers__is_told_again_and_then_others_are(severity: Severity, minutes: int) -> None:
    async with Office().life() as office:
        office.find(broken(severity=severity))
        await until(office, 3.5 * minutes)
        assert [title.split(" ")[0] for title in office.shown("slack")] == [
            "disk_full",
            "Still",
            "Still",
            "Nobody",
        ]
        assert [title.split(" ")[0] for title in office.shown("boss")] == ["Nobody"]
        await until(office, 3 * minutes)
        assert [title.split(" ")[0] for title in office.shown("boss")] == ["Nobody", "Still", "Still", "Still"]
        assert len(office.recorded("incident.escalated")) == 1


@pytest.mark.usefixtures("days")
async def test_desk__nobody_can_be_reached__the_queue_does_not_grow() -> None:
    async with Office().life() as office:
        for one in office.channels.values():
            one.mode = "down"
        office.find(broken(severity=S1))
        await until(office, 60)
        about = {one.told.notice for one in office.postman.outbox.waiting if one.told.incident == 1}
        assert len(about) == 1
        for one in office.channels.values():
            one.mode = "ok"
        await until(office, 2)
        assert office.shown("line").count("disk_full is so.") == 1


@pytest.mark.usefixtures("days")
async def test_desk__one_channel_is_down__is_not_flooded_once_it_is_back() -> None:
    async with Office().life() as office:
        office.channels["line"].mode = "down"
        office.find(broken(severity=S1))
        await until(office, 65)
        assert len([one for one in office.shown("slack") if "disk_full" in one]) == 7
        office.channels["line"].mode = "ok"
        await until(office, 2)
        assert office.shown("line").count("disk_full is so.") == 1
        assert len([one for one in office.shown("line") if "disk_full" in one]) <= 2


@pytest.mark.usefixtures("days")
async def test_desk__the_only_channel_is_down__its_stand_in_is_told_again_and_again() -> None:
    async with Office().life() as office:
        for name in ("slack", "line"):
            office.channels[name].mode = "down"
        office.find(broken(severity=S1))
        await until(office, 45)
        assert len([one for one in office.shown("hook") if "disk_full" in one]) >= 3


@pytest.mark.usefixtures("days")
async def test_desk__comes_and_goes_each_minute__is_told_twice_an_hour() -> None:
    async with Office().life() as office:
        for _ in range(60):
            office.find(broken())
            await anyio.sleep(30)
            office.find()
            await anyio.sleep(30)
        assert [title.split(" ")[0] for title in office.shown("line")] == [
            "disk_full",
            "Recovered:",
            "Again",
            "Recovered:",
        ]
