"""What is asked of whoever makes a report, and what comes of it: both pass between processes as JSON."""

from dataclasses import dataclass

from ultrad.core.periods import Period
from ultrad.i18n import Message
from ultrad.units import Now, Wad


@dataclass(frozen=True, slots=True)
class Where:
    """What stays the same for all reports of one daemon. Paths as text. accounts: by the positions' names."""

    journal: str
    reports: str
    logs: str
    language: str
    zone: str
    place: str
    version: str
    warn_hf: Wad
    trip_hf: Wad
    accounts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Order:
    """One report to be made. loosened: what the configuration switched off or loosened."""

    period: Period
    made: Now
    loosened: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True)
class Made:
    """A report that was made. seq, hash: the journal's head as it was read.

    page, picture: names of files among the reports; empty where there is none. trouble: why, for the picture.
    """

    name: str
    title: Message
    lines: tuple[Message, ...]
    seq: int
    hash: str
    page: str = ""
    picture: str = ""
    trouble: Message | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """One report among those that are kept. Its page is `name` + .html."""

    name: str
    made_ms: int
    size: int
    picture: bool = False
