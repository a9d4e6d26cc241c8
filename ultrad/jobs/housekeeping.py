"""Seals whole hours of readings in the chain of events, and thins old ones."""

from ultrad.core.schedule import Missed
from ultrad.i18n import msg
from ultrad.jobs.spec import JobContext, JobResult, JobSpec


async def _run(context: JobContext) -> JobResult:
    await context.journal.housekeeping(context.clock.now())
    return JobResult(ok=True, message=msg("the journal's whole hours of readings are sealed, old ones thinned"))


HOUSEKEEPING = JobSpec(
    name="housekeeping",
    cron="5 * * * *",  # the hour before has ended, and its last readings are written
    timeout_s=600,
    missed=Missed.ONCE,
    log_file="housekeeping.log",
    harmless=False,
    run=_run,
)
