"""What the checklist of `ultrad resume` is judged by."""

from dataclasses import dataclass

from ultrad.core.assess import is_empty
from ultrad.core.events import Finding, Severity
from ultrad.core.limits import Limits
from ultrad.core.status import Status
from ultrad.i18n import Message
from ultrad.units import Bps, Wad

LEAK = "key_leak"
"""The cause after which every key has to be replaced."""


@dataclass(frozen=True, slots=True)
class PositionFacts:
    """One position. hf: of its newest reading, None before the first. change_bps: None where nothing compares."""

    name: str
    hf: Wad | None
    change_bps: Bps | None
    empty: bool


@dataclass(frozen=True, slots=True)
class ResumeFacts:
    """What the daemon knows at this moment.

    late_parts: loops that have not turned within their limits. findings: those that stand. causes: the keys of the
    stop's causes. reading_age_ms: of the newest accepted readings, None before the first; reading_limit_ms: what
    counts as fresh. lowest_hf: of any position within the look-back time. history_known: whether the record before
    this start has been read, without which low readings and moves of then are not seen. incidents: number and code
    of each open S1. rotation: where a leaked key is a cause, whether every key was replaced since, in words.
    """

    late_parts: tuple[str, ...]
    findings: tuple[Finding, ...]
    causes: frozenset[tuple[str, str]]
    positions: tuple[PositionFacts, ...]
    reading_age_ms: int | None
    reading_limit_ms: int
    lowest_hf: Wad | None
    look_back_ms: int
    history_known: bool
    job_failures: int
    limits: Limits
    incidents: tuple[tuple[int, str], ...] = ()
    rotation: tuple[bool, Message] | None = None


@dataclass(frozen=True, slots=True)
class Yardstick:
    """What the facts are held against, beside what the status says of them."""

    limits: Limits
    look_back_ms: int
    reading_limit_ms: int


def facts_of(status: Status, yardstick: Yardstick, *, history_known: bool) -> ResumeFacts:
    """The facts as the status has them."""
    return ResumeFacts(
        late_parts=status.late_parts(),
        findings=tuple(line.finding for line in status.findings),
        causes=frozenset(cause.key for cause in status.estop.causes),
        positions=tuple(
            PositionFacts(
                name=one.name,
                hf=one.reading.health_factor if one.reading else None,
                change_bps=one.change_bps,
                empty=one.reading is not None and is_empty(one.reading),
            )
            for one in status.positions
        ),
        reading_age_ms=status.reading_age_ms,
        reading_limit_ms=yardstick.reading_limit_ms,
        lowest_hf=status.lowest_hf,
        look_back_ms=yardstick.look_back_ms,
        history_known=history_known,
        job_failures=status.counts.job_failures,
        limits=yardstick.limits,
        incidents=tuple((one.number, one.code) for one in status.incidents if one.severity is Severity.S1),
    )
