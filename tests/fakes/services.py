"""Services on loopback that take notices and pings, strict, and able to fail in every way that was met or feared.

Each is written from its service's documentation and never imports ultrad. What a client does against that
documentation stands in `faults` afterwards, besides the error it gets.
"""

import asyncio
import hashlib
import hmac
import json
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Self
from urllib.parse import urlsplit

from aiohttp import web

HUGE = 10 * 1024 * 1024
CHUNK = b"x" * 65_536


class Service:
    """One service. `script`: how the next requests that send something are met, then `mode`.

    ok · a status (429 and "503 later" with Retry-After) · error (a 200 that is none) · error:TEXT · html · huge ·
    garbage (not UTF-8) · noise (not HTTP) · redirect · hang · hang after · cut · cut within. What ends in "after",
    and cut, cut within, huge and garbage, was taken nevertheless.
    """

    secrets: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.script: deque[str] = deque()
        self.mode = "ok"
        self.retry_after: str | None = "7"
        self.tries = 0
        self.followed = 0
        self.sent_bytes = 0
        self.taken: list[str] = []
        self.bodies: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.faults: list[str] = []
        self.url = ""
        self._forever = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self._site: web.TCPSite | None = None

    # ------------------------------------------------------------ what each service says in its own way

    def routes(self) -> list[web.RouteDef]:
        """Where it listens."""
        raise NotImplementedError

    def says(self, status: int) -> web.Response:
        """An error with this status. It repeats the secrets that it was sent, as careless services do."""
        return web.Response(status=status, text=f"no {self.url} {' '.join(self.secrets)}")

    def error(self, text: str) -> web.Response:
        """A 200 whose body says that it is none."""
        return web.json_response({"ok": False, "error": text})

    def fault(self, what: str, answer: web.Response) -> web.Response:
        """The client did what it must not."""
        self.faults.append(what)
        return answer

    # ------------------------------------------------------------ behaviours

    async def play(self, request: web.Request, accept: Callable[[], web.Response]) -> web.StreamResponse:
        """Meet one valid request as the script says. `accept` takes what was sent, and gives the good answer."""
        self.tries += 1
        mode = self.script.popleft() if self.script else self.mode
        if mode == "ok":
            return accept()
        if mode == "redirect":
            return web.Response(status=307, headers={"Location": "/elsewhere"})
        if mode in ("429", "503 later"):
            answer = self.says(int(mode[:3]))
            if self.retry_after is not None:
                answer.headers["Retry-After"] = self.retry_after
            return answer
        if mode.isdigit():
            return self.says(int(mode))
        if mode.startswith("error"):
            return self.error(mode.partition(":")[2] or "internal_error")
        return await self._misbehave(mode, request, accept)

    async def _misbehave(
        self, mode: str, request: web.Request, accept: Callable[[], web.Response]
    ) -> web.StreamResponse:
        transport = request.transport
        assert transport is not None
        if mode == "html":
            return web.Response(text="<html>welcome to the hotel</html>", content_type="text/html")
        if mode == "hang":
            await self._forever.wait()
            return web.Response(status=503)
        if mode == "noise":
            transport.write(b"\x00\xffnot http at all\r\n\r\n")
            transport.close()
            return web.Response()
        answer = accept()
        if mode == "garbage":
            return web.Response(status=answer.status, body=b"\xff\xfe\x80" * 20)
        if mode == "hang after":
            await self._forever.wait()
        elif mode == "cut":
            transport.abort()
        elif mode in ("cut within", "huge"):
            return await self._stream(request, transport, mode)
        else:
            raise LookupError(mode)
        return answer

    async def _stream(self, request: web.Request, transport: asyncio.Transport, mode: str) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Length": str(HUGE), "Content-Type": "application/json"})
        await answer.prepare(request)
        self.sent_bytes = 0
        try:
            while self.sent_bytes < HUGE:
                await answer.write(CHUNK)
                self.sent_bytes += len(CHUNK)
                if mode == "cut within":
                    break
        except ConnectionError:
            return answer
        transport.abort()
        return answer

    async def _elsewhere(self, _: web.Request) -> web.Response:
        self.followed += 1
        return web.Response(text="ok")

    # ------------------------------------------------------------ serving

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Self]:
        """Serve on a free port of 127.0.0.1."""
        app = web.Application()
        app.add_routes([*self.routes(), web.route("*", "/elsewhere", self._elsewhere)])
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await self.open_port(0)
        try:
            yield self
        finally:
            self._forever.set()
            await self._runner.cleanup()

    async def open_port(self, port: int | None = None) -> None:
        """Listen; without a port, where it listened before."""
        assert self._runner is not None
        port = urlsplit(self.url).port if port is None else port
        self._site = web.TCPSite(self._runner, "127.0.0.1", port)
        await self._site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"

    async def close_port(self) -> None:
        """Refuse connections until the port is opened again."""
        assert self._site is not None
        await self._site.stop()


async def json_of(request: web.Request) -> dict[str, Any] | None:
    """The JSON object in a request that says that it holds one."""
    if request.content_type != "application/json":
        return None
    try:
        body = json.loads(await request.read())
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


class Receiver(Service):
    """A receiver of signed webhooks, as docs say that one should be: it checks signature, age and repeats."""

    PATH = "/hooks/h00k-p4th-s3cret-9d1e"
    SECRET = "sh4red-s1gning-s3cret-77ab"
    FIELDS = frozenset({"version", "id", "at", "level", "severity", "title", "lines", "incident"})
    MAX_AGE_S = 300
    secrets = (SECRET, PATH, "h00k-p4th-s3cret-9d1e")

    def __init__(self, clock_s: Callable[[], float] = time.time) -> None:
        super().__init__()
        self.timestamps: list[int] = []
        self.signatures: list[str] = []
        self.clock_s = clock_s
        self._known: set[str] = set()

    @property
    def hook(self) -> str:
        return self.url + self.PATH

    def routes(self) -> list[web.RouteDef]:
        return [web.post(self.PATH, self._post)]

    async def _post(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        timestamp = request.headers.get("X-Ultrad-Timestamp", "")
        signed = hmac.new(self.SECRET.encode(), f"{timestamp}.".encode() + raw, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(request.headers.get("X-Ultrad-Signature", ""), f"v1={signed}"):
            return self.fault("signature", web.Response(status=401))
        if not timestamp.isdigit() or abs(self.clock_s() - int(timestamp)) > self.MAX_AGE_S:
            return self.fault("timestamp", web.Response(status=401))
        body = await json_of(request)
        key = request.headers.get("Idempotency-Key", "")
        if body is None or set(body) != self.FIELDS or body["version"] != 1 or body["id"] != key or not key:
            return self.fault("body", web.Response(status=422))
        self.keys.append(key)
        self.timestamps.append(int(timestamp))
        self.signatures.append(signed)
        if key in self._known:
            self.tries += 1
            return web.Response(status=409)

        def accept() -> web.Response:
            self._known.add(key)
            self.bodies.append(body)
            self.taken.append("\n".join([body["title"], *body["lines"]]))
            return web.json_response({"ok": True, "error": None})

        return await self.play(request, accept)


class Monitor(Service):
    """A healthchecks-style monitor (healthchecks.io/docs/http_api): pings by GET, HEAD or POST to a URL."""

    CHECK = "d1665499-e827-441f-bf13-8f15e8f4c0b9"
    secrets = (CHECK,)

    @property
    def check(self) -> str:
        return f"{self.url}/{self.CHECK}"

    def routes(self) -> list[web.RouteDef]:
        return [web.route("*", "/{check}", self._ping), web.route("*", "/{check}/{what:start|fail}", self._ping)]

    def error(self, text: str) -> web.Response:
        return web.Response(text=f"OK ({text})")

    async def _ping(self, request: web.Request) -> web.StreamResponse:
        if request.method not in ("GET", "HEAD", "POST"):
            return self.fault("method", web.Response(status=405))
        if request.match_info["check"] != self.CHECK:
            return self.error("not found")

        def accept() -> web.Response:
            self.taken.append(request.match_info.get("what", "ok"))
            return web.Response(text="OK")

        return await self.play(request, accept)
