"""Messages as JSON, so that what was said can be rendered again in any language."""

from string import Formatter

from ultrad.core.events import Json
from ultrad.i18n import Message

MAX_DEPTH = 12
"""How deeply messages may stand in each other; real ones do three or four deep.

Each is two levels of JSON, so that any of them fits into an event's data, under a cause (record.MAX_DEPTH).
"""
FOREIGN_DEPTH = 6
"""The same for what people wrote (a flag file): what is said of it stands around it, and must fit as well."""


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
    match data:
        case {"text": str(text), "args": dict(args)} if depth > 0:
            _check_template(text, args)
            return Message(text, tuple((name, _figure(value, depth - 1)) for name, value in args.items()))
        case _:
            raise ValueError("not a message")


def _check_template(text: str, args: dict[str, object]) -> None:
    """Every field is the plain name of a figure: no format, no attribute, no index, nothing that is not given."""
    for _, name, spec, conversion in Formatter().parse(text):
        if name is not None and (spec or conversion or not name.isidentifier() or name not in args):
            raise ValueError(f"a template with the field {name!r}")


def _figure(value: object, depth: int) -> str | int | Message:
    return value if isinstance(value, str | int) else message_from_json(value, depth)
