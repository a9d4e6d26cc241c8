"""How full file systems are, asked in a thread: a network mount that hangs holds up nobody else."""

import os

import anyio.to_thread

from ultrad.core.capacity import DiskUse
from ultrad.errors import Transient
from ultrad.i18n import msg


class StatvfsDisks:
    """Implements `Disks`."""

    async def use(self, directory: str) -> DiskUse:
        """See the port. A thread that hangs is left behind."""
        return await anyio.to_thread.run_sync(disk_use, directory, abandon_on_cancel=True)


def disk_use(directory: str) -> DiskUse:
    """The same, waiting for it. What is kept for root (`f_bfree` less `f_bavail`) is none of ours."""
    try:
        found = os.statvfs(directory)
    except OSError as error:
        raise Transient(
            msg(
                "{path}: how full its disk is cannot be seen ({why}); look whether it is there and may be"
                " reached.",
                path=directory,
                why=error.strerror or type(error).__name__,
            )
        ) from error
    return DiskUse(
        free_bytes=found.f_bavail * found.f_frsize,
        total_bytes=found.f_blocks * found.f_frsize,
        free_inodes=found.f_favail,
        total_inodes=found.f_files,
    )
