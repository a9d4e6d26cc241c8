"""What would become of a position: other prices, and other rates of its debts."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ultrad.core import pool
from ultrad.core.outlook import Situation, computable, is_liquidated, seconds_until
from ultrad.core.pool import RAY
from ultrad.core.position import Block
from ultrad.errors import Permanent
from ultrad.i18n import msg
from ultrad.units import ALL_BPS, Bps, UsdE8, Wad


@dataclass(frozen=True, slots=True)
class Wish:
    """What is supposed: (symbol, text) for prices and for the rates of debts; an empty symbol means all of them.

    A price: "-20%" or "+5%" of what it is, or "2100". A rate: "+5%" so many percentage points more, or "12%".
    """

    prices: tuple[tuple[str, str], ...] = ()
    rates: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Weighed:
    """A position as it is or would be. to_trip_s, to_liquidation_s: as in `Outlook`."""

    health_factor: Wad
    collateral_e8: UsdE8
    debt_e8: UsdE8
    warns: bool
    trips: bool
    liquidated: bool
    to_trip_s: int | None
    to_liquidation_s: int | None

    @property
    def net_value_e8(self) -> int:
        """Collateral less debt."""
        return self.collateral_e8 - self.debt_e8


@dataclass(frozen=True, slots=True)
class Supposed:
    """One position before and after. moved_bps: of its net value (None: there was none).

    value_trips: whether such a move is more than the stop allows within its window.
    prices: (symbol, before, after) of the assets whose price was changed.
    """

    position: str
    block: Block
    age_ms: int
    before: Weighed
    after: Weighed
    moved_bps: Bps | None
    value_trips: bool
    prices: tuple[tuple[str, UsdE8, UsdE8], ...] = ()


@dataclass(frozen=True, slots=True)
class Yard:
    """What a supposed position is held against."""

    warn_hf: Wad
    trip_hf: Wad
    max_value_change_bps: Bps


def suppose(situation: Situation, wish: Wish, yard: Yard, age_ms: int) -> Supposed:
    """What the wish makes of one position. Raises Permanent for a wish that cannot be, or unknown arithmetic."""
    computable(situation)
    prices = dict(wish.prices)
    rates = dict(wish.rates)
    holdings = tuple(
        replace(one, price_e8=price_after(prices[one.symbol], one.price_e8)) if one.symbol in prices else one
        for one in situation.holdings
    )
    accruals = tuple(
        replace(accrual, debt_rate=_rate_of(one.symbol, rates, accrual.debt_rate))
        for one, accrual in zip(situation.holdings, situation.accruals, strict=True)
    )
    # Another rate counts from the block on: what was earned and owed until then stays as it is.
    rebased = tuple(
        replace(
            accrual, supply_index=one.supply_index, debt_index=one.debt_index, updated_s=situation.block.time_s
        )
        for one, accrual in zip(holdings, accruals, strict=True)
    )
    changed = replace(situation, holdings=holdings, accruals=rebased)
    before, after = _weigh(situation, yard), _weigh(changed, yard)
    base = before.net_value_e8
    moved = None if base <= 0 else Bps((after.net_value_e8 - base) * ALL_BPS // base)
    return Supposed(
        position=situation.position,
        block=situation.block,
        age_ms=age_ms,
        before=before,
        after=after,
        moved_bps=moved,
        value_trips=moved is not None and abs(moved) > yard.max_value_change_bps,
        prices=tuple(
            (one.symbol, old.price_e8, one.price_e8)
            for old, one in zip(situation.holdings, holdings, strict=True)
            if one.symbol in prices
        ),
    )


def check_symbols(situations: tuple[Situation, ...], wish: Wish) -> None:
    """Raise Permanent where a wish names what no position holds, or names one thing twice."""
    known = sorted({one.symbol for situation in situations for one in situation.holdings})
    for named in (wish.prices, wish.rates):
        symbols = [symbol for symbol, _ in named if symbol]
        for symbol in symbols:
            if symbol not in known:
                raise Permanent(
                    msg(
                        "No position holds or owes {symbol}; they hold and owe: {known}",
                        symbol=symbol,
                        known=", ".join(known) or "–",
                    )
                )
            if symbols.count(symbol) > 1:
                raise Permanent(msg("{symbol} is named twice: say each once.", symbol=symbol))


def _rate_of(symbol: str, rates: Mapping[str, str], now: int) -> int:
    text = rates.get(symbol, rates.get(""))
    return now if text is None else rate_after(text, now)


def _weigh(situation: Situation, yard: Yard) -> Weighed:
    data = pool.account_data(situation.holdings, situation.revision)
    hf = data.health_factor
    return Weighed(
        health_factor=hf,
        collateral_e8=data.collateral_e8,
        debt_e8=data.debt_e8,
        warns=hf <= yard.warn_hf,
        trips=hf <= yard.trip_hf,
        liquidated=is_liquidated(hf),
        to_trip_s=seconds_until(situation, lambda one: one <= yard.trip_hf),
        to_liquidation_s=seconds_until(situation, is_liquidated),
    )


# ---------------------------------------------------------------- wishes in words

_E8 = 10**8
_MOST_DIGITS = 12


def price_after(text: str, price_e8: UsdE8) -> UsdE8:
    """The price that is meant, rounded down. Raises Permanent."""
    percent = text.endswith("%")
    amount = _amount(text.removesuffix("%"))
    signed = text[:1] in {"+", "-"}
    if amount is None or percent != signed:
        raise Permanent(
            msg("{text} is no price: write -20%, +5% or an amount in US dollars such as 2100.5", text=text)
        )
    found = price_e8 * (100 * _E8 + amount) // (100 * _E8) if percent else amount
    if found <= 0:
        raise Permanent(msg("{text} leaves no price: the pool knows none at or under 0.", text=text))
    return UsdE8(found)


def rate_after(text: str, rate: int) -> int:
    """The yearly rate that is meant, in ray; at least 0. Raises Permanent."""
    amount = _amount(text.removesuffix("%")) if text.endswith("%") else None
    if amount is None:
        raise Permanent(
            msg("{text} is no rate: write +5% for so many percentage points more, or 12% for the rate", text=text)
        )
    ray = amount * RAY // (100 * _E8)
    return max(0, rate + ray) if text[0] in "+-" else ray


def _amount(text: str) -> int | None:
    """A decimal with at most eight digits after the point, times 10^8; None where it is none."""
    sign = -1 if text.startswith("-") else 1
    whole, dot, part = text.removeprefix("-" if sign < 0 else "+").partition(".")
    digits = whole + part
    if not (digits.isascii() and digits.isdecimal() and whole) or (dot and not part):
        return None
    if len(whole) > _MOST_DIGITS or len(part) > len(str(_E8)) - 1:
        return None
    return sign * int(whole + part.ljust(8, "0"))
