"""Questions and answers as JSON, with their limits."""

import json
from collections.abc import Callable
from decimal import Decimal
from functools import cache
from typing import Final, TypeVarTuple, Unpack

import anyio
import anyio.to_thread
from aiohttp import web
from multidict import CIMultiDict

from ultrad.core.events import Json
from ultrad.core.wire import WireError
from ultrad.errors import Permanent
from ultrad.i18n import Message, msg

BODY_BYTES = 16 * 1024
"""Ten times the longest sensible request."""
BODY_S = 5.0
"""How long a whole body may take to arrive: it comes from this machine."""
JSON: Final = "application/json; charset=utf-8"
NOTHING_LOADS: Final = "default-src 'none'; frame-ancestors 'none'"
"""A browser that shows an answer as a page loads nothing and lets nobody frame it."""

_Facts = TypeVarTuple("_Facts")
Tell = Callable[[Message], Json]
"""How a message stands in an answer: rendered for people, or as it is for a program that renders it."""


class Refused(Permanent):
    """A request that is not carried out: the HTTP status, why, and which field of the request is at fault."""

    def __init__(self, status: int, message: Message, field: str = "") -> None:
        """Keep what the answer needs."""
        super().__init__(message)
        self.status = status
        self.field = field


def answer(body: bytes, *, status: int = 200, kind: str = JSON, policy: str = NOTHING_LOADS) -> web.Response:
    """Any answer: never kept by a cache, never guessed at, never framed; the server says nothing of itself."""
    return web.Response(body=body, status=status, headers=_headers(kind, policy).copy())


@cache
def _headers(kind: str, policy: str) -> CIMultiDict[str]:
    return CIMultiDict(
        (
            ("Content-Type", kind),
            ("Cache-Control", "no-store"),
            ("Content-Security-Policy", policy),
            ("Referrer-Policy", "no-referrer"),
            ("X-Content-Type-Options", "nosniff"),
            ("Server", "ultrad"),
        )
    )


def encoded(data: Json) -> bytes:
    """JSON as bytes. Undecodable bytes of file names (lone surrogates) become JSON's own escapes."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")


def refusal(message: Json, kind: str, field: str = "") -> Json:
    """The body of an answer that says no. kind: "transient" (try again) or "permanent"."""
    error: dict[str, Json] = {"message": message}
    if field:
        error["field"] = field
    return {"error": error, "kind": kind}


async def rendered(render: Callable[[Unpack[_Facts]], bytes], *facts: *_Facts) -> bytes:
    """`render(*facts)` in a thread: a thousand positions take 50 ms, and no trip may wait for a reader.

    The facts are frozen, so that nothing changes under the thread.
    """
    return await anyio.to_thread.run_sync(render, *facts)


async def read_body(request: web.Request) -> bytes:
    """The body. Raises Refused when it is late; aiohttp refuses what is too long."""
    body = None
    with anyio.move_on_after(BODY_S):
        body = await request.read()
    if body is None:
        raise Refused(408, msg("The body did not arrive within {seconds} s.", seconds=round(BODY_S)))
    return body


async def read_numbers(request: web.Request) -> object:
    """The body as JSON whose numbers are exact: integers or Decimals. Raises as `read_json`."""
    return numbers(await read_body(request))


def numbers(body: bytes) -> object:
    """JSON whose numbers are exact. Raises Refused."""
    try:
        return json.loads(body, parse_float=Decimal)
    except (ValueError, RecursionError):
        raise Refused(400, msg("The body is no JSON.")) from None


async def read_json(request: web.Request) -> Json:
    """The body as JSON; an empty one as `{}`. Raises Refused when it is late, too long, or no JSON."""
    body = await read_body(request)
    if not body:
        return {}
    try:
        data: Json = json.loads(body)
    except (ValueError, RecursionError):
        raise Refused(400, msg("The body is no JSON.")) from None
    return data


def one_line(field: str, said: str) -> str:
    """What a person said, as one line that every channel, terminal and log carries as it is.

    Raises WireError, which names the field.
    """
    line = " ".join(said.split())
    if not line.isprintable():
        raise WireError(field, msg("holds control characters"))
    return line
