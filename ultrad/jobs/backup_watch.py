"""Looks how old the newest backups are, and at the room for more: also where nobody makes any."""

from ultrad.core.backup_runs import Look, look_findings
from ultrad.core.events import Level
from ultrad.core.schedule import Missed
from ultrad.core.wire import from_json
from ultrad.i18n import msg
from ultrad.jobs.backup_daily import NOWHERE
from ultrad.jobs.spec import JobContext, JobResult, JobSpec

LOG_FILE = "backup_watch.log"
TIMEOUT_S = 600
_RUNS = "backups at "
"""In `silent_runs`: how many looks at a target in a row have failed."""


async def _run(context: JobContext) -> JobResult:
    if context.aside is None:
        return JobResult(ok=True, message=NOWHERE)
    look = from_json(Look, await context.aside.run("backup_look", {}, TIMEOUT_S))
    if not look.configured:
        return JobResult(ok=True, message=NOWHERE)
    runs = context.silent_runs
    for one in look.targets:
        runs[_RUNS + one.name] = runs[_RUNS + one.name] + 1 if one.error is not None else 0
    unseen = {one.name: runs[_RUNS + one.name] for one in look.targets}
    findings = look_findings(look, context.clock.now().wall_ms, unseen)
    for one in look.targets:
        line = msg(
            "{target}: {good} good backups, {size} bytes in all.",
            target=one.name,
            good=one.good,
            size=one.total_bytes,
        )
        context.log.write(LOG_FILE, Level.INFO, one.error or line)
    for finding in findings:
        context.log.write(LOG_FILE, finding.level, finding.message)
    return JobResult(
        ok=True,
        message=msg(
            "looked at {count} targets; found wrong: {wrong}", count=len(look.targets), wrong=len(findings)
        ),
        figures=tuple((f"good.{one.name}", one.good) for one in look.targets),
        findings=findings,
    )


BACKUP_WATCH = JobSpec(
    name="backup_watch",
    cron="20 * * * *",
    timeout_s=TIMEOUT_S,
    missed=Missed.SKIP,
    log_file=LOG_FILE,
    harmless=True,
    run=_run,
)
