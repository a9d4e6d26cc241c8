"""LINE: push messages of an official account, told apart by a retry key, counted against a monthly quota.

Source: developers.line.biz, Messaging API reference ("Send push message", "Get the target limit for sending
messages this month", "Get number of messages sent this month", "Error responses"); "Retry failed API requests".
"""

from urllib.parse import quote

import aiohttp
import orjson

from ultrad.adapters.notify.http import Answer, Service, channel
from ultrad.adapters.notify.settings import LineSettings
from ultrad.adapters.notify.text import fit, heading, sound
from ultrad.errors import UltradError
from ultrad.i18n import Message, msg
from ultrad.ports import Outgoing, Quota, Refused

MAX_TEXT = 5000
"""UTF-16 code units of one text message."""
KEY_LIVES_S = 24 * 3_600.0
_CONFLICT = 409
_TOO_MANY = 429
_BAD_REQUEST = 400
_QUOTA_WORDS = ("monthly limit", "limit for additional messages")
"""In the message of a 429: "You have reached your monthly limit.", "You have exceeded the target limit for
additional messages." All other 429 speak of the rate."""
_RECIPIENT_WORDS = ("'to'", "failed to send messages")
"""In the message of a 400 that speaks of the recipient: an impossible id, or nobody who would receive it."""
_MEMBERS = {"C": "group", "R": "room"}
"""What an id begins with where a message goes to more than one user, and the path under which they are counted."""


def _text(what: Outgoing) -> str:
    mark, label = heading(what)
    return fit(sound("\n".join((f"{mark} {label} {what.title}", *what.lines))), MAX_TEXT)


class Line:
    """Implements `Channel`. LINE keeps no threads.

    A retry key is known to LINE for 24 hours: within them a repeat is never told twice.
    """

    def __init__(self, settings: LineSettings, session: aiohttp.ClientSession) -> None:
        """session: of `open_session`."""
        self._settings = settings
        self._service = Service(session, channel(settings.name), settings.timeout_s, (settings.token, settings.to))
        self._headers = {"Authorization": f"Bearer {settings.token}"}

    @property
    def name(self) -> str:
        """As it is configured."""
        return self._settings.name

    @property
    def key_lives_s(self) -> float:
        """LINE keeps a retry key for 24 hours (Messaging API, "Retry failed API requests")."""
        return KEY_LIVES_S

    async def send(self, what: Outgoing) -> str:
        """Push it. A 409 that names the request accepted before means that it was delivered by an earlier try."""
        headers = {**self._headers, "Content-Type": "application/json", "X-Line-Retry-Key": what.key}
        body = {"to": self._settings.to, "messages": [{"type": "text", "text": _text(what)}]}
        answer = await self._ask("POST", "message/push", headers, orjson.dumps(body))
        accepted_before = answer.status == _CONFLICT and "x-line-accepted-request-id" in answer.headers
        if not answer.good and not accepted_before:
            raise self._failure(answer)
        return ""

    async def quota(self) -> Quota | None:
        """The month's limit and use; None on a plan without a limit."""
        limit = await self._get("message/quota")
        if limit.get("type") == "none":
            return None
        used = await self._get("message/quota/consumption")
        return Quota(self._count(limit, "value"), self._count(used, "totalUsage"), await self._recipients())

    async def check(self) -> Message | None:
        """Ask who the token is."""
        await self._get("info")
        return None

    async def _recipients(self) -> int:
        """How many one message is counted as. A group's own count leaves the account itself out."""
        kind = _MEMBERS.get(self._settings.to[:1])
        if kind is None:
            return 1
        return self._count(await self._get(f"{kind}/{quote(self._settings.to, safe='')}/members/count"), "count")

    async def _get(self, path: str) -> dict[str, object]:
        answer = await self._ask("GET", path, self._headers)
        if not answer.good:
            # it speaks of us, not of a notice: none was sent
            raise self._service.failure(answer, rejected=frozenset())
        content = answer.json()
        if content is None:
            raise self._service.garbled()
        return content

    async def _ask(self, method: str, path: str, headers: dict[str, str], body: bytes | None = None) -> Answer:
        return await self._service.ask(
            method, f"{self._settings.base_url}/v2/bot/{path}", headers=headers, body=body
        )

    def _count(self, content: dict[str, object], key: str) -> int:
        value = content.get(key)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise self._service.garbled()
        return value

    def _failure(self, answer: Answer) -> UltradError:
        words = answer.words()
        if answer.status == _TOO_MANY and any(one in words.lower() for one in _QUOTA_WORDS):
            return Refused(
                msg(
                    "This month's messages of {who} are used up: LINE takes no more until next month, or until the"
                    " plan is raised.",
                    who=self._service.who,
                )
            )
        if answer.status == _BAD_REQUEST and any(one in words.lower() for one in _RECIPIENT_WORDS):
            return Refused(
                msg(
                    "The recipient of {who} is not accepted ({reason}). Check `to`: a user must have added the"
                    " account as a friend, a group must have it as a member.",
                    who=self._service.who,
                    reason=self._service.scrub(words),
                )
            )
        return self._service.failure(answer)
