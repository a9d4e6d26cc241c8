"""How far a position is from its limits."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.foresight import BLOCK, DEBT_RATE, SUPPLY_RATE, situation
from tests.fakes.trade_market import REFERENCE, USDC, WETH
from ultrad.core import pool
from ultrad.core.outlook import (
    HORIZON_S,
    MOST_TIMES,
    YEAR_S,
    Accrual,
    Edge,
    Outlook,
    Reach,
    Situation,
    is_liquidated,
    outlook,
    price_edge,
    seconds_until,
)
from ultrad.core.outlook_words import edge_text, interest_text, price_text
from ultrad.core.pool import RAY, Holding
from ultrad.errors import Permanent
from ultrad.units import INFINITE_HF, WAD, Address, Bps, Now, UsdE8, Wad

TRIP = Wad(1_600_000_000_000_000_000)
READ = Now(BLOCK.time_s * 1_000, 5_000_000)
ETH, USD = REFERENCE.holdings
OTHER = Address("0x3333333333333333333333333333333333333333")


def look(*holdings: Holding, trip_hf: Wad = TRIP) -> Outlook:
    return outlook(situation(holdings or REFERENCE.holdings), trip_hf, READ)


def hf_at(there: Situation, index: int, price_e8: int) -> int:
    moved = replace(there.holdings[index], price_e8=UsdE8(price_e8))
    return pool.health_factor((*there.holdings[:index], moved, *there.holdings[index + 1 :]), there.revision)


def test_outlook__eth_against_dollars__stops_and_liquidates_at_the_exact_price() -> None:
    eth, usd = look().prices
    there = situation()
    assert (eth.symbol, eth.collateral, eth.owed) == ("WETH", True, False)
    for edge, limit in ((eth.trip, TRIP), (eth.liquidation, WAD - 1)):
        assert edge.reach is Reach.AHEAD
        assert edge.price_e8 is not None
        assert hf_at(there, 0, edge.price_e8) <= limit < hf_at(there, 0, edge.price_e8 + 1)
    # HF = 10 · price · 0.83 / 11,000: 1 at $1325.30, 1.6 at $2120.48
    assert price_text(eth.liquidation.price_e8 or 0) == "$1,325.30"
    assert price_text(eth.trip.price_e8 or 0) == "$2,120.48"
    assert (eth.trip.distance_bps, eth.liquidation.distance_bps) == (-1518, -4698)
    assert (usd.symbol, usd.collateral, usd.owed) == ("USDC", False, True)
    assert (usd.trip.distance_bps, usd.liquidation.distance_bps) == (1789, 8863)
    for edge, limit in ((usd.trip, TRIP), (usd.liquidation, WAD - 1)):
        assert edge.price_e8 is not None
        assert hf_at(there, 1, edge.price_e8 - 1) > limit >= hf_at(there, 1, edge.price_e8)


def test_outlook__under_the_trip_limit_already__says_so_for_each_asset() -> None:
    found = look(replace(ETH, price_e8=UsdE8(2_000 * 10**8)), USD)
    assert [one.trip for one in found.prices] == [Edge(Reach.PASSED)] * 2
    assert [one.liquidation.reach for one in found.prices] == [Reach.AHEAD] * 2
    assert found.to_trip_s == 0
    assert found.to_liquidation_s is None


def test_outlook__the_same_asset_supplied_and_owed__no_price_reaches_it() -> None:
    both = replace(ETH, scaled_debt=4 * 10**18)
    (line,) = look(both).prices
    assert (line.trip, line.liquidation) == (Edge(Reach.NEVER), Edge(Reach.NEVER))
    assert str(edge_text(line.trip, line)) == "at no price: it is owed as well"


def test_outlook__more_owed_of_it_than_behind_it__a_rise_is_the_danger() -> None:
    both = replace(ETH, scaled_supply=10**18, scaled_debt=4 * 10**18)
    stable = replace(USD, scaled_supply=30_000 * 10**6, scaled_debt=0, as_collateral=True)
    eth, usd = look(both, stable).prices
    assert eth.liquidation.distance_bps is not None
    assert eth.liquidation.distance_bps > 0
    assert usd.liquidation.distance_bps is not None
    assert usd.liquidation.distance_bps < 0


def test_outlook__one_of_two_collaterals_hardly_counts__its_fall_alone_does_nothing() -> None:
    small = replace(ETH, asset=OTHER, symbol="CRV", scaled_supply=10**15)
    crv, *_ = look(small, replace(ETH, scaled_supply=20 * 10**18), USD).prices
    assert crv.liquidation == Edge(Reach.NEVER)
    assert str(edge_text(crv.liquidation, crv)) == "at no price"


def test_outlook__no_debt__nothing_reaches_anything() -> None:
    found = look(ETH)
    assert found.health_factor == INFINITE_HF
    assert [one.liquidation.reach for one in found.prices] == [Reach.NEVER]
    assert (found.to_trip_s, found.to_liquidation_s) == (None, None)


def test_outlook__a_debt_nearly_of_dust__a_rise_of_a_million_times_is_looked_at_and_no_further() -> None:
    dust = replace(USD, scaled_debt=1)
    _, usd = look(ETH, dust).prices
    assert usd.liquidation.reach is Reach.NEVER
    assert hf_at(situation((ETH, dust)), 1, USD.price_e8 * MOST_TIMES) >= WAD


def test_outlook__what_counts_for_nothing__is_not_listed() -> None:
    idle = replace(ETH, asset=OTHER, as_collateral=False)
    unused = replace(USD, asset=WETH, scaled_debt=0)
    assert [one.asset for one in look(*REFERENCE.holdings, idle, unused).prices] == [WETH, USDC]


def test_outlook__arithmetic_that_is_not_the_pools__is_refused() -> None:
    with pytest.raises(Permanent, match="not foretold"):
        outlook(replace(situation(), known=False), TRIP, READ)


# ---------------------------------------------------------------- interest


def test_accrual__as_the_contract_computes_it__to_the_last_digit() -> None:
    accrual = Accrual(RAY + 7, SUPPLY_RATE, RAY + 9, DEBT_RATE, BLOCK.time_s)
    assert accrual.at(BLOCK.time_s) == (RAY + 7, RAY + 9)
    supply, debt = accrual.at(BLOCK.time_s + YEAR_S)
    assert supply == (RAY + RAY // 50) * (RAY + 7) // RAY
    # 1 + x + x²/2 + x³/6 at x = 0.05
    assert debt // 10**15 == 1_051_270_833_333


def test_seconds_until__interest_of_the_debt_outgrows_the_supply__the_very_second() -> None:
    there = situation(debt_rate=RAY // 5)
    found = seconds_until(there, is_liquidated)
    assert found is not None
    assert pool.health_factor(there.after(found), there.revision) < WAD
    assert pool.health_factor(there.after(found - 1), there.revision) >= WAD
    assert (
        str(interest_text(found)) == "31063 h (1294 days)"
    )  # 1.88636 · (1 + 0.02 t) = 1 + x + x²/2 + x³/6 at x = 0.2 t


@pytest.mark.parametrize(("supply_rate", "debt_rate"), [(RAY // 20, RAY // 100), (0, 0)])
def test_seconds_until__rates_shrink_the_risk__never(supply_rate: int, debt_rate: int) -> None:
    there = situation(supply_rate=supply_rate, debt_rate=debt_rate)
    assert seconds_until(there, is_liquidated) is None
    assert interest_text(None) == "∞"


def test_interest_text__small_times__are_told_apart() -> None:
    assert [str(interest_text(one)) for one in (0, 1, 3_600, 71 * 3_600 + 3_599)] == [
        "passed already",
        "under 1 h",
        "1 h",
        "71 h",
    ]


def test_price_text__cheap_things__are_exact() -> None:
    assert [price_text(one) for one in (1, 99_987_654, 10 * 10**8)] == ["$0.00000001", "$0.99987654", "$10.00"]


def test_edge_text__ahead_and_passed__in_words() -> None:
    eth, usd = look().prices
    assert str(edge_text(eth.trip, eth)) == "$2,120.48 (-15.18%)"
    assert str(edge_text(usd.trip, usd)) == "$1.17897728 (+17.89%)"
    assert str(edge_text(Edge(Reach.PASSED), eth)) == "passed already"
    assert str(edge_text(Edge(Reach.AHEAD, UsdE8(10**8), Bps(0)), eth)) == "$1.00 (0.00%)"


# ---------------------------------------------------------------- for all positions

HOLDINGS = st.builds(
    Holding,
    asset=st.sampled_from((WETH, USDC, OTHER)),
    symbol=st.just("X"),
    unit=st.sampled_from((10**6, 10**8, 10**18)),
    price_e8=st.integers(10**6, 10**13).map(UsdE8),
    threshold_bps=st.integers(0, 9_500).map(Bps),
    as_collateral=st.booleans(),
    scaled_supply=st.integers(0, 10**21),
    scaled_debt=st.integers(0, 10**20),
    supply_index=st.integers(RAY, 2 * RAY),
    debt_index=st.integers(RAY, 3 * RAY),
)
REVISIONS = st.sampled_from((8, 9, 10))


@given(st.lists(HOLDINGS, min_size=1, max_size=4).map(tuple), REVISIONS, st.integers(WAD, 3 * WAD))
def test_price_edge__any_position__the_limit_lies_between_it_and_the_price_beside_it(
    holdings: tuple[Holding, ...], revision: int, limit: int
) -> None:
    def passed(hf: Wad) -> bool:
        return hf <= limit

    there = replace(situation(holdings), revision=revision)
    for index, one in enumerate(holdings):
        edge = price_edge(holdings, revision, index, passed)
        assert (edge.reach is Reach.PASSED) == passed(pool.health_factor(holdings, revision))
        if edge.price_e8 is not None:
            toward_now = 1 if edge.price_e8 < one.price_e8 else -1
            assert hf_at(there, index, edge.price_e8) <= limit
            assert hf_at(there, index, edge.price_e8 + toward_now) > limit


@given(
    st.lists(HOLDINGS, min_size=1, max_size=3).map(tuple),
    st.integers(0, RAY),
    st.integers(0, RAY),
    st.integers(0, 10),
)
def test_seconds_until__any_rates__the_limit_lies_between_it_and_the_second_before(
    holdings: tuple[Holding, ...], supply_rate: int, debt_rate: int, years: int
) -> None:
    there = situation(holdings, supply_rate, debt_rate)
    found = seconds_until(there, is_liquidated)
    if found is None:
        assert pool.health_factor(there.after(years * YEAR_S), there.revision) >= WAD
    else:
        assert found <= HORIZON_S
        assert pool.health_factor(there.after(found), there.revision) < WAD
        assert found == 0 or pool.health_factor(there.after(found - 1), there.revision) >= WAD
