"""What every `Allowances` keeps to, the fake and the real adapter on the devnet."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

import pytest

from tests.adapters.chain.trade_world import ETHER, RealWorld, real_world
from tests.fakes.allowances import ROUTER, FakeAllowances
from tests.fakes.clock import FakeClock
from tests.fakes.rescue_market import FakeRescueMarket
from tests.fakes.trade_market import POOL, USDC, WETH, FakeMarket
from ultrad.adapters.chain.allowances import TokenAllowances
from ultrad.adapters.chain.trade_market import TradeMarket
from ultrad.core.allowances import Allowance, AllowancesAt
from ultrad.core.rounds import ChainUnavailable
from ultrad.devnet.abi import UINT256_MAX
from ultrad.devnet.devnet import Devnet
from ultrad.i18n import msg
from ultrad.trade_ports import Allowances, Call, Market
from ultrad.units import Address

pytestmark = pytest.mark.chain


class World(Protocol):
    """What happens outside the port. asset: the traded one; other: another. pool: who takes what is supplied."""

    allowances: Allowances
    market: Market
    asset: Address
    other: Address
    pool: Address

    async def read(self, *also: Address) -> AllowancesAt:
        """At the newest block."""

    def allow(self, spender: Address, amount: int) -> None:
        """The account allows so much of the asset, by hand."""

    def apply(self, call: Call) -> None:
        """The call is mined."""

    def fail(self) -> None:
        """Nothing answers."""


class FakeWorld:
    asset, other, pool = WETH, USDC, POOL

    def __init__(self) -> None:
        self.fake = FakeMarket(FakeClock())
        self.market: Market = self.fake
        FakeRescueMarket(self.fake)
        self.double = FakeAllowances(self.fake)
        self.allowances: Allowances = self.double

    async def read(self, *also: Address) -> AllowancesAt:
        return await self.allowances.read(frozenset(also))

    def allow(self, spender: Address, amount: int) -> None:
        if spender == POOL:
            self.fake.apply(self.fake.approve(amount))
        else:
            self.double.routed = amount

    def apply(self, call: Call) -> None:
        self.fake.apply(call)

    def fail(self) -> None:
        self.fake.down = msg("Nothing answers.")


class OnDevnet:
    def __init__(self, real: RealWorld) -> None:
        self.real, where = real, real.devnet.addresses
        self.asset, self.other, self.pool = where.token("WETH"), where.token("USDC"), where.pool
        self.allowances: Allowances = TokenAllowances(real.chain, real.traded, (ROUTER,))
        self.market: Market = TradeMarket(real.chain, real.traded)

    async def read(self, *also: Address) -> AllowancesAt:
        for one in self.real.chain._endpoints:
            await one.poll()
        return await self.allowances.read(frozenset(also))

    def allow(self, spender: Address, amount: int) -> None:
        account = self.real.traded.account
        self.real.devnet.call(self.asset, "approve(address,uint256)", spender, amount, sender=account)

    def apply(self, call: Call) -> None:
        self.real.apply(call)

    def fail(self) -> None:
        self.real.fail()


@pytest.fixture(params=["fake", "real"])
async def world(request: pytest.FixtureRequest, market: Devnet, tmp_path: Path) -> AsyncIterator[World]:
    if request.param == "fake":
        yield FakeWorld()
        return
    async with real_world(market, tmp_path) as found:
        yield OnDevnet(found)


async def test_read__nothing_allowed__all_that_is_looked_at(world: World) -> None:
    found = await world.read()
    assert found.standing() == ()
    assert found.allowances == (
        Allowance(world.asset, "WETH", ETHER, world.pool, True, 0),
        Allowance(world.asset, "WETH", ETHER, ROUTER, False, 0),
    )
    assert found.endpoint


async def test_read__also_another_asset__with_its_unit(world: World) -> None:
    found = await world.read(world.other)
    pool = next(one for one in found.allowances if (one.asset, one.is_pool) == (world.other, True))
    assert (pool.symbol, pool.unit, pool.spender) == ("USDC", 10**6, world.pool)


@pytest.mark.parametrize("amount", [1, ETHER // 3, UINT256_MAX])
async def test_revoke__of_either_spender__that_one_alone_is_gone(world: World, amount: int) -> None:
    world.allow(world.pool, amount)
    world.allow(ROUTER, amount)
    found = await world.read()
    assert [(one.spender, one.amount) for one in found.standing()] == [(world.pool, amount), (ROUTER, amount)]
    for gone, left in ((ROUTER, [world.pool]), (world.pool, [])):
        call = world.allowances.revoke(world.asset, gone)
        assert (call.about, call.to, call.value_wei) == ("revoke", world.asset, 0)
        simulated = await world.market.simulate(call)
        assert (simulated.error, simulated.gas is not None) == (None, True)
        world.apply(call)
        assert [one.spender for one in (await world.read()).standing()] == left


async def test_read__nothing_answers__unavailable(world: World) -> None:
    await world.read()
    world.fail()
    with pytest.raises(ChainUnavailable):
        await world.allowances.read(frozenset())
