"""The jobs' own log files: one JSON object a line."""

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from ultrad.core.events import Level
from ultrad.i18n import Catalogue, Message, msg
from ultrad.ports import Clock

_MODE = 0o640


class JobLogFiles:
    """Implements `JobLog`. Each line opens the file anew, so that logrotate may move it at any moment.

    tell: told once when a file cannot be written, and again only after it could.
    """

    def __init__(
        self, directory: Path, clock: Clock, catalogue: Catalogue, tell: Callable[[Message], None]
    ) -> None:
        self._directory = directory
        self._clock = clock
        self._catalogue = catalogue
        self._tell = tell
        self._unwritable: set[str] = set()

    def write(self, name: str, level: Level, message: Message, **figures: str | int) -> None:
        """Append one line to `name`, a plain file name."""
        time = datetime.fromtimestamp(self._clock.now().wall_ms / 1000, UTC).isoformat(timespec="milliseconds")
        line = {"time": time, "level": level.label, "message": self._catalogue(message), **figures}
        try:
            self._append(name, json.dumps(line, ensure_ascii=False).encode() + b"\n")
        except OSError as error:
            if name not in self._unwritable:
                self._unwritable.add(name)
                self._tell(
                    msg(
                        "{path} cannot be written: {why}; the job runs all the same, and its results stand in the "
                        "journal; look at the disk and at the owner of the directory",
                        path=str(self._directory / name),
                        why=error.strerror or type(error).__name__,
                    )
                )
        else:
            self._unwritable.discard(name)

    def _append(self, name: str, line: bytes) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        # A link, if followed, could lead our lines elsewhere; a FIFO, if waited for, would hang.
        handle = os.open(self._directory / name, flags, _MODE)
        try:
            if os.write(handle, line) != len(line):
                raise OSError(0, "the line was cut")
        finally:
            os.close(handle)
