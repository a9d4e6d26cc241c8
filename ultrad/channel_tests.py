"""A test of the ways to people, by an operator's word."""

import anyio

from ultrad.core.events import Event, Level, Severity
from ultrad.core.outbox import Told
from ultrad.core.telling import Why
from ultrad.errors import Permanent
from ultrad.i18n import msg
from ultrad.operations import ChannelTest
from ultrad.ports import Clock, Journal
from ultrad.postman import Postman


async def try_channels(
    postman: Postman, journal: Journal, clock: Clock, notice: str, by: str, name: str
) -> tuple[ChannelTest, ...]:
    """Send a test to one channel (name), or to all at once where it is empty; record how it went.

    notice: a fresh id. Raises Permanent where there is none of that name, or none at all.
    """
    now = clock.now()
    names = (name,) if name else tuple(one.name for one in postman.channels())
    if not names:
        raise Permanent(msg("No channel is configured: write [[notify.channels]] and [[notify.routes]]."))
    told = Told(
        notice=notice,
        why=Why.TEST,
        severity=Severity.S3,
        level=Level.INFO,
        incident=None,
        title=msg("Test by {by}: this channel works.", by=by),
        lines=(),
        queued=now,
    )
    results: dict[str, ChannelTest] = {}

    async def try_one(channel: str) -> None:
        error = await postman.test(channel, told)
        results[channel] = ChannelTest(channel, error, clock.now().steady_ms - now.steady_ms)

    if name:  # outside of a group, which would wrap what it raises
        await try_one(name)
    else:
        async with anyio.create_task_group() as tasks:
            for one in names:
                tasks.start_soon(try_one, one)
    failed = ", ".join(one for one in names if results[one].error is not None)
    text = (
        msg(
            "{by} tried the channels {names}; these failed: {failed}",
            by=by,
            names=", ".join(names),
            failed=failed,
        )
        if failed
        else msg("{by} tried the channels {names}: all work.", by=by, names=", ".join(names))
    )
    level = Level.WARNING if failed else Level.INFO
    journal.post(Event("notify.tested", level, now, text, {"by": by, "failed": failed}))
    return tuple(results[one] for one in names)
