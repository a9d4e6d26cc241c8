"""Servers on the loopback, and a client that can also say what no client should."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import anyio
from anyio.abc import ByteStream

from tests.fakes.operations import FakeOperations
from ultrad.core.limits import Limits
from ultrad.i18n import ENGLISH, Catalogue
from ultrad.web.control import ControlPart, ControlSettings
from ultrad.web.server import HttpPart, HttpSettings

TOKEN = "correct-horse-battery-staple"
ZONE = ZoneInfo("Asia/Tokyo")


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Server:
    """A part that runs. `turns`: how often it reported."""

    part: HttpPart | ControlPart
    operations: FakeOperations
    path: Path | None = None
    turns: int = 0

    def turned(self) -> None:
        self.turns += 1

    async def connect(self) -> ByteStream:
        if self.path is not None:
            return await anyio.connect_unix(self.path)
        assert isinstance(self.part, HttpPart)
        assert isinstance(self.part.address, tuple)
        return await anyio.connect_tcp("127.0.0.1", self.part.address[1])

    async def ask(self, method: str, target: str, body: object = None, **headers: str) -> Answer:
        """One question on a connection of its own. An underscore in a header's name stands for a dash."""
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        said = {"Host": "localhost", "Connection": "close", "Content-Length": str(len(content))}
        said |= {name.replace("_", "-"): value for name, value in headers.items()}
        head = "".join(f"{name}: {value}\r\n" for name, value in said.items())
        async with await self.connect() as stream:
            await stream.send(f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode() + content)
            return parsed(await everything(stream))

    async def stop(self, body: object = None, token: str = TOKEN) -> Answer:
        return await self.ask("POST", "/api/estop", body, Authorization=f"Bearer {token}")


async def everything(stream: ByteStream) -> bytes:
    """What comes until the other side ends it."""
    received = b""
    with anyio.fail_after(30):
        while True:
            try:
                received += await stream.receive()
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                return received


def parsed(received: bytes) -> Answer:
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    return Answer(int(first.split()[1]), dict(line.split(": ", 1) for line in lines), body)


@asynccontextmanager
async def http(
    operations: FakeOperations | None = None, catalogue: Catalogue = ENGLISH, **settings: Any
) -> AsyncIterator[Server]:
    """The HTTP server on a free port, with a token unless told otherwise."""
    operations = operations or FakeOperations()
    chosen = replace(HttpSettings(limits=Limits, zone=ZONE, port=0, token=TOKEN), **settings)
    server = Server(HttpPart(operations, chosen, catalogue), operations)
    async with running(server):
        yield server


@asynccontextmanager
async def control(path: Path, operations: FakeOperations | None = None) -> AsyncIterator[Server]:
    """The control socket at `path`, where users are called by their numbers."""
    operations = operations or FakeOperations()
    part = ControlPart(operations, ControlSettings(path, ""), lambda uid: f"user {uid}")
    async with running(Server(part, operations, path)) as server:
        yield server


@asynccontextmanager
async def running(server: Server) -> AsyncIterator[Server]:
    """Run the part until the block ends."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(server.part.run, server.turned)
        with anyio.fail_after(5):
            while not server.turns:  # noqa: ASYNC110 - a part tells only by turning
                await anyio.sleep(0.001)
        yield server
        tasks.cancel_scope.cancel()
