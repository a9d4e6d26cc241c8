from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.make import BLOCK, hf, market, reading, reserve
from ultrad.core.assess import (
    PriceTrack,
    change_bps,
    hard_floor,
    health_factor,
    market_findings,
    oracle_jump,
    reading_findings,
    unreadable,
    value_change,
)
from ultrad.core.events import Effect, Finding, Level, Origin, Severity
from ultrad.core.limits import Limits
from ultrad.core.position import Reserve, Sequencer, Unreadable
from ultrad.i18n import msg
from ultrad.units import INFINITE_HF, USD, WAD, Bps, UsdE8, Wad

LIMITS = Limits()
NOW_S = BLOCK.time_s


def codes(findings: tuple[Finding, ...]) -> list[str]:
    return [one.code for one in findings]


# ---------------------------------------------------------------- health factor


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (hf("1.8") + 1, None),
        (hf("1.8"), "hf_near"),
        (hf("1.8") - 1, "hf_near"),
        (hf("1.6") + 1, "hf_near"),
        (hf("1.6"), "hf_low"),
        (hf("1.6") - 1, "hf_low"),
        (1, "hf_low"),
        (0, "hf_low"),
        (INFINITE_HF, None),
    ],
)
def test_health_factor__at_the_edges__at_or_under_counts(value: int, code: str | None) -> None:
    found = health_factor(reading(value), LIMITS)
    assert (found.code if found else None) == code


def test_health_factor__at_or_under_the_trip_threshold__is_an_s1_that_trips() -> None:
    found = health_factor(reading(hf("1.6")), LIMITS)
    assert found is not None
    assert (found.level, found.severity, found.effect, found.origin) == (
        Level.EMERGENCY,
        Severity.S1,
        Effect.TRIP,
        Origin.OUTSIDE,
    )
    assert (found.subject, found.health_factor) == ("main", hf("1.6"))
    assert found.figures == (("health_factor", "1.6000"), ("limit", "1.6000"), ("block", "100"))
    assert "1.6000 of main is at or under 1.60 (block 100, collateral $2,000.00, debt $1,000.00)" in str(
        found.message
    )


@pytest.mark.parametrize(
    ("value", "found"),
    [(hf("1.1"), ["hf_low"]), (hf("1.1") - 1, ["hf_low", "hf_floor"]), (0, ["hf_low", "hf_floor"])],
)
def test_hard_floor__at_the_edge__only_under_it_counts(value: int, found: list[str]) -> None:
    assert codes(reading_findings(reading(value), None, LIMITS)) == found


def test_hard_floor__under_it__is_an_s1_that_trips() -> None:
    found = hard_floor(reading(hf("1.05")), LIMITS)
    assert found is not None
    assert (found.level, found.severity, found.effect) == (Level.EMERGENCY, Severity.S1, Effect.TRIP)
    assert (found.subject, found.health_factor) == ("main", hf("1.05"))
    assert "1.0500 of main is under the hard floor 1.10" in str(found.message)


def test_health_factor__between_the_thresholds__warns_and_lets_trade() -> None:
    found = health_factor(reading(hf("1.7")), LIMITS)
    assert found is not None
    assert (found.level, found.effect, found.severity) == (Level.WARNING, Effect.NONE, Severity.S2)
    assert found.health_factor == hf("1.7")
    assert "under 1.80" in str(found.message)


@given(st.integers(0, 2**256 - 1), st.integers(1, 10**19), st.integers(0, 10**19))
def test_health_factor__any_thresholds__levels_only_rise_as_it_falls(value: int, trip: int, more: int) -> None:
    limits = replace(LIMITS, trip_hf=Wad(trip), warn_hf=Wad(trip + more))
    found = health_factor(reading(value), limits)
    assert (found is not None and found.effect is Effect.TRIP) is (value <= trip)
    assert (found is not None) is (value <= trip + more)


# ---------------------------------------------------------------- empty


EMPTY = reading(INFINITE_HF, 0, 0)


def test_empty_position__not_allowed__is_critical_and_allows_no_trade() -> None:
    (found,) = reading_findings(EMPTY, None, LIMITS)
    assert (found.code, found.level, found.effect) == ("position_empty", Level.CRITICAL, Effect.NO_TRADE)


def test_empty_position__allowed_by_name__is_fine() -> None:
    assert reading_findings(EMPTY, None, Limits(allow_empty=frozenset({"main"}))) == ()
    assert codes(reading_findings(EMPTY, None, Limits(allow_empty=frozenset({"other"})))) == ["position_empty"]


@pytest.mark.parametrize(("collateral", "debt"), [(1, 0), (0, 1), (1, 1)])
def test_empty_position__anything_in_it__is_not_empty(collateral: int, debt: int) -> None:
    assert reading_findings(reading(2 * WAD, collateral, debt), None, LIMITS) == ()


@pytest.mark.parametrize("allowed", [frozenset[str](), frozenset({"main"})])
def test_empty_position__emptied_within_the_window__moved_and_trips(allowed: frozenset[str]) -> None:
    found = reading_findings(EMPTY, (1_000 * USD, 1_000 * USD), Limits(allow_empty=allowed))
    assert "value_moved" in codes(found)
    assert any(one.effect is Effect.TRIP for one in found)


# ---------------------------------------------------------------- value


@pytest.mark.parametrize(
    ("value", "extremes", "expected"),
    [
        (1_200, (1_000, 1_000), 2_000),
        (800, (1_000, 1_000), -2_000),
        (100_001, (100_000, 100_000), 1),  # rounded away from zero
        (99_999, (100_000, 100_000), -1),
        (1_000, (1_000, 1_000), 0),
        (1_000, (800, 1_250), 2_500),  # up from the lowest is more than down from the highest
        (1_000, (950, 2_000), -5_000),
        (5, (0, 0), 10_000),  # from nothing
        (-5, (0, 0), -10_000),
        (0, (0, 0), 0),
        (5, (-3, -3), 10_000),  # from under water
        (-5, (-3, -3), -10_000),
        (-5, (-5, -5), 0),
        (-5, (100, 100), -10_500),  # under water
    ],
)
def test_change_bps__edges__is_the_larger_move(value: int, extremes: tuple[int, int], expected: int) -> None:
    assert change_bps(value, extremes) == expected


@given(st.integers(1, 10**30), st.integers(1, 10**30))
def test_change_bps__from_one_value__is_beyond_a_limit_exactly_where_the_exact_move_is(
    value: int, was: int
) -> None:
    change = change_bps(value, (was, was))
    for limit in (0, 1, 1_999, 2_000, 2_001, 10_000):
        assert (abs(change) > limit) is (abs(value - was) * 10_000 > limit * was)
    assert (change > 0) is (value > was)


NET = 100_000


@pytest.mark.parametrize(
    ("net", "trips"),
    [(NET * 12 // 10, False), (NET * 12 // 10 + 1, True), (NET * 8 // 10, False), (NET * 8 // 10 - 1, True)],
)
def test_value_change__twenty_percent_exactly__does_not_trip_one_more_does(net: int, *, trips: bool) -> None:
    found = value_change(reading(2 * WAD, net + 7, 7), (NET, NET), LIMITS)
    assert (found is not None) is trips
    if found is not None:
        assert (found.level, found.severity, found.effect) == (Level.ALERT, Severity.S1, Effect.TRIP)
        assert found.health_factor == 2 * WAD


def test_value_change__nothing_known_of_before__is_not_judged() -> None:
    assert value_change(reading(), None, LIMITS) is None


def test_value_change__found__tells_the_figures() -> None:
    found = value_change(reading(2 * WAD, 3_000 * USD, 1_000 * USD), (1_000 * USD, 1_500 * USD), LIMITS)
    assert found is not None
    assert dict(found.figures) == {
        "net_value": "$2,000.00",
        "change": "100.00%",
        "lowest": "$1,000.00",
        "highest": "$1,500.00",
        "block": "100",
    }
    assert "within 24 hours" in str(found.message)


def test_reading_findings__several_rules_broken__names_each() -> None:
    found = reading_findings(reading(hf("1.5"), 1_000, 900), (1_000, 1_000), LIMITS)
    assert codes(found) == ["hf_low", "value_moved"]


def test_unreadable__one_position__allows_no_trade() -> None:
    found = unreadable(Unreadable("main", msg("it reverted")))
    assert (found.subject, found.effect, found.severity) == ("main", Effect.NO_TRADE, Severity.S2)
    assert "it reverted" in str(found.message)


# ---------------------------------------------------------------- market


def found_in(
    *reserves: Reserve, tracks: tuple[PriceTrack, ...] = (), sequencer: Sequencer | None = None
) -> list[str]:
    return codes(market_findings(market(*reserves, sequencer=sequencer), tracks, LIMITS, NOW_S))


@pytest.mark.parametrize("state", ["paused", "frozen", "inactive"])
def test_reserve_usable__any_such_state__allows_no_trade_and_never_trips(state: str) -> None:
    one = reserve(active=state != "inactive", paused=state == "paused", frozen=state == "frozen")
    (found,) = market_findings(market(one), (), LIMITS, NOW_S)
    assert (found.code, found.level, found.effect) == ("reserve_unusable", Level.ALERT, Effect.NO_TRADE)
    assert found.figures == (("state", state),)


def test_reserve_usable__several_states__names_all_at_once() -> None:
    (found,) = market_findings(market(reserve(active=False, frozen=True, paused=True)), (), LIMITS, NOW_S)
    assert found.figures == (("state", "paused, frozen, inactive"),)


@pytest.mark.parametrize(("age_s", "expected"), [(0, []), (3_600, []), (3_601, ["oracle_stale"])])
def test_oracle_age__at_its_limit__is_still_good(age_s: int, expected: list[str]) -> None:
    assert found_in(reserve(updated_s=NOW_S - age_s)) == expected


def test_oracle_age__limit_of_its_own__counts_for_that_reserve_alone() -> None:
    limits = Limits(oracle_max_age_by_symbol=(("USDC", 86_400),))
    usdc, weth = (reserve(symbol, updated_s=NOW_S - 86_400) for symbol in ("USDC", "WETH"))
    found = market_findings(market(usdc, weth), (), limits, NOW_S)
    assert [(one.code, one.subject) for one in found] == [("oracle_stale", "WETH")]
    assert codes(market_findings(market(usdc), (), limits, NOW_S + 1)) == ["oracle_stale"]


def test_oracle_age__unknown__allows_no_trade() -> None:
    (found,) = market_findings(market(reserve(updated_s=None)), (), LIMITS, NOW_S)
    assert (found.code, found.effect, found.origin) == ("oracle_age_unknown", Effect.NO_TRADE, Origin.CODE)


@pytest.mark.parametrize(
    ("price", "expected"),
    [(110_000, []), (110_001, ["oracle_jump"]), (90_000, []), (89_999, ["oracle_jump"]), (0, ["oracle_jump"])],
)
def test_oracle_jump__ten_percent_exactly__is_still_good(price: int, expected: list[str]) -> None:
    track = PriceTrack("WETH", UsdE8(100_000)).then(UsdE8(price))
    assert found_in(tracks=(track,)) == expected


def test_oracle_jump__same_price_again__stands_until_the_next_one() -> None:
    jumped = PriceTrack("WETH", UsdE8(100)).then(UsdE8(150)).then(UsdE8(150))
    assert found_in(tracks=(jumped,)) == ["oracle_jump"]
    assert found_in(tracks=(jumped.then(UsdE8(151)),)) == []


def test_oracle_jump__first_look_or_from_nothing__compares_with_what_there_is() -> None:
    first = PriceTrack("WETH", UsdE8(0))
    assert found_in(tracks=(first,)) == []
    assert found_in(tracks=(first.then(UsdE8(1)),)) == ["oracle_jump"]


@pytest.mark.parametrize(
    ("up", "since_s", "expected"),
    [
        (True, 3_600, []),
        (True, 3_599, ["sequencer_grace"]),
        (True, -1, ["sequencer_grace"]),  # a start in the future
        (False, 0, ["sequencer_down"]),
        (False, 10**6, ["sequencer_down"]),
    ],
)
def test_sequencer_state__grace_time__must_be_over(since_s: int, expected: list[str], *, up: bool) -> None:
    assert found_in(sequencer=Sequencer(up, NOW_S - since_s)) == expected


@given(
    st.builds(
        reserve,
        active=st.booleans(),
        frozen=st.booleans(),
        paused=st.booleans(),
        updated_s=st.none() | st.integers(0, NOW_S),
    ),
    st.builds(Sequencer, st.booleans(), st.just(NOW_S)),
    st.integers(0, 2 * 10**5),
)
def test_market_findings__any_market__allow_no_trade_but_never_trip(
    one: Reserve, sequencer: Sequencer, price: int
) -> None:
    track = PriceTrack("WETH", UsdE8(100_000)).then(UsdE8(price))
    found = market_findings(market(one, sequencer=sequencer), (track,), LIMITS, NOW_S)
    assert found
    assert all(one.effect is Effect.NO_TRADE and one.level is Level.ALERT for one in found)


def test_limits__defaults__are_those_of_the_rules() -> None:
    assert (LIMITS.warn_hf, LIMITS.trip_hf, LIMITS.hard_floor_hf) == (hf("1.8"), hf("1.6"), hf("1.1"))
    assert LIMITS.max_value_change_bps == Bps(2_000)
    assert LIMITS.value_window_ms == 24 * 60 * 60 * 1_000


def test_oracle_jump__same_price_answered_anew__is_over() -> None:
    jumped = PriceTrack("WETH", UsdE8(100), 10).then(UsdE8(150), 20)
    assert oracle_jump(jumped.then(UsdE8(150), 20), Limits()) is not None
    assert oracle_jump(jumped.then(UsdE8(150), 30), Limits()) is None
