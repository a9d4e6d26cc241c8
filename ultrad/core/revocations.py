"""What the journal holds of a revocation, besides what it holds of every intent."""

from decimal import Decimal

from ultrad.core.allowances import Allowance, AllowancesAt, amount_text, spender_text
from ultrad.core.events import Event, Json, Level
from ultrad.core.intents import Act, Blotter, Intent
from ultrad.core.signals import MAX_CONFIDENCE, MAX_REASON, Action, Signal, Source
from ultrad.i18n import msg
from ultrad.units import Now, short_address

REVOKE = "revoke"
"""What its transaction is about: `approve` of nothing."""


def is_revocation(intent: Intent) -> bool:
    """Whether it takes an allowance back, and is no trade."""
    return intent.signal.source is Source.REVOCATION


def standing_in_its_way(blotter: Blotter, intent_id: str = "") -> tuple[str, ...]:
    """The trades and rescues that may be using an allowance just now: it is none that is left over."""
    return tuple(
        one.id for one in blotter.open() if one.admitted and not is_revocation(one) and one.id != intent_id
    )


def under_way(blotter: Blotter, one: Allowance) -> Intent | None:
    """The revocation of an allowance that is open already."""
    mine = (intent for intent in blotter.open() if is_revocation(intent))
    return next((intent for intent in mine if (intent.asset, intent.spender) == (one.asset, one.spender)), None)


def revocation_signal(by: str, one: Allowance, now: Now) -> Signal:
    """What stands for the decision: a person's. HOLD, because nothing of the strategy is wanted."""
    name = f"{short_address(one.asset)}-{short_address(one.spender)}-{now.steady_ms}"
    return Signal(Source.REVOCATION, name, Action.HOLD, Decimal(MAX_CONFIDENCE), by[:MAX_REASON], now.wall_ms, now)


def revocation_proposed(signal: Signal, one: Allowance) -> Event:
    """The record that it is wanted, and by whom."""
    message = msg(
        "{by} revokes what {spender} may take of {symbol} ({amount}).",
        by=signal.reason,
        spender=spender_text(one),
        symbol=one.symbol,
        amount=amount_text(one),
    )
    data: dict[str, Json] = {"intent": signal.key, "signal": signal.json()}
    return Event(Act.PROPOSE, Level.INFO, signal.arrived, message, data, signal.key)


def revocation_admitted(intent: Intent, one: Allowance, found: AllowancesAt, now: Now) -> Event:
    """The record of what it is to revoke, by which reading. It takes nothing from any limit."""
    return Event(
        Act.ADMIT,
        Level.INFO,
        now,
        msg("{id} is admitted.", id=intent.id),
        {
            "intent": intent.id,
            "amount": "0",
            "value_e8": "0",
            "figures": {
                "block": found.block.number,
                "block_hash": found.block.hash,
                "endpoint": found.endpoint,
                "supplied": "0",
                "measure": REVOKE,
                "asset": one.asset,
                "symbol": one.symbol,
                "spender": one.spender,
                "allowance": str(one.amount),
            },
        },
    )
