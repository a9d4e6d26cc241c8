"""The whole daemon with a position that may be rescued: prices that fall, and blocks that take what is pending."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import anyio

from tests.fakes.chain import Account
from tests.fakes.ledger import FakeLedger, FakeSigner
from tests.fakes.rescue_market import FakeRescueMarket
from tests.fakes.rows import FakeRows
from tests.fakes.trade_market import REFERENCE, REVISION, FakeMarket, State
from tests.sim.trading import Bench, trading_config
from tests.sim.world import World, world
from ultrad.config import Config
from ultrad.core import pool
from ultrad.core.intents import Intent
from ultrad.core.rescue import RescueLimits
from ultrad.core.signals import Source
from ultrad.outside import TradeOutside
from ultrad.units import USD, WAD, UsdE8, Wad

LIMITS = RescueLimits(
    rescue_hf=Wad(13 * WAD // 10),
    target_hf=Wad(15 * WAD // 10),
    step_e8=UsdE8(5_000 * USD),
    hour_e8=UsdE8(10_000 * USD),
    day_e8=UsdE8(20_000 * USD),
    max_fee_wei=300 * 10**9,
)
RICH = replace(REFERENCE, wallet=2 * 10**18, other_wallet=20_000 * 10**6)
FALLEN = 1_640 * USD
"""10 WETH at this price: a health factor of 1.2374."""
PROBE = ("finding.raised", "finding.cleared")


@dataclass
class Ward(Bench):
    """What a test drives."""

    rescue: FakeRescueMarket | None = None

    def fall(self, price_e8: int = FALLEN) -> None:
        """From the next block on."""
        self.market.set_price(price_e8)
        self.show()

    def show(self) -> None:
        """The watch sees what the pool holds."""
        data = pool.account_data(self.market.state.holdings, REVISION)
        self.made.chain.set("main", Account(data.collateral_e8, data.debt_e8, data.threshold_bps))

    async def seconds(self, count: int, *, mine: bool = True) -> None:
        for _ in range(count // 2):
            await anyio.sleep(2)
            if mine:
                self.ledger.mine()
            self.show()

    def hf(self) -> Wad:
        return pool.health_factor(self.market.state.holdings, REVISION)

    def rescues(self) -> tuple[Intent, ...]:
        trader = self.made.life.assembly.trader
        assert trader is not None
        return tuple(one for one in trader.blotter.intents if one.signal.source is Source.RESCUE)

    def raised(self, code: str) -> list[str]:
        return [
            str(one.event.message)
            for one in self.made.recorded("finding.raised")
            if one.event.data["code"] == code
        ]


def rescue_config(limits: RescueLimits | None = LIMITS, *, dry_run: bool = False) -> Config:
    """A key needs files, which fakes have not: rescue is switched on afterwards."""
    return replace(trading_config(dry_run=dry_run), rescue=limits)


@asynccontextmanager
async def ward(
    limits: RescueLimits | None = LIMITS,
    state: State = RICH,
    *,
    dry_run: bool = False,
    before: Callable[[World], Awaitable[None]] | None = None,
) -> AsyncIterator[Ward]:
    """The daemon, with what it needs to rescue."""
    made: list[Ward] = []

    def prepare(one: World) -> None:
        market = FakeMarket(one.clock, state)
        rescue = FakeRescueMarket(market)
        ledger, rows = FakeLedger(one.clock, market), FakeRows(one.clock)
        one.means = TradeOutside(market, ledger, FakeSigner(), None, rows, rescue)
        made.append(Ward(one, market, ledger, rows, None, rescue=rescue))

    async with world(rescue_config(limits, dry_run=dry_run), prepare=prepare) as one:
        if before is not None:
            await before(one)
        made[0].show()
        await anyio.sleep(20)  # the first readings are there
        yield made[0]
        assert one.reported == []
