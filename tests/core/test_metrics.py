from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.operations import ON, reading, status
from ultrad.core.events import Event, Level
from ultrad.core.metrics import (
    METRICS,
    TALLIED,
    Tallies,
    Tally,
    event_tallies,
    merged,
    metric_lines,
    sampled,
    tallies_of,
    tally_event,
    value,
)
from ultrad.core.record import pack, unpack
from ultrad.core.status import Status
from ultrad.core.trade_status import TradeFigures, TradeStatus
from ultrad.i18n import msg
from ultrad.units import INFINITE_HF, Bps, Now, Wad

NOW = Now(1_000_000, 2_000_000)
NAMES = [
    "backend_http_latency_p95_ms",
    "backend_http_error_rate_1m",
    "news_pipeline_success_rate_1h",
    "news_pipeline_error_count_1h",
    "signals_per_10min",
    "aave_executed_trades_1h",
    "aave_health_factor_min",
    "aave_health_factor_current",
    "portfolio_value_change_1d_pct",
    "emergency_stop_flag",
    "emergency_event_count_24h",
    "automation_job_failure_count_24h",
]


@dataclass(frozen=True)
class Answers:
    error_rate: float
    p95_ms: float


def trading(settled: int = 19, failed: int = 1) -> TradeStatus:
    return TradeStatus(
        dry_run=False,
        position="main",
        asset="0x" + "11" * 20,
        signs=True,
        trouble=None,
        used_e8=0,
        limit_e8=None,
        in_the_air="",
        waiting=0,
        recent=(),
        figures=TradeFigures(4, settled, failed),
    )


def seen() -> Status:
    shown = status()
    first = replace(shown.positions[0], name="a", reading=reading("a", 19 * 10**17), change_bps=Bps(-310))
    second = replace(first, name="b", reading=reading("b", INFINITE_HF), change_bps=Bps(120))
    return replace(shown, positions=(first, second), estop=ON, trade=trading(), lowest_hf=Wad(17 * 10**17))


def test_metrics__all_of_the_operators__defined_once_with_unit_window_and_source() -> None:
    assert list(METRICS) == NAMES
    assert all(one.source and one.about for one in METRICS.values())
    assert METRICS["signals_per_10min"].window_ms == 600_000


def test_sampled__everything_is_known__each_figure_as_defined() -> None:
    figures = {name: one.last for name, one in sampled(seen(), Answers(0.025, 12.345)).items()}
    assert figures == {
        "backend_http_latency_p95_ms": 1234,
        "backend_http_error_rate_1m": 250,
        "news_pipeline_success_rate_1h": 9500,
        "news_pipeline_error_count_1h": 1,
        "signals_per_10min": 4,
        "aave_executed_trades_1h": 19,
        "aave_health_factor_min": 17 * 10**17,
        "aave_health_factor_current": 19 * 10**17,
        "portfolio_value_change_1d_pct": -310,
        "emergency_stop_flag": 1,
        "emergency_event_count_24h": seen().counts.emergency_events,
        "automation_job_failure_count_24h": seen().counts.job_failures,
    }


def test_sampled__nothing_is_known__left_out_instead_of_zero() -> None:
    shown = status()
    unread = replace(shown.positions[0], reading=None, change_bps=None)
    bare = replace(shown, positions=(unread,), trade=None, lowest_hf=None)
    assert set(sampled(bare, None)) == {
        "emergency_stop_flag",
        "emergency_event_count_24h",
        "automation_job_failure_count_24h",
    }
    quiet = replace(bare, trade=trading(0, 0))
    assert "news_pipeline_success_rate_1h" not in sampled(quiet, None)


def test_sampled__no_debt__no_figure_that_could_be_averaged() -> None:
    shown = status()
    free = replace(shown.positions[0], reading=reading("main", INFINITE_HF))
    found = sampled(replace(shown, positions=(free,), lowest_hf=Wad(INFINITE_HF)), None)
    assert not {"aave_health_factor_current", "aave_health_factor_min"} & set(found)


def test_value__a_figure__in_its_unit() -> None:
    assert value(METRICS["aave_health_factor_min"], 17 * 10**17) == 1.7
    assert value(METRICS["portfolio_value_change_1d_pct"], -310) == -3.1
    assert value(METRICS["signals_per_10min"], None) is None


@given(st.lists(st.integers(-(10**20), 10**20), min_size=1, max_size=40), st.integers(1, 39))
def test_tally__merged_in_any_parts__is_what_plain_counting_gives(figures: list[int], at: int) -> None:
    name = "signals_per_10min"
    ones: list[Tallies] = [{name: Tally(1, one, one, one, one)} for one in figures]
    parts = [part for part in (merged(ones[:at]), merged(ones[at:])) if part]
    found = merged(parts)[name]
    assert found == Tally(len(figures), min(figures), max(figures), sum(figures), figures[-1])
    assert found.mean(0) == sum(figures) * 100 // len(figures)


def test_tally_event__through_the_journal__comes_back_exactly() -> None:
    tallies = sampled(seen(), Answers(0.5, 1.0))
    event = unpack(pack(tally_event(tallies, NOW)))
    assert event_tallies(event) == tallies
    assert event.kind == TALLIED
    assert tally_event({}, NOW).data == {"figures": {}}


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"figures": []},
        {"figures": {"signals_per_10min": 3}},
        {"figures": {"signals_per_10min": ["1", "2"]}},
        {"figures": {"signals_per_10min": ["x", "1", "1", "1", "1"]}},
        {"figures": {"signals_per_10min": ["0", "1", "1", "1", "1"]}},
    ],
)
def test_event_tallies__no_tally__refused_and_left_out(data: dict[str, object]) -> None:
    event = Event(TALLIED, Level.INFO, NOW, msg("x"), data)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"."):
        event_tallies(event)
    assert tallies_of((event,)) == ()


def test_event_tallies__name_of_another_version__left_out() -> None:
    figures = {"figures": {"gone": ["1", "1", "1", "1", "1"], "emergency_stop_flag": ["2", "0", "1", "1", "1"]}}
    event = Event(TALLIED, Level.INFO, NOW, msg("x"), figures)  # type: ignore[arg-type]
    assert tallies_of((event, event)) == (("emergency_stop_flag", Tally(4, 0, 1, 2, 1)),)


def test_metric_lines__some_were_sampled__all_are_shown() -> None:
    lines = {one.name: one for one in metric_lines({"signals_per_10min": Tally(3, 0, 2, 4, 2)}, 3_600_000)}
    assert list(lines) == NAMES
    shown = lines["signals_per_10min"]
    assert (shown.count, shown.low, shown.high, shown.mean, shown.last) == (3, 0, 2, 133, 2)
    assert (shown.mean_digits, shown.look_back_ms) == (2, 3_600_000)
    assert lines["aave_health_factor_min"].mean is None
