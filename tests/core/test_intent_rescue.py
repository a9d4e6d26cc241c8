"""A rescue among intents: it may take the place of a trade, is never cancelled, and counts by itself."""

from dataclasses import replace

import pytest

from tests.core.make import at, hf, recorded
from tests.core.make_trades import admitted, cancelling, intent, mined, played, signed, version
from ultrad.addresses import checksum
from ultrad.core import intent_events as events
from ultrad.core import rescue_events as told
from ultrad.core.events import Effect, Event, Severity
from ultrad.core.intent_steps import Purpose
from ultrad.core.intents import Act, Blotter, IllegalActError, Intent, Stage, after, fold
from ultrad.core.position import Block
from ultrad.core.rescue import Measure, Obstacle, Plan
from ultrad.core.rescue_events import rescue_admitted, rescue_proposed, rescue_signal
from ultrad.core.signals import Action
from ultrad.i18n import msg
from ultrad.units import USD, UsdE8

USDC = checksum("0x" + "22" * 20)
SIGNAL = rescue_signal("main", at(5))
RESCUE = Intent(SIGNAL.key, SIGNAL, at(5))
PLAN = Plan(Measure.REPAY, USDC, "USDC", 10**9, UsdE8(1_000 * USD), 11 * 10**9, hf("1.4"))
TRADE = intent("1")


def begun(one: Intent = RESCUE) -> tuple[Event, ...]:
    return (
        rescue_proposed(one.signal, hf("1.2"), Block(1, "0xb", 1)),
        rescue_admitted(one, PLAN, {"block": 1}, hf("1.4"), at(5)),
    )


def flying_trade() -> Blotter:
    return played(Blotter(), events.proposed_event(TRADE.signal), admitted(TRADE), signed(TRADE))


def rescuing(nonce: int = 7, about: str = "repay", tx_hash: str = "0xr", one: Intent = RESCUE) -> Event:
    return events.signed_event(one, about, nonce, version(tx_hash, Purpose.RESCUE))


def test_rescue__admitted__holds_what_it_does() -> None:
    one = played(Blotter(), *begun()).intents[0]
    assert (one.is_rescue, one.measure, one.asset) == (True, "repay", USDC)
    assert (one.amount, one.value_e8, one.supplied_before, one.funds_e8) == (10**9, 1_000 * USD, 11 * 10**9, 0)


def test_rescue__nonce_of_a_trade_in_the_air__may_be_taken() -> None:
    blotter = played(flying_trade(), *begun(), rescuing(7))
    assert [one.id for one in blotter.flying()] == [RESCUE.id, TRADE.id]
    assert blotter.in_the_air() == blotter.flying()[0]
    rescue, trade = blotter.flying()
    assert (blotter.rival(rescue), blotter.rival(trade)) == (trade, rescue)
    assert fold(recorded(*_events())).flying() == blotter.flying()


def _events() -> tuple[Event, ...]:
    trade = (events.proposed_event(TRADE.signal), admitted(TRADE), signed(TRADE))
    return (*trade, *begun(), rescuing(7))


def test_rescue__another_nonce_while_a_trade_is_in_the_air__illegal() -> None:
    with pytest.raises(IllegalActError, match=f"while {TRADE.id} is in the air"):
        played(flying_trade(), *begun(), rescuing(8))


def test_rescue__second_rescue__illegal() -> None:
    signal = replace(SIGNAL, id="main-6000")
    other = replace(RESCUE, id=signal.key, signal=signal)
    blotter = played(Blotter(), *begun(), *begun(other), rescuing(7))
    with pytest.raises(IllegalActError, match="is in the air"):
        after(blotter, rescuing(7, one=other))


@pytest.mark.parametrize("purpose", [Purpose.OWN, Purpose.CANCELLATION])
def test_rescue__signed_as_anything_else__illegal(purpose: Purpose) -> None:
    """So that no cancellation ever targets one."""
    blotter = played(Blotter(), *begun(), rescuing(7))
    with pytest.raises(IllegalActError, match=f"as {purpose.value}"):
        after(blotter, events.signed_event(RESCUE, "repay", 7, version("0xo", purpose)))


def test_trade__signed_as_a_rescue__illegal() -> None:
    with pytest.raises(IllegalActError, match="as rescue"):
        after(flying_trade(), rescuing(7, one=TRADE))


@pytest.mark.parametrize("event", [signed(TRADE, "0xb"), cancelling(TRADE)])
def test_trade__while_a_rescue_takes_its_place__neither_raised_nor_cancelled(event: Event) -> None:
    blotter = played(flying_trade(), *begun(), rescuing(7))
    with pytest.raises(IllegalActError, match="is in the air"):
        after(blotter, event)


def test_yield__the_one_that_was_not_mined__ends_with_its_nonce_in_the_air() -> None:
    blotter = played(flying_trade(), *begun(), rescuing(7))
    rescue, trade = blotter.flying()
    blotter = played(
        blotter,
        events.mined_event(rescue, mined("0xr"), at(6)),
        events.confirmed_event(rescue, mined("0xr"), at(7)),
        events.end_event(Act.YIELD, trade, msg("Yielded."), at(8)),
    )
    found = blotter.get(TRADE.id)
    assert found is not None
    assert (found.stage, found.used_e8, found.is_flying) == (Stage.CANCELLED, 0, False)
    assert blotter.flying() == ()
    assert blotter.used_e8(0, rescue=True) == 1_000 * USD


def test_blotter__rescues__count_for_no_limit_of_the_strategy() -> None:
    plain = flying_trade()
    blotter = played(plain, *begun(), rescuing(7))
    assert (blotter.used_e8(0), blotter.last_trade_ms()) == (plain.used_e8(0), plain.last_trade_ms())
    assert (blotter.arrivals(0), blotter.same_action(Action.HOLD, 0)) == (1, 0)
    again = intent("2")
    blotter = after(blotter, events.proposed_event(again.signal))
    assert blotter.run(blotter.intents[-1], 0) == 2
    assert blotter.used_e8(0, rescue=True) == 1_000 * USD


def test_rival__nothing_in_the_air__none() -> None:
    blotter = played(Blotter(), *begun())
    assert blotter.rival(blotter.intents[0]) is None
    alone = flying_trade()
    assert alone.rival(alone.intents[0]) is None


# ---------------------------------------------------------------- what people are told


def test_findings__rescue__begun_under_way_and_impossible() -> None:
    begins = told.begun("main", hf("1.2"), hf("1.3"))
    assert (begins.severity, begins.effect, begins.key) == (Severity.S2, Effect.NONE, ("rescue_begun", "main"))
    assert "(now 1.2000)" in str(begins.message)
    assert "(now ?)" in str(told.begun("main", None, hf("1.3")).message)
    step = told.step_under_way(played(Blotter(), *begun()).intents[0])
    assert step.key == ("rescue_step", RESCUE.id)
    assert "repay of $1,000.00" in str(step.message)
    why = (Obstacle("a", msg("no wallet")), Obstacle("b", msg("no supply")))
    impossible = told.impossible("main", why)
    assert (impossible.severity, impossible.effect) == (Severity.S1, Effect.NO_TRADE)
    assert "by ultrad: no wallet; no supply. Repay" in str(impossible.message)
    assert str(told.given_up(RESCUE, msg("over"))) == f"{RESCUE.id} was not gone on with: over"
