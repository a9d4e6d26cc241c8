"""Incidents at work: what becomes one, who is told of it and when, across restarts."""

from collections.abc import Iterator
from dataclasses import replace
from zoneinfo import ZoneInfo

import anyio
import pytest

from tests.core.make import cause, recorded
from tests.sim.office import OFFICE_HOURS, S1, S2, S3, SOON_S, WEEKDAYS, Office, broken, unhurried, wall
from ultrad.core import incidents
from ultrad.core.estop import Mode, resume_event, trip_event
from ultrad.core.estop_rules import operator_cause
from ultrad.core.events import Event, Json, Level, Severity
from ultrad.core.incidents import Incident
from ultrad.core.telling import SETTLE_MS, Route, TellRules
from ultrad.errors import Transient
from ultrad.i18n import msg
from ultrad.startup import Past, of_kinds
from ultrad.units import Now

pytestmark = pytest.mark.looptime(noop_cycles=0)

MINUTE, HOUR = 60, 3_600
SETTLED_S = SETTLE_MS / 1_000 + SOON_S
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def days() -> Iterator[None]:
    with unhurried():
        yield


def only(office: Office) -> Incident:
    (one,) = office.desk.book.incidents
    return one


def mode(office: Office) -> Mode:
    return office.estop.state.mode


async def until(office: Office, minutes: float) -> None:
    """So many minutes after the office opened, and what follows from it."""
    await anyio.sleep(minutes * MINUTE + SOON_S)
    assert office.reported == []


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


# ---------------------------------------------------------------- what operators say


@pytest.mark.parametrize("code", ["", "key_leak", "intrusion"])
async def test_open__an_s1__stops_before_the_answer(code: str) -> None:
    async with Office().life() as office:
        line = await office.desk.open("taro", S1, "the  keys are\non a pastebin", code)
        assert office.estop.state.mode is Mode.ON
        assert office.flag.present
        assert [one.code for one in office.estop.state.causes] == [code or "reported"]
        assert (line.number, line.severity, line.code) == (1, S1, code or "reported")
        assert str(only(office).message) == "EMERGENCY STOP: Reported by taro: the keys are on a pastebin"
        assert only(office).stop
        await anyio.sleep(SOON_S)
        assert len(office.shown("slack")) == len(office.shown("line")) == 1


async def test_open__an_s1_while_the_disks_refuse__stops_and_tells_and_says_so() -> None:
    async with Office().life() as office:
        office.flag.full, office.journal.full = True, True
        with pytest.raises(Exception, match="full"):
            await office.desk.open("taro", S1, "leak", "key_leak")
        assert office.estop.state.mode is Mode.ON
        await anyio.sleep(6)
        assert any("leak" in title for title in office.shown("line"))
        assert any(one.key[0] == "key_leak" for one in office.desk.book.open())


async def test_open__two_at_once__are_two_and_nothing_said_is_lost() -> None:
    async with Office().life() as office:
        office.flag.delay_s = 2.0
        async with anyio.create_task_group() as tasks:
            for by in ("taro", "hanako"):
                tasks.start_soon(office.desk.open, by, S1, f"{by} saw it", "intrusion")
        await anyio.sleep(SOON_S)
        said = {str(one.message) for one in office.desk.book.incidents}
        assert said == {f"EMERGENCY STOP: Reported by {by}: {by} saw it" for by in ("taro", "hanako")}
        assert len(office.estop.state.causes) == 2


async def test_open__an_s2_or_s3__stops_nothing() -> None:
    async with Office().life() as office:
        assert (await office.desk.open("taro", S2, "it smells")).number == 1
        assert (await office.desk.open("taro", S3, "a bit")).number == 2
        await anyio.sleep(SOON_S)
        assert office.estop.state.mode is Mode.OFF
        assert office.shown("line") == ["Reported by taro: it smells"]
        assert [one.number for one in office.desk.lines()] == [1, 2]


@pytest.mark.parametrize(
    ("severity", "text", "code", "match"),
    [
        (S2, "x", "key_leak", "is an S1"),
        (S1, " \n ", "", "in words"),
        (S1, "x" * 2_001, "", "2000 characters"),
    ],
)
async def test_open__said_wrongly__is_refused(severity: Severity, text: str, code: str, match: str) -> None:
    async with Office().life() as office:
        with pytest.raises(Exception, match=match):
            await office.desk.open("taro", severity, text, code)
        assert office.estop.state.mode is Mode.OFF
        assert office.desk.book.incidents == ()


@pytest.mark.usefixtures("days")
async def test_acknowledge__is_durable_and_told_quietly_and_ends_the_reminders() -> None:
    async with Office().life() as office:
        office.find(broken(severity=S1))
        await anyio.sleep(SOON_S)
        line = await office.desk.acknowledge(1, "taro")
        assert (line.stage, line.by) == (incidents.Stage.ACKNOWLEDGED, "taro")
        assert office.recorded("incident.acknowledged")
        assert await office.desk.acknowledge(1, "taro") == line
        await until(office, 120)
        assert office.shown("slack") == ["disk_full is so.", "Incident 1 is taken on by taro."]
        assert office.shown("line") == ["disk_full is so."]
        with pytest.raises(Exception, match="taken on by taro already"):
            await office.desk.acknowledge(1, "hanako")


@pytest.mark.parametrize(("fault", "why"), [("full", "the disk is full"), ("hung", "not answer within 10 s")])
async def test_acts__disk_full_or_hung__say_that_they_count_until_a_restart(fault: str, why: str) -> None:
    async with Office().life() as office:
        office.find(broken())
        await anyio.sleep(SOON_S)
        office.journal.full = fault == "full"
        if fault == "hung":
            office.journal.hang()
        desk = office.desk
        for act in (
            desk.acknowledge(1, "taro"),
            desk.acknowledge(1, "taro"),
            desk.note(1, "taro", "x"),
            desk.open("taro", S2, "it smells"),
            desk.open("taro", S1, "it burns"),
        ):
            with anyio.fail_after(21), pytest.raises(Transient, match=f"counts until a restart.*{why}"):
                await act
        stages = [(one.severity, one.stage) for one in desk.lines()]
        assert stages == [(S1, "open"), (S2, "acknowledged"), (S2, "open")]
        office.journal.recover()
        await anyio.sleep(1)
        assert (await desk.acknowledge(1, "taro")).by == "taro"
        assert len(office.recorded("incident.acknowledged", "incident.note")) == 2


async def test_resolve__still_found__is_refused_and_once_over_it_is_done() -> None:
    async with Office().life() as office:
        office.find(broken())
        await anyio.sleep(SOON_S)
        with pytest.raises(Exception, match=r"not over: disk_full is so\."):
            await office.desk.resolve(1, "taro", "done")
        office.find()
        await anyio.sleep(SOON_S)
        with pytest.raises(Exception, match="in words"):
            await office.desk.resolve(1, "taro", "")
        line = await office.desk.resolve(1, "taro", "emptied")
        assert (line.stage, line.stands) == (incidents.Stage.RESOLVED, False)
        for act in (office.desk.acknowledge(1, "hanako"), office.desk.resolve(1, "hanako", "again")):
            with pytest.raises(Exception, match="resolved by taro already"):
                await act
        assert (await office.desk.note(1, "hanako", "it was the logs")).number == 1
        (note,) = office.events("incident.note")
        assert note.data == {"incident": 1, "by": "hanako", "text": "it was the logs"}
        assert office.desk.lines() == ()


async def test_acts__on_what_is_not_there__are_refused() -> None:
    async with Office().life() as office:
        desk = office.desk
        for act in (desk.acknowledge(7, "taro"), desk.resolve(7, "taro", "x"), desk.note(7, "taro", "x")):
            with pytest.raises(Exception, match="no incident 7"):
                await act


# ---------------------------------------------------------------- when the stop is lifted


async def test_resume__settles_an_s2_cause_and_leaves_an_s1_to_people() -> None:
    async with Office().life() as office:
        await office.estop.trip(operator_cause("taro", "drill", office.clock.now()))
        await office.estop.trip(cause("hf_low"))
        await anyio.sleep(SOON_S)
        assert await office.estop.resume(("taro", "hanako"), []) is None
        await anyio.sleep(SOON_S)
        by_code = {one.key[0]: one for one in office.desk.book.incidents}
        assert by_code["operator"].stage is incidents.Stage.RESOLVED
        assert by_code["operator"].by == "taro, hanako"
        assert (by_code["hf_low"].stage, by_code["hf_low"].stands) == (incidents.Stage.OPEN, False)
        assert any("The stop was lifted by taro, hanako" in title for title in office.shown("line"))
        assert (await office.desk.resolve(2, "taro", "added collateral")).stage is incidents.Stage.RESOLVED


async def test_override__removed_flag__is_told_and_its_end_ends_what_was_a_cause_alone() -> None:
    async with Office().life() as office:
        await office.estop.trip(operator_cause("taro", "drill", office.clock.now()))
        await until(office, 2)
        office.flag.rm()
        await anyio.sleep(2 * SOON_S)
        assert mode(office) is Mode.OVERRIDDEN
        assert any("The flag was removed" in title for title in office.shown("line"))
        await until(office, 31)
        assert mode(office) is Mode.OFF
        assert (only(office).stands, only(office).is_open) == (False, True)
        assert "Recovered: Stopped by taro: drill" in office.shown("line")


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


# ---------------------------------------------------------------- restarts


async def test_desk__started_again_while_it_stands__is_not_told_again() -> None:
    office = Office()
    async with office.life():
        office.find(broken(), broken("gone", S1))
        await anyio.sleep(SOON_S)
        await office.desk.acknowledge(2, "taro")
    for _ in range(3):
        async with office.life():
            office.find(broken(), broken("gone", S1))
            await anyio.sleep(SETTLED_S)
            assert [one.stage for one in office.desk.book.incidents] == ["open", "acknowledged"]
    told = [title for title in office.shown("line") if not title.startswith("Still")]
    assert told == ["gone is so.", "disk_full is so."]


async def test_desk__over_while_it_was_down__is_told_as_recovered_once_every_look_was_taken() -> None:
    office = Office()
    async with office.life():
        office.find(broken())
        await anyio.sleep(SOON_S)
    async with office.life():
        await anyio.sleep(SETTLE_MS / 1_000 - 1)
        assert only(office).stands
        await anyio.sleep(3)
        assert not only(office).stands
        await anyio.sleep(SOON_S)
        assert office.shown("line") == ["disk_full is so.", "Recovered: disk_full is so."]
    async with office.life():
        await anyio.sleep(SETTLED_S)
        assert len(office.shown("line")) == 2


@pytest.mark.parametrize("reached", ["the stop", "its incident"])
async def test_desk__killed_before_a_stop_was_told__tells_it_at_the_next_start(reached: str) -> None:
    office = Office()
    now = office.clock.now()
    stop = trip_event(cause("flag", "", now), now, flag=True)
    (opened,) = incidents.follow(incidents.Book(), stop)
    office.flag.present = True
    office.journal.post(stop, *((opened,) if reached == "its incident" else ()))
    await office.journal.flush()
    for _ in range(2):
        async with office.life():
            await anyio.sleep(2 * SOON_S)
            assert only(office).key == ("flag", "")
            assert office.estop.state.mode is Mode.ON
    assert len(office.shown("line")) == len(office.shown("slack")) == 1
    assert "Because of flag." in office.shown("line")[0]


async def test_desk__killed_between_a_stop_and_what_was_said_of_another__tells_the_stop() -> None:
    office = Office()
    now = office.clock.now()
    (opened,) = incidents.follow(incidents.Book(), _raised(now))
    stop = trip_event(cause("key_leak", "1", now), now, flag=True)
    (known,) = incidents.after(incidents.Book(), opened).incidents
    office.flag.present = True
    office.journal.post(opened, stop, incidents.acknowledged_event(known, "taro", now))
    await office.journal.flush()
    for _ in range(2):
        async with office.life():
            await anyio.sleep(2 * SOON_S)
            assert {one.key[0] for one in office.desk.book.incidents} == {"disk_full", "key_leak"}
    assert office.shown("line").count("EMERGENCY STOP: Because of key_leak.") == 1


async def test_acknowledge__just_after_a_stop__stands_behind_what_followed_from_it() -> None:
    async with Office().life() as office:
        office.find(broken())
        await anyio.sleep(SOON_S)
        await office.estop.trip(cause("key_leak", "1"))
        await office.desk.acknowledge(1, "taro")
        kinds = [one.event.kind for one in office.journal.recorded]
        assert kinds.index("incident.acknowledged") > kinds.index("estop.on")
        assert kinds[kinds.index("estop.on") :].index("incident.opened") < kinds[kinds.index("estop.on") :].index(
            "incident.acknowledged"
        )


def _raised(now: Now) -> Event:
    data: dict[str, Json] = {"code": "disk_full", "subject": "", "severity": "S2"}
    return Event("finding.raised", Level.ALERT, now, msg("disk_full is so."), data)


async def test_desk__killed_before_a_resume_was_told__settles_its_causes_at_the_next_start() -> None:
    office = Office()
    async with office.life():
        await office.estop.trip(operator_cause("taro", "drill", office.clock.now()))
        await anyio.sleep(SOON_S)
        assert await office.estop.resume(("taro",), []) is None
    assert not office.recorded("incident.resolved")
    async with office.life():
        await anyio.sleep(SOON_S)
        assert only(office).stage is incidents.Stage.RESOLVED
        assert any("was lifted by taro" in title for title in office.shown("line"))
    async with office.life():
        await anyio.sleep(SOON_S)
    assert len([title for title in office.shown("line") if "was lifted" in title]) == 1


def test_past__stops_that_nothing_followed_from__are_missed_since_the_last_was_lifted() -> None:
    now = Office().clock.now()
    first, second = (trip_event(cause(code, "", now), now, flag=True) for code in ("flag", "hf_low"))
    lifted = resume_event(("taro",), [], now)
    (opened,) = incidents.follow(incidents.Book(), second)
    assert Past.of(of_kinds(recorded(first, lifted, second)), now).missed == (lifted, second)
    assert Past.of(of_kinds(recorded(first, lifted, second, opened)), now).missed == ()
    assert Past.of(of_kinds(recorded(first, second, opened, lifted)), now).missed == (lifted,)


def test_past__a_stop__is_missed_until_an_incident_follows_from_it_whatever_stands_between() -> None:
    now = Office().clock.now()
    first, second = (trip_event(cause(code, "", now), now, flag=True) for code in ("flag", "hf_low"))
    book = incidents.Book()
    (opened,) = incidents.follow(book, first)
    (known,) = incidents.after(book, opened).incidents
    note = incidents.note_event(known, "taro", "x", now)
    over, resolved = incidents.over_event(known, now), incidents.resolved_event(known, "taro", "x", now)
    assert past(first, opened, second, note).missed == (second,)
    assert past(first, opened, first, note).missed == ()  # it is told already
    assert past(first, opened, over, first, note).missed == (first,)
    assert past(first, opened, resolved, first, note).missed == (first,)
    assert past(first, opened, resolved).missed == ()  # people have dealt with it while the stop stands
    odd = Event("estop.on", Level.EMERGENCY, now, msg("x"), {})
    assert past(first, odd, note).missed == (first,)


def past(*events: Event) -> Past:
    return Past.of(of_kinds(recorded(*events)), None)
