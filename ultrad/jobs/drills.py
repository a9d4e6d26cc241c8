"""Tries the stop, and the ways to people, while nothing is wrong."""

from ultrad.core.drill import estop_findings, estop_text, notify_findings, notify_text
from ultrad.core.schedule import Missed
from ultrad.errors import Permanent
from ultrad.i18n import msg
from ultrad.jobs.spec import Drills, JobContext, JobResult, JobSpec


async def _estop(context: JobContext) -> JobResult:
    drills = _drills(context)
    drill = await drills.estop()
    findings = estop_findings(drill, drills.rules)
    times = (
        ("detect_ms", drill.detect_ms),
        ("gate_ms", drill.gate_ms),
        ("flag_ms", drill.flag_ms),
        ("journal_ms", drill.journal_ms),
        ("notice_ms", drill.notice_ms),
    )
    return JobResult(
        ok=True,
        message=estop_text(drill, findings),
        figures=tuple((name, ms) for name, ms in times if ms is not None),
        findings=findings,
    )


async def _notify(context: JobContext) -> JobResult:
    drills = _drills(context)
    heard = await drills.notify()
    findings = notify_findings(heard, drills.rules)
    return JobResult(
        ok=True,
        message=notify_text(heard, findings),
        figures=tuple((f"{one.channel}_ms", one.ms) for one in heard if one.ms is not None),
        findings=findings,
    )


def _drills(context: JobContext) -> Drills:
    if context.drills is None:
        raise Permanent(msg("There is nothing here to drill with."))
    return context.drills


ESTOP_DRILL = JobSpec(
    name="estop_drill",
    cron="0 10 * * 1",  # people are there: it is no alarm, and what it finds can be mended
    timeout_s=700,  # longer than the longest notice_limit_s with the disks' own limits
    missed=Missed.ONCE,
    log_file="estop_drill.log",
    harmless=False,
    run=_estop,
)
NOTIFY_DRILL = JobSpec(
    name="notify_drill",
    cron="10 10 1 * *",  # once a month: some channels pay for each message
    timeout_s=60,
    missed=Missed.ONCE,
    log_file="notify_drill.log",
    harmless=False,
    run=_notify,
)
