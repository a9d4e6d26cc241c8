"""Requests to Notion: paced, bounded, tried once, and their failures in our words.

Sources: developers.notion.com, "Status codes", "Request limits", "Versioning". The library's own retries are off:
they would hide for how long Notion asks us to wait. No error of the library rides along: it names addresses.
"""

import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from math import inf

import anyio
import httpx
from notion_client import AsyncClient
from notion_client.errors import HTTPResponseError, InvalidPathParameterError, RequestTimeoutError

from ultrad.adapters.notify.http import Answer, Errors
from ultrad.adapters.notion.settings import NOTION, NotionSettings
from ultrad.errors import EXIT_CONFIG, Fatal, Permanent, UltradError
from ultrad.i18n import Message, msg
from ultrad.ports import Refused, Throttled

VERSION = "2025-09-03"
"""Of the API: since then a database has data sources, and rows stand in these."""
MAX_ANSWER_BYTES = 32 * 1024 * 1024
"""Of one answer. A page of 100 rows with long texts has some hundred kilobytes."""
_CONNECTIONS = 4
_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _OVERLOADED = 401, 403, 404, 529
_REJECTED = frozenset({400, 413, 422})

Json = dict[str, object]


class Missing(Refused):
    """Notion knows no such object, or does not show it to us."""


class Invalid(Permanent):
    """Notion does not take this request, however often it is made."""


class TooLarge(httpx.StreamError):
    """An answer exceeds its bound."""


class _BoundedStream(httpx.AsyncByteStream):
    def __init__(self, stream: httpx.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = MAX_ANSWER_BYTES
        async for part in self._stream:
            left -= len(part)
            if left < 0:
                raise TooLarge("the answer exceeds its bound")
            yield part

    async def aclose(self) -> None:
        await self._stream.aclose()


class _BoundedTransport(httpx.AsyncHTTPTransport):
    """Reads bodies as they come, up to a bound: unpacking is what a small one grows by."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        request.headers["Accept-Encoding"] = "identity"
        answer = await super().handle_async_request(request)
        answer.headers.pop("Content-Encoding", None)
        assert isinstance(answer.stream, httpx.AsyncByteStream)  # noqa: S101 - an asynchronous transport's is one
        answer.stream = _BoundedStream(answer.stream)
        return answer


class Client:
    """One integration's way to Notion. `open_client` makes it."""

    def __init__(self, settings: NotionSettings, sdk: AsyncClient) -> None:
        """sdk: with its retries off."""
        self.errors = Errors(msg("Notion"), (settings.token,))
        self._settings = settings
        self._sdk = sdk
        self._next_s = -inf
        self._rests_until_s = -inf

    async def call(self, method: str, path: str, body: Json | None = None) -> Json:
        """The JSON object that Notion answers. Raises the errors of `ultrad.ports`."""
        await self.turn()
        return await self.ask(method, path, body)

    async def turn(self) -> None:
        """Wait for this request's turn. Raises Throttled while Notion has asked to be left alone."""
        now_s = anyio.current_time()
        if now_s < self._rests_until_s:
            raise self.errors.throttled(Answer(429, {"Retry-After": f"{self._rests_until_s - now_s:.0f}"}, b""))
        starts_s = max(now_s, self._next_s)
        self._next_s = starts_s + self._settings.pace_s
        if starts_s > now_s:
            await anyio.sleep(starts_s - now_s)

    async def ask(self, method: str, path: str, body: Json | None = None) -> Json:
        """As `call`, at once."""
        failure: UltradError
        try:
            with anyio.fail_after(self._settings.timeout_s):
                content = await self._sdk.request(path=path, method=method, body=body)
            if isinstance(content, dict):
                return content
            failure = self.errors.garbled()
        except (TimeoutError, RequestTimeoutError):
            failure = self.errors.unanswered(self._settings.timeout_s)
        except HTTPResponseError as error:
            failure = self._failure(Answer(error.status, error.headers, error.body.encode(errors="replace")))
        except (httpx.InvalidURL, InvalidPathParameterError):
            failure = self.errors.unusable()
        except httpx.ConnectError as error:
            failure = self.errors.unreached(error)
        except (httpx.HTTPError, OSError) as error:
            failure = self.errors.broken(error)
        except (TooLarge, ValueError, RecursionError):
            failure = self.errors.garbled()
        # outside the handlers: the library's error must not ride along as the context
        raise failure

    def _failure(self, answer: Answer) -> UltradError:
        reason = self._reason(answer)
        if answer.status == _UNAUTHORIZED:
            return Refused(
                msg(
                    "Notion does not accept the token ({reason}). Copy the integration's secret into its file"
                    " anew.",
                    reason=reason,
                )
            )
        if answer.status == _FORBIDDEN:
            return Refused(
                msg(
                    "The Notion integration lacks a right ({reason}). Give it the capabilities to read and to"
                    " update content, and share the database with it.",
                    reason=reason,
                )
            )
        if answer.status == _NOT_FOUND:
            return Missing(
                msg(
                    "Notion does not show it to the integration ({reason}). Open the database in Notion, add the"
                    " integration under its connections, and check the configured id.",
                    reason=reason,
                )
            )
        if answer.status in _REJECTED:
            return Invalid(
                msg(
                    "Notion rejects the request ({reason}). Check the database's properties and the"
                    " names that are configured for them.",
                    reason=reason,
                )
            )
        told = self.errors.failure(answer)
        if answer.status == _OVERLOADED:
            told = self.errors.throttled(answer)
        if isinstance(told, Throttled):
            self._rests_until_s = anyio.current_time() + told.retry_after_s
        return told

    def _reason(self, answer: Answer) -> Message:
        words = self.errors.scrub(answer.words())
        return (
            msg("HTTP {status}: {words}", status=answer.status, words=words)
            if words
            else msg("HTTP {status}", status=answer.status)
        )


def _is_address(url: str) -> bool:
    try:
        read = httpx.URL(url)
    except httpx.InvalidURL:
        return False
    return read.scheme in ("http", "https") and bool(read.host)


@cache
def _trust() -> ssl.SSLContext:
    """The system's certificates, as everything else here trusts; reading them takes some 20 ms."""
    return ssl.create_default_context()


def _mute() -> logging.Logger:
    """A logger of nobody's: the library's own would write to standard error, past the daemon's."""
    logger = logging.Logger("notion", logging.CRITICAL)  # noqa: LOG001 - in no hierarchy, on purpose
    logger.addHandler(logging.NullHandler())
    return logger


@asynccontextmanager
async def open_client(settings: NotionSettings) -> AsyncIterator[Client]:
    """A client, closed in the end; no proxy of the environment is used. Raises Fatal for what cannot be used."""
    if not settings.token.isascii() or not settings.token.isprintable() or " " in settings.token:
        raise Fatal(msg("The Notion token holds characters that none has. Write it anew."), EXIT_CONFIG)
    if not _is_address(settings.base_url):
        raise Fatal(
            msg("The address of Notion's API cannot be used: write it like {url}.", url=NOTION), EXIT_CONFIG
        )
    # they would name each request's address at level INFO
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
    limits = httpx.Limits(max_connections=_CONNECTIONS, max_keepalive_connections=0)
    http = httpx.AsyncClient(
        transport=_BoundedTransport(verify=_trust(), limits=limits, trust_env=False), trust_env=False
    )
    sdk = AsyncClient(
        client=http,
        auth=settings.token,
        base_url=settings.base_url.rstrip("/"),
        timeout_ms=round(settings.timeout_s * 1000),
        notion_version=VERSION,
        retry=False,
        logger=_mute(),
        log_level=logging.CRITICAL,
    )
    async with http:
        yield Client(settings, sdk)


def rows_of(content: Json, errors: Errors) -> tuple[Json, ...]:
    """The results of one page of a list. Raises Transient where there are none."""
    results = content.get("results")
    if not isinstance(results, list) or not all(isinstance(one, dict) for one in results):
        raise errors.garbled()
    return tuple(results)


def is_incomplete(content: Json) -> bool:
    """Whether Notion says that its query gave not all ("Query large data sources"): on any page of it."""
    status = content.get("request_status")
    return isinstance(status, dict) and status.get("type") == "incomplete"


def same_id(one: object, other: str) -> bool:
    """Whether two ids name the same object: with or without dashes."""
    return isinstance(one, str) and one.replace("-", "").lower() == other.replace("-", "").lower()
