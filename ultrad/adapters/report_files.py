"""The reports' files: a page each, and a picture of its chart for those who show pictures."""

import os
import re
import secrets
from contextlib import suppress
from pathlib import Path

from ultrad.core.report_order import Kept
from ultrad.errors import Transient
from ultrad.i18n import Message, msg

PAGE, PICTURE = ".html", ".png"
DIRECTORY_MODE = 0o750
"""The daemon's group may read: reports say nothing that the status does not."""
FILE_MODE = 0o640
MOST_BYTES = 16 * 2**20
"""Larger is no report."""
MOST_LISTED = 2_000
MOST_GONE = 40
"""So many go at once: a clock that was set years ahead costs these, not all; usual days make one or two."""
DAY_MS = 86_400_000
_NAME = re.compile(r"(?:daily|weekly)-\d{4}-\d{2}-\d{2}|situation-\d{1,16}")
_DRAFT = re.compile(r"\.(?:daily|weekly|situation)-.+\.[0-9a-f]{16}")


class ReportFiles:
    """The directory of reports. All methods block on the disk, and raise Transient where it refuses."""

    def __init__(self, directory: Path) -> None:
        """It is made when the first report is written."""
        self.directory = directory

    def write(self, name: str, content: bytes) -> None:
        """Write a file whole or not at all; one of the same name is replaced."""
        target = self.directory / name
        draft = self.directory / f".{name}.{secrets.token_hex(8)}"
        try:
            self.directory.mkdir(mode=DIRECTORY_MODE, exist_ok=True)
            handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                draft.replace(target)
            finally:
                with suppress(OSError):
                    draft.unlink()
        except OSError as error:
            raise Transient(_refused(target, error)) from error

    def read(self, name: str, suffix: str) -> bytes | None:
        """A report's page or picture; None where there is none."""
        if _NAME.fullmatch(name) is None:
            return None
        path = self.directory / f"{name}{suffix}"
        try:
            with path.open("rb") as file:
                content = file.read(MOST_BYTES + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Transient(_refused(path, error)) from error
        return content if len(content) <= MOST_BYTES else None

    def kept(self) -> tuple[Kept, ...]:
        """The newest MOST_LISTED reports, the newest first."""
        return self._all()[:MOST_LISTED]

    def _all(self) -> tuple[Kept, ...]:
        found = []
        try:
            for path in self.directory.glob(f"*{PAGE}"):
                if _NAME.fullmatch(path.stem) is None:
                    continue
                with suppress(FileNotFoundError):  # pruned meanwhile
                    seen = path.stat()
                    picture = path.with_suffix(PICTURE).exists()
                    found.append(Kept(path.stem, seen.st_mtime_ns // 1_000_000, seen.st_size, picture))
        except OSError as error:
            raise Transient(_refused(self.directory, error)) from error
        return tuple(sorted(found, key=lambda one: (-one.made_ms, one.name)))

    def prune(self, before_ms: int) -> int:
        """Remove what was written before; answers how many reports went, MOST_GONE of the oldest at once.

        With them goes what a process left that was killed while it wrote or pruned.
        """
        gone = [one for one in self._all() if one.made_ms < before_ms][-MOST_GONE:]
        try:
            for one in gone:
                for suffix in (PICTURE, PAGE):  # a page tells of its picture, so it goes last
                    (self.directory / f"{one.name}{suffix}").unlink(missing_ok=True)
            self._sweep(before_ms)
        except OSError as error:
            raise Transient(_refused(self.directory, error)) from error
        return len(gone)

    def _sweep(self, before_ms: int) -> None:
        for path in self.directory.glob("*"):
            draft = _DRAFT.fullmatch(path.name) is not None
            alone = _NAME.fullmatch(path.stem) is not None and path.suffix == PICTURE
            if draft or (alone and not path.with_suffix(PAGE).exists()):
                with suppress(FileNotFoundError):
                    if path.stat().st_mtime_ns // 1_000_000 < before_ms:
                        path.unlink()


def bytes_within(directory: Path) -> int | None:
    """What the files of a directory take, one level deep; None where nobody may look."""
    try:
        return sum(path.stat().st_size for path in directory.iterdir() if path.is_file())
    except OSError:
        return None


def _refused(path: Path, error: OSError) -> Message:
    return msg("{path} cannot be used: {reason}", path=str(path), reason=error.strerror or type(error).__name__)
