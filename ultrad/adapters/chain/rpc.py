"""JSON-RPC over HTTP: one question, one checked answer.

An endpoint's answers are outside material: they may lie, hang, be cut, be HTML or be huge. Whatever is wrong with
one becomes an error that names the endpoint, never its URL.
"""

import re
from types import SimpleNamespace
from typing import Self

import aiohttp
import anyio
import orjson

from ultrad.adapters.chain.settings import EndpointSettings
from ultrad.adapters.outside import Scrubber, retry_after_s
from ultrad.errors import Transient
from ultrad.i18n import Message, msg

DEFAULT_REST_S = 5.0
"""How long an endpoint rests that limits us without saying for how long."""
MAX_REST_S = 300.0
"""An endpoint that asks for more than five minutes is asked again then all the same."""
CONNECTIONS = 8
"""Open connections to one endpoint: a batch's chunks, a poll, a probe and a cross-check side by side."""
KEEP_ALIVE_S = 75.0
"""Longer than any known block time, so that the connection is still open when the next block comes."""
MAX_REVERT = 10_000
"""Characters of revert data that are looked at; a contract's reason has some hundred."""
_HEX_DATA = re.compile(r"0x((?:[0-9a-fA-F]{2})*)$")
_LIMIT_CODES = (429, -32005)
"""Error codes that mean "too many requests": providers' own 429, and -32005 of EIP-1474."""
_HEADERS = {"Content-Type": "application/json"}


class NodeFailed(Transient):
    """The endpoint did not answer as a node should: refused, timed out, garbled."""


class NodeLimits(NodeFailed):
    """The endpoint asks us to rest for `rest_s` seconds."""

    def __init__(self, message: Message, rest_s: float) -> None:
        """Keep the pause, within its limits."""
        super().__init__(message)
        self.rest_s = min(max(rest_s, 0.0), MAX_REST_S)


class NodeRefused(Transient):
    """The node understood the question and answered with an error object."""

    def __init__(self, message: Message, code: int, text: str, data: bytes | None = None) -> None:
        """Keep the node's code and words. data: what a contract reverted with; None where it says nothing."""
        super().__init__(message)
        self.code = code
        self.text = text
        self.data = data

    @property
    def unknown_block(self) -> bool:
        """Whether it does not (yet) have the block. Nodes agree on no code for it."""
        return re.search(r"not (be )?found|unknown block|not find", self.text, re.IGNORECASE) is not None


def request(number: int, method: str, params: tuple[object, ...]) -> bytes:
    """One JSON-RPC 2.0 request."""
    return orjson.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params})


def parsed(name: str, body: bytes | str) -> dict[str, object]:
    """The JSON object in `body`. Raises NodeFailed for anything else."""
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        answer = None
    if not isinstance(answer, dict):
        raise NodeFailed(
            msg(
                "Endpoint {endpoint} answered with something that is not a JSON-RPC answer (an HTML page, or cut"
                " short). Check its URL, and the provider's status page.",
                endpoint=name,
            )
        )
    return answer


def result_of(name: str, answer: dict[str, object], number: int, scrub: Scrubber) -> object:
    """The result in an answer to request `number`.

    Raises NodeRefused or NodeLimits for an error object, NodeFailed where it is no answer to that request.
    """
    error = answer.get("error")
    if answer.get("id") != number and not (error is not None and answer.get("id") is None):
        raise NodeFailed(
            msg("Endpoint {endpoint} answered another question than the one it was asked.", endpoint=name)
        )
    if error is not None:
        fields = error if isinstance(error, dict) else {}
        code, text = fields.get("code"), scrub(fields.get("message"))
        code = code if isinstance(code, int) else 0
        if code in _LIMIT_CODES:
            raise NodeLimits(_limited(name, DEFAULT_REST_S), DEFAULT_REST_S)
        raise NodeRefused(
            msg("Endpoint {endpoint} refused: {text} (code {code}).", endpoint=name, text=text, code=code),
            code,
            text,
            _revert_data(fields.get("data")),
        )
    if "result" not in answer:
        raise NodeFailed(msg("Endpoint {endpoint} gave an answer without a result.", endpoint=name))
    return answer["result"]


def _revert_data(data: object) -> bytes | None:
    """What a contract reverted with: hex, alone or behind a word ("Reverted 0x…"), as nodes differ."""
    found = _HEX_DATA.search(data) if isinstance(data, str) and len(data) <= MAX_REVERT else None
    return bytes.fromhex(found[1]) if found else None


def unexpected(name: str, method: str) -> NodeFailed:
    """The error for a result of the wrong type or shape."""
    return NodeFailed(
        msg(
            "Endpoint {endpoint} gave an impossible answer to {method}. Do not trust it before its provider says"
            " why.",
            endpoint=name,
            method=method,
        )
    )


def _limited(name: str, rest_s: float) -> Message:
    return msg(
        "Endpoint {endpoint} limits our requests; it rests for {seconds} s. If this repeats, raise the plan or the"
        " poll interval.",
        endpoint=name,
        seconds=round(min(rest_s, MAX_REST_S)),
    )


class HttpRpc:
    """One endpoint over HTTP with kept-alive connections. Use within `async with`."""

    def __init__(self, settings: EndpointSettings, timeout_s: float, max_bytes: int) -> None:
        """timeout_s: for a whole call, body included. max_bytes: of an answer, unpacked."""
        self.name = settings.name
        self.scrub = Scrubber(settings.http_url, settings.ws_url)
        self.connections = 0
        self._url = settings.http_url
        self._timeout_s = timeout_s
        self._max_bytes = max_bytes
        self._number = 0
        self._session: aiohttp.ClientSession | None = None

    @property
    def session(self) -> aiohttp.ClientSession:
        """The open session; the head subscription opens its own connection on it."""
        if self._session is None:
            raise RuntimeError("used outside `async with`")
        return self._session

    async def __aenter__(self) -> Self:
        """Open the session; no connection is made yet."""
        trace = aiohttp.TraceConfig()
        trace.on_connection_create_start.append(self._connects)
        trace.on_request_redirect.append(self._redirected)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=CONNECTIONS, keepalive_timeout=KEEP_ALIVE_S),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),  # `call` bounds the whole
            trace_configs=[trace],
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close all connections."""
        await self.session.close()

    async def call(self, method: str, *params: object) -> object:
        """The result of one call. Raises NodeFailed, NodeLimits or NodeRefused."""
        return await self.call_within(self._timeout_s, method, *params)

    async def call_within(self, limit_s: float, method: str, *params: object) -> object:
        """The result of one call that may take so long. Raises as `call`."""
        self._number += 1
        number = self._number
        failure: Message | None = None
        body = b""
        try:
            with anyio.fail_after(limit_s):
                body = await self._answer(request(number, method, params))
        except TimeoutError:
            failure = msg(
                "Endpoint {endpoint} did not answer within {milliseconds} ms.",
                endpoint=self.name,
                milliseconds=round(limit_s * 1000),
            )
        except (aiohttp.ClientError, OSError) as error:
            failure = no_connection(self.name, error)
        if failure is not None:
            # outside the handlers: the library's error names the URL and must not ride along as the context
            raise NodeFailed(failure)
        return result_of(self.name, parsed(self.name, body), number, self.scrub)

    async def _answer(self, body: bytes) -> bytes:
        try:
            return await self._post(body)
        except aiohttp.ServerDisconnectedError:
            # The server had closed the kept-alive connection meanwhile. All our calls only read: ask once more.
            return await self._post(body)

    async def _post(self, body: bytes) -> bytes:
        async with self.session.post(self._url, data=body, headers=_HEADERS, allow_redirects=False) as answer:
            if answer.status == 429:  # noqa: PLR2004 - Too Many Requests
                pause_s = retry_after_s(
                    answer.headers.get("Retry-After"), answer.headers.get("Date"), DEFAULT_REST_S
                )
                raise NodeLimits(_limited(self.name, pause_s), pause_s)
            # Some nodes put an error object under 400: it is worth reading.
            if answer.status not in (200, 400):
                raise NodeFailed(_status(self.name, answer.status))
            parts: list[bytes] = []
            size = 0
            async for part in answer.content.iter_any():
                size += len(part)
                if size > self._max_bytes:
                    raise NodeFailed(
                        msg(
                            "Endpoint {endpoint} sends more than {limit} bytes in one answer; it was cut off.",
                            endpoint=self.name,
                            limit=self._max_bytes,
                        )
                    )
                parts.append(part)
            return parts[0] if len(parts) == 1 else b"".join(parts)

    async def _connects(self, *_: object) -> None:
        self.connections += 1

    async def _redirected(
        self, _session: aiohttp.ClientSession, _context: SimpleNamespace, _params: object
    ) -> None:
        # Calls follow no redirect; this keeps a WebSocket handshake from following one to anyone's server.
        raise aiohttp.ClientConnectionError("redirect")


def no_connection(name: str, error: Exception) -> Message:
    """What to tell of a connection that failed: only the kind of the error, since its text may hold the URL."""
    return msg(
        "No connection to endpoint {endpoint} ({kind}). Check the network, the URL secret, and the provider's"
        " status page.",
        endpoint=name,
        kind=type(error).__name__,
    )


def _status(name: str, status: int) -> Message:
    if 300 <= status < 400:  # noqa: PLR2004 - the class of redirects
        return msg(
            "Endpoint {endpoint} redirects elsewhere (HTTP {status}); that is refused. Check its URL.",
            endpoint=name,
            status=status,
        )
    if status in (401, 403):
        return msg(
            "Endpoint {endpoint} does not accept our key (HTTP {status}). Check the URL secret.",
            endpoint=name,
            status=status,
        )
    return msg("Endpoint {endpoint} failed with HTTP {status}.", endpoint=name, status=status)
