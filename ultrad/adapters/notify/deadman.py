"""The dead-man's switch: a monitor outside that tells people when our pings stay away.

Source: healthchecks.io/docs/http_api (success: the ping URL, start: `/start`, failure: `/fail`; by GET). What it
ignored it may answer with 200 all the same, and says so in the body: `OK (not found)`, `OK (rate limited)`.
"""

from urllib.parse import urlsplit, urlunsplit

import aiohttp

from ultrad.adapters.notify.http import Service
from ultrad.adapters.notify.settings import DeadmanSettings
from ultrad.errors import Transient
from ultrad.i18n import msg

_PATHS = {"ok": "", "start": "/start", "fail": "/fail"}
_IGNORED = "OK ("


class PingUrl:
    """Implements `Deadman` over a ping URL."""

    def __init__(self, settings: DeadmanSettings, session: aiohttp.ClientSession) -> None:
        """session: of `open_session`."""
        self._url = settings.url
        self._service = Service(session, msg("the outside monitor"), settings.timeout_s, (settings.url,))

    async def ping(self, what: str) -> None:
        """Tell it "start", "ok" or "fail". Raises Transient where it does not take it."""
        answer = await self._service.ask("GET", self._address(_PATHS[what]))
        if not answer.good:
            raise self._service.failure(answer, rejected=frozenset())
        words = answer.words()
        if words.startswith(_IGNORED):
            raise Transient(
                msg(
                    "The ping was ignored by {who} ({reason}). Check its address, and whether its check still"
                    " exists.",
                    who=self._service.who,
                    reason=self._service.scrub(words),
                )
            )

    def _address(self, suffix: str) -> str:
        """The URL with the suffix at the end of its path; a query stays behind it."""
        if not suffix:
            return self._url
        split = urlsplit(self._url)
        return urlunsplit(split._replace(path=split.path.rstrip("/") + suffix))
