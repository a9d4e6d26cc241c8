"""The pool's own arithmetic, in integers, as its contracts do it.

Source: github.com/aave-dao/aave-v3-origin, `GenericLogic.sol`, `SupplyLogic.sol`, `BorrowLogic.sol`,
`ScaledBalanceTokenBase.sol`, `WadRayMath.sol`, `PercentageMath.sol` and, since v3.5, `TokenMath.sol`, at each
release that `_RULES` names. v3.6.0 is compared with the contracts in the tests; v3.4.0, v3.5.0 and v3.7 (20d09847)
were, in the same way, when this was written.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from ultrad.errors import Permanent
from ultrad.i18n import msg
from ultrad.units import ALL_BPS, INFINITE_HF, WAD, Address, Bps, UsdE8, Wad

RAY = 10**27
WHOLE = 2**256 - 1
"""As an amount: all that there is (type(uint256).max, as the pool takes it)."""


@dataclass(frozen=True, slots=True)
class Holding:
    """One reserve as the account uses it, at one block; what the pool's own arithmetic needs.

    Amounts are in smallest units. scaled_supply, scaled_debt: as the tokens hold them (`scaledBalanceOf`);
    supply_index, debt_index: in ray (10^27) as of the block's time (`Pool.getReserveNormalizedIncome` and
    `getReserveNormalizedVariableDebt`).
    threshold_bps: the liquidation threshold that counts, the e-mode's where it applies. unit: 10^decimals.
    becomes_collateral: whether the pool makes it collateral by itself when it is supplied for the first time.
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
    becomes_collateral: bool = False


@dataclass(frozen=True, slots=True)
class AccountData:
    """What `Pool.getUserAccountData` says, as far as it is computed. threshold_bps: the average, rounded down."""

    collateral_e8: UsdE8
    debt_e8: UsdE8
    threshold_bps: Bps
    health_factor: Wad


@dataclass(frozen=True, slots=True)
class _Rules:
    """How one version rounds. half_up: to the nearest, where later ones round to the pool's advantage.

    counts_all: whether collateral without a liquidation threshold counts as collateral at all.
    """

    half_up: bool
    counts_all: bool


_UNTIL_V34 = _Rules(half_up=True, counts_all=False)
_SINCE_V36 = _Rules(half_up=False, counts_all=True)
_RULES = {
    5: _UNTIL_V34,  # v3.2.0
    6: _UNTIL_V34,  # v3.2.1
    7: _UNTIL_V34,  # v3.3.0
    8: _UNTIL_V34,  # v3.4.0
    9: _Rules(half_up=False, counts_all=False),  # v3.5.0
    10: _SINCE_V36,  # v3.6.0
    11: _SINCE_V36,  # v3.7
}
"""By `POOL_REVISION`. Earlier ones knew stable debts, and prices of e-modes' own: they are not computed here."""


def known(revision: int) -> bool:
    """Whether the arithmetic of this `POOL_REVISION` is known. All below raises Permanent where it is not."""
    return revision in _RULES


# ---------------------------------------------------------------- what the account has


def account_data(holdings: tuple[Holding, ...], revision: int) -> AccountData:
    """`GenericLogic.calculateUserAccountData`, to the last digit."""
    rules = _rules(revision)
    collateral = debt = weighted = 0
    for one in holdings:
        if one.as_collateral and (rules.counts_all or one.threshold_bps):
            value = supplied(one, revision) * one.price_e8 // one.unit
            collateral += value
            weighted += value * one.threshold_bps
        debt += _quotient(owed(one, revision) * one.price_e8, one.unit, up=not rules.half_up)
    threshold = weighted // collateral if collateral else 0
    if debt == 0:
        health_factor = INFINITE_HF
    elif rules.half_up:
        health_factor = Wad(_nearest(_nearest(collateral * threshold, ALL_BPS) * WAD, debt))
    else:
        health_factor = Wad(_nearest(weighted * WAD, debt) // ALL_BPS)
    return AccountData(UsdE8(collateral), UsdE8(debt), Bps(threshold), health_factor)


def health_factor(holdings: tuple[Holding, ...], revision: int) -> Wad:
    """The health factor as the pool computes it; infinite without debt."""
    return account_data(holdings, revision).health_factor


def supplied(holding: Holding, revision: int) -> int:
    """What the account has supplied, interest included: the aToken's `balanceOf`."""
    product = holding.scaled_supply * holding.supply_index
    return _nearest(product, RAY) if _rules(revision).half_up else product // RAY


def owed(holding: Holding, revision: int) -> int:
    """What the account owes, interest included: the debt token's `balanceOf`."""
    product = holding.scaled_debt * holding.debt_index
    return _nearest(product, RAY) if _rules(revision).half_up else _quotient(product, RAY, up=True)


def net_value_e8(holdings: tuple[Holding, ...]) -> int:
    """All that is supplied (as collateral or not) less all that is owed, in USD × 10^8.

    Rounded down at each step, so that it is never more than any version of the pool would say.
    """
    return sum(
        one.scaled_supply * one.supply_index // RAY * one.price_e8 // one.unit
        - _quotient(_quotient(one.scaled_debt * one.debt_index, RAY, up=True) * one.price_e8, one.unit, up=True)
        for one in holdings
    )


# ---------------------------------------------------------------- what it would have


def after_supply(holdings: tuple[Holding, ...], asset: Address, amount: int, revision: int) -> tuple[Holding, ...]:
    """The holdings after `Pool.supply`.

    The aToken mints amount / index, rounded down (until v3.4: to the nearest).
    Raises Permanent where the pool would refuse it: for an amount of which nothing would be minted.
    """
    half_up = _rules(revision).half_up

    def change(one: Holding) -> Holding | None:
        scaled = amount * RAY
        scaled = _nearest(scaled, one.supply_index) if half_up else scaled // one.supply_index
        if scaled <= 0:
            return None
        first = one.scaled_supply == 0
        return replace(
            one,
            scaled_supply=one.scaled_supply + scaled,
            as_collateral=one.as_collateral or (first and one.becomes_collateral),
        )

    return _changed(holdings, asset, amount, change)


def after_withdraw(
    holdings: tuple[Holding, ...], asset: Address, amount: int, revision: int
) -> tuple[Holding, ...]:
    """The holdings after `Pool.withdraw`, of WHOLE too. What is withdrawn to the end is collateral no longer.

    The aToken burns amount / index, rounded up (until v3.4: to the nearest).
    Raises Permanent where the pool would refuse it: for more than is supplied, or for nothing.
    """
    half_up = _rules(revision).half_up

    def change(one: Holding) -> Holding | None:
        balance = supplied(one, revision)
        if amount == WHOLE:
            scaled = one.scaled_supply
        elif half_up:
            scaled = _nearest(amount * RAY, one.supply_index)
        else:
            scaled = _quotient(amount * RAY, one.supply_index, up=True)
        if scaled <= 0 or scaled > one.scaled_supply or (amount > balance and amount != WHOLE):
            return None
        left = one.scaled_supply - scaled
        return replace(one, scaled_supply=left, as_collateral=one.as_collateral and left > 0)

    return _changed(holdings, asset, amount, change)


def after_repay(holdings: tuple[Holding, ...], asset: Address, amount: int, revision: int) -> tuple[Holding, ...]:
    """The holdings after `Pool.repay` from the wallet, of WHOLE too; what is more than the debt is not taken.

    The debt token burns amount / index, rounded down (until v3.4: to the nearest).
    Raises Permanent where the pool would refuse it: without a debt, or for an amount of which nothing is burned.
    """
    half_up = _rules(revision).half_up

    def change(one: Holding) -> Holding | None:
        scaled = min(amount, owed(one, revision)) * RAY
        scaled = _nearest(scaled, one.debt_index) if half_up else scaled // one.debt_index
        if scaled <= 0:
            return None
        return replace(one, scaled_debt=one.scaled_debt - scaled)

    return _changed(holdings, asset, amount, change)


def after_repay_with_atokens(
    holdings: tuple[Holding, ...], asset: Address, amount: int, revision: int
) -> tuple[Holding, ...]:
    """The holdings after `Pool.repayWithATokens`, of WHOLE too: a debt paid from the supply of the same asset.

    Both tokens burn what the debt can take of it: the debt token amount / index rounded down, the aToken rounded
    up (until v3.4: both to the nearest). What is burned to the end is collateral no longer.
    Raises Permanent where the pool would refuse it: without a debt, for more than is supplied, or for nothing.
    """
    half_up = _rules(revision).half_up

    def change(one: Holding) -> Holding | None:
        paid = min(supplied(one, revision) if amount == WHOLE else amount, owed(one, revision)) * RAY
        if half_up:
            debt, supply = _nearest(paid, one.debt_index), _nearest(paid, one.supply_index)
        else:
            debt, supply = paid // one.debt_index, _quotient(paid, one.supply_index, up=True)
        if debt <= 0 or not 0 < supply <= one.scaled_supply:
            return None
        left = one.scaled_supply - supply
        return replace(
            one,
            scaled_debt=one.scaled_debt - debt,
            scaled_supply=left,
            as_collateral=one.as_collateral and left > 0,
        )

    return _changed(holdings, asset, amount, change)


def _changed(
    holdings: tuple[Holding, ...], asset: Address, amount: int, change: Callable[[Holding], Holding | None]
) -> tuple[Holding, ...]:
    """The holdings with one of them changed. Raises Permanent where it is not there, or cannot change so."""
    for index, one in enumerate(holdings):
        if one.asset == asset and (changed := change(one)) is not None:
            return (*holdings[:index], changed, *holdings[index + 1 :])
    raise Permanent(
        msg(
            "the pool would refuse {amount} smallest units of {asset}: it is too little, or more than there is",
            amount=str(amount),
            asset=asset,
        )
    )


def _rules(revision: int) -> _Rules:
    rules = _RULES.get(revision)
    if rules is None:
        raise Permanent(
            msg(
                "The arithmetic of the pool's revision {revision} is not known here; only the chain itself can say"
                " what a trade would do.",
                revision=revision,
            )
        )
    return rules


def _nearest(dividend: int, divisor: int) -> int:
    """Rounded to the nearest, a half up: `rayMul`, `rayDiv`, `wadDiv` and `percentMul`."""
    return (dividend + divisor // 2) // divisor


def _quotient(dividend: int, divisor: int, *, up: bool) -> int:
    return -(-dividend // divisor) if up else dividend // divisor
