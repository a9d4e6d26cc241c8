"""The daemon's own log: JSON lines for machines, readable ones for a terminal, in the operator's language."""

import json
import logging
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, TextIO
from urllib.parse import quote, urlsplit

import structlog
from structlog.typing import EventDict, WrappedLogger

from ultrad.core.events import Level
from ultrad.i18n import Catalogue, Message, msg

Format = Literal["json", "console", "auto"]

HIDDEN = "[hidden]"
SHORTEST_SECRET = 6
"""A shorter one would blot out unrelated text, and is no secret."""
_SYSLOG = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}
_LEVELS = {
    Level.INFO: logging.INFO,
    Level.WARNING: logging.WARNING,
    Level.ALERT: logging.ERROR,
    Level.CRITICAL: logging.CRITICAL,
    Level.EMERGENCY: logging.CRITICAL,
}


def configure(
    form: Format, level: str, catalogue: Catalogue, secrets: Iterable[str], stream: TextIO | None = None
) -> None:
    """Set up the log of this process, libraries' included.

    secrets: values that must never appear; they are hidden in the finished line, wherever they came from.
    stream: where to write (standard error unless given). auto: JSON unless it is a terminal.
    """
    out = stream or sys.stderr
    readable = form == "console" or (form == "auto" and out.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        _Rendered(catalogue),
    ]
    last: list[structlog.typing.Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if readable:
        # plain: the pretty ones print local variables, secrets among them
        plain = structlog.dev.plain_traceback
        last.append(
            structlog.dev.ConsoleRenderer(colors=out.isatty(), exception_formatter=plain, timestamp_key="time")
        )
    else:
        last += [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(serializer=_json)]
    handler = logging.StreamHandler(out)
    handler.setFormatter(_Formatter(shared, last, secrets, numbered=_is_journal(out, os.environ)))
    logging.getLogger().handlers[:] = [handler]
    set_level(level)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def set_level(level: str) -> None:
    """The least level written, from now on."""
    logging.getLogger().setLevel(level.upper())


def say(level: Level, message: Message, **figures: str | int) -> None:
    """Log one message at an event's level."""
    structlog.get_logger("ultrad").log(_LEVELS[level], message, **figures)


def complain(level: Level, text: str, stream: TextIO | None = None) -> None:
    """Say something before there is a log: plain lines for people, numbered for the system's journal."""
    out = stream or sys.stderr
    prefix = f"<{_SYSLOG[_LEVELS[level]]}>" if _is_journal(out, os.environ) else ""
    print(*(prefix + line for line in text.splitlines()), sep="\n", file=out, flush=True)


def report(part: str, error: Exception) -> None:
    """Log a caught error with its trace."""
    structlog.get_logger("ultrad").error(msg("{part} raised an error", part=part), exc_info=error)


class _Rendered:
    """Turns messages into sentences, and their figures into keys."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        told = event.get("event")
        if isinstance(told, Message):
            for name, value in told.args:
                event.setdefault(name, value)
        return {
            key: self._catalogue(value) if isinstance(value, Message) else value for key, value in event.items()
        }


class _Formatter(structlog.stdlib.ProcessorFormatter):
    """Hides secrets in the finished line, and numbers its priority for the system's journal (sd-daemon(3))."""

    def __init__(
        self,
        shared: list[structlog.typing.Processor],
        last: list[structlog.typing.Processor],
        secrets: Iterable[str],
        *,
        numbered: bool,
    ) -> None:
        super().__init__(foreign_pre_chain=shared, processors=last)
        parts = {part for secret in secrets for part in _parts(secret) if len(part) >= SHORTEST_SECRET}
        forms = {form for part in parts for form in _forms(part)}
        self._hidden = sorted(forms, key=len, reverse=True)
        self._numbered = numbered

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        for secret in self._hidden:
            line = line.replace(secret, HIDDEN)
        if not self._numbered:
            return line
        prefix = f"<{_SYSLOG.get(record.levelno, 5)}>"
        return "\n".join(prefix + one for one in line.splitlines())


def _parts(secret: str) -> Iterator[str]:
    """The secret itself, and of a URL what may be told without the rest: its path, query, and who logs in."""
    yield secret
    url = urlsplit(secret)
    if url.netloc:
        yield from (one for one in (url.username, url.password) if one)
        yield from re.split("[/?&=]", f"{url.path}?{url.query}")


def _forms(secret: str) -> set[str]:
    """A secret as it may stand in a line: raw, as a Python literal, percent-encoded; and each of them in JSON."""
    plain = {secret, repr(secret)[1:-1], repr(secret.encode())[2:-1], quote(secret), quote(secret, safe="")}
    return plain | {
        json.dumps(form, ensure_ascii=ascii_only)[1:-1] for form in plain for ascii_only in (True, False)
    }


def _json(event: object, **_options: object) -> str:
    return json.dumps(event, ensure_ascii=False, default=str)


def _is_journal(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether the stream is the one that systemd connected to its journal ($JOURNAL_STREAM, systemd.exec(5))."""
    meant = environ.get("JOURNAL_STREAM", "")
    try:
        found = os.fstat(stream.fileno())
    except OSError:  # also io.UnsupportedOperation: a stream without a descriptor
        return False
    return meant == f"{found.st_dev}:{found.st_ino}"
