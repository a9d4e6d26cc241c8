"""The chain reader on the real market: figures against web3, isolation, reorganisations, prices and their age."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import anyio
import pytest
from eth_abi.abi import decode
from eth_utils.crypto import keccak

from ultrad.adapters.chain.book import BookFile
from ultrad.adapters.chain.pool import RpcChain
from ultrad.adapters.chain.settings import ChainSettings, EndpointSettings
from ultrad.addresses import checksum
from ultrad.core.position import Market, Reserve, Sequencer
from ultrad.core.rounds import ChainUnavailable
from ultrad.devnet.devnet import Devnet
from ultrad.errors import Transient
from ultrad.units import INFINITE_HF, Address, Now, hf_text

NOBODY = checksum("0x" + "77" * 20)


class HostClock:
    def now(self) -> Now:
        return Now(wall_ms=time.time_ns() // 10**6, steady_ms=time.monotonic_ns() // 10**6)


def settings(devnet: Devnet, **changes: object) -> ChainSettings:
    plain = ChainSettings(
        chain_id=31337,
        addresses_provider=devnet.addresses.addresses_provider,
        positions=(("main", devnet.addresses.account),),
        stale_head_s=3600,
        poll_interval_s=0.2,
        quiet_s=1.0,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


@asynccontextmanager
async def reader(
    devnet: Devnet, tmp_path: Path, which: ChainSettings, *, ws: bool = True
) -> AsyncIterator[RpcChain]:
    chain = RpcChain(
        which,
        [EndpointSettings("alpha", devnet.url_http, devnet.url_ws if ws else None)],
        clock=HostClock(),
        pauses=lambda _: 0.05,
        book_file=BookFile(tmp_path / "book.json", which.chain_id, which.addresses_provider),
        tell=lambda message: pytest.fail(str(message)),
    )
    async with chain:
        yield chain


async def market_of(devnet: Devnet, tmp_path: Path, **changes: object) -> Market:
    async with reader(devnet, tmp_path, settings(devnet, **changes)) as chain:
        return await chain.market()


def reserve(market: Market, symbol: str) -> Reserve:
    return next(one for one in market.reserves if one.symbol == symbol)


def ask(
    devnet: Devnet, target: str, signature: str, argument: str | None = None, *, outputs: list[str]
) -> tuple[int, ...]:
    """A call encoded and decoded by other hands than those under test."""
    data = keccak(text=signature)[:4] + (bytes(12) + bytes.fromhex(argument[2:]) if argument else b"")
    answer = devnet.rpc("eth_call", {"to": target, "data": "0x" + data.hex()}, "latest")
    return tuple(
        int(one) if not isinstance(one, str) else int(one, 16)
        for one in decode(outputs, bytes.fromhex(answer[2:]))
    )


@pytest.mark.parametrize("ws", [True, False])
async def test_read__reference_scenario__the_known_health_factors(
    market: Devnet, tmp_path: Path, *, ws: bool
) -> None:
    expected = {2400: "1.8109", 2380: "1.7958", 2100: "1.5845", 1400: "1.0563"}
    async with reader(market, tmp_path, settings(market), ws=ws) as chain, anyio.create_task_group() as group:
        group.start_soon(chain.run, lambda: None)
        with anyio.fail_after(10):
            await chain.next_head()
            assert hf_text((await chain.read()).readings[0].health_factor) == "1.8863"
            for price, health_factor in expected.items():
                number = int(market.set_price("WETH", Decimal(price))["blockNumber"], 16)
                while (await chain.next_head()).number < number:
                    pass
                batch = await chain.read()
                assert (batch.block.number, hf_text(batch.readings[0].health_factor)) == (number, health_factor)
        group.cancel_scope.cancel()


async def test_read__figures__those_of_the_contract(market: Devnet, tmp_path: Path) -> None:
    async with reader(market, tmp_path, settings(market)) as chain:
        reading = (await chain.read()).readings[0]
    pool = market.addresses.pool
    told = ask(market, pool, "getUserAccountData(address)", market.addresses.account, outputs=["uint256"] * 6)
    assert (reading.collateral_e8, reading.debt_e8, reading.health_factor) == (told[0], told[1], told[5])


async def test_read__many_positions_and_one_that_the_pool_refuses__each_on_its_own(
    market: Devnet, tmp_path: Path
) -> None:
    accounts = market.open_positions(12)
    which = settings(market, positions=(*((f"p{at}", one) for at, one in enumerate(accounts)), ("empty", NOBODY)))
    async with reader(market, tmp_path, which) as chain:
        batch = await chain.read()
        assert [one.position for one in batch.readings] == [name for name, _ in which.positions]
        assert {one.health_factor for one in batch.readings[:-1]} == {batch.readings[0].health_factor}
        assert batch.readings[-1].health_factor == INFINITE_HF
        # a price of 0 from one asset's source makes the pool's call revert only for those who use that asset
        market.supply("WBTC", Decimal(1), accounts[3])
        market.rpc("anvil_setCode", market.addresses.feed("WBTC"), "0xfe")
        market.mine()
        async with reader(market, tmp_path, which) as later:
            batch = await later.read()
    assert [one.position for one in batch.unreadable] == ["p3"]
    assert len(batch.readings) == 12


async def test_read__reorganised__the_new_branch_is_read(market: Devnet, tmp_path: Path) -> None:
    async with reader(market, tmp_path, settings(market)) as chain, anyio.create_task_group() as group:
        group.start_soon(chain.run, lambda: None)
        with anyio.fail_after(10):
            snapshot = market.snapshot()
            market.set_price("WETH", Decimal(2100))
            while hf_text((await chain.read()).readings[0].health_factor) != "1.5845":
                await chain.next_head()
            gone = (await chain.read()).block
            market.revert(snapshot)
            number = int(market.set_price("WETH", Decimal(2400))["blockNumber"], 16)
            assert number == gone.number
            while (head := await chain.next_head()).hash == gone.hash:
                pass
            batch = await chain.read()
            assert (batch.block, hf_text(batch.readings[0].health_factor)) == (head, "1.8109")
            with pytest.raises(Transient, match="not found"):
                await chain.read_at("alpha", gone)
        group.cancel_scope.cancel()


async def test_market__reserves_in_use_and_asked_for__as_the_contracts_say(market: Devnet, tmp_path: Path) -> None:
    found = await market_of(market, tmp_path)
    assert [one.symbol for one in found.reserves] == ["WETH", "USDC"]  # WBTC is nobody's
    found = await market_of(market, tmp_path, assets=(market.addresses.token("WBTC"),))
    assert [(one.symbol, one.decimals) for one in found.reserves] == [("WETH", 18), ("USDC", 6), ("WBTC", 8)]
    at = market.addresses
    for one in found.reserves:
        (price,) = ask(market, at.oracle, "getAssetPrice(address)", one.asset, outputs=["uint256"])
        a_token, *_ = ask(
            market, at.data_provider, "getReserveTokensAddresses(address)", one.asset, outputs=["address"] * 3
        )
        (supplied,) = ask(market, f"0x{a_token:040x}", "totalSupply()", outputs=["uint256"])
        (available,) = ask(market, at.pool, "getVirtualUnderlyingBalance(address)", one.asset, outputs=["uint128"])
        round_data = ask(
            market,
            at.feed(one.symbol),
            "latestRoundData()",
            outputs=["uint80", "int256", "uint256", "uint256", "uint80"],
        )
        assert (one.price_e8, one.supplied, one.available) == (price, supplied, available)
        assert one.price_updated_s == round_data[3]
        assert (one.active, one.frozen, one.paused) == (True, False, False)


@pytest.mark.parametrize("state", ["frozen", "paused", "inactive"])
async def test_market__reserve_is_switched__shown(market: Devnet, tmp_path: Path, state: str) -> None:
    market.set_reserve("WETH", **({"active": False} if state == "inactive" else {state: True}))
    weth = reserve(await market_of(market, tmp_path), "WETH")
    assert (not weth.active, weth.frozen, weth.paused) == (
        state == "inactive",
        state == "frozen",
        state == "paused",
    )


async def test_market__supply_cap__in_smallest_units(market: Devnet, tmp_path: Path) -> None:
    market.call(
        market.addresses.configurator, "setSupplyCap(address,uint256)", market.addresses.token("USDC"), 12_345
    )
    found = await market_of(market, tmp_path)
    assert (reserve(found, "USDC").supply_cap, reserve(found, "WETH").supply_cap) == (12_345 * 10**6, 0)


async def test_market__source_tells_no_time__age_unknown_unless_a_feed_is_named(
    market: Devnet, tmp_path: Path
) -> None:
    market.use_bare_source("WETH")
    assert reserve(await market_of(market, tmp_path), "WETH").price_updated_s is None
    feed = market.addresses.feed("WETH")
    market.set_feed_time("WETH", 1_700_000_000)
    found = await market_of(market, tmp_path, feeds=(("WETH", feed),))
    assert reserve(found, "WETH").price_updated_s == 1_700_000_000


async def test_market__sequencer__up_down_and_not_yet_known(market: Devnet, tmp_path: Path) -> None:
    feed = market.deploy_sequencer_feed(up=True, since_s=1_700_000_000)
    assert (await market_of(market, tmp_path, sequencer_feed=feed)).sequencer == Sequencer(True, 1_700_000_000)
    market.set_sequencer(feed, up=False, since_s=1_700_000_600)
    assert (await market_of(market, tmp_path, sequencer_feed=feed)).sequencer == Sequencer(False, 1_700_000_600)
    market.set_sequencer(feed, up=True, since_s=0)
    found = (await market_of(market, tmp_path, sequencer_feed=feed)).sequencer
    assert found is not None
    assert not found.up


@pytest.mark.parametrize("asset", [NOBODY, "provider"])
async def test_market__configured_asset_is_no_reserve__says_so(
    market: Devnet, tmp_path: Path, asset: Address
) -> None:
    wrong = market.addresses.addresses_provider if asset == "provider" else asset
    with pytest.raises(ChainUnavailable, match="no reserve of this Aave market"):
        await market_of(market, tmp_path, assets=(wrong,))
