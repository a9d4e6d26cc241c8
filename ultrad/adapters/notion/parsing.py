"""From a page as Notion gives it to a row, or to what is wrong with it.

Source: developers.notion.com, "Page properties": each value has a `type`, and stands under the type's name.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TypeVar, cast
from zoneinfo import ZoneInfo

from ultrad.adapters.notion.settings import Names
from ultrad.core.signals import MAX_CONFIDENCE, Action
from ultrad.i18n import Message, msg
from ultrad.trade_ports import BadRow, Row

_T = TypeVar("_T")
Json = dict[str, object]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SHOWN = 40
"""Characters of a wrong value that are shown."""


class _Fault(Exception):
    def __init__(self, message: Message) -> None:
        super().__init__(message)
        self.message = message


def milliseconds(text: object, zone: ZoneInfo) -> int:
    """Unix milliseconds of an ISO 8601 date or time; what names no zone counts in this one. Raises ValueError."""
    read = datetime.fromisoformat(str(text))
    aware = read if read.tzinfo is not None else read.replace(tzinfo=zone)
    return (aware - _EPOCH) // timedelta(milliseconds=1)


class Parser:
    """Reads pages of one database."""

    def __init__(self, names: Names, zone: ZoneInfo) -> None:
        """zone: of timestamps that name none."""
        self._names = names
        self._zone = zone

    def __call__(self, page: Json) -> Row | BadRow | None:
        """The row; None where it is done, has no action, or lies in the trash. Raises ValueError for no page."""
        page_id = page.get("id")
        if not isinstance(page_id, str) or not page_id:
            raise ValueError("a page without an id")
        if page.get("in_trash") is True or page.get("archived") is True:
            return None
        found = page.get("properties")
        properties = cast("dict[str, object]", found) if isinstance(found, dict) else {}
        if not self._is_open(properties):
            return None
        return self._row(page_id, page, properties)

    def _is_open(self, properties: dict[str, object]) -> bool:
        """A query may show what was open a moment ago. What cannot be read here is a fault, told later."""
        try:
            status = _choice(properties, self._names.status, "select", "status")
            action = _choice(properties, self._names.action, "select")
        except _Fault:
            return True
        return status == self._names.open and action is not None

    def _row(self, page_id: str, page: Json, properties: dict[str, object]) -> Row | BadRow:
        faults: list[Message] = []

        def take(read: Callable[[], _T], otherwise: _T) -> _T:
            try:
                return read()
            except _Fault as fault:
                faults.append(fault.message)
                return otherwise

        edited_ms = take(lambda: self._edited(page), 0)
        take(lambda: _choice(properties, self._names.status, "select", "status"), None)
        row = Row(
            page_id=page_id,
            url=take(lambda: _required(properties, self._names.url), ""),
            summary=take(lambda: _text(properties, self._names.summary), ""),
            action=take(lambda: self._action(properties), Action.HOLD),
            confidence=take(lambda: _confidence(properties, self._names.confidence), Decimal(0)),
            at_ms=take(lambda: self._at(properties, edited_ms), 0),
            edited_ms=edited_ms,
        )
        if faults:
            return BadRow(page_id, edited_ms, _together(faults))
        return row

    def _edited(self, page: Json) -> int:
        try:
            return milliseconds(page.get("last_edited_time"), self._zone)
        except ValueError:
            raise _Fault(msg("The time of the last edit cannot be read.")) from None

    def _action(self, properties: dict[str, object]) -> Action:
        chosen = _choice(properties, self._names.action, "select")
        try:
            return Action(chosen or "")
        except ValueError:
            raise _Fault(
                msg(
                    "{name} is {value}: choose one of {options}.",
                    name=self._names.action,
                    value=_shown(chosen),
                    options=", ".join(Action),
                )
            ) from None

    def _at(self, properties: dict[str, object], edited_ms: int) -> int:
        name = self._names.timestamp
        _, date = _value(properties, name, "date")
        if date is None:
            return edited_ms
        start = date.get("start") if isinstance(date, dict) else None
        zone = date.get("time_zone") if isinstance(date, dict) else None
        try:
            return milliseconds(start, ZoneInfo(zone) if isinstance(zone, str) else self._zone)
        except (ValueError, LookupError, OSError):
            raise _Fault(
                msg("{name} is {value}: this cannot be read as a date.", name=name, value=_shown(start))
            ) from None


def _value(properties: dict[str, object], name: str, *types: str) -> tuple[str, object]:
    """A property's type, and what stands under it."""
    found = properties.get(name)
    if not isinstance(found, dict):
        raise _Fault(msg("{name} is missing.", name=name))
    kind = found.get("type")
    if kind not in types or kind not in found:
        raise _Fault(
            msg(
                "{name} has the type {found}, not {wanted}.",
                name=name,
                found=_shown(kind),
                wanted=" / ".join(types),
            )
        )
    return str(kind), found[kind]


def _choice(properties: dict[str, object], name: str, *types: str) -> str | None:
    """What is chosen in a property of one of these types; None for nothing."""
    _, chosen = _value(properties, name, *types)
    named = chosen.get("name") if isinstance(chosen, dict) else None
    return named if isinstance(named, str) else None


def _text(properties: dict[str, object], name: str) -> str:
    """The text of a url, rich_text or title; rich text is joined from its pieces."""
    kind, held = _value(properties, name, "rich_text", "title", "url")
    if kind == "url":
        return held.strip() if isinstance(held, str) else ""
    pieces = held if isinstance(held, list) else []
    return "".join(_piece(one) for one in pieces).strip()


def _piece(piece: object) -> str:
    if not isinstance(piece, dict):
        return ""
    plain = piece.get("plain_text")
    if isinstance(plain, str):
        return plain
    text = piece.get("text")
    content = text.get("content") if isinstance(text, dict) else None
    return content if isinstance(content, str) else ""


def _required(properties: dict[str, object], name: str) -> str:
    text = _text(properties, name)
    if not text:
        raise _Fault(msg("{name} is empty.", name=name))
    return text


def _confidence(properties: dict[str, object], name: str) -> Decimal:
    """0 to 100, as written."""
    _, number = _value(properties, name, "number")
    if number is None:
        raise _Fault(msg("{name} is empty.", name=name))
    if not isinstance(number, int | float) or isinstance(number, bool):
        raise _Fault(msg("{name} is {value}: this is no number.", name=name, value=_shown(number)))
    confidence = Decimal(str(number))
    if not confidence.is_finite() or not 0 <= confidence <= MAX_CONFIDENCE:
        raise _Fault(
            msg(
                "{name} is {value}: it goes from 0 to {most}.",
                name=name,
                value=_shown(number),
                most=MAX_CONFIDENCE,
            )
        )
    return confidence


def _shown(value: object) -> str:
    text = "".join(one if one.isprintable() else " " for one in str(value))
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _together(faults: list[Message]) -> Message:
    """All faults of one row as one message."""
    told = faults[0]
    for fault in faults[1:]:
        told = msg("{first} {second}", first=told, second=fault)
    return told
