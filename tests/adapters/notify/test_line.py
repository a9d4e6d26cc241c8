"""What only LINE does: retry keys, the month's quota, recipients that are many."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from tests.adapters.notify import rig as rigs
from tests.adapters.notify.rig import NOTICE, assert_no_secret
from tests.fakes.line import LineApi
from ultrad.adapters.notify.http import open_session
from ultrad.adapters.notify.line import MAX_TEXT, Line
from ultrad.adapters.notify.settings import LineSettings
from ultrad.errors import Permanent, Transient
from ultrad.i18n import catalogue
from ultrad.ports import Quota, Refused, Throttled


@asynccontextmanager
async def account(
    limit: int | None = 200, to: str = LineApi.USER, token: str = LineApi.TOKEN
) -> AsyncIterator[tuple[Line, LineApi]]:
    async with LineApi(limit).serving() as service, open_session() as session:
        yield Line(LineSettings("ops", token, to, service.url, rigs.TIMEOUT_S), session), service


async def test_line__key_was_accepted_before__counts_as_delivered() -> None:
    async with account() as (line, service):
        await line.send(NOTICE)
        assert await line.send(NOTICE) == ""
        assert (service.tries, len(service.taken), service.used) == (2, 1, 1)


async def test_line__409_without_the_accepted_request__is_no_delivery() -> None:
    async with account() as (line, service):
        service.mode = "409"
        with pytest.raises(Transient) as caught:
            await line.send(NOTICE)
        assert type(caught.value) is Transient


async def test_line__month_is_used_up__refused_in_words_of_its_own() -> None:
    async with account(limit=1) as (line, service):
        await line.send(rigs.another(1))
        with pytest.raises(Refused, match="used up") as caught:
            await line.send(rigs.another(2))
        assert not isinstance(caught.value, Throttled)
        assert "チャネル「ops」は今月の送信可能数を使い切りました" in catalogue("ja")(caught.value.message)
        assert await line.send(rigs.another(1)) == ""
        assert len(service.taken) == 1


@pytest.mark.parametrize(
    ("limit", "to", "used", "expected"),
    [
        (200, LineApi.USER, 7, Quota(200, 7, 1)),
        (200, LineApi.GROUP, 0, Quota(200, 0, 4)),
        (5000, LineApi.ROOM, 5000, Quota(5000, 5000, 3)),
        (None, LineApi.GROUP, 12, None),
    ],
)
async def test_quota__each_plan_and_recipient__as_the_service_counts(
    limit: int | None, to: str, used: int, expected: Quota | None
) -> None:
    async with account(limit, to) as (line, service):
        service.used = used
        assert await line.quota() == expected
        assert service.tries == 0


@pytest.mark.parametrize("strange", ["many", -1, True, 1.5])
async def test_quota__use_is_no_count__transient(strange: object) -> None:
    async with account() as (line, service):
        service.consumption = strange
        with pytest.raises(Transient, match="not understood"):
            await line.quota()


async def test_quota__group_does_not_know_the_account__refused_without_its_id() -> None:
    async with account(to="C" + "0" * 32) as (line, service):
        with pytest.raises(Refused, match="Not found") as caught:
            await line.quota()
        assert "C000" not in str(caught.value)
        assert_no_secret(caught.value, service)


async def test_line__wrong_token__check_quota_and_send_are_refused() -> None:
    async with account(token="wr0ng-t0ken-for-line") as (line, _):
        for call in (line.check, line.quota, lambda: line.send(NOTICE)):
            with pytest.raises(Refused, match="Authentication failed") as caught:
                await call()
            assert "wr0ng" not in str(caught.value)


@pytest.mark.parametrize("to", ["U" + "0" * 32, "nobody-at-all"])
async def test_line__recipient_is_impossible__refused_for_all_notices(to: str) -> None:
    async with account(to=to) as (line, _):
        with pytest.raises(Refused, match="recipient of channel ops") as caught:
            await line.send(NOTICE)
        assert to not in str(caught.value)


async def test_line__400_about_the_message__permanent() -> None:
    async with account() as (line, service):
        with pytest.raises(Permanent):
            await line.send(replace(NOTICE, key="no-uuid"))
        assert service.faults == ["The retry key is invalid"]


@pytest.mark.parametrize("piece", ["x", "長", "🦑"])
async def test_line__longer_than_line_takes__cut_visibly_in_its_own_units(piece: str) -> None:
    async with account() as (line, service):
        await line.send(replace(NOTICE, lines=(piece * 6000,)))
        (text,) = service.taken
        assert text.startswith("🚨 EMERGENCY S1 緊急停止")
        assert text.endswith(f"{piece}…")
        assert MAX_TEXT - 2 <= len(text.encode("utf-16-le")) // 2 <= MAX_TEXT
