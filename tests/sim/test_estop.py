"""The stop between its flag, its journal and the people who touch it."""

from dataclasses import replace

import anyio
import orjson
import pytest

from tests.core.make import cause as made
from tests.fakes.chain import FakeChain
from tests.sim.watching import BAD, GOOD, SOON_S, World, account
from ultrad.core.estop import Mode
from ultrad.core.estop_rules import operator_cause
from ultrad.core.events import Severity
from ultrad.core.limits import EstopRules
from ultrad.core.messages import FOREIGN_DEPTH, MAX_DEPTH
from ultrad.estop import FLAG_TIMEOUT_S
from ultrad.gate import MaybeSentError
from ultrad.i18n import Message, msg
from ultrad.ports import EventFilter

pytestmark = pytest.mark.looptime

PRODUCTION = EstopRules(lapses=True)


# ---------------------------------------------------------------- touch


async def test_estop__flag_touched__shuts_at_once_and_is_recorded_within_a_second() -> None:
    world = World()
    async with world.life() as life:
        world.flag.touch()
        assert not life.is_open()
        await anyio.sleep(1.1)
        assert (life.mode(), life.causes) == (Mode.ON, ["flag"])
        assert life.estop.state.causes[0].by == "hanako"
        assert await world.kinds() == ["estop.on"]


async def test_estop__touched_and_gone_between_two_looks__counts_where_the_gate_saw_it() -> None:
    world = World()
    async with world.life() as life:
        await anyio.sleep(0.5)
        world.flag.touch()
        assert not life.is_open()
        world.flag.rm()
        assert not life.is_open()
        await anyio.sleep(1.1)
        assert (life.mode(), life.causes) == (Mode.ON, ["flag"])
        assert world.flag.present


async def test_estop__flag_stands_at_the_start__is_on() -> None:
    world = World()
    world.flag.touch()
    async with world.life() as life:
        assert (life.mode(), life.causes) == (Mode.ON, ["flag"])
        assert not life.is_open()


async def test_estop__killed_between_flag_and_journal__knows_its_cause_from_the_flag() -> None:
    world = World()
    async with world.life():
        pass
    lost = made("hf_low", "main", world.clock.now(), BAD.health_factor)
    world.flag.present, world.flag.text = True, orjson.dumps(lost.json())
    async with world.life() as life:
        assert life.estop.state.causes == (lost,)
        assert life.mode() is Mode.ON


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"stop!",
        b"null",
        b"[" * 5_000,
        b'{"code":1}',
        orjson.dumps(made().json() | {"message": {"text": "{x:>999999999}", "args": {"x": "a"}}}),
        orjson.dumps(made().json() | {"message": {"text": "{missing}", "args": {}}}),
        b'{"code":"a","subject":"","wall_ms":1,"steady_ms":1,"by":"x","figures":{},"health_factor":null,"message":'
        + b'{"text":"{a}","args":{"a":' * 480
        + b'"x"'
        + b"}}" * 480
        + b"}",
    ],
)
async def test_estop__whatever_stands_in_the_flag__stops_and_goes_on(text: bytes) -> None:
    world = World()
    async with world.life() as life:
        world.flag.present, world.flag.text = True, text
        await anyio.sleep(1.1)
        assert (life.mode(), life.causes) == (Mode.ON, ["flag"])
        turns = life.turns["estop"]
        await anyio.sleep(3)
        assert life.turns["estop"] > turns
        assert str(life.estop.state.causes[0].message)


def nested(depth: int) -> Message:
    message = msg("The innermost.")
    for _ in range(depth - 1):
        message = msg("{cause}", cause=message)
    return message


@pytest.mark.parametrize("depth", range(FOREIGN_DEPTH - 1, MAX_DEPTH + 6))
async def test_estop__cause_made_by_hand_stands_in_the_flag_at_the_start__starts_on(depth: int) -> None:
    world = World()
    world.flag.touch()
    world.flag.text = orjson.dumps(replace(made(), message=nested(depth)).json())
    async with world.life() as life:
        assert (life.mode(), life.causes) == (Mode.ON, ["hf_low" if depth <= FOREIGN_DEPTH else "flag"])
        await anyio.sleep(3)
        assert await world.recorded() == life.estop.state


async def test_estop__cause_in_the_flag_from_the_future__is_never_covered_early() -> None:
    world = World()
    async with world.life() as life:
        later = made("flag", "", type(world.clock.now())(0, 10**12))
        world.flag.present, world.flag.text = True, orjson.dumps(later.json())
        await anyio.sleep(1.1)
        await world.pass_s(120)
        await world.remove_flag()
        assert life.mode() is Mode.ON
        assert world.flag.present


# ---------------------------------------------------------------- a flag that cannot be examined


async def test_estop__flag_unreadable__is_on_and_stays_on_when_the_disk_is_back_empty() -> None:
    world = World()
    async with world.life() as life:
        world.flag.unreadable, world.flag.full = "EIO", True
        assert not life.is_open()
        await anyio.sleep(1.1)
        assert (life.mode(), life.causes) == (Mode.ON, ["flag_unreadable"])
        assert life.told()["flag_unwritable"].severity is Severity.S1
        await world.pass_s(120)
        world.flag.unreadable, world.flag.full = "", False  # mended, and no flag on it
        await anyio.sleep(2.1)
        assert life.mode() is Mode.ON
        assert world.flag.present
        assert "flag_unwritable" not in life.told()
        assert "estop.override" not in await world.kinds()


async def test_estop__flag_that_stood_becomes_unreadable__its_loss_is_no_removal() -> None:
    world = World()
    async with world.life() as life:
        await world.trip()
        world.flag.unreadable = "EIO"
        await world.pass_s(5)
        world.flag.unreadable = ""
        world.flag.rm()  # another disk is mounted there
        await anyio.sleep(1.1)
        assert life.mode() is Mode.ON
        assert world.flag.present
        await anyio.sleep(1.1)
        await world.remove_flag()  # and now somebody means it
        assert life.mode() is Mode.OVERRIDDEN


async def test_estop__resume_while_the_flag_cannot_be_examined__is_refused() -> None:
    world = World()
    async with world.life() as life:
        await world.trip()
        world.flag.unreadable = "EIO"
        obstacle = await life.estop.resume(("hanako",), [])
        assert "cannot be examined" in str(obstacle)
        assert life.mode() is Mode.ON


# ---------------------------------------------------------------- disks


async def test_trip__flag_disk_hangs__latch_holds_s1_is_told_and_writing_is_tried_again() -> None:
    world = World()
    async with world.life() as life:
        world.flag.hung = True
        await world.block(BAD)
        assert not life.is_open()
        assert life.mode() is Mode.ON
        await anyio.sleep(FLAG_TIMEOUT_S)
        assert life.told()["flag_unwritable"].severity is Severity.S1
        assert not life.is_open()
        world.flag.hung = False
        await anyio.sleep(FLAG_TIMEOUT_S + 1.1)
        assert world.flag.present
        assert "flag_unwritable" not in life.told()
        assert await world.kinds() == ["estop.on", "estop.flag_stood"]
        assert await world.recorded() == life.estop.state


async def test_trip__flag_disk_is_full__never_reads_as_removed() -> None:
    world = World()
    async with world.life() as life:
        world.flag.full = True
        await world.trip(180)
        assert life.mode() is Mode.ON
        assert not life.is_open()
        assert "estop.override" not in await world.kinds()
    async with world.life() as life:  # nor after a restart
        await world.pass_s(30)
        assert life.mode() is Mode.ON
        assert not life.is_open()
        world.flag.full = False
        await anyio.sleep(1.1)
        assert world.flag.present


@pytest.mark.parametrize("fault", ["full", "hung"])
async def test_trip__flag_was_made_but_not_fsynced__does_not_count_as_standing(fault: str) -> None:
    world = World()
    async with world.life() as life:
        world.flag.created_first = True
        setattr(world.flag, fault, True)
        await life.estop.trip(operator_cause("hanako", "", world.clock.now()))
        await world.pass_s(120)
        assert (world.flag.present, world.flag.durable, life.estop.state.flag_stood) == (True, False, False)
        assert life.told()["flag_unwritable"].severity is Severity.S1
    world.flag.lose_power()
    setattr(world.flag, fault, False)
    async with world.life() as life:
        await anyio.sleep(2)
        assert (life.mode(), life.is_open()) == (Mode.ON, False)
        assert (world.flag.present, world.flag.durable) == (True, True)
        assert await world.kinds() == ["estop.on", "estop.flag_stood"]


async def test_trip__flag_disk_takes_it_at_last__what_was_made_is_fsynced_and_told() -> None:
    world = World()
    async with world.life() as life:
        world.flag.created_first = world.flag.full = True
        await life.estop.trip(operator_cause("hanako", "", world.clock.now()))
        await world.pass_s(5)
        world.flag.full = False
        await anyio.sleep(1.1)
        assert (world.flag.durable, life.estop.state.flag_stood) == (True, True)
        assert "flag_unwritable" not in life.told()
        assert await world.kinds() == ["estop.on", "estop.flag_stood"]


@pytest.mark.parametrize("end", ["touch", "resume"])
async def test_trip__flag_that_was_unwritable_is_no_longer_wanted__is_told_no_more(end: str) -> None:
    world = World()
    async with world.life() as life:
        world.flag.full = True
        await life.estop.trip(operator_cause("hanako", "", world.clock.now()))
        await world.pass_s(5)
        assert "flag_unwritable" in life.told()
        world.flag.full = False
        if end == "touch":
            world.flag.touch()
        else:
            assert await life.estop.resume(("hanako",), []) is None
        await anyio.sleep(1.1)
        assert "flag_unwritable" not in life.told()
        assert life.mode() is (Mode.ON if end == "touch" else Mode.OFF)


async def test_trip__flag_touched_by_a_person__is_fsynced() -> None:
    world = World()
    async with world.life():
        world.flag.touch()
        await anyio.sleep(1.1)
    world.flag.lose_power()
    async with world.life() as life:
        assert (life.mode(), world.flag.present) == (Mode.ON, True)


async def test_trip__journal_hangs__flag_and_gate_do_not_wait() -> None:
    world = World()
    async with world.life() as life:
        world.journal.hang()
        world.chain.set("main", BAD)
        world.chain.mine()
        await anyio.sleep(0.001)
        assert life.mode() is Mode.ON
        assert world.flag.present
        turns = dict(life.turns)
        await world.pass_s(120)
        for name in ("watch", "estop"):
            assert life.turns[name] - turns[name] > 10
        assert await world.kinds() == []
        world.journal.recover()
        await anyio.sleep(1)
        assert await world.kinds() == ["estop.on"]


async def test_trip__journal_is_full__is_recorded_when_it_is_not() -> None:
    world = World()
    async with world.life() as life:
        world.journal.full = True
        await world.trip(30)
        assert (life.mode(), world.flag.present) == (Mode.ON, True)
        world.journal.recover()
        await anyio.sleep(2)
        assert await world.recorded() == life.estop.state


async def test_trip__many_positions_while_the_flag_disk_hangs__holds_up_the_watch_once() -> None:
    world = World()
    names = tuple(f"p{number}" for number in range(30))
    world.chain = FakeChain(world.clock, ("alpha",), names)
    for name in names:
        world.chain.set(name, GOOD)
    async with world.life() as life:
        await world.pass_s(10)
        world.flag.hung = True
        for name in names:
            world.chain.set(name, BAD)
        for most_s in (FLAG_TIMEOUT_S, 0.0):  # the second round finds a cause anew, and a disk known to hang
            turns = life.turns["watch"]
            await world.block()
            await anyio.sleep(most_s)
            assert life.turns["watch"] > turns
            world.chain.set("p0", account("1.5", net=20_000))
        assert len(life.estop.state.causes) == 31
        assert not life.is_open()
        world.flag.hung = False
        await anyio.sleep(FLAG_TIMEOUT_S + 1.1)
        assert world.flag.durable
        assert await world.recorded() == life.estop.state


async def test_trip__slow_flag__no_look_meanwhile_takes_it_for_removed() -> None:
    world = World()
    async with world.life() as life:
        world.flag.delay_s = 4.5
        await world.block(BAD)
        await anyio.sleep(4)
        assert (life.mode(), world.flag.present) == (Mode.ON, False)
        await anyio.sleep(2)
        assert (life.mode(), world.flag.present) == (Mode.ON, True)
        assert await world.kinds() == ["estop.on"]


async def test_trip__send_under_way__is_cancelled_and_counts_as_maybe_sent() -> None:
    world = World()
    async with world.life() as life:
        outcome: list[str] = []

        async def send() -> None:
            try:
                await life.gate.send(lambda: anyio.sleep(60))
            except MaybeSentError:
                outcome.append("maybe")

        async with anyio.create_task_group() as group:
            group.start_soon(send)
            await anyio.sleep(SOON_S)
            await world.block(BAD)
        assert outcome == ["maybe"]


async def test_trip__same_cause_again__each_reason_is_recorded() -> None:
    world = World()
    async with world.life() as life:
        for reason in ("a drill", "no drill: a key leaked"):
            await life.estop.trip(operator_cause("HTTP", reason, world.clock.now()))
            await anyio.sleep(30)
        stops = await world.journal.events(EventFilter(kinds=("estop.on",)))
        assert [str(one.event.message).partition(": ")[2] for one in stops] == [
            "a drill",
            "no drill: a key leaked",
        ]
        assert life.causes == ["operator"]
        await anyio.sleep(25)  # the first stop is old enough to be covered by now, the second is not
        await world.remove_flag()
        assert (life.mode(), life.is_open(), world.flag.present) == (Mode.ON, False, True)


async def test_trip__same_cause_again_after_the_flag_was_removed__stays_on() -> None:
    world = World()
    async with world.life() as life:
        await life.estop.trip(operator_cause("hanako", "", world.clock.now()))
        await world.pass_s(120)
        world.flag.rm()
        await life.estop.trip(operator_cause("hanako", "stay stopped", world.clock.now()))
        assert world.flag.present
        await world.pass_s(5)
        assert (life.mode(), life.is_open()) == (Mode.ON, False)


async def test_trip__finding_that_stands_already__is_one_record() -> None:
    world = World()
    async with world.life() as life:
        await world.trip(60)
        assert life.causes == ["hf_low"]
        assert await world.kinds() == ["estop.on"]


async def test_trip__several_causes__each_is_kept_and_the_flag_is_left_as_it_is() -> None:
    world = World()
    async with world.life() as life:
        await world.block(BAD)
        first = world.flag.text
        await life.estop.trip(operator_cause("hanako", "", world.clock.now()))
        await world.block(account("1.5", net=20_000))
        assert life.causes == ["hf_low", "operator", "value_moved"]
        assert world.flag.text == first
        assert await world.recorded() == life.estop.state
    async with world.life() as life:
        assert life.causes == ["hf_low", "operator", "value_moved"]


async def test_trip__same_cause_while_the_first_is_being_written__returns_with_the_flag_durable_too() -> None:
    world = World()
    async with world.life() as life:
        world.flag.delay_s = 2.0
        stood: list[bool] = []

        async def stop() -> None:
            await life.estop.trip(operator_cause("hanako", "", world.clock.now()))
            stood.append(world.flag.present)

        async with anyio.create_task_group() as group:
            group.start_soon(stop)
            await anyio.sleep(1)
            group.start_soon(stop)
        assert stood == [True, True]
