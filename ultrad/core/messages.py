"""Messages as JSON, so that what was said can be rendered again in any language."""

from functools import lru_cache
from string import Formatter

from ultrad.core.events import Json
from ultrad.i18n import Message

MAX_DEPTH = 12
"""How deeply messages may stand in each other; real ones do three or four deep.

Each is two levels of JSON, so that any of them fits into an event's data, under a cause (record.MAX_DEPTH).
"""
FOREIGN_DEPTH = 6
"""The same for what people wrote (a flag file): what is said of it stands around it, and must fit as well."""

KEPT_TEMPLATES = 1_024
"""More than the program has. A journal repeats the same few, and a start reads all of it."""


def message_json(message: Message) -> Json:
    """`{"text": template, "args": {name: figure or message}}`."""
    return {
        "text": message.text,
        "args": {
            name: message_json(value) if isinstance(value, Message) else value for name, value in message.args
        },
    }


def message_from_json(data: object, depth: int = MAX_DEPTH) -> Message:
    """Read what `message_json` wrote. Raises ValueError on anything else, also on what could not be rendered."""
    if isinstance(data, dict) and depth > 0:  # not by `match`, which takes twice as long
        text, args = data.get("text"), data.get("args")
        if isinstance(text, str) and isinstance(args, dict):
            _check_template(text, args)
            return Message(text, tuple([(name, _figure(value, depth - 1)) for name, value in args.items()]))
    raise ValueError("not a message")


def _check_template(text: str, args: dict[str, object]) -> None:
    """Every field is a figure that is given."""
    for name in _fields(text):
        if name not in args:
            raise ValueError(f"a template with the field {name!r}")


@lru_cache(KEPT_TEMPLATES)
def _fields(text: str) -> tuple[str, ...]:
    """The fields of a template: plain names alone, with no format, no attribute, no index."""
    names = []
    for _, name, spec, conversion in Formatter().parse(text):
        if name is not None and (spec or conversion or not name.isidentifier()):
            raise ValueError(f"a template with the field {name!r}")
        if name is not None:
            names.append(name)
    return tuple(names)


def _figure(value: object, depth: int) -> str | int | Message:
    return value if isinstance(value, (str, int)) else message_from_json(value, depth)
