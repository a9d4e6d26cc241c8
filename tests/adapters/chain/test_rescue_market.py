"""What every `RescueMarket` keeps to, the fake and the real adapter on the devnet."""

from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Protocol

import pytest
from web3 import Web3

from tests.adapters.chain.trade_world import ETHER, RealWorld, real_world
from tests.fakes.clock import FakeClock
from tests.fakes.rescue_market import FakeRescueMarket
from tests.fakes.trade_market import FakeMarket
from ultrad.adapters.chain.rescue_market import AaveRescueMarket
from ultrad.core import pool, rescue
from ultrad.core.pool import WHOLE
from ultrad.core.rescue import Means, Measure
from ultrad.core.rounds import ChainUnavailable
from ultrad.devnet.devnet import Devnet
from ultrad.errors import Transient
from ultrad.i18n import msg
from ultrad.trade_ports import Call, PatientAt, RescueMarket
from ultrad.units import Address, hf_text

pytestmark = pytest.mark.chain
USDC = 10**6
INTEREST = 10**12
"""Of a health factor, in some seconds."""


class World(Protocol):
    """What happens outside the port. assets: the supplied one, and the one that is owed."""

    market: RescueMarket
    assets: tuple[Address, Address]

    async def patient(self) -> PatientAt:
        """Of the newest block."""

    def purse(self, collateral: int, owed: int) -> None:
        """The wallet holds exactly so much of either, and allows nothing."""

    def apply(self, call: Call) -> None:
        """The call is mined."""

    def pause(self, asset: Address) -> None:
        """A reserve takes nothing any more."""

    def cap(self, left: int) -> None:
        """So much more of the collateral may be supplied, about."""

    def fail(self) -> None:
        """Nothing answers."""

    def cannot_simulate(self) -> None:
        """No node has `eth_simulateV1`."""


class FakeWorld:
    def __init__(self) -> None:
        self.fake = FakeMarket(FakeClock())
        self.rescue = FakeRescueMarket(self.fake)
        self.market: RescueMarket = self.rescue
        first, second = self.fake.state.holdings
        self.assets = (first.asset, second.asset)

    async def patient(self) -> PatientAt:
        return await self.market.patient()

    def purse(self, collateral: int, owed: int) -> None:
        self.fake.state = replace(
            self.fake.state, wallet=collateral, other_wallet=owed, allowance=0, other_allowance=0
        )

    def apply(self, call: Call) -> None:
        self.fake.apply(call)

    def pause(self, asset: Address) -> None:
        self.rescue.closed.add(asset)

    def cap(self, left: int) -> None:
        self.fake.cap_left = left

    def fail(self) -> None:
        self.fake.down = msg("Nothing answers.")

    def cannot_simulate(self) -> None:
        self.fake.simulates = False


class OnDevnet:
    def __init__(self, real: RealWorld) -> None:
        self.real, where = real, real.devnet.addresses
        self.market: RescueMarket = AaveRescueMarket(real.chain, real.traded)
        self.assets = (where.token("WETH"), where.token("USDC"))

    async def patient(self) -> PatientAt:
        for one in self.real.chain._endpoints:
            await one.poll()
        return await self.market.patient()

    def purse(self, collateral: int, owed: int) -> None:
        devnet, account = self.real.devnet, self.real.traded.account
        amounts = (("WETH", collateral, 18), ("USDC", owed, 6))
        for (symbol, amount, decimals), token in zip(amounts, self.assets, strict=True):
            devnet.call(token, "approve(address,uint256)", devnet.addresses.pool, 0, sender=account)
            (held,) = devnet.read(token, "balanceOf(address)", account)
            devnet.call(token, "transfer(address,uint256)", devnet.addresses.deployer, held, sender=account)
            devnet.mint(symbol, Decimal(amount).scaleb(-decimals))

    def apply(self, call: Call) -> None:
        self.real.apply(call)

    def pause(self, asset: Address) -> None:
        self.real.devnet.set_reserve(("WETH", "USDC")[self.assets.index(asset)], paused=True)

    def cap(self, left: int) -> None:
        self.real.cap(left)

    def fail(self) -> None:
        self.real.fail()

    def cannot_simulate(self) -> None:
        self.real.cannot_simulate()


@pytest.fixture
async def devnet_world(market: Devnet, tmp_path: Path) -> AsyncIterator[OnDevnet]:
    async with real_world(market, tmp_path) as found:
        yield OnDevnet(found)


@pytest.fixture(params=["fake", "real"])
async def world(request: pytest.FixtureRequest, market: Devnet, tmp_path: Path) -> AsyncIterator[World]:
    if request.param == "fake":
        yield FakeWorld()
        return
    async with real_world(market, tmp_path) as found:
        yield OnDevnet(found)


def _means(found: PatientAt, asset: Address) -> Means:
    return rescue.means_of(found.patient, asset)


# ---------------------------------------------------------------- what both keep to


async def test_patient__reference_position__both_assets_and_what_there_is_of_them(world: World) -> None:
    world.purse(2 * ETHER, 5_000 * USDC)
    found = await world.patient()
    collateral, owed = world.assets
    patient = found.patient
    assert (hf_text(patient.health_factor), patient.revision, patient.known) == ("1.8863", 10, True)
    assert pool.health_factor(patient.holdings, patient.revision) == patient.health_factor
    assert {one.asset for one in patient.means} == {one.asset for one in patient.holdings} == {collateral, owed}
    assert _means(found, collateral) == Means(collateral, 2 * ETHER, 0, True, True, None)
    assert _means(found, owed) == Means(owed, 5_000 * USDC, 0, True, True, None)
    assert found.block.number > 0
    assert found.endpoint


async def test_repay__not_approved_then_approved__debt_falls_as_computed(world: World) -> None:
    world.purse(0, 4_000 * USDC)
    before = await world.patient()
    _, owed = world.assets
    approve, repay = world.market.approve(owed, 4_000 * USDC), world.market.act(Measure.REPAY, owed, 4_000 * USDC)
    assert (approve.about, repay.about) == ("approve", "repay")
    refused = await world.market.simulate(repay)
    assert refused.gas is None
    assert await world.market.health_after((repay,)) is None
    said = await world.market.health_after((approve, repay))
    assert said is not None
    assert abs(said - rescue.health_after(before.patient, Measure.REPAY, owed, 4_000 * USDC)) < INTEREST
    world.apply(approve)
    assert _means(await world.patient(), owed).allowance == 4_000 * USDC
    taken = await world.market.simulate(repay)
    assert (taken.error, (taken.gas or 0) > 50_000) == (None, True)
    world.apply(repay)
    after = await world.patient()
    assert (_means(after, owed).wallet, _means(after, owed).allowance) == (0, 0)
    assert abs(after.patient.health_factor - said) < INTEREST
    assert after.block.number >= before.block.number


async def test_add_collateral__approved__the_supply_rises_as_computed(world: World) -> None:
    world.purse(3 * ETHER, 0)
    before = await world.patient()
    collateral, _ = world.assets
    world.apply(world.market.approve(collateral, ETHER))
    call = world.market.act(Measure.ADD_COLLATERAL, collateral, ETHER)
    assert (await world.market.simulate(call)).error is None
    said = await world.market.health_after((call,))
    world.apply(call)
    after = await world.patient()
    assert said is not None
    assert abs(said - rescue.health_after(before.patient, Measure.ADD_COLLATERAL, collateral, ETHER)) < INTEREST
    assert abs(after.patient.health_factor - said) < INTEREST
    assert _means(after, collateral).wallet == 2 * ETHER


async def test_repay_with_atokens__nothing_supplied_of_what_is_owed__refused(world: World) -> None:
    world.purse(0, 1_000 * USDC)
    await world.patient()
    _, owed = world.assets
    call = world.market.act(Measure.REPAY_WITH_ATOKENS, owed, 100 * USDC)
    assert call.about == "repay_with_atokens"
    assert (await world.market.simulate(call)).gas is None
    assert await world.market.health_after((call,)) is None


async def test_patient__reserve_paused__neither_payable_nor_suppliable_and_refused_by_name(world: World) -> None:
    world.purse(ETHER, 1_000 * USDC)
    collateral, owed = world.assets
    await world.patient()
    world.apply(world.market.approve(owed, 1_000 * USDC))
    world.pause(owed)
    found = await world.patient()
    refused = await world.market.simulate(world.market.act(Measure.REPAY, owed, 1_000 * USDC))
    assert "ReservePaused" in str(refused.error)
    assert (_means(found, owed).payable, _means(found, owed).suppliable) == (False, False)
    assert (_means(found, collateral).payable, _means(found, collateral).suppliable) == (True, True)


async def test_patient__supply_cap__what_it_leaves(world: World) -> None:
    world.cap(20 * ETHER)
    left = _means(await world.patient(), world.assets[0]).cap_left
    assert left is not None
    assert 19 * ETHER < left <= 20 * ETHER


async def test_all__nothing_answers__unavailable(world: World) -> None:
    await world.patient()
    call = world.market.act(Measure.REPAY, world.assets[1], USDC)
    world.fail()
    with pytest.raises(ChainUnavailable):
        await world.market.patient()
    with pytest.raises(ChainUnavailable):
        await world.market.simulate(call)
    with pytest.raises(ChainUnavailable):
        await world.market.health_after((call,))


async def test_health_after__no_node_has_it__none(world: World) -> None:
    await world.patient()
    world.cannot_simulate()
    assert await world.market.health_after((world.market.approve(world.assets[1], USDC),)) is None
    await world.market.patient()  # nobody is worse for it


# ---------------------------------------------------------------- the real one alone


async def test_calls__each__as_web3_encodes_them(devnet_world: OnDevnet) -> None:
    await devnet_world.patient()
    account, where = devnet_world.real.traded.account, devnet_world.real.devnet.addresses
    asset = devnet_world.assets[1]
    kinds = {
        "approve": ("address", "uint256"),
        "repay": ("address", "uint256", "uint256", "address"),
        "repayWithATokens": ("address", "uint256", "uint256"),
        "supply": ("address", "uint256", "address", "uint16"),
    }
    abi = [
        {
            "type": "function", "name": name, "stateMutability": "nonpayable", "outputs": [],
            "inputs": [{"name": f"i{at}", "type": kind} for at, kind in enumerate(types)],
        }
        for name, types in kinds.items()
    ]  # fmt: skip
    contract = Web3().eth.contract(abi=abi)
    market = devnet_world.market
    for amount in (1, 123_456_789, WHOLE):
        for call, target, name, arguments in (
            (market.approve(asset, amount), asset, "approve", [where.pool, amount]),
            (market.act(Measure.REPAY, asset, amount), where.pool, "repay", [asset, amount, 2, account]),
            (
                market.act(Measure.REPAY_WITH_ATOKENS, asset, amount),
                where.pool,
                "repayWithATokens",
                [asset, amount, 2],
            ),
            (market.act(Measure.ADD_COLLATERAL, asset, amount), where.pool, "supply", [asset, amount, account, 0]),
        ):
            assert (call.to, call.value_wei) == (target, 0)
            assert "0x" + call.data.hex() == contract.encode_abi(name, args=arguments)


async def test_calls__before_anything_was_read__not_known_yet(devnet_world: OnDevnet) -> None:
    with pytest.raises(Transient, match="not known yet"):
        devnet_world.market.act(Measure.REPAY, devnet_world.assets[1], 1)


async def test_patient__reserve_frozen__payable_and_not_suppliable(devnet_world: OnDevnet) -> None:
    collateral, _ = devnet_world.assets
    devnet_world.real.devnet.set_reserve("WETH", frozen=True)
    found = _means(await devnet_world.patient(), collateral)
    assert (found.payable, found.suppliable) == (True, False)
