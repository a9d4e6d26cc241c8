"""What checks need of the world. Adapters implement these; tests have fakes of them."""

from typing import Protocol

from ultrad.core.backup_age import Newest
from ultrad.core.capacity import DiskUse
from ultrad.core.log_scan import LogLine
from ultrad.core.timekeeping import Told


class Disks(Protocol):
    """The file systems under directories."""

    async def use(self, directory: str) -> DiskUse:
        """How full the one under `directory` is. Raises Transient where it does not say."""
        ...


class TimeTellers(Protocol):
    """Services that tell the time by the way."""

    async def ask(self) -> tuple[Told, ...]:
        """What each says against this machine's clock; those that say nothing are left out."""
        ...


class Logs(Protocol):
    """The log files."""

    async def recent(self, since_ms: int) -> tuple[LogLine, ...]:
        """Lines of level warning and above since then (wall), oldest first. Raises Transient."""
        ...


class Backups(Protocol):
    """What backups there are."""

    async def newest(self) -> Newest | None:
        """The newest sound one; None where there is none. Raises Transient where nobody can say."""
        ...

    def directory(self) -> str | None:
        """Where they lie on this machine; None where they do not."""
        ...
