"""Trading: from a signal to the mempool, and many signals at once.

The trader's own parts run in this process on the devnet, as the app wires them. The floor is a bare script on the
same node: it asks for nonce, fees and gas, signs the same call with eth-account, writes down durably what it has
signed, and sends it.
"""

import itertools
import os
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import Any

import aiohttp
import anyio
from eth_account import Account

from tests.bench.bench_journal import BUILD, bare_journal, insert_bare
from tests.bench.bench_watch import Rig, rig
from tests.bench.figure import Figure, at_least
from tests.fakes.ledger import FakeLedger, FakeSigner
from tests.fakes.trade_market import REFERENCE, FakeMarket
from ultrad.adapters.chain import reverts
from ultrad.adapters.chain.account import Traded
from ultrad.adapters.chain.ledger import RpcLedger
from ultrad.adapters.chain.rpc import HttpRpc
from ultrad.adapters.chain.settings import EndpointSettings
from ultrad.adapters.chain.trade_market import TradeMarket
from ultrad.adapters.host import HostClock
from ultrad.adapters.signer import KeySigner
from ultrad.conditions import Conditions
from ultrad.core.intents import Blotter, Stage
from ultrad.core.signals import Action, Signal, Source
from ultrad.core.trade_limits import TradeLimits
from ultrad.devnet.build import ensure_built
from ultrad.devnet.devnet import Devnet
from ultrad.devnet.reference import CHAIN_ID, REFERENCE_KEY
from ultrad.ports import Clock, Journal
from ultrad.trade_ports import Call, Ledger, Market, Signer
from ultrad.trader import Trader, TraderPorts, TradeSettings
from ultrad.units import USD, Bps, UsdE8

ROUNDS = 40
WARM_UP = 4
GOAL_SEND = 1.5
SIGNALS = 1_000
TOGETHER = 100
"""As many as may wait at once."""
ROWS = 3
"""Proposed, admitted, and its end."""
LEAST_JUDGED = 200
GOAL_MANY = 0.7
CONFIRMATIONS = 1
LIMITS = TradeLimits(
    trade_e8=UsdE8(2 * USD),
    min_trade_e8=UsdE8(USD),
    cooldown_ms=0,
    repeats=10**6,
    burst=10**6,
    run=10**6,
    max_day_bps=Bps(10**6),
)
"""Here nothing but the chain is to hold a signal up; every rule is asked all the same."""
OUTSIDE = ("market.quote", "market.simulate", "ledger.fees", "ledger.nonces", "ledger.send", "signer.sign")
_numbers = itertools.count(1)


def run() -> list[Figure]:
    """All figures of trading."""
    devnet = Devnet.start(ensure_built(lambda _: None))
    BUILD.mkdir(exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(dir=BUILD) as folder:
            at = Path(folder)
            (at / "send").mkdir()
            figures = anyio.run(_to_the_mempool, devnet, at / "send")
            return figures + anyio.run(_many, devnet, at)
    finally:
        devnet.stop()


# ---------------------------------------------------------------- from a signal to the mempool


@dataclass
class Pieces:
    """How long each call took, in milliseconds, and when the last transaction was taken by the node."""

    took_ms: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    sent_s: float = 0.0


class Timed:
    """A port whose every call is timed."""

    def __init__(self, inner: Any, name: str, pieces: Pieces) -> None:
        self._inner, self._name, self._pieces = inner, name, pieces

    def __getattr__(self, attribute: str) -> Any:
        found = getattr(self._inner, attribute)
        name = f"{self._name}.{attribute}"
        if name not in {*OUTSIDE, "journal.append"}:
            return found

        async def call(*args: Any) -> Any:
            begun_s = time.perf_counter()
            try:
                return await found(*args)
            finally:
                ended_s = time.perf_counter()
                self._pieces.took_ms[name].append((ended_s - begun_s) * 1_000)
                if name == "ledger.send":
                    self._pieces.sent_s = ended_s

        return call


def _signal(clock: Clock, action: Action = Action.SELL) -> Signal:
    now = clock.now()
    return Signal(Source.HTTP, f"s{next(_numbers)}", action, Decimal(80), "a figure", now.wall_ms, now)


@dataclass(frozen=True)
class World:
    """What the trader has to do with, beside the watch."""

    journal: Journal
    market: Market
    ledger: Ledger
    signer: Signer


def _trader(parts: Rig, clock: Clock, world: World, *, dry_run: bool) -> Trader:
    ports = TraderPorts(
        journal=world.journal,
        clock=clock,
        gate=parts.gate,
        estop=parts.estop,
        conditions=Conditions(parts.journal),
        market=world.market,
        ledger=world.ledger,
        signer=world.signer,
        bot=None,
        fraction=lambda: 0.5,
    )
    return Trader(ports, TradeSettings("main", LIMITS, CHAIN_ID, dry_run=dry_run), Blotter())


@asynccontextmanager
async def _sender(devnet: Devnet) -> AsyncIterator[HttpRpc]:
    async with HttpRpc(EndpointSettings("send", devnet.url_http, None), 10.0, 1_000_000) as sender:
        yield sender


async def _to_the_mempool(devnet: Devnet, at: Path) -> list[Figure]:
    account, asset = devnet.addresses.account, devnet.addresses.token("WETH")
    devnet.rpc("evm_setAutomine", False)
    pieces, ours_ms, floor_ms = Pieces(), [], []
    async with rig(devnet, (("main", account),), at) as parts, _sender(devnet) as sender:
        clock = HostClock(at / "trader-clock.json", None)
        market = TradeMarket(parts.chain, Traded(account, asset, ()))
        ledger = RpcLedger(
            account,
            CONFIRMATIONS,
            lambda question, _without: parts.chain.ask(lambda endpoint, block, _book: question(endpoint, block)),
            sender,
            reverts.verdict,
        )
        trader = _trader(
            parts,
            clock,
            World(
                Timed(parts.journal, "journal", pieces),
                Timed(market, "market", pieces),
                Timed(ledger, "ledger", pieces),
                Timed(KeySigner.from_key(REFERENCE_KEY), "signer", pieces),
            ),
            dry_run=False,
        )
        async with aiohttp.ClientSession() as session, anyio.create_task_group() as group:
            await _mined(devnet, parts)
            await parts.watch.round()  # the gate is held until the first good reading
            group.start_soon(trader.run, lambda: None)
            for number in range(ROUNDS + WARM_UP):
                if number == WARM_UP:
                    pieces.took_ms.clear()
                elapsed_ms = await _send_ours(devnet, parts, trader, clock, pieces)
                amount = trader.blotter.intents[-1].amount
                bare_ms = await _send_bare(devnet, session, market.withdraw(amount), at / "record")
                await _mined(devnet, parts)
                if number >= WARM_UP:
                    ours_ms.append(elapsed_ms)
                    floor_ms.append(bare_ms)
            group.cancel_scope.cancel()
    devnet.rpc("evm_setAutomine", True)
    return _pieces(pieces, ours_ms, floor_ms)


async def _send_ours(devnet: Devnet, parts: Rig, trader: Trader, clock: Clock, pieces: Pieces) -> float:
    """Milliseconds from a signal's being accepted to its transaction's being taken; it is settled afterwards."""
    pieces.sent_s = 0.0
    intent = await trader.propose(_signal(clock))
    accepted_s = time.perf_counter()
    with anyio.fail_after(30):
        while not pieces.sent_s:
            await anyio.sleep(0.001)
            assert intent.id in {one.id for one in trader.blotter.open()}, trader.blotter.intents[-1]
        pending, latest = (
            int(devnet.rpc("eth_getTransactionCount", devnet.addresses.account, which), 16)
            for which in ("pending", "latest")
        )
        assert pending == latest + 1
        while (found := trader.blotter.get(intent.id)) is not None and found.is_open:
            await _mined(devnet, parts)
            trader._wake.set()  # a look a second is for people
            await anyio.sleep(0.01)
    assert found is not None
    assert found.stage.value == "settled", found
    return (pieces.sent_s - accepted_s) * 1_000


async def _mined(devnet: Devnet, parts: Rig) -> None:
    """Two blocks, and the head as the chain's reader has it."""
    number = await anyio.to_thread.run_sync(devnet.mine, CONFIRMATIONS + 1)
    with anyio.fail_after(30):
        while (await parts.chain.next_head()).number < number:
            pass


async def _send_bare(devnet: Devnet, session: aiohttp.ClientSession, call: Call, record: Path) -> float:
    """Milliseconds of the least there is to do."""
    to, data = call.to, call.data
    account = devnet.addresses.account

    async def ask(method: str, *params: object) -> Any:
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        async with session.post(devnet.url_http, json=body) as answer:
            return (await answer.json())["result"]

    begun_s = time.perf_counter()
    nonce = int(await ask("eth_getTransactionCount", account, "pending"), 16)
    fees = await ask("eth_feeHistory", "0x1", "latest", [50])
    gas = int(await ask("eth_estimateGas", {"from": account, "to": to, "data": "0x" + data.hex()}), 16)
    signed = Account.from_key(REFERENCE_KEY).sign_transaction(
        {
            "type": 2,
            "chainId": CHAIN_ID,
            "nonce": nonce,
            "to": to,
            "value": 0,
            "data": data,
            "gas": gas * 5 // 4,
            "maxFeePerGas": 2 * int(fees["baseFeePerGas"][-1], 16) + 10**9,
            "maxPriorityFeePerGas": 10**9,
        }
    )
    with record.open("ab") as file:  # what was never written down cannot be settled after a crash
        file.write(signed.raw_transaction)
        file.flush()
        os.fsync(file.fileno())
    assert await ask("eth_sendRawTransaction", "0x" + bytes(signed.raw_transaction).hex())
    return (time.perf_counter() - begun_s) * 1_000


def _pieces(pieces: Pieces, ours_ms: list[float], floor_ms: list[float]) -> list[Figure]:
    """The whole, less what the simulation takes, against the floor; and of what it is made."""
    took = {name: sum(values) / ROUNDS for name, values in sorted(pieces.took_ms.items())}
    for name, each_ms in took.items():
        print(f"         piece {name:39s} {each_ms:10.3f} ms")
    value, floor, simulated = median(ours_ms), median(floor_ms), median(pieces.took_ms["market.simulate"])
    most = GOAL_SEND * floor + simulated
    whole = Figure(
        name="signal accepted -> in the mempool",
        unit="ms",
        value=round(value, 3),
        floor=round(floor, 3),
        ratio=round(value / floor, 2),
        goal=f"<= {GOAL_SEND} x floor + simulation ({simulated:.1f} ms)",
        met=value <= most,
    )
    return [whole]


# ---------------------------------------------------------------- many signals


async def _many(devnet: Devnet, at: Path) -> list[Figure]:
    """So many signals that wait, each judged by every rule; and each taken in, judged and ended in the journal.

    The chain is one in memory: what is measured is ours. The floor writes as many rows, each with its commit.
    """
    (at / "many").mkdir()
    async with rig(devnet, (("main", devnet.addresses.account),), at / "many") as parts:
        clock = HostClock(at / "many-clock.json", None)
        market = FakeMarket(clock, replace(REFERENCE, wallet=10**18))
        ledger = FakeLedger(clock, market)
        await _mined(devnet, parts)
        await parts.watch.round()
        trader = _trader(parts, clock, World(parts.journal, market, ledger, FakeSigner()), dry_run=True)
        begun_s = time.perf_counter()
        for _ in range(SIGNALS // TOGETHER):
            async with anyio.create_task_group() as group:
                for _ in range(TOGETHER):
                    group.start_soon(trader.propose, _signal(clock, Action.BUY))
        judged_s = await _judged(trader)
        while trader.blotter.open():
            await trader.turn()
        took_s = time.perf_counter() - begun_s - judged_s
        ends = Counter(one.stage for one in trader.blotter.intents)
        assert ends == {Stage.REHEARSED: SIGNALS}, ends
    with closing(bare_journal(at / "floor.db")) as bare:
        floor_s = sum(insert_bare(bare, number) for number in range(ROWS * SIGNALS)) / 1_000
    return [
        at_least(f"{SIGNALS} signals waiting: judged", "1/s", SIGNALS / judged_s, LEAST_JUDGED),
        Figure(
            name=f"{SIGNALS} signals through the journal to an end",
            unit="1/s",
            value=round(SIGNALS / took_s, 1),
            floor=round(SIGNALS / floor_s, 1),
            ratio=round(floor_s / took_s, 2),
            goal=f">= {GOAL_MANY} x floor",
            met=floor_s / took_s >= GOAL_MANY,
        ),
    ]


async def _judged(trader: Trader) -> float:
    """Seconds for asking every rule of every signal that waits; nothing is recorded of it."""
    judge, blotter, clock = trader._judge, trader.blotter, trader._ports.clock
    begun_s = time.perf_counter()
    for intent in blotter.open():
        now = clock.now()
        await judge.watch_for_madness(intent, blotter, now)
        before = judge.before_reading(intent, blotter, now)
        found = await judge.with_figures(intent, blotter, before, now)
        assert not found.refusals, found.refusals
    return time.perf_counter() - begun_s
