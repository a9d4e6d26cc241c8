"""Where nobody can say what became of a transaction, or a node says what is not so: once, or not at all."""

from dataclasses import replace

import anyio
import pytest

from tests.fakes.wild_ledger import nonce_of
from tests.sim.settling import wild
from tests.sim.trading import trading_config
from ultrad.core.events import Event
from ultrad.core.intent_steps import Purpose
from ultrad.core.intents import Stage
from ultrad.core.signals import Action
from ultrad.i18n import msg

pytestmark = pytest.mark.looptime(noop_cycles=0)
COOLDOWN_S = 601


@pytest.mark.parametrize("mode", ["cut", "lost", "drop", "down", "hang", "hang after", "throttled", "low"])
async def test_send__that_nobody_can_tell_of__again_the_same_and_never_another_nonce(mode: str) -> None:
    async with wild() as there:
        there.ledger.script.append(mode)
        one = await there.pending()
        await anyio.sleep(45)
        assert there.nonces() == [7]
        assert len(there.ledger.raws) == 1
        assert (await there.ends(one)).stage is Stage.SETTLED
        assert there.mined_abouts() == ["withdraw"]
        assert there.causes() == ()


@pytest.mark.parametrize("mode", ["ok", "cut", "lost", "drop"])
async def test_crash__with_one_in_the_air__goes_on_with_its_nonce(mode: str) -> None:
    async with wild() as there:
        there.ledger.script.append(mode)
        one = await there.pending()
        for _ in range(3):
            await there.bench.made.crash()
            await there.bench.made.start()
            await anyio.sleep(20)
        ended = await there.ends(one)
        assert (ended.stage, len(ended.steps)) == (Stage.SETTLED, 1)
        assert there.nonces() == [7]


@pytest.mark.parametrize("kind", ["signed", "mined", "confirmed", "settled"])
async def test_crash__right_after_each_record__settled_once(kind: str) -> None:
    async with wild() as there:
        taken = await there.bench.send(Action.BUY)
        for step in range(2):
            with anyio.fail_after(300):
                while len(there.bench.made.recorded(f"intent.{kind}")) <= (0 if kind == "settled" else step):
                    await anyio.sleep(0.05)
                    there.ledger.mine()
            await there.bench.made.crash()
            await there.bench.made.start()
            await anyio.sleep(20)
        ended = await there.ends(taken.intent)
        assert (ended.stage, [step.about for step in ended.steps]) == (Stage.SETTLED, ["approve", "supply"])
        assert there.mined_abouts() == ["approve", "supply"]


async def test_crash__while_the_stop_is_on__cancelled_after_the_start() -> None:
    async with wild() as there:
        one = await there.pending()
        there.bench.made.touch()
        await there.bench.made.crash()
        await there.bench.made.start()
        await anyio.sleep(10)
        assert there.step(one).newest.purpose is Purpose.CANCELLATION
        assert (await there.ends(one)).stage is Stage.CANCELLED


async def test_end__that_could_not_be_read_when_it_was_confirmed__is_an_end_and_not_a_second_trade() -> None:
    async with wild() as there:
        one = await there.pending()
        there.bench.market.down = msg("No connection.")
        await there.blocks(5)
        assert there.intent(one).steps[0].confirmed
        there.bench.market.down = None
        await anyio.sleep(60)
        ended = await there.ends(one)
        assert (ended.stage, len(ended.steps)) == (Stage.SETTLED, 1)
        assert there.mined_abouts() == ["withdraw"]


# ---------------------------------------------------------------- nodes that lag


async def test_lag__nonce_below_our_own__nothing_signed_and_no_stop() -> None:
    async with wild() as there:
        await there.ends(await there.pending())
        await anyio.sleep(COOLDOWN_S)
        there.ledger.lag = len(there.ledger.blocks)
        taken = await there.bench.send(Action.BUY)
        await anyio.sleep(120)
        assert there.nonces() == [7]
        assert there.causes() == ()
        assert there.intent(taken.intent).is_open
        there.ledger.heal()
        await anyio.sleep(20)
        assert (await there.ends(taken.intent)).stage is Stage.SETTLED
        assert there.nonces() == [7, 8, 9]


async def test_lag__state_from_before_the_approval__not_approved_twice() -> None:
    async with wild() as there:
        one = await there.pending(Action.BUY)
        await there.blocks(2)
        market = there.bench.market
        true_quote, old = market.quote, await market.quote()
        old = replace(old, block=replace(old.block, number=0), room=replace(old.room), allowance=0)

        async def lagging() -> object:
            return old

        market.quote = lagging  # type: ignore[method-assign, assignment]
        await there.blocks(4)
        await anyio.sleep(30)
        market.quote = true_quote  # type: ignore[method-assign]
        await anyio.sleep(20)
        assert (await there.ends(one)).stage is Stage.SETTLED
        assert there.mined_abouts() == ["approve", "supply"]


async def test_lag__outcome_from_before_the_trade__no_stop() -> None:
    async with wild() as there:
        one = await there.pending(Action.BUY)
        with anyio.fail_after(60):
            while len(there.intent(one).steps) < 2:
                await there.blocks(1)
        market = there.bench.market
        true_quote, old = market.quote, await market.quote()

        async def lagging() -> object:
            return old

        market.quote = lagging  # type: ignore[method-assign, assignment]
        await there.blocks(5)
        await anyio.sleep(30)
        assert there.causes() == ()
        market.quote = true_quote  # type: ignore[method-assign]
        await anyio.sleep(20)
        assert (await there.ends(one)).stage is Stage.SETTLED


async def test_lag__receipts_unknown_for_a_while__no_stop_and_counted() -> None:
    async with wild() as there:
        one = await there.pending()
        there.ledger.blind = True
        await there.blocks(4)
        await anyio.sleep(40)
        there.ledger.blind = False
        ended = await there.ends(one)
        assert ended.stage is Stage.SETTLED
        assert ended.used_e8 > 0
        assert there.causes() == ()


# ---------------------------------------------------------------- nodes that lie


@pytest.mark.parametrize("lie", [1, 5])
async def test_lie__nonce_consumed__no_stop_within_a_while(lie: int) -> None:
    async with wild() as there:
        one = await there.pending()
        there.ledger.lie = lie
        await anyio.sleep(40)
        there.ledger.lie = 0
        assert (await there.ends(one)).stage is Stage.SETTLED
        assert there.causes() == ()


async def test_lie__now_and_then__never_adds_up_to_a_stop() -> None:
    async with wild() as there:
        one = await there.pending()
        for _ in range(5):
            there.ledger.lie = 1
            await anyio.sleep(40)
            there.ledger.lie = 0
            await anyio.sleep(5)
        assert there.causes() == ()
        assert (await there.ends(one)).stage is Stage.SETTLED


async def test_lie__nonce_that_is_not_due_yet__told_as_a_gap_until_somebody_fills_it() -> None:
    async with wild() as there:
        there.ledger.lie = 1
        one = await there.pending()
        there.ledger.lie = 0
        assert there.nonces() == [8]
        await there.blocks(40)
        assert "nonce_gap" in there.bench.made.life.told()
        assert there.causes() == ()
        there.ledger.steal()
        await anyio.sleep(40)
        assert (await there.ends(one)).stage is Stage.SETTLED
        assert "nonce_gap" not in there.bench.made.life.told()


async def test_lag__nonce_that_was_consumed_for_good__waited_for_and_told_where_it_stays() -> None:
    async with wild() as there:
        await there.ends(await there.pending())
        await there.blocks(2)
        await anyio.sleep(600)  # the pause between trades
        there.ledger.dull = 10
        one = (await there.bench.send(Action.SELL)).intent
        await anyio.sleep(40)
        assert "trade_stuck" not in there.bench.made.life.told()
        await anyio.sleep(110)
        assert "trade_stuck" in there.bench.made.life.told()
        assert there.nonces() == [7]
        there.ledger.dull = 0
        assert (await there.ends(one)).stage is Stage.SETTLED
        assert there.nonces() == [7, 8]
        assert "trade_stuck" not in there.bench.made.life.told()


async def test_lie__receipt_of_a_block_that_the_chain_has_not__not_believed() -> None:
    async with wild() as there:
        one = await there.pending()
        ledger = there.ledger
        ledger.mine()
        receipt = await ledger.receipt(there.step(one).newest.hash)
        ledger.reorg(1)
        true_receipt = ledger.receipt

        async def forked(_: str) -> object:
            return receipt

        ledger.receipt = forked  # type: ignore[method-assign, assignment]
        ledger.pool.clear()
        await there.blocks(6)
        assert not there.step(one).confirmed
        ledger.receipt = true_receipt  # type: ignore[method-assign]
        await anyio.sleep(60)
        assert (await there.ends(one)).stage is Stage.SETTLED
        assert there.mined_abouts() == ["withdraw"]


# ---------------------------------------------------------------- outcomes


async def test_outcome__sale_that_brought_nothing__trips() -> None:
    async with wild() as there:
        one = await there.pending()
        before = there.bench.market.state
        there.ledger.mine()
        there.bench.market.state = before
        await there.blocks(4)
        assert there.intent(one).stage is Stage.SETTLED
        assert there.causes() == ("outcome_off",)


async def test_dry_run__with_one_in_the_air_from_before__sends_nothing() -> None:
    async with wild() as there:
        one = await there.pending()
        made = there.bench.made
        await made.crash()
        made.config = trading_config(dry_run=True)
        sends = there.ledger.sends
        await made.start()
        await anyio.sleep(300)
        made.touch()
        await anyio.sleep(300)
        assert there.ledger.sends == sends
        assert (await there.ends(one)).stage is Stage.SETTLED
        assert there.ledger.sends == sends


# ---------------------------------------------------------------- a source gone mad


async def test_burst__while_one_is_in_the_air__trips_at_once_and_once() -> None:
    async with wild() as there:
        await there.pending()
        for _ in range(13):
            await there.bench.send(Action.HOLD)
            await anyio.sleep(0.2)
        await anyio.sleep(3)
        assert there.causes() == ("signal_burst",)
        trips = there.bench.made.recorded("estop.on")
        assert len(trips) == 1
        assert isinstance(trips[0].event, Event)
        assert {nonce_of(raw) for raw in there.ledger.raws} == {7}
