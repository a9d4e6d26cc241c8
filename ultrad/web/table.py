"""Tables and sections of the status page."""

from collections.abc import Sequence
from dataclasses import dataclass

from ultrad.core.events import Level
from ultrad.i18n import Message, msg
from ultrad.web.html import Html, Inside, el, join
from ultrad.web.words import Words

MOST_ROWS = 50
"""A page longer than that is not read; the commands show everything."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands in a table, and how it looks: `tight` never wraps, `wide` takes the room that is left."""

    text: str
    look: str = "tight"


def section(title: Message, words: Words, *inside: Inside) -> Html:
    """One part of the page under its heading."""
    return el("section", el("h2", words(title)), *inside)


def table(heads: tuple[Message, ...], rows: Sequence[tuple[Cell, ...]], words: Words) -> Html:
    """The first rows as a table. Each cell knows its heading too: on a phone the rows become blocks."""
    titles = [words(one) for one in heads]
    table = el(
        "table",
        el("thead", el("tr", *(el("th", title) for title in titles))),
        el("tbody", *(_row(titles, cells) for cells in rows[:MOST_ROWS])),
    )
    return join(table, more(len(rows) - MOST_ROWS, words)) if len(rows) > MOST_ROWS else table


def more(count: int, words: Words) -> Html:
    """What is left out."""
    return el("p", words(msg("… and {count} more: see ultrad status", count=count)), class_="dim")


def _row(titles: list[str], cells: tuple[Cell, ...]) -> Html:
    return el(
        "tr",
        *(
            el("td", cell.text, class_=cell.look, data_label=title)
            for title, cell in zip(titles, cells, strict=True)
        ),
    )


def level(of: Level) -> Cell:
    """An event level in its colour."""
    colour = "bad" if of >= Level.ALERT else "warn" if of is Level.WARNING else "dim"
    return Cell(of.label, f"tight {colour}")


def yes(so: bool, yes: str, no: str) -> Cell:  # noqa: FBT001 - the fact itself
    """A fact in its colour."""
    return Cell(yes if so else no, f"tight {'good' if so else 'bad'}")
