import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.make import hf
from tests.core.make_trades import ms, signal
from ultrad.core import admission
from ultrad.core.admission import Asset, Record, Refusal, Room, Size, Verdict
from ultrad.core.events import Level
from ultrad.core.limits import HOUR_MS, MINUTE_MS
from ultrad.core.signals import Action
from ultrad.core.trade_limits import TradeLimits
from ultrad.units import INFINITE_HF, USD, Now, UsdE8, Wad

LIMITS = TradeLimits(UsdE8(50 * USD))
FRESH_MS, AHEAD_MS = LIMITS.fresh_ms, LIMITS.ahead_ms
NOON_MS = 1_700_000_000_000


def skipped(found: Refusal | None, rule: str) -> bool:
    return found is not None and (found.rule, found.verdict) == (rule, Verdict.SKIPPED)


def rejected(found: Refusal | None, rule: str) -> bool:
    return found is not None and (found.rule, found.verdict) == (rule, Verdict.REJECTED)


def test_trade_limits__defaults__are_the_rules_figures() -> None:
    assert (LIMITS.min_trade_e8, LIMITS.max_trade_e8) == (10 * USD, 100 * USD)
    assert (LIMITS.max_trade_bps, LIMITS.max_day_bps, LIMITS.window_ms) == (1_000, 3_000, 24 * HOUR_MS)
    assert (LIMITS.min_hf_after, LIMITS.cooldown_ms) == (hf("1.8"), 10 * MINUTE_MS)
    assert (LIMITS.repeats, LIMITS.repeat_ms) == (3, HOUR_MS)
    assert (LIMITS.burst, LIMITS.burst_ms, LIMITS.run) == (10, 10 * MINUTE_MS, 5)
    assert (LIMITS.gas_wait_ms, LIMITS.gas_errors) == (5 * MINUTE_MS, 2)


# ---------------------------------------------------------------- confidence


@pytest.mark.parametrize(
    ("confidence", "passes"), [("59.99", False), ("60", True), ("60.00", True), ("100", True)]
)
def test_confidence__at_its_minimum__passes(confidence: str, *, passes: bool) -> None:
    found = admission.confidence(signal(confidence=confidence), LIMITS)
    assert found is None if passes else skipped(found, "confidence")


# ---------------------------------------------------------------- freshness


def fresh(at_ms: int, arrived: Now, now: Now) -> Refusal | None:
    return admission.freshness(signal(at_ms=at_ms, arrived=arrived), LIMITS, now)


@pytest.mark.parametrize("late_ms", [0, 1])
def test_freshness__by_its_own_time__ends_to_the_millisecond(late_ms: int) -> None:
    now = ms(0, NOON_MS)
    found = fresh(NOON_MS - FRESH_MS - late_ms, now, now)
    assert rejected(found, "stale") if late_ms else found is None


@pytest.mark.parametrize("late_ms", [0, 1])
def test_freshness__while_it_waits__ends_to_the_millisecond(late_ms: int) -> None:
    now = ms(FRESH_MS + late_ms, NOON_MS)  # the wall clock has stood still
    found = fresh(NOON_MS, ms(0, NOON_MS), now)
    assert rejected(found, "stale") if late_ms else found is None


@pytest.mark.parametrize("more_ms", [0, 1])
def test_freshness__clock_ahead_of_ours__ends_to_the_millisecond(more_ms: int) -> None:
    now = ms(0, NOON_MS)
    found = fresh(NOON_MS + AHEAD_MS + more_ms, now, now)
    assert rejected(found, "from_the_future") if more_ms else found is None


def test_freshness__old_on_arrival_and_wall_clock_set_back__stays_old() -> None:
    arrived = ms(0, NOON_MS)
    now = ms(5 * MINUTE_MS, NOON_MS - 9 * MINUTE_MS)
    assert rejected(fresh(NOON_MS - 14 * MINUTE_MS, arrived, now), "stale")


spans = st.integers(0, 2 * FRESH_MS) | st.sampled_from([0, 1, FRESH_MS - 1, FRESH_MS, FRESH_MS + 1])
jumps = st.integers(-2 * FRESH_MS, 2 * FRESH_MS) | st.sampled_from([-AHEAD_MS, AHEAD_MS, 0])


@given(spans, spans, jumps)
def test_freshness__however_the_wall_clock_jumps__a_stale_one_is_never_fresh(
    before_ms: int, waited_ms: int, jump_ms: int
) -> None:
    now = ms(waited_ms, NOON_MS + waited_ms + jump_ms)
    found = fresh(NOON_MS - before_ms, ms(0, NOON_MS), now)
    if before_ms + waited_ms > FRESH_MS:
        assert found is not None
    elif -AHEAD_MS <= jump_ms <= 0:
        assert found is None


@given(jumps, spans, spans, jumps)
def test_freshness__time_passes__a_stale_one_stays_so(
    ahead_ms: int, waited_ms: int, more_ms: int, jump_ms: int
) -> None:
    arrived = ms(0, NOON_MS)
    found = fresh(NOON_MS + ahead_ms, arrived, ms(waited_ms, NOON_MS))
    later = fresh(NOON_MS + ahead_ms, arrived, ms(waited_ms + more_ms, NOON_MS + jump_ms))
    if waited_ms + max(0, -ahead_ms) > FRESH_MS:
        assert found is not None
        assert later is not None


# ---------------------------------------------------------------- repeats, cooldown


@pytest.mark.parametrize(("taken", "passes"), [(0, True), (2, True), (3, False), (9, False)])
def test_repeated__three_were_taken__the_fourth_is_skipped_with_a_warning(taken: int, *, passes: bool) -> None:
    found = admission.repeated(signal(), Record(same_action=taken), LIMITS)
    assert found is None if passes else skipped(found, "repeated")
    assert found is None or found.level is Level.WARNING


@pytest.mark.parametrize(("passed_ms", "left_s"), [(0, 600), (1, 600), (1_000, 599), (599_999, 1), (600_000, 0)])
def test_cooldown__ten_minutes__end_to_the_millisecond(passed_ms: int, left_s: int) -> None:
    found = admission.cooldown(Record(last_trade_ms=5), LIMITS, ms(5 + passed_ms, -passed_ms))
    assert skipped(found, "cooldown") if left_s else found is None
    assert found is None or f"({left_s} s left)" in str(found.message)
    assert found is None or "cooldown" in str(found.message)


def test_cooldown__no_trade_before__passes() -> None:
    assert admission.cooldown(Record(), LIMITS, ms(0)) is None


# ---------------------------------------------------------------- the moment


def test_estop__gate_shut__rejects_with_each_reason() -> None:
    assert admission.estop(()) is None
    found = admission.estop(("hf_low", "operator"))
    assert rejected(found, "estop")
    assert found is not None
    assert "hf_low, operator" in str(found.message)


def test_no_trade__findings__reject_by_name() -> None:
    assert admission.no_trade(iter(())) is None
    found = admission.no_trade(iter(["sequencer_down", "price_old:WETH"]))
    assert rejected(found, "no_trade")
    assert found is not None
    assert "sequencer_down, price_old:WETH" in str(found.message)


def test_unsettled__another_in_the_air__skips() -> None:
    assert admission.unsettled(()) is None
    assert skipped(admission.unsettled(("notion:1",)), "unsettled")


# ---------------------------------------------------------------- what is left


@pytest.mark.parametrize(
    ("value_e8", "amount"), [(10 * USD, 1), (10 * USD + 1, 1), (10 * USD - 1, 1), (10 * USD, 0)]
)
def test_too_small__at_its_minimum__passes(value_e8: int, amount: int) -> None:
    found = admission.too_small(Size(amount, UsdE8(value_e8), "wallet"), LIMITS)
    passes = value_e8 >= 10 * USD and amount > 0
    assert found is None if passes else skipped(found, "too_small")
    assert found is None or "cut by wallet" in str(found.message)


def test_too_small__cut_by_nothing_but_itself__says_so() -> None:
    found = admission.too_small(Size(0, UsdE8(0), ""), LIMITS)
    assert found is not None
    assert "cut by trade_usd" in str(found.message)
    assert found.level is Level.INFO


@pytest.mark.parametrize(("hf_after", "passes"), [(hf("1.8") - 1, False), (hf("1.8"), True), (INFINITE_HF, True)])
def test_health_after__at_its_minimum__passes(hf_after: int, *, passes: bool) -> None:
    found = admission.health_after(Wad(hf_after), LIMITS)
    assert found is None if passes else rejected(found, "hf_after")
    assert found is None or "1.7999" in str(found.message)  # rounded down: 1.8000 would read as enough
    assert found is None or found.level is Level.WARNING


# ---------------------------------------------------------------- what trips


@pytest.mark.parametrize(("arrivals", "trips"), [(1, False), (10, False), (11, True)])
def test_is_burst__more_than_ten__trips(arrivals: int, *, trips: bool) -> None:
    assert admission.is_burst(Record(arrivals=arrivals), LIMITS) is trips


@pytest.mark.parametrize(("run", "trips"), [(1, False), (4, False), (5, True), (6, True)])
@pytest.mark.parametrize("action", Action)
def test_is_run__the_fifth_buy_or_sell__trips(action: Action, run: int, *, trips: bool) -> None:
    assert admission.is_run(signal(action=action), Record(run=run), LIMITS) is (
        trips and action is not Action.HOLD
    )


# ---------------------------------------------------------------- no price


def test_size_of__no_price__is_nothing() -> None:
    room = Room(Asset("USDC", 10**6, UsdE8(0)), 10**12, 10**12, 10**12, None, 10**13, 10**13, 0)
    for action in (Action.BUY, Action.SELL):
        size = admission.size_of(action, room, LIMITS)
        assert (size.amount, size.value_e8) == (0, 0)
        assert skipped(admission.too_small(size, LIMITS), "too_small")
