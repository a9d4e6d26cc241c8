"""Times a question to each service and looks at what is around it, writes it down, and tells of what is wrong."""

import anyio

from ultrad.core.estop_rules import trade_cause
from ultrad.core.events import Finding, Level, Severity
from ultrad.core.probes import rate_findings
from ultrad.core.schedule import Missed
from ultrad.core.sights import Sight, findings
from ultrad.i18n import msg
from ultrad.jobs.probing import OCTOBOT, Answered, ask
from ultrad.jobs.spec import JobContext, JobResult, JobSpec
from ultrad.ports import Probe

SLOW_MS = 10_000
VERY_SLOW_MS = 30_000
"""The operators' figures: a slower probe is a warning, then an alert."""
SILENT_RUNS = 3
"""So many failed probes in a row are no hiccup any more."""
TAKE_ORDERS = frozenset({OCTOBOT, "octobot webhook"})
"""The probes whose failure means that orders are not taken: of the two ports, the webhook server's."""
LOG_FILE = "healthcheck.log"


async def _run(context: JobContext) -> JobResult:
    probes: tuple[Answered, ...] = ()
    sights: tuple[Sight, ...] = ()

    async def look() -> None:
        nonlocal sights
        if context.checkup is not None:
            sights = await context.checkup.due()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(look)
        probes = await ask(context.probe_http, context.chain.probe, context.rows, context.bot)
    now, record, silent = context.clock.now(), context.record, context.silent_runs
    await record.take(context.journal, probes, now)
    for one in probes:
        silent[one.probe.name] = silent[one.probe.name] + 1 if one.probe.error is not None else 0
    single = (probe_finding(one, silent[one.probe.name]) for one in probes)
    slow = tuple(one for one in single if one is not None)
    await _stop_without_bot(context, tuple(one.probe for one in probes))
    _write(context, probes, slow, sights)
    rates = rate_findings(record.answers, record.origins, now.steady_ms)
    return JobResult(
        ok=True,
        message=msg("{good} of {count} probes answered in time", good=len(probes) - len(slow), count=len(probes)),
        figures=tuple((f"{one.probe.name}_ms", one.probe.elapsed_ms) for one in probes),
        findings=(*slow, *rates, *findings(sights)),
    )


def _write(
    context: JobContext, probes: tuple[Answered, ...], slow: tuple[Finding, ...], sights: tuple[Sight, ...]
) -> None:
    """Each probe's time, and of the checks what wants attention."""
    bad = {one.subject: one.level for one in slow}
    for one in probes:
        probe = one.probe
        context.log.write(
            LOG_FILE,
            bad.get(probe.name, Level.INFO),
            probe.error or msg("{name} answered in {elapsed} ms", name=probe.name, elapsed=probe.elapsed_ms),
            probe=probe.name,
            elapsed_ms=probe.elapsed_ms,
        )
    for sight in sights:
        if sight.level > Level.INFO:
            context.log.write(LOG_FILE, sight.level, sight.message, check=sight.area.value, subject=sight.subject)


async def _stop_without_bot(context: JobContext, probes: tuple[Probe, ...]) -> None:
    """Trip where nobody takes orders any more: its web interface alone does not."""
    for probe in probes:
        runs = context.silent_runs[probe.name]
        if probe.name not in TAKE_ORDERS or probe.error is None or runs % SILENT_RUNS or context.trip is None:
            continue
        message = msg(
            "OctoBot has been silent {count} times in a row ({why}). Look whether it runs, and at its webhook "
            "server.",
            count=runs,
            why=probe.error,
        )
        await context.trip(trade_cause("octobot_silent", message, context.clock.now(), Severity.S2))


def probe_finding(answered: Answered, silent_runs: int) -> Finding | None:
    """What is wrong with one answer, if anything. silent_runs: how often it failed in a row, with this time."""
    origin, probe = answered.origin, answered.probe
    figures = (("elapsed_ms", str(probe.elapsed_ms)),)
    if probe.error is not None:
        message = msg("{name} failed its probe: {why}", name=probe.name, why=probe.error)
        level, severity = (
            (Level.ALERT, Severity.S2) if silent_runs >= SILENT_RUNS else (Level.WARNING, Severity.S3)
        )
        runs = ("runs", str(silent_runs))
        return Finding("probe_failed", probe.name, level, origin, message, severity, figures=(*figures, runs))
    if probe.elapsed_ms <= SLOW_MS:
        return None
    level = Level.ALERT if probe.elapsed_ms > VERY_SLOW_MS else Level.WARNING
    message = msg(
        "{name} took {elapsed} ms to answer its probe (slow above {slow} ms); see healthcheck.log for how long "
        "it has been so",
        name=probe.name,
        elapsed=probe.elapsed_ms,
        slow=SLOW_MS,
    )
    return Finding("probe_slow", probe.name, level, origin, message, figures=figures)


HEALTH_CHECK = JobSpec(
    name="health_check",
    cron="* * * * *",
    timeout_s=50,  # ends before the next minute's run
    missed=Missed.SKIP,
    log_file=LOG_FILE,
    harmless=True,
    run=_run,
)
