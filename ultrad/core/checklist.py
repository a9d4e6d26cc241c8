"""The checklist of `ultrad resume`: what must be so before the stop is lifted."""

from dataclasses import dataclass
from enum import Enum

from ultrad.i18n import Message


class Mark(Enum):
    """How one line of the checklist stands."""

    PASS = "pass"  # noqa: S105 - a mark, no password
    FAIL = "fail"
    ASK = "ask"
    WAIVED = "waived"


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its name (as `--waive` takes it), its mark, what it says, and whether it may be waived."""

    name: str
    mark: Mark
    message: Message
    waivable: bool
