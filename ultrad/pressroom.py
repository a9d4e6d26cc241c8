"""What makes the reports, put together from the configuration and the world."""

from collections.abc import Mapping

from ultrad.config import Config
from ultrad.core.periods import ReportKind
from ultrad.core.schedule import Schedule
from ultrad.heard import HeardJournal
from ultrad.live import Live
from ultrad.outside import Outside
from ultrad.ports import FindingSink
from ultrad.postman import Postman
from ultrad.reporter import PERIODIC, Reporter, ReporterPorts
from ultrad.rules import Rules


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
