"""What the daemon finds wrong with itself: a journal that takes nothing."""

import anyio

from ultrad.core.events import Finding, Level, Origin, Severity
from ultrad.i18n import Message, msg
from ultrad.ports import Clock, FindingSink, Journal, Turned
from ultrad.units import Now

LOOK_S = 1.0
UNWRITABLE_MS = 10_000
"""A disk that refuses for so long is no hiccup: an hour is housekept, and a backup taken, in less."""


class Upkeep:
    """A part of the supervisor. It reads what is in memory alone: no disk can hold it up."""

    def __init__(self, journal: Journal, clock: Clock, sink: FindingSink) -> None:
        """Nothing is found before `run`."""
        self._journal, self._clock, self._sink = journal, clock, sink
        self._troubled: Now | None = None

    async def run(self, turned: Turned) -> None:
        """Look each second, for ever."""
        while True:
            now = self._clock.now()
            self._sink.observe("upkeep", self._findings(now), now)
            turned()
            await anyio.sleep(LOOK_S)

    def _findings(self, now: Now) -> tuple[Finding, ...]:
        waiting, trouble = self._journal.backlog()
        if trouble is None:
            self._troubled = None
            return ()
        self._troubled = self._troubled or now
        troubled_ms = now.steady_ms - self._troubled.steady_ms
        return (_unwritable(waiting, trouble, troubled_ms // 1_000),) if troubled_ms >= UNWRITABLE_MS else ()


def _unwritable(waiting: int, trouble: Message, seconds: int) -> Finding:
    return Finding(
        code="journal_unwritable",
        subject="",
        level=Level.ALERT,
        origin=Origin.INFRASTRUCTURE,
        severity=Severity.S2,
        message=msg(
            "The journal has taken nothing for {seconds} s: {reason} The watch goes on, and the stop works; what "
            "happens waits in memory and would be lost with the process. Make room on the disk under the state "
            "directory (`df`), or mend it (`dmesg`); do not restart before.",
            seconds=seconds,
            reason=trouble,
        ),
        figures=(("waiting", str(waiting)), ("seconds", str(seconds))),
    )
