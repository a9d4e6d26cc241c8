"""The part that looks after the account, at work on a devnet."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import cast

import pytest

from tests.adapters.chain.trade_world import ChainClock
from tests.fakes.clock import FakeClock
from tests.fakes.flag import FakeFlag
from tests.sim.memory import MemorySink
from ultrad.adapters.chain.book import BookFile
from ultrad.adapters.chain.history import RpcHistory
from ultrad.adapters.chain.pool import RpcChain
from ultrad.adapters.chain.settings import ChainSettings, EndpointSettings
from ultrad.core import account_book
from ultrad.core.estop import EstopState, Mode
from ultrad.core.events import Event, Recorded
from ultrad.core.intent_steps import Purpose, Step, Version
from ultrad.core.intents import Blotter, Intent
from ultrad.core.limits import EstopRules
from ultrad.core.signals import Action, Signal, Source
from ultrad.devnet.devnet import Devnet
from ultrad.estop import Estop, Ports
from ultrad.gate import Gate
from ultrad.live import Holder
from ultrad.ports import Journal
from ultrad.units import Now
from ultrad.watchdog import AccountPorts, AccountWatch

STRANGER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
DEPTH = 3
ETHER = 10**18
DOLLAR = 10**8


@dataclass
class Record:
    """A journal that takes everything at once."""

    events: list[Event] = field(default_factory=list)

    async def append(self, *events: Event) -> tuple[Recorded, ...]:
        self.post(*events)
        return ()

    def post(self, *events: Event) -> None:
        self.events.extend(events)

    def kinds(self) -> list[str]:
        return [one.kind for one in self.events]

    def read(self) -> account_book.AccountBook:
        return account_book.fold(Recorded(at, "", one) for at, one in enumerate(self.events))


def intent_of(now: Now, *sent: tuple[int, str]) -> Intent:
    """An intent whose transactions are these: (nonce, hash)."""
    signal = Signal(Source.OPERATOR, "s-1", Action.BUY, Decimal(80), "a test", now.wall_ms, now)
    steps = tuple(
        Step("supply", nonce, (Version(tx, "", Purpose.OWN, 1, 1, now),), confirmed=True) for nonce, tx in sent
    )
    return Intent(signal.key, signal, now, steps=steps)


@dataclass
class Rig:
    """The daemon's part that looks after the account, on a devnet; started anew by `restart`."""

    devnet: Devnet
    chain: RpcChain
    clock: FakeClock
    record: Record = field(default_factory=Record)
    sink: MemorySink = field(default_factory=MemorySink)
    own: list[tuple[int, str]] = field(default_factory=list)

    def restart(self) -> None:
        flag = FakeFlag()
        self.gate = Gate(flag)
        self.gate.unlatch()
        ports = Ports(self.gate, flag, cast("Journal", self.record), self.clock, self.sink, str)
        self.estop = Estop(ports, Holder(EstopRules()), EstopState())
        self.ids = iter(range(100, 200))
        self.watch = AccountWatch(
            AccountPorts(
                history=RpcHistory(self.chain, self.devnet.addresses.account, DEPTH),
                gate=self.gate,
                estop=self.estop,
                journal=cast("Journal", self.record),
                clock=self.clock,
                sink=self.sink,
                blotter=lambda: Blotter((intent_of(self.clock.now(), *self.own),)),
                new_id=lambda: f"e-{next(self.ids)}",
            ),
            "main",
            self.record.read(),
        )

    @property
    def account(self) -> str:
        return self.devnet.addresses.account

    @property
    def pool(self) -> str:
        return self.devnet.addresses.pool

    def token(self, symbol: str) -> str:
        return self.devnet.addresses.token(symbol)

    async def look(self) -> None:
        """One look at the newest block."""
        for endpoint in self.chain._endpoints:
            await endpoint.poll()
        await self.watch.turn()

    def nonce(self) -> int:
        return int(self.devnet.rpc("eth_getTransactionCount", self.account, "latest"), 16)

    def by(self, sender: str, target: str, signature: str, *args: str | int) -> str:
        """Mine a call; its hash."""
        self.devnet.fund(sender)
        return str(self.devnet.call(target, signature, *args, sender=sender)["transactionHash"])

    def tripped(self) -> str:
        """What the stop says; empty while it is OFF."""
        if self.estop.state.mode is Mode.OFF:
            return ""
        (cause,) = self.estop.state.causes
        assert cause.code == "intrusion"
        return str(cause.message)


@asynccontextmanager
async def rig_on(devnet: Devnet, tmp_path: Path) -> AsyncIterator[Rig]:
    settings = ChainSettings(
        chain_id=31337,
        addresses_provider=devnet.addresses.addresses_provider,
        positions=(("main", devnet.addresses.account),),
        stale_head_s=10**9,
    )
    chain = RpcChain(
        settings,
        [EndpointSettings(name, devnet.url_http) for name in ("alpha", "beta")],
        clock=FakeClock(),
        pauses=lambda _: 0.05,
        book_file=BookFile(tmp_path / "book.json", settings.chain_id, settings.addresses_provider),
        tell=lambda message: pytest.fail(str(message)),
    )
    clock = FakeClock()
    head = devnet.rpc("eth_getBlockByNumber", "latest", False)
    clock.now()
    async with chain:
        chain._clock = ChainClock(devnet)
        await chain.read()
        rig = Rig(devnet, chain, clock)
        rig.restart()
        assert int(head["number"], 16) > DEPTH
        await rig.look()
        assert rig.record.kinds() == [account_book.EXPLAINED]
        yield rig
