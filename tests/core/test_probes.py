from collections.abc import Iterable
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ultrad.core.events import Level, Origin, Severity
from ultrad.core.probes import (
    KEPT_MS,
    LEAST_SAMPLES,
    MOST_KEPT,
    RATE_WINDOW_MS,
    REACH_MS,
    Answers,
    Digest,
    Rate,
    Sample,
    digest,
    lasting,
    percentile,
    rate,
    rate_findings,
)
from ultrad.units import Now

MINUTE_MS = 60_000
HOUR_MS = 3_600_000


def sample(at_ms: int, *, failed: bool = False, elapsed_ms: int = 10, name: str = "alpha") -> Sample:
    return Sample(name, Now(10**12 + at_ms, at_ms), elapsed_ms, failed)


def each_minute(count: int, failed: Iterable[int] = ()) -> list[Sample]:
    """One a minute, the first at minute 1; those of the minutes named failed."""
    bad = set(failed)
    return [sample(minute * MINUTE_MS, failed=minute in bad) for minute in range(1, count + 1)]


# ---------------------------------------------------------------- the rate


def test_rate__nineteen_samples__says_nothing() -> None:
    assert rate(each_minute(19, range(1, 20)), 19 * MINUTE_MS) is None


def test_rate__twenty_samples__of_all_of_them() -> None:
    assert rate(each_minute(20, (1, 20)), 20 * MINUTE_MS) == Rate(2, 20)


def test_rate__twenty_first_sample__the_oldest_is_out() -> None:
    assert rate(each_minute(21, (1,)), 21 * MINUTE_MS) == Rate(0, 20)


def test_rate__many_in_five_minutes__all_of_these_and_no_others() -> None:
    dense = [sample(at_ms, failed=at_ms <= RATE_WINDOW_MS) for at_ms in range(0, 2 * RATE_WINDOW_MS + 1, 1_000)]
    # the window is (t - 5 min, t]: what is exactly 5 minutes old is out
    assert rate(dense, 2 * RATE_WINDOW_MS) == Rate(0, 300)
    assert rate(dense, 2 * RATE_WINDOW_MS - 1) == Rate(1, 300)


def test_rate__later_samples__are_not_known_yet() -> None:
    assert rate(each_minute(40, (30,)), 29 * MINUTE_MS) == Rate(0, 20)


def test_rate__an_hour_reaches_back_to_nineteen_only__says_nothing() -> None:
    slow = [sample(place * REACH_MS // 19) for place in range(20)]
    assert rate(slow, REACH_MS - 1) is None  # the newest is not there yet
    assert rate(slow, REACH_MS) is None  # the oldest is exactly an hour old
    assert rate([*slow, sample(REACH_MS)], REACH_MS) == Rate(0, 20)


@pytest.mark.parametrize(
    ("failed", "count", "over"), [(1, 20, False), (2, 20, True), (5, 100, False), (6, 100, True)]
)
def test_rate__at_five_percent__is_not_over(failed: int, count: int, over: bool) -> None:  # noqa: FBT001 - a case
    assert Rate(failed, count).over is over


def test_rate__shown__rounded_down() -> None:
    assert Rate(1, 3).bps == 3_333


# ---------------------------------------------------------------- five minutes


def test_lasting__one_of_twenty__is_no_alert() -> None:
    assert lasting(each_minute(60, (40,)), 60 * MINUTE_MS) is None


def test_lasting__two_of_twenty__an_alert_after_five_minutes_and_not_before() -> None:
    samples = each_minute(60, (30, 31))
    assert lasting(samples, 36 * MINUTE_MS - 1) is None
    assert lasting(samples, 36 * MINUTE_MS) == Rate(2, 20)
    assert lasting(samples, 50 * MINUTE_MS - 1) == Rate(2, 20)  # minute 30 is still among the twenty
    assert lasting(samples, 50 * MINUTE_MS) is None


def test_lasting__under_it_once_in_five_minutes__starts_anew() -> None:
    bad = [sample(at_ms, failed=at_ms % 10_000 == 0) for at_ms in range(0, 3 * RATE_WINDOW_MS + 1, 1_000)]
    assert lasting(bad, 2 * RATE_WINDOW_MS) == Rate(30, 300)
    dip_ms = 8 * MINUTE_MS
    healed = [one if not 3 * MINUTE_MS < one.at.steady_ms <= dip_ms else sample(one.at.steady_ms) for one in bad]
    assert rate(healed, dip_ms) == Rate(0, 300)
    assert lasting(healed, dip_ms + RATE_WINDOW_MS) is None


def test_lasting__too_few_five_minutes_ago__not_yet() -> None:
    samples = each_minute(24, range(1, 25))
    assert lasting(samples, 24 * MINUTE_MS) is None
    assert lasting([*samples, sample(25 * MINUTE_MS)], 25 * MINUTE_MS) == Rate(19, 20)


histories = st.lists(st.tuples(st.integers(1, 400_000), st.booleans()), max_size=80).map(
    lambda steps: [
        sample(sum(pause for pause, _ in steps[: place + 1]), failed=failed)
        for place, (_, failed) in enumerate(steps)
    ]
)


def plainly(samples: list[Sample], at_ms: int) -> Rate | None:
    """The rule as it is written, without a thought for speed."""
    known = [one for one in samples if one.at.steady_ms <= at_ms]
    window = [one for one in known if one.at.steady_ms > at_ms - RATE_WINDOW_MS]
    if len(window) < LEAST_SAMPLES:
        window = known[-LEAST_SAMPLES:]
    if len(window) < LEAST_SAMPLES or window[0].at.steady_ms <= at_ms - REACH_MS:
        return None
    return Rate(len([one for one in window if one.failed]), len(window))


@given(histories, st.integers(0, 5 * HOUR_MS))
def test_rate__any_history__as_the_rule_is_written(samples: list[Sample], at_ms: int) -> None:
    found = rate(samples, at_ms)
    assert found == plainly(samples, at_ms)
    if found is not None:
        assert found.over is (Fraction(found.failed, found.count) > Fraction(5, 100))


@given(histories, st.integers(0, 5 * HOUR_MS))
def test_lasting__any_history__over_at_each_moment_of_five_minutes(samples: list[Sample], now_ms: int) -> None:
    begun_ms = now_ms - RATE_WINDOW_MS
    moments = {begun_ms, now_ms, *(one.at.steady_ms for one in samples if begun_ms <= one.at.steady_ms <= now_ms)}
    rates = [plainly(samples, moment) for moment in moments]
    expected = plainly(samples, now_ms) if all(one is not None and one.over for one in rates) else None
    assert lasting(samples, now_ms) == expected


@given(histories)
def test_lasting__nothing_failed__never(samples: list[Sample]) -> None:
    fine = [sample(one.at.steady_ms) for one in samples]
    assert all(lasting(fine, one.at.steady_ms + later) is None for one in fine for later in (0, MINUTE_MS))


@given(histories, st.integers(0, 5 * HOUR_MS))
def test_answers__what_they_let_go__changes_no_rate(samples: list[Sample], now_ms: int) -> None:
    known = [one for one in samples if one.at.steady_ms <= now_ms]
    answers = Answers()
    answers.add(known, now_ms)
    assert lasting(answers.of("alpha"), now_ms) == lasting(known, now_ms)


# ---------------------------------------------------------------- what is kept and shown


def test_answers__come_late__stand_in_their_order_and_old_ones_go() -> None:
    answers = Answers()
    answers.add([sample(KEPT_MS + 2), sample(5, name="beta")], KEPT_MS + 2)
    answers.add([sample(2), sample(3)], KEPT_MS + 2)
    assert [one.at.steady_ms for one in answers.of("alpha")] == [3, KEPT_MS + 2]
    answers.add([], 2 * KEPT_MS + 5)
    assert answers.of("alpha") == answers.of("beta") == ()


def test_answers__too_many__the_newest_stay() -> None:
    answers = Answers()
    answers.add([sample(at_ms) for at_ms in range(MOST_KEPT + 7)], MOST_KEPT + 7)
    assert (len(answers.of("alpha")), answers.of("alpha")[0].at.steady_ms) == (MOST_KEPT, 7)


@pytest.mark.parametrize(
    ("values", "expected"), [([7], 7), (list(range(1, 21)), 19), (list(range(1, 101)), 95), ([3, 1, 2], 3)]
)
def test_percentile__nearest_rank(values: list[int], expected: int) -> None:
    assert percentile(values, 95) == expected


@given(st.lists(st.integers(0, 10**6), min_size=1), st.integers(0, 100))
def test_percentile__any__so_many_do_not_exceed_it_and_it_is_the_least_such(
    values: list[int], percent: int
) -> None:
    found = percentile(values, percent)
    assert found in values
    assert sum(one <= found for one in values) * 100 >= percent * len(values)
    assert all(sum(one <= less for one in values) * 100 < percent * len(values) for less in values if less < found)


def test_digest__the_last_hour__alone() -> None:
    samples = [
        sample(0, failed=True, elapsed_ms=9_999),
        sample(1, failed=True, elapsed_ms=40),
        sample(HOUR_MS, elapsed_ms=20),
        sample(HOUR_MS + 1, elapsed_ms=1),
    ]
    assert digest(samples, HOUR_MS) == Digest(Rate(1, 2), 40, 20)
    assert digest(samples, 3 * HOUR_MS) is None


def test_rate_findings__of_those_that_are_asked__alert_with_their_class() -> None:
    answers = Answers()
    bad = each_minute(30, range(1, 31))
    answers.add([*bad, *(sample(one.at.steady_ms, name="gone", failed=True) for one in bad)], 30 * MINUTE_MS)
    origins = {"alpha": Origin.OUTSIDE, "http": Origin.INFRASTRUCTURE}
    (found,) = rate_findings(answers, origins, 30 * MINUTE_MS)
    assert (found.code, found.subject, found.level) == ("error_rate", "alpha", Level.ALERT)
    assert (found.origin, found.severity) == (Origin.OUTSIDE, Severity.S2)
    assert found.figures == (("failed", "20"), ("count", "20"))
    assert "100.00%" in str(found.message)
