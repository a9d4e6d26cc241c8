"""The figures that a trade is held against, in exact units; the defaults are those the rules were written for."""

from dataclasses import dataclass
from decimal import Decimal

from ultrad.core.limits import HOUR_MS, MINUTE_MS
from ultrad.units import WAD, Bps, UsdE8, Wad

_USD_10, _USD_100 = UsdE8(10 * 10**8), UsdE8(100 * 10**8)
_TENTH, _THREE_TENTHS, _HALF_PERCENT = Bps(1_000), Bps(3_000), Bps(50)
_HF_1_8 = Wad(18 * WAD // 10)


@dataclass(frozen=True, slots=True)
class TradeLimits:
    """What stands between a signal and a transaction.

    trade_e8: what a trade is worth (USD scaled by 10^8), before any cap. min_trade_e8: a trade cut to less is not
    worth its gas. max_trade_e8, max_trade_bps: caps of one trade, in USD and of total funds. max_day_bps: of all
    trades within window_ms, gross, against the lowest total funds seen in it. min_hf_after: the health factor that
    a trade must leave. cooldown_ms: between trades of a position.

    min_confidence: 0 to 100. fresh_ms: how old a signal may be, by its own time; ahead_ms: how far ahead of ours
    its clock may be. repeats: so many of the same action within repeat_ms are taken, no more. burst: more signals
    than this within burst_ms trip. run: so many BUY or SELL in a row trip (`intents.NEWEST_KEPT` at most).

    max_fee_wei: gas over this is waited for, gas_wait_ms at a time. gas_errors: so many in a row trip.
    tolerance_bps: how far an outcome may be from what was simulated.
    """

    trade_e8: UsdE8
    min_trade_e8: UsdE8 = _USD_10
    max_trade_e8: UsdE8 = _USD_100
    max_trade_bps: Bps = _TENTH
    max_day_bps: Bps = _THREE_TENTHS
    window_ms: int = 24 * HOUR_MS
    min_hf_after: Wad = _HF_1_8
    cooldown_ms: int = 10 * MINUTE_MS
    min_confidence: Decimal = Decimal(60)
    fresh_ms: int = 15 * MINUTE_MS
    ahead_ms: int = 2 * MINUTE_MS
    repeats: int = 3
    repeat_ms: int = HOUR_MS
    burst: int = 10
    burst_ms: int = 10 * MINUTE_MS
    run: int = 5
    max_fee_wei: int = 100 * 10**9
    gas_wait_ms: int = 5 * MINUTE_MS
    gas_errors: int = 2
    tolerance_bps: Bps = _HALF_PERCENT
