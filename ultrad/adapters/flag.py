"""The estop flag: a file alone in its directory. Whoever may write there may stop."""

import contextlib
import errno
import os
import stat
from pathlib import Path

import anyio
import anyio.to_thread

from ultrad.errors import Transient
from ultrad.i18n import Message, msg
from ultrad.ports import FlagLook, FlagState

MAX_CONTENT = 65_536
FLAG_MODE = 0o660
"""Members of the group may remove what the daemon made; the directory's setgid bit gives the file its group."""

_NAME_ALONE_COUNTS = frozenset({errno.ELOOP, errno.ENXIO, errno.EACCES, errno.EPERM})
"""A link, a socket, a file that is not ours to read: there is nothing in it for us, its directory is fsynced."""
_TRIES = 10
"""Somebody may remove the flag between finding it there and opening it, but not again and again by chance."""
_LEFT_BEHIND_S = 0.05


class FlagFile:
    """Implements the port EstopFlag on a local file system."""

    def __init__(self, path: Path) -> None:
        """Nothing is touched yet."""
        self._path = path
        self._aside = path.with_name(f".{path.name}.removing")
        # A thread of its own: a disk that hangs under one write must not use up those that others wait for.
        self._limiter: anyio.CapacityLimiter | None = None
        self._in_thread = False

    def look(self) -> FlagLook:
        """One `lstat`, so that a dangling link and a directory count as well."""
        try:
            found = os.lstat(self._path)
        except FileNotFoundError:
            return self._look_at_directory()
        except OSError as error:
            return FlagLook(FlagState.UNREADABLE, error=_reason(error))
        return FlagLook(FlagState.PRESENT, (found.st_ino, found.st_mtime_ns), found.st_uid)

    def _look_at_directory(self) -> FlagLook:
        # "No such file" is also the answer where the directory vanished or is not mounted: that is not "no flag".
        try:
            is_directory = stat.S_ISDIR(self._path.parent.stat().st_mode)
        except OSError as error:
            return FlagLook(FlagState.UNREADABLE, error=f"{self._path.parent}: {_reason(error)}")
        if not is_directory:
            return FlagLook(FlagState.UNREADABLE, error=f"{self._path.parent}: {os.strerror(errno.ENOTDIR)}")
        if os.path.lexists(self._aside):
            return FlagLook(FlagState.UNREADABLE, error=f"{self._aside}: a removal was cut short")
        return FlagLook(FlagState.ABSENT)

    def content(self) -> bytes:
        """Read without following a link and without waiting on a pipe."""
        try:
            handle = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return b""
        try:
            return os.read(handle, MAX_CONTENT) if stat.S_ISREG(os.fstat(handle).st_mode) else b""
        except OSError:
            return b""
        finally:
            os.close(handle)

    async def write(self, content: bytes) -> None:
        """Create exclusively, fsync the file and its directory, in a thread."""
        if self._limiter is None:
            self._limiter = anyio.CapacityLimiter(1)
        while self._in_thread and not self._limiter.borrowed_tokens:  # noqa: ASYNC110 - nobody is left to set one
            # One that hangs was left behind: another would only hang beside it, each second one more.
            await anyio.sleep(_LEFT_BEHIND_S)
        try:
            await anyio.to_thread.run_sync(self._write, content, abandon_on_cancel=True, limiter=self._limiter)
        except OSError as error:
            raise Transient(self._told(error)) from error

    def _write(self, content: bytes) -> None:
        self._in_thread = True
        try:
            for _ in range(_TRIES):
                if self._create(content) or self._sync_standing():
                    self._sync_directory()
                    return
        finally:
            self._in_thread = False
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))

    def _create(self, content: bytes) -> bool:
        """Make it; False where it stands already: a standing flag is never overwritten."""
        try:
            handle = os.open(
                self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, FLAG_MODE
            )
        except FileExistsError:
            return False
        try:
            # The umask must not take the group's right to lift what the group may set.
            os.fchmod(handle, FLAG_MODE)
            os.write(handle, content)
            os.fsync(handle)
        finally:
            os.close(handle)
        return True

    def _sync_standing(self) -> bool:
        """Make what stands there last: perhaps only this process's memory has it yet. False where it is gone."""
        try:
            handle = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        except OSError as error:
            if error.errno not in _NAME_ALONE_COUNTS:
                raise
            return True
        try:
            if stat.S_ISREG(os.fstat(handle).st_mode):
                os.fsync(handle)
        finally:
            os.close(handle)
        return True

    def remove(self, seen: FlagLook) -> bool:
        """Move it aside first and look at what was moved: a touch that came in between is not lost."""
        if seen.state is FlagState.ABSENT:
            return self.look().state is FlagState.ABSENT
        try:
            self._path.rename(self._aside)
        except FileNotFoundError:
            return True
        except OSError as error:
            raise Transient(self._told(error)) from error
        try:
            moved = self._aside.lstat()
            if (moved.st_ino, moved.st_mtime_ns) != seen.identity:
                self._aside.rename(self._path)
                return False
            self._aside.rmdir() if stat.S_ISDIR(moved.st_mode) else self._aside.unlink()
            self._sync_directory()
        except OSError as error:
            self.put_back()
            raise Transient(self._told(error)) from error
        return True

    def put_back(self) -> None:
        """Put back a flag whose removal was cut short, at every start. If the disk refuses, looking shows it."""
        if os.path.lexists(self._aside):
            with contextlib.suppress(OSError):
                self._aside.rename(self._path)

    def _sync_directory(self) -> None:
        handle = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def _told(self, error: OSError) -> Message:
        return msg("{path}: {reason}", path=str(self._path), reason=_reason(error))


def _reason(error: OSError) -> str:
    return os.strerror(error.errno) if error.errno else type(error).__name__
