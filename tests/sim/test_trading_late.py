"""What changes between a trade's admission and its transaction: an order that OctoBot has is not the last look."""

from dataclasses import replace

import anyio
import pytest

from tests.fakes.allowances import FakeAllowances
from tests.fakes.bot import FakeBot
from tests.sim.setting import TARO
from tests.sim.trading import Bench, bench
from ultrad.core.events import Effect, Finding, Level, Origin, Severity
from ultrad.core.intents import Intent, Stage
from ultrad.core.signals import Action
from ultrad.i18n import msg
from ultrad.operations import RevokeRequest

pytestmark = pytest.mark.looptime(noop_cycles=0)

DEAR_WEI, CHEAP_WEI = 10**12, 10**9


async def _accepted(there: Bench, action: Action) -> str:
    """OctoBot has it, and gas is too dear for the leg on Aave."""
    there.ledger.base_wei = DEAR_WEI
    intent_id = (await there.send(action)).intent
    await anyio.sleep(10)
    assert there.intent(intent_id).stage is Stage.BOT_ACCEPTED
    there.ledger.base_wei = CHEAP_WEI
    return intent_id


def _keep_off(there: Bench, *codes: str) -> None:
    organs = there.made.life.assembly.organs
    found = (
        Finding(one, "", Level.ALERT, Origin.OUTSIDE, msg("Odd."), Severity.S2, Effect.NO_TRADE) for one in codes
    )
    organs.conditions.observe("a test", found, there.made.clock.now())


async def test_trade__health_factor_fell_while_gas_was_dear__no_leg_on_aave() -> None:
    async with bench(bot=FakeBot()) as there:
        intent_id = await _accepted(there, Action.SELL)
        there.market.set_price(2_380 * 10**8)  # a health factor of 1.796: no stop, and no room either
        intent = await there.ends(intent_id, 600)
        assert (intent.stage, "at least 1.80 must be left" in str(intent.end)) == (Stage.FAILED, True)
        assert there.ledger.sends == 0


async def test_trade__nothing_changed_while_gas_was_dear__its_leg_on_aave_follows() -> None:
    async with bench(bot=FakeBot()) as there:
        intent = await there.ends(await _accepted(there, Action.SELL), 600)
        assert (intent.stage, there.ledger.sends) == (Stage.SETTLED, 1)


async def test_trade__arithmetic_unknown_by_now__no_leg_on_aave() -> None:
    async with bench(bot=FakeBot()) as there:
        intent_id = await _accepted(there, Action.SELL)
        there.market.revision, there.market.simulates = 99, False
        intent = await there.ends(intent_id, 600)
        assert (intent.stage, "cannot be known" in str(intent.end)) == (Stage.FAILED, True)


async def test_trade__finding_keeps_trades_off_between_both_legs__waits_for_its_end() -> None:
    async with bench(bot=FakeBot(answers_in_s=3)) as there:
        intent_id = (await there.send(Action.SELL)).intent
        await anyio.sleep(2)
        assert there.intent(intent_id).stage is Stage.BOT_SENDING
        _keep_off(there, "oracle_stale")
        await there.minutes(2)
        assert (there.intent(intent_id).stage, there.ledger.sends) == (Stage.BOT_ACCEPTED, 0)
        _keep_off(there)
        assert (await there.ends(intent_id)).stage is Stage.SETTLED


async def test_trade__finding_keeps_trades_off_after_its_approval__too_old_in_the_end() -> None:
    async with bench() as there:
        intent_id = (await there.send()).intent
        await anyio.sleep(4)
        assert [one.about for one in there.intent(intent_id).steps] == ["approve"]
        _keep_off(there, "oracle_stale")
        await there.minutes(16)
        intent = there.intent(intent_id)
        assert (intent.stage, [one.about for one in intent.steps]) == (Stage.FAILED, ["approve"])


async def test_revocation__admitted_while_the_trader_was_at_another_intent__goes_on() -> None:
    async with bench() as there:
        assert there.made.means is not None
        there.made.means = replace(there.made.means, allowances=FakeAllowances(there.market))
        await there.made.crash()
        await there.made.start()
        await anyio.sleep(20)
        there.market.state = replace(there.market.state, allowance=5 * 10**16)
        assembly = there.made.life.assembly
        assert assembly.trader is not None
        (begun,) = await assembly.daemon.revoke(TARO, RevokeRequest(""))
        # What the trader had at hand when its turn began: proposed, and no word yet of what it revokes.
        known = there.intent(begun.intent)
        await assembly.trader._go_on(Intent(known.id, known.signal, known.proposed))
        assert (await there.ends(begun.intent)).stage is Stage.SETTLED


@pytest.mark.parametrize(
    ("mode", "counts"), [("ok", True), ("cut", True), ("hang", True), ("refused", False), ("down", False)]
)
async def test_trade__octobot_may_have_it_and_aave_refuses__the_next_one_waits_for_the_cooldown(
    mode: str, *, counts: bool
) -> None:
    bot = FakeBot(mode=mode)
    async with bench(bot=bot) as there:
        there.market.refuses = msg("Aave refused it: {name}", name="ReserveFrozen")
        assert (await there.ends((await there.send(Action.SELL)).intent)).stage is Stage.FAILED
        second = await there.ends((await there.send(Action.SELL)).intent)
        assert ("cooldown" in second.rules, len(bot.tries)) == ((True, 1) if counts else (False, 2))
        await there.made.crash()
        await there.made.start()
        await anyio.sleep(20)
        status = there.made.life.assembly.daemon.status().trade
        assert status is not None
        assert status.used_e8 == (50 * 10**8 if counts else 0)
