"""What is found, and what is recorded."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, IntEnum, StrEnum

from ultrad.i18n import Message
from ultrad.units import Now, Wad


class Level(IntEnum):
    """Event levels, rising."""

    INFO = 0
    WARNING = 1
    ALERT = 2
    CRITICAL = 3
    EMERGENCY = 4

    @property
    def label(self) -> str:
        """The lower-case name, as it is written everywhere."""
        return self.name.lower()


def level_of(label: object) -> Level:
    """The level of that label. Raises ValueError where there is none."""
    for level in Level:
        if level.label == label:
            return level
    raise ValueError(f"no level {label!r}")


class Origin(StrEnum):
    """Where triage starts: a service of others, something of ours, or the machine under it."""

    OUTSIDE = "outside"
    CODE = "code"
    INFRASTRUCTURE = "infrastructure"


class Severity(StrEnum):
    """How an incident is handled. S1 funds at risk, S2 part broken, S3 noise."""

    S1 = "S1"
    S2 = "S2"
    S3 = "S3"


class Effect(Enum):
    """What a finding does besides being told."""

    NONE = "none"
    NO_TRADE = "no_trade"
    TRIP = "trip"


Json = None | bool | int | str | list["Json"] | dict[str, "Json"]
"""What an event's data may hold. No floats: figures are integers or decimal strings."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is so now. `code` and `subject` together say which; the rest may change from look to look.

    subject: the position, endpoint, reserve, job or part that it is about; empty for the daemon itself.
    figures: the numbers behind it, as text, in the order they should be read.
    health_factor: of the position it is about, where it is about one.
    """

    code: str
    subject: str
    level: Level
    origin: Origin
    message: Message
    severity: Severity = Severity.S3
    effect: Effect = Effect.NONE
    figures: tuple[tuple[str, str], ...] = ()
    health_factor: Wad | None = None

    @property
    def key(self) -> tuple[str, str]:
        """What makes two findings the same condition."""
        return (self.code, self.subject)


@dataclass(frozen=True, slots=True)
class Event:
    """One row for the journal.

    kind: dotted name ("estop.on", "finding.raised", "job.finished").
    key: where given, at most one event of this kind may ever bear it (a job's fire time, a notice's id).
    data: JSON without floats.
    """

    kind: str
    level: Level
    now: Now
    message: Message
    data: Mapping[str, Json] = field(default_factory=dict)
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event as the journal holds it: its place in the chain and its hash (hex sha-256)."""

    seq: int
    hash: str
    event: Event
