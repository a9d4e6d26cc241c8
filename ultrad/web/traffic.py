"""How fast and how well this server answers, over a rolling window."""

from bisect import bisect_left
from dataclasses import dataclass, field
from itertools import accumulate

WINDOW_S = 60
"""The figures are called `_1m`; the latency is taken over the same minute."""
_FIRST_EDGE_MS = 0.05
_STEP = 1.1
"""Latencies are counted in bins 10 % apart: that is how exact a percentile is, at any rate of requests."""
_EDGES_MS = tuple(_FIRST_EDGE_MS * _STEP**power for power in range(150))
"""Up to 73 s: longer than any answer may take."""
_WORST = 500


@dataclass(slots=True)
class _Second:
    """What was answered within one second."""

    at_s: int = -1
    errors: int = 0
    bins: list[int] = field(default_factory=lambda: [0] * (len(_EDGES_MS) + 1))


@dataclass(frozen=True, slots=True)
class TrafficFigures:
    """Answers within the last minute. error_rate: share of 5xx, 0 to 1. p95_ms: rounded up to its bin's edge."""

    answers: int
    error_rate: float
    p95_ms: float


class Traffic:
    """Counts answers in a fixed amount of memory, whatever their number."""

    def __init__(self) -> None:
        """Start with nothing known."""
        self._seconds = [_Second() for _ in range(WINDOW_S)]

    def add(self, status: int, took_s: float, now_s: float) -> None:
        """One answer was given. Times in seconds of a clock that never goes back."""
        at_s = int(now_s)
        second = self._seconds[at_s % WINDOW_S]
        if second.at_s != at_s:
            second = self._seconds[at_s % WINDOW_S] = _Second(at_s)
        second.bins[bisect_left(_EDGES_MS, took_s * 1000)] += 1
        second.errors += status >= _WORST

    def figures(self, now_s: float) -> TrafficFigures | None:
        """The last minute; None where nothing was answered in it."""
        recent = [one for one in self._seconds if int(now_s) - WINDOW_S < one.at_s <= int(now_s)]
        bins = [sum(counts) for counts in zip(*(one.bins for one in recent), strict=True)]
        answers = sum(bins)
        if not answers:
            return None
        place = next(at for at, upto in enumerate(accumulate(bins)) if upto * 20 >= answers * 19)
        return TrafficFigures(
            answers=answers,
            error_rate=sum(one.errors for one in recent) / answers,
            p95_ms=_EDGES_MS[min(place, len(_EDGES_MS) - 1)],
        )
