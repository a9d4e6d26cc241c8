"""Peers that are slow, greedy or broken, at both doors: they are cut off, and the others are served."""

import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import anyio
import pytest
from anyio.abc import ByteStream

from tests.web.rig import TOKEN, Server, control, everything, http, parsed
from ultrad.errors import Transient
from ultrad.web.answers import BODY_BYTES, BODY_S
from ultrad.web.control import CONNECTIONS
from ultrad.web.serving import DRAIN_S, IDLE_S, REFUSING, REFUSING_S, UNREAD_S, Door, Serving
from ultrad.web.traffic import Traffic

HEAD = f"POST {{}} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n"


@asynccontextmanager
async def _crowd(server: Server, count: int) -> AsyncIterator[list[ByteStream]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(await server.connect()) for _ in range(count)]


def _door(name: str, tmp_path: Path) -> AbstractAsyncContextManager[Server]:
    return http() if name == "http" else control(tmp_path / "control.sock")


def _stop_route(name: str) -> str:
    return "/api/estop" if name == "http" else "/estop"


OPEN_FILES = Path("/proc/self/fd")
BOTH = pytest.mark.parametrize("door", ["http", "control"])


# ---------------------------------------------------------------- connections


async def test_connections__a_hundred_over_the_limit__each_is_told_and_the_first_ones_are_served() -> None:
    async with http(connections=20) as server, _crowd(server, 20) as first:
        told: list[bytes] = []
        async with anyio.create_task_group() as tasks:
            for _ in range(100):
                tasks.start_soon(_told, server, told)
        assert len(told) == 100
        # Beyond a bound even of refusals a peer is closed without a word.
        refused = [parsed(one) for one in told if one]
        assert len(refused) >= REFUSING
        assert {one.status for one in refused} == {503}
        assert refused[0].headers["Retry-After"] == "1"
        assert refused[0].json == {
            "error": {"message": "20 connections are open already; try again."},
            "kind": "transient",
        }
        for stream in first:
            await stream.send(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert (await stream.receive()).startswith(b"HTTP/1.1 200 ")
        await first[0].aclose()
        await anyio.sleep(0.05)
        assert (await server.ask("GET", "/health")).status == 200


async def _told(server: Server, told: list[bytes]) -> None:
    try:
        async with await server.connect() as stream:
            await stream.send(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            told.append(await everything(stream))
    except (OSError, anyio.BrokenResourceError):
        told.append(b"")


async def test_connections__more_refused_ones_than_are_kept__are_closed_without_a_word() -> None:
    async with http(connections=1) as server, _crowd(server, 1), _crowd(server, REFUSING) as refused:
        for stream in refused:  # told, and given a moment to read
            assert (await stream.receive()).startswith(b"HTTP/1.1 503 ")
        async with await server.connect() as stream:
            assert await everything(stream) == b""
        await anyio.sleep(REFUSING_S)
        assert (await server.ask("GET", "/health")).json["error"]


async def test_connections__socket_breaks__is_reported() -> None:
    @contextmanager
    def listen() -> Iterator[socket.socket]:
        with socket.socket() as deaf:
            deaf.bind(("127.0.0.1", 0))
            deaf.setblocking(False)
            yield deaf

    door = Door((), listen, connections=1, tell=str, check=print, traffic=Traffic())
    with pytest.raises(ExceptionGroup) as caught:
        await Serving(door).run(lambda: None)
    assert caught.group_contains(Transient, match="No connection can be taken in at .*: Invalid argument")


async def test_connections__control_socket__is_bounded_too(tmp_path: Path) -> None:
    async with control(tmp_path / "control.sock") as server, _crowd(server, CONNECTIONS):
        await anyio.sleep(0.05)
        refused = await server.ask("GET", "/status")
    assert (refused.status, refused.json["kind"]) == (503, "transient")
    assert refused.json["error"]["message"]["args"] == {"count": CONNECTIONS}


async def test_connections__many_come_and_go__no_file_stays_open() -> None:
    async with http() as server:
        await server.ask("GET", "/health")
        before = len(list(OPEN_FILES.iterdir()))
        for _ in range(200):
            await server.ask("GET", "/health/live")
        assert len(list(OPEN_FILES.iterdir())) <= before + 2


# ---------------------------------------------------------------- time


@BOTH
@pytest.mark.looptime
async def test_slow_head__never_finished__is_closed(door: str, tmp_path: Path) -> None:
    async with _door(door, tmp_path) as server, await server.connect() as stream:
        begun_s = anyio.current_time()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_drip, stream)
            assert await everything(stream) == b""
            tasks.cancel_scope.cancel()
        assert anyio.current_time() - begun_s == pytest.approx(IDLE_S, abs=1.5)


async def _drip(stream: ByteStream) -> None:
    await stream.send(b"GET /health HTTP/1.1\r\n")
    while True:
        await anyio.sleep(1)
        try:
            await stream.send(b"X: y\r\n")
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            return


@BOTH
@pytest.mark.looptime
async def test_idle__nothing_said_at_all__is_closed(door: str, tmp_path: Path) -> None:
    async with _door(door, tmp_path) as server, await server.connect() as stream:
        begun_s = anyio.current_time()
        assert await everything(stream) == b""
        assert anyio.current_time() - begun_s == pytest.approx(IDLE_S, abs=1.5)


@BOTH
@pytest.mark.looptime
async def test_slow_body__never_finished__is_refused_and_closed(door: str, tmp_path: Path) -> None:
    async with _door(door, tmp_path) as server, await server.connect() as stream:
        begun_s = anyio.current_time()
        await stream.send(HEAD.format(_stop_route(door)).encode() + b'Content-Length: 1000\r\n\r\n{"reason":')
        answer = parsed(await everything(stream))
        took_s = anyio.current_time() - begun_s
    assert answer.status == 408
    assert took_s == pytest.approx(BODY_S + DRAIN_S, abs=1.5)
    assert not server.operations.stops


@pytest.mark.looptime
async def test_unread_answers__stuck_peer__is_cut_off_and_others_are_served() -> None:
    async with http() as server, await server.connect() as stream:
        begun_s = anyio.current_time()
        with anyio.fail_after(UNREAD_S + 5), pytest.raises(anyio.BrokenResourceError):
            await _ask_for_ever(stream)
        assert anyio.current_time() - begun_s > UNREAD_S
        assert (await server.ask("GET", "/health")).status == 200


async def _ask_for_ever(stream: ByteStream) -> None:
    while True:
        await stream.send(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n" * 1_000)


# ---------------------------------------------------------------- size and form


@BOTH
@pytest.mark.parametrize("size", [BODY_BYTES + 1, 3_000_000])
async def test_huge_body__announced__is_refused(door: str, size: int, tmp_path: Path) -> None:
    async with _door(door, tmp_path) as server:
        answer = await _send(
            server, HEAD.format(_stop_route(door)) + f"Content-Length: {size}\r\n\r\n", b"x" * size
        )
    assert answer == 413
    assert not server.operations.stops


@BOTH
async def test_huge_body__in_chunks_without_end__is_refused(door: str, tmp_path: Path) -> None:
    chunks = b"1000\r\n" + b"x" * 0x1000 + b"\r\n"
    async with _door(door, tmp_path) as server:
        head = HEAD.format(_stop_route(door)) + "Transfer-Encoding: chunked\r\n\r\n"
        answer = await _send(server, head, chunks * 20)
    assert answer == 413


async def test_body__of_the_greatest_length__is_read() -> None:
    async with http() as server:
        body = b'{"reason":"x"}'.ljust(BODY_BYTES)
        assert (await server.stop(body)).status == 200


async def test_compressed_body__is_not_unpacked() -> None:
    async with http() as server:
        answer = await server.ask(
            "POST", "/api/estop", b"\x1f\x8b\x08\x00", Authorization=f"Bearer {TOKEN}", Content_Encoding="gzip"
        )
    assert answer.status == 400


@BOTH
async def test_truncated_body__peer_leaves__nothing_happens(door: str, tmp_path: Path) -> None:
    async with _door(door, tmp_path) as server:
        async with await server.connect() as stream:
            await stream.send(HEAD.format(_stop_route(door)).encode() + b'Content-Length: 20\r\n\r\n{"reason":"x')
        await anyio.sleep(0.05)
        assert not server.operations.stops
        assert (await server.ask("GET", "/health" if door == "http" else "/status")).status == 200


@BOTH
@pytest.mark.parametrize(
    "said",
    [
        b"GARBAGE\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"NONSENSE /health HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /health HTTP/9.9\r\nHost: localhost\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: localhost\r\nBad Name: x\r\n\r\n",
        b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 20_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 1_000 + b"\r\n",
        b"POST /api/estop HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
)
async def test_no_http__any__is_400_without_a_word_about_the_parser(
    door: str, said: bytes, tmp_path: Path
) -> None:
    async with _door(door, tmp_path) as server:
        async with await server.connect() as stream:
            await stream.send(said)
            answer = parsed(await everything(stream))
        assert (await server.ask("GET", "/health" if door == "http" else "/status")).status == 200
    assert answer.status == 400
    assert answer.headers["Server"] == "ultrad"
    assert b"aiohttp" not in answer.body
    assert answer.json["kind"] == "permanent"


async def _send(server: Server, head: str, body: bytes) -> int:
    """The answer's status; the server may well stop listening before all is said."""
    async with await server.connect() as stream, anyio.create_task_group() as tasks:
        tasks.start_soon(_pour, stream, head.encode() + body)
        status = parsed(await everything(stream)).status
        tasks.cancel_scope.cancel()
    return status


async def _pour(stream: ByteStream, content: bytes) -> None:
    try:
        await stream.send(content)
    except anyio.BrokenResourceError:
        return
