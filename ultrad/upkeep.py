"""What the daemon finds wrong with itself: a journal that takes nothing, a death before this start."""

from datetime import tzinfo

import anyio

from ultrad.core.ends import Ends
from ultrad.core.events import Finding, Level, Origin, Severity
from ultrad.core.telling import local_text
from ultrad.i18n import Message, msg
from ultrad.ports import Clock, FindingSink, Journal, Turned
from ultrad.units import Now

LOOK_S = 1.0
UNWRITABLE_MS = 10_000
"""A disk that refuses for so long is no hiccup: an hour is housekept, and a backup taken, in less."""
DIED_STANDS_MS = 30 * 60_000
"""Who ran for so long is well again. A loop of deaths is one incident: each start finds the same condition."""


class Upkeep:
    """A part of the supervisor. It reads what is in memory alone: no disk can hold it up."""

    def __init__(self, journal: Journal, clock: Clock, sink: FindingSink, ends: Ends, zone: tzinfo) -> None:
        """Nothing is found before `run`. ends: how the process ended before. zone: of times that people read."""
        self._journal, self._clock, self._sink = journal, clock, sink
        self._ends, self._zone = ends, zone
        self._started = clock.now()
        self._troubled: Now | None = None

    async def run(self, turned: Turned) -> None:
        """Look each second, for ever."""
        while True:
            now = self._clock.now()
            self._sink.observe("upkeep", self._findings(now), now)
            turned()
            await anyio.sleep(LOOK_S)

    def _findings(self, now: Now) -> tuple[Finding, ...]:
        return (*self._death(now), *self._disk(now))

    def _death(self, now: Now) -> tuple[Finding, ...]:
        if self._ends.last is None or now.steady_ms - self._started.steady_ms >= DIED_STANDS_MS:
            return ()
        return (_died(local_text(self._ends.last, self._zone), self._ends.count(self._started)),)

    def _disk(self, now: Now) -> tuple[Finding, ...]:
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


def _died(last: str, count: int) -> Finding:
    return Finding(
        code="died",
        subject="",
        level=Level.ALERT,
        origin=Origin.CODE,
        severity=Severity.S2,
        message=msg(
            "ultrad died at about {at}, without an orderly end, and was started again ({count} times in 24 h). "
            "Find out why: journalctl -u ultrad",
            at=last,
            count=count,
        ),
        figures=(("deaths_24h", str(count)),),
    )
