"""How far the positions are from their limits, and what would become of them: sections for the screen."""

from collections.abc import Iterator

from ultrad.cli.screen import BAD, DIM, GOOD, NOTHING, Cell, Section, View
from ultrad.core.outlook import Edge, Outlook, PriceLine, Reach
from ultrad.core.outlook_words import edge_text, interest_text, price_text
from ultrad.core.status import PositionStatus, Status
from ultrad.core.whatif import Supposed, Weighed
from ultrad.i18n import Message, msg
from ultrad.units import Now, bps_text, hf_text, usd_text

OLD_MS = 900_000
"""Figures older than this stand out: at most ten minutes are between two readings."""
NEAR_BPS = 1_000
"""A limit that is nearer than 10 % stands out."""


def outlook_sections(status: Status) -> tuple[Section, ...]:
    """The prices and the time that bring each position to its limits."""
    head = (
        msg("Position"),
        msg("Asset"),
        msg("Price"),
        msg("Stop at"),
        msg("Liquidation at"),
        msg("Interest alone: to the stop"),
        msg("to liquidation"),
        msg("Read"),
    )
    rows = tuple(row for one in status.positions for row in _rows(one, status.now))
    return (Section(msg("Distance to the limits (each price alone, all else as it is)"), head, rows),)


def _rows(one: PositionStatus, now: Now) -> Iterator[tuple[Cell, ...]]:
    outlook = one.outlook
    if outlook is None:
        why = one.outlook_trouble or msg("not read yet")
        yield (Cell(one.name), *(NOTHING,) * 6, Cell(why, BAD if one.outlook_trouble else DIM))
        return
    times = (Cell(interest_text(outlook.to_trip_s)), Cell(interest_text(outlook.to_liquidation_s)), _age(one, now))
    if not outlook.prices:
        yield (Cell(one.name), Cell(msg("nothing at stake"), DIM), NOTHING, NOTHING, NOTHING, *times)
    for number, line in enumerate(outlook.prices):
        first = number == 0
        yield (
            Cell(one.name if first else ""),
            Cell(line.symbol),
            Cell(price_text(line.price_e8)),
            _edge(line.trip, line),
            _edge(line.liquidation, line),
            *(times if first else (Cell(""),) * 3),
        )


def _edge(edge: Edge, line: PriceLine) -> Cell:
    near = edge.distance_bps is not None and abs(edge.distance_bps) < NEAR_BPS
    style = BAD if edge.reach is Reach.PASSED else "yellow" if near else DIM if edge.reach is Reach.NEVER else ""
    return Cell(edge_text(edge, line), style)


def _age(one: PositionStatus, now: Now) -> Cell:
    outlook: Outlook | None = one.outlook
    age_ms = 0 if outlook is None else now.steady_ms - outlook.read.steady_ms
    ago = msg("{seconds} s ago", seconds=age_ms // 1_000)
    if one.outlook_trouble is not None:
        return Cell(msg("{ago}; since then: {why}", ago=ago, why=one.outlook_trouble), BAD)
    return Cell(ago, BAD if age_ms > OLD_MS else DIM)


# ---------------------------------------------------------------- what if


def supposed_view(found: tuple[Supposed, ...]) -> View:
    """Before and after, for each position."""
    return View((), "", tuple(_supposed(one) for one in found))


def _supposed(one: Supposed) -> Section:
    title = msg(
        "{position}, as of block {block} ({seconds} s ago)",
        position=one.position,
        block=one.block.number,
        seconds=one.age_ms // 1_000,
    )
    before, after = one.before, one.after
    moved = "" if one.moved_bps is None else f" ({'+' if one.moved_bps > 0 else ''}{bps_text(one.moved_bps)})"
    rows = (
        *(
            (Cell(msg("Price of {symbol}", symbol=symbol)), Cell(price_text(old)), Cell(price_text(new)))
            for symbol, old, new in one.prices
        ),
        (
            Cell(msg("Health factor")),
            Cell(hf_text(before.health_factor)),
            Cell(hf_text(after.health_factor), "bold"),
        ),
        (Cell(msg("Collateral")), Cell(usd_text(before.collateral_e8)), Cell(usd_text(after.collateral_e8))),
        (Cell(msg("Debt")), Cell(usd_text(before.debt_e8)), Cell(usd_text(after.debt_e8))),
        (
            Cell(msg("Net value")),
            Cell(usd_text(before.net_value_e8)),
            Cell(f"{usd_text(after.net_value_e8)}{moved}"),
        ),
        (
            Cell(msg("Interest alone: to the stop")),
            Cell(interest_text(before.to_trip_s)),
            Cell(interest_text(after.to_trip_s)),
        ),
        (
            Cell(msg("Interest alone: to liquidation")),
            Cell(interest_text(before.to_liquidation_s)),
            Cell(interest_text(after.to_liquidation_s)),
        ),
        (
            Cell(msg("So ultrad")),
            _verdict(before, value_trips=False),
            _verdict(after, value_trips=one.value_trips),
        ),
    )
    return Section(title, (msg("What"), msg("Now"), msg("Then")), rows)


def _verdict(one: Weighed, *, value_trips: bool) -> Cell:
    if one.liquidated:
        return Cell(msg("has stopped long since; the pool liquidates"), BAD)
    if one.trips:
        return Cell(msg("stops (health factor)"), BAD)
    if value_trips:
        return Cell(msg("stops (the value moved too far)"), BAD)
    if one.warns:
        return Cell(msg("warns"), "yellow")
    return Cell(msg("does nothing"), GOOD)


def verdict_word(one: Supposed) -> Message | str:
    """For one line of text."""
    return _verdict(one.after, value_trips=one.value_trips).text
