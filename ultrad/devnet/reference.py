"""What stands on the devnet: its assets, its addresses, and the reference position."""

import json
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path

from ultrad.errors import Permanent
from ultrad.i18n import msg
from ultrad.networks import DEVNET_ACCOUNT, DEVNET_KEY
from ultrad.units import Address

CHAIN_ID = 31337
MOST_DIGITS = 77
"""Before the point or after it: no int256 has more."""
REFERENCE_KEY, REFERENCE_ACCOUNT = DEVNET_KEY, DEVNET_ACCOUNT


@dataclass(frozen=True, slots=True)
class Asset:
    """One reserve as it is listed, and the reference position in it (amounts in whole tokens).

    ltv_bps, threshold_bps, bonus_bps: as `PoolConfigurator.configureReserveAsCollateral` takes them.
    """

    symbol: str
    decimals: int
    price_usd: Decimal
    ltv_bps: int
    threshold_bps: int
    bonus_bps: int
    liquidity: Decimal
    supplied: Decimal = Decimal(0)
    borrowed: Decimal = Decimal(0)

    def units(self, tokens: Decimal) -> int:
        """Whole tokens in the smallest unit. Raises Permanent where that is not exact or below zero."""
        amount = exactly(tokens, self.decimals)
        if amount is None or amount < 0:
            raise Permanent(
                msg(
                    "{amount} is not an amount of {symbol}: give a number from 0 with at most {decimals} decimals",
                    amount=str(tokens),
                    symbol=self.symbol,
                    decimals=self.decimals,
                )
            )
        return amount


def exactly(value: Decimal, decimals: int) -> int | None:
    """A decimal as an integer scaled by 10^decimals; None where that would not be exact, or fits no int256."""
    sign, digits, exponent = value.as_tuple()
    # Looked at before any arithmetic: a short text (1e-999999999) could ask for any number of digits.
    if not isinstance(exponent, int) or abs(exponent) > MOST_DIGITS or len(digits) > MOST_DIGITS:
        return None
    number = int("".join(map(str, digits))) * 10 ** (exponent + MOST_DIGITS + decimals)
    scaled, rest = divmod(-number if sign else number, 10**MOST_DIGITS)
    return scaled if rest == 0 and -(2**255) <= scaled < 2**255 else None


ASSETS = (
    Asset("WETH", 18, Decimal(2500), 8000, 8300, 10500, liquidity=Decimal(10_000), supplied=Decimal(10)),
    Asset("USDC", 6, Decimal(1), 7500, 7800, 10450, liquidity=Decimal(10_000_000), borrowed=Decimal(11_000)),
    Asset("WBTC", 8, Decimal(60_000), 7300, 7800, 10650, liquidity=Decimal(1_000)),
)
"""10 WETH at $2500 against 11,000 USDC: a health factor of 10 * 2500 * 0.83 / 11000 = 1.8864."""


def asset(symbol: str) -> Asset:
    """The asset of that symbol, in any case. Raises Permanent where there is none."""
    for listed in ASSETS:
        if listed.symbol == symbol.upper():
            return listed
    raise Permanent(
        msg(
            "the devnet has no asset {symbol}; it has {known}",
            symbol=symbol,
            known=", ".join(listed.symbol for listed in ASSETS),
        )
    )


@dataclass(frozen=True, slots=True)
class DevnetAddresses:
    """Where everything stands. `tokens` and `feeds` are in the order of ASSETS."""

    deployer: Address
    addresses_provider: Address
    pool: Address
    configurator: Address
    acl_manager: Address
    oracle: Address
    data_provider: Address
    multicall3: Address
    tokens: tuple[Address, ...]
    feeds: tuple[Address, ...]
    account: Address = REFERENCE_ACCOUNT

    def token(self, symbol: str) -> Address:
        """The token contract of an asset."""
        return self.tokens[ASSETS.index(asset(symbol))]

    def feed(self, symbol: str) -> Address:
        """The price feed of an asset."""
        return self.feeds[ASSETS.index(asset(symbol))]

    def save(self, path: Path) -> None:
        """Write as JSON."""
        path.write_text(json.dumps(asdict(self), indent=2) + "\n")

    @classmethod
    def load(cls, path: Path) -> "DevnetAddresses":
        """What `save` wrote."""
        values = json.loads(path.read_text())
        tokens, feeds = tuple(values.pop("tokens")), tuple(values.pop("feeds"))
        return cls(tokens=tokens, feeds=feeds, **values)
