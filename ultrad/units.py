"""Units: what an integer means stands in its type, and the unit stands last in a name."""

from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal, localcontext
from typing import NewType

Address = NewType("Address", str)
"""A 20-byte account or contract address, `0x` and 40 hex digits in EIP-55 checksum case."""
Wad = NewType("Wad", int)
"""A fixed-point number scaled by 10^18 (Aave's health factor)."""
UsdE8 = NewType("UsdE8", int)
"""US dollars scaled by 10^8 (the base currency of Aave V3's USD markets)."""
Bps = NewType("Bps", int)
"""Basis points: 1/10,000."""

INFINITE_HF = Wad(2**256 - 1)
"""What `Pool.getUserAccountData` answers for an account without debt (type(uint256).max)."""
WAD = 10**18
USD = 10**8
ALL_BPS = 10_000


@dataclass(frozen=True, slots=True)
class Now:
    """One look at the clocks, taken once a tick and passed down.

    wall_ms: Unix time in milliseconds, as the host believes it; it may jump.
    steady_ms: milliseconds on a clock that never goes back, also across restarts: for windows and ages.
    """

    wall_ms: int
    steady_ms: int


def wad(value: Decimal) -> Wad:
    """The fixed-point form of a decimal, rounded down."""
    with localcontext() as ctx:
        ctx.prec = 100
        return Wad(int((value * WAD).to_integral_value(ROUND_FLOOR)))


def hf_text(value: int, digits: int = 4) -> str:
    """A health factor for people, rounded down so that it never looks safer than it is; ∞ without debt."""
    if value == INFINITE_HF:
        return "∞"
    scaled = value // 10 ** (18 - digits)
    return f"{scaled // 10**digits}.{scaled % 10**digits:0{digits}d}"


def usd_text(value_e8: int) -> str:
    """Dollars for people, to the cent, rounded toward minus infinity."""
    cents = value_e8 // 10**6
    sign, cents = ("-", -cents) if cents < 0 else ("", cents)
    return f"{sign}${cents // 100:,}.{cents % 100:02d}"


def bps_text(value_bps: int) -> str:
    """Basis points as a percentage with two digits."""
    sign, value_bps = ("-", -value_bps) if value_bps < 0 else ("", value_bps)
    return f"{sign}{value_bps // 100}.{value_bps % 100:02d}%"


def short_address(address: str) -> str:
    """An address as it may leave the machine: its first 6 and last 4 characters."""
    return f"{address[:6]}…{address[-4:]}" if len(address) > 10 else address  # noqa: PLR2004 - 6 + 4
