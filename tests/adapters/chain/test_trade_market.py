"""What every `Market` keeps to, the fake and the real adapter on the devnet; and what only the real one can do."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Protocol

import anyio
import pytest
from web3 import Web3

from tests.fakes.clock import FakeClock
from tests.fakes.forwarder import Forwarder
from tests.fakes.trade_market import REFERENCE, FakeMarket
from ultrad.adapters.chain import account
from ultrad.adapters.chain.account import Traded
from ultrad.adapters.chain.book import BookFile
from ultrad.adapters.chain.pool import RpcChain
from ultrad.adapters.chain.settings import ChainSettings, EndpointSettings
from ultrad.adapters.chain.trade_market import TradeMarket
from ultrad.addresses import checksum
from ultrad.core import pool
from ultrad.core.pool import RAY, WHOLE
from ultrad.core.rounds import ChainUnavailable
from ultrad.devnet.devnet import Devnet
from ultrad.errors import Transient
from ultrad.i18n import msg
from ultrad.trade_ports import Call, Market, Quote
from ultrad.units import INFINITE_HF, Address, Now, hf_text

pytestmark = pytest.mark.chain
ETHER = 10**18
ABI = [
    {
        "type": "function", "name": name, "stateMutability": "nonpayable", "outputs": [],
        "inputs": [{"name": f"i{at}", "type": kind} for at, kind in enumerate(kinds)],
    }
    for name, kinds in (
        ("approve", ("address", "uint256")),
        ("supply", ("address", "uint256", "address", "uint16")),
        ("withdraw", ("address", "uint256", "address")),
    )
]  # fmt: skip


class ChainClock:
    """The chain's own time: these tests move it by hours."""

    def __init__(self, devnet: Devnet) -> None:
        self._devnet = devnet

    def now(self) -> Now:
        head = self._devnet.rpc("eth_getBlockByNumber", "latest", False)
        return Now(wall_ms=int(head["timestamp"], 16) * 1000, steady_ms=0)


class World(Protocol):
    """What happens outside the port."""

    market: Market

    def give(self, amount: int) -> None:
        """The wallet holds so much of the asset."""

    def apply(self, call: Call) -> None:
        """The call is mined."""

    def cap(self, left: int) -> None:
        """So much more may be supplied, about."""

    def fail(self) -> None:
        """Nothing answers."""

    def cannot_simulate(self) -> None:
        """No node has `eth_simulateV1`."""


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


class RealWorld:
    def __init__(self, devnet: Devnet, forwarders: dict[str, Forwarder], chain: RpcChain, traded: Traded) -> None:
        self.devnet = devnet
        self.forwarders = forwarders
        self.chain = chain
        self.traded = traded
        self.market: Market = TradeMarket(chain, traded)

    def __getitem__(self, name: str) -> Forwarder:
        return self.forwarders[name]

    def give(self, amount: int) -> None:
        self.devnet.mint("WETH", Decimal(amount).scaleb(-18))

    def apply(self, call: Call) -> None:
        data = "0x" + call.data.hex()
        self.devnet.send({"from": self.traded.account, "to": call.to, "data": data, "gas": hex(10**6)})

    def cap(self, left: int) -> None:
        token = self.devnet.addresses.token("WETH")
        cap = 10_010 + left // ETHER  # whole tokens, above what stands in the reference state
        self.devnet.call(self.devnet.addresses.configurator, "setSupplyCap(address,uint256)", token, cap)

    def fail(self) -> None:
        for one in self.forwarders.values():
            one.mode = "500"

    def cannot_simulate(self) -> None:
        for one in self.forwarders.values():
            one.missing.add("eth_simulateV1")


@asynccontextmanager
async def real_world(
    devnet: Devnet, tmp_path: Path, *, asset: str = "WETH", assets: tuple[Address, ...] = ()
) -> AsyncIterator[RealWorld]:
    settings = ChainSettings(
        chain_id=31337,
        addresses_provider=devnet.addresses.addresses_provider,
        positions=(("main", devnet.addresses.account),),
        stale_head_s=3600,
        call_timeout_s=1.0,
    )
    # Set-up leaves an endless allowance.
    token = devnet.addresses.token(asset)
    devnet.call(token, "approve(address,uint256)", devnet.addresses.pool, 0, sender=devnet.addresses.account)
    async with AsyncExitStack() as stack:
        forwarders = {
            name: await stack.enter_async_context(Forwarder(devnet.url_http).serving())
            for name in ("alpha", "beta")
        }
        chain = RpcChain(
            settings,
            [EndpointSettings(name, one.url) for name, one in forwarders.items()],
            clock=ChainClock(devnet),
            pauses=lambda _: 0.05,
            book_file=BookFile(tmp_path / "book.json", settings.chain_id, settings.addresses_provider),
            tell=lambda message: pytest.fail(str(message)),
        )
        await stack.enter_async_context(chain)
        yield RealWorld(devnet, forwarders, chain, Traded(devnet.addresses.account, token, assets))


@pytest.fixture
async def real(market: Devnet, tmp_path: Path) -> AsyncIterator[RealWorld]:
    async with real_world(market, tmp_path) as world:
        yield world


@pytest.fixture(params=["fake", "real"])
async def world(request: pytest.FixtureRequest, market: Devnet, tmp_path: Path) -> AsyncIterator[World]:
    if request.param == "fake":
        yield FakeWorld()
        return
    async with real_world(market, tmp_path) as found:
        yield found


async def fresh(world: World) -> Quote:
    """A quote of the newest block: nobody follows heads here, and one that is not old is not asked for again."""
    if isinstance(world, RealWorld):
        for one in world.chain._endpoints:
            await one.poll()
    return await world.market.quote()


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


# ---------------------------------------------------------------- calldata


async def test_calls__each__as_web3_encodes_them(real: RealWorld) -> None:
    await real.market.quote()
    owner, asset, where = real.traded.account, real.traded.asset, real.devnet.addresses
    contract = Web3().eth.contract(abi=ABI)
    for amount in (1, 123_456_789, WHOLE):
        for call, target, name, arguments in (
            (real.market.approve(amount), asset, "approve", [where.pool, amount]),
            (real.market.supply(amount), where.pool, "supply", [asset, amount, owner, 0]),
            (real.market.withdraw(amount), where.pool, "withdraw", [asset, amount, owner]),
        ):
            assert (call.to, call.about, call.value_wei) == (target, name, 0)
            assert "0x" + call.data.hex() == contract.encode_abi(name, args=arguments)


async def test_calls__before_anything_was_read__not_known_yet(real: RealWorld) -> None:
    with pytest.raises(Transient, match="not known yet"):
        real.market.supply(1)


# ---------------------------------------------------------------- one block, one endpoint


@pytest.mark.parametrize("mode", ["500", "html", "hang", "latest"])
async def test_quote__one_endpoint_misbehaves__the_other_gives_the_whole(real: RealWorld, mode: str) -> None:
    await fresh(real)
    real["alpha"].mode = mode
    real.devnet.increase_time(60)  # what "latest" answers is of another block than the head that is known
    quote = await real.market.quote()
    assert quote.endpoint == "beta"
    assert pool.health_factor(quote.holdings, quote.revision) == quote.health_factor


async def test_quote__all_answer_for_another_block__never_a_quote(real: RealWorld) -> None:
    await fresh(real)
    for one in real.forwarders.values():
        one.mode = "latest"
    real.devnet.increase_time(60)
    with pytest.raises(ChainUnavailable, match="as of another block"):
        await real.market.quote()


@pytest.mark.parametrize("mode", ["good", "numbers"])
async def test_quote__blocks_come_between_its_calls__of_one_block_all_the_same(real: RealWorld, mode: str) -> None:
    def meanwhile(method: str) -> None:
        if method == "eth_call":
            real.devnet.set_price("WETH", real.devnet.price("WETH") - 1)
            real.devnet.increase_time(3600)

    real.devnet.supply("WBTC", Decimal(1))
    for one in real.forwarders.values():
        one.mode, one.before = mode, meanwhile
    for _ in range(3):
        quote = await fresh(real)
        assert quote.known_rounding
        assert pool.health_factor(quote.holdings, quote.revision) == quote.health_factor
        at = int(real.devnet.rpc("eth_getBlockByHash", quote.block.hash, False)["number"], 16)
        data = real.devnet.rpc(
            "eth_call",
            {"to": real.devnet.addresses.pool, "data": "0xbf92857c" + real.traded.account[2:].rjust(64, "0")},
            hex(at),
        )
        assert int(data[-64:], 16) == quote.health_factor


async def test_quote__known_already__one_question(real: RealWorld) -> None:
    await fresh(real)
    before = len(real["alpha"].asked)
    await real.market.quote()
    assert real["alpha"].asked[before:] == ["eth_call"]


# ---------------------------------------------------------------- what the account uses


async def test_quote__the_account_uses_more_by_and_by__all_of_it_is_read(real: RealWorld) -> None:
    assert {one.symbol for one in (await fresh(real)).holdings} == {"WETH", "USDC"}
    real.devnet.supply("WBTC", Decimal("0.5"))
    real.devnet.borrow("WBTC", Decimal("0.1"))
    real.devnet.increase_time(86_400)
    quote = await fresh(real)
    assert quote.known_rounding
    assert {one.symbol: (one.scaled_supply > 0, one.scaled_debt > 0) for one in quote.holdings} == {
        "WETH": (True, False),
        "USDC": (False, True),
        "WBTC": (True, True),
    }
    assert all(one.debt_index > RAY for one in quote.holdings if one.scaled_debt)


async def test_quote__assets_of_the_wallet__count_as_funds(market: Devnet, tmp_path: Path) -> None:
    tokens = market.addresses.tokens
    async with real_world(market, tmp_path, assets=(tokens[1], tokens[0], tokens[1])) as world:
        world.give(ETHER)
        quote = await fresh(world)
        # 11,000 USDC that were borrowed, one ether, and 14,000 in the pool; WBTC is none of the assets.
        market.mint("WBTC", Decimal(1))
        assert abs(quote.room.funds_e8 - 27_500 * 10**8) < 10**6
        assert abs((await fresh(world)).room.funds_e8 - 27_500 * 10**8) < 10**6


async def test_quote__supplied_but_not_as_collateral__counts_as_funds_only(real: RealWorld) -> None:
    real.devnet.supply("WBTC", Decimal(1))
    real.devnet.call(
        real.devnet.addresses.pool,
        "setUserUseReserveAsCollateral(address,bool)",
        *(real.devnet.addresses.token("WBTC"), False),
        sender=real.traded.account,
    )
    quote = await fresh(real)
    assert hf_text(quote.health_factor) == "1.8863"
    assert {one.symbol for one in quote.holdings} == {"WETH", "USDC"}  # it is neither in use nor configured
    traded = Traded(real.traded.account, real.traded.asset, real.devnet.addresses.tokens)
    funds_e8 = (await TradeMarket(real.chain, traded).quote()).room.funds_e8
    assert abs(funds_e8 - (14_000 + 11_000 + 60_000) * 10**8) < 10**6


async def test_quote__emode__its_threshold_counts_where_it_applies(real: RealWorld) -> None:
    where, owner = real.devnet.addresses, real.traded.account
    await fresh(real)
    label = (0xA0, 1, ord("e") << 248)
    signature = "setEModeCategory(uint8,uint16,uint16,uint16,string)"
    real.devnet.call(where.configurator, signature, 1, 9000, 9300, 10100, *label)
    for name in ("setAssetCollateralInEMode", "setAssetBorrowableInEMode"):
        for symbol in ("WETH", "USDC")[: 1 if "Collateral" in name else 2]:
            real.devnet.call(where.configurator, f"{name}(address,uint8,bool)", where.token(symbol), 1, True)
    real.devnet.call(where.pool, "setUserEMode(uint8)", 1, sender=owner)
    quote = await fresh(real)
    assert (quote.emode, quote.known_rounding, hf_text(quote.health_factor)) == (1, True, "2.1136")
    assert {one.symbol: one.threshold_bps for one in quote.holdings} == {"WETH": 9300, "USDC": 7800}
    # A bit of its own takes the loan-to-value away; what is supplied first is no collateral then.
    assert [one.becomes_collateral for one in quote.holdings] == [True, True]
    real.devnet.call(
        where.configurator, "setAssetLtvzeroInEMode(address,uint8,bool)", where.token("WETH"), 1, True
    )
    assert [one.becomes_collateral for one in (await fresh(real)).holdings] == [False, True]


@pytest.mark.parametrize("collateral", [True, False])
async def test_supply__for_the_first_time__collateral_as_foretold(
    market: Devnet, tmp_path: Path, *, collateral: bool
) -> None:
    if not collateral:
        where = market.addresses
        market.call(where.configurator, "setReserveLtvzero(address,bool)", where.token("WBTC"), True)
    async with real_world(market, tmp_path, asset="WBTC") as world:
        market.mint("WBTC", Decimal(1))
        quote = await fresh(world)
        assert quote.holdings[0].becomes_collateral is collateral
        world.apply(world.market.approve(10**8))
        world.apply(world.market.supply(10**8))
        computed = pool.after_supply(quote.holdings, world.traded.asset, 10**8, quote.revision)
        after = await fresh(world)
        assert after.holdings[0].as_collateral is computed[0].as_collateral is collateral
        assert abs(after.health_factor - pool.health_factor(computed, quote.revision)) < 10**12


async def test_quote__no_reserve_or_no_account__says_so_or_infinite(market: Devnet, tmp_path: Path) -> None:
    async with real_world(market, tmp_path) as world:
        nobody = Traded(checksum("0x" + "77" * 20), world.traded.asset)
        quote = await TradeMarket(world.chain, nobody).quote()
        assert (quote.health_factor, quote.wei, quote.room.funds_e8) == (INFINITE_HF, 0, 0)
        stranger = Traded(world.traded.account, market.addresses.pool)
        with pytest.raises(ChainUnavailable, match="is no reserve of this Aave market"):
            await TradeMarket(world.chain, stranger).quote()


async def test_quote__arithmetic_is_not_the_pools__said_to_be_unknown(
    real: RealWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(pool._RULES, 10, pool._UNTIL_V34)
    real.devnet.increase_time(86_400)
    quote = await fresh(real)
    assert not quote.known_rounding
    monkeypatch.delitem(pool._RULES, 10)
    assert not (await real.market.quote()).known_rounding


async def test_quote__two_at_once_as_what_is_kept_runs_out__both_whole(real: RealWorld) -> None:
    reader = TradeMarket(real.chain, replace(real.traded, static_refresh_s=0))
    found: list[Quote] = []

    async def one() -> None:
        for _ in range(5):
            found.append(await reader.quote())  # noqa: PERF401 - one after the other

    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(one)
    assert len(found) == 15
    assert {(quote.known_rounding, len(quote.holdings)) for quote in found} == {(True, 2)}


PLAIN = account._Terms(id=0, ltv_bps=8000, threshold_bps=8300, has_ceiling=False)
BARE = account._Terms(id=1, ltv_bps=0, threshold_bps=0, has_ceiling=False)
CAPPED = account._Terms(id=2, ltv_bps=5000, threshold_bps=6000, has_ceiling=True)
NO_EMODE = account._EMode()
EMODE = account._EMode(ltv_bps=9000, threshold_bps=9300, collateral=0b011)


@pytest.mark.parametrize(
    ("bits", "revision", "emode", "thresholds", "become"),
    [
        (0b10, 10, NO_EMODE, [8300, 0, 6000], [True, False, False]),
        (0b10, 10, EMODE, [9300, 9300, 6000], [True, True, False]),
        (0b10, 9, EMODE, [9300, 0, 6000], [True, False, False]),  # of a reserve without its own it was none
        (0b10, 10, replace(EMODE, without_ltv=0b001), [9300, 9300, 6000], [False, True, False]),
        (0b100000, 10, NO_EMODE, [8300, 0, 6000], [False, False, False]),  # the only collateral is isolated
        (0b100010, 10, NO_EMODE, [8300, 0, 6000], [True, False, False]),
        (0b100000, 11, NO_EMODE, [8300, 0, 6000], [True, False, True]),  # there is no isolation any more
        (0b10, 11, replace(EMODE, isolated=True), [9300, 9300, 6000], [True, True, False]),
    ],
)
def test_judged__each_versions_rules__what_counts_for_the_account(
    bits: int, revision: int, emode: account._EMode, thresholds: list[int], become: list[bool]
) -> None:
    judged = account._judged([PLAIN, BARE, CAPPED], bits, revision, emode)
    assert [one.threshold_bps for one in judged] == thresholds
    assert [one.becomes_collateral for one in judged] == become
    assert [one.as_collateral for one in judged] == [bool(bits >> 2 * index + 1 & 1) for index in range(3)]


# ---------------------------------------------------------------- what a call would do


async def test_simulate__node_fails_otherwise_than_the_call__the_other_is_asked(real: RealWorld) -> None:
    await fresh(real)
    real["alpha"].errors["eth_call"] = {"code": -32603, "message": "internal trouble"}
    assert (await real.market.simulate(real.market.withdraw(1))).gas
    real["beta"].errors["eth_estimateGas"] = {"code": -32603, "message": "internal trouble"}
    with pytest.raises(ChainUnavailable):
        await real.market.simulate(real.market.withdraw(1))


async def test_simulate__token_answers_false__not_accepted(real: RealWorld) -> None:
    await fresh(real)
    for one in real.forwarders.values():
        one.results["eth_call"] = "0x" + "0" * 64
    refused = await real.market.simulate(real.market.approve(1))
    assert (refused.gas, "did not accept" in str(refused.error)) == (None, True)
    for wrong in ("0xzz", 7, "1"):
        for one in real.forwarders.values():
            one.results["eth_call"] = wrong
        with pytest.raises(ChainUnavailable, match="impossible answer"):
            await real.market.simulate(real.market.approve(1))


async def test_health_after__one_node_has_it__that_one_says(real: RealWorld) -> None:
    await fresh(real)
    real["alpha"].missing.add("eth_simulateV1")
    assert await real.market.health_after((real.market.withdraw(1),))
    real["beta"].mode = "500"
    assert await real.market.health_after((real.market.withdraw(1),)) is None


@pytest.mark.parametrize("wrong", [None, [], [{}], [{"calls": [7]}], [{"calls": []}], [{"calls": [{}, {}, {}]}]])
async def test_health_after__impossible_answer__not_believed(real: RealWorld, wrong: object) -> None:
    await fresh(real)
    for one in real.forwarders.values():
        one.results["eth_simulateV1"] = wrong
    with pytest.raises(ChainUnavailable, match="impossible answer"):
        await real.market.health_after((real.market.withdraw(1),))


@pytest.mark.parametrize("data", ["0x", "0x" + "0" * 384, 7])
async def test_health_after__impossible_figures__not_believed(real: RealWorld, data: object) -> None:
    await fresh(real)
    for one in real.forwarders.values():
        call = {"status": "0x1", "returnData": data}
        one.results["eth_simulateV1"] = [{"calls": [call, call]}]
    with pytest.raises(ChainUnavailable, match="impossible answer"):
        await real.market.health_after((real.market.withdraw(1),))


def test_reference__of_the_fake__is_the_devnets() -> None:
    assert [one.scaled_supply for one in REFERENCE.holdings] == [10 * ETHER, 0]
