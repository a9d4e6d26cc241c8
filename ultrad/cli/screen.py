"""What commands print: sentences, and sections of rows; as tables on a terminal, as plain lines elsewhere."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, TextIO
from zoneinfo import ZoneInfo

from ultrad.core.events import Json, Level
from ultrad.i18n import Catalogue, Message

if TYPE_CHECKING:
    from rich.console import RenderableType

LEVEL_STYLES = {
    Level.INFO: "",
    Level.WARNING: "yellow",
    Level.ALERT: "bold yellow",
    Level.CRITICAL: "bold red",
    Level.EMERGENCY: "bold white on red",
}
GOOD, BAD, DIM = "green", "bold red", "dim"


@dataclass(frozen=True, slots=True)
class Cell:
    """One figure or sentence, and how it stands out where there are colours."""

    text: Message | str
    style: str = ""


NOTHING = Cell("–", DIM)
When = Callable[[int | None], str]
"""A wall time in milliseconds as the operator reads it."""


@dataclass(frozen=True, slots=True)
class Section:
    """Rows under a title. head: the columns' names; empty for rows that explain themselves."""

    title: Message
    head: tuple[Message, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True, slots=True)
class View:
    """A whole answer: what matters most, then the sections. style: of the first."""

    banner: tuple[Cell, ...]
    style: str
    sections: tuple[Section, ...]


class Screen:
    """Where a command prints, in the operator's language and time zone."""

    def __init__(self, catalogue: Catalogue, zone: ZoneInfo, out: TextIO, err: TextIO) -> None:
        """Nothing is printed yet."""
        self.catalogue = catalogue
        self.zone = zone
        self.out = out
        self.err = err
        self.is_terminal = out.isatty()

    def text(self, sentence: Message | str) -> str:
        """Rendered, and unable to steer the terminal: much of it was said by others."""
        rendered = self.catalogue(sentence)
        return "".join(one if one.isprintable() or one in "\n　" else "�" for one in rendered)

    def say(self, *sentences: Message | str) -> None:
        """Print to standard output, each on a line of its own."""
        for sentence in sentences:
            print(self.text(sentence), file=self.out)

    def complain(self, *sentences: Message | str) -> None:
        """Print to standard error."""
        for sentence in sentences:
            print(self.text(sentence), file=self.err)

    def json(self, data: Json) -> None:
        """Print one JSON value on one line; the same in every language."""
        print(json.dumps(data, ensure_ascii=False, separators=(",", ":")), file=self.out, flush=True)

    def when(self, wall_ms: int | None) -> str:
        """A time in the operators' zone, to the second."""
        if wall_ms is None:
            return "–"
        return datetime.fromtimestamp(wall_ms // 1000, self.zone).strftime("%Y-%m-%d %H:%M:%S")

    def show(self, view: View) -> None:
        """Print a view."""
        if self.is_terminal:
            from rich.console import Console  # noqa: PLC0415 - only where it is used: it is slow to import

            Console(file=self.out).print(self.drawn(view))
        else:
            self.say(*self.plain(view))

    def drawn(self, view: View) -> "RenderableType":
        """The view for a terminal."""
        from rich.console import Group  # noqa: PLC0415 - see `show`
        from rich.panel import Panel  # noqa: PLC0415
        from rich.table import Table  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        def cell(one: Cell) -> Text:
            return Text(self.text(one.text), style=one.style)

        parts: list[RenderableType] = []
        if view.banner:
            parts.append(Panel(Group(*map(cell, view.banner)), border_style=view.style, expand=True))
        for section in view.sections:
            table = Table(
                title=Text(self.text(section.title), style="bold"),
                title_justify="left",
                show_header=bool(section.head),
                header_style="dim",
                box=None,
                pad_edge=False,
                padding=(0, 2, 0, 0),
            )
            for column in section.head or section.rows[0]:
                table.add_column(self.text(column) if isinstance(column, Message) else "", overflow="fold")
            for row in section.rows:
                table.add_row(*map(cell, row))
            parts += [Text(), table]
        return Group(*parts)

    def plain(self, view: View) -> list[str]:
        """The view as lines: columns aligned by their width on a terminal (a kanji takes two places)."""
        lines = [self.text(one.text) for one in view.banner]
        for section in view.sections:
            rows = [[self.text(one.text).replace("\n", " ") for one in row] for row in section.rows]
            head = [[self.text(one) for one in section.head]] if section.head else []
            lines += ["", f"# {self.text(section.title)}", *_aligned(head + rows)]
        return lines


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    from rich.cells import cell_len  # noqa: PLC0415 - see `show`

    widths = [max(cell_len(row[i]) for row in rows) for i in range(len(rows[0]))] if rows else []
    return [
        "  ".join(text + " " * (width - cell_len(text)) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
