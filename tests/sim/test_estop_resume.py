"""The stop lifted, and everything that may come in between."""

import anyio
import pytest

from tests.sim.watching import BAD, GOOD, World
from ultrad.core.estop import Mode
from ultrad.core.estop_rules import operator_cause
from ultrad.core.limits import EstopRules
from ultrad.errors import Transient

pytestmark = pytest.mark.looptime

PRODUCTION = EstopRules(lapses=True)


# ---------------------------------------------------------------- resume


async def stopped(world: World) -> None:
    await world.trip()
    await world.block(GOOD)


async def test_resume__stopped__lifts_removes_the_flag_and_is_recorded_first() -> None:
    world = World()
    async with world.life() as life:
        await stopped(world)
        assert await life.estop.resume(("hanako", "taro"), []) is None
        assert (life.mode(), world.flag.present, life.is_open()) == (Mode.OFF, False, True)
        assert await world.recorded() == life.estop.state
        assert "OFF already" in str(await life.estop.resume(("hanako",), []))


async def test_resume__gate_looked_at_the_flag_just_before__that_look_does_not_trip_after_it() -> None:
    world = World()
    async with world.life() as life:
        await stopped(world)
        await anyio.sleep(0.3)
        assert life.gate.shut_by() == ("estop", "flag")  # a status, between two turns
        assert await life.estop.resume(("hanako",), []) is None
        await world.pass_s(5)
        assert (life.mode(), life.is_open()) == (Mode.OFF, True)


async def test_resume__journal_refuses__changes_nothing() -> None:
    world = World()
    async with world.life() as life:
        await stopped(world)
        before = life.estop.state
        world.journal.full = True
        with pytest.raises(Transient):
            await life.estop.resume(("hanako",), [])
        assert life.estop.state is before
        assert world.flag.present
        assert not life.is_open()


async def test_resume__journal_hangs__stays_on_in_memory_and_in_the_record() -> None:
    world = World()
    async with world.life() as life:
        await stopped(world)
        world.journal.hang()
        assert "has not answered" in str(await life.estop.resume(("hanako",), []))
        assert (life.mode(), life.is_open()) == (Mode.ON, False)
        world.journal.recover()
        await anyio.sleep(3)
        # The journal may have taken the resume after all: what stands here must stand there.
        recorded = await world.recorded()
        assert recorded.mode is Mode.ON
        assert {one.key for one in recorded.causes} == {one.key for one in life.estop.state.causes}
        assert len(recorded.causes) == 2


@pytest.mark.parametrize("by", ["taro", "hanako"])
async def test_resume__stop_asked_for_while_it_is_written__stays_on(by: str) -> None:
    world = World()
    async with world.life() as life:
        await life.estop.trip(operator_cause("hanako", "", world.clock.now()))
        await world.pass_s(61)
        world.journal.slow_s = 3.0
        answers: list[object] = []

        async def resume() -> None:
            answers.append(await life.estop.resume(("jiro",), []))

        async with anyio.create_task_group() as group:
            group.start_soon(resume)
            await anyio.sleep(1)
            await life.estop.trip(operator_cause(by, "stop!", world.clock.now()))
        assert "new cause" in str(answers[0])
        assert (life.mode(), life.is_open(), world.flag.present) == (Mode.ON, False, True)
        await anyio.sleep(10)
        assert await world.recorded() == life.estop.state


async def test_resume__flag_touched_while_it_is_written__stays_on() -> None:
    world = World()
    async with world.life() as life:
        await stopped(world)
        world.journal.slow_s = 2.0
        answers: list[object] = []

        async def resume() -> None:
            answers.append(await life.estop.resume(("jiro",), []))

        async with anyio.create_task_group() as group:
            group.start_soon(resume)
            await anyio.sleep(1)
            world.flag.touch()
        assert answers == [None] or "touched" in str(answers[0])
        assert (life.mode(), life.is_open(), world.flag.present) == (Mode.ON, False, True)


@pytest.mark.parametrize("removed_before", [True, False])
async def test_resume__flag_touched_and_gone_while_it_is_written__stays_on(*, removed_before: bool) -> None:
    world = World()
    async with world.life() as life:
        await stopped(world)
        if removed_before:
            await world.remove_flag()
            assert life.mode() is Mode.OVERRIDDEN
        world.journal.slow_s = 2.0
        answers: list[object] = []

        async def resume() -> None:
            answers.append(await life.estop.resume(("jiro",), []))

        async with anyio.create_task_group() as group:
            group.start_soon(resume)
            await anyio.sleep(1)
            world.flag.touch()
            assert not life.is_open()  # the gate has seen it
            world.flag.rm()
        assert "touched" in str(answers[0])
        assert (life.mode(), life.causes, world.flag.present) == (Mode.ON, ["flag"], True)
        await anyio.sleep(10)
        assert await world.recorded() == life.estop.state


async def test_resume__flag_cannot_be_removed__stays_on() -> None:
    world = World()
    async with world.life() as life:
        await stopped(world)
        world.flag.full = True
        assert await life.estop.resume(("jiro",), []) is not None
        assert (life.mode(), life.is_open(), world.flag.present) == (Mode.ON, False, True)
        await world.pass_s(5)
        assert (await world.recorded()).mode is Mode.ON


async def test_resume__killed_before_the_flag_was_removed__is_on_again() -> None:
    world = World()
    async with world.life() as life:
        await stopped(world)
        world.flag.remove = lambda seen: True  # type: ignore[method-assign]  # noqa: ARG005 - died just before
        await life.estop.resume(("jiro",), [])
    async with world.life() as life:
        assert (life.mode(), life.is_open()) == (Mode.ON, False)
        assert life.causes == ["hf_low"]


async def test_resume__while_a_trip_is_being_written__is_refused() -> None:
    world = World()
    async with world.life() as life:
        world.flag.delay_s = 3.0
        await world.block(BAD)
        assert "being written" in str(await life.estop.resume(("jiro",), []))
        assert life.mode() is Mode.ON


async def test_estop__killed_at_any_moment_after_a_trip__is_on_after_the_start() -> None:
    for after_s in (0.0, 0.001, 0.4, 0.6, 1.2, 2.5):
        world = World()
        async with world.life():
            world.flag.delay_s, world.journal.slow_s = 0.5, 1.0
            world.chain.set("main", BAD)
            world.chain.mine()
            await anyio.sleep(after_s)
        world.flag.delay_s = 0.0
        async with world.life() as life:
            assert (life.mode(), life.is_open()) == (Mode.ON, False), after_s
