"""Reports made aside: a process of its own draws and reads, so that neither costs the daemon time or memory."""

import json
import subprocess
import sys
from pathlib import Path

import anyio
import anyio.to_thread

from ultrad.adapters.report_files import DAY_MS, PAGE, PICTURE, ReportFiles
from ultrad.core.messages import message_from_json
from ultrad.core.periods import Period
from ultrad.core.report_order import Kept, Made, Order, Where
from ultrad.core.wire import WireError, from_json, to_json
from ultrad.errors import Transient
from ultrad.i18n import Message, msg
from ultrad.units import Now

MAKE_S = 240.0
"""A week of readings takes about a second, drawing another; a slow disk more."""
COMMAND = (sys.executable, "-s", "-P", "-m", "ultrad.reporting")
TOLD_BYTES = 2_000


class AsideReports:
    """Implements `ReportMaker`."""

    def __init__(self, where: Where, keep_days: int, command: tuple[str, ...] = COMMAND) -> None:
        """command: what reads an order and answers."""
        self._where = where
        self._files = ReportFiles(Path(where.reports))
        self._keep_ms = keep_days * DAY_MS
        self._command = command
        self._one = anyio.Lock()

    async def make(self, period: Period, now: Now, loosened: tuple[Message, ...]) -> Made:
        """See the port. One at a time."""
        order = json.dumps(to_json(Order(self._where, period, now, loosened))).encode()
        async with self._one:
            try:
                with anyio.fail_after(MAKE_S):
                    # whoever is cancelled, or waits no longer, leaves no process behind: anyio kills it
                    done = await anyio.run_process(self._command, input=order, check=False, stderr=subprocess.PIPE)
            except TimeoutError as error:
                raise Transient(
                    msg("The report was not made within {seconds} s.", seconds=round(MAKE_S))
                ) from error
            except OSError as error:
                raise Transient(
                    msg("The report's helper cannot be started: {reason}", reason=str(error))
                ) from error
        try:
            answer = json.loads(done.stdout)
            if isinstance(answer, dict) and "error" in answer:
                raise Transient(message_from_json(answer["error"]))
            return from_json(Made, answer)
        except (ValueError, WireError) as error:
            words = done.stderr.decode(errors="replace").strip().rpartition("\n")[2][:TOLD_BYTES]
            raise Transient(
                msg(
                    "The report's helper failed ({code}): {reason}",
                    code=done.returncode,
                    reason=words or str(error),
                )
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
