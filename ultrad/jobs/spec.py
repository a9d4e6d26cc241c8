"""What a job is: what it is given, what it answers, and when it runs."""

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from ultrad.aside import Aside
from ultrad.checks import Checkup
from ultrad.core.drill import DrillRules, EstopDrill, Heard
from ultrad.core.estop import Cause
from ultrad.core.events import Finding
from ultrad.core.intents import Intent
from ultrad.core.outlook import Outlook
from ultrad.core.periods import ReportKind
from ultrad.core.report_order import Made
from ultrad.core.schedule import Missed, Schedule
from ultrad.core.signals import Signal
from ultrad.i18n import Message
from ultrad.jobs.probing import ProbeRecord
from ultrad.ports import Chain, Clock, JobLog, Journal, Probe
from ultrad.trade_ports import OctoBot, Rows


class ReportDesk(Protocol):
    """Where reports are made (`ultrad.reporter.Reporter`)."""

    async def make_owed(self, kind: ReportKind) -> tuple[Made, ...]:
        """Make and send every report of a kind that is due and not made. Raises Transient, Permanent."""
        ...


class SignalDesk(Protocol):
    """Where signals are handed in (`ultrad.trader.Reception`)."""

    async def take(self, signal: Signal) -> Intent:
        """Take a signal in, durably. Raises Duplicate, Transient."""
        ...

    async def outcome(self, intent_id: str) -> Message | None:
        """What became of an intent; None while it is open. Raises Transient."""
        ...

    def untold(self) -> tuple[Intent, ...]:
        """Those that have ended, and whose row does not say so yet."""
        ...

    async def written(self, intent_id: str) -> None:
        """Its row says what became of it."""
        ...


class Drills(Protocol):
    """What tries the stop and the channels (`ultrad.drill.Drills`)."""

    @property
    def rules(self) -> DrillRules:
        """How a drill is judged."""
        ...

    async def estop(self) -> EstopDrill:
        """Trip a stop that stands for the real one, and tell of it; recorded."""
        ...

    async def notify(self) -> tuple[Heard, ...]:
        """Send a test to each channel, and wait until it is taken; recorded."""
        ...


@dataclass(frozen=True, slots=True)
class Complaint:
    """What was written on a row that cannot be taken, and the edit that was seen after that (None: not yet)."""

    text: str
    edited_ms: int | None = None


@dataclass(frozen=True, slots=True)
class JobContext:
    """What jobs may use. probe_http: asks the daemon's own `/health` over HTTP, timed.

    silent_runs: how many runs in a row each probe has failed; a restart begins anew. record: how they answered
    before, also before a restart. checkup: what else is looked at, or None. trip: the stop. desk: where
    signals are handed in; rows, bot: where they come from and go to; each None where it is not configured.
    aside: who does heavy work. reports: where reports are made.
    complaints: what was written on rows that cannot be taken. drills: what tries the stop and the channels.
    outlook: how far a position is from its limits, by its name. text: a message in the operators' language.
    """

    clock: Clock
    chain: Chain
    journal: Journal
    log: JobLog
    probe_http: Callable[[], Awaitable[Probe]]
    silent_runs: Counter[str] = field(default_factory=Counter)
    trip: Callable[[Cause], Awaitable[None]] | None = None
    desk: SignalDesk | None = None
    rows: Rows | None = None
    bot: OctoBot | None = None
    text: Callable[[Message], str] = str
    complaints: dict[str, Complaint] = field(default_factory=dict)
    aside: Aside | None = None
    reports: ReportDesk | None = None
    record: ProbeRecord = field(default_factory=ProbeRecord)
    checkup: Checkup | None = None
    drills: Drills | None = None
    outlook: Callable[[str], Outlook | None] = lambda _: None


@dataclass(frozen=True, slots=True)
class JobResult:
    """How a run went. ok: the job did its work (what it found wrong with others stands in `findings`)."""

    ok: bool
    message: Message
    figures: tuple[tuple[str, str | int], ...] = ()
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class JobSpec:
    """A job as it is known to the daemon. timeout_s: the longest one run may take.

    harmless: it only looks, so it also runs when its fire cannot be claimed in the journal first.
    """

    name: str
    cron: str
    timeout_s: float
    missed: Missed
    log_file: str
    harmless: bool
    run: Callable[[JobContext], Awaitable[JobResult]]


@dataclass(frozen=True, slots=True)
class JobPlan:
    """A job as this installation runs it. A disabled one is not scheduled, but can be run by hand."""

    spec: JobSpec
    schedule: Schedule
    timeout_s: float
    missed: Missed
    enabled: bool = True
