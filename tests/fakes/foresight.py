"""Positions in detail, and a flag for drills, that a test drives."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import anyio

from tests.fakes.flag import FakeFlag
from tests.fakes.trade_market import REFERENCE, REVISION
from ultrad.core.outlook import Accrual, Situation
from ultrad.core.pool import RAY, Holding
from ultrad.core.position import Block
from ultrad.errors import Transient
from ultrad.i18n import msg
from ultrad.ports import EstopFlag

BLOCK = Block(21_000_000, "0x" + "ab" * 32, 1_772_452_800)
SUPPLY_RATE, DEBT_RATE = RAY // 50, RAY // 20
"""2 % and 5 % a year."""


def situation(
    holdings: tuple[Holding, ...] = REFERENCE.holdings,
    supply_rate: int = SUPPLY_RATE,
    debt_rate: int = DEBT_RATE,
    position: str = "main",
) -> Situation:
    """Holdings that were updated at the block itself. As it is: 10 WETH at $2500 against 11,000 USDC."""
    accruals = tuple(
        Accrual(one.supply_index, supply_rate, one.debt_index, debt_rate, BLOCK.time_s) for one in holdings
    )
    return Situation(position, BLOCK, "alpha", REVISION, True, holdings, accruals)


@dataclass
class FakeSituations:
    """Implements `Situations`. down: no endpoint serves. hangs: none answers. asked: for whom, in order."""

    now: Situation = field(default_factory=situation)
    down: bool = False
    hangs: bool = False
    asked: list[str] = field(default_factory=list)

    async def read(self, position: str) -> Situation:
        self.asked.append(position)
        if self.hangs:
            await anyio.sleep_forever()
        if self.down:
            raise Transient(msg("No endpoint could serve."))
        return replace(self.now, position=position)


@dataclass
class FakeScratch:
    """Makes flags for drills. flag: what the next drill gets, with its faults. refuses: none can be made."""

    flag: FakeFlag = field(default_factory=FakeFlag)
    refuses: bool = False
    made: int = 0
    open: int = 0

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[EstopFlag]:
        if self.refuses:
            raise Transient(msg("{path}: {reason}", path="drill", reason="No space left on device"))
        self.made += 1
        self.open += 1
        try:
            yield self.flag
        finally:
            self.open -= 1
            self.flag.rm()
