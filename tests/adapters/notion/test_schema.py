"""What is said of each property that is not as it must be, and of each value."""

import math
from decimal import Decimal
from typing import Any

import pytest

from tests.adapters.notion.rig import TOKYO, URL, notion
from ultrad.adapters.notion.parsing import Parser
from ultrad.adapters.notion.settings import Names
from ultrad.core.signals import Action
from ultrad.errors import Permanent
from ultrad.i18n import catalogue
from ultrad.trade_ports import BadRow, Row

NAMES = ["URL", "Summary", "Sentiment", "Action", "Confidence", "Status", "Timestamp", "Result"]


@pytest.mark.parametrize("name", NAMES)
async def test_check__property_is_missing__named_with_the_type_it_needs(name: str) -> None:
    async with notion() as (rows, api):
        del api.sources[api.SOURCE][name]
        (fault,) = await rows.check()
        assert str(fault).startswith(f"Notion property {name} is missing: add it with the type ")
        assert f"「{name}」" in catalogue("ja")(fault)


@pytest.mark.parametrize("name", NAMES)
async def test_check__property_of_a_wrong_type__named_with_both(name: str) -> None:
    async with notion() as (rows, api):
        api.sources[api.SOURCE][name] = {"type": "checkbox", "checkbox": {}}
        (fault,) = await rows.check()
        assert f"Notion property {name} has the type checkbox: change it to" in str(fault)


@pytest.mark.parametrize("name", ["URL", "Summary", "Result"])
@pytest.mark.parametrize("kind", ["title", "rich_text"])
async def test_check__text_property_is_the_title__fine(name: str, kind: str) -> None:
    async with notion() as (rows, api):
        api.sources[api.SOURCE][name] = {"type": kind, kind: {}}
        assert await rows.check() == ()


@pytest.mark.parametrize(
    ("name", "kind", "left", "missing"),
    [
        ("Action", "select", ["BUY", "HOLD"], "SELL"),
        ("Status", "select", ["未処理"], "処理済"),
        ("Status", "status", ["処理済"], "未処理"),
    ],
)
async def test_check__option_is_missing__named(name: str, kind: str, left: list[str], missing: str) -> None:
    async with notion() as (rows, api):
        api.sources[api.SOURCE][name] = {"type": kind, kind: {"options": left}}
        (fault,) = await rows.check()
        assert str(fault) == f"Notion property {name} lacks the option {missing}: add it."


async def test_check__everything_is_missing__each_is_named() -> None:
    async with notion() as (rows, api):
        api.sources[api.SOURCE] = {}
        assert [str(one).split()[2] for one in await rows.check()] == NAMES


async def test_check__mended_after_it_was_found__no_fault_any_more() -> None:
    async with notion() as (rows, api):
        status = api.sources[api.SOURCE].pop("Status")
        with pytest.raises(Permanent, match="Status is missing"):
            await rows.open_rows()
        api.sources[api.SOURCE]["Status"] = status
        assert await rows.open_rows() == ()


async def test_names__configured__used_throughout() -> None:
    names = Names(action="判断", status="状態", result="結果", open="未", done="済")
    async with notion(names=names) as (rows, api):
        source = api.sources[api.SOURCE]
        source["判断"], source["結果"] = source.pop("Action"), source.pop("Result")
        del source["Status"]
        source["状態"] = {"type": "status", "status": {"options": ["未", "済"]}}
        row = api.add(URL=URL, Confidence=50, 判断="SELL", 状態="未")
        assert await rows.check() == ()
        (found,) = await rows.open_rows()
        assert isinstance(found, Row)
        await rows.finish(row, "済み")
        assert (api.shown(row, "状態"), api.shown(row, "結果")) == ("済", "済み")


# ---------------------------------------------------------------- values


def page(**changed: Any) -> dict[str, Any]:
    """An open row as Notion gives it, with some properties changed (None: left out)."""
    properties: dict[str, Any] = {
        "URL": {"type": "url", "url": URL},
        "Summary": {"type": "rich_text", "rich_text": [{"plain_text": "上昇"}, {"text": {"content": "の見込み"}}]},
        "Action": {"type": "select", "select": {"name": "BUY"}},
        "Confidence": {"type": "number", "number": 78},
        "Status": {"type": "status", "status": {"name": "未処理"}},
        "Timestamp": {"type": "date", "date": {"start": "2026-11-23T09:00:00+09:00"}},
        **changed,
    }
    kept = {name: value for name, value in properties.items() if value is not None}
    return {"id": "p-1", "last_edited_time": "2026-11-23T00:05:00.000Z", "properties": kept}


def read(**changed: Any) -> Row | BadRow | None:
    return Parser(Names(), TOKYO)(page(**changed))


def date(**value: object) -> dict[str, object]:
    return {"type": "date", "date": value or None}


NINE_MS = 1_795_392_000_000
"""2026-11-23 09:00 in Tokyo."""


def test_parse__a_good_row__each_value() -> None:
    assert read() == Row(
        page_id="p-1",
        url=URL,
        summary="上昇の見込み",
        action=Action.BUY,
        confidence=Decimal(78),
        at_ms=NINE_MS,
        edited_ms=NINE_MS + 300_000,
    )


@pytest.mark.parametrize(
    ("value", "at_ms"),
    [
        (date(), NINE_MS + 300_000),
        (date(start="2026-11-23"), NINE_MS - 9 * 3_600_000),
        (date(start="2026-11-23T09:00"), NINE_MS),
        (date(start="2026-11-23T00:00:00.000Z"), NINE_MS),
        (date(start="2026-11-23T00:00:00", time_zone="UTC"), NINE_MS),
        (date(start="2026-11-22T19:00:00", time_zone="America/New_York"), NINE_MS),
        (date(start="0001-01-01T00:00:00+09:00"), -62_135_629_200_000),
    ],
)
def test_parse__each_date__in_its_zone_or_the_configured_one(value: object, at_ms: int) -> None:
    row = read(Timestamp=value)
    assert isinstance(row, Row)
    assert row.at_ms == at_ms


@pytest.mark.parametrize(
    "value",
    [
        date(start="yesterday"),
        date(start=None),
        date(start=5),
        date(start="2026-11-23T09:00", time_zone="Mars/Olympus"),
        date(start="2026-11-23T09:00", time_zone="../../etc/passwd"),
        {"type": "date", "date": "2026-11-23"},
    ],
)
def test_parse__date_cannot_be_read__fault(value: object) -> None:
    row = read(Timestamp=value)
    assert isinstance(row, BadRow)
    assert "cannot be read as a date" in str(row.message)


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (None, "is empty"),
        (-0.01, "goes from 0 to 100"),
        (100.01, "goes from 0 to 100"),
        (10**400, "goes from 0 to 100"),
        (math.nan, "goes from 0 to 100"),
        (math.inf, "goes from 0 to 100"),
        (True, "no number"),
        ("78", "no number"),
    ],
)
def test_parse__confidence_is_none__fault(number: object, told: str) -> None:
    row = read(Confidence={"type": "number", "number": number})
    assert isinstance(row, BadRow)
    assert told in str(row.message)


@pytest.mark.parametrize(("number", "confidence"), [(0, "0"), (100, "100"), (78.5, "78.5"), (0.1, "0.1")])
def test_parse__confidence_at_its_edges__as_written(number: float, confidence: str) -> None:
    row = read(Confidence={"type": "number", "number": number})
    assert isinstance(row, Row)
    assert row.confidence == Decimal(confidence)


def test_parse__everything_is_wrong__each_fault_is_told() -> None:
    row = Parser(Names(), TOKYO)(
        {**page(), "last_edited_time": None, "properties": {"Action": {"type": "number", "number": 5}}}
    )
    assert isinstance(row, BadRow)
    for told in ("last edit", "Status is", "URL is", "Summary is", "Action has", "Confidence is", "Timestamp is"):
        assert told in str(row.message)
    assert "「Confidence」" in catalogue("ja")(row.message)


@pytest.mark.parametrize("action", ["buy", "買い", "SHORT", "x" * 500])
def test_parse__action_is_unknown__fault_with_the_options_and_not_too_long(action: str) -> None:
    row = read(Action={"type": "select", "select": {"name": action}})
    assert isinstance(row, BadRow)
    assert "choose one of BUY, SELL, HOLD" in str(row.message)
    assert len(str(row.message)) < 120


@pytest.mark.parametrize(
    "changed",
    [
        {"Status": {"type": "status", "status": {"name": "処理済"}}},
        {"Status": {"type": "select", "select": None}},
        {"Action": {"type": "select", "select": None}},
    ],
)
def test_parse__done_or_undecided_by_now__no_row(changed: dict[str, object]) -> None:
    assert read(**changed) is None


@pytest.mark.parametrize("where", ["in_trash", "archived"])
def test_parse__in_the_trash__no_row(where: str) -> None:
    assert Parser(Names(), TOKYO)({**page(), where: True}) is None


@pytest.mark.parametrize(
    ("value", "url"),
    [
        ({"type": "rich_text", "rich_text": [{"plain_text": " https://a/ "}]}, "https://a/"),
        ({"type": "title", "title": [{"plain_text": "https://"}, {"plain_text": "a/"}]}, "https://a/"),
        ({"type": "url", "url": None}, None),
        ({"type": "rich_text", "rich_text": [5, {}, {"text": None}]}, None),
        ({"type": "rich_text", "rich_text": None}, None),
        (None, None),
    ],
)
def test_parse__url_of_each_type__joined_and_required(value: object, url: str | None) -> None:
    row = read(URL=value)
    assert row is not None
    assert (row.url if isinstance(row, Row) else None) == url


@pytest.mark.parametrize("content", [{}, {"id": ""}, {"id": 5}, {"id": None, "properties": {}}])
def test_parse__no_page__not_read(content: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="without an id"):
        Parser(Names(), TOKYO)(content)
