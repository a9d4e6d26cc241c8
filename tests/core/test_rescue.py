"""What a rescue does next, and why not: by hand at its edges, and over any account."""

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ultrad.addresses import checksum
from ultrad.core import pool, rescue
from ultrad.core.pool import RAY, Holding
from ultrad.core.rescue import MIN_STEP_E8, Means, Measure, Obstacle, Patient, Plan, RescueLimits, Used
from ultrad.errors import Permanent
from ultrad.units import INFINITE_HF, USD, WAD, Bps, UsdE8, Wad

WETH, USDC = checksum("0x" + "11" * 20), checksum("0x" + "22" * 20)
V34, V36 = 8, 10
LIMITS = RescueLimits(
    Wad(13 * WAD // 10),
    Wad(15 * WAD // 10),
    UsdE8(5_000 * USD),
    UsdE8(10_000 * USD),
    UsdE8(20_000 * USD),
    300 * 10**9,
)
ETHER = Holding(WETH, "WETH", 10**18, UsdE8(1640 * USD), Bps(8300), True, 10 * 10**18, 0, RAY, RAY, True)
DOLLARS = Holding(USDC, "USDC", 10**6, UsdE8(USD), Bps(7800), False, 0, 11_000 * 10**6, RAY, RAY, True)


def means(one: Holding, wallet: int = 0, **changes: object) -> Means:
    return replace(Means(one.asset, wallet, 0, True, True, None), **changes)  # type: ignore[arg-type]


def patient(
    *holdings: Holding, purses: tuple[Means, ...] | None = None, known: bool = True, revision: int = V36
) -> Patient:
    holdings = holdings or (ETHER, DOLLARS)
    return Patient(
        revision=revision,
        known=known,
        health_factor=pool.health_factor(holdings, revision),
        holdings=holdings,
        means=purses or (means(ETHER, 2 * 10**18), means(DOLLARS, 20_000 * 10**6)),
    )


def planned(who: Patient, limits: RescueLimits = LIMITS, used: Used | None = None) -> Plan:
    found = rescue.plan(who, limits, used or Used())
    assert isinstance(found, Plan), found
    return found


def rules(who: Patient, limits: RescueLimits = LIMITS, used: Used | None = None) -> list[str]:
    found = rescue.plan(who, limits, used or Used())
    assert not isinstance(found, Plan), found
    return [one.rule for one in found]


# ---------------------------------------------------------------- which measure, and how much


def test_plan__all_means__repays_from_the_wallet_to_the_target() -> None:
    found = planned(patient())
    # 11,000 - 16,400 · 0.83 / 1.5 = 1,925.33…
    assert (found.measure, found.asset, found.amount) == (Measure.REPAY, USDC, 1_925_333_334)
    assert found.value_e8 == 1_925_333_334 * 100
    assert found.scaled_before == 11_000 * 10**6
    assert found.hf_after is not None
    assert LIMITS.target_hf <= found.hf_after < LIMITS.target_hf + 10**10


def test_plan__wallet_without_the_debts_asset__repays_with_atokens() -> None:
    owner = replace(DOLLARS, scaled_supply=400 * 10**6)
    found = planned(patient(ETHER, owner, purses=(means(ETHER, 10**18), means(DOLLARS))))
    assert (found.measure, found.amount) == (Measure.REPAY_WITH_ATOKENS, 400 * 10**6)


def test_plan__atokens_that_are_collateral__counts_what_is_given_up() -> None:
    owner = replace(DOLLARS, scaled_supply=8_000 * 10**6, as_collateral=True)
    ether = replace(ETHER, price_e8=UsdE8(900 * USD))
    found = planned(patient(ether, owner, purses=(means(ETHER), means(DOLLARS))))
    # W = 9,000 · 0.83 + 8,000 · 0.78 = 13,710; a = (1.5 · 11,000 - 13,710) / (1.5 - 0.78) = 3,875.
    assert (found.measure, found.amount) == (Measure.REPAY_WITH_ATOKENS, 3_875 * 10**6)
    assert found.hf_after is not None
    assert LIMITS.target_hf <= found.hf_after < LIMITS.target_hf + 10**10


def test_plan__only_collateral_in_the_wallet__adds_it() -> None:
    found = planned(patient(purses=(means(ETHER, 10 * 10**18), means(DOLLARS))))
    # (16,500 - 13,612) / 0.83 / 1,640 = 2.1216…
    assert (found.measure, found.asset, found.scaled_before) == (Measure.ADD_COLLATERAL, WETH, 10 * 10**18)
    assert 2_121_657_361 * 10**9 <= found.amount <= 2_121_657_362 * 10**9


def test_plan__collateral_that_the_pool_makes_by_itself__counts() -> None:
    other = replace(ETHER, asset=checksum("0x" + "33" * 20), scaled_supply=0, as_collateral=False)
    who = patient(ETHER, other, DOLLARS, purses=(means(ETHER), means(other, 10**18), means(DOLLARS)))
    assert (planned(who).measure, planned(who).asset) == (Measure.ADD_COLLATERAL, other.asset)
    barred = replace(other, becomes_collateral=False)
    who = patient(ETHER, barred, DOLLARS, purses=(means(ETHER), means(other, 10**18), means(DOLLARS)))
    assert rules(who) == ["wallet_empty", "nothing_supplied", "no_collateral"]


def test_plan__supply_cap__adds_no_more_than_it_leaves() -> None:
    found = planned(patient(purses=(means(ETHER, 10 * 10**18, cap_left=10**18), means(DOLLARS))))
    assert found.amount == 10**18


def test_plan__two_debts__the_one_of_which_most_can_be_repaid() -> None:
    other = replace(DOLLARS, asset=checksum("0x" + "33" * 20), scaled_debt=2_000 * 10**6)
    less = replace(DOLLARS, scaled_debt=9_000 * 10**6)
    purses = (means(ETHER), means(less, 100 * 10**6), means(other, 1_500 * 10**6))
    assert planned(patient(ETHER, less, other, purses=purses)).asset == other.asset


def test_plan__arithmetic_not_known__leaves_the_outcome_to_the_chain() -> None:
    found = planned(patient(known=False))
    assert (found.amount, found.hf_after) == (1_925_333_334, None)


# ---------------------------------------------------------------- the caps


def test_plan__caps__the_tightest_of_step_hour_and_day() -> None:
    for used, left in ((Used(), 5_000), (Used(9_000 * USD, 9_000 * USD), 1_000), (Used(0, 19_500 * USD), 500)):
        found = planned(patient(), used=used)
        assert found.value_e8 == min(left * USD, 1_925_333_334 * 100)


def test_plan__caps_used__said() -> None:
    for used in (Used(hour_e8=10_000 * USD), Used(day_e8=20_000 * USD - MIN_STEP_E8 + 1), Used(11_000 * USD)):
        assert rules(patient(), used=used) == ["caps_used"]
    assert planned(patient(), used=Used(day_e8=20_000 * USD - MIN_STEP_E8)).value_e8 == MIN_STEP_E8


def test_plan__step_cap_under_the_least_step__is_no_reason_to_do_nothing() -> None:
    small = replace(LIMITS, step_e8=UsdE8(5 * USD))
    assert rules(patient(), small) == ["too_small", "nothing_supplied", "too_small"]


# ---------------------------------------------------------------- why not


def test_plan__not_low_enough__not_needed() -> None:
    assert rules(patient(replace(ETHER, price_e8=UsdE8(1_723 * USD)), DOLLARS)) == ["not_needed"]
    assert rules(replace(patient(), health_factor=INFINITE_HF)) == ["not_needed"]


def test_plan__holdings_that_do_not_explain_the_pools_word__nothing_is_done() -> None:
    rich = patient(replace(ETHER, price_e8=UsdE8(9_000 * USD)), DOLLARS)
    assert rules(replace(rich, health_factor=Wad(12 * WAD // 10))) == ["figures"]


def test_plan__nothing_to_do_it_with__each_measure_says_why() -> None:
    assert rules(patient(purses=(means(ETHER), means(DOLLARS)))) == [
        "wallet_empty",
        "nothing_supplied",
        "no_collateral",
    ]


def test_plan__reserves_closed__said() -> None:
    closed = {"payable": False, "suppliable": False}
    owner = replace(DOLLARS, scaled_supply=10**9)
    who = patient(ETHER, owner, purses=(means(ETHER, 10**18, **closed), means(DOLLARS, 10**9, **closed)))
    assert rules(who) == ["reserve_closed"] * 3


def test_plan__frozen_reserve__takes_repayments_and_no_supplies() -> None:
    purses = (means(ETHER, 10**18, suppliable=False), means(DOLLARS, 10**9, suppliable=False))
    assert planned(patient(purses=purses)).measure is Measure.REPAY
    purses = (means(ETHER, 10**18, suppliable=False), means(DOLLARS))
    assert rules(patient(purses=purses)) == ["wallet_empty", "nothing_supplied", "reserve_closed"]


def test_plan__asset_without_a_price__is_left_alone() -> None:
    worthless = replace(ETHER, asset=checksum("0x" + "33" * 20), price_e8=UsdE8(0))
    who = patient(ETHER, worthless, DOLLARS, purses=(means(ETHER), means(worthless, 10**18), means(DOLLARS)))
    assert "no_collateral" in rules(who)


def test_plan__too_little_of_it__the_next_measure() -> None:
    purses = (means(ETHER, 10**18), means(DOLLARS, 9 * 10**6))
    assert planned(patient(purses=purses)).measure is Measure.ADD_COLLATERAL


def test_plan__little_that_is_all_that_is_owed__done() -> None:
    """A small position is worth its rescue too."""
    ether = replace(ETHER, scaled_supply=10**16, price_e8=UsdE8(1_000 * USD))
    dollars = replace(DOLLARS, scaled_debt=7 * 10**6)
    found = planned(patient(ether, dollars, purses=(means(ETHER), means(DOLLARS, 7 * 10**6))))
    assert (found.measure, found.value_e8) == (Measure.REPAY, 146_666_700)
    dear = replace(dollars, price_e8=UsdE8(3 * USD // 2), scaled_debt=6 * 10**6)
    none = replace(ether, scaled_supply=1)
    who = patient(none, dear, purses=(means(ETHER), means(DOLLARS, 6 * 10**6)))
    assert planned(who).amount == 6 * 10**6


def test_plan__what_the_pool_would_refuse__not_planned() -> None:
    """So little of the token's smallest units that the debt token would burn nothing."""
    odd = replace(DOLLARS, unit=1, price_e8=UsdE8(1_000 * USD), debt_index=20 * RAY, scaled_debt=1)
    odd = replace(odd, becomes_collateral=False)
    ether = replace(ETHER, price_e8=UsdE8(2_500 * USD))
    who = patient(ether, odd, purses=(means(ETHER), means(odd, 3)))
    assert rules(who) == ["refused", "nothing_supplied", "no_collateral"]


def test_plan__atokens_of_a_higher_threshold_than_the_health_factor__not_used() -> None:
    owner = replace(DOLLARS, scaled_supply=1_000 * 10**6, as_collateral=True)
    ether = replace(ETHER, price_e8=UsdE8(900 * USD))
    assert patient(ether, owner).health_factor < 78 * WAD // 100
    who = patient(ether, owner, purses=(means(ETHER), means(DOLLARS)))
    assert rules(who) == ["wallet_empty", "nothing_supplied", "no_collateral"]


def test_plan__step_that_shows_no_gain_over_the_pools_own_word__not_planned() -> None:
    low = patient(purses=(means(ETHER), means(DOLLARS, 100 * 10**6)))
    doubted = replace(low, health_factor=Wad(LIMITS.rescue_hf - 1))
    assert rules(doubted) == ["no_gain", "nothing_supplied", "no_gain"]


# ---------------------------------------------------------------- going on


def test_again__still_possible__the_same_step() -> None:
    found = planned(patient())
    assert rescue.again(patient(), found.measure, found.asset, found.amount) == found


@pytest.mark.parametrize("wallet", [0, 1_000])
def test_again__means_that_are_gone__an_obstacle(wallet: int) -> None:
    who = patient(purses=(means(ETHER), means(DOLLARS, wallet)))
    found = rescue.again(who, Measure.REPAY, USDC, 1_925_333_334)
    assert isinstance(found, Obstacle)
    assert found.rule == "changed"


def test_means_of__asset__its_own() -> None:
    assert rescue.means_of(patient(), USDC).wallet == 20_000 * 10**6
    with pytest.raises(KeyError):
        rescue.means_of(patient(), checksum("0x" + "33" * 20))


def test_health_after__each_measure__as_the_pool_has_it() -> None:
    who = patient()
    assert rescue.health_after(who, Measure.REPAY, USDC, 10**9) > who.health_factor
    with pytest.raises(Permanent):
        rescue.health_after(who, Measure.REPAY_WITH_ATOKENS, USDC, 10**9)


def test_how_far_off__what_moved__in_scaled_units() -> None:
    half = replace(DOLLARS, scaled_debt=10_000 * 10**6, debt_index=2 * RAY)
    assert rescue.how_far_off((ETHER, half), Measure.REPAY, USDC, 10**9, 11_000 * 10**6) == (10**9, 5 * 10**8)
    more = replace(ETHER, scaled_supply=11 * 10**18)
    moved = rescue.how_far_off((more, DOLLARS), Measure.ADD_COLLATERAL, WETH, 10**18, 10 * 10**18)
    assert moved == (10**18, 10**18)


# ---------------------------------------------------------------- any account

AMOUNTS = st.integers(0, 10**24)
INDICES = st.integers(RAY, 3 * RAY)


@st.composite
def patients(draw: st.DrawFn) -> Patient:
    """Two or three assets, some of each supplied, owed and held; the health factor is what the pool would say."""
    holdings, purses = [], []
    for index in range(draw(st.integers(2, 3))):
        unit = 10 ** draw(st.sampled_from((6, 8, 18)))
        one = Holding(
            asset=checksum(f"0x{index + 1:02x}" + "00" * 19),
            symbol=f"A{index}",
            unit=unit,
            price_e8=UsdE8(draw(st.integers(10**6, 10**13))),
            threshold_bps=Bps(draw(st.integers(0, 9_500))),
            as_collateral=draw(st.booleans()),
            scaled_supply=draw(st.integers(0, 1_000 * unit)),
            scaled_debt=draw(st.integers(0, 1_000 * unit)),
            supply_index=draw(INDICES),
            debt_index=draw(INDICES),
            becomes_collateral=draw(st.booleans()),
        )
        holdings.append(one)
        purses.append(
            Means(
                one.asset,
                draw(st.integers(0, 1_000 * unit)),
                0,
                draw(st.booleans()),
                draw(st.booleans()),
                draw(st.none() | st.integers(0, 100 * unit)),
            )
        )
    revision = draw(st.sampled_from((V34, V36)))
    held = tuple(holdings)
    return Patient(revision, True, pool.health_factor(held, revision), held, tuple(purses))


LIMITED = st.builds(
    lambda step, hour, day: replace(LIMITS, step_e8=UsdE8(step), hour_e8=UsdE8(hour), day_e8=UsdE8(day)),
    st.integers(USD, 10**6 * USD),
    st.integers(USD, 10**6 * USD),
    st.integers(USD, 10**6 * USD),
)
USES = st.builds(Used, st.integers(0, 10**5 * USD), st.integers(0, 10**5 * USD))


@given(patients(), LIMITED, USES)
def test_plan__any__raises_the_health_factor_within_the_caps_and_stops_at_the_target(
    who: Patient, limits: RescueLimits, used: Used
) -> None:
    found = rescue.plan(who, limits, used)
    if not isinstance(found, Plan):
        assert found
        return
    assert who.health_factor < limits.rescue_hf
    assert found.value_e8 <= min(limits.step_e8, limits.hour_e8 - used.hour_e8, limits.day_e8 - used.day_e8)
    assert found.hf_after is not None
    assert found.hf_after > who.health_factor
    assert found.hf_after == rescue.health_after(who, found.measure, found.asset, found.amount)
    # A cent and two smallest units less would not reach the target: it goes no further than that.
    holding = next(one for one in who.holdings if one.asset == found.asset)
    less = found.amount - 2 - 10**6 * holding.unit // holding.price_e8
    if less > 0:
        try:
            hf_less = rescue.health_after(who, found.measure, found.asset, less)
        except Permanent:
            return
        assert hf_less <= limits.target_hf


@given(patients())
def test_plan__done_until_nothing_is_left_to_do__ends_and_never_falls(who: Patient) -> None:
    """As the chain would have it, step by step."""
    assume(who.health_factor < LIMITS.rescue_hf)
    limits = replace(LIMITS, step_e8=UsdE8(10**9 * USD), hour_e8=UsdE8(10**9 * USD), day_e8=UsdE8(10**9 * USD))
    for _ in range(20):
        found = rescue.plan(who, limits, Used())
        if not isinstance(found, Plan):
            return
        who = _done(who, found)
    raise AssertionError("it goes on for ever")


def _done(who: Patient, found: Plan) -> Patient:
    change = {
        Measure.REPAY: pool.after_repay,
        Measure.REPAY_WITH_ATOKENS: pool.after_repay_with_atokens,
        Measure.ADD_COLLATERAL: pool.after_supply,
    }[found.measure]
    after = change(who.holdings, found.asset, found.amount, who.revision)
    assert pool.health_factor(after, who.revision) == found.hf_after
    purses = tuple(
        replace(one, wallet=one.wallet - found.amount, cap_left=None if one.cap_left is None else 0)
        if one.asset == found.asset and found.measure is not Measure.REPAY_WITH_ATOKENS
        else one
        for one in who.means
    )
    return replace(who, holdings=after, means=purses, health_factor=found.hf_after)
