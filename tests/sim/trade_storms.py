"""What can happen to a daemon that trades on a wild chain, as steps that Hypothesis draws; and what must hold."""

import itertools
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import anyio
from hypothesis import strategies as st

from tests.fakes.wild_ledger import FOREIGN, about_of, nonce_of
from tests.sim.settling import GWEI, Wild
from tests.sim.storms import PATIENCE_S
from tests.sim.trading import NOTION, trading_config
from tests.sim.world import TARO
from ultrad.config import Config
from ultrad.core.estop import Mode
from ultrad.core.events import Recorded
from ultrad.core.intent_steps import Purpose
from ultrad.core.intents import fold
from ultrad.core.signals import Action
from ultrad.errors import Permanent, Transient

COOLDOWN_S = 60
DAY_E8 = 165 * 10**8
"""1 % of the funds that the account has at first; they only move from the wallet to the pool and back."""
DOUBT_MS = 40_000
"""So long a node may lag or lie: shorter than what makes a suspicion firm."""
TRADES = frozenset({"supply", "withdraw"})
SETTLE_S = 900.0
"""Once the chain is well: a suspended look, dear gas that is waited for, two steps with their confirmations."""
Step = tuple[str, Any]


def storm_config() -> Config:
    """A short pause, and a day's limit that three trades reach."""
    more = (
        "cooldown_minutes = 1\nmax_trade_pct = 1\nmax_day_pct = 1\nrun = 50\nburst = 100\nrepeats_per_hour = 20\n"
    )
    return trading_config(more=more + NOTION)


@dataclass
class Watcher:
    """Looks at each send as it comes to the chain."""

    there: Wild
    broken: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.there.ledger.on_send = self.see

    def see(self, raw: bytes) -> None:
        made = self.there.bench.made
        life = made.life
        if about_of(raw) != "cancel":
            if life.mode is Mode.ON or life.flag.present:
                self.broken.append(f"{raw!r} was sent while the stop is ON")
            if life.ended.is_set():
                self.broken.append(f"{raw!r} was sent by a life that is over")
        if raw.hex() not in self.signed():
            self.broken.append(f"{raw!r} was sent and is not in the journal")

    def signed(self) -> dict[str, Recorded]:
        """Every signature that the journal holds, by its raw bytes."""
        recorded = self.there.bench.made.life.journal.recorded
        return {str(one.event.data["raw"]): one for one in recorded if one.event.kind == "intent.signed"}

    # ------------------------------------------------------------ what must hold

    def check(self) -> None:
        """After each step."""
        assert self.broken == []
        there, made = self.there, self.there.bench.made
        blotter = made.life.assembly.trader.blotter if made.life.assembly.trader else None
        assert blotter is not None
        assert sum(one.is_flying for one in blotter.intents) <= 1
        assert set(there.causes()) <= {"flag", "operator", "gas_errors", "signal_run"}
        in_the_air = {nonce_of(raw) for raw in there.ledger.raws if nonce_of(raw) >= there.ledger.next_nonce}
        assert len(in_the_air) <= 1
        self._check_nonces()
        self._check_chain()
        self._check_memory()

    def _check_nonces(self) -> None:
        """A nonce belongs to one step for ever, and no intent trades with two of them."""
        owners: dict[int, set[str]] = {}
        trades: dict[str, set[int]] = {}
        for one in self.signed().values():
            intent, nonce = str(one.event.data["intent"]), int(str(one.event.data["nonce"]))
            owners.setdefault(nonce, set()).add(intent)
            if one.event.data["about"] in TRADES:
                trades.setdefault(intent, set()).add(nonce)
        assert [nonce for nonce, intents in owners.items() if len(intents) > 1] == []
        assert [intent for intent, nonces in trades.items() if len(nonces) > 1] == []

    def _check_chain(self) -> None:
        """What really was mined: each intent once, never too soon after the last, never more than a day allows."""
        signed = self.signed()
        blocks = [one for one in self.there.ledger.blocks if one.raw not in {None, FOREIGN} and one.ok]
        traded = [one for one in blocks if about_of(one.raw or b"") in TRADES]
        intents = Counter(str(signed[(one.raw or b"").hex()].event.data["intent"]) for one in traded)
        assert [intent for intent, times in intents.items() if times > 1] == []
        at_ms = [one.at_ms for one in traded]
        gaps = [after - before for before, after in itertools.pairwise(at_ms)]
        assert all(gap >= COOLDOWN_S * 1_000 for gap in gaps), gaps
        blotter = fold(self._events())
        used = sum(one.value_e8 for one in blotter.intents if intents[one.id])
        assert used <= DAY_E8

    def _events(self) -> list[Recorded]:
        recorded = self.there.bench.made.life.journal.recorded
        return [one for one in recorded if one.event.kind.startswith("intent.")]

    def _check_memory(self) -> None:
        trader = self.there.bench.made.life.assembly.trader
        assert trader is not None
        events = self._events()
        # The newest event may be on the disk, and on its way to the memory.
        assert trader.blotter in (fold(events), fold(events[:-1]))

    async def settled(self) -> None:
        """Once the chain is well, every intent ends, by what the chain says."""
        ledger, trader = self.there.ledger, self.there.bench.made.life.assembly.trader
        ledger.heal()
        assert trader is not None
        with anyio.move_on_after(SETTLE_S):
            while trader.blotter.open():
                await anyio.sleep(2)
                ledger.mine()
        self.check()
        assert [one.id for one in trader.blotter.open()] == []
        raws = {raw.hex() for raw in ledger.canonical()}
        for one in trader.blotter.intents:
            for step in one.steps:
                assert step.confirmed
                assert step.mined is not None
                version = step.version(step.mined.hash)
                assert version is not None
                assert version.raw in raws
        self._check_fees()

    def _check_fees(self) -> None:
        for one in fold(self._events()).intents:
            for step in one.steps:
                for before, after in itertools.pairwise(step.versions):
                    assert after.max_fee_wei * 8 >= before.max_fee_wei * 9
                    assert after.tip_wei * 8 >= before.tip_wei * 9
                own = [one.max_fee_wei for one in step.versions if one.purpose is Purpose.OWN]
                assert max(own) <= 100 * GWEI


# ---------------------------------------------------------------- what can happen


async def signal(there: Wild, action: Action) -> None:
    with anyio.move_on_after(PATIENCE_S):
        try:
            await there.bench.send(action)
        except Transient:
            return  # its part is just being started


async def wait(_: Wild, span_s: float) -> None:
    await anyio.sleep(span_s)


async def blocks(there: Wild, arg: tuple[int, float]) -> None:
    count, pause_s = arg
    for _ in range(count):
        there.ledger.mine()
        await anyio.sleep(pause_s)


async def version(there: Wild, place: int) -> None:
    there.ledger.mine_version(place)


async def reorg(there: Wild, arg: tuple[int, bool]) -> None:
    depth, forget = arg
    there.ledger.reorg(min(depth, there.ledger.depth), forget=forget)


async def sends(there: Wild, mode: str) -> None:
    there.ledger.script.append(mode)


async def reads(there: Wild, mode: str) -> None:
    there.ledger.reads = mode


async def doubt(there: Wild, arg: tuple[str, int]) -> None:
    """A node that lags or lies for a while.

    Not of a nonce that is not due yet, which cannot be undone: the adapter asks two endpoints for it.
    """
    name, value = arg
    setattr(there.ledger, name, bool(value) if name == "blind" else value)
    there.ledger.well_ms = there.bench.made.clock.now().steady_ms + DOUBT_MS


async def gas(there: Wild, gwei: int) -> None:
    there.ledger.base_wei = gwei * GWEI


async def stop(there: Wild, how: str) -> None:
    made = there.bench.made
    if how == "rm":
        made.rm()
        return
    if how == "touch":
        made.touch()
        return
    with anyio.move_on_after(PATIENCE_S):
        try:
            await made.resolve(TARO)
            await made.resume(TARO, waive=("low_readings", "value_change", "probes", "jobs"))
        except (Transient, Permanent):
            return  # its part is just being started


async def again(there: Wild, arg: tuple[str, float]) -> None:
    how, down_s = arg
    made = there.bench.made
    await (made.stop() if how == "stop" else made.crash())
    await anyio.sleep(down_s)
    await made.start()


DO: dict[str, Callable[[Wild, Any], Awaitable[None]]] = {
    "signal": signal,
    "wait": wait,
    "blocks": blocks,
    "version": version,
    "reorg": reorg,
    "sends": sends,
    "reads": reads,
    "doubt": doubt,
    "gas": gas,
    "stop": stop,
    "again": again,
}


async def act(watcher: Watcher, step: Step) -> None:
    await DO[step[0]](watcher.there, step[1])
    watcher.check()
    made = watcher.there.bench.made
    assert [one for one in made.reported if one[0] != "closing"] == []
    assert made.life.fatal is None


def step(name: str, *args: object) -> st.SearchStrategy[Step]:
    return st.sampled_from([(name, arg) for arg in args])


STORM = st.lists(
    step("signal", Action.BUY, Action.SELL, Action.BUY, Action.SELL, Action.HOLD)
    | step("wait", 0.2, 2.0, 10.0, 40.0, 100.0)
    | step("blocks", (1, 0.0), (1, 2.0), (3, 2.0), (5, 4.0))
    | step("version", 0, 1, 2)
    | step("reorg", (1, False), (2, False), (2, True))
    | step("sends", "cut", "lost", "drop", "down", "hang", "hang after", "throttled", "gas")
    | step("reads", "ok", "ok", "down", "hang", "throttled")
    | step(
        "doubt",
        ("lag", 1),
        ("lag", 10),
        ("deep_lie", 1),
        ("lie", -1),
        ("blind", 1),
        ("foreign", 1),
    )
    | step("gas", 1, 1, 80, 150)
    | step("stop", "touch", "rm", "resume", "resume")
    | step("again", ("stop", 0.1), ("crash", 0.1), ("crash", 30.0)),
    min_size=4,
    max_size=30,
)
