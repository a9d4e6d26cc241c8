"""What operators are told about the running of jobs."""

from ultrad.core.events import Finding, Level, Origin, Severity
from ultrad.errors import Failed
from ultrad.i18n import Message, msg
from ultrad.jobs.spec import JobResult

KEEPS_FAILING = 3
"""Failures in a row that are more than noise."""


def result(outcome: JobResult | Failed | None, timeout_s: float, *, stopped: bool) -> JobResult:
    """How a run ended, as a result: its own, or one that says what kept it from giving one."""
    if stopped:
        return JobResult(ok=False, message=msg("stopped before its end, with the daemon or by who ran it"))
    if outcome is None:
        return JobResult(ok=False, message=msg("stopped at its time-out of {limit} s", limit=round(timeout_s)))
    if isinstance(outcome, Failed):
        return JobResult(ok=False, message=outcome.message)
    return outcome


def failed(name: str, in_a_row: int, why: Message | None) -> Finding:
    """The job's last run failed. It is tried again at its next time; one that keeps failing is more than noise."""
    keeps = in_a_row >= KEEPS_FAILING
    return Finding(
        code="job_failed",
        subject=name,
        level=Level.ALERT if keeps else Level.WARNING,
        origin=Origin.CODE,
        severity=Severity.S2 if keeps else Severity.S3,
        message=msg(
            "job {name} failed: {why}; it is tried again at its next time, or now by: ultrad job run {name}",
            name=name,
            why=why or msg("no reason is recorded"),
        ),
        figures=(("in_a_row", str(in_a_row)),),
    )


def failures(count: int) -> Finding:
    """Some runs failed within a day."""
    return Finding(
        code="job_failures",
        subject="",
        level=Level.WARNING,
        origin=Origin.CODE,
        message=msg("{count} runs of jobs failed in the last 24 hours; see: ultrad jobs", count=count),
        figures=(("count", str(count)),),
    )


def stuck(name: str, running_s: float) -> Finding:
    """A job that does not even heed its time-out."""
    return Finding(
        code="job_stuck",
        subject=name,
        level=Level.ALERT,
        origin=Origin.CODE,
        severity=Severity.S2,
        message=msg(
            "job {name} has been running for {running} s and does not heed its time-out; it will not run again "
            "before the daemon is restarted; nothing else is held up",
            name=name,
            running=round(running_s),
        ),
        figures=(("running_s", str(round(running_s))),),
    )


def unclaimed(name: str) -> Finding:
    """A due job waits, because the journal takes no record of its beginning."""
    return Finding(
        code="job_unclaimed",
        subject=name,
        level=Level.WARNING,
        origin=Origin.INFRASTRUCTURE,
        severity=Severity.S2,
        message=msg("job {name} is due and waits: the journal cannot be written; look at the disk", name=name),
    )


def waiting() -> Finding:
    """No job runs, because the journal does not say which fires are done."""
    return Finding(
        code="jobs_wait",
        subject="",
        level=Level.ALERT,
        origin=Origin.INFRASTRUCTURE,
        severity=Severity.S2,
        message=msg("no job is run: the journal cannot be read, so what has run is unknown; look at the disk"),
    )
