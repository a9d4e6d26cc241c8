"""What a node says and others may not: it counts once it has been said for a while."""

from ultrad.units import Now

GAP_MS = 60_000
"""A sighting that is older than this, and was not repeated, is forgotten: blips hours apart add up to nothing."""
FEWEST = 3
"""Sightings, however long the first was ago: an outage in between shows nothing."""


class Doubt:
    """One suspicion. for_ms: how long it must be seen, again and again, before it is believed."""

    def __init__(self, for_ms: int) -> None:
        """Nothing was seen yet."""
        self._for_ms = for_ms
        self._since: Now | None = None
        self._last: Now | None = None
        self._count = 0

    def seen(self, now: Now) -> bool:
        """It looks so once more; whether that is enough."""
        if self._since is None or self._last is None or now.steady_ms - self._last.steady_ms > GAP_MS:
            self._since, self._count = now, 0
        self._last = now
        self._count += 1
        return self._count >= FEWEST and now.steady_ms - self._since.steady_ms >= self._for_ms

    def dispelled(self) -> None:
        """It does not look so."""
        self._since = None
