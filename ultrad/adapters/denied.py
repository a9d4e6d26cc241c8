"""The versions that must not trade: a file beside the journal, written by a command and read at the start."""

import json
import os
from pathlib import Path

from ultrad.errors import Permanent, Transient
from ultrad.i18n import msg
from ultrad.ports import Denied

MAX_BYTES = 256 * 1024
MODE = 0o600


def read(path: Path) -> tuple[Denied, ...]:
    """The denied versions; none where there is no such file. Raises Permanent, Transient where nobody can say."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise Transient(
            msg("{path} cannot be read: {reason}", path=str(path), reason=error.strerror or "")
        ) from error
    try:
        return tuple(_denied(one) for one in json.loads(content))
    except (ValueError, TypeError, KeyError, RecursionError):
        raise Permanent(
            msg("{path} is damaged. Move it away, and deny the versions anew.", path=str(path))
        ) from None


def _denied(data: object) -> Denied:
    match data:
        case {"version": str(version), "reason": str(reason), "by": str(by)}:
            return Denied(version, reason, by)
    raise ValueError("no denied version")


def write(path: Path, denied: tuple[Denied, ...]) -> None:
    """Replace the file, durably and whole or not at all; it belongs to the directory's owner. Raises Transient."""
    content = [{"version": one.version, "reason": one.reason, "by": one.by} for one in denied]
    fresh = path.with_name(f"{path.name}.new")
    try:
        with open(
            fresh, "w", encoding="utf-8", opener=lambda name, flags: os.open(name, flags | os.O_NOFOLLOW, MODE)
        ) as file:
            json.dump(content, file, ensure_ascii=False, indent=1)
            owner = path.parent.stat()
            if os.geteuid() == 0:
                os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except OSError as error:
        raise Transient(
            msg(
                "{path} cannot be written: {reason}. Run this as root, or as the daemon's user.",
                path=str(path),
                reason=error.strerror or "",
            )
        ) from error
