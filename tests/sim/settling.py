"""The daemon on a wild chain, and what tests of settling ask of it."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio

from tests.fakes.bot import FakeBot
from tests.fakes.wild_ledger import WildLedger, nonce_of
from tests.sim.trading import Bench, bench, trading_config
from ultrad.config import Config
from ultrad.core.intent_steps import Step
from ultrad.core.intents import Intent
from ultrad.core.signals import Action

GWEI = 10**9


@dataclass
class Wild:
    """A bench whose chain may do anything."""

    bench: Bench
    ledger: WildLedger

    async def pending(self, action: Action = Action.SELL) -> str:
        """A signal whose first transaction was handed over, and is not mined; the intent's id."""
        taken = await self.bench.send(action)
        with anyio.fail_after(60):
            while not self.intent(taken.intent).steps:  # noqa: ASYNC110 - it is told to nobody
                await anyio.sleep(0.5)
        await anyio.sleep(0.5)
        return taken.intent

    def intent(self, intent_id: str) -> Intent:
        return self.bench.intent(intent_id)

    def step(self, intent_id: str) -> Step:
        return self.intent(intent_id).steps[-1]

    async def ends(self, intent_id: str, within_s: float = 300) -> Intent:
        """Mine until it has ended."""
        return await self.bench.ends(intent_id, within_s)

    async def blocks(self, count: int) -> None:
        """So many, and time to look at each."""
        for _ in range(count):
            self.ledger.mine()
            await anyio.sleep(2)

    def causes(self) -> tuple[str, ...]:
        return self.bench.made.life.causes

    def nonces(self) -> list[int]:
        """Of everything that was ever handed over, each once."""
        return sorted({nonce_of(raw) for raw in self.ledger.raws})

    def mined_abouts(self) -> list[str]:
        return [str(json.loads(raw)[2]) for raw in self.ledger.canonical() if raw.startswith(b"[")]


@asynccontextmanager
async def wild(config: Config | None = None, bot: FakeBot | None = None) -> AsyncIterator[Wild]:
    async with bench(config or trading_config(), bot, ledger=WildLedger) as made:
        assert isinstance(made.ledger, WildLedger)
        yield Wild(made, made.ledger)
