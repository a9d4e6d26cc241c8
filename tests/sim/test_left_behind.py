"""What a changed configuration or a failing service leaves undone is told, and is told to be over."""

from collections.abc import Callable
from dataclasses import replace

import anyio
import pytest

from tests.fakes.bot import FakeBot
from tests.sim.setting import configured
from tests.sim.trading import Bench, bench, trading_config
from ultrad.config import Config
from ultrad.core.events import Severity
from ultrad.core.intents import Stage
from ultrad.core.signals import Action
from ultrad.i18n import msg
from ultrad.trade_ports import Order

pytestmark = pytest.mark.looptime(noop_cycles=0)

WATCH_ONLY = configured()


def _told(there: Bench, code: str) -> list[str]:
    """The findings of that code that stand, and whose incident is open."""
    life = there.made.life
    standing = [one.finding for one in life.assembly.organs.conditions.standing() if one.finding.code == code]
    incidents = {(one.code, one.subject) for one in life.assembly.daemon.status().incidents}
    assert {one.key for one in standing if one.severity is Severity.S2} <= incidents
    return [str(one.message) for one in standing]


async def _until(seen: Callable[[], bool]) -> None:
    for _ in range(60):
        if seen():
            return
        await anyio.sleep(1)
    raise AssertionError("it did not come to that")


async def _again(there: Bench, config: Config) -> None:
    """The machine fails, and starts with another configuration."""
    await there.made.crash()
    there.made.config = config
    await there.made.start()
    await anyio.sleep(20)


async def test_trade__taken_out_with_a_transaction_in_the_air__told_and_cancelled_once_it_is_back() -> None:
    async with bench() as there:
        taken = await there.send(Action.SELL)
        await anyio.sleep(5)
        flying = there.intent(taken.intent).in_the_air
        assert flying is not None
        await _again(there, WATCH_ONLY)
        (told,) = _told(there, "left_behind")
        for part in (taken.intent, flying.newest.hash, "Put [trade] back", "dry_run = true"):
            assert part in told
        await anyio.sleep(3_600)
        assert len(_told(there, "left_behind")) == 1
        await _again(there, trading_config())
        assert (await there.ends(taken.intent)).stage is Stage.CANCELLED
        assert _told(there, "left_behind") == []


async def test_trade__taken_out_between_two_steps_and_with_a_signal_that_waits__both_told() -> None:
    async with bench() as there:
        taken = await there.send()
        await _until(lambda: there.intent(taken.intent).in_the_air is not None)
        there.market.down = msg("Nothing answers.")
        there.ledger.mine(10)
        await _until(lambda: there.intent(taken.intent).steps[-1].confirmed)
        await there.send(Action.SELL)
        await _again(there, WATCH_ONLY)
        (told,) = _told(there, "left_behind")
        assert "ultrad allowances" in told
        (waits,) = _told(there, "signals_left_behind")
        assert waits.startswith("1 signals wait")


class HangingBot(FakeBot):
    """It never answers."""

    async def send(self, order: Order) -> None:
        await super().send(order)
        await anyio.sleep(3_600)


async def test_trade__taken_out_while_a_signal_went_to_octobot__told_to_look_there() -> None:
    async with bench(bot=HangingBot()) as there:
        await there.send()
        await anyio.sleep(4)
        await _again(there, WATCH_ONLY)
        (told,) = _told(there, "left_behind")
        assert "Look at OctoBot's orders" in told


async def test_trade__taken_out_with_nothing_open__nothing_told() -> None:
    async with bench() as there:
        await there.ends((await there.send()).intent)
        await _again(there, WATCH_ONLY)
        assert _told(there, "left_behind") == []


async def test_dry_run__switched_on_with_a_transaction_in_the_air__told_till_it_is_settled() -> None:
    async with bench() as there:
        taken = await there.send(Action.SELL)
        await anyio.sleep(5)
        await _again(there, trading_config(dry_run=True))
        (told,) = _told(there, "dry_run_in_the_air")
        assert taken.intent in told
        sends = there.ledger.sends
        await anyio.sleep(600)
        assert there.ledger.sends == sends
        assert (await there.ends(taken.intent)).stage is Stage.SETTLED
        await anyio.sleep(3)
        assert _told(there, "dry_run_in_the_air") == []


async def test_dry_run__switched_on_between_two_steps__ends_there() -> None:
    async with bench() as there:
        taken = await there.send()
        await _until(lambda: there.intent(taken.intent).in_the_air is not None)
        await _again(there, trading_config(dry_run=True))
        ended = await there.ends(taken.intent)
        assert (ended.stage, [one.about for one in ended.steps]) == (Stage.FAILED, ["approve"])
        assert "trade.dry_run was switched on while it was under way" in str(ended.end)
        assert there.made.reported == []


async def test_trade__cannot_go_on__told_with_the_reason_and_over_once_it_does() -> None:
    async with bench() as there:
        there.market.down = msg("Nothing answers.")
        taken = await there.send()
        await anyio.sleep(100)
        assert _told(there, "trade_stuck") == []
        await anyio.sleep(60)
        (told,) = _told(there, "trade_stuck")
        assert told.startswith(f"{taken.intent} cannot be gone on with for")
        assert "Nothing answers." in told
        there.market.down = None
        assert (await there.ends(taken.intent)).stage is Stage.SETTLED
        assert _told(there, "trade_stuck") == []


async def test_trade__what_is_in_the_air_cannot_be_looked_at__told_and_over_once_it_can() -> None:
    async with bench() as there:
        taken = await there.send(Action.SELL)
        await anyio.sleep(5)
        there.market.down = msg("Nothing answers.")  # the outcome cannot be read
        there.ledger.mine(10)
        await anyio.sleep(180)
        (told,) = _told(there, "trade_stuck")
        assert taken.intent in told
        there.market.down = None
        await there.ends(taken.intent)
        await anyio.sleep(3)
        assert _told(there, "trade_stuck") == []


async def test_trade__intents_unread_and_not_configured__told() -> None:
    async with bench() as there:
        await there.send(Action.SELL)
        await anyio.sleep(5)
        events = there.made.journal.recorded
        there.made.journal.recorded = [one for one in events if one.event.kind != "intent.proposed"]
        await _again(there, replace(WATCH_ONLY))
        (told,) = _told(there, "left_behind")
        assert "does not fit together" in told
