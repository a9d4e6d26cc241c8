from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.make_trades import admitted, intent, ms, played
from ultrad.core.admission import Asset, Room, size_of, too_small
from ultrad.core.intent_events import proposed_event
from ultrad.core.intents import Blotter
from ultrad.core.limits import HOUR_MS
from ultrad.core.signals import Action
from ultrad.core.trade_limits import TradeLimits
from ultrad.units import ALL_BPS, USD, Bps, UsdE8

USDC = Asset("USDC", 10**6, UsdE8(USD))
RICH = Room(USDC, 10**15, 10**15, 10**15, None, funds_e8=10**6 * USD, lowest_funds_e8=10**6 * USD, used_e8=0)
LIMITS = TradeLimits(UsdE8(50 * USD), max_trade_e8=UsdE8(100 * USD))
TRADES = [Action.BUY, Action.SELL]

assets = st.builds(
    Asset,
    st.just("X"),
    st.sampled_from([0, 2, 6, 8, 18]).map(lambda digits: 10**digits),
    st.integers(1, 10**14).map(UsdE8),
)
amounts = st.integers(0, 10**24)
values = st.integers(0, 10**16)
rooms = st.builds(
    Room,
    asset=assets,
    wallet=amounts,
    supplied=amounts,
    liquidity=amounts,
    cap_left=st.none() | st.integers(-(10**24), 10**24),
    funds_e8=values | st.integers(-USD, 0),
    lowest_funds_e8=values,
    used_e8=values,
)
limits = st.builds(
    TradeLimits,
    values.map(UsdE8),
    max_trade_e8=values.map(UsdE8),
    max_trade_bps=st.integers(0, ALL_BPS).map(Bps),
    max_day_bps=st.integers(0, ALL_BPS).map(Bps),
)


def worth(asset: Asset, amount: int) -> Fraction:
    return Fraction(amount * asset.price_e8, asset.unit)


# ---------------------------------------------------------------- rounding


@given(assets, amounts)
def test_value_e8__any_amount__is_rounded_up_by_less_than_one(asset: Asset, amount: int) -> None:
    assert 0 <= asset.value_e8(amount) - worth(asset, amount) < 1


@given(assets, values | st.integers(-(10**12), 0))
def test_amount__any_value__is_the_largest_within_it(asset: Asset, value_e8: int) -> None:
    amount = asset.amount(value_e8)
    assert worth(asset, amount) <= max(0, value_e8) < worth(asset, amount + 1)
    assert asset.value_e8(amount) <= max(0, value_e8)  # rounding up does not beat the limit that it came from


# ---------------------------------------------------------------- caps


@given(rooms, limits, st.sampled_from(TRADES))
def test_size_of__any_room__is_within_every_cap_and_the_largest_such(
    room: Room, limit: TradeLimits, action: Action
) -> None:
    def within(amount: int) -> bool:
        value = worth(room.asset, amount)
        own = (
            (amount <= room.wallet and (room.cap_left is None or amount <= max(0, room.cap_left)))
            if action is Action.BUY
            else amount <= min(room.supplied, room.liquidity)
        )
        return (
            own
            and value <= min(limit.trade_e8, limit.max_trade_e8)
            and value <= room.funds_e8 * limit.max_trade_bps // ALL_BPS
            and value + room.used_e8 <= room.lowest_funds_e8 * limit.max_day_bps // ALL_BPS
        )

    size = size_of(action, room, limit)
    assert size.amount >= 0
    assert size.amount == 0 or within(size.amount)
    assert not within(size.amount + 1)
    assert size.value_e8 == room.asset.value_e8(size.amount)
    assert size.value_e8 <= limit.trade_e8


@given(rooms, limits, st.sampled_from(TRADES), st.data())
def test_size_of__more_room__is_never_less(
    room: Room, limit: TradeLimits, action: Action, data: st.DataObject
) -> None:
    name = data.draw(
        st.sampled_from(["wallet", "supplied", "liquidity", "funds_e8", "lowest_funds_e8", "used_e8"])
    )
    by = data.draw(st.integers(0, 10**20)) * (-1 if name == "used_e8" else 1)
    more = replace(room, **{name: getattr(room, name) + by})
    assert size_of(action, more, limit).amount >= size_of(action, room, limit).amount
    assert size_of(action, replace(room, cap_left=None), limit).amount >= size_of(action, room, limit).amount


CUTS: Sequence[tuple[Action, Room, TradeLimits, str, int]] = [
    (Action.BUY, RICH, LIMITS, "", 50 * USD),
    (Action.BUY, RICH, replace(LIMITS, trade_e8=UsdE8(100 * USD)), "", 100 * USD),
    (Action.BUY, RICH, replace(LIMITS, trade_e8=UsdE8(100 * USD + 100)), "max_trade_usd", 100 * USD),
    (Action.SELL, replace(RICH, funds_e8=500 * USD), LIMITS, "", 50 * USD),
    (Action.SELL, replace(RICH, funds_e8=490 * USD), LIMITS, "max_trade_pct", 49 * USD),
    (Action.BUY, replace(RICH, lowest_funds_e8=1_000 * USD, used_e8=250 * USD), LIMITS, "", 50 * USD),
    (Action.BUY, replace(RICH, lowest_funds_e8=1_000 * USD, used_e8=260 * USD), LIMITS, "max_day_pct", 40 * USD),
    (Action.BUY, replace(RICH, lowest_funds_e8=1_000 * USD, used_e8=300 * USD), LIMITS, "max_day_pct", 0),
    (Action.BUY, replace(RICH, lowest_funds_e8=1_000 * USD, used_e8=999 * USD), LIMITS, "max_day_pct", 0),
    (Action.BUY, replace(RICH, funds_e8=-USD), LIMITS, "max_trade_pct", 0),
    (Action.BUY, replace(RICH, wallet=20 * 10**6, supplied=0, liquidity=0), LIMITS, "wallet", 20 * USD),
    (Action.BUY, replace(RICH, cap_left=30 * 10**6), LIMITS, "supply_cap", 30 * USD),
    (Action.BUY, replace(RICH, cap_left=-1), LIMITS, "supply_cap", 0),
    (Action.SELL, replace(RICH, supplied=20 * 10**6, wallet=0, cap_left=0), LIMITS, "supplied", 20 * USD),
    (Action.SELL, replace(RICH, liquidity=10**6), LIMITS, "liquidity", USD),
]


@pytest.mark.parametrize(("action", "room", "limit", "by", "value_e8"), CUTS)
def test_size_of__one_cap_is_lowest__is_named(
    action: Action, room: Room, limit: TradeLimits, by: str, value_e8: int
) -> None:
    size = size_of(action, room, limit)
    assert (size.by, size.value_e8) == (by, value_e8)


# ---------------------------------------------------------------- a day of trades


@given(
    st.lists(
        st.tuples(st.integers(0, 9 * HOUR_MS), st.integers(0, 2_000 * USD), st.integers(1, 3 * USD)),
        max_size=25,
    )
)
def test_max_day__any_day__what_is_used_in_the_window_stays_within_its_share_of_the_lowest_funds(
    moments: list[tuple[int, int, int]],
) -> None:
    """Funds and price change as they like: every trade is judged as the trader does, the lowest funds included."""
    limit = TradeLimits(UsdE8(90 * USD), min_trade_e8=UsdE8(1))
    blotter, now_ms, funds = Blotter(), 0, list[tuple[int, int]]()
    for number, (passed_ms, funds_e8, price_e8) in enumerate(moments):
        now_ms += passed_ms
        since_ms = now_ms - limit.window_ms
        funds.append((now_ms, funds_e8))
        lowest_e8 = min(value for seen_ms, value in funds if seen_ms >= since_ms)
        room = replace(
            RICH,
            asset=replace(USDC, price_e8=UsdE8(price_e8)),
            funds_e8=funds_e8,
            lowest_funds_e8=lowest_e8,
            used_e8=blotter.used_e8(since_ms),
        )
        size = size_of(Action.BUY, room, limit)
        if too_small(size, limit) is None:
            one = intent(str(number), arrived=ms(now_ms))
            blotter = played(blotter, proposed_event(one.signal), admitted(one, ms(now_ms), size.value_e8))
            assert blotter.used_e8(since_ms) * ALL_BPS <= lowest_e8 * limit.max_day_bps
