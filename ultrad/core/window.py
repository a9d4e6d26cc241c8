"""The lowest and highest value within a rolling window of time."""

from collections import deque
from collections.abc import Iterable

BUCKET_MS = 60_000
"""Values of the same minute share a bucket; a bucket leaves when all of it is older than the window."""


class RollingExtremes:
    """Lowest and highest value of the last `window_ms`, at a constant cost an observation.

    Holds two deques of (bucket, value): the lows rise from front to back, the highs fall, so that the extreme
    stands in front. Times are steady milliseconds; they never go back. A deque holds at most one entry a bucket.
    window_ms may be changed: a shorter window is right at once, a longer one once what it lacks was prepended.
    """

    __slots__ = ("_highs", "_lows", "window_ms")

    def __init__(self, window_ms: int) -> None:
        """Start empty."""
        self.window_ms = window_ms
        self._lows: deque[tuple[int, int]] = deque()
        self._highs: deque[tuple[int, int]] = deque()

    def add(self, at_ms: int, low: int, high: int) -> None:
        """Take one observation (or one minute's extremes) into account."""
        self._push_low(at_ms // BUCKET_MS, low)
        self._push_high(at_ms // BUCKET_MS, high)

    def prepend(self, older: Iterable[tuple[int, int, int]]) -> None:
        """Take (time, lowest, highest) of earlier minutes into account; they may overlap what was seen since."""
        rows = [(at_ms // BUCKET_MS, low, high) for at_ms, low, high in older]
        # Sorted by bucket: what is fetched late overlaps what was seen meanwhile.
        lows = sorted([*((bucket, low) for bucket, low, _ in rows), *self._lows])
        highs = sorted([*((bucket, high) for bucket, _, high in rows), *self._highs])
        self.clear()
        for bucket, low in lows:
            self._push_low(bucket, low)
        for bucket, high in highs:
            self._push_high(bucket, high)

    def _push_low(self, bucket: int, low: int) -> None:
        while self._lows and self._lows[-1][1] >= low:
            self._lows.pop()
        if not self._lows or self._lows[-1][0] != bucket:  # a lower one of the same bucket stays as long
            self._lows.append((bucket, low))

    def _push_high(self, bucket: int, high: int) -> None:
        while self._highs and self._highs[-1][1] <= high:
            self._highs.pop()
        if not self._highs or self._highs[-1][0] != bucket:
            self._highs.append((bucket, high))

    def extremes(self, at_ms: int) -> tuple[int, int] | None:
        """(lowest, highest) of the window that ends at `at_ms`; None where nothing was seen in it."""
        oldest = (at_ms - self.window_ms) // BUCKET_MS
        while self._lows and self._lows[0][0] < oldest:
            self._lows.popleft()
        while self._highs and self._highs[0][0] < oldest:
            self._highs.popleft()
        return (self._lows[0][1], self._highs[0][1]) if self._lows else None

    def clear(self) -> None:
        """Start anew: what came before is no baseline any more."""
        self._lows.clear()
        self._highs.clear()
