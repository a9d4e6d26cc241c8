r"""An event as the journal keeps it, and the chain of hashes that ties each to all before it.

    h(0) = sha256("ultrad journal " ‖ journal id)
    h(n) = sha256(h(n-1) ‖ record(n))

`record(n)` is the JSON array of `(seq, kind, level, wall_ms, steady_ms, key, text, args, data)` in UTF-8: no white
space between tokens, characters beyond ASCII as themselves, `"` `\` and control characters escaped as in RFC 8259
with the short forms where there are any, integers in plain decimal, `null` for no key. `args` (the figures of the
message) and `data` stand in it as JSON *text*, exactly as the row holds them, so that nobody has to write them in
the same way again to check the hash, and no byte of a row can move into its neighbour.

There are no floats anywhere: the same number could be written in two ways.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from ultrad.core.events import Event, Json, Level
from ultrad.core.messages import message_from_json, message_json
from ultrad.i18n import msg
from ultrad.units import Now

MAX_DEPTH = 32
"""How deeply an event's data may be nested; real data is three or four deep."""
MAX_CHARS = 1_000_000
"""How long one event may be. A report is some 20,000 characters; more than this is a leak, not an event."""
INT64 = 2**63
"""What a database integer can hold, both ways from zero."""

_JSON = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
_read = json.JSONDecoder().decode
"""Not orjson: an integer beyond 64 bits would come back as a float."""


@dataclass(frozen=True, slots=True)
class Row:
    """The columns of one event, without its place in the chain. `args` and `data` are JSON text."""

    kind: str
    level: int
    wall_ms: int
    steady_ms: int
    key: str | None
    text: str
    args: str
    data: str


def pack(event: Event) -> Row:
    """The row of an event.

    Raises TypeError for data that JSON or the chain cannot hold (floats, bytes, keys that are no text) and
    ValueError for an event beyond the limits: both are mistakes of the caller, found before anything is written.
    """
    row = _row(event)
    if not (-INT64 <= row.wall_ms < INT64 and -INT64 <= row.steady_ms < INT64):
        raise ValueError(f"{row.kind}: a time that no clock shows: {event.now}")
    if sum(map(len, (row.kind, row.key or "", row.text, row.args, row.data))) > MAX_CHARS:
        raise ValueError(f"{row.kind}: an event longer than {MAX_CHARS} characters")
    return row


def _row(event: Event) -> Row:
    said = message_json(event.message)
    args = said["args"] if isinstance(said, dict) else {}
    return Row(
        kind=clean_text(event.kind),
        level=int(event.level),
        wall_ms=event.now.wall_ms,
        steady_ms=event.now.steady_ms,
        key=None if event.key is None else clean_text(event.key),
        text=clean_text(event.message.text),
        args=_JSON.encode(_plain(args, MAX_DEPTH)),
        data=_JSON.encode(_plain(event.data, MAX_DEPTH)),
    )


def unpack(row: Row) -> Event:
    """The event of a row. Raises ValueError where it holds what `pack` never wrote."""
    message = message_from_json({"text": row.text, "args": _read(row.args)})
    data = _read(row.data)
    if not isinstance(data, dict):
        raise ValueError("data is no object")  # noqa: TRY004 - a wrong value in a file, not a wrong call
    return Event(
        kind=row.kind,
        level=Level(row.level),
        now=Now(wall_ms=row.wall_ms, steady_ms=row.steady_ms),
        message=message,
        data=data,
        key=row.key,
    )


def repeated(row: Row) -> Row:
    """What is recorded in place of an event posted with a key that is taken: nothing lost, nothing twice."""
    return _row(
        Event(
            kind="journal.repeated",
            level=Level.WARNING,
            now=Now(wall_ms=row.wall_ms, steady_ms=row.steady_ms),
            message=msg(
                "An event {kind} with the key {key} was recorded before. This repetition is kept as data only; "
                "it points to a fault in the program: please report it.",
                kind=row.kind,
                key=row.key or "",
            ),
            data={"kind": row.kind, "key": row.key, "text": row.text, "args": row.args, "data": row.data},
        )
    )


def genesis(journal_id: str) -> bytes:
    """The hash before the first event. An id that is no UTF-8 is taken as in `link`."""
    return sha256(f"ultrad journal {journal_id}".encode("utf-8", "surrogateescape")).digest()


def link(previous: bytes, seq: int, row: Row) -> bytes:
    """The hash of the event at `seq`, given that of the one before.

    Text that is no UTF-8 (nobody wrote it by `pack`) may come as surrogate escapes; it gets a hash of its own.
    """
    record = _JSON.encode(
        [seq, row.kind, row.level, row.wall_ms, row.steady_ms, row.key, row.text, row.args, row.data]
    )
    return sha256(previous + record.encode("utf-8", "surrogateescape")).digest()


def clean_text(value: str) -> str:
    """Text that UTF-8 can hold: a lone surrogate (from a file name, say) becomes its escape, visibly."""
    return value.encode("utf-8", "backslashreplace").decode()


def _plain(value: object, depth: int) -> Json:
    """JSON made of plain types only; raises TypeError on anything else."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, str):
        return clean_text(value)
    if depth == 0:
        raise ValueError(f"data nested deeper than {MAX_DEPTH}")
    if isinstance(value, Mapping):
        return {_name(name): _plain(part, depth - 1) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part, depth - 1) for part in value]
    raise TypeError(f"an event cannot hold a {type(value).__name__}: figures are integers or decimal text")


def _name(value: object) -> str:
    """The key of a JSON object."""
    if not isinstance(value, str):
        raise TypeError(f"an event cannot hold {value!r} as a name")
    return clean_text(value)
