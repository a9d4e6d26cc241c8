"""From a decision to a transaction and back to its row, through the whole daemon."""

import anyio
import pytest

from tests.fakes.bot import FakeBot
from tests.fakes.rows import DONE, OPEN
from tests.sim.trading import Bench, bench, trading_config
from tests.sim.world import World
from ultrad.core.estop import Mode
from ultrad.core.events import Event, Level, Recorded
from ultrad.core.intents import Stage
from ultrad.core.signals import Action
from ultrad.errors import Duplicate, Transient
from ultrad.i18n import msg
from ultrad.jobs import trade_cycle

pytestmark = pytest.mark.looptime(noop_cycles=0)


def _result(there: Bench, page_id: str) -> str:
    return there.rows.pages[page_id].result


# ---------------------------------------------------------------- signals


async def test_signal__buy__supplied_and_told() -> None:
    async with bench() as there:
        before = (await there.market.quote()).room.supplied
        taken = await there.send()
        assert taken.stage is Stage.PROPOSED
        intent = await there.ends(taken.intent)
        assert intent.stage is Stage.SETTLED
        assert [step.about for step in intent.steps] == ["approve", "supply"]
        assert (await there.market.quote()).room.supplied - before == 2 * 10**16
        status = there.made.life.assembly.daemon.status().trade
        assert status is not None
        assert (status.dry_run, status.trouble, status.in_the_air, status.waiting) == (False, None, "", 0)
        assert status.used_e8 == 50 * 10**8
        assert status.limit_e8 is not None
        assert status.limit_e8 > 50 * 10**8
        assert status.recent[0].hash == intent.steps[-1].newest.hash


async def test_signal__sell__withdrawn() -> None:
    async with bench() as there:
        intent = await there.ends((await there.send(Action.SELL)).intent)
        assert (intent.stage, [step.about for step in intent.steps]) == (Stage.SETTLED, ["withdraw"])


async def test_signal__the_same_again__refused_with_what_became_of_it() -> None:
    async with bench() as there:
        taken = await there.send(signal_id="one")
        with pytest.raises(Duplicate, match="is being worked on"):
            await there.send(signal_id="one")
        await there.ends(taken.intent)
        with pytest.raises(Duplicate, match="came before: http:one executed"):
            await there.send(signal_id="one")
        sent = list(there.ledger.sent)
        there.forget()
        with pytest.raises(Duplicate, match="came before: http:one executed"):
            await there.send(signal_id="one")
        assert there.ledger.sent == sent


async def test_signal__while_the_stop_is_on__rejected_and_never_traded_later() -> None:
    async with bench() as there:
        there.made.touch()
        await anyio.sleep(3)
        intent = await there.ends((await there.send()).intent)
        assert (intent.stage, intent.rules) == (Stage.REFUSED, ("estop",))
        assert there.ledger.sends == 0


async def test_signal__journal_that_cannot_be_written__not_taken() -> None:
    async with bench() as there:
        there.made.journal.full = True
        await anyio.sleep(40)
        with pytest.raises(Transient):
            await there.send(signal_id="one")
        there.made.journal.recover()
        await anyio.sleep(40)
        assert (await there.send(signal_id="one")).stage is Stage.PROPOSED


async def test_signals__what_came__each_with_every_rule_that_stopped_it() -> None:
    async with bench() as there:
        await there.ends((await there.send()).intent)
        await there.ends((await there.send()).intent)
        lines = await there.made.life.assembly.daemon.signals(10)
        assert [one.stage for one in lines] == [Stage.REFUSED, Stage.SETTLED]
        assert [rule.rule for rule in lines[0].rules] == ["cooldown"]
        assert "cooldown" in str(lines[0].rules[0].message)
        assert await there.made.life.assembly.daemon.signals(1) == lines[:1]


async def test_signal__dry_run__rehearsed_and_nothing_sent() -> None:
    async with bench(trading_config(dry_run=True)) as there:
        intent = await there.ends((await there.send()).intent)
        assert intent.stage is Stage.REHEARSED
        assert there.ledger.sends == 0


async def test_signal__daemon_killed_after_it_was_taken__dealt_with_once() -> None:
    async with bench() as there:
        taken = await there.send()
        await anyio.sleep(1.5)
        await there.made.crash()
        await there.made.start()
        await anyio.sleep(20)
        await there.ends(taken.intent)
        assert len(there.made.recorded("intent.settled")) == 1
        assert (await there.market.quote()).room.supplied == 10 * 10**18 + 2 * 10**16


async def test_limit__of_the_day_after_a_restart__held_against_the_lowest_funds_before_it() -> None:
    async with bench() as there:
        await there.ends((await there.send()).intent)
        before = there.made.life.assembly.daemon.status().trade
        await there.made.crash()
        await there.made.start()
        there.market.set_price(5_000 * 10**8)  # worth more now: the limit must not grow with it
        await anyio.sleep(20)
        after = there.made.life.assembly.daemon.status().trade
        assert before is not None
        assert after is not None
        assert (after.used_e8, after.limit_e8) == (before.used_e8, before.limit_e8)


# ---------------------------------------------------------------- Notion


async def test_row__buy__traded_once_and_written_back_with_its_hash() -> None:
    async with bench() as there:
        page = there.rows.add("BUY", 80)
        await there.minutes(3)
        intent = there.intent(f"notion:{page}")
        assert intent.stage is Stage.SETTLED
        assert intent.written
        assert there.rows.pages[page].status == DONE
        assert intent.steps[-1].newest.hash in _result(there, page)
        assert there.made.log.lines["trade_cycle.log"] >= 3


@pytest.mark.parametrize("forgotten", [False, True])
async def test_row__opened_again__its_outcome_again_and_nothing_else(*, forgotten: bool) -> None:
    async with bench() as there:
        page = there.rows.add("HOLD", 80)
        await there.minutes(2)
        told = _result(there, page)
        if forgotten:
            there.forget()
        there.rows.pages[page].action = "BUY"
        there.rows.pages[page].result = ""
        there.rows.reopen(page)
        await there.minutes(2)
        assert (_result(there, page), there.rows.pages[page].status) == (told, DONE)
        assert there.ledger.sends == 0
        assert len(there.made.recorded("intent.proposed")) == 1


async def test_row__stopped_by_a_rule__says_which() -> None:
    async with bench() as there:
        page = there.rows.add("BUY", 10)
        await there.minutes(2)
        assert "skipped (confidence)" in _result(there, page)


async def test_row__outcome_that_cannot_be_written__tried_until_it_is() -> None:
    async with bench() as there:
        page = there.rows.add("HOLD", 80)
        await there.minutes(1)
        there.rows.mode = "down"
        await there.minutes(2)
        assert there.rows.pages[page].status == OPEN
        assert {"row_unwritten", "notion_unread"} <= there.made.life.told()
        there.rows.mode = "ok"
        await there.minutes(2)
        assert there.rows.pages[page].status == DONE
        assert there.intent(f"notion:{page}").written
        assert not {"row_unwritten", "notion_unread"} & there.made.life.told()


async def test_row__gone_before_its_outcome_was_written__given_up_in_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(trade_cycle, "GIVE_UP_MS", 600_000)
    async with bench() as there:
        page = there.rows.add("HOLD", 80)
        await there.minutes(1)
        del there.rows.pages[page]
        await there.minutes(2)
        assert "row_unwritten" in there.made.life.told()
        await there.minutes(11)
        assert "row_unwritten" not in there.made.life.told()
        assert there.made.life.assembly.organs.reception is not None
        assert there.made.life.assembly.organs.reception.untold() == ()


async def test_row__bad__told_on_it_once_an_edit_and_the_others_go_on() -> None:
    async with bench() as there:
        bad, good = there.rows.add("BUY", 800), there.rows.add("HOLD", 80)
        await there.minutes(4)
        assert there.rows.pages[good].status == DONE
        assert [one for one in there.rows.writes if one[1] == bad] == [("complain", bad, "Confidence is 800.")]
        assert there.rows.pages[bad].status == OPEN
        assert "row_bad" in there.made.life.told()
        there.rows.reopen(bad)  # somebody edits it, and leaves it as wrong as it was
        await there.minutes(3)
        assert len([one for one in there.rows.writes if one[1] == bad]) == 2
        there.rows.pages[bad].confidence = 10
        await there.minutes(2)
        assert there.rows.pages[bad].status == DONE
        assert "row_bad" not in there.made.life.told()


def _unread(there: Bench) -> list[Level]:
    raised = there.made.recorded("finding.raised")
    return [one.event.level for one in raised if one.event.data["code"] == "notion_unread"]


async def test_rows__unread_three_times__more_than_noise() -> None:
    async with bench() as there:
        there.rows.mode = "error"
        await there.minutes(1)
        assert _unread(there) == [Level.WARNING]
        await there.minutes(3)
        assert _unread(there) == [Level.WARNING, Level.ALERT]
        assert there.made.life.mode is Mode.OFF


# ---------------------------------------------------------------- OctoBot


async def test_octobot__accepts__the_order_once_and_then_aave() -> None:
    bot = FakeBot()
    async with bench(bot=bot) as there:
        intent = await there.ends((await there.send()).intent)
        assert intent.stage is Stage.SETTLED
        assert [one.tag for one in bot.orders] == [intent.id]


@pytest.mark.parametrize("mode", ["refused", "cut", "down"])
async def test_octobot__refuses_or_nobody_knows__nothing_on_aave(mode: str) -> None:
    bot = FakeBot(mode=mode)
    async with bench(bot=bot) as there:
        intent = await there.ends((await there.send()).intent)
        assert intent.stage is Stage.FAILED
        assert there.ledger.sends == 0
        assert len(bot.tries) == 1


async def test_octobot__silent_three_times__trips_once() -> None:
    bot = FakeBot()
    async with bench(bot=bot) as there:
        bot.webhook_fault = msg("Failure.")
        await there.minutes(2)
        assert there.made.life.mode is Mode.OFF
        await there.minutes(3)
        assert there.made.life.causes == ("octobot_silent",)


async def test_octobot__web_interface_alone_silent__told_and_no_stop() -> None:
    bot = FakeBot(web_fault=msg("Failure."))
    async with bench(bot=bot) as there:
        await there.minutes(5)
        assert there.made.life.mode is Mode.OFF
        assert "probe_failed" in there.made.life.told()


# ---------------------------------------------------------------- what cannot be traded


async def test_record__of_intents_that_does_not_fit_together__nothing_traded_and_an_s1() -> None:
    async def spoil(made: World) -> None:
        event = Event("intent.held", Level.INFO, made.clock.now(), msg("?"), {"intent": "http:nobody"})
        made.journal.recorded.append(Recorded(len(made.journal.recorded) + 1, "00" * 32, event))

    async with bench(before=spoil) as there:
        life = there.made.life
        assert life.causes == ("intents_unread",)
        assert life.state.causes[0].severity.value == "S1"
        assert life.assembly.trader is None
        with pytest.raises(Transient, match="does not fit together"):
            await there.send()
        status = life.assembly.daemon.status().trade
        assert status is not None
        assert status.trouble is not None
