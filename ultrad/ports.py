"""What the daemon needs from the world. Adapters implement these; tests have fakes of them.

Each port has one contract suite that runs against the fake and the real adapter alike.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from ultrad.core.events import Event, Finding, Level, Recorded, Severity
from ultrad.core.position import Batch, Block, Market, Reading
from ultrad.core.probes import Sample
from ultrad.errors import Transient
from ultrad.i18n import Message
from ultrad.units import Now, Wad

Turned = Callable[[], None]
"""Called by a loop each time it has turned, so that its silence can be noticed."""


class Clock(Protocol):
    """The host's clocks."""

    def now(self) -> Now:
        """Both clocks, read together."""
        ...


class FindingSink(Protocol):
    """Where each source reports what it finds."""

    def observe(self, source: str, findings: Iterable[Finding], now: Now) -> None:
        """The standing findings of `source` are exactly these now; those it named before and not now are over."""
        ...


# ---------------------------------------------------------------- estop flag


class FlagState(Enum):
    """What `lstat` says of the flag. UNREADABLE (any error but "no such file") counts as present."""

    ABSENT = "absent"
    PRESENT = "present"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class FlagLook:
    """One look at the flag file.

    identity: (inode, mtime ns) where present: a `touch` changes it. owner_uid: who created the file.
    """

    state: FlagState
    identity: tuple[int, int] | None = None
    owner_uid: int | None = None
    error: str = ""


class EstopFlag(Protocol):
    """The flag file, alone in its directory."""

    def look(self) -> FlagLook:
        """One `lstat`; never raises, never blocks longer than the system call."""
        ...

    def content(self) -> bytes:
        """What stands in the flag, cut at 64 KiB; empty where it cannot be read or is no regular file."""
        ...

    async def write(self, content: bytes) -> None:
        """Create the flag exclusively, fsync it and its directory. A standing flag is fsynced as it is: success.

        Raises Transient where it cannot be written; then it may stand, and be gone after a power loss.
        """
        ...

    def remove(self, seen: FlagLook) -> bool:
        """Remove the flag if it is still the one that was `seen`; False where it changed. Raises Transient."""
        ...


# ---------------------------------------------------------------- journal


@dataclass(frozen=True, slots=True)
class Extremes:
    """One position in one minute: its lowest and highest net value (USD × 10^8) and its lowest health factor."""

    position: str
    minute_start_ms: int
    low_e8: int
    high_e8: int
    low_hf: Wad


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events to list. Times are wall milliseconds; `kinds` match whole or as a dotted prefix."""

    kinds: tuple[str, ...] = ()
    min_level: Level = Level.INFO
    since_ms: int | None = None
    until_ms: int | None = None
    after_seq: int = 0
    limit: int = 200
    newest_first: bool = False


@dataclass(frozen=True, slots=True)
class JournalHead:
    """The end of the chain, and which journal it is."""

    journal_id: str
    seq: int
    hash: str


class Journal(Protocol):
    """The hash-chained record of everything, and the readings beside it.

    Order is kept: what was handed over first has the lower sequence number.
    """

    async def run(self, turned: Turned) -> None:
        """Commit what was posted, for ever. A failing disk is tried again with growing pauses."""
        ...

    async def append(self, *events: Event) -> tuple[Recorded, ...]:
        """Durable (fsync) on return, all or none.

        Raises Transient where the disk refuses (nothing of it is recorded then, nor later), and Duplicate where
        a key of a kind is taken.
        """
        ...

    def post(self, *events: Event) -> None:
        """Hand over events without waiting; they are kept and retried until recorded.

        Raises Fatal when more than its bound are waiting.
        """
        ...

    def telemetry(self, readings: Sequence[Reading], now: Now) -> None:
        """Hand over readings without waiting; the oldest unwritten ones give way when the bound is reached."""
        ...

    def probed(self, samples: Sequence[Sample]) -> None:
        """Hand over the times of probes without waiting, as `telemetry` does. They stand outside the chain."""
        ...

    async def flush(self) -> None:
        """Wait until all that was handed over so far is durable. Raises Transient where it cannot be."""
        ...

    async def events(self, which: EventFilter) -> tuple[Recorded, ...]:
        """The events that match, oldest first unless asked otherwise."""
        ...

    async def value_extremes(self, since_steady_ms: int) -> tuple[Extremes, ...]:
        """Each position's extremes for each minute (of steady time) since then, oldest first.

        Readings of an empty position (no collateral, no debt) are left out: they are no baseline for a value.
        """
        ...

    async def samples(self, since_steady_ms: int) -> tuple[Sample, ...]:
        """The times of probes since then, oldest first; only those that are durable."""
        ...

    async def head(self) -> JournalHead:
        """Where the chain ends now."""
        ...

    async def housekeeping(self, now: Now) -> None:
        """Seal each whole hour of readings in the chain, and thin hours older than the configured time."""
        ...

    def backlog(self) -> tuple[int, Message | None]:
        """How many events wait to be written, and why the last write failed (None: it did not)."""
        ...

    async def close(self) -> None:
        """Write what waits, as far as the disk allows, and close."""
        ...


# ---------------------------------------------------------------- chain


class EndpointFault(Enum):
    """Why an endpoint could not be used."""

    FAILED = "failed"
    STALE = "stale"
    WRONG_CHAIN = "wrong_chain"
    SET_ASIDE = "set_aside"
    LIMITED = "limited"


@dataclass(frozen=True, slots=True)
class EndpointStatus:
    """One endpoint as the pool sees it now. latency_ms: of its last answered call; None before the first."""

    name: str
    usable: bool
    fault: EndpointFault | None
    reason: Message | None
    head_number: int | None
    latency_ms: int | None
    subscribed: bool


@dataclass(frozen=True, slots=True)
class Probe:
    """One timed question to one endpoint."""

    name: str
    elapsed_ms: int
    error: Message | None


class Chain(Protocol):
    """Several endpoints of one chain behind one face.

    Errors: ChainUnavailable (see ultrad.core.rounds) where no endpoint could serve; Transient where a named one
    could not.
    """

    async def run(self, turned: Turned) -> None:
        """Keep heads coming from every endpoint (subscription, else polling), for ever."""
        ...

    async def next_head(self) -> Block:
        """The newest head not yet handed out; waits for one. Heads between are passed over."""
        ...

    async def read(self) -> Batch:
        """All positions at the newest head of the best endpoint, failing over in order of health.

        Each endpoint is asked before READ_LIMIT_S (ultrad.core.rounds) are over; then it fails.
        """
        ...

    async def read_at(self, endpoint: str, block: Block) -> Batch:
        """All positions as the named endpoint shows them at exactly that block (by hash)."""
        ...

    async def read_head(self, endpoint: str) -> Batch:
        """All positions as the named endpoint shows them at its own head, if that is usable."""
        ...

    async def market(self) -> Market:
        """Reserves, prices and sequencer, from the best endpoint."""
        ...

    async def probe(self, limit_s: float) -> tuple[Probe, ...]:
        """Ask each endpoint, also the unusable ones, for its chain id, all at once; timed.

        Each may take as long as `limit_s`, whatever the limit of other calls: how slow it is is the question.
        """
        ...

    def set_aside(self, endpoint: str, reason: Message) -> None:
        """Use this endpoint no more until the process starts again."""
        ...

    def endpoints(self) -> tuple[EndpointStatus, ...]:
        """All endpoints, the best first."""
        ...


# ---------------------------------------------------------------- versions


@dataclass(frozen=True, slots=True)
class Denied:
    """One version of ultrad that must not trade, why, and who said so."""

    version: str
    reason: str
    by: str


# ---------------------------------------------------------------- host


class Host(Protocol):
    """The machine and its service manager."""

    def notify(self, *fields: str) -> None:
        """Send `KEY=value` fields to the service manager (sd_notify(3)); nothing where there is none."""
        ...


class JobLog(Protocol):
    """A job's own log file."""

    def write(self, name: str, level: Level, message: Message, **figures: str | int) -> None:
        """Append one line to the file `name`, without waiting for a disk.

        A file that cannot be written, and lines that are lost, are told once in the daemon's log.
        """
        ...


# ---------------------------------------------------------------- channels


class Throttled(Transient):
    """The service asks for patience: not before `retry_after_s` seconds from now."""

    def __init__(self, message: Message, retry_after_s: float) -> None:
        """Keep the pause beside the message."""
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Refused(Transient):
    """The service refuses us, not this notice: a token, an address or a right is wrong until somebody mends it."""


class Unreached(Transient):
    """Nothing was handed over: the service cannot have taken it."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One notice for one channel, rendered in the operators' language. The same on every try.

    key: a UUID of this notice on this channel: what a service may tell repeats by. at_ms: when it was made (wall).
    incident: the incident it is about, or empty. thread: what the channel answered for the first notice of that
    incident, or empty. loud: whether it is told beside its thread too. lines: facts below the title, in order.
    picture: the file of a report's chart, for channels that show pictures; or empty.
    """

    key: str
    at_ms: int
    level: Level
    severity: Severity | None
    title: str
    lines: tuple[str, ...] = ()
    incident: str = ""
    thread: str = ""
    loud: bool = True
    picture: str = ""


@dataclass(frozen=True, slots=True)
class Quota:
    """How many messages a channel may send within the service's own period, how many it has sent, what one costs.

    cost: how many of them one notice uses up (LINE counts each recipient).
    """

    limit: int
    used: int
    cost: int


class Channel(Protocol):
    """One way to people.

    Every method is bounded in time by its caller. Errors: Throttled, Refused and Unreached (not taken), other
    Transients (nobody can say whether it was taken), Permanent (this notice will never be taken).
    """

    @property
    def name(self) -> str:
        """As it is configured."""
        ...

    @property
    def key_lives_s(self) -> float | None:
        """How long the service tells a repeat by its key; None where it never does, or sets no bound."""
        ...

    async def send(self, what: Outgoing) -> str:
        """Hand one notice over. Answers what later notices of its incident name as `thread`; empty if nothing."""
        ...

    async def quota(self) -> Quota | None:
        """What may still be sent; None where the service sets no bound."""
        ...

    async def check(self) -> Message | None:
        """Ask the service whether our credentials are good, sending nothing; answers what nobody can know so."""
        ...


class Deadman(Protocol):
    """An outside monitor that tells people when it no longer hears from us."""

    async def ping(self, what: str) -> None:
        """Tell it one of "start", "ok" or "fail". Raises Transient where it does not take it."""
        ...
