"""What the daemon says of itself: one record behind the page, the commands, `/health` and the metrics."""

from collections.abc import Mapping
from dataclasses import dataclass

from ultrad.core.estop import Cause, Mode, Override
from ultrad.core.events import Finding, Recorded, Severity
from ultrad.core.incidents import Stage
from ultrad.core.outlook import Outlook
from ultrad.core.position import Reading, Reserve
from ultrad.core.trade_status import TradeStatus
from ultrad.i18n import Message, msg
from ultrad.units import Bps, Now, Wad


@dataclass(frozen=True, slots=True)
class PositionStatus:
    """One position: its newest accepted reading (None before the first) and its move within the value window.

    outlook: how far it is from its limits, read now and then; None before that. outlook_trouble: why the last such
    reading failed.
    """

    name: str
    account: str
    reading: Reading | None
    change_bps: Bps | None
    outlook: Outlook | None = None
    outlook_trouble: Message | None = None


@dataclass(frozen=True, slots=True)
class EndpointLine:
    """One endpoint of the chain. reason: why it is not used, where it is not."""

    name: str
    usable: bool
    subscribed: bool
    head_number: int | None
    latency_ms: int | None
    reason: Message | None


@dataclass(frozen=True, slots=True)
class PartStatus:
    """One loop of the daemon. late: not turned within its limit. critical: its lateness is a fault of all."""

    name: str
    late: bool
    age_ms: int
    limit_ms: int
    restarts: int
    critical: bool = True


def late(parts: tuple[PartStatus, ...]) -> tuple[str, ...]:
    """The critical ones that have not turned within their limits."""
    return tuple(part.name for part in parts if part.late and part.critical)


@dataclass(frozen=True, slots=True)
class JobLine:
    """One cron job. Times are wall milliseconds; last_ok is None before its first run."""

    name: str
    enabled: bool
    cron: str
    next_ms: int | None
    last_started_ms: int | None
    last_ok: bool | None
    last_message: Message | None
    last_duration_ms: int | None
    failures_24h: int
    running: bool


@dataclass(frozen=True, slots=True)
class StandingLine:
    """One standing finding, and since when."""

    finding: Finding
    since: Now


@dataclass(frozen=True, slots=True)
class EstopStatus:
    """The stop, and everything that shuts the gate (empty: open)."""

    mode: Mode
    since: Now | None
    causes: tuple[Cause, ...]
    override: Override | None
    override_ends_ms: int | None
    shut_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class JournalStatus:
    """The end of the chain, what waits to be written, and why the last write failed (None: it did not)."""

    seq: int
    hash: str
    backlog: int
    trouble: Message | None


STAGE_WORDS: Mapping[Stage, Message] = {
    Stage.OPEN: msg("open"),
    Stage.ACKNOWLEDGED: msg("taken on"),
    Stage.ESCALATED: msg("escalated"),
    Stage.RESOLVED: msg("resolved"),
}
"""The stages of an incident, for people."""


@dataclass(frozen=True, slots=True)
class IncidentLine:
    """One incident that somebody still has to resolve. since_ms: wall milliseconds; by: who took it on.

    stands: whether its condition is there, as far as was looked since the start.
    """

    number: int
    severity: Severity
    stage: Stage
    code: str
    subject: str
    since_ms: int
    message: Message
    stands: bool
    by: str


@dataclass(frozen=True, slots=True)
class ChannelLine:
    """One way to people. failing_since_ms: since when it takes nothing (steady); delivered_ms: its last (wall).

    waiting: notices under way to it. quota_left: messages left in the service's period; None where it has none.
    """

    name: str
    failing_since_ms: int | None
    reason: Message | None
    delivered_ms: int | None
    waiting: int
    quota_left: int | None


@dataclass(frozen=True, slots=True)
class ExpectedLine:
    """One manual act that was announced. max_e8: at most so much (USD × 10^8); None: anything."""

    id: str
    kind: str
    max_e8: int | None
    by: str
    reason: str
    left_ms: int


@dataclass(frozen=True, slots=True)
class MetricLine:
    """One metric over the look-back time: its samples of each minute, in units of 10^-digits of its unit.

    The mean has digits of its own. See `ultrad.core.metrics`. Without a sample all figures are None.
    """

    name: str
    unit: str
    digits: int
    mean_digits: int
    look_back_ms: int
    count: int
    low: int | None
    high: int | None
    mean: int | None
    last: int | None


@dataclass(frozen=True, slots=True)
class Counts:
    """Figures over the last 24 hours, from the journal."""

    emergency_events: int
    job_failures: int


@dataclass(frozen=True, slots=True)
class Status:
    """Everything. reading_age_ms: how old the newest accepted readings are; None before the first.

    lowest_hf: of any position within the resume's look-back time. loosened: what the configuration switched off or
    loosened, in words. reserves: as last read; sequencer_up: None where the network has none.
    incidents: those that are open, the gravest first. channels: the ways to people. trade: None without [trade].
    expected: manual acts that were announced. metrics: each over the look-back time.
    warn_hf, trip_hf: the limits, so that distances to them can be shown; None where they are not told.
    """

    version: str
    environment: str
    network: str
    now: Now
    started_ms: int
    estop: EstopStatus
    positions: tuple[PositionStatus, ...]
    reading_age_ms: int | None
    lowest_hf: Wad | None
    reserves: tuple[Reserve, ...]
    sequencer_up: bool | None
    endpoints: tuple[EndpointLine, ...]
    findings: tuple[StandingLine, ...]
    parts: tuple[PartStatus, ...]
    jobs: tuple[JobLine, ...]
    journal: JournalStatus
    counts: Counts
    last_level: str
    loosened: tuple[Message, ...]
    recent: tuple[Recorded, ...]
    warn_hf: Wad | None = None
    trip_hf: Wad | None = None
    incidents: tuple[IncidentLine, ...] = ()
    channels: tuple[ChannelLine, ...] = ()
    trade: TradeStatus | None = None
    expected: tuple[ExpectedLine, ...] = ()
    metrics: tuple[MetricLine, ...] = ()

    def late_parts(self) -> tuple[str, ...]:
        """The critical loops that are late: the one fact behind `/health` and WATCHDOG=1."""
        return late(self.parts)
