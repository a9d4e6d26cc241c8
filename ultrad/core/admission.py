"""Whether a signal may become a trade, and of what size: each rule a function of its own, all of them asked.

An operator sees every reason, not the first. A skip is the rules at work; a rejection is something that was asked
and must not be.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from ultrad.core.events import Level
from ultrad.core.signals import Action, Signal
from ultrad.core.trade_limits import TradeLimits
from ultrad.i18n import Message, msg
from ultrad.units import ALL_BPS, Now, UsdE8, Wad, hf_text, usd_text

REPEATED = "repeated"
"""The one skip that is a warning."""

NOT_YET = frozenset({"no_reading_yet", "market_unread", "history_unread"})
"""What stands at each start, until everything was read once: no signal is lost for having come just then."""


class Verdict(StrEnum):
    """What became of a signal that is not traded."""

    SKIPPED = "skipped"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Refusal:
    """One rule that stands against a trade, by its name."""

    rule: str
    verdict: Verdict
    message: Message

    @property
    def level(self) -> Level:
        """How loudly it is told: skips are the rules' daily work, but for a source that repeats itself."""
        return Level.WARNING if self.verdict is Verdict.REJECTED or self.rule == REPEATED else Level.INFO


@dataclass(frozen=True, slots=True)
class Asset:
    """The asset that is traded. unit: its smallest units in one token (10^decimals); price in USD × 10^8."""

    symbol: str
    unit: int
    price_e8: UsdE8

    def value_e8(self, amount: int) -> UsdE8:
        """What an amount (smallest units) is worth, rounded up: a limit must never be beaten by rounding."""
        return UsdE8(-(-amount * self.price_e8 // self.unit))

    def amount(self, value_e8: int) -> int:
        """How much is worth at most so much, in smallest units, rounded down; nothing where there is no price."""
        return max(0, value_e8) * self.unit // self.price_e8 if self.price_e8 > 0 else 0


@dataclass(frozen=True, slots=True)
class Room:
    """What there is to trade with, at one block; amounts in smallest units of the asset.

    wallet: what the account holds. supplied: what it has supplied and could withdraw. liquidity: what the reserve
    can pay out. cap_left: what the supply cap leaves; None where there is none. funds_e8: total funds now;
    lowest_funds_e8: the lowest within the window, now included. used_e8: what trades of the window used, gross.
    """

    asset: Asset
    wallet: int
    supplied: int
    liquidity: int
    cap_left: int | None
    funds_e8: int
    lowest_funds_e8: int
    used_e8: int


@dataclass(frozen=True, slots=True)
class Record:
    """What came before this signal, by its steady times.

    last_trade_ms: of this position. same_action: how many of the same action were taken within the repeat time.
    arrivals: how many signals came within the burst time, this one included. run: how many of the same action came
    in a row, this one included (HOLD ends a run).
    """

    last_trade_ms: int | None = None
    same_action: int = 0
    arrivals: int = 1
    run: int = 1


@dataclass(frozen=True, slots=True)
class Size:
    """A trade's amount (smallest units) and what it is worth; by: the cap that cut it last, or empty."""

    amount: int
    value_e8: UsdE8
    by: str


# ---------------------------------------------------------------- size


def size_of(action: Action, room: Room, limits: TradeLimits) -> Size:
    """The largest trade within every cap."""
    caps = [
        ("trade_usd", room.asset.amount(limits.trade_e8)),
        ("max_trade_usd", room.asset.amount(limits.max_trade_e8)),
        ("max_trade_pct", room.asset.amount(room.funds_e8 * limits.max_trade_bps // ALL_BPS)),
        (
            "max_day_pct",
            room.asset.amount(room.lowest_funds_e8 * limits.max_day_bps // ALL_BPS - room.used_e8),
        ),
    ]
    if action is Action.BUY:
        caps.append(("wallet", room.wallet))
        if room.cap_left is not None:
            caps.append(("supply_cap", max(0, room.cap_left)))
    else:
        caps += [("supplied", room.supplied), ("liquidity", room.liquidity)]
    by, amount = min(caps, key=lambda one: one[1])
    return Size(amount, room.asset.value_e8(amount), "" if by == "trade_usd" else by)


# ---------------------------------------------------------------- rules of the signal itself


def confidence(signal: Signal, limits: TradeLimits) -> Refusal | None:
    """Too unsure."""
    if signal.confidence >= limits.min_confidence:
        return None
    return _skip(
        "confidence",
        msg(
            "confidence {confidence} is under the minimum {minimum}",
            confidence=str(signal.confidence),
            minimum=str(limits.min_confidence),
        ),
    )


def freshness(signal: Signal, limits: TradeLimits, now: Now) -> Refusal | None:
    """Too old by its own time, or from a clock too far ahead of ours.

    However the wall clock is set meanwhile, it grows no younger than it was on arrival, and the wait since counts.
    """
    age_ms = now.wall_ms - signal.at_ms
    waited_ms = now.steady_ms - signal.arrived.steady_ms
    oldest_ms = max(age_ms, waited_ms + max(0, signal.arrived.wall_ms - signal.at_ms))
    if age_ms < -limits.ahead_ms:
        return _reject(
            "from_the_future",
            msg("its time is {seconds} s ahead of ours: check the clocks", seconds=-age_ms // 1_000),
        )
    if oldest_ms <= limits.fresh_ms:
        return None
    return _reject(
        "stale",
        msg("it is {age} s old (limit {limit} s)", age=oldest_ms // 1_000, limit=limits.fresh_ms // 1_000),
    )


def may_wait(signal: Signal, against: Iterable[str], limits: TradeLimits, now: Now, *, held: bool) -> bool:
    """Whether what stands in its way ends by itself: it is looked at again then, as long as it is fresh.

    against: the findings that keep trades off. held: whether nothing but a hold shuts the gate.
    """
    return (held or not NOT_YET.isdisjoint(against)) and freshness(signal, limits, now) is None


def repeated(signal: Signal, record: Record, limits: TradeLimits) -> Refusal | None:
    """The same action again and again."""
    if record.same_action < limits.repeats:
        return None
    return _skip(
        REPEATED,
        msg(
            "{action} was taken {count} times within {minutes} minutes already",
            action=signal.action.value,
            count=record.same_action,
            minutes=limits.repeat_ms // 60_000,
        ),
    )


def cooldown(record: Record, limits: TradeLimits, now: Now) -> Refusal | None:
    """Too soon after the last trade."""
    if record.last_trade_ms is None:
        return None
    passed_ms = now.steady_ms - record.last_trade_ms
    if passed_ms >= limits.cooldown_ms:
        return None
    left_s = -(-(limits.cooldown_ms - passed_ms) // 1_000)
    return _skip("cooldown", msg("cooldown: the last trade was too short a time ago ({left} s left)", left=left_s))


# ---------------------------------------------------------------- rules of the moment


def estop(shut_by: tuple[str, ...]) -> Refusal | None:
    """The gate is shut: never traded, and never later either."""
    if not shut_by:
        return None
    return _reject("estop", msg("the gate is shut ({reasons})", reasons=", ".join(shut_by)))


def no_trade(against: Iterable[str]) -> Refusal | None:
    """A finding stands that keeps trades off."""
    names = tuple(against)
    if not names:
        return None
    return _reject("no_trade", msg("these findings keep trades off: {names}", names=", ".join(names)))


def unsettled(open_intents: tuple[str, ...]) -> Refusal | None:
    """One unsettled transaction an account."""
    if not open_intents:
        return None
    return _skip(
        "unsettled", msg("the trade before it is not settled yet ({names})", names=", ".join(open_intents))
    )


# ---------------------------------------------------------------- rules of the size


def too_small(size: Size, limits: TradeLimits) -> Refusal | None:
    """Cut to nothing worth its gas."""
    if size.value_e8 >= limits.min_trade_e8 and size.amount > 0:
        return None
    return _skip(
        "too_small",
        msg(
            "{value} is left of it, under the minimum {minimum} (cut by {cap})",
            value=usd_text(size.value_e8),
            minimum=usd_text(limits.min_trade_e8),
            cap=size.by or "trade_usd",
        ),
    )


def health_after(hf_after: Wad, limits: TradeLimits) -> Refusal | None:
    """It would leave too little room."""
    if hf_after >= limits.min_hf_after:
        return None
    return _reject(
        "hf_after",
        msg(
            "it would leave a health factor of {hf}; at least {minimum} must be left",
            hf=hf_text(hf_after),
            minimum=hf_text(limits.min_hf_after, 2),
        ),
    )


# ---------------------------------------------------------------- rules that trip


def is_burst(record: Record, limits: TradeLimits) -> bool:
    """More signals within a short time than a judge in their right mind sends."""
    return record.arrivals > limits.burst


def is_run(signal: Signal, record: Record, limits: TradeLimits) -> bool:
    """The same direction so many times in a row."""
    return signal.action is not Action.HOLD and record.run >= limits.run


def _skip(rule: str, message: Message) -> Refusal:
    return Refusal(rule, Verdict.SKIPPED, message)


def _reject(rule: str, message: Message) -> Refusal:
    return Refusal(rule, Verdict.REJECTED, message)
