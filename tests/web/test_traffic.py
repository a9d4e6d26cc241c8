"""The rolling figures of the server's answers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ultrad.web.traffic import WINDOW_S, Traffic, TrafficFigures


def test_traffic__nothing_answered__no_figures() -> None:
    assert Traffic().figures(100.0) is None


def test_traffic__a_minute_later__is_forgotten() -> None:
    traffic = Traffic()
    traffic.add(500, 0.001, 100.9)
    assert traffic.figures(100.9 + WINDOW_S - 1) is not None
    assert traffic.figures(100.9 + WINDOW_S) is None


def test_traffic__errors__are_answers_of_500_and_more() -> None:
    traffic = Traffic()
    for status in (200, 404, 499, 500, 503):
        traffic.add(status, 0.001, 5.0)
    figures = traffic.figures(5.0)
    assert figures is not None
    assert (figures.answers, figures.error_rate) == (5, 0.4)


def test_traffic__longer_than_any_bin__is_in_the_last_one() -> None:
    traffic = Traffic()
    traffic.add(200, 10_000.0, 1.0)
    figures = traffic.figures(1.0)
    assert isinstance(figures, TrafficFigures)
    assert figures.p95_ms > 60_000


@given(st.lists(st.integers(60, 50_000_000), min_size=1, max_size=300), st.floats(0, 30))
def test_traffic__any_answers__p95_is_never_too_low_nor_far_off(took_us: list[int], spread_s: float) -> None:
    traffic = Traffic()
    for at, took in enumerate(took_us):
        traffic.add(200, took / 1e6, 1_000 + at * spread_s / len(took_us))
    figures = traffic.figures(1_000 + spread_s)
    assert figures is not None
    exact_ms = sorted(took_us)[-(-len(took_us) * 19 // 20) - 1] / 1_000
    assert figures.answers == len(took_us)
    assert exact_ms == pytest.approx(figures.p95_ms, rel=0.101)
    assert figures.p95_ms >= exact_ms * 0.999_999
