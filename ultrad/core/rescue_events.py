"""What the journal holds of a rescue, besides what it holds of every intent; and what people are told of it."""

from decimal import Decimal

from ultrad.core.events import Effect, Event, Finding, Json, Level, Origin, Severity
from ultrad.core.intents import Act, Intent
from ultrad.core.position import Block
from ultrad.core.rescue import Obstacle, Plan
from ultrad.core.signals import MAX_CONFIDENCE, Action, Signal, Source
from ultrad.i18n import Message, msg
from ultrad.units import Now, Wad, hf_text, usd_text

SOURCE = "rescue"


def rescue_signal(position: str, now: Now) -> Signal:
    """What stands for the decision: the watch's own. HOLD, because nothing of the strategy is wanted."""
    return Signal(
        source=Source.RESCUE,
        id=f"{position}-{now.steady_ms}",
        action=Action.HOLD,
        confidence=Decimal(MAX_CONFIDENCE),
        reason="",
        at_ms=now.wall_ms,
        arrived=now,
    )


def rescue_proposed(signal: Signal, hf: Wad, block: Block) -> Event:
    """The record that a rescue is wanted, and by which reading."""
    message = msg(
        "Rescue {id}: the health factor is {hf} in block {block}.",
        id=signal.key,
        hf=hf_text(hf),
        block=block.number,
    )
    data: dict[str, Json] = {"intent": signal.key, "signal": signal.json()}
    return Event(Act.PROPOSE, Level.CRITICAL, signal.arrived, message, data, signal.key)


def rescue_admitted(intent: Intent, plan: Plan, figures: dict[str, Json], hf_after: Wad, now: Now) -> Event:
    """The record of one step: from here on its value counts. figures: what it was judged by."""
    message = msg(
        "{id}: {measure} of {value} of {symbol} is to raise the health factor to {hf}.",
        id=intent.id,
        measure=plan.measure.value,
        value=usd_text(plan.value_e8),
        symbol=plan.symbol,
        hf=hf_text(hf_after),
    )
    own: dict[str, Json] = {
        "supplied": str(plan.scaled_before),
        "measure": plan.measure.value,
        "asset": plan.asset,
        "symbol": plan.symbol,
        "hf_after": str(hf_after),
    }
    data: dict[str, Json] = {
        "intent": intent.id,
        "amount": str(plan.amount),
        "value_e8": str(plan.value_e8),
        "figures": {**figures, **own},
    }
    return Event(Act.ADMIT, Level.CRITICAL, now, message, data)


# ---------------------------------------------------------------- what people are told


def begun(position: str, hf: Wad | None, rescue_hf: Wad) -> Finding:
    """A position under rescue_hf, and ultrad is at it."""
    return Finding(
        code="rescue_begun",
        subject=position,
        level=Level.CRITICAL,
        origin=Origin.OUTSIDE,
        severity=Severity.S2,
        message=msg(
            "{position} is under the rescue's health factor {limit} (now {hf}): ultrad lowers its risk by itself.",
            position=position,
            limit=hf_text(rescue_hf),
            hf="?" if hf is None else hf_text(hf),
        ),
        health_factor=hf,
    )


def step_under_way(intent: Intent) -> Finding:
    """One step of it. Each is told of its own."""
    return Finding(
        code="rescue_step",
        subject=intent.id,
        level=Level.CRITICAL,
        origin=Origin.OUTSIDE,
        severity=Severity.S2,
        message=msg(
            "Rescue step: {measure} of {value} ({asset}) is on its way. `ultrad signals` shows it.",
            measure=intent.measure,
            value=usd_text(intent.value_e8),
            asset=intent.asset,
        ),
    )


def impossible(position: str, obstacles: tuple[Obstacle, ...]) -> Finding:
    """A position that is to be rescued and cannot be: only people can do it now."""
    reasons = obstacles[0].message
    for one in obstacles[1:]:
        reasons = msg("{first}; {second}", first=reasons, second=one.message)
    return Finding(
        code="rescue_impossible",
        subject=position,
        level=Level.EMERGENCY,
        origin=Origin.OUTSIDE,
        severity=Severity.S1,
        effect=Effect.NO_TRADE,
        message=msg(
            "{position} cannot be rescued by ultrad: {reasons}. Repay or add collateral by hand, now.",
            position=position,
            reasons=reasons,
        ),
    )


def given_up(intent: Intent, why: Message) -> Message:
    """What is told of a step that is not gone on with."""
    return msg("{id} was not gone on with: {why}", id=intent.id, why=why)
