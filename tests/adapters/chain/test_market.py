"""The market's rarer shapes: price adapters, old pools, tokens with odd symbols, contracts that answer wrongly."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from eth_abi.abi import encode

from tests.adapters.chain import rig as rigs
from tests.fakes.rpc_server import RpcServer
from ultrad.addresses import checksum
from ultrad.core.position import Market, Reserve
from ultrad.core.rounds import ChainUnavailable
from ultrad.units import Address

WETH, USDC, BRIDGED = (checksum("0x" + digit * 40) for digit in "123")
A_TOKEN, SOURCE, FEED, OTHER_FEED = (checksum("0x" + digit * 40) for digit in "4567")
ROUND = ["uint80", "int256", "uint256", "uint256", "uint80"]
BITS = (18 << 48) | (1 << 56)


def feed(server: RpcServer, at: Address, updated_s: int) -> None:
    server.set(at, "latestRoundData()", b"", encode(ROUND, [9, 10**8, 1, updated_s, 9]))


def names(server: RpcServer, adapter: Address, getter: str, of: Address) -> None:
    server.set(adapter, getter, b"", encode(["address"], [of]))


def list_reserve(server: RpcServer, reserve_id: int, asset: Address, symbol: bytes | None = None) -> None:
    """A reserve whose price source tells no time."""
    one = encode(["address"], [asset])
    server.set(rigs.POOL, "getReserveAddressById(uint16)", encode(["uint16"], [reserve_id]), one)
    server.set(asset, "symbol()", b"", symbol if symbol is not None else encode(["string"], ["WETH"]))
    tokens = encode(["address"] * 3, [A_TOKEN] * 3)
    server.set(rigs.DATA_PROVIDER, "getReserveTokensAddresses(address)", one, tokens)
    server.set(rigs.ORACLE, "getSourceOfAsset(address)", one, encode(["address"], [SOURCE]))
    server.set(rigs.ORACLE, "getAssetPrice(address)", one, encode(["uint256"], [2_500 * 10**8]))
    server.set(rigs.POOL, "getConfiguration(address)", one, encode(["uint256"], [BITS]))
    server.set(rigs.POOL, "getVirtualUnderlyingBalance(address)", one, encode(["uint128"], [700]))
    server.set(A_TOKEN, "totalSupply()", b"", encode(["uint256"], [900]))
    server.set(asset, "balanceOf(address)", encode(["address"], [A_TOKEN]), encode(["uint256"], [800]))


def use(server: RpcServer, *bitmaps: int) -> None:
    """What each account borrows and has as collateral."""
    for (_, account), bitmap in zip(rigs.ACCOUNTS, bitmaps, strict=False):
        args = encode(["address"], [account])
        server.set(rigs.POOL, "getUserConfiguration(address)", args, encode(["uint256"], [bitmap]))


async def read(tmp_path: Path, furnish: Callable[[RpcServer], None], **changes: object) -> Market:
    async with rigs.nodes("alpha") as rig:
        list_reserve(rig["alpha"], 0, WETH)
        use(rig["alpha"], 0b10)
        furnish(rig["alpha"])
        await rig.mine()
        settings = replace(rigs.SETTINGS, **changes)  # type: ignore[arg-type]
        async with rigs.chain_of(rig, tmp_path, running=False, settings=settings) as chain:
            return await chain.market()


async def test_market__nothing_special__one_reserve(tmp_path: Path) -> None:
    market = await read(tmp_path, lambda server: feed(server, SOURCE, 123))
    assert market.reserves == (
        Reserve("WETH", WETH, 18, True, False, False, 0, 900, 700, 2_500 * 10**8, 123),  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("getter", ["ASSET_TO_USD_AGGREGATOR()", "BASE_TO_USD_AGGREGATOR()"])
async def test_market__capped_price_adapter__age_of_the_feed_that_it_reads(getter: str, tmp_path: Path) -> None:
    def furnish(server: RpcServer) -> None:
        names(server, SOURCE, getter, FEED)
        feed(server, FEED, 456)

    assert (await read(tmp_path, furnish)).reserves[0].price_updated_s == 456


async def test_market__adapter_of_an_adapter_with_two_feeds__the_older_one(tmp_path: Path) -> None:
    inner = checksum("0x" + "88" * 20)

    def furnish(server: RpcServer) -> None:
        names(server, SOURCE, "BASE_TO_USD_AGGREGATOR()", inner)
        names(server, inner, "ASSET_TO_PEG()", FEED)
        names(server, inner, "PEG_TO_BASE()", OTHER_FEED)
        feed(server, FEED, 456)
        feed(server, OTHER_FEED, 455)

    assert (await read(tmp_path, furnish)).reserves[0].price_updated_s == 455


async def test_market__adapters_in_a_ring__age_unknown(tmp_path: Path) -> None:
    def furnish(server: RpcServer) -> None:
        names(server, SOURCE, "ASSET_TO_PEG()", FEED)
        names(server, FEED, "ASSET_TO_PEG()", SOURCE)

    assert (await read(tmp_path, furnish)).reserves[0].price_updated_s is None


async def test_market__feed_stops_telling_its_age__as_if_never_updated(tmp_path: Path) -> None:
    async with rigs.nodes("alpha") as rig:
        server = rig["alpha"]
        list_reserve(server, 0, WETH)
        use(server, 0b10)
        feed(server, SOURCE, 123)
        await rig.mine()
        async with rigs.chain_of(rig, tmp_path, running=False) as chain:
            assert (await chain.market()).reserves[0].price_updated_s == 123
            server.set(SOURCE, "latestRoundData()", b"", None)
            server.shown = None
            await rig.mine()
            rig.clock.set_wall(rig.clock.wall.fromtimestamp(rig.time_s() + 61, rig.clock.wall.tzinfo))
            await rig.mine()
            assert (await chain.market()).reserves[0].price_updated_s == 0


async def test_market__both_accounts_and_configured_assets__each_reserve_once(tmp_path: Path) -> None:
    def furnish(server: RpcServer) -> None:
        list_reserve(server, 5, USDC, encode(["string"], ["USDC"]))
        list_reserve(server, 7, BRIDGED, encode(["string"], ["USDC"]))
        use(server, 0b10 | 1 << 10, 1 << 10)

    market = await read(tmp_path, furnish, assets=(BRIDGED, WETH))
    assert [(one.symbol, one.asset) for one in market.reserves] == [
        ("WETH", WETH),
        ("USDC 0x2222…2222", USDC),
        ("USDC 0x3333…3333", BRIDGED),
    ]


async def test_market__symbol_cannot_be_read__short_address(tmp_path: Path) -> None:
    market = await read(tmp_path, lambda server: server.set(WETH, "symbol()", b"", None))
    assert market.reserves[0].symbol == "0x1111…1111"


async def test_market__pool_without_virtual_balance__what_the_token_holds(tmp_path: Path) -> None:
    args = encode(["address"], [WETH])
    market = await read(
        tmp_path, lambda server: server.set(rigs.POOL, "getVirtualUnderlyingBalance(address)", args, None)
    )
    assert market.reserves[0].available == 800


@pytest.mark.parametrize(
    ("contract", "signature"),
    [(rigs.POOL, "getConfiguration(address)"), (rigs.ORACLE, "getAssetPrice(address)")],
)
@pytest.mark.parametrize("answer", [None, b"", b"\x01"])
async def test_market__a_needed_figure_is_missing__an_error_and_not_zero(
    contract: Address, signature: str, answer: bytes | None, tmp_path: Path
) -> None:
    args = encode(["address"], [WETH])
    with pytest.raises(ChainUnavailable, match="did not answer as an Aave V3 market"):
        await read(tmp_path, lambda server: server.set(contract, signature, args, answer))


async def test_market__sequencer_feed_is_no_feed__an_error(tmp_path: Path) -> None:
    with pytest.raises(ChainUnavailable, match="did not answer"):
        await read(tmp_path, lambda _: None, sequencer_feed=FEED)


async def test_market__read_twice__what_hardly_changes_is_asked_once(tmp_path: Path) -> None:
    async with rigs.nodes("alpha") as rig:
        list_reserve(rig["alpha"], 0, WETH)
        use(rig["alpha"], 0b10)
        await rig.mine()
        async with rigs.chain_of(rig, tmp_path, running=False) as chain:
            await chain.market()
            first = len(rig["alpha"].calls)
            await chain.market()
            assert rig["alpha"].calls[first:] == ["eth_call"] * 2
