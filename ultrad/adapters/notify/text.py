"""A notice as text: its heading, and what is cut where a service takes no more."""

from collections.abc import Callable

from ultrad.core.events import Level
from ultrad.ports import Outgoing

CUT = "…"
"""Stands where text was cut off."""
_MARKS = {
    Level.INFO: "ℹ️",
    Level.WARNING: "⚠️",
    Level.ALERT: "🟠",
    Level.CRITICAL: "🔴",
    Level.EMERGENCY: "🚨",
}


def heading(what: Outgoing) -> tuple[str, str]:
    """Colour by emoji, and level with severity in capitals: what is seen first, in any language."""
    label = what.level.label.upper()
    return _MARKS[what.level], f"{label} {what.severity}" if what.severity else label


def sound(text: str) -> str:
    """The text without lone surrogates (undecodable file names bear them): JSON has no form for them."""
    return text.encode(errors="replace").decode()


def utf16_units(text: str) -> int:
    """Length in UTF-16 code units, as LINE and JavaScript count it."""
    return len(text) + sum(character > "\uffff" for character in text)


def fit(text: str, limit: int, size: Callable[[str], int] = utf16_units) -> str:
    """The text, cut visibly where its size exceeds the limit. size: of a string, the sum over its characters."""
    if size(text) <= limit:
        return text
    room = limit - size(CUT)
    for index, character in enumerate(text):
        room -= size(character)
        if room < 0:
            return text[:index] + CUT
    return text
