"""Rescue: what lowers the risk of a position that is near its liquidation, and how much of it may be done.

Three measures, in this order: pay the debt from the wallet, pay it from what is supplied of the same asset,
supply more collateral from the wallet. Each aims at the target and goes no further; each is held within the caps;
and none is planned that the pool's own arithmetic, where it is known, does not show to raise the health factor.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from ultrad.core import pool
from ultrad.core.admission import Asset
from ultrad.core.limits import HOUR_MS
from ultrad.core.pool import RAY, Holding
from ultrad.errors import Permanent
from ultrad.i18n import Message, msg
from ultrad.units import ALL_BPS, USD, WAD, Address, UsdE8, Wad, hf_text, usd_text

MIN_STEP_E8 = 10 * USD
"""A step of less is not worth its gas, unless it is all that is missing."""
DAY_MS = 24 * HOUR_MS


class Measure(StrEnum):
    """What can be done, in the order in which it is tried. The value is what a transaction of it is about."""

    REPAY = "repay"
    REPAY_WITH_ATOKENS = "repay_with_atokens"
    ADD_COLLATERAL = "add_collateral"


FROM_WALLET = frozenset({Measure.REPAY, Measure.ADD_COLLATERAL})
"""Those for which the pool must be allowed to take the asset."""


@dataclass(frozen=True, slots=True)
class RescueLimits:
    """When it begins, where it ends, and what it may move (USD × 10^8). max_fee_wei: a gas, whatever the hurry."""

    rescue_hf: Wad
    target_hf: Wad
    step_e8: UsdE8
    hour_e8: UsdE8
    day_e8: UsdE8
    max_fee_wei: int


@dataclass(frozen=True, slots=True)
class Means:
    """What there is of one asset besides the position. Amounts in smallest units.

    payable: whether the reserve takes repayments (active, not paused); suppliable: and supplies (not frozen).
    cap_left: what its supply cap leaves, None where there is none. allowance: of the pool.
    """

    asset: Address
    wallet: int
    allowance: int
    payable: bool
    suppliable: bool
    cap_left: int | None


@dataclass(frozen=True, slots=True)
class Patient:
    """The account at one block. means: of each of its holdings. known: whether its pool's arithmetic is."""

    revision: int
    known: bool
    health_factor: Wad
    holdings: tuple[Holding, ...]
    means: tuple[Means, ...]


@dataclass(frozen=True, slots=True)
class Used:
    """What rescues have moved already, gross (USD × 10^8)."""

    hour_e8: int = 0
    day_e8: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """One step. amount in smallest units; hf_after: None where only the chain can say.

    scaled_before: the scaled balance that it changes, so that the outcome can be held against it.
    """

    measure: Measure
    asset: Address
    symbol: str
    amount: int
    value_e8: UsdE8
    scaled_before: int
    hf_after: Wad | None


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why something is not done, by the name of the rule."""

    rule: str
    message: Message


@dataclass(frozen=True, slots=True)
class _Option:
    """What one measure could do with one asset: at most so much of it. divisor: see `_missing_e8`."""

    measure: Measure
    holding: Holding
    most: int
    divisor: int


# ---------------------------------------------------------------- the plan


def plan(patient: Patient, limits: RescueLimits, used: Used) -> Plan | tuple[Obstacle, ...]:
    """The next step, or everything that stands against one."""
    if patient.health_factor >= limits.rescue_hf:
        return (_obstacle("not_needed", msg("the health factor is not under {hf}", hf=hf_text(limits.rescue_hf))),)
    short = _short(patient, limits.target_hf)
    if short <= 0:  # prices that the pool's own word does not go by
        return (_obstacle("figures", msg("the account's holdings do not explain its health factor")),)
    left_e8 = min(limits.step_e8, limits.hour_e8 - used.hour_e8, limits.day_e8 - used.day_e8)
    if left_e8 < min(MIN_STEP_E8, limits.step_e8):
        return (_caps_used(limits, used),)
    obstacles: list[Obstacle] = []
    for measure in Measure:
        found = _of_measure(measure, patient, short, limits.target_hf, left_e8)
        if isinstance(found, Plan):
            return found
        obstacles.append(found)
    return tuple(obstacles)


def again(patient: Patient, measure: Measure, asset: Address, amount: int) -> Plan | Obstacle:
    """A step that was planned before, held against the account as it is now."""
    for option in _OPTIONS[measure](patient, WAD):
        if option.holding.asset == asset and option.most >= amount:
            return _checked(patient, option, amount)
    return _obstacle(
        "changed", msg("{measure} of {asset} is not possible any more", measure=measure.value, asset=asset)
    )


def means_of(patient: Patient, asset: Address) -> Means:
    """What there is of an asset. Raises KeyError where it is none of the account's."""
    for one in patient.means:
        if one.asset == asset:
            return one
    raise KeyError(asset)


def health_after(patient: Patient, measure: Measure, asset: Address, amount: int) -> Wad:
    """By the pool's arithmetic. Raises Permanent where the pool would refuse it, or it is not known."""
    after = _CHANGES[measure](patient.holdings, asset, amount, patient.revision)
    return pool.health_factor(after, patient.revision)


# ---------------------------------------------------------------- how much is missing


def _short(patient: Patient, target_hf: Wad) -> int:
    """How far weighted collateral is short of what the target asks of the debt: USD × 10^8 × 10^4 × 10^18."""
    weighted = sum(
        _supplied(one) * one.price_e8 * one.threshold_bps // one.unit
        for one in patient.holdings
        if one.as_collateral
    )
    debt = sum(_up(_owed(one) * one.price_e8, one.unit) for one in patient.holdings)
    return debt * target_hf * ALL_BPS - weighted * WAD


def _missing_e8(short: int, option: _Option) -> int:
    """What of an option would reach the target, rounded up (USD × 10^8).

    With a debt D, weighted collateral W and a target T: (W - a·s) / (D - a·d) = T has the solution
    a = (T·D - W) / (T·d - s). Paid from the wallet d = 1, s = 0; from the supply d = 1, s its threshold; added to
    the supply d = 0, s = -threshold. The divisor is what stands below, times 10^4 and 10^18.
    """
    return _up(short, option.divisor)


def _supplied(one: Holding) -> int:
    """Rounded down, whatever the pool's version does."""
    return one.scaled_supply * one.supply_index // RAY


def _owed(one: Holding) -> int:
    """Rounded up, whatever the pool's version does."""
    return _up(one.scaled_debt * one.debt_index, RAY)


# ---------------------------------------------------------------- the measures


def _pairs(patient: Patient) -> Iterator[tuple[Holding, Means]]:
    means = {one.asset: one for one in patient.means}
    for holding in patient.holdings:
        if holding.price_e8 > 0:
            yield holding, means[holding.asset]


def _repayments(patient: Patient, target_hf: int) -> Iterator[_Option]:
    for one, means in _pairs(patient):
        if means.payable and (most := min(means.wallet, _owed(one))) > 0:
            yield _Option(Measure.REPAY, one, most, target_hf * ALL_BPS)


def _own_repayments(patient: Patient, target_hf: int) -> Iterator[_Option]:
    """It helps only where the health factor is over the threshold of what is given up for it."""
    for one, means in _pairs(patient):
        threshold = one.threshold_bps if one.as_collateral else 0
        gains = patient.health_factor * ALL_BPS > threshold * WAD
        if means.payable and gains and (most := min(_supplied(one), _owed(one))) > 0:
            yield _Option(Measure.REPAY_WITH_ATOKENS, one, most, target_hf * ALL_BPS - threshold * WAD)


def _additions(patient: Patient, target_hf: int) -> Iterator[_Option]:
    del target_hf
    for one, means in _pairs(patient):
        counts = one.as_collateral or (one.becomes_collateral and one.scaled_supply == 0)
        most = means.wallet if means.cap_left is None else min(means.wallet, means.cap_left)
        if means.suppliable and counts and one.threshold_bps > 0 and most > 0:
            yield _Option(Measure.ADD_COLLATERAL, one, most, one.threshold_bps * WAD)


_OPTIONS: dict[Measure, Callable[[Patient, int], Iterator[_Option]]] = {
    Measure.REPAY: _repayments,
    Measure.REPAY_WITH_ATOKENS: _own_repayments,
    Measure.ADD_COLLATERAL: _additions,
}
_CHANGES: dict[Measure, Callable[[tuple[Holding, ...], Address, int, int], tuple[Holding, ...]]] = {
    Measure.REPAY: pool.after_repay,
    Measure.REPAY_WITH_ATOKENS: pool.after_repay_with_atokens,
    Measure.ADD_COLLATERAL: pool.after_supply,
}


def _of_measure(measure: Measure, patient: Patient, short: int, target_hf: Wad, left_e8: int) -> Plan | Obstacle:
    """Its best step: the asset that can do most of what is missing."""
    sized = [_sized(one, short, left_e8) for one in _OPTIONS[measure](patient, target_hf)]
    if not sized:
        return _nothing_there(measure, patient)
    option, amount, share = max(sized, key=lambda one: one[2])
    whole = share >= ALL_BPS or amount == _owed(option.holding)
    if not whole and _asset(option.holding).value_e8(amount) < MIN_STEP_E8:
        return _obstacle("too_small", msg("{measure}: what there is of it is too little", measure=measure.value))
    return _checked(patient, option, amount)


def _sized(option: _Option, short: int, left_e8: int) -> tuple[_Option, int, int]:
    """An option, how much of it within the caps, and which share of what is missing that is (basis points)."""
    one = option.holding
    missing_e8 = _missing_e8(short, option)
    wanted = _up(missing_e8 * one.unit, one.price_e8)
    amount = min(wanted, option.most, _asset(one).amount(left_e8))
    return option, amount, amount * ALL_BPS // wanted


def _checked(patient: Patient, option: _Option, amount: int) -> Plan | Obstacle:
    """The step, if it raises the health factor as far as can be computed."""
    one, measure = option.holding, option.measure
    hf_after = None
    if patient.known:
        try:
            hf_after = health_after(patient, measure, one.asset, amount)
        except Permanent as error:
            return _obstacle("refused", error.message)
        if hf_after <= patient.health_factor:
            return _obstacle(
                "no_gain", msg("{measure}: it would not raise the health factor", measure=measure.value)
            )
    return Plan(
        measure=measure,
        asset=one.asset,
        symbol=one.symbol,
        amount=amount,
        value_e8=_asset(one).value_e8(amount),
        scaled_before=scaled(one, measure),
        hf_after=hf_after,
    )


def scaled(one: Holding, measure: Measure) -> int:
    """The scaled balance that a measure changes: it earns and costs no interest."""
    return one.scaled_supply if measure is Measure.ADD_COLLATERAL else one.scaled_debt


# ---------------------------------------------------------------- was it done


def how_far_off(
    holdings: tuple[Holding, ...], measure: Measure, asset: Address, amount: int, before: int
) -> tuple[int, int]:
    """(by how much the balance changed, by how much it should have), scaled. before: as the plan has it."""
    one = next(one for one in holdings if one.asset == asset)
    index = one.supply_index if measure is Measure.ADD_COLLATERAL else one.debt_index
    return abs(scaled(one, measure) - before), amount * RAY // index


# ---------------------------------------------------------------- why not


def _nothing_there(measure: Measure, patient: Patient) -> Obstacle:
    if any(not (one.suppliable if measure is Measure.ADD_COLLATERAL else one.payable) for one in patient.means):
        return _obstacle("reserve_closed", msg("{measure}: a reserve is paused or frozen", measure=measure.value))
    if measure is Measure.REPAY:
        return _obstacle("wallet_empty", msg("repay: the wallet holds nothing of what is owed"))
    if measure is Measure.REPAY_WITH_ATOKENS:
        return _obstacle("nothing_supplied", msg("repay_with_atokens: nothing is supplied of what is owed"))
    return _obstacle("no_collateral", msg("add_collateral: the wallet holds nothing that counts as collateral"))


def _caps_used(limits: RescueLimits, used: Used) -> Obstacle:
    return _obstacle(
        "caps_used",
        msg(
            "the caps are used up: {hour} of {hour_cap} within the hour, {day} of {day_cap} within the day",
            hour=usd_text(used.hour_e8),
            hour_cap=usd_text(limits.hour_e8),
            day=usd_text(used.day_e8),
            day_cap=usd_text(limits.day_e8),
        ),
    )


def _obstacle(rule: str, message: Message) -> Obstacle:
    return Obstacle(rule, message)


def _asset(one: Holding) -> Asset:
    return Asset(one.symbol, one.unit, one.price_e8)


def _up(dividend: int, divisor: int) -> int:
    return -(-dividend // divisor)
