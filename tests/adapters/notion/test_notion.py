"""What only Notion does: pages, data sources, and what changes meanwhile."""

from datetime import UTC, datetime

import pytest

from tests.adapters.notion.rig import URL, assert_no_secret, notion, settings, values
from tests.fakes.notion import NotionApi, uuid_of
from ultrad.adapters.notion import rows as rows_module
from ultrad.adapters.notion.client import open_client
from ultrad.adapters.notion.rows import NotionRows, open_rows
from ultrad.errors import Fatal, Permanent, Transient
from ultrad.i18n import catalogue
from ultrad.ports import Refused
from ultrad.trade_ports import Row


async def test_open_rows__more_than_one_page__all_of_them_in_pages_of_a_hundred() -> None:
    async with notion() as (rows, api):
        ids = [api.add(**values()) for _ in range(205)]
        assert [one.page_id for one in await rows.open_rows()] == ids
        assert api.page_sizes == [100, 100, 100]
        assert api.faults == []
        api.page_sizes.clear()
        await rows.open_rows()
        assert [one for one in api.asked if "query" not in one] == [
            f"GET /v1/databases/{api.DATABASE}",
            f"GET /v1/data_sources/{api.SOURCE}",
        ]


async def test_open_rows__answer_is_incomplete__transient() -> None:
    async with notion() as (rows, api):
        api.cap = 100
        for _ in range(101):
            api.add(**values())
        with pytest.raises(Transient, match="only a part"):
            await rows.open_rows()


async def test_open_rows__pages_without_end__given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows_module, "MAX_PAGES", 2)
    async with notion() as (rows, api):
        for _ in range(201):
            api.add(**values())
        with pytest.raises(Transient, match="only a part"):
            await rows.open_rows()


@pytest.mark.parametrize(
    "answer",
    [
        [],
        {"results": None},
        {"results": [5]},
        {"results": [{}]},
        {"results": [{"id": 5}]},
        {"results": [], "has_more": True},
        {"results": [], "has_more": True, "next_cursor": None},
    ],
)
async def test_open_rows__answer_is_no_list__transient(answer: object) -> None:
    async with notion() as (rows, api):
        api.aim, api.mode, api.garbled = "/query", "error", answer
        with pytest.raises(Transient, match="not understood"):
            await rows.open_rows()


@pytest.mark.parametrize(
    ("aim", "answer"),
    [
        ("/databases/", {}),
        ("/databases/", {"data_sources": 5}),
        ("/databases/", {"data_sources": [{"id": "../users/me"}]}),
        ("/databases/", {"data_sources": [{}]}),
        ("/data_sources/", {"id": uuid_of(2)}),
        ("/data_sources/", {"id": 5, "properties": {}}),
        ("/data_sources/", {"id": uuid_of(2), "properties": {"URL": 5}}),
    ],
)
async def test_check__answer_is_no_database__transient(aim: str, answer: object) -> None:
    async with notion() as (rows, api):
        api.aim, api.mode, api.garbled = aim, "error", answer
        with pytest.raises(Transient, match="not understood"):
            await rows.check()


async def test_open_rows__row_is_edited_between_two_pages__comes_once_as_it_is_now() -> None:
    class Lively(NotionApi):
        def _query(self, identity: str, body: object) -> object:
            answer = super()._query(identity, body)
            if len(self.page_sizes) == 1:
                self.edit(first, Confidence=99)
                self.edit(second, Status="処理済")
            return answer

    async with Lively().serving() as api, open_rows(settings(api)) as rows:
        first, second, *_ = (api.add(**values()) for _ in range(102))
        found = await rows.open_rows()
        assert len(found) == len({one.page_id for one in found})
        last = found[-1]
        assert isinstance(last, Row)
        assert (last.page_id, int(last.confidence)) == (first, 99)


@pytest.mark.parametrize("kind", ["select", "status"])
async def test_finish__status_of_either_type__written_as_that(kind: str) -> None:
    async with notion() as (rows, api):
        options = {"options": ["未処理", "処理済"]}
        api.sources[api.SOURCE]["Status"] = {"type": kind, kind: options}
        row = api.add(**values())
        assert len(await rows.open_rows()) == 1
        await rows.finish(row, "結果")
        assert (api.shown(row, "Status"), api.faults) == ("処理済", [])
        assert len(api.bodies) == 1


async def test_open_rows__status_changes_its_type__schema_is_read_anew() -> None:
    async with notion() as (rows, api):
        await rows.open_rows()
        api.sources[api.SOURCE]["Status"] = {"type": "status", "status": {"options": ["未処理", "処理済"]}}
        row = api.add(**values())
        assert [one.page_id for one in await rows.open_rows()] == [row]


async def test_finish__status_changes_its_type__schema_is_read_anew() -> None:
    async with notion() as (rows, api):
        await rows.open_rows()
        api.sources[api.SOURCE]["Status"] = {"type": "status", "status": {"options": ["未処理", "処理済"]}}
        row = api.add(**values())
        await rows.finish(row, "結果")
        assert api.shown(row, "Status") == "処理済"


async def test_open_rows__data_source_is_replaced__its_id_is_read_anew() -> None:
    async with notion() as (rows, api):
        await rows.open_rows()
        api.sources = {uuid_of(77): api.sources[api.SOURCE]}
        row = api.add(uuid_of(77), **values())
        assert [one.page_id for one in await rows.open_rows()] == [row]


async def test_open_rows__several_data_sources__refused_until_one_is_named() -> None:
    async with notion() as (rows, api):
        api.sources[uuid_of(3)] = api.sources[api.SOURCE]
        with pytest.raises(Refused, match="has 2 data sources") as caught:
            await rows.open_rows()
        assert uuid_of(3) in str(caught.value)
        row = api.add(uuid_of(3), **values())
        async with open_rows(settings(api, data_source_id=uuid_of(3))) as named:
            assert [one.page_id for one in await named.open_rows()] == [row]


async def test_open_rows__database_is_not_shared__refused_with_what_to_do() -> None:
    async with notion(database_id=uuid_of(9)) as (rows, api):
        with pytest.raises(Refused, match="under its connections") as caught:
            await rows.open_rows()
        assert_no_secret(caught.value, api)
        assert "コネクト" in catalogue("ja")(caught.value.message)


async def test_finish__database_is_no_longer_shared__refused_and_not_taken_for_a_missing_row() -> None:
    async with notion() as (rows, api):
        row = api.add(**values())
        await rows.open_rows()
        api.mode = "404"
        with pytest.raises(Refused):
            await rows.finish(row, "結果")


async def test_finish__row_is_in_the_trash__permanent() -> None:
    async with notion() as (rows, api):
        row = api.add(**values())
        api.pages[row]["in_trash"] = True
        with pytest.raises(Permanent, match="archived"):
            await rows.finish(row, "結果")
        assert await rows.open_rows() == ()


@pytest.mark.parametrize("page_id", ["", "x", "../databases", "?a=b"])
async def test_finish__no_id_of_a_row__permanent_and_nothing_asked(page_id: str) -> None:
    async with notion() as (rows, api):
        await rows.check()
        with pytest.raises(Permanent, match="does not exist"):
            await rows.finish(page_id, "x")
        assert not any("PATCH" in one for one in api.asked)


async def test_finish__answered_with_another_row__transient() -> None:
    async with notion() as (rows, api):
        row = api.add(**values())
        api.aim, api.mode, api.garbled = "/pages/", "error", {"object": "page", "id": uuid_of(5)}
        with pytest.raises(Transient, match="not understood"):
            await rows.finish(row, "x")


@pytest.mark.parametrize(("text", "shown"), [("", ""), ("\udcff", "?"), ("🦑" * 1500, "🦑" * 999 + "…")])
async def test_complain__each_text__taken(text: str, shown: str) -> None:
    async with notion() as (rows, api):
        row = api.add(**values(Result="alt"))
        await rows.complain(row, text)
        assert (api.shown(row, "Result"), api.faults) == (shown, [])


async def test_result__is_the_title_property__written_as_title() -> None:
    async with notion() as (rows, api):
        api.sources[api.SOURCE]["Result"] = {"type": "title", "title": {}}
        row = api.add(**values())
        await rows.finish(row, "結果")
        assert (api.shown(row, "Result"), api.faults) == ("結果", [])


async def test_export__more_than_one_query_gives__all_of_them_once() -> None:
    async with notion() as (rows, api):
        api.cap = 100
        ids = [api.add(**values()) for _ in range(250)]
        assert [one["id"] async for one in rows.export()] == ids
        assert api.faults == []


async def test_export__windows_without_end__given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows_module, "MAX_WINDOWS", 2)
    async with notion() as (rows, api):
        api.cap = 100
        for _ in range(250):
            api.add(**values())
        with pytest.raises(Transient, match="only a part"):
            assert [one async for one in rows.export()]


async def test_export__more_rows_in_one_minute_than_a_query_gives__transient() -> None:
    async with notion() as (rows, api):
        api.cap = 100
        for _ in range(101):
            api.add(**values())
        for page in api.pages.values():
            page["created_time"] = "2026-11-23T00:00:00.000Z"
        with pytest.raises(Transient, match="only a part"):
            assert [one async for one in rows.export()]


@pytest.mark.parametrize("changed", [{"database_id": "x"}, {"data_source_id": "https://notion.so/x"}])
async def test_id__is_none__fatal(changed: dict[str, str]) -> None:
    given = settings(NotionApi(), **changed)
    async with open_client(given) as client:
        with pytest.raises(Fatal, match="32 hex digits"):
            NotionRows(given, client)


async def test_ids__without_dashes__taken() -> None:
    async with notion(database_id=NotionApi.DATABASE.replace("-", "")) as (rows, api):
        row = api.add(**values())
        (found,) = await rows.open_rows()
        assert isinstance(found, Row)
        assert found.url == URL
        assert found.edited_ms == int(datetime(2026, 11, 23, 0, 1, tzinfo=UTC).timestamp() * 1000)
        await rows.finish(row.replace("-", ""), "結果")
        assert api.shown(row, "Status") == "処理済"
