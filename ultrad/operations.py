"""What an operator can ask of the running daemon. Control socket and HTTP server know nothing else of it."""

from dataclasses import dataclass, field
from typing import Protocol

from ultrad.core.allowances import AllowancesAt
from ultrad.core.changes import Change
from ultrad.core.checklist import Line
from ultrad.core.decisions import Decision
from ultrad.core.events import Recorded
from ultrad.core.intents import Stage
from ultrad.core.procedure import Procedure
from ultrad.core.sights import Sight
from ultrad.core.status import ExpectedLine, IncidentLine, JobLine, Status
from ultrad.core.trade_status import IntentLine
from ultrad.core.whatif import Supposed, Wish
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


@dataclass(frozen=True, slots=True)
class IncidentRequest:
    """What a person says of an incident.

    act: "open", "ack", "note" or "resolve". number: which one, for all but "open". text: in their words.
    severity, code: for "open": S1, S2 or S3, and one of `ultrad.core.incidents.STOP_CODES` or empty.
    """

    act: str
    number: int = 0
    text: str = ""
    severity: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class ChannelName:
    """Which channel is meant; empty for all."""

    channel: str = ""


@dataclass(frozen=True, slots=True)
class ChannelTest:
    """How a test message to one channel went. error: why it was not taken, or None."""

    channel: str
    error: Message | None
    elapsed_ms: int


@dataclass(frozen=True, slots=True)
class QueueLine:
    """One notice on its way to one channel. Times are wall milliseconds; due_in_ms: until its route opens."""

    notice: str
    channel: str
    incident: int | None
    severity: str
    title: Message
    queued_ms: int
    due_in_ms: int
    tries: int
    instead_of: str


@dataclass(frozen=True, slots=True)
class ReloadAnswer:
    """How a reload went. done: the file is what runs now; else nothing of it is.

    changes: what differs from before. mistakes: why the file cannot be used. restart: keys that need a restart.
    """

    done: bool
    message: Message
    changes: tuple[Change, ...] = ()
    mistakes: tuple[Message, ...] = ()
    restart: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ExpectRequest:
    """A manual act that a person announces. kind: one of `ultrad.core.account_book.KINDS`.

    max_e8: what it may move at most (USD × 10^8); None: anything. minutes: how long it may be till it is mined.
    """

    kind: str
    reason: str
    minutes: int
    max_e8: int | None = None


@dataclass(frozen=True, slots=True)
class AllowancesAnswer:
    """Every allowance that is looked at, at one block. busy: what is under way and may be using one."""

    found: AllowancesAt
    busy: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RevokeRequest:
    """Which allowances are taken back: of one asset, by its symbol or address; empty for all."""

    asset: str = ""


@dataclass(frozen=True, slots=True)
class NoteRequest:
    """A word for the others."""

    text: str


@dataclass(frozen=True, slots=True)
class ProcedureRequest:
    """What a person does with a checklist of one kind (`ultrad.core.procedure.Kind`).

    act: "begin" (items, base, text: why, incident), "answer" (item, answer, text), "end" (answer: the verdict,
    text) or "show".
    """

    act: str
    kind: str
    items: tuple[str, ...] = ()
    base: tuple[tuple[str, str], ...] = ()
    incident: int | None = None
    item: str = ""
    answer: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class ProcedureAnswer:
    """The newest checklist of the kind. running: tags of the secrets that the daemon runs with, by their keys."""

    procedure: Procedure | None
    running: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class SignalAnswer:
    """A signal that is in the journal, and so will be dealt with. intent: what to ask for it by."""

    intent: str
    stage: Stage


@dataclass(frozen=True, slots=True)
class SimulateRequest:
    """What is supposed, and of which position; empty for all."""

    wish: Wish
    position: str = ""


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

    async def reload(self, person: Person) -> ReloadAnswer:
        """Read the configuration again, and go by it where all that differs can change while running.

        Raises Permanent for people who may not, Transient while starting, during another reload, or where the
        journal refuses.
        """
        ...

    async def run_job(self, name: str) -> JobLine:
        """Run a job now. Raises Permanent for a name that is none, or a job that runs already."""
        ...

    async def incident(self, person: Person, request: IncidentRequest) -> IncidentLine:
        """What a person says of an incident; on return it is durable. Raises Permanent, Transient."""
        ...

    async def test_channels(self, person: Person, name: str) -> tuple[ChannelTest, ...]:
        """Send a test to one channel, or to all of them (empty name). Raises Permanent for one that is none."""
        ...

    async def signal(self, decision: Decision) -> SignalAnswer:
        """Take a decision in; on return it is durable. What becomes of it is told by `signals`.

        Raises Duplicate for one that came before, Transient where nothing can be traded or the journal refuses,
        Permanent where trading is not configured.
        """
        ...

    async def signals(self, limit: int) -> tuple[IntentLine, ...]:
        """The newest signals, and what became of each. Raises as `signal`."""
        ...

    async def allowances(self) -> AllowancesAnswer:
        """What others may take of the account's tokens. Raises Transient, and Permanent as `signal`."""
        ...

    async def revoke(self, person: Person, request: RevokeRequest) -> tuple[SignalAnswer, ...]:
        """Take allowances back, each by an intent that is durable on return. Raises Permanent, Transient."""
        ...

    async def expect(self, person: Person, request: ExpectRequest) -> ExpectedLine:
        """Announce one manual act on the account; on return it is durable.

        Raises Permanent for people who may not, and for what cannot be announced; Transient.
        """
        ...

    async def examine(self) -> tuple[Sight, ...]:
        """Look at everything now, also at what others have to answer. Raises Transient while starting."""
        ...

    async def simulate(self, request: SimulateRequest) -> tuple[Supposed, ...]:
        """What other prices and rates would make of the positions. Raises Permanent, Transient."""
        ...

    async def note(self, person: Person, text: str) -> None:
        """Leave a word for the others; on return it is durable. Raises Permanent, Transient."""
        ...

    async def procedure(self, person: Person, request: ProcedureRequest) -> ProcedureAnswer:
        """Begin, answer, end or show a checklist; on return it is durable. Raises Permanent, Transient."""
        ...

    def queue(self) -> tuple[QueueLine, ...]:
        """The notices that no channel has taken yet."""
        ...
