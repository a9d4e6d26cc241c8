"""From the configuration to Notion's rows, for what trades and for what backs them up."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from ultrad.config import Secret, Settings

if TYPE_CHECKING:
    from ultrad.adapters.notion.rows import NotionRows


async def notion_rows(
    settings: Settings, secrets: Mapping[str, Secret], stack: AsyncExitStack
) -> "NotionRows | None":
    """The rows of the configured database; None where there is none. Raises Fatal for what cannot be used."""
    section = settings.notion
    if section is None:
        return None
    from ultrad.adapters.notion.client import open_client  # noqa: PLC0415 - Notion's library, only where it is used
    from ultrad.adapters.notion.rows import NotionRows  # noqa: PLC0415
    from ultrad.adapters.notion.settings import Names, NotionSettings  # noqa: PLC0415

    notion = NotionSettings(
        token=secrets["notion.token"].reveal(),
        database_id=section.database,
        zone=ZoneInfo(section.timezone or settings.timezone),
        names=Names(**section.names.model_dump()),
        data_source_id=section.data_source or "",
    )
    return NotionRows(notion, await stack.enter_async_context(open_client(notion)))
