"""The marker: where the journal's chain ended, kept beside it: a lost, exchanged or older journal shows by it."""

import json
import os
import re
from pathlib import Path

from ultrad.errors import Permanent, Transient
from ultrad.i18n import msg
from ultrad.ports import JournalHead

_MAX_BYTES = 4_096
_HASH = re.compile(r"[0-9a-f]{64}")


def read(path: Path) -> JournalHead | None:
    """The marked head; None only where there is no such file.

    Raises Permanent where it is not what `write` wrote, Transient where it cannot be read.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Transient(
            msg("The marker {path} cannot be read: {reason}.", path=str(path), reason=error.strerror or "")
        ) from error
    try:
        return _head(json.loads(content))
    except (ValueError, RecursionError) as error:
        raise Permanent(msg("The marker {path} is damaged.", path=str(path))) from error


def _head(data: object) -> JournalHead:
    match data:
        case {"journal_id": str(journal_id), "seq": int(seq), "hash": str(digest), "written_wall_ms": int()}:
            if journal_id and not isinstance(seq, bool) and seq >= 0 and _HASH.fullmatch(digest):
                return JournalHead(journal_id, seq, digest)
    raise ValueError("no marker")


def write(path: Path, head: JournalHead, wall_ms: int) -> None:
    """Replace the marker, durably and whole or not at all; blocks on the disk. Raises Transient."""
    content = {"journal_id": head.journal_id, "seq": head.seq, "hash": head.hash, "written_wall_ms": wall_ms}
    fresh = path.with_name(f"{path.name}.new")
    try:
        # The opener sets the mode, so that it is nobody else's from the first moment.
        with open(
            fresh, "w", encoding="ascii", opener=lambda name, flags: os.open(name, flags | os.O_NOFOLLOW, 0o600)
        ) as file:
            json.dump(content, file)
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
            msg("The marker {path} cannot be written: {reason}.", path=str(path), reason=error.strerror or "")
        ) from error
