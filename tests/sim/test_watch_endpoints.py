"""Several endpoints that fail, lag, lie and contradict each other."""

import anyio
import pytest

from tests.sim.watching import BAD, GOOD, NEAR, World, account, assert_open, assert_stopped
from ultrad.core.estop import Mode
from ultrad.core.events import Effect, Level
from ultrad.ports import EndpointFault

pytestmark = pytest.mark.looptime


# ---------------------------------------------------------------- two endpoints


async def test_watch__two_endpoints_confirmed__trips_at_once() -> None:
    world = World("alpha", "beta")
    async with world.life() as life:
        world.chain.set("main", BAD)
        world.chain.mine()
        await anyio.sleep(0.001)
        assert_stopped(life, world, "hf_low")


async def test_watch__confirmation_is_slow__the_gate_is_shut_meanwhile() -> None:
    world = World("alpha", "beta")
    async with world.life() as life:
        world.chain.node("beta").takes_s = 1.5
        await world.block(BAD)
        assert life.mode() is Mode.OFF
        assert life.gate.shut_by() == ("disputed",)
        await anyio.sleep(1.5)
        assert_stopped(life, world, "hf_low")


@pytest.mark.parametrize("fault", [None, *(one for one in EndpointFault if one is not EndpointFault.SET_ASIDE)])
async def test_watch__second_endpoint_does_not_answer__trips_within_two_seconds(
    fault: EndpointFault | None,
) -> None:
    world = World("alpha", "beta")
    async with world.life() as life:
        world.chain.node("beta").fault = fault
        world.chain.node("beta").takes_s = 0.0 if fault else 60.0
        if fault is EndpointFault.STALE:
            world.chain.node("beta").frozen = True
        await world.block(BAD)
        assert not life.is_open()
        await anyio.sleep(2.0)
        assert_stopped(life, world, "hf_low")


async def test_watch__second_cannot_read_the_position__is_no_contradiction_and_trips() -> None:
    world = World("alpha", "beta")
    async with world.life() as life:
        world.chain.node("beta").lies = {"main": None}
        await world.block(BAD)
        await anyio.sleep(2.0)
        assert_stopped(life, world, "hf_low")


async def test_watch__contradicted_and_resolved__opens_again_and_nothing_of_the_lie_stays() -> None:
    world = World("alpha", "beta")
    async with world.life() as life:
        world.chain.node("alpha").lies = {"main": account("1.2", net=100)}
        await world.block()
        assert life.mode() is Mode.OFF
        assert "disputed" in life.gate.shut_by()
        assert life.told()["endpoints_disagree"].effect is Effect.NO_TRADE
        assert "hf_low" not in life.told()  # nobody is believed yet
        await world.pass_s(20)
        world.chain.node("alpha").lies = {}
        await world.pass_s(10)
        assert_open(life)
        assert life.told() == {}
        assert {row.net_e8 for rows in world.journal.kept.values() for row in rows} == {14_000 * 10**8}
        assert life.watch.lowest_hf(world.clock.now()) == GOOD.health_factor


async def test_watch__contradicted_for_thirty_seconds__trips() -> None:
    world = World("alpha", "beta")
    async with world.life() as life:
        world.chain.node("alpha").lies = {"main": BAD}
        await world.block()
        await world.pass_s(25)
        assert life.mode() is Mode.OFF
        assert not life.is_open()
        await world.pass_s(5)
        assert_stopped(life, world, "endpoints_disagree")
        assert dict(life.told()["endpoints_disagree"].figures) == {"alpha": "1.5000", "beta": "2.0000"}


async def test_watch__one_of_two_falls_silent_in_a_dispute__the_other_alone_does_not_end_it() -> None:
    world = World("alpha", "beta", crosscheck_blocks=1)
    async with world.life() as life:
        world.chain.set("main", BAD)
        world.chain.node("alpha").lies = {"main": GOOD}  # alpha says fine and lies
        await world.block()
        await world.block()
        assert "disputed" in life.gate.shut_by()
        world.chain.node("beta").fault = EndpointFault.FAILED
        await world.pass_s(20)
        assert not life.is_open()
        await world.pass_s(20)
        assert_stopped(life, world, "endpoints_disagree")


async def test_watch__nobody_answers_in_a_dispute__it_trips_in_time_all_the_same() -> None:
    world = World("alpha", "beta")
    async with world.life() as life:
        world.chain.node("alpha").lies = {"main": BAD}
        await world.block()
        for name in ("alpha", "beta"):
            world.chain.node(name).fault = EndpointFault.STALE
        await world.pass_s(35)
        assert_stopped(life, world, "endpoints_disagree")


# ---------------------------------------------------------------- three endpoints


async def test_watch__odd_one_of_three_says_bad__is_set_aside_with_a_critical_finding() -> None:
    world = World("alpha", "beta", "gamma")
    async with world.life() as life:
        world.chain.node("alpha").lies = {"main": BAD}
        await world.block()
        assert_open(life)
        assert life.told()["endpoint_contradicted"].level is Level.CRITICAL
        assert life.told()["endpoint_contradicted"].subject == "alpha"
        assert world.chain.node("alpha").aside is not None
        assert "endpoint_set_aside" not in life.told()  # told once
        await world.pass_s(60)
        assert_open(life)


async def test_watch__two_of_three_say_bad__trips_and_nobody_waits_for_the_third() -> None:
    world = World("alpha", "beta", "gamma")
    async with world.life() as life:
        world.chain.node("gamma").lies = {"main": GOOD}
        world.chain.node("gamma").takes_s = 1.9
        world.chain.set("main", BAD)
        world.chain.mine()
        await anyio.sleep(0.001)
        assert_stopped(life, world, "hf_low")


async def test_watch__two_of_three_say_bad_and_the_best_says_fine__trips() -> None:
    world = World("alpha", "beta", "gamma", crosscheck_blocks=1)
    async with world.life() as life:
        world.chain.node("alpha").lies = {"main": GOOD}
        await world.block(BAD)
        await world.block()
        assert_stopped(life, world, "hf_low")


async def test_watch__third_cannot_read_the_position__is_no_liar() -> None:
    world = World("alpha", "beta", "gamma")
    async with world.life() as life:
        world.chain.node("gamma").lies = {"main": None}
        world.chain.node("alpha").lies = {"main": BAD}
        await world.block()
        assert not life.is_open()
        assert world.chain.node("gamma").aside is None
        assert world.chain.node("beta").aside is None


# ---------------------------------------------------------------- the periodic cross-check


async def test_crosscheck__liar_that_says_fine__is_found_within_so_many_blocks() -> None:
    world = World("alpha", "beta", "gamma", crosscheck_blocks=10)
    async with world.life() as life:
        world.chain.node("alpha").lies = {"main": GOOD}
        world.chain.set("main", NEAR)
        for _ in range(12):
            await world.block()
        assert life.told()["endpoint_contradicted"].subject == "alpha"
        await world.block()
        assert life.watch.readings()[0].health_factor == NEAR.health_factor
        assert_open(life)


async def test_crosscheck__block_numbers_that_repeat_a_pattern__each_other_endpoint_is_asked() -> None:
    world = World("alpha", "beta", "gamma", crosscheck_blocks=10)
    async with world.life() as life:
        world.chain.node("gamma").lies = {"main": NEAR}
        for _ in range(25):
            await world.block()
        assert life.told()["endpoint_contradicted"].subject == "gamma"
        assert_open(life)


async def test_crosscheck__second_does_not_answer_or_cannot_read__is_no_contradiction() -> None:
    world = World("alpha", "beta", crosscheck_blocks=1)
    async with world.life() as life:
        world.chain.node("beta").fault = EndpointFault.FAILED
        await world.pass_s(40)
        assert_open(life)
        world.chain.node("beta").fault = None
        world.chain.node("beta").lies = {"main": None}
        await world.pass_s(40)
        assert_open(life)
        world.chain.node("beta").takes_s = 5.0
        await world.pass_s(40)
        assert_open(life)


async def test_crosscheck__second_alone_can_read_and_says_bad__shuts_and_trips() -> None:
    world = World("alpha", "beta", crosscheck_blocks=1)
    async with world.life() as life:
        world.chain.node("alpha").lies = {"main": None}
        await world.block(BAD)
        await world.block()
        assert not life.is_open()
        await world.pass_s(40)
        assert life.mode() is Mode.ON


async def test_crosscheck__after_a_resume__checks_every_block_for_a_while() -> None:
    world = World("alpha", "beta", crosscheck_blocks=1_000)
    async with world.life() as life:
        await world.block(BAD)
        await world.pass_s(61)
        await world.block(GOOD)
        assert await life.estop.resume(("hanako", "taro"), []) is None
        await world.block()
        assert_open(life)
        world.chain.node("beta").lies = {"main": NEAR}
        await world.block()
        await world.block()
        assert "disputed" in life.gate.shut_by()
