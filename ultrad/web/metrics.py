"""The status as Prometheus figures. A figure that is not known is left out: 0 would be a claim."""

from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from ultrad.core.events import Level, Severity
from ultrad.core.metrics import METRICS, value
from ultrad.core.status import Status
from ultrad.units import INFINITE_HF, USD, WAD, short_address
from ultrad.web.traffic import TrafficFigures

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
Sample = tuple[tuple[str, ...], float | None]
"""The values of the labels, and the figure; None where it is not known."""


def exposition(status: Status, traffic: TrafficFigures | None) -> bytes:
    """All figures in Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Figures(lambda: _families(status, traffic)))
    return generate_latest(registry)


class _Figures(Collector):
    """Prometheus asks a collector; this one was told what to say."""

    def __init__(self, families: Callable[[], Iterable[GaugeMetricFamily]]) -> None:
        self._families = families

    def collect(self) -> Iterable[GaugeMetricFamily]:
        return self._families()

    def describe(self) -> Iterable[GaugeMetricFamily]:
        return ()


def _gauge(name: str, text: str, samples: Iterable[Sample], labels: tuple[str, ...] = ()) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=labels)
    for values, figure in samples:
        if figure is not None:
            family.add_metric(values, figure)
    return family


def _own(name: str, status: Status, traffic: TrafficFigures | None = None) -> GaugeMetricFamily:
    """One of the operators' metrics, as it is defined for all who show it."""
    metric = METRICS[name]
    return _gauge(name, metric.about, [((), value(metric, metric.figure(status, traffic)))])


def _families(status: Status, traffic: TrafficFigures | None) -> Iterator[GaugeMetricFamily]:
    yield from _money(status)
    yield from _stop(status)
    yield from _server(status, traffic)
    yield from _endpoints(status)
    yield from _telling(status)
    yield from _trading(status)
    yield from _inside(status)


def _money(status: Status) -> Iterator[GaugeMetricFamily]:
    labels = ("position", "account")
    known = tuple(((one.name, short_address(one.account)), one.reading) for one in status.positions)
    yield _gauge(
        "aave_health_factor_current",
        METRICS["aave_health_factor_current"].about,
        ((who, None if reading is None else _hf(reading.health_factor)) for who, reading in known),
        labels,
    )
    yield _gauge(
        "aave_health_factor_min",
        METRICS["aave_health_factor_min"].about,
        [((), None if status.lowest_hf is None else _hf(status.lowest_hf))],
    )
    yield _gauge(
        "portfolio_value_change_1d_pct",
        METRICS["portfolio_value_change_1d_pct"].about,
        (
            ((one.name, short_address(one.account)), None if one.change_bps is None else one.change_bps / 100)
            for one in status.positions
        ),
        labels,
    )
    yield _gauge(
        "ultrad_collateral_usd",
        "Collateral at Aave's oracle prices, in US dollars.",
        ((who, None if reading is None else reading.collateral_e8 / USD) for who, reading in known),
        labels,
    )
    yield _gauge(
        "ultrad_debt_usd",
        "Debt at Aave's oracle prices, in US dollars.",
        ((who, None if reading is None else reading.debt_e8 / USD) for who, reading in known),
        labels,
    )
    age_ms = status.reading_age_ms
    yield _gauge(
        "ultrad_reading_age_seconds",
        "Age of the newest accepted readings.",
        [((), None if age_ms is None else age_ms / 1000)],
    )


def _stop(status: Status) -> Iterator[GaugeMetricFamily]:
    yield _own("emergency_stop_flag", status)
    yield _gauge(
        "ultrad_gate_open",
        "1 while the gate lets a transaction pass; what shuts it may be less than an emergency stop.",
        [((), not status.estop.shut_by)],
    )
    yield _own("emergency_event_count_24h", status)
    yield _own("automation_job_failure_count_24h", status)
    yield _gauge(
        "ultrad_findings",
        "Standing findings by level.",
        (
            ((level.label,), sum(one.finding.level is level for one in status.findings))
            for level in Level
            if level > Level.INFO
        ),
        ("level",),
    )


def _server(status: Status, traffic: TrafficFigures | None) -> Iterator[GaugeMetricFamily]:
    yield _own("backend_http_latency_p95_ms", status, traffic)
    yield _own("backend_http_error_rate_1m", status, traffic)
    yield _gauge(
        "ultrad_http_answers_1m",
        "This server's answers within a minute.",
        [((), traffic.answers if traffic else None)],
    )


def _endpoints(status: Status) -> Iterator[GaugeMetricFamily]:
    labels = ("endpoint",)
    yield _gauge(
        "ultrad_endpoint_usable",
        "1 where the endpoint may serve.",
        (((one.name,), one.usable) for one in status.endpoints),
        labels,
    )
    yield _gauge(
        "ultrad_endpoint_latency_seconds",
        "Time of the endpoint's last answered call.",
        (((one.name,), None if one.latency_ms is None else one.latency_ms / 1000) for one in status.endpoints),
        labels,
    )
    yield _gauge(
        "ultrad_endpoint_head_number",
        "Newest block number seen at the endpoint.",
        (((one.name,), one.head_number) for one in status.endpoints),
        labels,
    )


def _telling(status: Status) -> Iterator[GaugeMetricFamily]:
    yield _gauge(
        "ultrad_incidents_open",
        "Incidents that nobody has resolved yet, by severity.",
        (((severity.value,), sum(one.severity is severity for one in status.incidents)) for severity in Severity),
        ("severity",),
    )
    labels = ("channel",)
    yield _gauge(
        "ultrad_notices_waiting",
        "Notices that wait for the channel to take them.",
        (((one.name,), one.waiting) for one in status.channels),
        labels,
    )
    yield _gauge(
        "ultrad_channel_up",
        "0 while the channel takes nothing, else 1.",
        (((one.name,), one.failing_since_ms is None) for one in status.channels),
        labels,
    )


def _trading(status: Status) -> Iterator[GaugeMetricFamily]:
    """Without samples where nothing is traded."""
    yield _own("signals_per_10min", status)
    yield _own("aave_executed_trades_1h", status)
    yield _own("news_pipeline_success_rate_1h", status)
    yield _own("news_pipeline_error_count_1h", status)


def _inside(status: Status) -> Iterator[GaugeMetricFamily]:
    yield _gauge(
        "ultrad_info",
        "1, with what is running.",
        [((status.version, status.environment, status.network), 1)],
        ("version", "environment", "network"),
    )
    yield _gauge("ultrad_start_time_seconds", "Unix time of the start.", [((), status.started_ms / 1000)])
    yield _gauge("ultrad_journal_seq", "Number of the journal's newest event.", [((), status.journal.seq)])
    yield _gauge(
        "ultrad_journal_backlog",
        "Events that wait to be written.",
        [((), status.journal.backlog)],
    )
    yield _gauge(
        "ultrad_part_late",
        "1 where a loop has not turned within its limit.",
        (((one.name,), one.late) for one in status.parts),
        ("part",),
    )
    yield _gauge(
        "ultrad_part_restarts",
        "Restarts of a loop within the supervisor's window.",
        (((one.name,), one.restarts) for one in status.parts),
        ("part",),
    )
    yield _gauge(
        "ultrad_job_last_ok",
        "1 where the job's last run succeeded.",
        (((one.name,), one.last_ok) for one in status.jobs),
        ("job",),
    )
    yield _gauge(
        "ultrad_job_failures_24h",
        "Failed runs of the job within 24 hours.",
        (((one.name,), one.failures_24h) for one in status.jobs),
        ("job",),
    )


def _hf(value: int) -> float:
    return float("inf") if value == INFINITE_HF else value / WAD
