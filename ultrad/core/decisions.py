"""What others hand in: a decision as JSON, checked field by field, all of it at once."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from ultrad.core.signals import MAX_CONFIDENCE, MAX_REASON, Action, Signal, Source
from ultrad.errors import Permanent
from ultrad.i18n import Message, msg
from ultrad.units import Now

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")
"""Ids go into OctoBot's text and into keys: no sign of theirs that parts fields."""
_SOURCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
FIELDS = ("id", "action", "confidence", "reason", "timestamp", "source")
LATEST_S = 253_402_300_799
"""The last second of the year 9999."""


class DecisionError(Permanent):
    """A body that is no decision. mistakes: each field that is wrong, and how."""

    def __init__(self, mistakes: tuple[tuple[str, Message], ...]) -> None:
        """Name the first in the message, and count the others."""
        name, first = mistakes[0]
        told = msg("{field}: {problem}", field=name, problem=first) if name else first
        if len(mistakes) > 1:
            told = msg(
                "{first} (fields at fault: {names})", first=told, names=", ".join(name for name, _ in mistakes)
            )
        super().__init__(told)
        self.mistakes = mistakes


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision as it was handed in. See `Signal`; an id of a named source is unique within that."""

    source: Source
    id: str
    action: Action
    confidence: Decimal
    reason: str
    at_ms: int

    def signal(self, arrived: Now) -> Signal:
        """As a signal that arrives now."""
        return Signal(self.source, self.id, self.action, self.confidence, self.reason, self.at_ms, arrived)


def decision_of(data: object, source: Source, now_ms: int | None = None) -> Decision:
    """The decision in a body whose numbers are integers or Decimals. Raises DecisionError.

    now_ms: stands for a timestamp that is left out (wall milliseconds); None: it must be there.
    """
    if not isinstance(data, Mapping):
        raise DecisionError((("", msg("The body must be a JSON object.")),))
    mistakes = [(str(name), msg("is not known here")) for name in data if name not in FIELDS]

    def field(name: str, read: Callable[[object], object], default: object = None) -> object:
        if name not in data:
            if default is None:
                mistakes.append((name, msg("is missing")))
            return default
        try:
            return read(data[name])
        except _FieldError as error:
            mistakes.append((name, error.message))
            return default

    own_id = field("id", _text_like(_ID, 64))
    action = field("action", _action)
    confidence = field("confidence", _confidence)
    reason = field("reason", _reason, "")
    at_ms = field("timestamp", _timestamp, now_ms)
    named = field("source", _text_like(_SOURCE, 32), "")
    if mistakes:
        raise DecisionError(tuple(sorted(mistakes, key=lambda one: one[0])))
    assert isinstance(action, Action)  # noqa: S101 - no mistake was found
    assert isinstance(confidence, Decimal)  # noqa: S101
    assert isinstance(at_ms, int)  # noqa: S101
    return Decision(source, f"{named}/{own_id}" if named else str(own_id), action, confidence, str(reason), at_ms)


class _FieldError(Permanent):
    """What is wrong with one field."""


def _text_like(pattern: re.Pattern[str], most: int) -> Callable[[object], object]:
    def read(value: object) -> object:
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise _FieldError(
                msg("must be 1 to {most} letters, digits and . _ : -, beginning with a letter or digit", most=most)
            )
        return value

    return read


def _action(value: object) -> Action:
    if not isinstance(value, str) or value not in set(Action):
        raise _FieldError(msg("must be one of {names}", names=", ".join(Action)))
    return Action(value)


def _confidence(value: object) -> Decimal:
    number = Decimal(value) if isinstance(value, int | Decimal) and not isinstance(value, bool) else None
    if number is None or not number.is_finite() or not 0 <= number <= MAX_CONFIDENCE or _digits(number) > 2:  # noqa: PLR2004 - hundredths
        raise _FieldError(msg("must be a number from 0 to 100 with at most two digits after the point"))
    return number


def _digits(number: Decimal) -> int:
    exponent = number.as_tuple().exponent
    return -exponent if isinstance(exponent, int) else 0


def _reason(value: object) -> str:
    text = " ".join(value.split()) if isinstance(value, str) else None
    if text is None or len(text) > MAX_REASON or not text.isprintable():
        raise _FieldError(msg("must be text of at most {most} printable characters", most=MAX_REASON))
    return text


def _timestamp(value: object) -> int:
    """Wall milliseconds."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= LATEST_S:
        return value * 1_000
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise _FieldError(
            msg("must be a time with its zone, such as 2026-11-23T09:00:00+09:00, or whole seconds since 1970")
        )
    return round(at.timestamp() * 1_000)
