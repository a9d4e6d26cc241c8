"""What is said between the daemon and a worker beside it: one request, then answers, the last of which ends it.

Each is one line of JSON. A worker is a process of its own, so that heavy work takes neither the daemon's memory
nor its loop.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from ultrad.core.events import Json
from ultrad.core.messages import message_from_json, message_json
from ultrad.i18n import Message

MAX_LINE_BYTES = 4_000_000
"""A report with its charts has some hundred kilobytes."""


@dataclass(frozen=True, slots=True)
class Request:
    """One work to do. config: the path of the configuration that holds for it; the worker reads it by itself."""

    work: str
    arguments: Mapping[str, Json]
    config: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is; more follows."""

    message: Message


@dataclass(frozen=True, slots=True)
class Done:
    """What came out of it; the last answer."""

    result: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Refused:
    """Why nothing came out of it; the last answer. transient: it may go well later."""

    message: Message
    transient: bool


Answer = Progress | Done | Refused


def request_line(request: Request) -> bytes:
    """The request, with its line end."""
    return _line({"work": request.work, "arguments": dict(request.arguments), "config": request.config})


def answer_line(answer: Answer) -> bytes:
    """The answer, with its line end."""
    if isinstance(answer, Progress):
        return _line({"progress": message_json(answer.message)})
    if isinstance(answer, Done):
        return _line({"result": dict(answer.result)})
    return _line({"error": message_json(answer.message), "transient": answer.transient})


def request_of(line: bytes) -> Request:
    """Read a request. Raises ValueError on anything else."""
    match _object(line):
        case {"work": str(work), "arguments": dict(arguments), "config": str(config)}:
            return Request(work, arguments, config)
        case _:
            raise ValueError("not a request")


def answer_of(line: bytes) -> Answer:
    """Read an answer. Raises ValueError on anything else."""
    match _object(line):
        case {"progress": message}:
            return Progress(message_from_json(message))
        case {"result": dict(result)}:
            return Done(result)
        case {"error": message, "transient": bool(transient)}:
            return Refused(message_from_json(message), transient)
        case _:
            raise ValueError("not an answer")


def _line(data: dict[str, Json]) -> bytes:
    line = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode() + b"\n"
    if len(line) > MAX_LINE_BYTES:
        raise ValueError(f"a line of {len(line)} bytes")
    return line


def _object(line: bytes) -> object:
    try:
        return json.loads(line)
    except RecursionError:
        raise ValueError("nested too deeply") from None
