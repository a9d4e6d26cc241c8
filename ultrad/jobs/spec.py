"""What a job is: what it is given, what it answers, and when it runs."""

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from ultrad.core.events import Finding
from ultrad.core.schedule import Missed, Schedule
from ultrad.i18n import Message
from ultrad.ports import Chain, Clock, JobLog, Journal, Probe


@dataclass(frozen=True, slots=True)
class JobContext:
    """What jobs may use. probe_http: asks the daemon's own `/health` over HTTP, timed.

    silent_runs: how many runs in a row each probe has failed; a restart begins anew.
    """

    clock: Clock
    chain: Chain
    journal: Journal
    log: JobLog
    probe_http: Callable[[], Awaitable[Probe]]
    silent_runs: Counter[str] = field(default_factory=Counter)


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
