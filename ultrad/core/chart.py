"""What a chart shows: curves over a period, cut to what can be drawn. Drawn as SVG and, aside, as PNG."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo
from itertools import pairwise

from ultrad.core.limits import Limits
from ultrad.core.periods import Period, ticks
from ultrad.core.report import Point, Report
from ultrad.units import USD, WAD

TOP_HF = 4.0
"""A health factor above it, infinity as well, is drawn at it: what matters happens below."""
GAP = 3
"""So many empty stretches of the chart in a row break the line."""
MOST_DRAWN = 6
"""Positions; those nearest to their limits first."""


@dataclass(frozen=True, slots=True)
class Curve:
    """One position. at: time as a share of the period, 0 to 1; hf: (lowest, highest); usd: (lowest, highest)."""

    name: str
    at: tuple[float, ...]
    hf: tuple[tuple[float, float], ...]
    usd: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """All curves, and the axes. ticks: (share of the period, label)."""

    curves: tuple[Curve, ...]
    ticks: tuple[tuple[float, str], ...]
    warn_hf: float
    trip_hf: float


def chart_of(report: Report, limits: Limits, zone: tzinfo) -> Chart:
    """The chart of a report."""
    period = report.period
    nearest = sorted(report.positions, key=lambda one: (one.hf_low, one.position))[:MOST_DRAWN]
    return Chart(
        curves=tuple(_curve(one.position, one.points, period) for one in nearest),
        ticks=tuple((_share(at_ms, period), label) for at_ms, label in ticks(period, zone)),
        warn_hf=limits.warn_hf / WAD,
        trip_hf=limits.trip_hf / WAD,
    )


def stretches(at: Sequence[float]) -> list[list[int]]:
    """The places of a curve's points, parted where readings are missing: a hole in them is seen as one."""
    steps = sorted(later - earlier for earlier, later in pairwise(at))
    usual = steps[len(steps) // 2] if steps else 1.0
    found: list[list[int]] = []
    for place, share in enumerate(at):
        if not found or share - at[place - 1] > usual * GAP:
            found.append([])
        found[-1].append(place)
    return found


def _curve(name: str, points: tuple[Point, ...], period: Period) -> Curve:
    return Curve(
        name,
        tuple(_share(one.at_ms, period) for one in points),
        tuple((_drawn(one.hf_low), _drawn(one.hf_high)) for one in points),
        tuple((one.net_low_e8 / USD, one.net_high_e8 / USD) for one in points),
    )


def _drawn(factor: int) -> float:
    return min(factor / WAD, TOP_HF)


def _share(at_ms: int, period: Period) -> float:
    return round((at_ms - period.since_ms) / (period.until_ms - period.since_ms), 6)
