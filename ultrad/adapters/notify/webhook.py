"""A receiver of the operators' own: JSON by POST, signed, with a key that tells repeats.

What a receiver checks: `X-Ultrad-Signature` is `v1=` and the hexadecimal HMAC-SHA256, under the shared secret, of
`X-Ultrad-Timestamp` (Unix seconds of this try), a full stop and the body as received; the timestamp is recent; and
`Idempotency-Key` (the body's `id`) was not taken before. To one that was it may answer 409.
"""

import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import aiohttp
import orjson

from ultrad.adapters.notify.http import Answer, Service, channel
from ultrad.adapters.notify.settings import WebhookSettings
from ultrad.adapters.notify.text import sound
from ultrad.i18n import Message, msg
from ultrad.ports import Clock, Outgoing, Quota

VERSION = 1
"""Of the body. Fields may be added to it under the same version; none is taken away or changed."""
_CONFLICT = 409
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def body_of(what: Outgoing) -> bytes:
    """The notice as JSON, the same bytes on every try. at: ISO 8601 in UTC with milliseconds."""
    at = _EPOCH + timedelta(milliseconds=what.at_ms)
    return orjson.dumps(
        {
            "version": VERSION,
            "id": what.key,
            "at": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": what.level.label,
            "severity": what.severity.value if what.severity else None,
            "title": sound(what.title),
            "lines": [sound(line) for line in what.lines],
            "incident": what.incident,
        }
    )


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """The value of `X-Ultrad-Signature`."""
    return "v1=" + hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


class Webhook:
    """Implements `Channel`. It has no threads; the body names the incident."""

    def __init__(self, settings: WebhookSettings, session: aiohttp.ClientSession, clock: Clock) -> None:
        """session: of `open_session`. clock: for the timestamp of each try."""
        self._settings = settings
        self._clock = clock
        self._service = Service(
            session, channel(settings.name), settings.timeout_s, (settings.url, settings.secret)
        )

    @property
    def name(self) -> str:
        """As it is configured."""
        return self._settings.name

    @property
    def key_lives_s(self) -> None:
        """The receiver may tell repeats by the key for as long as it likes."""
        return None

    async def send(self, what: Outgoing) -> str:
        """Post it. 2xx is accepted, unless its body says otherwise or is a page; 409 was accepted before."""
        body = body_of(what)
        timestamp = str(self._clock.now().wall_ms // 1000)
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": what.key,
            "X-Ultrad-Timestamp": timestamp,
            "X-Ultrad-Signature": signature(self._settings.secret, timestamp, body),
        }
        answer = await self._service.ask("POST", self._settings.url, headers=headers, body=body)
        if answer.status == _CONFLICT:
            return ""
        if not answer.good:
            raise self._service.failure(answer)
        if answer.headers.get("Content-Type", "").lower().startswith("text/html"):
            raise self._service.garbled()  # of a login or a maintenance page, in the receiver's place
        if _denies(answer):
            words = self._service.scrub(answer.words())
            raise self._service.failed(words or msg("HTTP {status}", status=answer.status))
        return ""

    async def quota(self) -> Quota | None:
        """It is the operators' own."""
        return None

    async def check(self) -> Message:
        """A receiver knows notices only, and a HEAD may mean anything to it: that it can be reached is all."""
        await self._service.reach(self._settings.url)
        return msg("A receiver is asked nothing but notices: whether it knows our key only a test shows.")


def _denies(answer: Answer) -> bool:
    """Whether a successful answer's body says that it was none: `"ok": false`, or an error that is not empty."""
    content = answer.json() or {}
    return content.get("ok") is False or bool(content.get("error"))
