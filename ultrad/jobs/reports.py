"""The daily and the weekly report."""

from collections.abc import Awaitable, Callable

from ultrad.core.periods import ReportKind
from ultrad.core.schedule import Missed
from ultrad.i18n import msg
from ultrad.jobs.spec import JobContext, JobResult, JobSpec


def _run(kind: ReportKind) -> Callable[[JobContext], Awaitable[JobResult]]:
    async def run(context: JobContext) -> JobResult:
        if context.reports is None:
            return JobResult(ok=True, message=msg("no report is made here"))
        made = await context.reports.make_owed(kind)
        names = ", ".join(one.name for one in made)
        if not made:
            return JobResult(ok=True, message=msg("every report that is due was made before"))
        return JobResult(ok=True, message=msg("made: {names}", names=names), figures=(("reports", len(made)),))

    return run


MONITOR_DAILY = JobSpec(
    name="monitor_daily",
    cron="30 0 * * *",
    timeout_s=900,
    missed=Missed.ONCE,
    log_file="monitor_daily.log",
    harmless=False,
    run=_run(ReportKind.DAILY),
)
MONITOR_WEEKLY = JobSpec(
    name="monitor_weekly",
    cron="0 1 * * 1",
    timeout_s=900,
    missed=Missed.ONCE,
    log_file="monitor_weekly.log",
    harmless=False,
    run=_run(ReportKind.WEEKLY),
)
