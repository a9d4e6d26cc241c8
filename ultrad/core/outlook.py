"""What prices, rates and time would make of a position, by the pool's own arithmetic.

Sources: aave-v3-origin v3.6 `MathUtils.sol` (linear and compounded interest), `ReserveLogic.sol` (normalized
income and debt), `ValidationLogic.sol` (liquidation under a health factor of 1). Earlier versions approximate the
compounding by another polynomial, which differs by less than a millionth of the interest.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from ultrad.core import pool
from ultrad.core.pool import RAY, Holding
from ultrad.core.position import Block
from ultrad.errors import Permanent
from ultrad.i18n import msg
from ultrad.units import ALL_BPS, WAD, Address, Bps, Now, UsdE8, Wad

YEAR_S = 365 * 24 * 3_600
"""`MathUtils.SECONDS_PER_YEAR`."""
HORIZON_S = 10 * YEAR_S
"""Interest is looked at so far ahead; what takes longer counts as never."""
MOST_TIMES = 1_000_000
"""A rising price is looked at up to so many times today's."""

Judge = Callable[[Wad], bool]
"""Whether a health factor is past a limit."""


def is_liquidated(hf: Wad) -> bool:
    """`HEALTH_FACTOR_LIQUIDATION_THRESHOLD`: under 1, not at it."""
    return hf < WAD


# ---------------------------------------------------------------- what is known


@dataclass(frozen=True, slots=True)
class Accrual:
    """How a reserve's indices go on (`Pool.getReserveData`): indices and rates in ray, rates for a year.

    updated_s: the chain's time at which the indices were as they stand here.
    """

    supply_index: int
    supply_rate: int
    debt_index: int
    debt_rate: int
    updated_s: int

    def at(self, time_s: int) -> tuple[int, int]:
        """`getNormalizedIncome` (linear) and `getNormalizedDebt` (compounded) as of that time, both in ray."""
        elapsed_s = time_s - self.updated_s
        linear = RAY + self.supply_rate * elapsed_s // YEAR_S
        x = self.debt_rate * elapsed_s // YEAR_S
        compounded = RAY + x + _ray_mul(x, x // 2 + _ray_mul(x, x // 6))
        return _ray_mul(linear, self.supply_index), _ray_mul(compounded, self.debt_index)


@dataclass(frozen=True, slots=True)
class Situation:
    """One position as the pool computes it, at one block. accruals: of the holdings, in their order.

    known: whether our arithmetic gives what the pool itself says at that block.
    """

    position: str
    block: Block
    endpoint: str
    revision: int
    known: bool
    holdings: tuple[Holding, ...] = ()
    accruals: tuple[Accrual, ...] = ()

    def after(self, seconds: int) -> tuple[Holding, ...]:
        """The holdings so many seconds after the block, if nobody does anything and no price moves."""
        time_s = self.block.time_s + seconds
        grown = []
        for one, accrual in zip(self.holdings, self.accruals, strict=True):
            supply_index, debt_index = accrual.at(time_s)
            grown.append(replace(one, supply_index=supply_index, debt_index=debt_index))
        return tuple(grown)


# ---------------------------------------------------------------- how far it is


class Reach(StrEnum):
    """Whether a limit can be reached: it is ahead, it is passed already, or there is no such price."""

    AHEAD = "ahead"
    PASSED = "passed"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Edge:
    """The price nearest to now at which a limit is passed, all else being as it is; None unless it is AHEAD.

    distance_bps: how far from the price now, negative for a fall; rounded toward zero.
    """

    reach: Reach
    price_e8: UsdE8 | None = None
    distance_bps: Bps | None = None


@dataclass(frozen=True, slots=True)
class PriceLine:
    """One asset of a position: its price, and the prices at which the stop trips and the pool liquidates.

    collateral, owed: what the position has of it; both, where the same asset is supplied and borrowed.
    """

    asset: Address
    symbol: str
    price_e8: UsdE8
    collateral: bool
    owed: bool
    trip: Edge
    liquidation: Edge


@dataclass(frozen=True, slots=True)
class Outlook:
    """How far a position is from its limits. read: when it was read.

    to_trip_s, to_liquidation_s: until interest alone gets there (0: it is passed already); None: never, or not
    within HORIZON_S.
    """

    block: Block
    read: Now
    health_factor: Wad
    prices: tuple[PriceLine, ...] = ()
    to_trip_s: int | None = None
    to_liquidation_s: int | None = None


def outlook(situation: Situation, trip_hf: Wad, read: Now) -> Outlook:
    """Everything about one position. Raises Permanent where the pool's arithmetic is not known."""

    def trips(hf: Wad) -> bool:
        return hf <= trip_hf

    held, revision = computable(situation), situation.revision
    lines = tuple(
        PriceLine(
            asset=one.asset,
            symbol=one.symbol,
            price_e8=one.price_e8,
            collateral=_counts(one),
            owed=one.scaled_debt > 0,
            trip=price_edge(held, revision, index, trips),
            liquidation=price_edge(held, revision, index, is_liquidated),
        )
        for index, one in enumerate(held)
        if _counts(one) or one.scaled_debt
    )
    return Outlook(
        block=situation.block,
        read=read,
        health_factor=pool.health_factor(held, revision),
        prices=lines,
        to_trip_s=seconds_until(situation, trips),
        to_liquidation_s=seconds_until(situation, is_liquidated),
    )


def _counts(one: Holding) -> bool:
    return one.as_collateral and one.scaled_supply > 0 and one.threshold_bps > 0


def price_edge(holdings: tuple[Holding, ...], revision: int, index: int, passed: Judge) -> Edge:
    """The price of one asset at which the limit is passed, all others constant.

    The health factor goes one way with one price: down with a falling one where the asset stands behind more than
    it is owed, down with a rising one where it is owed for more. Where nothing else is held and owed, it stays.
    """
    now_e8 = holdings[index].price_e8

    def passed_at(price_e8: int) -> bool:
        moved = replace(holdings[index], price_e8=UsdE8(price_e8))
        return passed(pool.health_factor((*holdings[:index], moved, *holdings[index + 1 :]), revision))

    if passed_at(now_e8):
        return Edge(Reach.PASSED)
    slope = _slope(holdings, revision, index)
    far_e8 = 1 if slope > 0 else now_e8 * MOST_TIMES
    if slope == 0 or not passed_at(far_e8):
        return Edge(Reach.NEVER)
    near_e8 = int(now_e8)
    while abs(near_e8 - far_e8) > 1:  # near is never past the limit, far always is
        middle_e8 = (near_e8 + far_e8) // 2
        near_e8, far_e8 = (near_e8, middle_e8) if passed_at(middle_e8) else (middle_e8, far_e8)
    moved_e8 = far_e8 - now_e8
    distance = abs(moved_e8) * ALL_BPS // now_e8
    return Edge(Reach.AHEAD, UsdE8(far_e8), Bps(distance if moved_e8 > 0 else -distance))


def _slope(holdings: tuple[Holding, ...], revision: int, index: int) -> int:
    """The sign of the health factor's change where this price rises."""
    backing = [pool.supplied(one, revision) * one.price_e8 * one.threshold_bps // one.unit for one in holdings]
    backing = [value if one.as_collateral else 0 for value, one in zip(backing, holdings, strict=True)]
    debts = [pool.owed(one, revision) * one.price_e8 // one.unit for one in holdings]
    other_backing, other_debts = sum(backing) - backing[index], sum(debts) - debts[index]
    return backing[index] * other_debts - debts[index] * other_backing


def seconds_until(situation: Situation, passed: Judge) -> int | None:
    """Seconds from the block until interest alone passes the limit, by the rates as they are now.

    What backs the debt grows in a line, the debt ever faster: once past the limit, it stays there.
    """
    revision = situation.revision

    def passed_after(seconds: int) -> bool:
        return passed(pool.health_factor(situation.after(seconds), revision))

    if passed(pool.health_factor(situation.holdings, revision)):
        return 0
    if not passed_after(HORIZON_S):
        return None
    near, far = 0, HORIZON_S
    while far - near > 1:
        middle = (near + far) // 2
        near, far = (near, middle) if passed_after(middle) else (middle, far)
    return far


def computable(situation: Situation) -> tuple[Holding, ...]:
    """Its holdings. Raises Permanent where our arithmetic is not this pool's."""
    if not situation.known:
        raise Permanent(
            msg(
                "What this pool computes for {position} is not what ultrad would (revision {revision}): it is not"
                " foretold here.",
                position=situation.position,
                revision=situation.revision,
            )
        )
    return situation.holdings


def _ray_mul(one: int, other: int) -> int:
    """`WadRayMath.rayMul`: to the nearest, a half up."""
    return (one * other + RAY // 2) // RAY
