"""What a reading and the market amount to: the rules of the position, each a function of its own."""

from dataclasses import dataclass

from ultrad.core.events import Effect, Finding, Level, Origin, Severity
from ultrad.core.limits import Limits
from ultrad.core.position import Market, Reading, Reserve, Sequencer, Unreadable
from ultrad.i18n import Message, msg
from ultrad.units import ALL_BPS, Bps, UsdE8, bps_text, hf_text, usd_text


def reading_findings(reading: Reading, extremes: tuple[int, int] | None, limits: Limits) -> tuple[Finding, ...]:
    """Every finding about one reading. extremes: lowest and highest net value of the window before it."""
    found = (
        health_factor(reading, limits),
        hard_floor(reading, limits),
        empty_position(reading, limits),
        value_change(reading, extremes, limits),
    )
    return tuple(one for one in found if one is not None)


def health_factor(reading: Reading, limits: Limits) -> Finding | None:
    """At or under the trip threshold it is an emergency; at or under the warning threshold a warning."""
    hf = reading.health_factor
    if hf > limits.warn_hf:
        return None
    trips = hf <= limits.trip_hf
    limit = limits.trip_hf if trips else limits.warn_hf
    figures = (("health_factor", hf_text(hf)), ("limit", hf_text(limit)), ("block", str(reading.block.number)))
    if trips:
        return Finding(
            code="hf_low",
            subject=reading.position,
            level=Level.EMERGENCY,
            origin=Origin.OUTSIDE,
            severity=Severity.S1,
            effect=Effect.TRIP,
            message=msg(
                "Health factor {hf} of {position} is at or under {limit} (block {block}, collateral {collateral}, "
                "debt {debt}). Repay debt or add collateral.",
                hf=hf_text(hf),
                position=reading.position,
                limit=hf_text(limit, 2),
                block=reading.block.number,
                collateral=usd_text(reading.collateral_e8),
                debt=usd_text(reading.debt_e8),
            ),
            figures=figures,
            health_factor=hf,
        )
    return Finding(
        code="hf_near",
        subject=reading.position,
        level=Level.WARNING,
        origin=Origin.OUTSIDE,
        severity=Severity.S2,  # not noise: whoever is told now may still repay in peace
        message=msg(
            "Health factor {hf} of {position} is at or under {limit} (block {block}). "
            "Consider repaying some debt.",
            hf=hf_text(hf),
            position=reading.position,
            limit=hf_text(limit, 2),
            block=reading.block.number,
        ),
        figures=figures,
        health_factor=hf,
    )


def hard_floor(reading: Reading, limits: Limits) -> Finding | None:
    """Under the hard floor liquidation is near.

    A code of its own, so that it is a further cause where the stop is ON already, and people are told anew.
    """
    hf = reading.health_factor
    if hf >= limits.hard_floor_hf:
        return None
    return Finding(
        code="hf_floor",
        subject=reading.position,
        level=Level.EMERGENCY,
        origin=Origin.OUTSIDE,
        severity=Severity.S1,
        effect=Effect.TRIP,
        message=msg(
            "Health factor {hf} of {position} is under the hard floor {limit} (block {block}, debt {debt}): at 1 "
            "it is liquidated. Repay debt or add collateral now.",
            hf=hf_text(hf),
            position=reading.position,
            limit=hf_text(limits.hard_floor_hf, 2),
            block=reading.block.number,
            debt=usd_text(reading.debt_e8),
        ),
        figures=(
            ("health_factor", hf_text(hf)),
            ("limit", hf_text(limits.hard_floor_hf)),
            ("block", str(reading.block.number)),
        ),
        health_factor=hf,
    )


def is_empty(reading: Reading) -> bool:
    """Neither collateral nor debt: such a reading is no baseline for a value, and perhaps a mistyped account."""
    return reading.collateral_e8 == 0 and reading.debt_e8 == 0


def empty_position(reading: Reading, limits: Limits) -> Finding | None:
    """An account without collateral and debt reads as infinitely healthy; unless allowed it is a mistyped one."""
    if not is_empty(reading) or reading.position in limits.allow_empty:
        return None
    return Finding(
        code="position_empty",
        subject=reading.position,
        level=Level.CRITICAL,
        origin=Origin.CODE,
        severity=Severity.S2,
        effect=Effect.NO_TRADE,
        message=msg(
            "{position} has neither collateral nor debt: is its account mistyped? No trade until it has, "
            "or until allow_empty says that this is meant.",
            position=reading.position,
        ),
        figures=(("block", str(reading.block.number)),),
        health_factor=reading.health_factor,
    )


def change_bps(value: int, extremes: tuple[int, int]) -> Bps:
    """The larger move of `value` from the window's lowest or highest, in basis points of that one.

    Rounded away from zero and signed: a rise is positive. From nothing or from under water any move counts as the
    whole.
    """
    low, high = extremes
    return max(_move_bps(value, low), _move_bps(value, high), key=abs)


def _move_bps(value: int, reference: int) -> Bps:
    move = value - reference
    if move == 0:
        return Bps(0)
    if reference <= 0:
        return Bps(ALL_BPS if move > 0 else -ALL_BPS)
    size = -(-abs(move) * ALL_BPS // reference)
    return Bps(size if move > 0 else -size)


def value_change(reading: Reading, extremes: tuple[int, int] | None, limits: Limits) -> Finding | None:
    """A net value that moved further than its limit within the window trips; so does one that is all gone.

    `allow_empty` lets a position be empty, not become so unseen.
    """
    if extremes is None:
        return None
    change = change_bps(reading.net_value_e8, extremes)
    if abs(change) <= limits.max_value_change_bps:
        return None
    low, high = extremes
    return Finding(
        code="value_moved",
        subject=reading.position,
        level=Level.ALERT,
        origin=Origin.OUTSIDE,
        severity=Severity.S1,
        effect=Effect.TRIP,
        message=msg(
            "The net value of {position} is {value}, {change} away from what it was within {hours} hours "
            "(lowest {low}, highest {high}; limit {limit}). Find out what moved it.",
            position=reading.position,
            value=usd_text(reading.net_value_e8),
            change=bps_text(change),
            hours=limits.value_window_ms // 3_600_000,
            low=usd_text(low),
            high=usd_text(high),
            limit=bps_text(limits.max_value_change_bps),
        ),
        figures=(
            ("net_value", usd_text(reading.net_value_e8)),
            ("change", bps_text(change)),
            ("lowest", usd_text(low)),
            ("highest", usd_text(high)),
            ("block", str(reading.block.number)),
        ),
        health_factor=reading.health_factor,
    )


def unreadable(one: Unreadable) -> Finding:
    """A position that could not be read allows no trade."""
    return _no_trade(
        code="position_unreadable",
        subject=one.position,
        message=msg(
            "{position} could not be read while others could: {reason}. No trade until it can.",
            position=one.position,
            reason=one.message,
        ),
    )


def _no_trade(
    *,
    code: str,
    subject: str,
    message: Message,
    figures: tuple[tuple[str, str], ...] = (),
    origin: Origin = Origin.OUTSIDE,
) -> Finding:
    return Finding(code, subject, Level.ALERT, origin, message, Severity.S2, Effect.NO_TRADE, figures)


# ---------------------------------------------------------------- market


@dataclass(frozen=True, slots=True)
class PriceTrack:
    """The last two answers of one price source, so that a jump stands until the next answer, equal or not.

    updated_s: when the newer answer was given (Unix seconds); None where the source does not say, and an answer is
    known as a new one by its price alone.
    """

    symbol: str
    price_e8: UsdE8
    updated_s: int | None = None
    before_e8: UsdE8 | None = None

    def then(self, price_e8: UsdE8, updated_s: int | None = None) -> "PriceTrack":
        """The track after one more look."""
        if (price_e8, updated_s) == (self.price_e8, self.updated_s):
            return self
        return PriceTrack(self.symbol, price_e8, updated_s, self.price_e8)


def market_findings(
    market: Market, tracks: tuple[PriceTrack, ...], limits: Limits, now_s: int
) -> tuple[Finding, ...]:
    """Every finding about the market. tracks: with this market's prices already taken in; now_s: Unix seconds."""
    found = [
        finding
        for reserve in market.reserves
        for finding in (reserve_usable(reserve), oracle_age(reserve, limits, now_s))
    ]
    found += [oracle_jump(track, limits) for track in tracks]
    found.append(sequencer_state(market.sequencer, limits, now_s))
    return tuple(one for one in found if one is not None)


def reserve_usable(reserve: Reserve) -> Finding | None:
    """A reserve that is paused, frozen or inactive allows no new trade."""
    states = (("paused", reserve.paused), ("frozen", reserve.frozen), ("inactive", not reserve.active))
    names = [name for name, is_so in states if is_so]
    if not names:
        return None
    return _no_trade(
        code="reserve_unusable",
        subject=reserve.symbol,
        message=msg(
            "Aave's reserve {symbol} is {states}. No new trade until that ends; see Aave's governance and status "
            "pages for the reason.",
            symbol=reserve.symbol,
            states=", ".join(names),
        ),
        figures=(("state", ", ".join(names)),),
    )


def oracle_age(reserve: Reserve, limits: Limits, now_s: int) -> Finding | None:
    """A price older than its limit, or of unknown age, allows no new trade."""
    limit_s = dict(limits.oracle_max_age_by_symbol).get(reserve.symbol, limits.oracle_max_age_s)
    if reserve.price_updated_s is None:
        return _no_trade(
            code="oracle_age_unknown",
            subject=reserve.symbol,
            origin=Origin.CODE,
            message=msg(
                "The price source of {symbol} does not say how old its price is. No new trade; name the feed "
                "behind it in the configuration.",
                symbol=reserve.symbol,
            ),
        )
    age_s = now_s - reserve.price_updated_s
    if age_s <= limit_s:
        return None
    return _no_trade(
        code="oracle_stale",
        subject=reserve.symbol,
        message=msg(
            "The oracle price of {symbol} is {age} s old (limit {limit} s). No new trade until it is renewed.",
            symbol=reserve.symbol,
            age=age_s,
            limit=limit_s,
        ),
        figures=(("age_s", str(age_s)), ("limit_s", str(limit_s))),
    )


def oracle_jump(track: PriceTrack, limits: Limits) -> Finding | None:
    """A price further from the one before it than the limit allows no new trade."""
    if track.before_e8 is None:
        return None
    change = _move_bps(track.price_e8, track.before_e8)
    if abs(change) <= limits.oracle_max_jump_bps:
        return None
    return _no_trade(
        code="oracle_jump",
        subject=track.symbol,
        message=msg(
            "The oracle price of {symbol} went from {before} to {price} ({change}; limit {limit}). No new trade "
            "until the next price; compare it with other markets.",
            symbol=track.symbol,
            before=usd_text(track.before_e8),
            price=usd_text(track.price_e8),
            change=bps_text(change),
            limit=bps_text(limits.oracle_max_jump_bps),
        ),
        figures=(
            ("before", usd_text(track.before_e8)),
            ("price", usd_text(track.price_e8)),
            ("change", bps_text(change)),
        ),
    )


def sequencer_state(sequencer: Sequencer | None, limits: Limits, now_s: int) -> Finding | None:
    """An L2 sequencer that is down, or up for less than its grace time, allows no new trade."""
    if sequencer is None:
        return None
    since_s = now_s - sequencer.since_s
    if sequencer.up and since_s >= limits.sequencer_grace_s:
        return None
    return _no_trade(
        code="sequencer_grace" if sequencer.up else "sequencer_down",
        subject="",
        message=msg(
            "The network's sequencer has been up again for only {since} s (grace time {grace} s). "
            "No new trade until then.",
            since=since_s,
            grace=limits.sequencer_grace_s,
        )
        if sequencer.up
        else msg(
            "The network's sequencer has been down for {since} s. No new trade until it is back.", since=since_s
        ),
        figures=(("since_s", str(since_s)),),
    )
