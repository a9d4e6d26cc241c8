"""Asks the daemon's own `/health` over HTTP, as an outsider would."""

from collections.abc import Awaitable, Callable

import aiohttp
import anyio

from ultrad.i18n import Message, msg
from ultrad.ports import Probe

TIMEOUT_S = 35.0
OK = 200


def prober(url: str) -> Callable[[], Awaitable[Probe]]:
    """A probe of `url`, timed to the end of its answer."""

    async def probe() -> Probe:
        begun_s = anyio.current_time()
        error: Message | None = None
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S)) as session,
                session.get(url) as answer,
            ):
                await answer.read()
                if answer.status != OK:
                    error = msg("/health answered {status}", status=answer.status)
        except (aiohttp.ClientError, TimeoutError, OSError) as failure:
            error = msg("/health did not answer ({reason})", reason=type(failure).__name__)
        return Probe("http", round((anyio.current_time() - begun_s) * 1000), error)

    return probe
