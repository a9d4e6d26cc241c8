"""The outlook in words: for the commands and the page alike."""

from ultrad.core.outlook import Edge, PriceLine, Reach
from ultrad.i18n import Message, msg
from ultrad.units import bps_text, usd_text

_HOUR_S = 3_600
_DAYS_FROM_H = 72


def price_text(price_e8: int) -> str:
    """A price for people: to the cent from ten dollars on, exact under that."""
    if price_e8 >= 10 * 10**8:
        return usd_text(price_e8)
    digits = f"{price_e8 % 10**8:08d}"
    return f"${price_e8 // 10**8}.{digits[:2]}{digits[2:].rstrip('0')}"


def edge_text(edge: Edge, line: PriceLine) -> Message:
    """Where the limit is passed, or why at no price."""
    if edge.price_e8 is not None and edge.distance_bps is not None:
        sign = "+" if edge.distance_bps > 0 else ""
        return msg(
            "{price} ({distance})", price=price_text(edge.price_e8), distance=sign + bps_text(edge.distance_bps)
        )
    if edge.reach is Reach.PASSED:
        return msg("passed already")
    if line.collateral and line.owed:
        return msg("at no price: it is owed as well")
    return msg("at no price")


def interest_text(seconds: int | None) -> Message | str:
    """How long interest alone takes, rounded down."""
    if seconds is None:
        return "∞"
    if seconds == 0:
        return msg("passed already")
    hours = seconds // _HOUR_S
    if hours < 1:
        return msg("under 1 h")
    if hours < _DAYS_FROM_H:
        return msg("{hours} h", hours=hours)
    return msg("{hours} h ({days} days)", hours=hours, days=hours // 24)
