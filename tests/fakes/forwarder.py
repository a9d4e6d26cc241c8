"""Stands before a real node, on loopback, and passes questions on; or misbehaves."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiohttp import web

NO_METHOD = {"code": -32601, "message": "the method does not exist"}
NO_PINS = {"code": -32602, "message": "invalid argument 1: json: cannot unmarshal object"}


class Forwarder:
    """One endpoint before a node. Never imports ultrad.

    mode: "good"; "500", "html", "hang": what it does instead of answering; "latest": answers of the newest block
    whatever it is asked about, but for a block that it cannot know; "numbers": takes no hashes of blocks.
    missing: methods that it does not have. errors: what it answers a method with. results: the same, as results.
    before: called before a question is passed on, with its method. asked: all methods so far.
    """

    def __init__(self, node: str) -> None:
        self.mode = "good"
        self.missing: set[str] = set()
        self.errors: dict[str, dict[str, Any]] = {}
        self.results: dict[str, Any] = {}
        self.before: Callable[[str], None] = lambda _: None
        self.asked: list[str] = []
        self.url = ""
        self._node = node
        self._over = asyncio.Event()
        self._session: aiohttp.ClientSession | None = None

    async def post(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        method = body["method"]
        self.asked.append(method)
        if self.mode == "500":
            return web.Response(status=500)
        if self.mode == "html":
            return web.Response(text="<html>bad gateway</html>", content_type="text/html")
        if self.mode == "hang":
            await self._over.wait()
            return web.Response(status=503)
        reply = {"jsonrpc": "2.0", "id": body["id"]}
        if method in self.results:
            return web.json_response({**reply, "result": self.results[method]})
        pin = body["params"][-1] if body["params"] else None
        error = NO_METHOD if method in self.missing else self.errors.get(method)
        if self.mode == "numbers" and isinstance(pin, dict) and "blockHash" in pin:
            error = NO_PINS
        if error is not None:
            return web.json_response({**reply, "error": error})
        if self.mode == "latest" and isinstance(pin, dict) and int(pin.get("blockHash", "0x1"), 16) > 1:
            body["params"][-1] = "latest"
        self.before(method)
        assert self._session is not None
        async with self._session.post(self._node, data=json.dumps(body), headers=dict(_JSON)) as answer:
            return web.json_response(await answer.json())

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Forwarder"]:
        """Serve on a free port of 127.0.0.1."""
        app = web.Application()
        app.router.add_post("/", self.post)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        self.url = f"http://{host}:{port}/"
        async with aiohttp.ClientSession() as self._session:
            try:
                yield self
            finally:
                self._over.set()
                await runner.cleanup()


_JSON = {"Content-Type": "application/json"}
