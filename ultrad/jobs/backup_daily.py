"""Has a backup made and brought to every target; the work itself is done aside."""

from ultrad.core.backup_runs import MADE, BackupRun, brought_sentence, look_findings, run_findings
from ultrad.core.events import Event, Level
from ultrad.core.schedule import Missed
from ultrad.core.wire import from_json
from ultrad.i18n import Message, msg
from ultrad.jobs.spec import JobContext, JobResult, JobSpec

LOG_FILE = "backup_daily.log"
TIMEOUT_S = 3_600
LONGEST_S = 86_400.0
"""What a configuration can make of a job's time-out: the scheduler ends it, and this only bounds it."""
NOWHERE = msg("no [backup] target is configured: nothing is backed up")


async def _run(context: JobContext) -> JobResult:
    if context.aside is None:
        return JobResult(ok=True, message=NOWHERE)

    def told(message: Message) -> None:
        context.log.write(LOG_FILE, Level.INFO, message)

    run = from_json(BackupRun, await context.aside.run("backup", {}, LONGEST_S, told))
    if not run.look.configured:
        return JobResult(ok=True, message=NOWHERE)
    now = context.clock.now()
    findings = (*run_findings(run), *look_findings(run.look, now.wall_ms, {}))
    for finding in findings:
        context.log.write(LOG_FILE, finding.level, finding.message)
    kept = [one for one in run.brought if one.kept]
    for one in kept:
        message = brought_sentence(one)
        context.log.write(LOG_FILE, Level.INFO, message)
        context.journal.post(
            Event(
                f"{MADE}.{one.target}",
                Level.INFO,
                now,
                message,
                {"target": one.target, "name": one.name, "bytes": one.bytes, "at_ms": run.at_ms, "head": run.head,
                 "events": run.events, "readings": run.readings, "rows": run.rows, "partial": bool(run.missing),
                 "removed": one.removed},
            )
        )  # fmt: skip
    figures = (
        ("targets", len(run.brought)),
        ("kept", len(kept)),
        ("bytes", max((one.bytes for one in kept), default=0)),
    )
    return JobResult(
        ok=all(one.kept and one.error is None for one in run.brought),
        message=msg(
            "backup at {kept} of {targets} targets: {events} events, {readings} readings, Notion rows: {rows}",
            kept=len(kept),
            targets=len(run.brought),
            events=run.events,
            readings=run.readings,
            rows="–" if run.rows is None else run.rows,
        ),
        figures=figures,
        findings=findings,
    )


BACKUP_DAILY = JobSpec(
    name="backup_daily",
    cron="0 0 * * *",
    timeout_s=TIMEOUT_S,
    missed=Missed.ONCE,
    log_file=LOG_FILE,
    harmless=False,
    run=_run,
)
