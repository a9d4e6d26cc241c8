"""The operators' metrics: one definition of each, for `/metrics`, `/api/status` and the reports.

A figure is an integer in units of 10^-digits of its unit. What is not known is None: 0 would be a claim. All
of them rest on the journal: what they count are events in it, or readings beside it; only what this server's own
HTTP answers took is in no event. Each minute a sample is taken; every ten minutes the journal gets what they
amounted to.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol, cast

from ultrad.core.estop import Mode
from ultrad.core.events import Event, Json, Level
from ultrad.core.limits import HOUR_MS, MINUTE_MS
from ultrad.core.status import MetricLine, Status
from ultrad.core.trade_status import SIGNALS_MS
from ultrad.i18n import msg
from ultrad.units import INFINITE_HF, Now

TALLIED = "metrics.tally"
SLOT_MS = 10 * MINUTE_MS
"""So often the journal gets what the samples amounted to: no more than that is lost with the process."""
DAY_MS = 24 * HOUR_MS
_HF_DIGITS = 18
_PCT_DIGITS = 2
_RATE_DIGITS = 4
_MS_DIGITS = 2


class Http(Protocol):
    """How this server answered within the last minute (`ultrad.web.traffic`)."""

    @property
    def error_rate(self) -> float:
        """The share of 5xx, 0 to 1."""
        ...

    @property
    def p95_ms(self) -> float:
        """The 95th percentile of answer times."""
        ...


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. window_ms: over how long; None for a figure of this moment. source: what it is made from."""

    name: str
    unit: str
    digits: int
    window_ms: int | None
    about: str
    source: str
    figure: Callable[[Status, Http | None], int | None]


def _lowest(status: Status) -> int | None:
    factors = [one.reading.health_factor for one in status.positions if one.reading is not None]
    return _finite(min(factors, default=None))


def _finite(factor: int | None) -> int | None:
    """Without debt there is no figure that could be averaged."""
    return None if factor == INFINITE_HF else factor


def _largest_move(status: Status) -> int | None:
    changes = [one.change_bps for one in status.positions if one.change_bps is not None]
    return max(changes, key=abs, default=None)


def _rate(status: Status) -> int | None:
    figures = status.trade.figures if status.trade else None
    pct = figures.success_pct if figures else None
    return None if pct is None else pct * 10 ** (_RATE_DIGITS - 2)


METRICS: Mapping[str, Metric] = {
    one.name: one
    for one in (
        Metric(
            "backend_http_latency_p95_ms",
            "ms",
            _MS_DIGITS,
            MINUTE_MS,
            "95th percentile of this server's answer times within a minute, in milliseconds.",
            "the HTTP server's own answers",
            lambda _, http: round(http.p95_ms * 10**_MS_DIGITS) if http else None,
        ),
        Metric(
            "backend_http_error_rate_1m",
            "",
            _RATE_DIGITS,
            MINUTE_MS,
            "Share of this server's answers within a minute that were 5xx, 0 to 1.",
            "the HTTP server's own answers",
            lambda _, http: round(http.error_rate * 10**_RATE_DIGITS) if http else None,
        ),
        Metric(
            "news_pipeline_success_rate_1h",
            "",
            _RATE_DIGITS,
            HOUR_MS,
            "Share of the trades admitted and ended within an hour that were carried out, 0 to 1.",
            "intent.settled, intent.rehearsed against intent.failed, .cancelled, .usurped, .yielded",
            lambda status, _: _rate(status),
        ),
        Metric(
            "news_pipeline_error_count_1h",
            "",
            0,
            HOUR_MS,
            "Trades admitted and ended within an hour that failed or were cancelled.",
            "intent.failed, intent.cancelled, intent.usurped, intent.yielded",
            lambda status, _: status.trade.figures.failed if status.trade else None,
        ),
        Metric(
            "signals_per_10min",
            "",
            0,
            SIGNALS_MS,
            "Signals that arrived within ten minutes.",
            "intent.proposed, less rescues",
            lambda status, _: status.trade.figures.signals if status.trade else None,
        ),
        Metric(
            "aave_executed_trades_1h",
            "",
            0,
            HOUR_MS,
            "Trades that were settled within an hour, dry runs included.",
            "intent.settled, intent.rehearsed, less rescues",
            lambda status, _: status.trade.figures.settled if status.trade else None,
        ),
        Metric(
            "aave_health_factor_min",
            "",
            _HF_DIGITS,
            None,
            "Lowest health factor of any position within the resume's look-back time.",
            "readings",
            lambda status, _: _finite(status.lowest_hf),
        ),
        Metric(
            "aave_health_factor_current",
            "",
            _HF_DIGITS,
            None,
            "Health factor at the newest accepted reading; +Inf without debt.",
            "readings",
            lambda status, _: _lowest(status),
        ),
        Metric(
            "portfolio_value_change_1d_pct",
            "%",
            _PCT_DIGITS,
            DAY_MS,
            "Largest move of the net value within 24 hours, in percent.",
            "readings",
            lambda status, _: _largest_move(status),
        ),
        Metric(
            "emergency_stop_flag",
            "",
            0,
            None,
            "1 while the emergency stop is ON.",
            "estop.*",
            lambda status, _: int(status.estop.mode is Mode.ON),
        ),
        Metric(
            "emergency_event_count_24h",
            "",
            0,
            DAY_MS,
            "Trips of the emergency stop within 24 hours.",
            "estop.on",
            lambda status, _: status.counts.emergency_events,
        ),
        Metric(
            "automation_job_failure_count_24h",
            "",
            0,
            DAY_MS,
            "Failed runs of jobs within 24 hours.",
            "job.failed.*",
            lambda status, _: status.counts.job_failures,
        ),
    )
}
"""Every metric of the operators, by its name, in the order in which they list them."""


def value(metric: Metric, figure: int | None) -> float | None:
    """A figure as a number of its unit, for Prometheus."""
    return None if figure is None else figure / 10**metric.digits


# ---------------------------------------------------------------- over time


@dataclass(frozen=True, slots=True)
class Tally:
    """What samples amounted to. total: their sum, so that the mean of many tallies is exact."""

    count: int
    low: int
    high: int
    total: int
    last: int

    def plus(self, later: "Tally") -> "Tally":
        """Both together, `later` being the newer one."""
        return Tally(
            self.count + later.count,
            min(self.low, later.low),
            max(self.high, later.high),
            self.total + later.total,
            later.last,
        )

    def mean(self, digits: int) -> int:
        """Rounded down; `digits` as the metric has them, and the mean as `mean_digits` has."""
        return self.total * int(10 ** (mean_digits(digits) - digits)) // self.count


def mean_digits(digits: int) -> int:
    """How many digits the mean has of a metric that has so many: a count's mean is no whole number."""
    return max(digits, 2)


Tallies = Mapping[str, Tally]


def sampled(status: Status, http: Http | None) -> Tallies:
    """One sample of every metric that has a figure now."""
    figures = ((name, metric.figure(status, http)) for name, metric in METRICS.items())
    return {name: Tally(1, figure, figure, figure, figure) for name, figure in figures if figure is not None}


def merged(many: Iterable[Tallies]) -> Tallies:
    """All of them together, the oldest first."""
    found: dict[str, Tally] = {}
    for one in many:
        for name, tally in one.items():
            found[name] = found[name].plus(tally) if name in found else tally
    return found


def tally_event(tallies: Tallies, now: Now) -> Event:
    """The record of what the samples since the last one amounted to."""
    figures: dict[str, Json] = {
        name: [str(figure) for figure in (one.count, one.low, one.high, one.total, one.last)]
        for name, one in tallies.items()
    }
    count = max((one.count for one in tallies.values()), default=0)
    message = msg("Metrics: {count} samples are recorded.", count=count)
    return Event(TALLIED, Level.INFO, now, message, {"figures": figures})


def event_tallies(event: Event) -> Tallies:
    """What `tally_event` wrote; names that are unknown here are left out. Raises ValueError on anything else."""
    figures = event.data.get("figures")
    if not isinstance(figures, dict):
        raise ValueError("no figures")  # noqa: TRY004 - one kind of error for one kind of mistake
    found = {}
    for name, row in figures.items():
        if not isinstance(row, list):
            raise ValueError(f"no figures of {name}")  # noqa: TRY004 - the same
        count, low, high, total, last = (int(cast("str", one)) for one in row)
        if count < 1:
            raise ValueError(f"no samples of {name}")
        if name in METRICS:
            found[name] = Tally(count, low, high, total, last)
    return found


def tallies_of(events: Iterable[Event]) -> tuple[tuple[str, Tally], ...]:
    """What all of these events amount to, in the metrics' own order. What is no tally is left out."""
    read: list[Tallies] = []
    for event in events:
        try:
            read.append(event_tallies(event))
        except (ValueError, TypeError):
            continue
    found = merged(read)
    return tuple((name, found[name]) for name in METRICS if name in found)


def metric_lines(tallies: Tallies, look_back_ms: int) -> tuple[MetricLine, ...]:
    """What is shown of each metric over a look-back time; one without a sample is shown with none."""
    return tuple(
        MetricLine(
            name=name,
            unit=metric.unit,
            digits=metric.digits,
            mean_digits=mean_digits(metric.digits),
            look_back_ms=look_back_ms,
            count=tally.count if tally else 0,
            low=tally.low if tally else None,
            high=tally.high if tally else None,
            mean=tally.mean(metric.digits) if tally else None,
            last=tally.last if tally else None,
        )
        for name, metric in METRICS.items()
        for tally in (tallies.get(name),)
    )
