"""What web servers say the time is: the `Date` of their answers (RFC 9110 § 6.6.1) to a HEAD without secrets."""

from collections.abc import Sequence
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit, urlunsplit

import aiohttp
import anyio

from ultrad.adapters.notify.http import Service
from ultrad.core.timekeeping import Told, told
from ultrad.errors import UltradError
from ultrad.i18n import msg
from ultrad.ports import Clock

ANSWER_S = 10.0


class HttpDates:
    """Implements `TimeTellers` over the servers of endpoints. session: of `open_session`."""

    def __init__(self, servers: Sequence[tuple[str, str]], session: aiohttp.ClientSession, clock: Clock) -> None:
        """servers: (name, URL); only scheme, host and port of the URL are used, each server once."""
        self._clock = clock
        roots = {_root(url): name for name, url in reversed(servers)}
        self._services = tuple(
            (name, root, Service(session, msg("endpoint {name}", name=name), ANSWER_S, (root,)))
            for root, name in reversed(roots.items())
        )

    async def ask(self) -> tuple[Told, ...]:
        """See the port. All at once; whatever the status, it has a date."""
        answers: dict[str, Told] = {}

        async def one(name: str, root: str, service: Service) -> None:
            asked_ms = self._clock.now().wall_ms
            try:
                answer = await service.ask("HEAD", root)
            except UltradError:  # that it cannot be reached is told by its probe
                return
            date_s = _seconds(answer.headers.get("Date"))
            if date_s is not None:
                answers[name] = told(name, date_s, asked_ms, self._clock.now().wall_ms)

        async with anyio.create_task_group() as tasks:
            for name, root, service in self._services:
                tasks.start_soon(one, name, root, service)
        return tuple(answers[name] for name, _, _ in self._services if name in answers)


def _root(url: str) -> str:
    """Without path, query, user and password: what is asked of anybody."""
    split = urlsplit(url)
    host = split.netloc.rpartition("@")[2]
    return urlunsplit((split.scheme, host, "/", "", ""))


def _seconds(date: str | None) -> int | None:
    try:
        return round(parsedate_to_datetime(date or "").timestamp())
    except (ValueError, TypeError, OverflowError):
        return None
