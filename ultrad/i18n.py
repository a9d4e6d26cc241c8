"""What operators read, in their language.

A sentence is built once, by `msg("English text with {figures}", figures=…)`, wherever the fact is known, and
rendered at the edge by a `Catalogue`. English is the key; the other languages stand in gettext catalogues
(`locale/<language>/LC_MESSAGES/ultrad.po`). `make lint` fails on a sentence without its translation.
"""

import gettext
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

Language = Literal["ja", "en"]
LANGUAGES: tuple[Language, ...] = ("ja", "en")
Figure = "str | int | Message"
_LOCALE = Path(__file__).parent / "locale"


@dataclass(frozen=True, slots=True)
class Message:
    """One sentence: its English template and the figures in it. `str()` gives English."""

    text: str
    args: tuple[tuple[str, "str | int | Message"], ...] = ()

    def __str__(self) -> str:
        """English."""
        return ENGLISH(self)


def msg(text: str, /, **figures: "str | int | Message") -> Message:
    """A sentence for an operator. `text` must be a literal, so that it is found for translation."""
    return Message(text, tuple(figures.items()))


class Catalogue:
    """The sentences of one language."""

    def __init__(self, language: Language) -> None:
        """Load the catalogue of `language`; English needs none."""
        self.language: Language = language
        self._lookup: gettext.NullTranslations = (
            gettext.NullTranslations()
            if language == "en"
            # An installation that lost its catalogues must still be able to stop: in English then.
            else gettext.translation("ultrad", _LOCALE, languages=[language], fallback=True)
        )

    def __call__(self, message: "Message | str") -> str:
        """Render a message; plain text (a name, a figure) passes through."""
        if isinstance(message, str):
            return message
        template = self._lookup.gettext(message.text) if message.text else ""
        return template.format_map(
            {name: self(value) if isinstance(value, Message) else value for name, value in message.args}
        )


@cache
def catalogue(language: Language) -> Catalogue:
    """The catalogue of a language, loaded once."""
    return Catalogue(language)


ENGLISH = catalogue("en")
