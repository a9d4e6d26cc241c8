"""`ultrad doctor` within the daemon: every check, now, and what its own status says."""

from collections.abc import Callable
from dataclasses import dataclass, field

import anyio

from ultrad.core.events import Level, Origin
from ultrad.core.probes import Digest, digest, lasting
from ultrad.core.sights import Area, Sight, in_order
from ultrad.core.sights_of_status import CHANGE_KINDS, MOST_CHANGES, change_sights, status_sights
from ultrad.core.status import Status
from ultrad.errors import Transient
from ultrad.i18n import Message, msg
from ultrad.jobs.health_check import SLOW_MS, VERY_SLOW_MS
from ultrad.jobs.probing import NOTION, OCTOBOT, Answered, ProbeRecord, ask
from ultrad.jobs.spec import JobContext
from ultrad.ports import EventFilter
from ultrad.units import Now, bps_text

JOURNAL_S = 10.0
REMEDIES = {
    "http": msg("See `ultrad status`: which parts are late? Then `journalctl -u ultrad`."),
    NOTION: msg("Check the token, that the database is shared with the integration, and status.notion.com."),
    OCTOBOT: msg("Look whether OctoBot runs, and whether its webhook server and web interface came up."),
}
"""By the first word of a probe's name; anything else is an endpoint of the chain."""
ENDPOINT = msg("See the provider's status page and quota; name another endpoint where it lasts.")


@dataclass(slots=True)
class Doctor:
    """Looks at everything when it is asked to; one look at a time, because it asks others."""

    context: JobContext
    status: Callable[[], Status]
    _busy: anyio.Lock = field(default_factory=anyio.Lock)

    async def examine(self) -> tuple[Sight, ...]:
        """Every line, by area."""
        context, checked = self.context, tuple[Sight, ...]()

        async def check() -> None:
            nonlocal checked
            if context.checkup is not None:
                checked = await context.checkup.all()

        async with self._busy:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(check)
                probes = await ask(context.probe_http, context.chain.probe, context.rows, context.bot)
            seen = probe_sights(probes, context.record, context.clock.now())
            return in_order((*status_sights(self.status()), *seen, *checked, *await self._changes()))

    async def _changes(self) -> tuple[Sight, ...]:
        which = EventFilter(kinds=CHANGE_KINDS, limit=MOST_CHANGES, newest_first=True)
        why = msg("the journal does not answer")
        with anyio.move_on_after(JOURNAL_S):
            try:
                return change_sights(await self.context.journal.events(which))
            except Transient as error:
                why = error.message
        return (unread(why),)


def unread(why: Message) -> Sight:
    """Nobody can say what changed last."""
    return Sight(
        Area.CHANGES,
        "",
        Level.WARNING,
        Origin.INFRASTRUCTURE,
        msg("What changed last cannot be read: {why}", why=why),
        known=False,
    )


def probe_sights(probes: tuple[Answered, ...], record: ProbeRecord, now: Now) -> tuple[Sight, ...]:
    """How each service answers now, and over the last hour. What does not answer a person who asks is an alert."""
    return tuple(_probe(one, record, now) for one in probes)


def _probe(one: Answered, record: ProbeRecord, now: Now) -> Sight:
    probe, samples = one.probe, record.answers.of(one.probe.name)
    hour, over = digest(samples, now.steady_ms), lasting(samples, now.steady_ms)
    level = Level.INFO
    if probe.error is not None or over is not None or probe.elapsed_ms > VERY_SLOW_MS:
        level = Level.ALERT
    elif probe.elapsed_ms > SLOW_MS:
        level = Level.WARNING
    said = (
        msg("{name} answers.", name=probe.name)
        if probe.error is None
        else msg("{name} does not answer as it should: {why}", name=probe.name, why=probe.error)
    )
    return Sight(
        area=Area.PROBES,
        subject=probe.name,
        level=level,
        origin=one.origin,
        message=said if hour is None else _with_hour(said, hour),
        remedy=None if level is Level.INFO else REMEDIES.get(probe.name.partition(" ")[0], ENDPOINT),
        elapsed_ms=probe.elapsed_ms,
        figures=()
        if hour is None
        else (
            ("failed_1h", str(hour.rate.failed)),
            ("count_1h", str(hour.rate.count)),
            ("p95_ms_1h", str(hour.p95_ms)),
        ),
    )


def _with_hour(said: Message, hour: Digest) -> Message:
    return msg(
        "{said} Last hour: {rate} of {count} failed, 95 % took at most {p95} ms.",
        said=said,
        rate=bps_text(hour.rate.bps),
        count=hour.rate.count,
        p95=hour.p95_ms,
    )
