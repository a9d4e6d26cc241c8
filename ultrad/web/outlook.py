"""How far a position is from its limits: for the page, and for `/api/status`."""

from ultrad.core.events import Json
from ultrad.core.outlook import Edge, PriceLine, Reach
from ultrad.core.outlook_words import edge_text, interest_text, price_text
from ultrad.core.status import PositionStatus
from ultrad.i18n import Message, msg
from ultrad.units import Now
from ultrad.web.html import Html, el
from ultrad.web.words import Words, fixed, hf_exact

_USD_DIGITS = 8
MOST_LINES = 12
"""Assets of one position that the page shows; the commands show everything."""


def outlook_json(one: PositionStatus, now: Now, words: Words) -> Json:
    """Prices as exact decimals; seconds as integers, None where interest never gets there."""
    outlook = one.outlook
    trouble = None if one.outlook_trouble is None else words(one.outlook_trouble)
    if outlook is None:
        return None if trouble is None else {"trouble": trouble}
    return {
        "block": outlook.block.number,
        "age_ms": now.steady_ms - outlook.read.steady_ms,
        "health_factor": hf_exact(outlook.health_factor),
        "interest_to_trip_s": outlook.to_trip_s,
        "interest_to_liquidation_s": outlook.to_liquidation_s,
        "prices": [_line(line) for line in outlook.prices],
        "trouble": trouble,
    }


def _line(line: PriceLine) -> Json:
    return {
        "symbol": line.symbol,
        "price_usd": fixed(line.price_e8, _USD_DIGITS),
        "collateral": line.collateral,
        "owed": line.owed,
        "trip": _edge(line.trip),
        "liquidation": _edge(line.liquidation),
    }


def _edge(edge: Edge) -> Json:
    return {
        "reach": edge.reach.value,
        "price_usd": None if edge.price_e8 is None else fixed(edge.price_e8, _USD_DIGITS),
        "distance_pct": None if edge.distance_bps is None else fixed(edge.distance_bps, 2),
    }


def outlook_html(one: PositionStatus, now: Now, words: Words) -> tuple[Html, ...]:
    """What stands under a position: the prices and the time that bring it to its limits."""
    outlook = one.outlook
    shown: list[Html] = []
    if outlook is not None:
        facts: list[tuple[Message, Message | str, str]] = []
        for line in outlook.prices[:MOST_LINES]:
            now_text = price_text(line.price_e8)
            facts += (
                (msg("{symbol} now", symbol=line.symbol), now_text, ""),
                (msg("{symbol} at which it stops", symbol=line.symbol), *_told(line.trip, line)),
                (msg("{symbol} at which it is liquidated", symbol=line.symbol), *_told(line.liquidation, line)),
            )
        facts += (
            (msg("Interest alone: to the stop"), interest_text(outlook.to_trip_s), ""),
            (msg("Interest alone: to liquidation"), interest_text(outlook.to_liquidation_s), ""),
        )
        listed = (
            part
            for label, figure, look in facts
            for part in (
                el("dt", words(label)),
                el("dd", words(figure), class_=look) if look else el("dd", words(figure)),
            )
        )
        shown.append(el("dl", *listed))
        age = (now.steady_ms - outlook.read.steady_ms) // 1_000
        shown.append(el("p", words(msg("Distances read {seconds} s ago.", seconds=age)), class_="dim"))
    if one.outlook_trouble is not None:
        trouble = msg("The distances could not be read: {why}", why=one.outlook_trouble)
        shown.append(el("p", words(trouble), class_="warn"))
    return tuple(shown)


def _told(edge: Edge, line: PriceLine) -> tuple[Message, str]:
    look = {Reach.PASSED: "bad", Reach.NEVER: "dim", Reach.AHEAD: ""}[edge.reach]
    return edge_text(edge, line), look
