"""What every `Market` keeps to, the fake and the real adapter on the devnet."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.adapters.chain.trade_world import ETHER, World, fresh, real_world
from tests.fakes.clock import FakeClock
from tests.fakes.trade_market import REFERENCE, FakeMarket
from ultrad.core import pool
from ultrad.core.rounds import ChainUnavailable
from ultrad.devnet.devnet import Devnet
from ultrad.i18n import msg
from ultrad.trade_ports import Call, Market
from ultrad.units import hf_text

pytestmark = pytest.mark.chain


class FakeWorld:
    def __init__(self) -> None:
        self.fake = FakeMarket(FakeClock())
        self.market: Market = self.fake

    def give(self, amount: int) -> None:
        self.fake.state = replace(self.fake.state, wallet=amount)

    def apply(self, call: Call) -> None:
        self.fake.apply(call)

    def cap(self, left: int) -> None:
        self.fake.cap_left = left

    def fail(self) -> None:
        self.fake.down = msg("Nothing answers.")

    def cannot_simulate(self) -> None:
        self.fake.simulates = False


@pytest.fixture(params=["fake", "real"])
async def world(request: pytest.FixtureRequest, market: Devnet, tmp_path: Path) -> AsyncIterator[World]:
    if request.param == "fake":
        yield FakeWorld()
        return
    async with real_world(market, tmp_path) as found:
        yield found


# ---------------------------------------------------------------- what both keep to


async def test_quote__reference_position__all_of_it(world: World) -> None:
    world.give(2 * ETHER)
    quote = await fresh(world)
    assert hf_text(quote.health_factor) == "1.8863"
    assert (quote.revision, quote.known_rounding, quote.emode) == (10, True, 0)
    assert pool.health_factor(quote.holdings, quote.revision) == quote.health_factor
    assert (quote.room.asset.symbol, quote.room.asset.unit, quote.room.asset.price_e8) == (
        "WETH",
        ETHER,
        25 * 10**10,
    )
    assert (quote.room.wallet, quote.allowance, quote.room.cap_left) == (2 * ETHER, 0, None)
    assert quote.room.supplied == pool.supplied(quote.holdings[0], quote.revision)
    assert abs(quote.room.supplied - 10 * ETHER) < ETHER // 10**6
    assert quote.room.liquidity >= 10_000 * ETHER
    assert quote.room.lowest_funds_e8 == quote.room.funds_e8
    assert abs(quote.room.funds_e8 - 19_000 * 10**8) < 10**6
    assert (quote.room.used_e8, quote.wei > 10**17) == (0, True)
    assert world.market.asset == quote.holdings[0].asset


async def test_supply__not_approved_then_approved__taken_as_computed(world: World) -> None:
    world.give(2 * ETHER)
    quote = await fresh(world)
    supply, approve = world.market.supply(ETHER), world.market.approve(ETHER)
    refused = await world.market.simulate(supply)
    assert refused.gas is None
    assert "gave no reason" in str(refused.error)
    assert await world.market.health_after((supply,)) is None
    said = await world.market.health_after((approve, supply))
    computed = pool.after_supply(quote.holdings, quote.holdings[0].asset, ETHER, quote.revision)
    assert said is not None
    assert abs(said - pool.health_factor(computed, quote.revision)) < 10**12  # a second's interest
    allowed = await world.market.simulate(approve)
    assert allowed.error is None
    world.apply(approve)
    assert (await fresh(world)).allowance == ETHER
    taken = await world.market.simulate(supply)
    assert (taken.error, (taken.gas or 0) > 50_000) == (None, True)
    world.apply(supply)
    after = await fresh(world)
    assert (after.room.wallet, after.allowance) == (ETHER, 0)
    assert abs(after.room.supplied - quote.room.supplied - ETHER) < ETHER // 10**6
    assert abs(after.health_factor - said) < 10**12
    assert abs(after.room.funds_e8 - quote.room.funds_e8) < 10**6
    assert after.block.number > quote.block.number


async def test_withdraw__within_and_beyond_what_holds__simulated_by_name(world: World) -> None:
    quote = await fresh(world)
    withdraw = world.market.withdraw(ETHER)
    assert (await world.market.simulate(withdraw)).error is None
    said = await world.market.health_after((withdraw,))
    world.apply(withdraw)
    after = await fresh(world)
    assert said is not None
    assert abs(after.health_factor - said) < 10**12
    assert after.room.wallet == ETHER
    assert after.room.supplied < quote.room.supplied - ETHER + ETHER // 10**6
    for amount, name in (
        (8 * ETHER, "HealthFactorLowerThanLiquidationThreshold"),
        (11 * ETHER, "NotEnoughAvailableUserBalance"),
    ):
        refused = await world.market.simulate(world.market.withdraw(amount))
        assert (refused.gas, name in str(refused.error)) == (None, True)
        assert await world.market.health_after((world.market.withdraw(amount),)) is None


async def test_supply__over_the_cap__refused_by_name_and_room_says_so(world: World) -> None:
    world.give(50 * ETHER)
    world.cap(20 * ETHER)
    quote = await fresh(world)
    left = quote.room.cap_left
    assert left is not None
    assert 19 * ETHER < left <= 20 * ETHER
    world.apply(world.market.approve(50 * ETHER))
    refused = await world.market.simulate(world.market.supply(left + ETHER))
    assert "SupplyCapExceeded" in str(refused.error)
    assert (await world.market.simulate(world.market.supply(left - ETHER // 100))).error is None
    assert world.market.supply(5).about == "supply"


async def test_all__nothing_answers__unavailable(world: World) -> None:
    await fresh(world)
    world.fail()
    with pytest.raises(ChainUnavailable):
        await world.market.quote()
    with pytest.raises(ChainUnavailable):
        await world.market.simulate(world.market.withdraw(1))
    with pytest.raises(ChainUnavailable):
        await world.market.health_after((world.market.withdraw(1),))


async def test_health_after__no_node_has_it__none(world: World) -> None:
    await fresh(world)
    world.cannot_simulate()
    assert await world.market.health_after((world.market.withdraw(1),)) is None
    await world.market.quote()  # nobody is worse for it


def test_reference__of_the_fake__is_the_devnets() -> None:
    assert [one.scaled_supply for one in REFERENCE.holdings] == [10 * ETHER, 0]
