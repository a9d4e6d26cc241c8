"""The real market's quotes: of one block, and of all that the account uses."""

from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import anyio
import pytest

from tests.adapters.chain.trade_world import ETHER, RealWorld, fresh, real_world
from ultrad.adapters.chain import account
from ultrad.adapters.chain.account import Traded
from ultrad.adapters.chain.trade_market import TradeMarket
from ultrad.addresses import checksum
from ultrad.core import pool
from ultrad.core.pool import RAY
from ultrad.core.rounds import ChainUnavailable
from ultrad.devnet.devnet import Devnet
from ultrad.trade_ports import Quote
from ultrad.units import INFINITE_HF, hf_text

pytestmark = pytest.mark.chain


@pytest.fixture
async def real(market: Devnet, tmp_path: Path) -> AsyncIterator[RealWorld]:
    async with real_world(market, tmp_path) as world:
        yield world


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
