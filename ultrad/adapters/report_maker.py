"""Reports made aside: a process of its own reads and draws, so that neither costs the daemon time or memory."""

from collections.abc import Mapping
from pathlib import Path
from typing import cast

import anyio
import anyio.to_thread

from ultrad.adapters.report_files import DAY_MS, PAGE, PICTURE, ReportFiles
from ultrad.aside import Aside
from ultrad.core.events import Json
from ultrad.core.periods import Period
from ultrad.core.report_order import Kept, Made, Order
from ultrad.core.wire import WireError, from_json, to_json
from ultrad.errors import Transient
from ultrad.i18n import Message, msg
from ultrad.units import Now

WORK = "report"
MAKE_S = 240.0
"""A week of readings takes about a second, drawing another; a slow disk more."""


class AsideReports:
    """Implements `ReportMaker`."""

    def __init__(self, aside: Aside, directory: Path, keep_days: int) -> None:
        """directory: where the reports are kept, for so many days."""
        self._aside = aside
        self._files = ReportFiles(directory)
        self._keep_ms = keep_days * DAY_MS
        self._one = anyio.Lock()

    async def make(self, period: Period, now: Now, loosened: tuple[Message, ...]) -> Made:
        """See the port. One at a time."""
        order = cast("Mapping[str, Json]", to_json(Order(period, now, loosened)))
        async with self._one:
            answer = await self._aside.run(WORK, order, MAKE_S)
        try:
            return from_json(Made, dict(answer))
        except WireError as error:
            raise Transient(
                msg("The report's worker answered what is no report: {why}", why=error.message)
            ) from error

    async def kept(self) -> tuple[Kept, ...]:
        """See the port."""
        return await anyio.to_thread.run_sync(self._files.kept)

    async def page(self, name: str) -> bytes | None:
        """See the port."""
        return await anyio.to_thread.run_sync(self._files.read, name, PAGE)

    async def picture(self, name: str) -> bytes | None:
        """A report's picture, by the name of its file; None where there is none. Raises Transient."""
        return await anyio.to_thread.run_sync(self._files.read, name.removesuffix(PICTURE), PICTURE)

    async def prune(self, now: Now) -> None:
        """See the port."""
        await anyio.to_thread.run_sync(self._files.prune, now.wall_ms - self._keep_ms)
