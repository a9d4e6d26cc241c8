"""How notices leave the machine: one session, one request at a time, one bounded answer, one kind of error.

What answers is outside material: it may hang, be cut, be HTML, be huge, or lead elsewhere. Addresses and tokens
are secrets, and the library's errors name them; so no error of the library rides along, not even as the context.
"""

import re
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp
import anyio
import anyio.to_thread
import orjson
from anyio.abc import ByteStream

from ultrad.adapters.outside import Scrubber, retry_after_s
from ultrad.errors import Permanent, Transient, UltradError
from ultrad.i18n import Message, msg
from ultrad.ports import Refused, Throttled, Unreached

MAX_BODY_BYTES = 64 * 1024
"""Of an answer. The services answer with some hundred bytes."""
DEFAULT_PAUSE_S = 30.0
"""How long to leave a service alone that limits us without saying for how long."""
MAX_PAUSE_S = 3600.0
"""A service that asks for more than an hour is asked again then all the same."""
CONNECTIONS = 64
CONNECTIONS_PER_HOST = 8
"""One host that hangs must not take the connections of the others."""
REJECTED = frozenset({400, 413, 422})
"""Statuses that speak of what was sent: Bad Request, Content Too Large, Unprocessable (RFC 9110 § 15.5)."""
_MAY_PASS = frozenset({408, 409, 425})
"""Client errors that may pass by themselves: Request Timeout, Conflict, Too Early."""
_ADDRESS = re.compile(r"\w+://\S+")
_TOO_MANY = 429
_UNAVAILABLE = 503


@asynccontextmanager
async def open_session() -> AsyncIterator[aiohttp.ClientSession]:
    """The one session of all channels. No proxy or password of the environment is used, no cookie kept.

    A connection serves once: notices are rare, and a kept one that the service closed meanwhile looks as if it had
    been cut after the notice was taken. Bodies are read as they come: unpacking is what a small one grows by.
    """
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=CONNECTIONS, limit_per_host=CONNECTIONS_PER_HOST, force_close=True),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None),  # `Service.ask` bounds the whole
        headers={"User-Agent": "ultrad", "Accept-Encoding": "identity"},
        auto_decompress=False,
        trust_env=False,
    ) as session:
        yield session


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, its body cut at a bound; `whole` tells whether that was all."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    whole: bool = True

    @property
    def good(self) -> bool:
        """Whether the status is one of success (2xx)."""
        return 200 <= self.status < 300  # noqa: PLR2004 - the class of success

    def json(self) -> dict[str, object] | None:
        """The JSON object in the body; None where there is anything else."""
        try:
            content = orjson.loads(self.body) if self.whole else None
        except orjson.JSONDecodeError:
            return None
        return content if isinstance(content, dict) else None

    def words(self) -> str:
        """What the service says in its own words, or empty: of a JSON object its error or message, else a line."""
        content = self.json()
        if content is not None:
            error = content.get("error") or content.get("message")
            error = error.get("message") if isinstance(error, dict) else error
            return error if isinstance(error, str) else ""
        text = self.body.decode(errors="replace").strip() if self.whole else ""
        return "" if text.startswith(("<", "{", "[")) else text


class Errors:
    """What answers and silences of one service mean, as errors for operators.

    who: how sentences name it, in their middle. secrets: what none of its words may carry on.
    """

    def __init__(self, who: Message, secrets: tuple[str, ...]) -> None:
        """Learn what must not be told."""
        self.who = who
        self._scrub = Scrubber(*secrets)

    def unanswered(self, timeout_s: float) -> Transient:
        """Nothing came within the time limit."""
        return Transient(
            msg(
                "No answer from {who} within {milliseconds} ms. Check the network and the service's status page.",
                who=self.who,
                milliseconds=round(timeout_s * 1000),
            )
        )

    def unusable(self) -> Refused:
        """No request can be made of what is configured."""
        return Refused(
            msg(
                "The address or token of {who} cannot be used in a request. Write it anew in its secret.",
                who=self.who,
            )
        )

    def unreached(self, error: Exception) -> Unreached:
        """No connection came about."""
        return Unreached(
            msg(
                "No connection to {who} ({kind}). Check the network and the service's status page.",
                who=self.who,
                kind=type(error).__name__,
            )
        )

    def broken(self, error: Exception) -> Transient:
        """The connection ended before the answer did."""
        return Transient(
            msg(
                "The connection to {who} broke ({kind}). Check the network and the service's status page.",
                who=self.who,
                kind=type(error).__name__,
            )
        )

    def scrub(self, text: str) -> str:
        """A service's own words without our secrets, and without addresses: any of them may be one."""
        return self._scrub(_ADDRESS.sub("…", text))

    def failure(self, answer: Answer, rejected: frozenset[int] = REJECTED) -> UltradError:
        """The error for an answer that is no success. `rejected`: statuses that speak of this notice alone."""
        status = answer.status
        if 300 <= status < 400:  # noqa: PLR2004 - the class of redirects
            return Refused(
                msg(
                    "The redirect by {who} (HTTP {status}) was not followed: what is sent is meant for one address"
                    " only. Check that address; if the service has moved, configure the new one.",
                    who=self.who,
                    status=status,
                )
            )
        if status == _TOO_MANY or (status == _UNAVAILABLE and "Retry-After" in answer.headers):
            return self.throttled(answer)
        if status in rejected:
            return self.rejected(self._reason(answer))
        if 400 <= status < 500 and status not in _MAY_PASS:  # noqa: PLR2004 - the class of client errors
            return self.refused(self._reason(answer))
        return self.failed(self._reason(answer))

    def _reason(self, answer: Answer) -> Message:
        words = self.scrub(answer.words())
        if not words:
            return msg("HTTP {status}", status=answer.status)
        return msg("HTTP {status}: {words}", status=answer.status, words=words)

    def throttled(self, answer: Answer) -> Throttled:
        """The service asks for patience; for how long, within an hour."""
        asked_s = retry_after_s(answer.headers.get("Retry-After"), answer.headers.get("Date"), DEFAULT_PAUSE_S)
        pause_s = min(max(asked_s, 0.0), MAX_PAUSE_S)
        return Throttled(
            msg("Too many requests for {who}: it waits {seconds} s.", who=self.who, seconds=round(pause_s)),
            pause_s,
        )

    def refused(self, reason: Message | str) -> Refused:
        """The service refuses us, whatever we send."""
        return Refused(
            msg(
                "Refused by {who} ({reason}). Check its address, its token and its rights.",
                who=self.who,
                reason=reason,
            )
        )

    def rejected(self, reason: Message | str) -> Permanent:
        """The service will never take this notice."""
        return Permanent(
            msg(
                "This notice was rejected by {who} ({reason}); it is not tried there again.",
                who=self.who,
                reason=reason,
            )
        )

    def failed(self, reason: Message | str) -> Transient:
        """The service failed, or says that it did."""
        return Transient(
            msg("Failure at {who} ({reason}). Check the service's status page.", who=self.who, reason=reason)
        )

    def garbled(self) -> Transient:
        """The answer is none that the service is known to give."""
        return Transient(
            msg(
                "The answer of {who} is not understood (an HTML page, cut short, or too long). Check its address"
                " and the service's status page.",
                who=self.who,
            )
        )


class Service(Errors):
    """One service, as one channel uses it."""

    def __init__(
        self, session: aiohttp.ClientSession, who: Message, timeout_s: float, secrets: tuple[str, ...]
    ) -> None:
        """timeout_s: for a whole request, answer included."""
        super().__init__(who, secrets)
        self._session = session
        self._timeout_s = timeout_s

    async def ask(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        max_bytes: int = MAX_BODY_BYTES,
    ) -> Answer:
        """The answer, whatever its status. Raises Refused for an unusable address, else Transient."""
        failure: UltradError | None = None
        try:
            with anyio.fail_after(self._timeout_s):
                async with self._session.request(
                    method, url, headers=headers, data=body, allow_redirects=False
                ) as answer:
                    return await _bounded(answer, max_bytes)
        except TimeoutError:
            failure = self.unanswered(self._timeout_s)
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError, ValueError):
            failure = self.unusable()
        except aiohttp.ClientConnectorError as error:
            failure = self.unreached(error)
        except (aiohttp.ClientError, OSError) as error:
            failure = self.broken(error)
        # outside the handlers: the library's error names the URL and must not ride along as the context
        raise failure

    async def reach(self, url: str) -> None:
        """Connect to where `url` is, TLS included, and ask nothing.

        Raises Refused for an unusable address, else Unreached or Transient.
        """
        failure: UltradError | None = None
        try:
            split = urlsplit(url)
            host, port = split.hostname, split.port or (443 if split.scheme == "https" else 80)
            if not host:
                raise self.unusable()
            with anyio.fail_after(self._timeout_s):
                await _connect(host, port, tls=split.scheme == "https")
        except TimeoutError:
            failure = self.unanswered(self._timeout_s)
        except OSError as error:  # of TLS as well; a certificate's is a ValueError, too (ssl.SSLError)
            failure = self.unreached(error)
        except ValueError:
            failure = self.unusable()
        if failure is not None:
            raise failure


async def _connect(host: str, port: int, *, tls: bool) -> None:
    if tls:
        trusted = await anyio.to_thread.run_sync(ssl.create_default_context)
        stream: ByteStream = await anyio.connect_tcp(
            host, port, tls=True, ssl_context=trusted, tls_standard_compatible=False
        )
    else:
        stream = await anyio.connect_tcp(host, port)
    await stream.aclose()


async def _bounded(answer: aiohttp.ClientResponse, max_bytes: int) -> Answer:
    """The answer with at most so much of its body; what comes after is not read."""
    content = bytearray()
    whole = True
    async for part in answer.content.iter_any():
        content += part[: max_bytes - len(content) + 1]
        if len(content) > max_bytes:
            whole = False
            answer.close()
            break
    return Answer(answer.status, answer.headers, bytes(content[:max_bytes]), whole)


def channel(name: str) -> Message:
    """How sentences name a channel."""
    return msg("channel {name}", name=name)
