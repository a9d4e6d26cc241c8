"""What reports need from the world."""

from typing import Protocol

from ultrad.core.periods import Period
from ultrad.core.report_order import Kept, Made
from ultrad.i18n import Message
from ultrad.units import Now


class ReportMaker(Protocol):
    """Makes reports from the journal, aside of the daemon, and keeps their files."""

    async def make(self, period: Period, now: Now, loosened: tuple[Message, ...]) -> Made:
        """One report, its files written. Raises Transient where journal, disk or helper fail."""
        ...

    async def kept(self) -> tuple[Kept, ...]:
        """The reports that are kept, the newest first. Raises Transient."""
        ...

    async def page(self, name: str) -> bytes | None:
        """The page of one of them; None where there is none of that name. Raises Transient."""
        ...

    async def prune(self, now: Now) -> None:
        """Remove what is older than it has to be kept. Raises Transient."""
        ...
