"""The last lines of the log files, read in a thread.

What jobs write is one JSON object a line (`JobLogFiles`). Anything else was put there by another program: of that
only what plainly is an error counts, at the time of the file's last change.
"""

import json
import os
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import anyio.to_thread

from ultrad.core.events import Level, level_of
from ultrad.core.log_scan import LogLine
from ultrad.errors import Transient
from ultrad.i18n import msg

TAIL_BYTES = 256 * 1024
"""Of each file: some 1,500 lines, more than an hour of the busiest."""
MOST_FILES = 100
_SEVERE = re.compile(r"Traceback \(most recent call last\)|\b(?:CRITICAL|FATAL)\b")


class LogDirectory:
    """Implements `Logs`: every `*.log` of one directory."""

    def __init__(self, directory: Path) -> None:
        """Nothing is opened yet."""
        self._directory = directory

    async def recent(self, since_ms: int) -> tuple[LogLine, ...]:
        """See the port."""
        return await anyio.to_thread.run_sync(recent, self._directory, since_ms, abandon_on_cancel=True)


def recent(directory: Path, since_ms: int) -> tuple[LogLine, ...]:
    """The same, waiting for the disk."""
    try:
        with os.scandir(directory) as entries:
            plain = (one for one in entries if one.name.endswith(".log") and one.is_file(follow_symlinks=False))
            paths = sorted(Path(one.path) for one in plain)[:MOST_FILES]
        lines = [line for path in paths for line in _lines(path, since_ms)]
    except OSError as error:
        raise Transient(
            msg(
                "{path} cannot be read ({why}); look at its owner and mode.",
                path=str(error.filename or directory),
                why=error.strerror or type(error).__name__,
            )
        ) from error
    return tuple(sorted(lines, key=lambda one: one.at_ms))


def _lines(path: Path, since_ms: int) -> Iterator[LogLine]:
    try:
        # It may be another by now: a link, if followed, could lead elsewhere; a FIFO, if waited for, would hang.
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:  # rotated away meanwhile
        return
    with os.fdopen(handle, "rb") as file:
        found = os.fstat(handle)
        changed_ms = found.st_mtime_ns // 1_000_000
        if changed_ms < since_ms:
            return
        cut = found.st_size > TAIL_BYTES
        file.seek(max(0, found.st_size - TAIL_BYTES))
        rows = file.read(TAIL_BYTES).splitlines()
    for row in rows[1:] if cut else rows:
        line = _line(path.name, row, changed_ms)
        if line is not None and line.level >= Level.WARNING and line.at_ms >= since_ms:
            yield line


def _line(name: str, row: bytes, changed_ms: int) -> LogLine | None:
    try:
        found = json.loads(row)
        at = datetime.fromisoformat(found["time"])
        return LogLine(name, round(at.timestamp() * 1_000), level_of(found["level"]), str(found["message"]))
    except (ValueError, TypeError, KeyError, RecursionError):
        text = row.decode(errors="replace")
        return LogLine(name, changed_ms, Level.CRITICAL, text) if _SEVERE.search(text) else None
