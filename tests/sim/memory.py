"""A small stand-in for tests of supervisor and jobs."""

from collections.abc import Iterable

from ultrad.core.events import Finding
from ultrad.units import Now


class MemorySink:
    """Implements `FindingSink`."""

    def __init__(self) -> None:
        self._standing: dict[str, dict[tuple[str, str], Finding]] = {}
        self.ever: list[tuple[str, str]] = []

    def observe(self, source: str, findings: Iterable[Finding], now: Now) -> None:
        assert now.wall_ms
        self._standing[source] = {one.key: one for one in findings}
        self.ever += [key for key in self._standing[source] if key not in self.ever]

    def standing(self) -> dict[str, dict[tuple[str, str], Finding]]:
        return self._standing
