"""What operators say of incidents, and what becomes of these when the stop is lifted."""

from collections.abc import Iterator

import anyio
import pytest

from tests.core.make import cause
from tests.sim.office import S1, S2, S3, SOON_S, Office, broken, mode, only, unhurried, until
from ultrad.core import incidents
from ultrad.core.estop import Mode
from ultrad.core.estop_rules import operator_cause
from ultrad.core.events import Severity
from ultrad.errors import Transient

pytestmark = pytest.mark.looptime(noop_cycles=0)


@pytest.fixture
def days() -> Iterator[None]:
    with unhurried():
        yield


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
