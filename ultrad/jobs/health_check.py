"""Times a question to each service, writes each answer down, and tells of the slow and the silent."""

from collections.abc import Awaitable, Callable

import anyio

from ultrad.core.events import Finding, Level, Origin
from ultrad.core.schedule import Missed
from ultrad.i18n import msg
from ultrad.jobs.spec import JobContext, JobResult, JobSpec
from ultrad.ports import Probe

SLOW_MS = 10_000
VERY_SLOW_MS = 30_000
"""The operators' figures: a slower probe is a warning, then an alert."""
PROBE_LIMIT_S = 35.0
"""Longer than VERY_SLOW_MS, so that a very slow answer can still be told from none."""
LOG_FILE = "healthcheck.log"


async def _run(context: JobContext) -> JobResult:
    answers: dict[Origin, tuple[Probe, ...]] = {}

    async def ask(origin: Origin, name: str, question: Callable[[], Awaitable[tuple[Probe, ...]]]) -> None:
        limit_ms = round(PROBE_LIMIT_S * 1000)
        answers[origin] = (Probe(name, limit_ms, msg("no answer within {limit} s", limit=round(PROBE_LIMIT_S))),)
        with anyio.move_on_after(PROBE_LIMIT_S):
            answers[origin] = await question()

    async def http() -> tuple[Probe, ...]:
        return (await context.probe_http(),)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask, Origin.OUTSIDE, "chain", context.chain.probe)
        tasks.start_soon(ask, Origin.INFRASTRUCTURE, "http", http)
    probes = [(origin, probe) for origin in (Origin.OUTSIDE, Origin.INFRASTRUCTURE) for probe in answers[origin]]
    findings = tuple(found for origin, probe in probes if (found := _finding(origin, probe)))
    bad = {found.subject: found.level for found in findings}
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


def _finding(origin: Origin, probe: Probe) -> Finding | None:
    """What is wrong with one answer, if anything."""
    figures = (("elapsed_ms", str(probe.elapsed_ms)),)
    if probe.error is not None:
        message = msg("{name} failed its probe: {why}", name=probe.name, why=probe.error)
        return Finding("probe_failed", probe.name, Level.WARNING, origin, message, figures=figures)
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
