"""Messages as JSON, so that what was said can be rendered again in any language."""

from ultrad.core.events import Json
from ultrad.i18n import Message


def message_json(message: Message) -> Json:
    """`{"text": template, "args": {name: figure or message}}`."""
    return {
        "text": message.text,
        "args": {
            name: message_json(value) if isinstance(value, Message) else value for name, value in message.args
        },
    }


def message_from_json(data: object) -> Message:
    """Read what `message_json` wrote. Raises ValueError on anything else."""
    match data:
        case {"text": str(text), "args": dict(args)}:
            return Message(text, tuple((str(name), _figure(value)) for name, value in args.items()))
        case _:
            raise ValueError("not a message")


def _figure(value: object) -> str | int | Message:
    return value if isinstance(value, str | int) else message_from_json(value)
