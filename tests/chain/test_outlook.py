"""The outlook against the pool itself: at the price and at the second that it names, and beside them.

Random positions on a real Aave v3.6, read by the daemon's own adapter; what the pool says is read by other means.
"""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.adapters.chain.trade_world import ChainClock
from tests.chain.test_pool_math import PLANS, YEAR_S, Part, Plan, Position, busy
from ultrad.adapters.chain.book import BookFile
from ultrad.adapters.chain.pool import RpcChain
from ultrad.adapters.chain.settings import ChainSettings, EndpointSettings
from ultrad.adapters.chain.situations import AaveSituations
from ultrad.addresses import checksum
from ultrad.core import pool
from ultrad.core.outlook import Edge, Outlook, Reach, Situation, is_liquidated, outlook
from ultrad.core.whatif import Wish, Yard, suppose
from ultrad.devnet.abi import call_data, words
from ultrad.devnet.devnet import Devnet
from ultrad.units import WAD, Bps, Now, Wad

__all__ = ["busy"]
TRIP = Wad(16 * WAD // 10)
ANSWER_SLOT = "0x" + f"{1:064x}"
"""Where MockFeed keeps its answer (its second state variable)."""
QUIET = (HealthCheck.function_scoped_fixture, HealthCheck.too_slow)
FEW = settings(max_examples=12, suppress_health_check=QUIET, phases=(Phase.explicit, Phase.generate))
MANY = settings(max_examples=300, suppress_health_check=QUIET)
STORY = Plan(
    (250_012_345_678, 99_987_654, 6_000_011_111_111),
    (Part(2_500_000, True, 0), Part(700_000, True, 3_000), Part(0, True, 1_000)),
    emode=True,
    elapsed_s=YEAR_S // 3,
)


def read(devnet: Devnet, account: str, path: Path) -> Situation:
    """As the daemon reads it."""

    async def ask() -> Situation:
        configured = ChainSettings(
            chain_id=31_337,
            addresses_provider=devnet.addresses.addresses_provider,
            positions=(("main", checksum(account)),),
        )
        url = f"http://127.0.0.1:{devnet.port}"
        chain = RpcChain(
            configured,
            [EndpointSettings("alpha", url)],
            clock=ChainClock(devnet),
            pauses=lambda _: 0.1,
            book_file=BookFile(path / "addresses", 31_337, devnet.addresses.addresses_provider),
            tell=lambda _: None,
        )
        async with chain:
            return await AaveSituations(chain, configured.positions, configured.multicall).read("main")

    return asyncio.run(ask())


def hf_at_price(position: Position, there: Situation, symbol: str, price_e8: int) -> int:
    """The pool's own word at the block, were the feed's answer another."""
    feed = position.where.feed(symbol)
    override = {feed: {"stateDiff": {ANSWER_SLOT: "0x" + f"{price_e8:064x}"}}}
    question = {
        "to": position.where.pool,
        "data": call_data("getUserAccountData(address)", position.account),
    }
    answer = position.devnet.rpc("eth_call", question, {"blockHash": there.block.hash}, override)
    return words(answer)[5]


def hf_in(position: Position, there: Situation, seconds: int) -> int:
    """The pool's own word in a block so many seconds later; the chain is left as it was."""
    snapshot = position.devnet.snapshot()
    try:
        position.devnet.rpc("evm_setNextBlockTimestamp", hex(there.block.time_s + seconds))
        position.devnet.mine()
        return position.devnet.account_data(position.account).health_factor
    finally:
        position.devnet.revert(snapshot)


def check_prices(position: Position, there: Situation, found: Outlook) -> int:
    """Each price that is named, and the one beside it; how many there were."""
    count = 0
    for line in found.prices:
        for edge, limit in ((line.trip, TRIP), (line.liquidation, WAD - 1)):
            if edge.price_e8 is None:
                continue
            beside = edge.price_e8 + (1 if edge.price_e8 < line.price_e8 else -1)
            assert hf_at_price(position, there, line.symbol, edge.price_e8) <= limit
            assert hf_at_price(position, there, line.symbol, beside) > limit
            count += 1
    return count


def check_interest(position: Position, there: Situation, found: Outlook) -> int:
    """The second that is named, and the one before it."""
    count = 0
    for seconds, limit in ((found.to_trip_s, TRIP), (found.to_liquidation_s, WAD - 1)):
        if seconds is not None and seconds > 1:
            assert hf_in(position, there, seconds - 1) > limit
            assert hf_in(position, there, seconds) <= limit
            count += 1
    for seconds in (1, 3_600, YEAR_S):
        assert hf_in(position, there, seconds) == pool.health_factor(there.after(seconds), there.revision)
    return count


def story(devnet: Devnet, plan: Plan, path: Path) -> tuple[int, int, Outlook]:
    """One random position; how many prices and times were compared."""
    snapshot = devnet.snapshot()
    try:
        position = Position(devnet, plan)
        there = read(devnet, position.account, path)
        _, said = position.at("latest")
        found = outlook(there, TRIP, Now(0, 0))
        assert there.known
        assert found.health_factor == said.health_factor
        passed = said.health_factor <= TRIP
        assert all((one.trip.reach is Reach.PASSED) == passed for one in found.prices)
        return check_prices(position, there, found), check_interest(position, there, found), found
    finally:
        devnet.revert(snapshot)


@FEW
@given(PLANS)
def test_outlook__random_positions__the_pool_crosses_there(
    busy: Devnet, tmp_path_factory: pytest.TempPathFactory, plan: Plan
) -> None:
    story(busy, plan, tmp_path_factory.mktemp("book"))


@pytest.mark.prove
@MANY
@given(PLANS)
def test_outlook__many_random_positions__the_pool_crosses_there(
    busy: Devnet, tmp_path_factory: pytest.TempPathFactory, plan: Plan
) -> None:
    story(busy, plan, tmp_path_factory.mktemp("book"))


def test_outlook__a_position_with_everything__has_each_kind_of_limit(busy: Devnet, tmp_path: Path) -> None:
    """Else the random ones could pass without comparing anything."""
    prices, times, found = story(busy, STORY, tmp_path)
    assert prices >= 3
    assert times >= 1
    assert {one.symbol for one in found.prices} >= {"WETH", "USDC"}
    assert [one for one in found.prices if one.collateral and one.owed]


def test_outlook__nothing_used__nothing_at_stake(market: Devnet, tmp_path: Path) -> None:
    there = read(market, "0x" + "77" * 20, tmp_path)
    assert (there.holdings, there.known) == ((), True)
    assert outlook(there, TRIP, Now(0, 0)).prices == ()


def test_outlook__the_price_is_really_set__the_pool_liquidates_there_and_not_beside_it(
    market: Devnet, tmp_path: Path
) -> None:
    account = market.addresses.account
    there = read(market, account, tmp_path)
    when_s = there.block.time_s + 60
    moved = replace(there, holdings=there.after(60), block=replace(there.block, time_s=when_s))
    (eth,) = (one for one in outlook(moved, TRIP, Now(0, 0)).prices if one.symbol == "WETH")
    assert_crossing(market, "WETH", eth.trip, TRIP, when_s)
    assert_crossing(market, "WETH", eth.liquidation, Wad(WAD - 1), when_s)


def assert_crossing(market: Devnet, symbol: str, edge: Edge, limit: Wad, when_s: int) -> None:
    assert edge.price_e8 is not None
    factors = []
    for price_e8 in (edge.price_e8 + 1, edge.price_e8):
        snapshot = market.snapshot()
        market.rpc("evm_setNextBlockTimestamp", hex(when_s))
        market.set_answer(symbol, price_e8, when_s)
        factors.append(market.account_data().health_factor)
        market.revert(snapshot)
    assert factors[1] <= limit < factors[0]


def test_suppose__a_fall_by_a_fifth__is_what_the_pool_says_of_it(busy: Devnet, tmp_path: Path) -> None:
    snapshot = busy.snapshot()
    try:
        position = Position(busy, STORY)
        there = read(busy, position.account, tmp_path)
        found = suppose(there, Wish((("WETH", "-20%"),)), Yard(TRIP, TRIP, Bps(2_000)), 0)
        ((_, old, new),) = found.prices
        assert new == old * 4 // 5
        assert found.after.health_factor == hf_at_price(position, there, "WETH", new)
        assert found.after.liquidated == is_liquidated(found.after.health_factor)
    finally:
        busy.revert(snapshot)
