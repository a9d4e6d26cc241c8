"""What can happen to a daemon that trades on a wild chain, as steps that Hypothesis draws."""

from collections.abc import Awaitable, Callable
from typing import Any

import anyio
from hypothesis import strategies as st

from tests.sim.setting import TARO
from tests.sim.settling import GWEI
from tests.sim.storms import PATIENCE_S, Step, step
from tests.sim.trade_promises import COOLDOWN_S, FRESH_S, Watcher
from tests.sim.trading import NOTION, trading_config
from ultrad.config import Config
from ultrad.core.signals import Action
from ultrad.errors import Permanent, Transient

DOUBT_MS = 40_000
"""So long a node may lag or lie: shorter than what makes a suspicion firm."""
REST_MS = 65_000
"""And so long it then tells the truth: longer than a suspicion lives that nobody repeats."""
NIGHT_S = 2.0 * FRESH_S
"""A daemon that was down for so long finds every signal stale."""


def storm_config() -> Config:
    """Short times, and a day's limit that three trades reach."""
    more = (
        f"cooldown_minutes = {COOLDOWN_S // 60}\nfresh_minutes = {FRESH_S // 60}\nstuck_s = 30\n"
        "max_trade_pct = 1\nmax_day_pct = 1\nrun = 50\nburst = 100\nrepeats_per_hour = 20\n"
    )
    return trading_config(more=more + NOTION)


async def signal(watcher: Watcher, action: Action) -> None:
    with anyio.move_on_after(PATIENCE_S):
        try:
            await watcher.there.bench.send(action)
        except Transient:
            return  # its part is just being started


async def wait(_: Watcher, span_s: float) -> None:
    await anyio.sleep(span_s)


async def blocks(watcher: Watcher, arg: tuple[int, float]) -> None:
    count, pause_s = arg
    for _ in range(count):
        watcher.there.ledger.mine()
        await anyio.sleep(pause_s)


async def trade(watcher: Watcher, arg: tuple[Action, float]) -> None:
    """A signal after the pause that the last one asks for, and time to sign and send."""
    action, after_s = arg
    await blocks(watcher, (5, 13.0))
    await signal(watcher, action)
    await anyio.sleep(after_s)


async def killed(watcher: Watcher, arg: tuple[str, float]) -> None:
    """The first send is met so, and the process ends soon after it."""
    how, down_s = arg
    watcher.there.ledger.script.append(how)
    await trade(watcher, (Action.SELL, 1.5))
    await again(watcher, ("crash", down_s))


async def midway(watcher: Watcher, arg: tuple[str, float]) -> None:
    """Somebody stops it while a slow key signs, or a slow disk takes the record; for a moment, or for good."""
    slow, after_s = arg
    journal = watcher.there.bench.made.life.journal
    watcher.signer.takes_s, journal.slow_s = (1.0, 0.0) if slow == "key" else (0.0, 1.0)
    await trade(watcher, (Action.SELL, after_s))
    await stop(watcher, "touch")
    await anyio.sleep(2.0)
    watcher.signer.takes_s, journal.slow_s = 0.0, 0.0


async def version(watcher: Watcher, place: int) -> None:
    watcher.there.ledger.mine_version(place)


async def reorg(watcher: Watcher, arg: tuple[int, bool]) -> None:
    depth, forget = arg
    watcher.there.ledger.reorg(min(depth, watcher.there.ledger.depth), forget=forget)


async def steal(watcher: Watcher, _: int) -> None:
    watcher.stolen = True
    watcher.there.ledger.steal()


async def sends(watcher: Watcher, mode: str) -> None:
    watcher.there.ledger.script.append(mode)


async def reads(watcher: Watcher, mode: str) -> None:
    watcher.there.ledger.reads = mode


async def doubt(watcher: Watcher, arg: tuple[str, int]) -> None:
    """A node that lags or lies for a while.

    Not of a nonce that is not due yet, which cannot be undone: the adapter asks two endpoints for it.
    """
    (name, value), ledger = arg, watcher.there.ledger
    now_ms = watcher.there.bench.made.clock.now().steady_ms
    if now_ms < watcher.doubt_ends_ms + REST_MS:
        return
    setattr(ledger, name, bool(value) if name == "blind" else value)
    ledger.well_ms = watcher.doubt_ends_ms = now_ms + DOUBT_MS


async def gas(watcher: Watcher, gwei: int) -> None:
    watcher.there.ledger.base_wei = gwei * GWEI


async def stop(watcher: Watcher, how: str) -> None:
    made = watcher.there.bench.made
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


async def again(watcher: Watcher, arg: tuple[str, float]) -> None:
    how, down_s = arg
    made = watcher.there.bench.made
    await (made.stop() if how == "stop" else made.crash())
    await anyio.sleep(down_s)
    await made.start()


DO: dict[str, Callable[[Watcher, Any], Awaitable[None]]] = {
    "signal": signal,
    "trade": trade,
    "killed": killed,
    "midway": midway,
    "wait": wait,
    "blocks": blocks,
    "version": version,
    "reorg": reorg,
    "steal": steal,
    "sends": sends,
    "reads": reads,
    "doubt": doubt,
    "gas": gas,
    "stop": stop,
    "again": again,
}


async def act(watcher: Watcher, one: Step) -> None:
    await DO[one[0]](watcher, one[1])
    watcher.check()
    made = watcher.there.bench.made
    assert [place for place, _ in made.reported if place != "closing"] == []
    assert made.life.fatal is None


BOTH = (Action.BUY, Action.SELL)
TRADE = step("trade", *((action, after_s) for action in BOTH for after_s in (0.2, 2.0, 40.0)))
BLOCKS = step("blocks", (1, 0.0), (1, 2.0), (3, 2.0), (5, 4.0))
WAIT = step("wait", 0.2, 2.0, 10.0, 40.0, 100.0)
WELL = st.lists(
    TRADE
    | TRADE
    | BLOCKS
    | BLOCKS
    | WAIT
    | step("signal", *BOTH, Action.HOLD)
    | step(
        "killed", *((how, down_s) for how in ("ok", "hang", "lost", "drop", "cut") for down_s in (0.1, NIGHT_S))
    )
    | step("midway", *((slow, tenths / 10) for slow in ("key", "disk") for tenths in range(2, 50, 2)))
    | step("version", 0, 1, 2)
    | step("reorg", (1, False), (2, False), (2, True))
    | step("sends", "cut", "lost", "drop", "down", "hang", "hang after", "throttled", "gas")
    | step("reads", "ok", "ok", "down", "hang", "throttled")
    | step(
        "doubt", ("lag", 1), ("lag", 10), ("dull", 8), ("deep_lie", 1), ("lie", -1), ("blind", 1), ("foreign", 1)
    )
    | step("gas", 1, 1, 80, 150)
    | step("stop", "touch", "rm", "resume")
    | step("stop", "resume")
    | step("again", ("stop", 0.1), ("crash", 0.1), ("crash", 30.0)),
    min_size=8,
    max_size=30,
)
STORM = WELL | st.tuples(WELL, st.just([("steal", 1)]), WELL).map(lambda parts: [*parts[0], *parts[1], *parts[2]])
