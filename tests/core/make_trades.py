"""Signals, intents and their acts with only the fields that a test is about."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from decimal import Decimal

from tests.core.make import BLOCK, at
from ultrad.core import intent_events as events
from ultrad.core.admission import Refusal, Verdict
from ultrad.core.events import Event, Level
from ultrad.core.intent_steps import Mined, Purpose, Version
from ultrad.core.intents import Act, Blotter, Intent, after
from ultrad.core.position import Block
from ultrad.core.signals import Action, Signal, Source
from ultrad.i18n import msg
from ultrad.units import USD, Now

Deed = Act | Callable[[Intent], Event]
"""What is done to an intent: an act as `ACTS` has it, or one with figures of its own."""

VALUE_E8 = 50 * USD
AMOUNT = 50 * 10**6
DONE = msg("Done.")
TOO_OLD = Refusal("stale", Verdict.REJECTED, msg("too old"))
UNSURE = Refusal("confidence", Verdict.SKIPPED, msg("unsure"))
AGAIN = Refusal("repeated", Verdict.SKIPPED, msg("again"))


def ms(steady_ms: int, wall_ms: int = 0) -> Now:
    return Now(wall_ms=wall_ms, steady_ms=steady_ms)


def signal(
    name: str = "1",
    action: Action = Action.BUY,
    confidence: str = "80",
    *,
    at_ms: int | None = None,
    arrived: Now | None = None,
) -> Signal:
    arrived = arrived or at(0)
    made_ms = arrived.wall_ms if at_ms is None else at_ms
    return Signal(Source.NOTION, name, action, Decimal(confidence), "because", made_ms, arrived)


def intent(name: str = "1", action: Action = Action.BUY, arrived: Now | None = None) -> Intent:
    one = signal(name, action, arrived=arrived)
    return Intent(one.key, one, one.arrived)


def version(tx_hash: str = "0xa", purpose: Purpose = Purpose.OWN, signed: Now | None = None) -> Version:
    return Version(tx_hash, "02" + tx_hash.removeprefix("0x"), purpose, 30 * 10**9, 10**9, signed or at(0))


def mined(tx_hash: str = "0xa", block: Block = BLOCK, *, ok: bool = True) -> Mined:
    return Mined(tx_hash, block, ok)


def signed(
    one: Intent, tx_hash: str = "0xa", nonce: int = 7, about: str = "supply", now: Now | None = None
) -> Event:
    return events.signed_event(one, about, nonce, version(tx_hash, signed=now))


def cancelling(one: Intent, tx_hash: str = "0xc", nonce: int = 7) -> Event:
    return events.signed_event(one, "cancel", nonce, version(tx_hash, Purpose.CANCELLATION))


def admitted(one: Intent, now: Now | None = None, value_e8: int = VALUE_E8) -> Event:
    return events.admitted_event(one, AMOUNT, value_e8, {"supplied": "5"}, now or at(0))


def ending(act: Act, now: Now | None = None) -> Callable[[Intent], Event]:
    return lambda one: events.end_event(act, one, DONE, now or at(1), Level.WARNING)


ACTS: Mapping[Act, Callable[[Intent], Event]] = {
    Act.PROPOSE: lambda one: events.proposed_event(one.signal),
    Act.REFUSE: lambda one: events.refused_event(one, (TOO_OLD,), at(1)),
    Act.HOLD: lambda one: events.held_event(one, at(1)),
    Act.ADMIT: admitted,
    Act.BOT_SEND: lambda one: events.bot_event(Act.BOT_SEND, one, at(1)),
    Act.BOT_ACCEPT: lambda one: events.bot_event(Act.BOT_ACCEPT, one, at(1)),
    Act.SIGN: signed,
    Act.MINE: lambda one: events.mined_event(one, mined(), at(1)),
    Act.UNMINE: lambda one: events.unmined_event(one, at(1)),
    Act.CONFIRM: lambda one: events.confirmed_event(one, mined(), at(1)),
    **{act: ending(act) for act in (Act.REHEARSE, Act.FAIL, Act.CANCEL, Act.SETTLE, Act.USURP, Act.YIELD)},
}
"""Each act as one that would be right in its place: with the first nonce and the first hash."""


def played(blotter: Blotter, *many: Event) -> Blotter:
    for event in many:
        blotter = after(blotter, event)
    return blotter


def acted(one: Intent, acts: Iterable[Deed]) -> Intent:
    """That intent, proposed, after these acts."""
    blotter = played(Blotter(), events.proposed_event(one.signal))
    for act in acts:
        blotter = after(blotter, (ACTS[act] if isinstance(act, Act) else act)(one))
    return blotter.intents[0]


def named(one: Intent, name: str) -> Intent:
    """The same life under another name."""
    other = replace(one.signal, id=name)
    return replace(one, id=other.key, signal=other)
