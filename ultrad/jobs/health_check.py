"""Times a question to each service, writes each answer down, and tells of the slow and the silent."""

from collections.abc import Awaitable, Callable

import anyio

from ultrad.core.estop_rules import trade_cause
from ultrad.core.events import Finding, Level, Origin, Severity
from ultrad.core.schedule import Missed
from ultrad.i18n import msg
from ultrad.jobs.spec import JobContext, JobResult, JobSpec
from ultrad.ports import Probe

SLOW_MS = 10_000
VERY_SLOW_MS = 30_000
"""The operators' figures: a slower probe is a warning, then an alert."""
PROBE_LIMIT_S = 35.0
"""Longer than VERY_SLOW_MS, so that a very slow answer can still be told from none."""
ALL_LIMIT_S = 40.0
"""For all probes of one kind together: longer than each, so that one that is silent does not hide the others."""
SILENT_RUNS = 3
"""So many failed probes in a row are no hiccup any more."""
NOTION, OCTOBOT = "notion", "octobot"
TAKE_ORDERS = frozenset({OCTOBOT, "octobot webhook"})
"""The probes whose failure means that orders are not taken: of the two ports, the webhook server's."""
LOG_FILE = "healthcheck.log"


async def _run(context: JobContext) -> JobResult:
    answers: dict[str, tuple[Origin, tuple[Probe, ...]]] = {}

    async def ask(origin: Origin, name: str, question: Callable[[], Awaitable[tuple[Probe, ...]]]) -> None:
        limit_ms = round(ALL_LIMIT_S * 1000)
        silence = Probe(name, limit_ms, msg("no answer within {limit} s", limit=round(ALL_LIMIT_S)))
        answers[name] = origin, (silence,)
        with anyio.move_on_after(ALL_LIMIT_S):
            answers[name] = origin, await question()

    async def http() -> tuple[Probe, ...]:
        return (await context.probe_http(),)

    async def chain() -> tuple[Probe, ...]:
        return await context.chain.probe(PROBE_LIMIT_S)

    async def notion() -> tuple[Probe, ...]:
        return () if context.rows is None else (await context.rows.probe(),)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask, Origin.OUTSIDE, "chain", chain)
        tasks.start_soon(ask, Origin.INFRASTRUCTURE, "http", http)
        if context.rows is not None:
            tasks.start_soon(ask, Origin.OUTSIDE, NOTION, notion)
        if context.bot is not None:
            tasks.start_soon(ask, Origin.OUTSIDE, OCTOBOT, context.bot.probe)
    probes = [(origin, probe) for origin, answered in answers.values() for probe in answered]
    silent = context.silent_runs
    for _, probe in probes:
        silent[probe.name] = silent[probe.name] + 1 if probe.error is not None else 0
    found = (_finding(origin, probe, silent[probe.name]) for origin, probe in probes)
    findings = tuple(one for one in found if one is not None)
    await _stop_without_bot(context, tuple(probe for _, probe in probes))
    bad = {one.subject: one.level for one in findings}
    for _, probe in probes:
        context.log.write(
            LOG_FILE,
            bad.get(probe.name, Level.INFO),
            probe.error or msg("{name} answered in {elapsed} ms", name=probe.name, elapsed=probe.elapsed_ms),
            probe=probe.name,
            elapsed_ms=probe.elapsed_ms,
        )
    return JobResult(
        ok=True,
        message=msg(
            "{good} of {count} probes answered in time", good=len(probes) - len(findings), count=len(probes)
        ),
        figures=tuple((f"{probe.name}_ms", probe.elapsed_ms) for _, probe in probes),
        findings=findings,
    )


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


def _finding(origin: Origin, probe: Probe, silent_runs: int) -> Finding | None:
    """What is wrong with one answer, if anything. silent_runs: how often it failed in a row, with this time."""
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
