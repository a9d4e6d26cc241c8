"""What is said when the daemon itself cannot: a unit that failed tells the channels by a process of its own."""

from collections.abc import Mapping

import anyio

from ultrad import __version__
from ultrad.adapters.host import HostClock
from ultrad.adapters.notify.http import open_session
from ultrad.channels import build
from ultrad.config import Ways
from ultrad.core.events import Level, Severity
from ultrad.core.outbox import Told
from ultrad.core.telling import Why
from ultrad.core.voice import Voice
from ultrad.errors import Failed, Permanent
from ultrad.i18n import Message, catalogue, msg
from ultrad.paths import Paths
from ultrad.ports import Channel, Outgoing
from ultrad.supervisor import contained

TRIES = 4
PAUSE_S = 5.0
MOST_S = 60.0
"""For all tries of one channel, which are made beside each other. Each request has 10 s of its own."""
_UNKNOWN = "–"


def tell(ways: Ways, unit: str, environ: Mapping[str, str], new_id: str) -> dict[str, Message | None]:
    """Tell every channel of the S1 routes that a unit has failed; answers why each did not take it, or None."""
    return anyio.run(_tell, ways, unit, environ, new_id)


async def _tell(ways: Ways, unit: str, environ: Mapping[str, str], new_id: str) -> dict[str, Message | None]:
    clock = HostClock(Paths.of(ways.settings).clock, None)
    told = Told(
        notice=new_id,
        why=Why.OPENED,
        severity=Severity.S1,
        level=Level.EMERGENCY,
        incident=None,
        title=msg("The unit {unit} has failed and is not started again: NOBODY WATCHES THE POSITION.", unit=unit),
        lines=(
            msg(
                "Result: {result}, exit code: {code}, status: {status}.",
                result=environ.get("MONITOR_SERVICE_RESULT", _UNKNOWN),
                code=environ.get("MONITOR_EXIT_CODE", _UNKNOWN),
                status=environ.get("MONITOR_EXIT_STATUS", _UNKNOWN),
            ),
            msg(
                "Look: systemctl status {unit}; journalctl -u {unit} -n 100. Then: systemctl reset-failed {unit}; "
                "systemctl start {unit}",
                unit=unit,
            ),
        ),
        queued=clock.now(),
    )
    voice = Voice(
        words=catalogue(ways.settings.language),
        zone=ways.zone,
        place=ways.place,
        version=__version__,
    )
    title, lines = voice.render(told)
    what = Outgoing(new_id, told.queued.wall_ms, told.level, told.severity, title, lines)
    outcomes: dict[str, Message | None] = {}
    async with open_session() as session, anyio.create_task_group() as tasks:
        channels = build(ways.channels, session, clock)
        for name in _urgent(ways):

            async def try_it(name: str = name) -> None:
                channel = channels.get(name)
                outcomes[name] = await _persist(channel, what) if channel else _unusable()

            tasks.start_soon(try_it)
    return outcomes


def _urgent(ways: Ways) -> tuple[str, ...]:
    """The channels that an S1 reaches."""
    routes = [one for one in ways.tell.routes if Severity.S1 in one.severities]
    return tuple(dict.fromkeys(name for one in routes for name in (*one.channels, *one.fallback, *one.escalate)))


def _unusable() -> Message:
    return msg("its configuration or its secret is wrong: see ultrad check.")


async def _persist(channel: Channel, what: Outgoing) -> Message | None:
    """Try one channel; answers why it did not take it, or None. Whatever it does, the others are told."""
    why: Message = msg("it gave no answer within {seconds} s.", seconds=round(MOST_S))
    with anyio.move_on_after(MOST_S):
        for attempt in range(TRIES):
            if attempt:
                await anyio.sleep(PAUSE_S)
            outcome = await contained(lambda: channel.send(what))
            if not isinstance(outcome, Failed):
                return None
            why = outcome.message
            if isinstance(outcome.error, Permanent):
                break
    return why
