"""The watch and the stop at work in virtual time, on fakes that a test can break."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio

from tests.fakes.chain import Account, FakeChain
from tests.fakes.clock import FakeClock
from tests.fakes.flag import FakeFlag
from tests.fakes.journal import FakeJournal
from ultrad.conditions import Conditions
from ultrad.core.estop import EstopState, Mode, fold
from ultrad.core.events import Finding
from ultrad.core.limits import EstopRules, Limits
from ultrad.estop import Estop, Ports
from ultrad.gate import Gate, GateShutError
from ultrad.live import Holder
from ultrad.ports import EndpointFault, EventFilter
from ultrad.watchdog import MarketWatch, ReadingAge, Watchdog, WatchPorts, WatchSettings

BLOCK_S = 5.0
STALE_S = 60
SOON_S = 0.01
"""Long enough for everything that waits for nothing."""
NEVER_CHECKED = 10**9


def account(hf: str, *, net: int = 14_000) -> Account:
    """A position of that health factor (to four digits) at 11,000 of debt, whatever its net value."""
    collateral = (net + 11_000) * 10**8
    threshold = round(float(hf) * 11_000 * 10_000 / (net + 11_000))
    return Account(collateral, 11_000 * 10**8, threshold)


GOOD, NEAR, BAD = account("2.0"), account("1.7"), account("1.5")


@dataclass
class Life:
    """The daemon's own parts, from one start to its end."""

    gate: Gate
    estop: Estop
    watch: Watchdog
    market: MarketWatch
    age: ReadingAge
    conditions: Conditions
    turns: dict[str, int] = field(default_factory=dict)

    def mode(self) -> Mode:
        return self.estop.state.mode

    @property
    def causes(self) -> list[str]:
        return [cause.code for cause in self.estop.state.causes]

    def is_open(self) -> bool:
        try:
            self.gate.check()
        except GateShutError:
            return False
        return True

    def told(self) -> dict[str, Finding]:
        return {one.finding.code: one.finding for one in self.conditions.standing()}


class World:
    """What outlives a start: the chain, the disk and the clock."""

    def __init__(
        self,
        *endpoints: str,
        rules: EstopRules | None = None,
        limits: Limits | None = None,
        crosscheck_blocks: int = NEVER_CHECKED,
    ) -> None:
        self.clock = FakeClock()
        self.chain = FakeChain(self.clock, endpoints or ("alpha",))
        self.chain.set("main", GOOD)
        self.flag = FakeFlag()
        self.journal = FakeJournal()
        self.settings = Holder(
            WatchSettings(limits or Limits(), rules or EstopRules(), 15.0, crosscheck_blocks, 3, 60, 15.0)
        )

    async def kinds(self, prefix: str = "estop") -> list[str]:
        return [one.event.kind for one in await self.journal.events(EventFilter(kinds=(prefix,), limit=10_000))]

    async def block(self, main: Account | None = None) -> None:
        """A block, and time for what follows from it at once."""
        if main is not None:
            self.chain.set("main", main)
        self.chain.mine()
        await anyio.sleep(SOON_S)

    async def pass_s(self, seconds: float) -> None:
        """So long, with blocks."""
        end_s = anyio.current_time() + seconds
        while (left_s := end_s - anyio.current_time()) > 0:
            await anyio.sleep(min(BLOCK_S, left_s))
            await self.block()

    def fail(self, fault: EndpointFault | None = EndpointFault.FAILED) -> None:
        """Every endpoint has that fault."""
        for node in self.chain._nodes:
            node.fault = fault

    async def recorded(self) -> EstopState:
        """What a restart at this moment would begin from."""
        return fold(await self.journal.events(EventFilter(kinds=("estop",), limit=10_000)))

    async def trip(self, age_s: float = 61) -> None:
        """The position turns bad, and stays so for that long."""
        await self.block(BAD)
        await self.pass_s(age_s)

    async def remove_flag(self) -> None:
        """Somebody removes the flag, and the daemon has had time to look."""
        self.flag.rm()
        await anyio.sleep(1.1)

    async def make(self) -> Life:
        state = await self.recorded()
        gate, conditions = Gate(self.flag), Conditions(self.journal)
        name_of = {1000: "hanako"}.get
        ports = Ports(gate, self.flag, self.journal, self.clock, conditions, lambda uid: name_of(uid, str(uid)))
        estop = Estop(ports, self.settings.part(lambda now: now.rules), state)
        watch = Watchdog(WatchPorts(self.chain, estop, gate, self.journal, self.clock, conditions), self.settings)
        market = MarketWatch(self.chain, estop, self.clock, conditions, self.settings)
        age = ReadingAge(lambda: watch.batch_at, gate, self.clock, conditions, limit_s=STALE_S)
        return Life(gate, estop, watch, market, age, conditions)

    @asynccontextmanager
    async def life(self) -> AsyncIterator[Life]:
        """From a start to a sudden end. The first block is good unless the test has said otherwise."""
        life = await self.make()
        async with anyio.create_task_group() as group:
            group.start_soon(self.journal.run, _ignore)
            await life.estop.start(())
            for name, loop in (
                ("estop", life.estop.run),
                ("age", life.age.run),
                ("watch", life.watch.run),
                ("crosscheck", life.watch.run_crosscheck),
                ("history", life.watch.run_history),
                ("market", life.market.run),
            ):

                def turned(name: str = name) -> None:
                    life.turns[name] = life.turns.get(name, 0) + 1

                group.start_soon(loop, turned)
            try:
                await self.block()
                yield life
            finally:
                self.journal.recover()
                group.cancel_scope.cancel()


def assert_stopped(life: Life, world: World, *causes: str) -> None:
    assert life.mode() is Mode.ON
    assert life.causes == list(causes)
    assert world.flag.present
    assert not life.is_open()


def assert_open(life: Life) -> None:
    assert life.mode() is Mode.OFF
    assert life.gate.shut_by() == ()


def _ignore() -> None:
    pass
