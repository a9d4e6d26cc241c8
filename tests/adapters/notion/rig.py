"""The database of decisions behind its port, the real adapter against a stand-in and the fake, driven alike."""

import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from tests.fakes.clock import FakeClock
from tests.fakes.notion import NotionApi
from tests.fakes.rows import FakeRows
from ultrad.adapters.notion.rows import NotionRows, open_rows
from ultrad.adapters.notion.settings import NotionSettings
from ultrad.errors import UltradError
from ultrad.i18n import catalogue
from ultrad.trade_ports import Rows

TIMEOUT_S = 2.0
SHORT_S = 0.15
TOKYO = ZoneInfo("Asia/Tokyo")
NOWHERE = "http://127.0.0.1:9"
URL = "https://news.example/1"


def settings(api: NotionApi, **changed: Any) -> NotionSettings:
    given: dict[str, Any] = {"timeout_s": TIMEOUT_S, "pace_s": 0.0, **changed}
    return NotionSettings(
        **{"token": api.TOKEN, "database_id": api.DATABASE, "zone": TOKYO, "base_url": api.url or NOWHERE, **given}
    )


@asynccontextmanager
async def notion(**changed: Any) -> AsyncIterator[tuple[NotionRows, NotionApi]]:
    async with NotionApi().serving() as api, open_rows(settings(api, **changed)) as rows:
        yield rows, api


def values(action: str | None = "BUY", confidence: object = 78, **others: Any) -> dict[str, Any]:
    """The values of a good, open row."""
    given = {"URL": URL, "Action": action, "Confidence": confidence, "Status": "未処理"}
    return {**given, "Summary": "上昇の見込み", "Sentiment": "Positive", **others}


@dataclass(frozen=True)
class Rig:
    """What the contract needs of either. `seen`: the Status and Result of a row."""

    rows: Rows
    add: Callable[..., str]
    """action, confidence, url and at_ms of a new row; its id."""
    seen: Callable[[str], tuple[str, str]]
    met: Callable[[str], None]
    """How the next call is met."""


@asynccontextmanager
async def real() -> AsyncIterator[Rig]:
    async with notion() as (rows, api):

        def add(
            action: str | None = "BUY", confidence: object = 78, url: str = URL, at_ms: int | None = None
        ) -> str:
            at = None if at_ms is None else {"start": datetime.fromtimestamp(at_ms / 1000, UTC).isoformat()}
            return api.add(**values(action, confidence, URL=url or None, Timestamp=at))

        modes = {"refused": "403", "error": "500", "throttled": "429", "rejected": "400"}

        def met(mode: str) -> None:
            api.aim = "/pages/" if mode == "cut" else ""
            # rejected: also when it is asked again by what the schema is now
            api.script.extend([modes.get(mode, mode)] * (9 if mode == "rejected" else 1))

        yield Rig(rows, add, lambda one: (api.shown(one, "Status"), api.shown(one, "Result")), met)


@asynccontextmanager
async def fake() -> AsyncIterator[Rig]:
    rows = FakeRows(FakeClock())

    def add(action: str | None = "BUY", confidence: object = 78, url: str = URL, at_ms: int | None = None) -> str:
        return rows.add(action, confidence, url=url, at_ms=at_ms)

    yield Rig(rows, add, lambda one: (rows.pages[one].status, rows.pages[one].result), rows.script.append)


KINDS = {"notion": real, "fake": fake}


def assert_no_secret(error: UltradError, api: NotionApi) -> None:
    whole = "".join(traceback.format_exception(error))
    whole += catalogue("ja")(error.message) + catalogue("en")(error.message)
    chained: BaseException | None = error
    while chained is not None:
        whole += repr(chained)
        chained = chained.__context__
    for secret in (api.TOKEN, api.url, api.url.removeprefix("http://")):
        assert secret not in whole
