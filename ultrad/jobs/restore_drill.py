"""Has the newest backup of each target restored into a scratch place, and checked; the work is done aside."""

from ultrad.core.backup_runs import DRILLED, DrillRun, drill_findings, drill_sentence
from ultrad.core.events import Event, Level
from ultrad.core.schedule import Missed
from ultrad.core.wire import from_json
from ultrad.i18n import Message, msg
from ultrad.jobs.backup_daily import LONGEST_S, NOWHERE
from ultrad.jobs.spec import JobContext, JobResult, JobSpec

LOG_FILE = "restore_drill.log"
TIMEOUT_S = 3_600


async def _run(context: JobContext) -> JobResult:
    if context.aside is None:
        return JobResult(ok=True, message=NOWHERE)

    def told(message: Message) -> None:
        context.log.write(LOG_FILE, Level.INFO, message)

    run = from_json(DrillRun, await context.aside.run("restore_drill", {}, LONGEST_S, told))
    if not run.configured:
        return JobResult(ok=True, message=NOWHERE)
    now = context.clock.now()
    for one in run.drilled:
        level = Level.INFO if one.error is None else Level.ALERT
        message = drill_sentence(one)
        context.log.write(LOG_FILE, level, message, elapsed_ms=one.elapsed_ms)
        context.journal.post(
            Event(
                f"{DRILLED}.{one.target}",
                level,
                now,
                message,
                {"target": one.target, "name": one.name, "ok": one.error is None, "opened": one.opened,
                 "elapsed_ms": one.elapsed_ms, "events": one.events, "readings": one.readings},
            )
        )  # fmt: skip
    good = sum(one.error is None for one in run.drilled)
    return JobResult(
        ok=good == len(run.drilled),
        message=msg("{good} of {count} targets gave a sound backup", good=good, count=len(run.drilled)),
        figures=tuple((f"elapsed_ms.{one.target}", one.elapsed_ms) for one in run.drilled),
        findings=drill_findings(run),
    )


RESTORE_DRILL = JobSpec(
    name="restore_drill",
    cron="0 3 * * 0",
    timeout_s=TIMEOUT_S,
    missed=Missed.ONCE,
    log_file=LOG_FILE,
    harmless=False,
    run=_run,
)
