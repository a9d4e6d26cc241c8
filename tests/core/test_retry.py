import pytest
from hypothesis import given
from hypothesis import strategies as st

from ultrad.core.retry import Backoff, RestartLimit, may_restart, pause_s, recent


@pytest.mark.parametrize(
    ("failures", "expected_s"), [(1, 0.5), (2, 1.0), (3, 2.0), (4, 2.5), (5, 2.5), (10**9, 2.5)]
)
def test_pause__no_jitter__doubles_up_to_the_cap(failures: int, expected_s: float) -> None:
    assert pause_s(Backoff(first_s=1.0, most_s=5.0), failures, 0.0) == expected_s


@given(failures=st.integers(1, 10_000), fraction=st.floats(0, 1, exclude_max=True))
def test_pause__any_jitter__between_half_and_whole(failures: int, fraction: float) -> None:
    backoff = Backoff(first_s=0.25, most_s=30.0)
    whole_s = min(30.0, 0.25 * 2 ** min(failures - 1, 100))
    assert whole_s / 2 <= pause_s(backoff, failures, fraction) <= whole_s


def test_may_restart__up_to_the_limit_in_the_window__then_not() -> None:
    limit = RestartLimit(restarts=2, window_s=60.0)
    assert may_restart(limit, (0.0,), 0.0)
    assert may_restart(limit, (0.0, 10.0), 10.0)
    assert not may_restart(limit, (0.0, 10.0, 59.9), 59.9)


def test_may_restart__old_failures__are_forgotten_when_the_window_has_passed() -> None:
    limit = RestartLimit(restarts=2, window_s=60.0)
    assert recent(limit, (0.0, 10.0, 60.0), 60.0) == (10.0, 60.0)
    assert may_restart(limit, (0.0, 10.0, 60.0), 60.0)
