"""A thousand things at once: nobody waits for them, and nobody is told a thousand times."""

import anyio
import anyio.lowlevel
import pytest

from tests.sim.office import S1, S2, SOON_S, Office, unhurried
from ultrad.core.events import Event, Finding, Level, Origin, Severity
from ultrad.core.incidents import Stage
from ultrad.core.telling import TellRules
from ultrad.desk import MAX_HEARD, MOST_APART
from ultrad.i18n import msg

pytestmark = pytest.mark.looptime(noop_cycles=0)

HOUR = 3_600


def many(count: int, severity: Severity = S1) -> list[Finding]:
    return [
        Finding("hf_low", f"p{one}", Level.EMERGENCY, Origin.OUTSIDE, msg("p{one} is low.", one=one), severity)
        for one in range(count)
    ]


async def test_desk__a_thousand_at_once__are_one_notice_and_a_thousand_incidents_that_were_told() -> None:
    office = Office()
    async with office.life():
        office.find(*many(1_000))
        await anyio.sleep(2 * SOON_S)
        assert [title[:57] for title in office.shown("line")] == [
            "1000 things at once, the first of them: p0 is low."[:57]
        ]
        assert len(office.shown("slack")) == 1
        book = office.desk.book
        assert [one.number for one in book.incidents] == list(range(1, 1_001))
        assert {(one.told, one.aired, one.stage) for one in book.incidents} == {(1, True, Stage.OPEN)}
    async with office.life():
        office.find(*many(1_000))
        await anyio.sleep(60)
        assert len(office.shown("line")) == 1


@pytest.mark.parametrize(("count", "notices"), [(MOST_APART, MOST_APART), (MOST_APART + 1, 1)])
async def test_desk__few_at_once__are_told_apart(count: int, notices: int) -> None:
    async with Office().life() as office:
        office.find(*many(count))
        await anyio.sleep(2 * SOON_S * count)
        assert len(office.shown("line")) == notices


async def test_desk__many_come_and_go_at_once__are_told_in_order() -> None:
    async with Office().life() as office:
        office.find(*many(30), *many(30, S2))
        office.find()
        await anyio.sleep(10)
        assert [title.rsplit(" ", 3)[0] for title in office.shown("line")] == [
            "30 things at once, the first of them:",
            "30 things at once, the first of them: Recovered:",
        ]
        assert {one.stands for one in office.desk.book.incidents} == {False}


async def test_desk__nobody_answers_many__is_told_of_them_together_again_and_others_are() -> None:
    with unhurried():
        async with Office().life() as office:
            office.find(*many(100))
            await anyio.sleep(35 * 60)
            assert len(office.shown("line")) == 4
            assert len(office.shown("boss")) == 1
            for channel in office.channels.values():
                channel.mode = "down"
            await anyio.sleep(2 * HOUR)
            waiting = {one.told.notice for one in office.postman.outbox.waiting if one.told.severity is S1}
            assert len(waiting) == 1


async def test_desk__nobody_is_to_be_told__it_rests_between_its_looks() -> None:
    with unhurried():
        async with Office(tell=TellRules(routes=())).life() as office:
            office.find(*many(30))
            await anyio.sleep(HOUR)
            assert len(office.events("incident.opened")) == 30
            assert office.turns < HOUR / 5  # of desk, postman and estop, once in half a minute each


async def test_desk__a_thousand_and_the_disk_is_full__are_told_all_the_same() -> None:
    async with Office().life() as office:
        office.journal.full = True
        office.find(*many(1_000))
        await anyio.sleep(6)
        assert len(office.shown("line")) == 1


async def test_desk__a_thousand_at_once__share_the_loop_after_a_few_of_them() -> None:
    async with Office().life() as office:
        for found in (many(1_000), []):
            office.find(*found)
            assert 0 < most_in_a_turn(office) <= 60
        assert len(office.desk.book.incidents) == 1_000


def most_in_a_turn(office: Office) -> int:
    """The most that the desk records between two of its suspensions, while it does everything."""
    most, working = 0, office.desk.work()
    while True:
        before = len(office.journal._queue)
        try:
            working.send(None)
        except StopIteration:
            return most
        most = max(most, len(office.journal._queue) - before)


async def test_take__more_than_are_kept__are_counted_and_said() -> None:
    async with Office().life() as office:
        office.find(*many(10))
        finding = Event("notice.given_up", Level.ALERT, office.clock.now(), msg("x"), {"channel": "hook"})
        for _ in range(MAX_HEARD):
            office.desk.take(finding)
        await anyio.sleep(10)
        (lost,) = office.events("incidents.lost")
        assert lost.data == {"lost": 10}
