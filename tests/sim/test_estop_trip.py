"""A trip beside disks that refuse, fill up or hang, and trips that come again."""

import anyio
import pytest

from tests.fakes.chain import FakeChain
from tests.sim.watching import BAD, GOOD, SOON_S, World, account
from ultrad.core.estop import Mode
from ultrad.core.estop_rules import operator_cause
from ultrad.core.events import Severity
from ultrad.estop import FLAG_TIMEOUT_S
from ultrad.gate import MaybeSentError
from ultrad.ports import EventFilter

pytestmark = pytest.mark.looptime


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
