"""A book, and what people are told of it."""

from datetime import UTC

from tests.core.make import at
from tests.core.make_notices import RULES, queued
from ultrad.core import incidents, telling
from ultrad.core.events import Event
from ultrad.core.incidents import Book
from ultrad.core.telling import Notice, Why
from ultrad.units import Now

MINUTE = 60
QUIET_S = 30 * MINUTE


class Told:
    """A book, and what people are told of it, at each event."""

    def __init__(self, book: Book = Book()) -> None:  # noqa: B008 - frozen
        self.book = book
        self.notices: list[Notice] = []

    def hear(self, *events: Event) -> list[Why]:
        """Why people are told because of these."""
        count = len(self.notices)
        for event in events:
            self._tell(telling.notices_of(self.book, self.book, event, RULES, UTC), event.now)
            for follows in incidents.follow(self.book, event):
                self.act(follows)
        return [one.why for one in self.notices[count:]]

    def act(self, event: Event) -> list[Why]:
        count = len(self.notices)
        before, self.book = self.book, incidents.after(self.book, event)
        self._tell(telling.notices_of(before, self.book, event, RULES, UTC), event.now)
        return [one.why for one in self.notices[count:]]

    def _tell(self, notices: tuple[Notice, ...], now: Now) -> None:
        for one in notices:
            self.notices.append(one)
            self.book = incidents.after(
                self.book, queued(f"n{len(self.notices)}", seconds=now.steady_ms // 1_000, incident=one.incident)
            )

    def due(self, seconds: int, unheard: frozenset[int] = frozenset()) -> list[int]:
        return [one.number for one in telling.due(self.book, RULES, unheard, at(seconds))]
