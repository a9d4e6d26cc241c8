"""Implements `Rows` over Notion's API.

Sources: developers.notion.com, "Retrieve a database" (its `data_sources`), "Query a data source", "Filter data
source entries", "Sort data source entries", "Query large data sources", "Update page". Every write sets values and
adds none: doing it again changes nothing.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TypeVar

import anyio

from ultrad.adapters.notify.text import fit, sound
from ultrad.adapters.notion.client import (
    Client,
    Invalid,
    Json,
    Missing,
    is_incomplete,
    open_client,
    rows_of,
    same_id,
)
from ultrad.adapters.notion.parsing import Parser
from ultrad.adapters.notion.schema import Schema, schema_of
from ultrad.adapters.notion.settings import NotionSettings
from ultrad.errors import EXIT_CONFIG, Fatal, Permanent, Transient, UltradError
from ultrad.i18n import Message, msg
from ultrad.ports import Probe, Refused
from ultrad.trade_ports import BadRow, Row

PAGE_SIZE = 100
"""Rows of one answer; Notion gives no more."""
MAX_PAGES = 100
"""Of one query. Notion ends each after 10,000 results."""
MAX_WINDOWS = 100
"""Queries of one export: a million rows."""
MAX_RESULT = 2000
"""UTF-16 code units of one piece of rich text ("Request limits")."""
_ID = re.compile(r"[0-9a-fA-F]{8}(-?)[0-9a-fA-F]{4}(?:\1[0-9a-fA-F]{4}){2}\1[0-9a-fA-F]{12}")
_T = TypeVar("_T")


class NotionRows:
    """Implements `Rows`. Its data source and the schema of it are asked for once, and anew if Notion objects."""

    def __init__(self, settings: NotionSettings, client: Client) -> None:
        """client: of `open_client`. Raises Fatal where an id cannot be one."""
        for one in (settings.database_id, settings.data_source_id or settings.database_id):
            if not _ID.fullmatch(one):
                raise Fatal(
                    msg("{id} is no id of Notion's: it has 32 hex digits, as in the database's link.", id=one),
                    EXIT_CONFIG,
                )
        self._settings = settings
        self._names = settings.names
        self._client = client
        self._parse = Parser(settings.names, settings.zone)
        self._known: Schema | None = None

    async def check(self) -> tuple[Message, ...]:
        """What is wrong with its schema, asked anew."""
        return (await self._schema()).faults(self._names)

    async def open_rows(self) -> tuple[Row | BadRow, ...]:
        """Every open row that has an action, the oldest edit first."""
        return await self._with_schema(self._open_rows)

    async def finish(self, page_id: str, result: str) -> None:
        """Write the outcome, cut visibly where it is too long, and set the Status to done; both in one request."""

        async def write(schema: Schema) -> None:
            chosen = {schema.type_of(self._names.status): {"name": self._names.done}}
            await self._write(page_id, {**self._result(schema, result), self._names.status: chosen})

        await self._with_schema(write)

    async def complain(self, page_id: str, result: str) -> None:
        """Write what is wrong into Result, and leave the row open."""

        async def write(schema: Schema) -> None:
            await self._write(page_id, self._result(schema, result))

        await self._with_schema(write)

    async def export(self) -> AsyncIterator[Mapping[str, object]]:
        """Every row as the API gives it, the oldest first; what is in the trash is not among them.

        A query ends after 10,000 rows. The next one begins with the minute in which the last row was created.
        """
        source = (await self._schema()).id
        told: set[object] = set()
        since: object = None
        for _ in range(MAX_WINDOWS):
            complete, newest = True, since
            async for page in self._pages(source, _by_creation(since)):
                complete = complete and not is_incomplete(page)
                for row in rows_of(page, self._client.errors):
                    newest = row.get("created_time")
                    if row.get("id") not in told:
                        told.add(row.get("id"))
                        yield row
            if complete:
                return
            if newest == since:
                break
            since = newest
        raise _incomplete()

    async def probe(self) -> Probe:
        """Ask for the database; timed without the wait for a turn."""
        begun_s = anyio.current_time()
        error: Message | None = None
        try:
            await self._client.turn()
            begun_s = anyio.current_time()
            await self._client.ask("GET", f"databases/{self._settings.database_id}")
        except UltradError as failure:
            error = failure.message
        return Probe("notion", round((anyio.current_time() - begun_s) * 1000), error)

    # ------------------------------------------------------------ which data source, and what it is

    async def _with_schema(self, act: Callable[[Schema], Awaitable[_T]]) -> _T:
        """Act by what is known of the data source; where Notion objects, once more by what it says now."""
        if self._known is not None:
            try:
                return await act(self._fit(self._known))
            except (Missing, Invalid):
                self._known = None
        return await act(self._fit(await self._schema()))

    def _fit(self, schema: Schema) -> Schema:
        """The schema, if rows can be told by it. Raises Permanent, and forgets it, where not."""
        faults = schema.faults_of_choice(self._names)
        if faults:
            self._known = None
            raise Permanent(faults[0])
        return schema

    async def _schema(self) -> Schema:
        """Read it anew, and know it from now on."""
        source = self._settings.data_source_id or await self._only_source()
        found = schema_of(await self._client.call("GET", f"data_sources/{source}"))
        if found is None or not _ID.fullmatch(found.id):
            raise self._client.errors.garbled()
        self._known = found
        return found

    async def _only_source(self) -> str:
        database = await self._client.call("GET", f"databases/{self._settings.database_id}")
        listed = database.get("data_sources")
        if not isinstance(listed, list):
            raise self._client.errors.garbled()
        found = [str(one.get("id")) for one in listed if isinstance(one, dict)]
        if not all(_ID.fullmatch(one) for one in found):
            raise self._client.errors.garbled()
        if len(found) != 1:
            raise Refused(
                msg(
                    "The Notion database has {count} data sources: configure which one holds the rows ({ids}).",
                    count=len(found),
                    ids=", ".join(found) or "–",
                )
            )
        return found[0]

    # ------------------------------------------------------------ reading

    async def _open_rows(self, schema: Schema) -> tuple[Row | BadRow, ...]:
        status, action = self._names.status, self._names.action
        body: Json = {
            "filter": {
                "and": [
                    {"property": status, schema.type_of(status): {"equals": self._names.open}},
                    {"property": action, "select": {"is_not_empty": True}},
                ]
            },
            "sorts": [{"timestamp": "last_edited_time", "direction": "ascending"}],
        }
        found: dict[str, Row | BadRow] = {}
        async for page in self._pages(schema.id, body):
            if is_incomplete(page):
                raise _incomplete()
            for row in rows_of(page, self._client.errors):
                self._take(found, row)
        # a row that is edited while pages are read comes twice: what was read last counts
        return tuple(sorted(found.values(), key=lambda one: one.edited_ms))

    def _take(self, found: dict[str, Row | BadRow], page: Json) -> None:
        try:
            row = self._parse(page)
        except ValueError:
            raise self._client.errors.garbled() from None
        if row is not None:
            found[row.page_id] = row

    async def _pages(self, source: str, body: Json) -> AsyncIterator[Json]:
        """The pages of one query, to its end. Raises Transient where it has none."""
        cursor: Json = {}
        for _ in range(MAX_PAGES):
            query = {**body, "page_size": PAGE_SIZE, **cursor}
            page = await self._client.call("POST", f"data_sources/{source}/query", query)
            yield page
            if page.get("has_more") is not True:
                return
            if not isinstance(page.get("next_cursor"), str):
                raise self._client.errors.garbled()
            cursor = {"start_cursor": page["next_cursor"]}
        raise _incomplete()

    # ------------------------------------------------------------ writing

    def _result(self, schema: Schema, result: str) -> Json:
        """Result's new value, by its type; empty text empties it."""
        text = fit(sound(result), MAX_RESULT)
        kind = schema.type_of(self._names.result) or "rich_text"
        return {self._names.result: {kind: [{"text": {"content": text}}] if text else []}}

    async def _write(self, page_id: str, properties: Json) -> None:
        """Raises Permanent where the row alone is gone, Refused where the database is."""
        if not _ID.fullmatch(page_id):
            raise Permanent(msg("The Notion row {id} does not exist.", id=page_id))
        missing = False
        try:
            answer = await self._client.call("PATCH", f"pages/{page_id}", {"properties": properties})
            if not same_id(answer.get("id"), page_id):
                raise self._client.errors.garbled()
        except Missing:
            missing = True
        if missing:
            await self._client.call("GET", f"databases/{self._settings.database_id}")
            raise Permanent(
                msg("The Notion row {id} is gone: its outcome cannot be written.", id=page_id),
            )


@asynccontextmanager
async def open_rows(settings: NotionSettings) -> AsyncIterator[NotionRows]:
    """The database, with a client of its own."""
    async with open_client(settings) as client:
        yield NotionRows(settings, client)


def _by_creation(since: object) -> Json:
    """Every row created at or after this time, the oldest first."""
    body: Json = {"sorts": [{"timestamp": "created_time", "direction": "ascending"}]}
    if since is not None:
        body["filter"] = {"timestamp": "created_time", "created_time": {"on_or_after": since}}
    return body


def _incomplete() -> Transient:
    return Transient(
        msg("Notion gave only a part of the rows. Set rows that are done to done, or move old ones away.")
    )
