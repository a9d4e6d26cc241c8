"""The pool's arithmetic by hand; against the pool itself it stands in tests/chain/test_pool_math.py."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ultrad.addresses import checksum
from ultrad.core import pool
from ultrad.core.pool import RAY, WHOLE, Holding
from ultrad.errors import Permanent
from ultrad.units import INFINITE_HF, WAD, Bps, UsdE8

WETH, USDC = checksum("0x" + "11" * 20), checksum("0x" + "22" * 20)
ETHER = Holding(WETH, "WETH", 10**18, UsdE8(2500 * 10**8), Bps(8300), True, 10 * 10**18, 0, RAY, RAY)
DOLLARS = Holding(USDC, "USDC", 10**6, UsdE8(10**8), Bps(7800), False, 0, 11_000 * 10**6, RAY, RAY)
REFERENCE = (ETHER, DOLLARS)
V32, V34, V35, V36 = 5, 8, 9, 10
THIRD = RAY * 4 // 3 + 1
"""An index by which nothing divides evenly."""


def odd(scaled_supply: int = 0, scaled_debt: int = 0, index: int = THIRD) -> Holding:
    """A token whose smallest unit is worth 10^-8 USD."""
    return Holding(WETH, "ODD", 1, UsdE8(1), Bps(8000), True, scaled_supply, scaled_debt, index, index)


def test_known__each_revision__only_those_that_were_read() -> None:
    assert [revision for revision in range(20) if pool.known(revision)] == [5, 6, 7, 8, 9, 10, 11]
    with pytest.raises(Permanent, match="revision 12 is not known"):
        pool.health_factor(REFERENCE, 12)


@pytest.mark.parametrize("revision", [V32, V34, V35, V36])
def test_account_data__reference_position__the_known_health_factor(revision: int) -> None:
    data = pool.account_data(REFERENCE, revision)
    assert (data.collateral_e8, data.debt_e8, data.threshold_bps) == (25_000 * 10**8, 11_000 * 10**8, 8300)
    assert data.health_factor == 1_886_363_636_363_636_363 + (revision in {V32, V34})
    assert pool.net_value_e8(REFERENCE) == 14_000 * 10**8


@pytest.mark.parametrize("revision", [V34, V36])
def test_account_data__nothing_and_no_debt__infinite(revision: int) -> None:
    assert pool.account_data((), revision) == pool.AccountData(UsdE8(0), UsdE8(0), Bps(0), INFINITE_HF)
    assert pool.health_factor((ETHER,), revision) == INFINITE_HF


def test_account_data__debt_and_no_collateral__zero() -> None:
    assert pool.health_factor((replace(ETHER, as_collateral=False), DOLLARS), V36) == 0


@pytest.mark.parametrize(
    ("revision", "collateral", "threshold"), [(V34, 25_000, 8300), (V35, 25_000, 8300), (V36, 50_000, 4150)]
)
def test_account_data__collateral_without_a_threshold__counts_since_v36(
    revision: int, collateral: int, threshold: int
) -> None:
    useless = replace(ETHER, asset=USDC, threshold_bps=Bps(0))
    data = pool.account_data((ETHER, useless, DOLLARS), revision)
    assert (data.collateral_e8, data.threshold_bps) == (collateral * 10**8, threshold)
    assert data.health_factor == pool.health_factor(REFERENCE, revision)


def test_balances__between_two_units__rounded_as_the_version_does() -> None:
    half = odd(1, 1, RAY * 3 // 2)  # one and a half units
    assert (pool.supplied(half, V34), pool.owed(half, V34)) == (2, 2)
    assert (pool.supplied(half, V36), pool.owed(half, V36)) == (1, 2)
    less = odd(1, 1, RAY * 5 // 4)
    assert (pool.supplied(less, V34), pool.owed(less, V34)) == (1, 1)
    assert (pool.supplied(less, V36), pool.owed(less, V36)) == (1, 2)


def test_account_data__debt_worth_a_part__rounded_up_since_v35() -> None:
    holding = replace(DOLLARS, scaled_debt=3, unit=10**9)
    assert pool.account_data((holding,), V34).debt_e8 == 0
    assert pool.account_data((holding,), V34).health_factor == INFINITE_HF
    assert pool.account_data((holding,), V36).debt_e8 == 1


def test_health_factor__just_under_a_whole__wad_division_rounds_half_up_before_the_last() -> None:
    # 9999.5 ray parts: wadDiv gives the next whole number, which the division by 10,000 then keeps.
    collateral = Holding(WETH, "A", 1, UsdE8(1), Bps(1), True, 19_999, 0, RAY, RAY)
    debt = Holding(USDC, "B", 1, UsdE8(1), Bps(0), False, 0, 2 * WAD, RAY, RAY)
    assert pool.health_factor((collateral, debt), V36) == 1
    assert pool.health_factor((replace(collateral, scaled_supply=19_998), debt), V36) == 0


def test_after_supply__first_and_next__mints_rounded_and_becomes_collateral() -> None:
    empty = replace(odd(), as_collateral=False, becomes_collateral=True)
    (first,) = pool.after_supply((empty,), WETH, 3, V36)
    assert (first.scaled_supply, first.as_collateral) == (2, True)
    (kept,) = pool.after_supply((replace(empty, becomes_collateral=False),), WETH, 3, V36)
    assert not kept.as_collateral
    (more,) = pool.after_supply((replace(first, as_collateral=False),), WETH, 1, V34)
    assert (more.scaled_supply, more.as_collateral) == (3, False)
    with pytest.raises(Permanent, match="would refuse 1 smallest units"):
        pool.after_supply((empty,), WETH, 1, V36)
    with pytest.raises(Permanent, match="would refuse"):
        pool.after_supply((empty,), USDC, 10, V36)


@pytest.mark.parametrize(("revision", "burned"), [(V34, 1), (V36, 2)])
def test_after_withdraw__a_part__burns_rounded(revision: int, burned: int) -> None:
    (after, other) = pool.after_withdraw((odd(10), DOLLARS), WETH, 2, revision)
    assert (after.scaled_supply, after.as_collateral, other) == (10 - burned, True, DOLLARS)


@pytest.mark.parametrize("revision", [V34, V36])
@pytest.mark.parametrize("amount", [13, WHOLE])
def test_after_withdraw__to_the_end__is_collateral_no_longer(revision: int, amount: int) -> None:
    (after,) = pool.after_withdraw((odd(10),), WETH, amount, revision)
    assert (after.scaled_supply, after.as_collateral) == (0, False)


@pytest.mark.parametrize("revision", [V34, V36])
@pytest.mark.parametrize("amount", [0, 14, 15])
def test_after_withdraw__nothing_or_too_much__refused(revision: int, amount: int) -> None:
    with pytest.raises(Permanent, match="would refuse"):
        pool.after_withdraw((odd(10),), WETH, amount, revision)
    with pytest.raises(Permanent, match="would refuse"):
        pool.after_withdraw((odd(0),), WETH, WHOLE, revision)


@pytest.mark.parametrize("revision", [V34, V36])
def test_after_repay__part_all_and_more__burns_what_is_owed_at_most(revision: int) -> None:
    (part,) = pool.after_repay((odd(0, 10),), WETH, 5, revision)
    assert part.scaled_debt == 10 - (4 if revision == V34 else 3)
    for amount in (pool.owed(odd(0, 10), revision), 1_000, WHOLE):
        (paid,) = pool.after_repay((odd(0, 10),), WETH, amount, revision)
        assert paid.scaled_debt == 0
    for holding, amount in ((odd(0, 0), 5), (odd(0, 10), 0)):
        with pytest.raises(Permanent, match="would refuse"):
            pool.after_repay((holding,), WETH, amount, revision)


@pytest.mark.parametrize(("revision", "burned"), [(V34, (4, 4)), (V36, (3, 4))])
def test_after_repay_with_atokens__a_part__burns_both_tokens(revision: int, burned: tuple[int, int]) -> None:
    (after,) = pool.after_repay_with_atokens((odd(10, 10),), WETH, 5, revision)
    assert (10 - after.scaled_debt, 10 - after.scaled_supply, after.as_collateral) == (*burned, True)


@pytest.mark.parametrize("revision", [V34, V36])
def test_after_repay_with_atokens__whole__what_both_allow(revision: int) -> None:
    (less_supplied,) = pool.after_repay_with_atokens((odd(10, 100),), WETH, WHOLE, revision)
    assert (less_supplied.scaled_supply, less_supplied.as_collateral) == (0, False)
    (less_owed,) = pool.after_repay_with_atokens((odd(100, 10),), WETH, WHOLE, revision)
    assert (less_owed.scaled_debt, less_owed.as_collateral) == (0, True)


@pytest.mark.parametrize("revision", [V34, V36])
def test_after_repay_with_atokens__nothing_or_too_much__refused(revision: int) -> None:
    for holding, amount in ((odd(10, 0), 5), (odd(0, 10), WHOLE), (odd(10, 10), 0), (odd(2, 100), 50)):
        with pytest.raises(Permanent, match="would refuse"):
            pool.after_repay_with_atokens((holding,), WETH, amount, revision)


HOLDINGS = st.builds(
    Holding,
    asset=st.just(WETH),
    symbol=st.just("ANY"),
    unit=st.integers(0, 18).map(lambda decimals: 10**decimals),
    price_e8=st.integers(1, 10**14).map(UsdE8),
    threshold_bps=st.integers(0, 10_000).map(Bps),
    as_collateral=st.booleans(),
    scaled_supply=st.integers(0, 10**30),
    scaled_debt=st.integers(0, 10**30),
    supply_index=st.integers(RAY, 100 * RAY),
    debt_index=st.integers(RAY, 100 * RAY),
)


@given(HOLDINGS, st.sampled_from([V34, V36]))
def test_after__the_whole_balance_by_its_figure__leaves_nothing(holding: Holding, revision: int) -> None:
    there, due = pool.supplied(holding, revision), pool.owed(holding, revision)
    if there:
        assert pool.after_withdraw((holding,), WETH, there, revision)[0].scaled_supply == 0
    if due:
        assert pool.after_repay((holding,), WETH, due, revision)[0].scaled_debt == 0


@given(HOLDINGS, st.integers(1, 10**30), st.sampled_from([V34, V36]))
def test_after_supply__any__gives_no_more_than_a_unit_more_than_was_paid(
    holding: Holding, amount: int, revision: int
) -> None:
    before = pool.supplied(holding, revision)
    try:
        (after,) = pool.after_supply((holding,), WETH, amount, revision)
    except Permanent:
        return
    gained = pool.supplied(after, revision) - before
    assert gained <= amount + (1 if revision == V36 else 1 + holding.supply_index // RAY)


@given(st.lists(HOLDINGS, max_size=4), st.sampled_from([V34, V36]))
def test_net_value__any__is_never_above_the_pools_word(some: list[Holding], revision: int) -> None:
    holdings = tuple(replace(one, as_collateral=True, threshold_bps=Bps(1)) for one in some)
    data = pool.account_data(holdings, revision)
    assert pool.net_value_e8(holdings) <= data.collateral_e8 - data.debt_e8
