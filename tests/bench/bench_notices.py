"""What telling people costs a trip: with four channels that never answer, against none.

Both watches stand on the same chain and are measured in turn; the one that is told about has incidents, outbox and
channels running, whose servers take each request and say nothing.
"""

import itertools
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import anyio
import anyio.abc

from tests.bench.bench_watch import PRICE_BEFORE, Rig, ours_once, rig
from tests.bench.figure import Figure, against_floor
from ultrad.adapters.host import HostClock
from ultrad.adapters.notify.http import open_session
from ultrad.adapters.notify.settings import WebhookSettings
from ultrad.adapters.notify.webhook import Webhook
from ultrad.conditions import Conditions
from ultrad.core.events import Severity
from ultrad.core.incidents import Book
from ultrad.core.outbox import Outbox
from ultrad.core.telling import Route, TellRules
from ultrad.core.voice import Voice
from ultrad.desk import Desk, DeskPorts
from ultrad.devnet.build import ensure_built
from ultrad.devnet.devnet import Devnet
from ultrad.heard import HeardJournal
from ultrad.i18n import ENGLISH
from ultrad.postman import Postman, PostPorts, PostRules
from ultrad.supervisor import contained

ROUNDS = 80
WARM_UP = 5
CHANNELS = ("infra", "dev", "desk", "line")
MOST = 1.05
_ids = itertools.count(1)


@asynccontextmanager
async def silent_server() -> AsyncIterator[int]:
    """Takes connections and whatever comes over them, and never answers."""

    async def swallow(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            async for _ in stream:
                pass

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    async with listener, anyio.create_task_group() as group:
        group.start_soon(listener.serve, swallow)
        yield int(listener.extra(anyio.abc.SocketAttribute.local_port))  # noqa: S610 - anyio's, not Django's
        group.cancel_scope.cancel()


@asynccontextmanager
async def told(parts: Rig, state: Path, port: int) -> AsyncIterator[None]:
    """Incidents and notices of this watch, going to channels that hang."""
    clock = HostClock(state / "clock.json", None)
    journal = parts.journal
    assert isinstance(journal, HeardJournal)
    rules = TellRules(
        routes=(Route("urgent", frozenset({Severity.S1, Severity.S2}), CHANNELS),), repeat_s1_ms=1, quiet_ms=1
    )
    voice = Voice(ENGLISH, ZoneInfo("Asia/Tokyo"), "bench", "0")
    async with open_session() as session, anyio.create_task_group() as group:
        channels = {
            name: Webhook(WebhookSettings(name, f"http://127.0.0.1:{port}/", "s" * 32), session, clock)
            for name in CHANNELS
        }
        sink = Conditions(journal)
        ports = PostPorts(
            journal=journal,
            clock=clock,
            sink=sink,
            contain=contained,
            report=lambda *_: None,
            fraction=lambda: 0.5,
            key_of=lambda text: text,
            render=voice.render,
        )
        postman = Postman(ports, channels, PostRules(), rules, Outbox())
        desk = Desk(
            DeskPorts(journal, clock, parts.estop, postman, lambda: f"n{next(_ids)}", lambda text: text),
            rules,
            ZoneInfo("Asia/Tokyo"),
            Book(),
        )
        journal.listen(desk.take)
        group.start_soon(desk.run, lambda: None)
        group.start_soon(postman.run, lambda: None)
        yield
        group.cancel_scope.cancel()


async def _compare(devnet: Devnet, state: Path) -> Figure:
    positions = (("main", devnet.addresses.account),)
    hanging: list[float] = []
    none: list[float] = []
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(silent_server())
        (state / "told").mkdir()
        (state / "quiet").mkdir()
        with_people = await stack.enter_async_context(rig(devnet, positions, state / "told"))
        await stack.enter_async_context(told(with_people, state / "told", port))
        alone = await stack.enter_async_context(rig(devnet, positions, state / "quiet"))
        for at in range(ROUNDS + WARM_UP):
            for parts, values in ((with_people, hanging), (alone, none)):
                elapsed_ms = await ours_once(devnet, parts)
                await anyio.to_thread.run_sync(devnet.set_price, "WETH", PRICE_BEFORE)
                await anyio.sleep(0.15)  # incidents and notices of this trip are made, and every channel hangs
                for one in (with_people, alone):
                    with anyio.move_on_after(0.05):
                        await one.chain.next_head()
                if at >= WARM_UP:
                    values.append(elapsed_ms)
    return against_floor("a trip while every channel hangs, against none", "ms", hanging, none, MOST)


def run() -> list[Figure]:
    """The figure of the notices."""
    devnet = Devnet.start(ensure_built(lambda _: None))
    try:
        devnet.set_price("WETH", Decimal(2500))
        with tempfile.TemporaryDirectory() as state:
            return [anyio.run(_compare, devnet, Path(state))]
    finally:
        devnet.stop()


if __name__ == "__main__":
    from tests.bench.figure import row

    for one in run():
        print(row(one))
