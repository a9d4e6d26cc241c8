"""From a block to a durable flag, and the cost of many positions, on the real market.

The daemon's own parts run in this process: chain, watch, stop, flag and journal, as the app wires them. The floor
does by hand, on the same loop, what cannot be left out: a raw WebSocket head, one raw call, a write with fsync.
"""

import json
import os
import tempfile
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import aiohttp
import anyio

from tests.bench.figure import Figure, against_floor
from ultrad.adapters.chain import aave, multicall
from ultrad.adapters.chain.book import BookFile
from ultrad.adapters.chain.pool import RpcChain
from ultrad.adapters.chain.settings import ChainSettings, EndpointSettings
from ultrad.adapters.flag import FlagFile
from ultrad.adapters.host import HostClock
from ultrad.adapters.journal.journal import open_journal
from ultrad.adapters.journal.schema import create
from ultrad.core.estop import EstopState
from ultrad.core.events import Finding
from ultrad.core.limits import EstopRules, Limits
from ultrad.devnet.build import ensure_built
from ultrad.devnet.devnet import Devnet
from ultrad.estop import Estop, Ports
from ultrad.gate import Gate
from ultrad.heard import HeardJournal
from ultrad.live import Holder
from ultrad.ports import Journal
from ultrad.units import Address, Bps, Now
from ultrad.watchdog import Watchdog, WatchPorts, WatchSettings

ROUNDS = 60
WARM_UP = 5
BLOCKS = {1: 60, 10: 40, 100: 20, 1000: 8}
"""How many blocks are read with so many positions."""
PRICE_FELL, PRICE_BEFORE = Decimal(2100), Decimal(2500)
LIMITS = Limits(max_value_change_bps=Bps(10_000_000))
"""The price falls and recovers sixty times here: only the health factor is to trip."""


class NoSink:
    """Findings are told to nobody: what is measured comes before telling."""

    def observe(self, source: str, findings: Iterable[Finding], now: Now) -> None:
        """Nothing."""


@dataclass
class Rig:
    """The watch on one chain."""

    chain: RpcChain
    watch: Watchdog
    estop: Estop
    gate: Gate
    flag: FlagFile
    flag_path: Path
    journal: Journal

    def lift(self) -> None:
        """Back to OFF, as a resume would do it."""
        self.flag.remove(self.flag.look())
        self.estop.state = EstopState()
        self.gate.unlatch()


@asynccontextmanager
async def rig(devnet: Devnet, positions: tuple[tuple[str, Address], ...], state: Path) -> AsyncIterator[Rig]:
    """Everything from head to flag, running."""
    (state / "flag").mkdir()
    create(state / "journal.db")
    journal = HeardJournal(open_journal(state / "journal.db", thin_after_hours=720))
    clock = HostClock(state / "clock.json", None)
    settings = ChainSettings(
        chain_id=31337,
        addresses_provider=devnet.addresses.addresses_provider,
        positions=positions,
        stale_head_s=3_600,
    )
    chain = RpcChain(
        settings,
        [EndpointSettings("local", devnet.url_http, devnet.url_ws)],
        clock=clock,
        pauses=lambda _: 0.1,
        book_file=BookFile(state / "addresses.json", 31337, devnet.addresses.addresses_provider),
        tell=lambda _: None,
    )
    flag = FlagFile(state / "flag" / "estop")
    gate = Gate(flag)
    rules = EstopRules()
    estop = Estop(Ports(gate, flag, journal, clock, NoSink(), str), Holder(rules), EstopState())
    watch = Watchdog(
        WatchPorts(chain, estop, gate, journal, clock, NoSink()),
        Holder(
            WatchSettings(
                LIMITS,
                rules,
                round_s=5,
                crosscheck_blocks=20,
                silence_rounds=3,
                silence_s=60,
                market_interval_s=30,
            )
        ),
    )
    async with chain, anyio.create_task_group() as group:
        group.start_soon(journal.run, lambda: None)
        group.start_soon(chain.run, lambda: None)
        await estop.start(())
        yield Rig(chain, watch, estop, gate, flag, state / "flag" / "estop", journal)
        group.cancel_scope.cancel()
    await journal.close()


# ------------------------------------------------------------ block to flag


async def _trip_latency(devnet: Devnet, state: Path) -> Figure:
    floors: list[float] = []
    ours: list[float] = []
    positions = (("main", devnet.addresses.account),)
    async with rig(devnet, positions, state) as parts, aiohttp.ClientSession() as session:
        await parts.chain.next_head()
        floor = Floor(devnet, session, state / "floor")
        await floor.open()
        for at in range(ROUNDS + WARM_UP):
            for measure, values in ((floor.once, floors), (lambda: ours_once(devnet, parts), ours)):
                elapsed_ms = await measure()
                await anyio.to_thread.run_sync(devnet.set_price, "WETH", PRICE_BEFORE)
                await anyio.sleep(0.02)
                with anyio.move_on_after(0.05):
                    await parts.chain.next_head()
                await floor.drain()
                if at >= WARM_UP:
                    values.append(elapsed_ms)
        await floor.close()
    return against_floor("price-drop sent -> flag durable, 1 position", "ms", ours, floors, 1.5)


async def ours_once(devnet: Devnet, parts: Rig) -> float:
    """Milliseconds from the price drop being sent to the durable flag; the stop is lifted again."""
    async with anyio.create_task_group() as group:
        begun = time.perf_counter()
        group.start_soon(_drop_price, devnet)
        while parts.estop.state.mode.value == "off":
            await parts.chain.next_head()
            await parts.watch.round()
        elapsed_ms = (time.perf_counter() - begun) * 1_000
    parts.lift()
    return elapsed_ms


async def _drop_price(devnet: Devnet) -> None:
    await anyio.to_thread.run_sync(devnet.set_price, "WETH", PRICE_FELL)


class Floor:
    """The least there is to do, by hand."""

    def __init__(self, devnet: Devnet, session: aiohttp.ClientSession, path: Path) -> None:
        self._devnet, self._session, self._path = devnet, session, path
        path.mkdir()
        data = aave.of(devnet.addresses.pool, aave.GET_USER_ACCOUNT_DATA, devnet.addresses.account).data
        call = {"to": devnet.addresses.pool, "data": "0x" + data.hex()}
        self._call = json.dumps(
            {"jsonrpc": "2.0", "id": 1, "method": "eth_call", "params": [call, "latest"]}
        ).encode()

    async def open(self) -> None:
        self._ws = await self._session.ws_connect(self._devnet.url_ws)
        await self._ws.send_json({"jsonrpc": "2.0", "id": 1, "method": "eth_subscribe", "params": ["newHeads"]})
        await self._ws.receive()

    async def close(self) -> None:
        await self._ws.close()

    async def drain(self) -> None:
        with anyio.move_on_after(0.02):
            while True:
                await self._ws.receive()

    async def once(self) -> float:
        async with anyio.create_task_group() as group:
            begun = time.perf_counter()
            group.start_soon(_drop_price, self._devnet)
            await self._ws.receive()
            headers = {"Content-Type": "application/json"}
            async with self._session.post(self._devnet.url_http, data=self._call, headers=headers) as answer:
                result = json.loads(await answer.read())["result"]
            assert int(result[2 + 5 * 64 :], 16) < LIMITS.trip_hf
            self._write()
            elapsed_ms = (time.perf_counter() - begun) * 1_000
        (self._path / "estop").unlink()
        return elapsed_ms

    def _write(self) -> None:
        handle = os.open(self._path / "estop", os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        os.write(handle, b"x" * 300)
        os.fsync(handle)
        os.close(handle)
        directory = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY)
        os.fsync(directory)
        os.close(directory)


# ------------------------------------------------------------ many positions


async def _many(devnet: Devnet, count: int, state: Path) -> Figure:
    accounts = await anyio.to_thread.run_sync(devnet.open_positions, count)
    calls = [aave.of(devnet.addresses.pool, aave.GET_USER_ACCOUNT_DATA, one) for one in accounts]
    call = {"to": devnet.addresses.multicall3, "data": multicall.encode(calls)}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "eth_call", "params": [call, "latest"]}).encode()
    floors: list[float] = []
    ours: list[float] = []
    named = tuple((f"p{at}", account) for at, account in enumerate(accounts))
    async with rig(devnet, named, state) as parts, aiohttp.ClientSession() as session:
        for _ in range(BLOCKS[count] + 2):
            await anyio.to_thread.run_sync(devnet.mine)
            with anyio.move_on_after(1):
                await parts.chain.next_head()
            begun = time.perf_counter()
            async with session.post(
                devnet.url_http, data=body, headers={"Content-Type": "application/json"}
            ) as answer:
                json.loads(await answer.read())
            between = time.perf_counter()
            await parts.watch.round()
            ours.append((time.perf_counter() - between) * 1_000)
            floors.append((between - begun) * 1_000)
        assert len(parts.watch.readings()) == count
    return against_floor(f"a block, {count} positions, against aggregate3", "ms", ours[2:], floors[2:], 1.3)


def run() -> list[Figure]:
    """All figures of the watch."""
    build = ensure_built(lambda _: None)
    figures = []
    devnet = Devnet.start(build)
    try:
        with tempfile.TemporaryDirectory() as state:
            figures.append(anyio.run(_trip_latency, devnet, Path(state)))
        for count in BLOCKS:
            with tempfile.TemporaryDirectory() as state:
                figures.append(anyio.run(_many, devnet, count, Path(state)))
    finally:
        devnet.stop()
    return figures


if __name__ == "__main__":
    from tests.bench.figure import row

    for one in run():
        print(row(one))
