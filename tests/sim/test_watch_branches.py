"""Endpoints with blocks of their own: forks, liars that make blocks up, and those that only lag."""

import anyio
import pytest

from tests.sim.watching import BAD, BLOCK_S, GOOD, NEAR, Life, World, assert_open, assert_stopped
from ultrad.core.estop import Mode
from ultrad.core.events import Effect, Level
from ultrad.ports import EndpointFault

pytestmark = pytest.mark.looptime


async def apart(world: World, heads: int) -> None:
    """So many blocks on both branches; the forked one is announced last."""
    for _ in range(heads):
        world.chain.mine()
        world.chain.mine(branch="fork")
        await anyio.sleep(BLOCK_S)


def ahead(world: World, name: str) -> None:
    """The endpoint announces blocks of its own, one ahead of the others."""
    world.chain.fork(name)
    world.chain.mine(branch="fork")


async def open_through(world: World, life: Life, heads: int) -> bool:
    """Whether the gate was open whenever blocks came."""
    was = life.is_open()
    for _ in range(heads):
        await apart(world, 1)
        was = was and life.is_open()
    return was


@pytest.mark.parametrize("every", [1, 20])
async def test_crosscheck__liar_with_blocks_of_its_own_says_fine__stops_all_the_same(every: int) -> None:
    world = World("alpha", "beta", crosscheck_blocks=every)
    async with world.life() as life:
        world.chain.node("alpha").lies = {"main": GOOD}
        ahead(world, "alpha")
        world.chain.set("main", BAD)
        await apart(world, every + 2)
        assert "disputed" in life.gate.shut_by()
        await apart(world, 7)
        assert_stopped(life, world, "endpoints_disagree")
        assert dict(life.told()["endpoints_disagree"].figures) == {"alpha": "2.0000", "beta": "1.5000"}


async def test_crosscheck__second_is_on_a_fork_though_both_say_fine__is_a_contradiction_after_some_heads() -> None:
    world = World("alpha", "beta", crosscheck_blocks=1)
    async with world.life() as life:
        ahead(world, "alpha")
        await apart(world, 2)
        assert_open(life)
        await apart(world, 4)
        assert life.gate.shut_by() == ("disputed",)
        await apart(world, 7)
        assert life.mode() is Mode.ON
        assert life.causes == ["endpoints_disagree"]


async def test_crosscheck__reorganisation_of_two_blocks__does_not_matter() -> None:
    world = World("alpha", "beta", crosscheck_blocks=1)
    async with world.life() as life:
        for _ in range(5):
            ahead(world, "alpha")
            assert await open_through(world, life, 2)
            world.chain.rejoin("alpha")
            await world.pass_s(30)
        assert_open(life)
        assert life.told() == {}


async def test_crosscheck__second_is_always_a_block_late__confirms_by_its_own_head() -> None:
    world = World("alpha", "beta", crosscheck_blocks=1)
    async with world.life() as life:
        beta = world.chain.node("beta")
        for _ in range(200):
            beta.frozen = True
            world.chain.mine()
            await anyio.sleep(BLOCK_S)
            beta.frozen, beta.head = False, world.chain._known[-1]
        assert_open(life)
        assert life.told() == {}


async def test_crosscheck__late_second_is_still_before_a_recovery__holds_until_it_has_caught_up() -> None:
    world = World("alpha", "beta", crosscheck_blocks=1)
    async with world.life() as life:
        world.chain.fork("alpha", "ahead")
        world.chain.node("alpha").lies = {"main": NEAR}
        world.chain.set("main", BAD)
        world.chain.mine()
        world.chain.mine(branch="ahead")
        await anyio.sleep(BLOCK_S)
        assert life.gate.shut_by() == ("disputed",)
        world.chain.node("alpha").lies = {}
        world.chain.set("main", NEAR)
        world.chain.rejoin("alpha")
        await world.pass_s(10)
        assert_open(life)


async def test_crosscheck__one_of_three_is_on_a_fork__is_told_and_the_majority_goes_on() -> None:
    world = World("alpha", "beta", "gamma", crosscheck_blocks=1)
    async with world.life() as life:
        world.chain.fork("gamma")
        await apart(world, 40)
        assert_open(life)
        assert life.told()["endpoint_branched"].subject == "gamma"
        assert await open_through(world, life, 40)
        world.chain.rejoin("gamma")
        await world.pass_s(30)
        assert life.told() == {}


@pytest.mark.parametrize("how", ["failed", "slow", "unreadable"])
async def test_crosscheck__nobody_answers_for_minutes__allows_no_trade_until_somebody_does(how: str) -> None:
    world = World("alpha", "beta", crosscheck_blocks=20)
    async with world.life() as life:
        beta = world.chain.node("beta")
        beta.fault = EndpointFault.FAILED if how == "failed" else None
        beta.takes_s = 5.0 if how == "slow" else 0.0
        beta.lies = {"main": None} if how == "unreadable" else {}
        await world.pass_s(300)
        assert "crosscheck_unanswered" not in life.told()
        await world.pass_s(150)
        found = life.told()["crosscheck_unanswered"]
        assert (found.level, found.effect) == (Level.ALERT, Effect.NO_TRADE)
        assert_open(life)
        beta.fault, beta.takes_s, beta.lies = None, 0.0, {}
        await world.pass_s(30)
        assert life.told() == {}


async def test_crosscheck__the_only_other_serves_another_chain__counts_as_nobody() -> None:
    world = World("alpha", "beta", crosscheck_blocks=1)
    async with world.life() as life:
        world.chain.node("beta").fault = EndpointFault.WRONG_CHAIN
        await world.pass_s(400)
        assert "crosscheck_unanswered" in life.told()


async def test_crosscheck__a_single_endpoint__is_never_missed() -> None:
    world = World("alpha", crosscheck_blocks=1)
    async with world.life() as life:
        await world.pass_s(600)
        assert life.told() == {}
