"""What checks see: one line each, with its class, how bad it is, and what to do about it."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from ultrad.core.events import Finding, Level, Origin, Severity
from ultrad.i18n import Message, msg

EXIT_CODES = {Level.INFO: 0, Level.WARNING: 1, Level.ALERT: 4, Level.CRITICAL: 5, Level.EMERGENCY: 5}
"""How `ultrad doctor` ends, by the worst line. 2 and 3 are left to usage and to other commands' "no daemon"."""


class Area(StrEnum):
    """What a line is about, in the order in which an operator reads them."""

    SERVICE = "service"
    CONFIG = "config"
    FILES = "files"
    STOP = "stop"
    PARTS = "parts"
    JOBS = "jobs"
    PROBES = "probes"
    CHANNELS = "channels"
    ALERTS = "alerts"
    CAPACITY = "capacity"
    CLOCK = "clock"
    BACKUPS = "backups"
    LOGS = "logs"
    FINDINGS = "findings"
    CHANGES = "changes"


@dataclass(frozen=True, slots=True)
class Sight:
    """One thing that was looked at. level: INFO where nothing is wrong. remedy: what to do, where there is any.

    known: False where nobody could look. code: of the finding that it makes; empty where it makes none, because
    another part tells of it or nobody has to be told. elapsed_ms: how long the look took, where that matters.
    """

    area: Area
    subject: str
    level: Level
    origin: Origin
    message: Message
    remedy: Message | None = None
    elapsed_ms: int | None = None
    known: bool = True
    code: str = ""
    severity: Severity = Severity.S3
    figures: tuple[tuple[str, str], ...] = ()

    def finding(self) -> Finding | None:
        """What is told of it, if anything."""
        if self.level is Level.INFO or not self.code:
            return None
        message = self.message
        if self.remedy is not None:
            message = msg("{what} {remedy}", what=message, remedy=self.remedy)
        return Finding(
            self.code, self.subject, self.level, self.origin, message, self.severity, figures=self.figures
        )


def findings(sights: Iterable[Sight]) -> tuple[Finding, ...]:
    """What is told of all of them."""
    return tuple(found for one in sights if (found := one.finding()) is not None)


def worst(sights: Iterable[Sight]) -> Level:
    """The level of the worst line."""
    return max((one.level for one in sights), default=Level.INFO)


def in_order(sights: Iterable[Sight]) -> tuple[Sight, ...]:
    """By area; within one as they came."""
    areas = tuple(Area)
    return tuple(sorted(sights, key=lambda one: areas.index(one.area)))
