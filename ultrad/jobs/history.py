"""What the journal remembers of a job. Each kind of event ends in the job's name, so its newest is one look."""

from dataclasses import dataclass
from datetime import datetime

from ultrad.core.events import Recorded
from ultrad.i18n import Message, msg
from ultrad.ports import EventFilter, Journal

STARTED = "job.started"
FINISHED = "job.finished"
FAILED = "job.failed"
STOPPED = "job.stopped"
SKIPPED = "job.skipped"

FAILURES_KEPT = 2_000
"""More than a minute job can fail in the day over which failures are counted."""
_BY_HAND_IN_A_ROW = 100
"""Runs by hand have no fire time; the newest that has one is looked for within so many."""


@dataclass(frozen=True, slots=True)
class History:
    """A job's last run. ok: None before the first, and while it runs. Times are wall milliseconds."""

    started_ms: int | None = None
    ok: bool | None = None
    message: Message | None = None
    duration_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Remembered:
    """What is taken up after a restart. settled: the newest fire dealt with; failed_ms: steady times, rising."""

    history: History
    settled: datetime | None
    failed_ms: tuple[int, ...]


async def remembered(journal: Journal, name: str) -> Remembered:
    """Ask the journal about one job. Raises Transient where it cannot be read."""

    async def newest(limit: int, *kinds: str) -> tuple[Recorded, ...]:
        which = EventFilter(kinds=tuple(f"{kind}.{name}" for kind in kinds), limit=limit, newest_first=True)
        return await journal.events(which)

    begun = await newest(_BY_HAND_IN_A_ROW, STARTED, SKIPPED)
    started = await newest(1, STARTED)
    ended = await newest(1, FINISHED, FAILED, STOPPED)
    failed = await newest(FAILURES_KEPT, FAILED)
    fires = [datetime.fromisoformat(fire) for one in begun if isinstance(fire := one.event.data["fire"], str)]
    return Remembered(
        history=_history(started, ended),
        settled=max(fires, default=None),
        failed_ms=tuple(one.event.now.steady_ms for one in reversed(failed)),
    )


def _history(started: tuple[Recorded, ...], ended: tuple[Recorded, ...]) -> History:
    if not started:
        return History()
    started_ms = started[0].event.now.wall_ms
    if not ended or ended[0].seq < started[0].seq:
        return History(started_ms, ok=False, message=msg("it was cut off when the daemon ended without a word"))
    event = ended[0].event
    duration_ms = event.data["duration_ms"]
    return History(
        started_ms,
        ok=event.data["ok"] is True,
        message=event.message,
        duration_ms=duration_ms if isinstance(duration_ms, int) else None,
    )
