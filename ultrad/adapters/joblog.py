"""The jobs' own log files: one JSON object a line, written by a thread, because a frozen disk must stop nobody."""

import json
import os
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from threading import Condition, Thread

from ultrad.core.events import Level
from ultrad.i18n import Catalogue, Message, msg
from ultrad.ports import Clock

_MODE = 0o640
MOST_WAITING = 1_000
"""Lines that wait for the disk: some hours of the jobs there are. More are lost, and told."""


class JobLogFiles:
    """Implements `JobLog`. Each batch opens the file anew, so that logrotate may move it at any moment.

    tell: told once when a file cannot be written, and again only after it could; and once when lines are lost,
    until the disk answers again. It is called within `write` alone, in the caller's thread, about what was found
    meanwhile.
    """

    def __init__(
        self, directory: Path, clock: Clock, catalogue: Catalogue, tell: Callable[[Message], None]
    ) -> None:
        self._directory = directory
        self._clock = clock
        self._catalogue = catalogue
        self._tell = tell
        self._unwritable: set[str] = set()
        self._waiting: list[tuple[str, bytes]] = []
        self._written = True
        self._found: deque[Message] = deque()
        self._changed = Condition()
        self._thread: Thread | None = None
        self._lost = 0

    def write(self, name: str, level: Level, message: Message, **figures: str | int) -> None:
        """Append one line to `name`, a plain file name; never waits for a disk."""
        time_text = datetime.fromtimestamp(self._clock.now().wall_ms / 1000, UTC).isoformat(
            timespec="milliseconds"
        )
        line = {"time": time_text, "level": level.label, "message": self._catalogue(message), **figures}
        data = json.dumps(line, ensure_ascii=False).encode() + b"\n"
        with self._changed:
            if len(self._waiting) < MOST_WAITING:
                self._waiting.append((name, data))
                self._written = False
                self._changed.notify_all()
            else:
                self._lose()
            found = tuple(self._found)
            self._found.clear()
        if self._thread is None:  # not before the first line; a daemon thread, so that no disk holds up the end
            self._thread = Thread(target=self._run, name="job log", daemon=True)
            self._thread.start()
        for one in found:
            self._tell(one)

    def flush(self, seconds: float) -> bool:
        """Wait so long for what was handed over; whether it was dealt with, and tell what was found."""
        deadline_s = time.monotonic() + seconds
        with self._changed:
            while not self._written and (left_s := deadline_s - time.monotonic()) > 0:
                self._changed.wait(left_s)
            found, done = tuple(self._found), self._written
            self._found.clear()
        for one in found:
            self._tell(one)
        return done

    def _lose(self) -> None:
        self._lost += 1
        if self._lost == 1:
            self._found.append(
                msg(
                    "The disk under {path} has not taken a line for long: {count} wait, and further ones of the "
                    "jobs' logs are lost until it does; their results stand in the journal. Look at the disk.",
                    path=str(self._directory),
                    count=MOST_WAITING,
                )
            )

    # ------------------------------------------------------------ the thread

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._waiting:
                    self._changed.wait()
                batch = tuple(self._waiting)
            for name in dict.fromkeys(name for name, _ in batch):
                self._append(name, b"".join(data for of, data in batch if of == name))
            with self._changed:
                del self._waiting[: len(batch)]
                self._note_recovery()
                self._written = not self._waiting
                self._changed.notify_all()

    def _note_recovery(self) -> None:
        lost, self._lost = self._lost, 0
        if lost:
            self._found.append(
                msg(
                    "The disk under {path} answers again; {count} lines of the jobs' logs were lost.",
                    path=str(self._directory),
                    count=lost,
                )
            )

    def _append(self, name: str, lines: bytes) -> None:
        try:
            _append(self._directory / name, lines)
        except OSError as error:
            if name in self._unwritable:
                return
            self._unwritable.add(name)
            told = msg(
                "{path} cannot be written: {why}; the job runs all the same, and its results stand in the "
                "journal; look at the disk and at the owner of the directory",
                path=str(self._directory / name),
                why=error.strerror or type(error).__name__,
            )
            with self._changed:
                self._found.append(told)
        else:
            self._unwritable.discard(name)


def _append(path: Path, lines: bytes) -> None:
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    # A link, if followed, could lead our lines elsewhere; a FIFO, if waited for, would hang.
    handle = os.open(path, flags, _MODE)
    try:
        if os.write(handle, lines) != len(lines):
            raise OSError(0, "the line was cut")
    finally:
        os.close(handle)
