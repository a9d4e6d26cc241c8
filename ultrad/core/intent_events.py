"""What the journal holds of an intent: each step of its life as an event."""

from ultrad.core.admission import Refusal, Verdict
from ultrad.core.events import Event, Json, Level
from ultrad.core.intent_steps import Mined, Version
from ultrad.core.intents import OCTOBOT, WRITTEN, Act, Intent
from ultrad.core.messages import message_json
from ultrad.core.signals import Signal
from ultrad.i18n import Message, msg
from ultrad.units import Now


def proposed_event(signal: Signal) -> Event:
    """The record of a signal. Its key is the signal's: the same one is recorded once."""
    message = msg(
        "Signal {action} from {source} ({confidence} %): {reason}",
        action=signal.action.value,
        source=signal.source.value,
        confidence=str(signal.confidence),
        reason=signal.reason,
    )
    return _event(Act.PROPOSE, Level.INFO, signal.arrived, message, signal.key, {"signal": signal.json()})


def refused_event(intent: Intent, refusals: tuple[Refusal, ...], now: Now) -> Event:
    """The record of every rule that stood against it."""
    rejected = any(one.verdict is Verdict.REJECTED for one in refusals)
    rules: list[Json] = [
        {"rule": one.rule, "verdict": one.verdict.value, "message": message_json(one.message)} for one in refusals
    ]
    first = next((one for one in refusals if one.verdict is Verdict.REJECTED), refusals[0])
    names = ", ".join(one.rule for one in refusals)
    message = (
        msg("{id} is rejected ({rules}): {why}", id=intent.id, rules=names, why=first.message)
        if rejected
        else msg("{id} is skipped ({rules}): {why}", id=intent.id, rules=names, why=first.message)
    )
    return _event(Act.REFUSE, max(one.level for one in refusals), now, message, intent.id, {"rules": rules})


def held_event(intent: Intent, now: Now) -> Event:
    """The record that HOLD does nothing."""
    return _event(Act.HOLD, Level.INFO, now, msg("{id} is HOLD: nothing to do.", id=intent.id), intent.id, {})


def admitted_event(intent: Intent, amount: int, value_e8: int, figures: dict[str, Json], now: Now) -> Event:
    """The record that it may be traded; from here on its value is reserved. figures: what it was judged by."""
    message = msg("{id} is admitted.", id=intent.id)
    data: dict[str, Json] = {"amount": str(amount), "value_e8": str(value_e8), "figures": figures}
    return _event(Act.ADMIT, Level.INFO, now, message, intent.id, data)


def bot_event(act: Act, intent: Intent, now: Now) -> Event:
    """The record around OctoBot's one post: before it, and once it was accepted."""
    message = (
        msg("{id} goes to OctoBot.", id=intent.id)
        if act is Act.BOT_SEND
        else msg("{id}: OctoBot has accepted it.", id=intent.id)
    )
    return _event(act, Level.INFO, now, message, intent.id, {})


def signed_event(intent: Intent, about: str, nonce: int, version: Version) -> Event:
    """The record of a signed transaction, raw bytes and all: durable before it is sent."""
    message = msg(
        "{id}: {about} signed ({purpose}, nonce {nonce}, {hash}).",
        id=intent.id,
        about=about,
        purpose=version.purpose.value,
        nonce=nonce,
        hash=version.hash,
    )
    data: dict[str, Json] = {
        "about": about,
        "nonce": nonce,
        "hash": version.hash,
        "raw": version.raw,
        "purpose": version.purpose.value,
        "max_fee_wei": str(version.max_fee_wei),
        "tip_wei": str(version.tip_wei),
    }
    return _event(Act.SIGN, Level.INFO, version.signed, message, intent.id, data)


def mined_event(intent: Intent, mined: Mined, now: Now) -> Event:
    """The record that one of its transactions is in a block."""
    message = msg("{id}: {hash} is in block {block}.", id=intent.id, hash=mined.hash, block=mined.block.number)
    return _event(Act.MINE, Level.INFO, now, message, intent.id, _mined_json(mined))


def unmined_event(intent: Intent, now: Now) -> Event:
    """The record that its block is no longer part of the chain."""
    message = msg("{id}: its block was replaced; it is pending again.", id=intent.id)
    return _event(Act.UNMINE, Level.WARNING, now, message, intent.id, {})


def confirmed_event(intent: Intent, mined: Mined, now: Now) -> Event:
    """The record that a nonce is consumed at the confirmed depth, and by which transaction."""
    message = msg("{id}: {hash} is confirmed.", id=intent.id, hash=mined.hash)
    return _event(Act.CONFIRM, Level.INFO, now, message, intent.id, _mined_json(mined))


def end_event(act: Act, intent: Intent, message: Message, now: Now, level: Level = Level.INFO) -> Event:
    """The record of its end, and of what is told of it."""
    return _event(act, level, now, message, intent.id, {"end": message_json(message)})


def bot_failed_event(intent: Intent, message: Message, now: Now, *, known: bool) -> Event:
    """The record that OctoBot did not take it, or that nobody knows: its end, and somebody has to look there.

    known: that it did not. Else it counts as a trade where limits do.
    """
    data: dict[str, Json] = {"end": message_json(message), "leg": OCTOBOT, "not_taken": known}
    return _event(Act.FAIL, Level.ALERT, now, message, intent.id, data)


def written_event(intent: Intent, now: Now) -> Event:
    """The record that its source was told."""
    return _event(WRITTEN, Level.INFO, now, msg("{id}: its source is told.", id=intent.id), intent.id, {})


def _event(kind: str, level: Level, now: Now, message: Message, intent_id: str, data: dict[str, Json]) -> Event:
    """What can happen once to an intent bears its id as the key."""
    once = kind in {Act.PROPOSE, WRITTEN}
    return Event(kind, level, now, message, {"intent": intent_id, **data}, intent_id if once else None)


def _mined_json(mined: Mined) -> dict[str, Json]:
    block: list[Json] = [mined.block.number, mined.block.hash, mined.block.time_s]
    return {"hash": mined.hash, "block": block, "ok": mined.ok}
