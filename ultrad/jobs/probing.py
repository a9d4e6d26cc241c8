"""Puts a question to each service, all at once, and remembers how they answered."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import anyio

from ultrad.core.events import Origin
from ultrad.core.probes import KEPT_MS, Answers, Sample
from ultrad.errors import Transient
from ultrad.i18n import msg
from ultrad.ports import Journal, Probe
from ultrad.trade_ports import OctoBot, Rows
from ultrad.units import Now

PROBE_LIMIT_S = 35.0
"""Longer than VERY_SLOW_MS, so that a very slow answer can still be told from none."""
ALL_LIMIT_S = 40.0
"""For all probes of one kind together: longer than each, so that one that is silent does not hide the others."""
RESTORE_S = 5.0
NOTION, OCTOBOT = "notion", "octobot"
ProbeAll = Callable[[], Awaitable[tuple[Probe, ...]]]


@dataclass(frozen=True, slots=True)
class Answered:
    """One probe, and where triage starts if it is bad."""

    origin: Origin
    probe: Probe


@dataclass(slots=True)
class ProbeRecord:
    """What is remembered of the probes. begun_ms: when the first of this process was taken in (steady)."""

    answers: Answers = field(default_factory=Answers)
    origins: dict[str, Origin] = field(default_factory=dict)
    begun_ms: int | None = None
    restored: bool = False

    async def take(self, journal: Journal, probes: tuple[Answered, ...], now: Now) -> None:
        """Take them in, and hand them to the journal. What was before this process is asked for once."""
        if self.begun_ms is None:
            self.begun_ms = now.steady_ms
        await self._restore(journal, now, self.begun_ms)
        samples = tuple(
            Sample(one.probe.name, now, one.probe.elapsed_ms, one.probe.error is not None) for one in probes
        )
        self.origins = {one.probe.name: one.origin for one in probes}
        self.answers.add(samples, now.steady_ms)
        journal.probed(samples)

    async def _restore(self, journal: Journal, now: Now, begun_ms: int) -> None:
        """A disk that does not answer is asked again at the next run: it holds up no probe."""
        if self.restored:
            return
        with anyio.move_on_after(RESTORE_S):
            try:
                before = await journal.samples(now.steady_ms - KEPT_MS)
            except Transient:
                return
            self.answers.add((one for one in before if one.at.steady_ms < begun_ms), now.steady_ms)
            self.restored = True


async def ask(
    http: Callable[[], Awaitable[Probe]],
    chain: Callable[[float], Awaitable[tuple[Probe, ...]]],
    rows: Rows | None,
    bot: OctoBot | None,
) -> tuple[Answered, ...]:
    """Ask everybody. What does not answer in time is a probe that failed."""
    answers: dict[str, tuple[Answered, ...]] = {}

    async def kind(origin: Origin, name: str, question: ProbeAll) -> None:
        limit_ms = round(ALL_LIMIT_S * 1000)
        silence = Probe(name, limit_ms, msg("no answer within {limit} s", limit=round(ALL_LIMIT_S)))
        answers[name] = (Answered(origin, silence),)
        with anyio.move_on_after(ALL_LIMIT_S):
            answers[name] = tuple(Answered(origin, one) for one in await question())

    async def of_http() -> tuple[Probe, ...]:
        return (await http(),)

    async def of_chain() -> tuple[Probe, ...]:
        return await chain(PROBE_LIMIT_S)

    async def of_notion() -> tuple[Probe, ...]:
        return () if rows is None else (await rows.probe(),)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(kind, Origin.OUTSIDE, "chain", of_chain)
        tasks.start_soon(kind, Origin.INFRASTRUCTURE, "http", of_http)
        if rows is not None:
            tasks.start_soon(kind, Origin.OUTSIDE, NOTION, of_notion)
        if bot is not None:
            tasks.start_soon(kind, Origin.OUTSIDE, OCTOBOT, bot.probe)
    return tuple(one for answered in answers.values() for one in answered)
