"""The whole daemon with something to trade: a market, an account, rows and a bot that a test drives."""

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cache

import anyio

from tests.fakes.bot import FakeBot
from tests.fakes.ledger import FakeLedger, FakeSigner
from tests.fakes.rows import FakeRows
from tests.fakes.trade_market import REFERENCE, WETH, FakeMarket
from tests.sim.setting import configured
from tests.sim.world import World, world
from ultrad.config import Config
from ultrad.core.decisions import Decision
from ultrad.core.intents import Blotter, Intent
from ultrad.core.signals import Action, Source
from ultrad.operations import SignalAnswer
from ultrad.outside import TradeOutside
from ultrad.ports import Clock

TRADE = f'[trade]\nposition = "main"\nasset = "{WETH}"\ntrade_usd = 50\n'
NOTION = f'[notion]\ntoken = "alpha"\ndatabase = "{"0" * 32}"\n'


@cache
def trading_config(*, dry_run: bool = False, more: str = NOTION) -> Config:
    """Trading is configured. A key needs files, which fakes have not: a real run is switched on afterwards."""
    config = configured(more=TRADE + more)
    assert config.trade is not None
    return replace(config, trade=replace(config.trade, dry_run=dry_run))


@dataclass
class Bench:
    """What a test drives."""

    made: World
    market: FakeMarket
    ledger: FakeLedger
    rows: FakeRows
    bot: FakeBot | None
    numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    async def send(self, action: Action = Action.BUY, signal_id: str = "") -> SignalAnswer:
        """A signal over HTTP, made this moment."""
        decision = Decision(
            Source.HTTP,
            signal_id or f"s{next(self.numbers)}",
            action,
            Decimal(80),
            "",
            self.made.clock.now().wall_ms,
        )
        return await self.made.life.assembly.daemon.signal(decision)

    def intent(self, intent_id: str) -> Intent:
        trader = self.made.life.assembly.trader
        assert trader is not None
        found = trader.blotter.get(intent_id)
        assert found is not None
        return found

    def forget(self) -> None:
        """As after a day: what has ended stands in the journal alone."""
        trader = self.made.life.assembly.trader
        assert trader is not None
        trader._book.blotter = Blotter(trader.blotter.open())

    async def ends(self, intent_id: str, within_s: float = 120) -> Intent:
        """Mine until it has ended."""
        with anyio.fail_after(within_s):
            while self.intent(intent_id).is_open:
                await anyio.sleep(2)
                self.ledger.mine()
        return self.intent(intent_id)

    async def minutes(self, count: int = 1) -> None:
        """So many runs of the jobs, with blocks in between."""
        for _ in range(count * 30):
            await anyio.sleep(2)
            self.ledger.mine()


@asynccontextmanager
async def bench(
    config: Config | None = None,
    bot: FakeBot | None = None,
    before: Callable[[World], Awaitable[None]] | None = None,
    ledger: Callable[[Clock, FakeMarket], FakeLedger] = FakeLedger,
) -> AsyncIterator[Bench]:
    """The daemon, ready to trade. before: what the disk holds already. ledger: the chain."""
    made: list[Bench] = []

    def prepare(one: World) -> None:
        market = FakeMarket(one.clock, replace(REFERENCE, wallet=10**18))
        chain, rows = ledger(one.clock, market), FakeRows(one.clock)
        one.means = TradeOutside(market, chain, FakeSigner(), bot, rows)
        made.append(Bench(one, market, chain, rows, bot))

    async with world(config or trading_config(), prepare=prepare) as one:
        if before is not None:
            await one.crash()
            await before(one)
            await one.start()
        await anyio.sleep(20)  # the first readings are there, and nothing stands against trading
        yield made[0]
