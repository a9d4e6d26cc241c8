"""What the operators' jobs work with, put together from the configuration and the world."""

from collections.abc import Awaitable, Callable, Mapping

from ultrad.config import Config
from ultrad.core.estop import Cause
from ultrad.core.periods import ReportKind
from ultrad.core.schedule import Schedule
from ultrad.heard import HeardJournal
from ultrad.i18n import catalogue
from ultrad.jobs.spec import JobContext, SignalDesk
from ultrad.live import Live
from ultrad.outside import Outside
from ultrad.ports import FindingSink, Journal
from ultrad.postman import Postman
from ultrad.reporter import PERIODIC, Reporter, ReporterPorts
from ultrad.rules import Rules


def job_context(
    config: Config,
    outside: Outside,
    journal: Journal,
    trip: Callable[[Cause], Awaitable[None]],
    desk: SignalDesk | None,
    reports: Reporter | None = None,
) -> JobContext:
    """What each job is given. desk: where signals are handed in, where there is trading."""
    return JobContext(
        outside.clock,
        outside.chain,
        journal,
        outside.job_log,
        outside.probe_http,
        trip=trip,
        desk=desk,
        rows=outside.trade.rows if outside.trade else None,
        bot=outside.trade.bot if outside.trade else None,
        text=catalogue(config.settings.language),
        aside=outside.aside,
        reports=reports,
    )


def reporter(
    config: Config,
    outside: Outside,
    journal: HeardJournal,
    sink: FindingSink,
    postman: Postman,
    rules: Live[Rules],
) -> Reporter | None:
    """What makes the reports and hears of trips, where somebody can make them."""
    if outside.reports is None:
        return None

    def schedules() -> Mapping[ReportKind, Schedule | None]:
        plans = {plan.spec.name: plan for plan in rules.now.plans}
        found = {kind: plans[f"monitor_{kind}"] for kind in PERIODIC}
        return {kind: plan.schedule if plan.enabled else None for kind, plan in found.items()}

    made = Reporter(
        ReporterPorts(
            journal=journal,
            clock=outside.clock,
            sink=sink,
            postman=postman,
            maker=outside.reports,
            key_of=outside.key_of,
            loosened=lambda: rules.now.loosened,
            schedules=schedules,
        ),
        config.reports,
        config.zone,
    )
    journal.listen(made.hear)
    return made
