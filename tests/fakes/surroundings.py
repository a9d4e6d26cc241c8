"""What is around a daemon, for a test to set: disks, clocks, logs, backups."""

from dataclasses import dataclass, field

import anyio

from ultrad.core.backup_age import Newest
from ultrad.core.capacity import MIB, DiskUse
from ultrad.core.log_scan import LogLine
from ultrad.core.timekeeping import Told
from ultrad.errors import Transient
from ultrad.i18n import msg

ROOMY = DiskUse(50_000 * MIB, 100_000 * MIB, 900, 1_000)


@dataclass
class FakeDisks:
    """Implements `Disks`. uses: by directory; ROOMY for others, None for one that cannot be seen."""

    uses: dict[str, DiskUse | None] = field(default_factory=dict)
    looks: int = 0
    hang: bool = False

    async def use(self, directory: str) -> DiskUse:
        self.looks += 1
        if self.hang:
            await anyio.sleep_forever()
        found = self.uses.get(directory, ROOMY)
        if found is None:
            raise Transient(msg("{path} cannot be seen.", path=directory))
        return found


@dataclass
class FakeTellers:
    """Implements `TimeTellers`."""

    answers: tuple[Told, ...] = (Told("alpha", 0, 500),)
    asked: int = 0

    async def ask(self) -> tuple[Told, ...]:
        self.asked += 1
        return self.answers


@dataclass
class FakeLogs:
    """Implements `Logs`."""

    lines: list[LogLine] = field(default_factory=list)
    unreadable: bool = False

    async def recent(self, since_ms: int) -> tuple[LogLine, ...]:
        if self.unreadable:
            raise Transient(msg("The logs cannot be read."))
        return tuple(one for one in self.lines if one.at_ms >= since_ms)


@dataclass
class FakeBackups:
    """Implements `Backups`."""

    kept: Newest | None = None
    at: str | None = "/backups"

    async def newest(self) -> Newest | None:
        return self.kept

    def directory(self) -> str | None:
        return self.at
