"""The pool's own arithmetic, in integers, as its contracts do it."""

from dataclasses import dataclass

from ultrad.units import Address, Bps, UsdE8


@dataclass(frozen=True, slots=True)
class Holding:
    """One reserve as the account uses it, at one block; what the pool's own arithmetic needs.

    Amounts are in smallest units. scaled_supply, scaled_debt: as the tokens hold them (`scaledBalanceOf`);
    supply_index, debt_index: in ray (10^27) as of the block's time (`Pool.getReserveNormalizedIncome` and
    `getReserveNormalizedVariableDebt`).
    threshold_bps: the liquidation threshold that counts, the e-mode's where it applies. unit: 10^decimals.
    """

    asset: Address
    symbol: str
    unit: int
    price_e8: UsdE8
    threshold_bps: Bps
    as_collateral: bool
    scaled_supply: int
    scaled_debt: int
    supply_index: int
    debt_index: int
