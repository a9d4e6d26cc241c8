"""A database of decisions that a test drives, with all that can be wrong with it."""

import math
from collections import deque
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

import anyio

from ultrad.core.signals import Action
from ultrad.errors import Permanent, Transient
from ultrad.i18n import Message, msg
from ultrad.ports import Clock, Probe, Refused, Throttled, Unreached
from ultrad.trade_ports import BadRow, Row

OPEN, DONE = "未処理", "処理済"


@dataclass
class FakePage:
    """One row as people see it; an action of None is none yet. at_ms: None where it has no Timestamp."""

    action: str | None
    confidence: object
    url: str
    summary: str
    at_ms: int | None
    edited_ms: int
    status: str = OPEN
    result: str = ""


@dataclass
class FakeRows:
    """Implements `Rows`.

    script: how the next calls are met, then mode. ok, down (not reached), hang, cut (done, but nobody says so),
    error (not known), throttled, refused, rejected, broken (a fault of the adapter's own).
    """

    clock: Clock
    mode: str = "ok"
    script: deque[str] = field(default_factory=deque)
    pages: dict[str, FakePage] = field(default_factory=dict)
    faults: tuple[Message, ...] = ()
    calls: list[tuple[float, str]] = field(default_factory=list)
    writes: list[tuple[str, str, str]] = field(default_factory=list)

    def add(
        self,
        action: str | None = "BUY",
        confidence: object = 80,
        *,
        url: str = "https://example.org/a",
        summary: str = "",
        at_ms: int | None = None,
    ) -> str:
        """A new row, open."""
        page_id = f"59833787-2cf9-4fdf-8782-{len(self.pages) + 1000:012x}"
        now_ms = self.clock.now().wall_ms
        self.pages[page_id] = FakePage(action, confidence, url, summary, at_ms, now_ms)
        return page_id

    def reopen(self, page_id: str) -> None:
        """Somebody sets a row that was done to open again."""
        page = self.pages[page_id]
        page.status, page.edited_ms = OPEN, self.clock.now().wall_ms

    async def check(self) -> tuple[Message, ...]:
        await self._meet("check")
        return self.faults

    async def open_rows(self) -> tuple[Row | BadRow, ...]:
        await self._meet("open_rows")
        found = [
            _read(page_id, page)
            for page_id, page in self.pages.items()
            if page.status == OPEN and page.action is not None
        ]
        return tuple(sorted(found, key=lambda one: one.edited_ms))

    async def finish(self, page_id: str, result: str) -> None:
        await self._write("finish", page_id, result)

    async def complain(self, page_id: str, result: str) -> None:
        await self._write("complain", page_id, result)

    async def export(self) -> AsyncIterator[Mapping[str, object]]:
        await self._meet("export")
        for page_id, page in self.pages.items():
            yield {"object": "page", "id": page_id, "properties": {"Result": page.result}}

    async def probe(self) -> Probe:
        error: Message | None = None
        try:
            await self._meet("probe")
        except (Transient, Permanent) as failure:
            error = failure.message
        return Probe("notion", 1, error)

    async def _write(self, what: str, page_id: str, result: str) -> None:
        mode = await self._meet(what)
        page = self.pages.get(page_id)
        if page is None:
            raise Permanent(msg("The Notion row {id} does not exist.", id=page_id))
        page.result = result if len(result) <= 2000 else result[:1999] + "…"
        if what == "finish":
            page.status = DONE
        page.edited_ms = self.clock.now().wall_ms
        self.writes.append((what, page_id, result))
        if mode == "cut":
            raise Transient(msg("The connection broke."))

    async def _meet(self, what: str) -> str:
        self.calls.append((anyio.current_time(), what))
        mode = self.script.popleft() if self.script else self.mode
        match mode:
            case "down":
                raise Unreached(msg("No connection to {who}.", who="Notion"))
            case "hang":
                await anyio.sleep(math.inf)
            case "error":
                raise Transient(msg("Failure."))
            case "throttled":
                raise Throttled(msg("Too many requests."), 7.0)
            case "refused":
                raise Refused(msg("Refused."))
            case "rejected":
                raise Permanent(msg("Rejected."))
            case "broken":
                raise KeyError("a fault of the adapter")
        return mode


def _read(page_id: str, page: FakePage) -> Row | BadRow:
    faults = []
    if page.action not in list(Action):
        faults.append(f"Action is {page.action}.")
    if not page.url:
        faults.append("URL is empty.")
    number = page.confidence
    if not isinstance(number, int | float) or not 0 <= number <= 100:
        faults.append(f"Confidence is {number}.")
    if faults:
        return BadRow(page_id, page.edited_ms, msg("{what}", what=" ".join(faults)))
    return Row(
        page_id=page_id,
        url=page.url,
        summary=page.summary,
        action=Action(str(page.action)),
        confidence=Decimal(str(number)),
        at_ms=page.edited_ms if page.at_ms is None else page.at_ms,
        edited_ms=page.edited_ms,
    )
