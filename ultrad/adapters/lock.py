"""One instance at a time: an exclusive lock on a file, held for as long as the process lives."""

import errno
import fcntl
import os
from contextlib import suppress
from pathlib import Path

from ultrad.errors import EXIT_LOCKED, Fatal, Transient
from ultrad.i18n import msg

_PID_BYTES = 32


class InstanceLock:
    """A held lock. The kernel gives it back when the process ends, however it ends."""

    def __init__(self, handle: int) -> None:
        """Made by `take_lock`."""
        self._handle = handle

    def release(self) -> None:
        """Give the lock back; the file stays. May be called again."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


def take_lock(path: Path) -> InstanceLock:
    """Take the lock, and write this process's id into its file.

    On a disk that cannot be written a lock file that is there already is enough. Raises Fatal (EXIT_LOCKED) naming
    the process that holds it, and Transient where the file can neither be opened nor made.
    """
    handle = _open(path)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = os.pread(handle, _PID_BYTES, 0).decode("ascii", "replace").strip()
        os.close(handle)
        if error.errno not in {errno.EWOULDBLOCK, errno.EAGAIN}:
            raise Transient(
                msg("The lock {path} cannot be taken: {error}.", path=str(path), error=str(error))
            ) from error
        raise Fatal(
            msg(
                "Another ultrad is running on this state directory (process {pid} holds {path}). Stop that "
                "one first.",
                pid=holder or "?",
                path=str(path),
            ),
            EXIT_LOCKED,
        ) from None
    with suppress(OSError):  # a full or read-only disk: the lock holds all the same, and the id is a courtesy
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
    return InstanceLock(handle)


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        if error.errno == errno.EROFS:
            with suppress(OSError):
                return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        raise Transient(
            msg(
                "The lock {path} cannot be opened: {error}. Look at the owner and mode of its directory.",
                path=str(path),
                error=str(error),
            )
        ) from error
