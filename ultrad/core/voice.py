"""A notice in words: its title and its lines, as a channel gets them."""

from dataclasses import dataclass
from datetime import tzinfo

from ultrad.core.outbox import Told
from ultrad.core.telling import local_text
from ultrad.i18n import Catalogue, msg


@dataclass(frozen=True, slots=True)
class Voice:
    """Who speaks, and how. place: environment and network, so that nobody takes staging for production."""

    words: Catalogue
    zone: tzinfo
    place: str
    version: str

    def render(self, told: Told) -> tuple[str, tuple[str, ...]]:
        """The title, and the lines below it. The time stands in them: a notice may come late."""
        signed = msg(
            "{place}, {when}, ultrad {version}",
            place=self.place,
            when=local_text(told.queued, self.zone),
            version=self.version,
        )
        return self.words(told.title), (*(self.words(line) for line in told.lines), self.words(signed))
