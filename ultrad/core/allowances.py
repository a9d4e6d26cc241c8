"""Allowances: what others may take of the account's tokens, and what of that is left over.

ultrad allows the pool exactly what it is about to supply or repay, and the pool uses all of it. So whatever is
allowed while nothing is under way is left over: of a trade or a rescue that was not gone on with, or of somebody's
act by hand. It moves nothing by itself, and it is more than the account has to allow.
"""

from dataclasses import dataclass

from ultrad.core.events import Finding, Level, Origin, Severity
from ultrad.core.position import Block
from ultrad.i18n import Message, msg
from ultrad.units import Address, short_address

ENDLESS = 2**128
"""No token has so many: wallets allow 2^256 - 1, or what is left of that."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one contract may take of one asset. amount: in smallest units; unit: of one whole token."""

    asset: Address
    symbol: str
    unit: int
    spender: Address
    is_pool: bool
    amount: int


@dataclass(frozen=True, slots=True)
class AllowancesAt:
    """Every allowance that was asked for, those of nothing among them, at one block of one endpoint."""

    block: Block
    endpoint: str
    allowances: tuple[Allowance, ...]

    def standing(self) -> tuple[Allowance, ...]:
        """Those that allow anything."""
        return tuple(one for one in self.allowances if one.amount > 0)


def chosen(found: AllowancesAt, asset: str) -> tuple[Allowance, ...]:
    """What stands of one asset, by its symbol in any case or its address; of all where it is empty."""
    wanted = asset.lower()
    return tuple(one for one in found.standing() if wanted in {"", one.symbol.lower(), one.asset.lower()})


def amount_text(one: Allowance) -> Message:
    """In whole tokens, exactly."""
    if one.amount >= ENDLESS:
        return msg("without limit")
    whole, rest = divmod(one.amount, one.unit)
    digits = f"{rest:0{len(str(one.unit)) - 1}d}".rstrip("0") if rest else ""
    return Message(f"{whole:,}.{digits}" if digits else f"{whole:,}")


def spender_text(one: Allowance) -> Message:
    """Whom it is given to."""
    short = short_address(one.spender)
    return msg("the pool {address}", address=short) if one.is_pool else Message(short)


def left_over(one: Allowance) -> Finding:
    """It is told of in the daily report and the status: nothing is at risk by it that the pool does not guard."""
    return Finding(
        code="allowance_left",
        subject=f"{short_address(one.asset)}:{short_address(one.spender)}",
        level=Level.WARNING,
        origin=Origin.OUTSIDE,
        severity=Severity.S3,
        message=msg(
            "{spender} may still take {symbol} ({amount}) and needs it no more. Revoke it: ultrad allowances "
            "revoke {symbol}",
            spender=spender_text(one),
            symbol=one.symbol,
            amount=amount_text(one),
        ),
    )
