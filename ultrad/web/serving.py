"""One listening socket, served within limits.

Limits on a connection: how many there may be, how long the head of a request may take and how long a connection
may idle (both by aiohttp's keep-alive timer, which runs from the moment of connecting), how large and how slow a
body may be (ultrad.web.answers), and how long a peer may leave its answer unread.
"""

import asyncio
import socket
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import anyio
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from ultrad.core.wire import WireError
from ultrad.errors import Fatal, Transient, UltradError
from ultrad.i18n import Message, msg
from ultrad.ports import Turned
from ultrad.web.answers import BODY_BYTES, Refused, Tell, answer, encoded, refusal
from ultrad.web.traffic import Traffic

TICK_S = 1.0
IDLE_S = 10.0
"""A peer on this machine that has not finished the head of a request by then never will."""
UNREAD_S = 10.0
"""A peer that has not taken its answer by then is stuck."""
REFUSING_S = 1.0
"""A refused peer has this long to read why."""
REFUSING = 64
"""Beyond so many refused peers at once, further ones are closed without a word."""
DRAIN_S = 1.0
"""How long the unread rest of a body is taken in, so that the peer can read its answer."""
CLOSE_S = 0.4
"""What is in work at the end may take this long; twice this is less than the supervisor allows a part."""
REST_S = 30.0
"""Pause before a socket that could not be had is tried again: rarer than the supervisor's limit of restarts, so
that a taken port is reported and never ends the daemon."""


@dataclass(frozen=True, slots=True)
class Door:
    """What is served, and to whom.

    listen: opens the socket, non-blocking and listening; raises Transient where it cannot. check: raises Refused
    for a request that must not come in. connections: how many may be open at once.
    """

    routes: tuple[web.RouteDef, ...]
    listen: Callable[[], AbstractContextManager[socket.socket]]
    connections: int
    tell: Tell
    check: Callable[[web.Request], None]
    traffic: Traffic


class Serving:
    """Serves one door for ever."""

    def __init__(self, door: Door) -> None:
        """Take the door; `run` opens it."""
        self.address: object = None
        self._door = door
        self._rest_until_s = 0.0
        self._unread_since_s: dict[asyncio.WriteTransport, float | None] = {}
        self._refusing: set[_Refusal] = set()
        self._fatal: Fatal | None = None

    async def run(self, turned: Turned) -> None:
        """Open the door and serve; never returns. Raises Transient when the socket cannot be had, or breaks."""
        while anyio.current_time() < self._rest_until_s:
            turned()
            await anyio.sleep(TICK_S)
        try:
            with self._door.listen() as listener:
                self.address = listener.getsockname()
                await self._serve(listener, turned)
        finally:
            self.address = None
            self._rest_until_s = anyio.current_time() + REST_S

    async def _serve(self, listener: socket.socket, turned: Turned) -> None:
        app = web.Application(client_max_size=BODY_BYTES, middlewares=[self._middleware()])
        app.add_routes(self._door.routes)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=CLOSE_S)
        await runner.setup()
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._accept, listener, runner)
                while True:  # ends by cancellation
                    if self._fatal is not None:
                        raise self._fatal
                    self._cut_off_stuck_peers()
                    turned()
                    await anyio.sleep(TICK_S)
        finally:
            with anyio.CancelScope(shield=True):
                await runner.cleanup()
            for one in tuple(self._refusing):
                one.end()

    # ------------------------------------------------------------ connections

    async def _accept(self, listener: socket.socket, runner: web.AppRunner) -> None:
        # Accepted here and not by the loop's own server, which takes in a whole backlog before it counts any.
        loop = asyncio.get_running_loop()
        server = runner.server
        assert server is not None  # noqa: S101 - set up by the caller
        while True:  # ends by cancellation
            try:
                peer, _ = await loop.sock_accept(listener)
            except ConnectionAbortedError:
                continue  # it left while it waited
            except OSError as error:
                raise Transient(
                    msg("No connection can be taken in at {address}: {error}.", **_why(self.address, error))
                ) from error
            if len(server.connections) < self._door.connections:
                handler = _Handler(self, server, loop)
                transport, _ = await loop.connect_accepted_socket(lambda handler=handler: handler, peer)  # type: ignore[misc]
                self._unread_since_s[transport] = None
            elif len(self._refusing) < REFUSING:
                await loop.connect_accepted_socket(self._busy, peer)
            else:
                peer.close()

    def _busy(self) -> "_Refusal":
        why = msg("{count} connections are open already; try again.", count=self._door.connections)
        body = encoded(refusal(self._door.tell(why), "transient"))
        self._door.traffic.add(503, 0.0, time.monotonic())
        return _Refusal(body, self._refusing)

    def _cut_off_stuck_peers(self) -> None:
        now_s = anyio.current_time()
        for transport, since_s in tuple(self._unread_since_s.items()):
            if transport.is_closing() and not transport.get_write_buffer_size():
                del self._unread_since_s[transport]
            elif not transport.get_write_buffer_size():
                self._unread_since_s[transport] = None
            elif since_s is None:
                self._unread_since_s[transport] = now_s
            elif now_s - since_s > UNREAD_S:
                transport.abort()

    # ------------------------------------------------------------ answers

    def refuse(self, status: int, message: Message, field: str = "") -> web.Response:
        """An answer that says no."""
        kind = "transient" if status >= 500 else "permanent"  # noqa: PLR2004 - RFC 9110, 15.6
        response = answer(encoded(refusal(self._door.tell(message), kind, field)), status=status)
        if status == 401:  # noqa: PLR2004 - RFC 9110, 15.5.2 asks for the challenge
            response.headers["WWW-Authenticate"] = "Bearer"
        if status in (408, 413):  # the rest of the body is not waited for
            response.force_close()
        return response

    def _middleware(self) -> Middleware:
        door = self._door

        @web.middleware
        async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
            begun_s = time.monotonic()
            status = 500
            response: web.StreamResponse
            try:
                door.check(request)
                response = await handler(request)
                status = response.status
            except UltradError as error:
                response = self._failed(error)
                status = response.status
            except web.HTTPException as error:
                response = self._not_served(error, request.method)
                status = response.status
            finally:
                now_s = time.monotonic()
                door.traffic.add(status, now_s - begun_s, now_s)
            return response

        return middleware

    def _failed(self, error: UltradError) -> web.Response:
        match error:
            case Refused():
                return self.refuse(error.status, error.message, error.field)
            case WireError():
                return self.refuse(400, error.what, error.path)
            case Transient():
                return self.refuse(503, error.message)
            case Fatal():
                self._fatal = error  # ends the daemon: the loop above raises it
                return self.refuse(500, error.message)
            case _:
                return self.refuse(409, error.message)

    def _not_served(self, error: web.HTTPException, method: str) -> web.Response:
        match error:
            case web.HTTPMethodNotAllowed():
                response = self.refuse(405, msg("{method} is not possible here.", method=method))
                response.headers["Allow"] = error.headers["Allow"]
                return response
            case web.HTTPRequestEntityTooLarge():
                return self.refuse(413, msg("The body is longer than {limit} bytes.", limit=BODY_BYTES))
            case _:
                return self.refuse(error.status, msg("There is nothing at this address."))


class _Handler(web.RequestHandler):
    """aiohttp's connection, whose own words for what cannot be parsed, and for faults of ours, are replaced."""

    def __init__(self, serving: Serving, server: web.Server, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(
            server,
            loop=loop,
            keepalive_timeout=IDLE_S,
            lingering_time=DRAIN_S,
            access_log=None,  # type: ignore[arg-type]
            auto_decompress=False,
        )
        self._serving = serving

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Called for what is no HTTP and for errors that escape; the trace goes to the log, never to the peer."""
        super().handle_error(request, status, exc, message)
        why = (
            msg("A fault in ultrad; its log has the trace.")
            if status >= 500  # noqa: PLR2004 - RFC 9110, 15.6
            else msg("This is no valid HTTP request.")
        )
        response = self._serving.refuse(status, why)
        response.force_close()
        return response


class _Refusal(asyncio.Protocol):
    """Tells a peer that there are too many, without taking in what it says."""

    def __init__(self, body: bytes, among: "set[_Refusal]") -> None:
        head = (
            "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json; charset=utf-8\r\n"
            f"Content-Length: {len(body)}\r\nRetry-After: 1\r\nServer: ultrad\r\nConnection: close\r\n\r\n"
        )
        self._said = head.encode("ascii") + body
        self._among = among
        self._among.add(self)
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - a socket's transport is one
        self._transport = transport
        self._timer = asyncio.get_running_loop().call_later(REFUSING_S, self.end)
        transport.write(self._said)
        transport.write_eof()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self.end()

    def end(self) -> None:
        self._among.discard(self)
        if self._timer is not None and self._transport is not None:
            self._timer.cancel()
            self._transport.abort()


def _why(address: object, error: OSError) -> dict[str, str]:
    return {"address": str(address), "error": error.strerror or str(error)}
