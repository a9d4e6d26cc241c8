"""How long the same is tried again without a word."""

from ultrad.core.events import Finding
from ultrad.core.trade_troubles import stuck
from ultrad.i18n import Message
from ultrad.units import Now

STUCK_MS = 120_000
"""An endpoint that fails over, a node that lags and a disk that hiccups are over in less."""
FEWEST = 4
"""Tries, so that a clock that leaps is none."""


class Patience:
    """What the trader failed at since it last went on."""

    def __init__(self) -> None:
        """Nothing was tried yet."""
        self._since: Now | None = None
        self._count = 0
        self._what, self._why = "", Message("")

    def failed(self, what: str, why: Message, now: Now) -> None:
        """It was tried, and could not be done. what: the intent's id; empty where it is none's own."""
        self._since = self._since or now
        self._count += 1
        self._what, self._why = what, why

    def went_on(self) -> None:
        """Something was done, or there is nothing to do."""
        self._since, self._count = None, 0

    def findings(self, now: Now) -> tuple[Finding, ...]:
        """That it is stuck, once that has lasted."""
        if self._since is None or self._count < FEWEST or now.steady_ms - self._since.steady_ms < STUCK_MS:
            return ()
        return (stuck(self._what, (now.steady_ms - self._since.steady_ms) // 1_000, self._why),)
