"""Incidents across restarts: nothing is told twice, and nothing is forgotten."""

import anyio
import pytest

from tests.core.make import cause, recorded
from tests.sim.office import S1, SOON_S, Office, broken, only
from ultrad.core import incidents
from ultrad.core.estop import Mode, resume_event, trip_event
from ultrad.core.estop_rules import operator_cause
from ultrad.core.events import Event, Json, Level
from ultrad.core.telling import SETTLE_MS
from ultrad.i18n import msg
from ultrad.startup import Past, of_kinds
from ultrad.units import Now

pytestmark = pytest.mark.looptime(noop_cycles=0)

SETTLED_S = SETTLE_MS / 1_000 + SOON_S


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
