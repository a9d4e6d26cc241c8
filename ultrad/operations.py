"""What an operator can ask of the running daemon. Control socket and HTTP server know nothing else of it."""

from dataclasses import dataclass, field
from typing import Protocol

from ultrad.core.checklist import Line
from ultrad.core.events import Recorded
from ultrad.core.status import JobLine, Status
from ultrad.i18n import Message
from ultrad.ports import EventFilter


@dataclass(frozen=True, slots=True)
class Person:
    """Who stands at the control socket, by its peer credentials (SO_PEERCRED, unix(7))."""

    uid: int
    name: str


@dataclass(frozen=True, slots=True)
class ResumeRequest:
    """What the person who wants to resume says.

    cause: what caused the stop, in their words. rollback: "done" or "not-needed". staging: whether the staging
    environment has passed its test flow. backups: whether backups are known to be sound.
    confirm: the ID of another person's request; empty for a request of one's own.
    waive: (name of a line, reason) for lines that may be waived.
    """

    cause: str = ""
    rollback: str = ""
    staging: bool = False
    backups: bool = False
    confirm: str = ""
    waive: tuple[tuple[str, str], ...] = field(default=())


@dataclass(frozen=True, slots=True)
class ResumeAnswer:
    """How a resume went. done: the stop is lifted. confirm_id: what a second person has to confirm, if any."""

    done: bool
    lines: tuple[Line, ...]
    message: Message
    confirm_id: str = ""


class Operations(Protocol):
    """The daemon, as operators see it."""

    def status(self) -> Status:
        """Everything there is to see, now."""
        ...

    def late_parts(self) -> tuple[str, ...]:
        """The loops that have not turned within their limits; empty while all is well."""
        ...

    async def events(self, which: EventFilter) -> tuple[Recorded, ...]:
        """Events of the journal. Raises Transient where it cannot be read."""
        ...

    async def stop(self, by: str, reason: str) -> None:
        """Trip the emergency stop. On return no send can begin."""
        ...

    async def resume(self, person: Person, request: ResumeRequest) -> ResumeAnswer:
        """Go through the checklist and lift the stop where it passes. Raises Transient if the journal refuses."""
        ...

    async def run_job(self, name: str) -> JobLine:
        """Run a job now. Raises Permanent for a name that is none, or a job that runs already."""
        ...
