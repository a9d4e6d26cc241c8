"""Trading while something comes in between: a hold, a chain that falls silent, a block at the wrong moment."""

import anyio
import pytest

from tests.fakes.bot import FakeBot
from tests.sim.trading import bench
from ultrad.core.admission import NOT_YET
from ultrad.core.events import Severity
from ultrad.core.intents import Stage
from ultrad.core.signals import Action
from ultrad.i18n import msg
from ultrad.trade_ports import Receipt
from ultrad.watchdog import findings_of

pytestmark = pytest.mark.looptime(noop_cycles=0)


@pytest.mark.parametrize("action", [Action.BUY, Action.SELL])
async def test_trade__chain_unreadable_once_it_is_confirmed__never_sent_again(action: Action) -> None:
    async with bench() as there:
        supplied = (await there.market.quote()).room.supplied
        intent_id = (await there.send(action)).intent
        with anyio.fail_after(120):
            while there.market.down is None:
                await anyio.sleep(0.5)
                there.ledger.mine()
                steps = there.intent(intent_id).steps
                if steps and steps[-1].about != "approve" and steps[-1].mined:
                    there.market.down = msg("Silent.")
        await there.minutes(1)
        assert there.intent(intent_id).steps[-1].confirmed
        there.market.down = None
        intent = await there.ends(intent_id)
        assert intent.stage is Stage.SETTLED
        assert len(intent.steps) == (2 if action is Action.BUY else 1)
        assert abs((await there.market.quote()).room.supplied - supplied) == 2 * 10**16


async def test_trade__gate_held_when_the_signal_comes__traded_once_the_hold_ends() -> None:
    async with bench() as there:
        there.made.life.assembly.organs.gate.hold("a test")
        taken = await there.send()
        await anyio.sleep(60)
        assert there.intent(taken.intent).stage is Stage.PROPOSED
        there.made.life.assembly.organs.gate.release("a test")
        assert (await there.ends(taken.intent)).stage is Stage.SETTLED


async def test_trade__gate_held_longer_than_a_signal_is_fresh__rejected_as_stale() -> None:
    async with bench() as there:
        there.made.life.assembly.organs.gate.hold("a test")
        taken = await there.send()
        await there.minutes(16)
        intent = there.intent(taken.intent)
        assert intent.stage is Stage.REFUSED
        assert "stale" in intent.rules


async def test_trade__killed_between_both_legs__the_second_follows_after_the_first_reading() -> None:
    bot = FakeBot(answers_in_s=1)
    async with bench(bot=bot) as there:
        taken = await there.send()
        with anyio.fail_after(30):
            while there.intent(taken.intent).stage is not Stage.BOT_ACCEPTED:
                there.market.down = msg("Silent.") if bot.tries else None
                await anyio.sleep(0.01)
        await there.made.crash()
        there.market.down = None
        await there.made.start()
        await anyio.sleep(20)
        assert (await there.ends(taken.intent)).stage is Stage.SETTLED
        assert len(bot.orders) == 1


async def test_trade__mined_and_buried_between_two_questions__ours_and_no_intrusion(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with bench() as there:
        asked = there.ledger.receipt

        async def receipt(tx_hash: str) -> Receipt | None:
            found = await asked(tx_hash)
            there.ledger.mine(5)
            return found

        monkeypatch.setattr(there.ledger, "receipt", receipt)
        intent = await there.ends((await there.send()).intent)
        assert intent.stage is Stage.SETTLED
        assert there.made.life.causes == ()


@pytest.mark.parametrize("mode", ["refused", "cut", "down"])
async def test_octobot__refuses_or_nobody_knows__an_s2_until_somebody_resolves_it(mode: str) -> None:
    async with bench(bot=FakeBot(mode=mode)) as there:
        intent = await there.ends((await there.send()).intent)
        await anyio.sleep(2)
        (incident,) = there.made.life.assembly.daemon.status().incidents
        assert (incident.severity, incident.code, incident.subject) == (Severity.S2, "octobot_leg", intent.id)
        await there.made.crash()
        await there.made.start()
        await anyio.sleep(20)
        incidents = there.made.life.assembly.daemon.status().incidents
        assert [one.number for one in incidents if one.code != "died"] == [incident.number]


async def test_trade__outcome_off__tripped_before_its_end_is_recorded() -> None:
    async with bench() as there:
        taken = await there.send()
        with anyio.fail_after(120):
            while there.intent(taken.intent).is_open:
                await anyio.sleep(0.5)
                there.ledger.mine()
                steps = there.intent(taken.intent).steps
                if steps and steps[-1].about == "supply" and steps[-1].mined and not there.made.life.causes:
                    there.market.apply(there.market.withdraw(10**16))
        (trip,) = there.made.recorded("estop.on")
        (end,) = there.made.recorded("intent.settled")
        assert trip.seq < end.seq


def test_not_yet__what_each_start_begins_with__is_waited_for() -> None:
    found = (findings_of.no_reading_yet(), findings_of.market_unread(), findings_of.history_unread())
    assert {one.code for one in found} == NOT_YET
