"""A flag for a drill: in a directory of its own beside the real one's, on the same disk, gone afterwards."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import anyio.to_thread

from ultrad.adapters.flag import FlagFile
from ultrad.errors import Transient
from ultrad.i18n import msg
from ultrad.ports import EstopFlag

NAME = "drill"
DISK_S = 5.0
"""How long making and removing the directory may take; a thread that hangs longer is left behind."""


@asynccontextmanager
async def scratch_flag(state_dir: Path) -> AsyncIterator[EstopFlag]:
    """A flag file that nothing but the drill looks at. Raises Transient where its directory cannot be made."""
    directory = state_dir / NAME
    made = False
    try:
        with anyio.move_on_after(DISK_S):
            await anyio.to_thread.run_sync(_make, directory, abandon_on_cancel=True)
            made = True
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else type(error).__name__
        raise Transient(msg("{path}: {reason}", path=str(directory), reason=reason)) from error
    if not made:
        raise Transient(msg("{path}: no answer within {seconds} s", path=str(directory), seconds=int(DISK_S)))
    try:
        yield FlagFile(directory / "estop")
    finally:
        with anyio.move_on_after(DISK_S, shield=True):
            await anyio.to_thread.run_sync(_remove, directory, abandon_on_cancel=True)


def _make(directory: Path) -> None:
    _remove(directory)  # what a process that was killed in a drill has left
    directory.mkdir(mode=0o700)


def _remove(directory: Path) -> None:
    shutil.rmtree(directory, ignore_errors=True)
