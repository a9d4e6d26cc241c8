"""Mistakes in a configuration, and how they are told: all at once, and never with a secret in them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ultrad.errors import EXIT_CONFIG, Fatal
from ultrad.i18n import Language, Message, msg

MAX_MISTAKES = 100
"""More than anybody mends in one sitting; the rest is counted."""
MAX_SHOWN_CHARACTERS = 48
"""An address has 42. What is longer may be a key or a URL, and is not shown."""
_ADDRESS_LIKE = re.compile(r"0x[0-9a-zA-Z]{1,44}")
_KEY_LIKE = re.compile(r"[A-Za-z0-9+=]{20}")
"""The keys and tokens of node providers and messengers are 20 characters or more without a break."""

DEFAULT_LANGUAGE: Language = "ja"

Loc = tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake. keys: the dotted keys that it is about."""

    keys: tuple[str, ...]
    message: Message

    def touches(self, others: Iterable[str]) -> bool:
        """Whether one of its keys is, lies within, or holds one of these."""
        return any(_related(key, other) for key in self.keys for other in others)


class ConfigError(Fatal):
    """The configuration cannot be used. `mistakes` has a sentence for each; `message` has them all.

    language: what the file asks for, where that much could be read.
    """

    def __init__(self, path: Path, mistakes: Sequence[Message], language: Language = DEFAULT_LANGUAGE) -> None:
        """Fold the mistakes into one message."""
        self.mistakes = tuple(mistakes)
        self.language: Language = language
        shown = self.mistakes[:MAX_MISTAKES]
        lines = tuple(msg("- {mistake}", mistake=mistake) for mistake in shown)
        if len(shown) < len(self.mistakes):
            lines += (msg("- and {count} more", count=len(self.mistakes) - len(shown)),)
        super().__init__(
            msg(
                "{path} cannot be used, mistakes found: {count}. Correct them all, then run `ultrad check`."
                "\n{lines}",
                path=str(path),
                count=len(self.mistakes),
                lines=_folded(lines),
            ),
            EXIT_CONFIG,
        )


def _folded(lines: tuple[Message, ...]) -> Message:
    """Several lines as one message."""
    folded = lines[-1]
    for line in reversed(lines[:-1]):
        folded = msg("{line}\n{others}", line=line, others=folded)
    return folded


def key_text(loc: Loc, raw: object) -> str:
    """A location as the operator knows it: `limits.trip_hf`, `positions[main].account`, `positions[#2]`."""
    text, here = "", raw
    for part in loc:
        inner: object = None
        if isinstance(part, int):
            if isinstance(here, list) and part < len(here):
                inner = here[part]
            name = inner.get("name") if isinstance(inner, Mapping) else None
            text += f"[{name}]" if _plain_name(name) else f"[#{part + 1}]"
        else:
            inner = here.get(part) if isinstance(here, Mapping) else None
            text += f".{shown_key(part)}" if text else shown_key(part)
        here = inner
    return text


def _plain_name(name: object) -> bool:
    return isinstance(name, str) and name != "" and not may_be_secret(name) and name.replace("-", "").isalnum()


def shown_key(key: str) -> str:
    """A key as it may be shown."""
    return "…" if may_be_secret(key) else key


def may_be_secret(text: str) -> bool:
    """Whether text could be a key, a token or a URL with one. Addresses, words and paths could not."""
    if _ADDRESS_LIKE.fullmatch(text):
        return False
    return (
        len(text) > MAX_SHOWN_CHARACTERS
        or not text.isprintable()
        or "://" in text
        or _KEY_LIKE.search(text) is not None
    )


def _related(first: str, second: str) -> bool:
    """Whether one of two keys is, or lies within, the other."""
    short, long = sorted((first, second), key=len)
    return long == short or (long.startswith(short) and long[len(short)] in ".[")


def shown(value: object) -> Message | str:
    """A value as it may be shown."""
    if isinstance(value, Mapping | tuple | list):
        return msg("(a section)") if isinstance(value, Mapping) else msg("(a list)")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and abs(value) >= 10**MAX_SHOWN_CHARACTERS:
        return msg("(a very long number)")  # Python refuses to write out the longest
    text = str(value)
    if may_be_secret(text):
        return msg("(not shown)")
    return f'"{text}"' if isinstance(value, str) else text
