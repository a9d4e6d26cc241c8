"""What other prices and rates would make of a position."""

from dataclasses import replace

import pytest

from tests.fakes.foresight import situation
from tests.fakes.trade_market import REFERENCE
from ultrad.core import pool
from ultrad.core.limits import Limits
from ultrad.core.outlook import YEAR_S, Accrual
from ultrad.core.pool import RAY
from ultrad.core.whatif import Supposed, Wish, Yard, check_symbols, price_after, rate_after, suppose
from ultrad.errors import Permanent
from ultrad.units import Bps, UsdE8

LIMITS = Limits()
YARD = Yard(LIMITS.warn_hf, LIMITS.trip_hf, LIMITS.max_value_change_bps)
ETH_E8, RATE = UsdE8(2_500 * 10**8), RAY // 20


def suppose_it(prices: dict[str, str], rates: dict[str, str] | None = None) -> Supposed:
    return suppose(situation(), Wish(tuple(prices.items()), tuple((rates or {}).items())), YARD, 3_000)


@pytest.mark.parametrize(
    ("change", "hf", "warns", "trips", "liquidated"),
    [
        ("-1%", "1.86", False, False, False),
        ("-5%", "1.79", True, False, False),
        ("-20%", "1.50", True, True, False),
        ("2100", "1.58", True, True, False),
        ("-47%", "0.99", True, True, True),
        ("+10%", "2.07", False, False, False),
    ],
)
def test_suppose__another_price__is_weighed_as_the_pool_and_the_stop_would(
    change: str, hf: str, *, warns: bool, trips: bool, liquidated: bool
) -> None:
    found = suppose_it({"WETH": change})
    after = found.after
    assert f"{after.health_factor // 10**16 / 100:.2f}" == hf
    assert (after.warns, after.trips, after.liquidated) == (warns, trips, liquidated)
    assert found.before.health_factor == pool.health_factor(REFERENCE.holdings, 10)
    assert found.prices == (("WETH", ETH_E8, price_after(change, ETH_E8)),)


def test_suppose__value__moves_with_the_price_and_may_stop_by_itself() -> None:
    found = suppose_it({"WETH": "+20%"})
    assert (found.before.net_value_e8, found.after.net_value_e8) == (14_000 * 10**8, 19_000 * 10**8)
    assert (found.moved_bps, found.value_trips) == (3571, True)
    assert not suppose_it({"WETH": "+5%"}).value_trips


def test_suppose__under_water_before__no_share_of_its_value_can_be_told() -> None:
    eth, usd = REFERENCE.holdings
    poor = situation((replace(eth, price_e8=UsdE8(1_000 * 10**8)), usd))
    found = suppose(poor, Wish((("WETH", "-1%"),)), YARD, 0)
    assert (found.moved_bps, found.value_trips) == (None, False)


def test_suppose__another_rate__changes_the_time_and_not_the_health_factor() -> None:
    found = suppose_it({}, {"": "+15%"})
    assert found.after.health_factor == found.before.health_factor
    assert found.before.to_liquidation_s is None
    assert found.after.to_liquidation_s is not None
    assert found.after.to_liquidation_s // 3_600 == 31_063
    assert suppose_it({}, {"USDC": "20%"}).after == found.after
    assert suppose_it({}, {"": "+0%", "USDC": "20%"}).after == found.after
    assert suppose_it({}, {"": "20%", "USDC": "5%"}).after.to_liquidation_s is None


def test_suppose__a_reserve_that_was_last_touched_long_ago__the_new_rate_counts_from_the_block_on() -> None:
    there = situation()
    accruals = tuple(
        Accrual(RAY, one.supply_rate, RAY, one.debt_rate, one.updated_s - YEAR_S) for one in there.accruals
    )
    old = replace(there, accruals=accruals)
    grown = replace(old, holdings=old.after(0))
    found = suppose(grown, Wish(rates=(("", "+15%"),)), YARD, 0)
    assert found.after.health_factor == found.before.health_factor == pool.health_factor(grown.holdings, 10)


def test_suppose__arithmetic_that_is_not_the_pools__is_refused() -> None:
    with pytest.raises(Permanent, match="not foretold"):
        suppose(replace(situation(), known=False), Wish(), YARD, 0)


@pytest.mark.parametrize(
    ("text", "price_e8"),
    [("-20%", 2_000 * 10**8), ("+0.5%", 251_250_000_000), ("2100.12345678", 210_012_345_678), ("1", 10**8)],
)
def test_price_after__each_form__exactly(text: str, price_e8: int) -> None:
    assert price_after(text, ETH_E8) == price_e8


@pytest.mark.parametrize(
    "text",
    ["20%", "", "%", "-2100", "+", "1e3", "2,100", "1.", ".5", "1.123456789", "-1.5.2%", "١", "9" * 13, "--5%"],
)
def test_price_after__anything_else__is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(Permanent, match="write -20%"):
        price_after(text, ETH_E8)


@pytest.mark.parametrize("text", ["-100%", "-200%", "0"])
def test_price_after__nothing_left__is_refused(text: str) -> None:
    with pytest.raises(Permanent, match="leaves no price"):
        price_after(text, ETH_E8)


@pytest.mark.parametrize(
    ("text", "rate"), [("+5%", RAY // 10), ("-2%", RAY * 3 // 100), ("12.5%", RAY // 8), ("-50%", 0), ("0%", 0)]
)
def test_rate_after__each_form__exactly(text: str, rate: int) -> None:
    assert rate_after(text, RATE) == rate


@pytest.mark.parametrize("text", ["5", "", "%", "x%"])
def test_rate_after__anything_else__is_refused(text: str) -> None:
    with pytest.raises(Permanent, match="no rate"):
        rate_after(text, RATE)


def test_check_symbols__unknown_or_twice__is_refused() -> None:
    there = (situation(),)
    check_symbols(there, Wish((("WETH", "1"),), (("", "1%"), ("USDC", "2%"))))
    with pytest.raises(Permanent, match="No position holds or owes DOGE; they hold and owe: USDC, WETH"):
        check_symbols(there, Wish((("DOGE", "1"),)))
    with pytest.raises(Permanent, match="No position holds or owes DOGE; they hold and owe: –"):
        check_symbols((), Wish((("DOGE", "1"),)))
    with pytest.raises(Permanent, match="WETH is named twice"):
        check_symbols(there, Wish((("WETH", "1"), ("WETH", "2"))))


def test_bps__of_a_move__is_rounded_down() -> None:
    assert suppose_it({"WETH": "-0.001%"}).moved_bps == Bps(-1)
