"""Where a backup is put together: a directory under the state, for one work at a time."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ultrad.adapters.lock import take_lock
from ultrad.errors import Fatal, Transient
from ultrad.i18n import msg

ROOM_LEFT_BYTES = 256 * 1024 * 1024
"""What must stay free on the disk of the state: the daemon writes its journal there."""


def room(directory: Path, needed_bytes: int) -> None:
    """Raises Transient where the disk has no room for so much and for the daemon."""
    free = shutil.disk_usage(directory).free
    if free < needed_bytes + ROOM_LEFT_BYTES:
        raise Transient(
            msg(
                "The disk of {path} has {free} MB free, and this needs {needed} MB: make room.",
                path=str(directory),
                free=free // 1_000_000,
                needed=(needed_bytes + ROOM_LEFT_BYTES) // 1_000_000,
            )
        )


@contextmanager
def scratch(directory: Path, needed_bytes: int) -> Iterator[Path]:
    """An empty directory, removed in the end. What a work left that was killed is removed as well.

    Raises Transient where another work is under way, or the disk has no room for needed_bytes and the daemon.
    """
    try:
        directory.mkdir(mode=0o700, exist_ok=True)
        lock = take_lock(directory / "lock")
    except Fatal:
        raise Transient(msg("Another backup, restore drill or check is under way: wait for its end.")) from None
    except OSError as error:
        raise Transient(
            msg("{path} cannot be made: {reason}.", path=str(directory), reason=error.strerror or "")
        ) from error
    work = directory / "work"
    try:
        shutil.rmtree(work, ignore_errors=True)
        room(directory, needed_bytes)
        work.mkdir(mode=0o700)
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)
        lock.release()
