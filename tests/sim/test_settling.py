"""What becomes of a transaction in the air: stops, fees, reorganisations, and answers that nobody can rely on."""

import itertools
from dataclasses import replace

import anyio
import pytest

from tests.fakes.wild_ledger import fees_of, nonce_of
from tests.sim.setting import TARO
from tests.sim.settling import GWEI, wild
from ultrad.core.estop import Mode
from ultrad.core.intent_steps import Purpose
from ultrad.core.intents import Stage
from ultrad.core.signals import Action
from ultrad.i18n import msg
from ultrad.trader.settling import USURPED_MS

pytestmark = pytest.mark.looptime(noop_cycles=0)
STUCK_S = 90
"""As configured by default."""


# ---------------------------------------------------------------- a stop


async def test_stop__pending_transaction__replaced_by_a_cancellation_of_its_nonce_and_told() -> None:
    async with wild() as there:
        one = await there.pending()
        there.bench.made.touch()
        await anyio.sleep(5)
        own, cancellation = there.step(one).versions
        assert cancellation.purpose is Purpose.CANCELLATION
        assert cancellation.max_fee_wei * 8 >= own.max_fee_wei * 9
        assert cancellation.tip_wei * 8 >= own.tip_wei * 9
        assert there.nonces() == [7]
        ended = await there.ends(one)
        assert ended.stage is Stage.CANCELLED
        assert "was cancelled on chain" in str(ended.end)
        assert there.mined_abouts() == ["cancel"]


async def test_stop__own_one_mined_after_all__told_so() -> None:
    async with wild() as there:
        one = await there.pending()
        there.ledger.stubborn = True
        there.bench.made.touch()
        await anyio.sleep(5)
        ended = await there.ends(one)
        assert ended.stage is Stage.SETTLED
        assert "mined before its cancellation" in str(ended.end)
        assert there.mined_abouts() == ["withdraw"]


async def test_stop__lifted_before_it_could_be_cancelled__cancelled_all_the_same() -> None:
    async with wild() as there:
        one = await there.pending()
        there.ledger.reads = "down"
        there.bench.made.touch()
        await anyio.sleep(60)
        await there.bench.made.resolve(TARO)
        await there.bench.made.resume(TARO, waive=("low_readings", "value_change", "probes", "jobs"))
        assert there.bench.made.life.mode is Mode.OFF
        sends = there.ledger.sends
        there.ledger.reads = "ok"
        await anyio.sleep(5)
        assert there.ledger.sends == sends + 1
        assert there.step(one).newest.purpose is Purpose.CANCELLATION
        assert (await there.ends(one)).stage is Stage.CANCELLED


async def test_stop__cancellation_that_nobody_mines__fee_bounded_by_what_blocks_cost() -> None:
    async with wild() as there:
        one = await there.pending()
        there.bench.made.touch()
        await anyio.sleep(3_600)
        assert len(there.step(one).versions) == 2  # it offers enough: it is handed over again, not raised for ever
        assert "unsettled" in there.bench.made.life.told()
        there.ledger.base_wei = 10**6 * GWEI  # and no node can make it offer anything
        await anyio.sleep(3_600)
        assert there.step(one).newest.max_fee_wei <= 1_130 * GWEI
        there.ledger.heal()
        assert (await there.ends(one)).stage is Stage.CANCELLED
        await anyio.sleep(2)
        assert "unsettled" not in there.bench.made.life.told()


# ---------------------------------------------------------------- fees


async def test_stuck__fee_raised_by_an_eighth__within_the_cap_and_so_often() -> None:
    async with wild() as there:
        one = await there.pending()
        await anyio.sleep(STUCK_S * 4)
        versions = there.step(one).versions
        assert len(versions) >= 3
        for before, after in itertools.pairwise(versions):
            assert after.max_fee_wei * 8 >= before.max_fee_wei * 9
            assert after.tip_wei * 8 >= before.tip_wei * 9
        await anyio.sleep(STUCK_S * 10)
        raws = [raw for raw in there.ledger.known if nonce_of(raw) == 7]
        assert len(raws) <= 12
        assert max(fees_of(raw)[0] for raw in raws[:-1]) <= 100 * GWEI
        assert {raw.split(b'"')[5] for raw in raws[:-1]} == {raws[0].split(b'"')[5]}  # the very same call


async def test_stuck__until_its_signal_is_old__cancelled() -> None:
    async with wild() as there:
        one = await there.pending()
        await anyio.sleep(3 * 3_600)
        assert there.step(one).newest.purpose is Purpose.CANCELLATION
        assert (await there.ends(one)).stage is Stage.CANCELLED


async def test_stale__perhaps_never_sent_before_a_crash__cancelled_and_not_sent_again() -> None:
    async with wild() as there:
        there.ledger.mode = "lost"
        one = await there.pending()
        own = bytes.fromhex(there.step(one).newest.raw)
        there.ledger.mode = "ok"
        await there.bench.made.crash()
        await anyio.sleep(16 * 60)
        await there.bench.made.start()
        assert (await there.ends(one)).stage is Stage.CANCELLED
        assert there.ledger.raws[own] == 1
        assert there.mined_abouts() == ["cancel"]


async def test_fresh__perhaps_never_sent_before_a_crash__sent_again() -> None:
    async with wild() as there:
        there.ledger.mode = "lost"
        one = await there.pending()
        there.ledger.mode = "ok"
        await there.bench.made.crash()
        await anyio.sleep(5 * 60)
        await there.bench.made.start()
        assert (await there.ends(one)).stage is Stage.SETTLED
        assert there.mined_abouts() == ["withdraw"]


async def test_stuck__call_that_would_fail_by_now__raised_all_the_same() -> None:
    async with wild() as there:
        one = await there.pending()
        there.bench.market.refuses = msg("Aave refused it: {name}", name="ReservePaused")
        await anyio.sleep(STUCK_S + 5)
        assert len(there.step(one).versions) == 2


async def test_stuck__reset_of_an_allowance__raised_as_the_reset_that_it_is() -> None:
    async with wild() as there:
        there.bench.market.state = replace(there.bench.market.state, allowance=5)
        one = await there.pending(Action.BUY)
        await anyio.sleep(STUCK_S + 5)
        assert len(there.step(one).versions) == 2
        assert (await there.ends(one)).stage is Stage.SETTLED
        assert there.mined_abouts() == ["approve", "approve", "supply"]


async def test_gas__dear__waits_for_five_minutes_and_others_go_on() -> None:
    async with wild() as there:
        there.ledger.base_wei = 150 * GWEI
        taken = await there.bench.send(Action.SELL)
        await anyio.sleep(5)
        other = await there.bench.send(Action.BUY)
        held = await there.bench.send(Action.HOLD)
        await anyio.sleep(5)
        assert there.intent(held.intent).stage is Stage.HELD
        assert set(there.intent(other.intent).rules) == {"cooldown", "unsettled"}
        there.ledger.base_wei = GWEI
        await anyio.sleep(270)
        assert there.ledger.sends == 0
        await anyio.sleep(30)
        assert there.ledger.sends == 1
        assert (await there.ends(taken.intent)).stage is Stage.SETTLED


async def test_gas__dear_for_too_long__given_up_with_the_signals_freshness() -> None:
    async with wild() as there:
        there.ledger.base_wei = 150 * GWEI
        taken = await there.bench.send(Action.SELL)
        await anyio.sleep(20 * 60 + 10)
        ended = there.intent(taken.intent)
        assert ended.stage in {Stage.FAILED, Stage.REFUSED}
        assert there.ledger.sends == 0


async def test_gas__dear_between_approval_and_supply__given_up_with_the_signals_freshness() -> None:
    async with wild() as there:
        one = await there.pending(Action.BUY)
        there.ledger.base_wei = 150 * GWEI
        await there.blocks(5)
        await anyio.sleep(20 * 60 + 10)
        assert there.intent(one).stage is Stage.FAILED
        assert "too old" in str(there.intent(one).end)
        assert there.mined_abouts() == ["approve"]


async def test_gas__near_the_cap__no_block_may_take_more() -> None:
    async with wild() as there:
        there.ledger.base_wei = 99 * GWEI
        one = await there.pending()
        assert there.step(one).newest.max_fee_wei == 100 * GWEI


async def test_gas__two_errors_in_a_row__trips_once() -> None:
    async with wild() as there:
        there.ledger.mode = "gas"
        one = await there.pending()
        assert there.causes() == ()
        await anyio.sleep(35)
        assert there.causes() == ("gas_errors",)
        await anyio.sleep(600)
        assert len(there.bench.made.recorded("estop.on")) == 1
        there.ledger.heal()
        await anyio.sleep(200)
        assert (await there.ends(one)).stage is Stage.CANCELLED


async def test_gas__an_error_then_taken__no_stop() -> None:
    async with wild() as there:
        there.ledger.script.extend(["gas", "ok", "gas"])
        one = await there.pending()
        await anyio.sleep(65)
        assert there.causes() == ()
        assert (await there.ends(one)).stage is Stage.SETTLED


# ---------------------------------------------------------------- reorganisations


@pytest.mark.parametrize("forget", [False, True])
async def test_reorg__of_a_mined_one__mined_again(*, forget: bool) -> None:
    async with wild() as there:
        one = await there.pending()
        await there.blocks(2)
        assert there.bench.made.recorded("intent.mined")
        there.ledger.reorg(2, forget=forget)
        await anyio.sleep(3)
        assert there.step(one).mined is None
        await anyio.sleep(35)
        ended = await there.ends(one)
        assert ended.stage is Stage.SETTLED
        assert there.mined_abouts() == ["withdraw"]
        assert there.nonces() == [7]


async def test_reorg__other_version_mined__is_the_one_that_counts() -> None:
    async with wild() as there:
        one = await there.pending()
        await anyio.sleep(STUCK_S + 5)
        there.ledger.mine_version(1)
        await anyio.sleep(3)
        first = there.step(one).mined
        there.ledger.reorg(1)
        there.ledger.mine_version(0)
        await anyio.sleep(3)
        ended = await there.ends(one)
        assert (ended.stage, len(ended.steps)) == (Stage.SETTLED, 1)
        assert ended.steps[0].mined is not None
        assert ended.steps[0].mined != first
        assert ended.steps[0].mined.hash == ended.steps[0].versions[0].hash


async def test_reorg__own_for_cancellation__the_end_is_the_confirmed_one() -> None:
    async with wild() as there:
        one = await there.pending()
        there.bench.made.touch()
        await anyio.sleep(5)
        there.ledger.mine_version(0)
        await anyio.sleep(3)
        there.ledger.reorg(1)
        there.ledger.mine_version(1)
        assert (await there.ends(one)).stage is Stage.CANCELLED


# ---------------------------------------------------------------- somebody else


async def test_foreign__consumes_the_nonce__intrusion_and_the_intent_closed() -> None:
    async with wild() as there:
        one = await there.pending()
        there.ledger.steal()
        await there.blocks(3)
        await anyio.sleep(USURPED_MS / 1_000 + 5)
        ended = there.intent(one)
        assert there.causes() == ("intrusion",)
        assert ended.stage is Stage.FAILED
        assert there.bench.made.life.state.causes[0].severity.value == "S1"
        assert there.nonces() == [7]


async def test_foreign__pending__never_signed_beside_and_a_stop_where_it_stays() -> None:
    async with wild() as there:
        there.ledger.foreign = 1
        taken = await there.bench.send(Action.SELL)
        await anyio.sleep(40)
        assert there.causes() == ()
        await anyio.sleep(60)
        assert there.causes() == ("intrusion",)
        assert there.ledger.sends == 0
        assert there.intent(taken.intent).rules == ("estop",)


async def test_foreign__pending_for_a_moment__traded_afterwards_and_no_stop() -> None:
    async with wild() as there:
        there.ledger.foreign = 1
        taken = await there.bench.send(Action.SELL)
        await anyio.sleep(10)
        there.ledger.foreign = 0
        assert (await there.ends(taken.intent)).stage is Stage.SETTLED
        assert there.causes() == ()
