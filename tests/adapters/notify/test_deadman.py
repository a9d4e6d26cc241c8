"""Pings to the outside monitor."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.adapters.notify.rig import SHORT_S, TIMEOUT_S, assert_no_secret
from tests.fakes.services import Monitor
from ultrad.adapters.notify.deadman import PingUrl
from ultrad.adapters.notify.http import open_session
from ultrad.adapters.notify.settings import DeadmanSettings
from ultrad.errors import Transient


@asynccontextmanager
async def monitor(tail: str = "", timeout_s: float = TIMEOUT_S) -> AsyncIterator[tuple[PingUrl, Monitor]]:
    async with Monitor().serving() as service, open_session() as session:
        yield PingUrl(DeadmanSettings(service.check + tail, timeout_s), session), service


@pytest.mark.parametrize("tail", ["", "?rid=1"])
async def test_ping__each_kind__at_its_path(tail: str) -> None:
    async with monitor(tail) as (deadman, service):
        for what in ("start", "ok", "fail", "ok"):
            await deadman.ping(what)
        assert service.taken == ["start", "ok", "fail", "ok"]


@pytest.mark.parametrize("mode", ["302", "400", "404", "409", "429", "500", "503", "redirect", "noise", "cut"])
async def test_ping__not_taken__transient_without_the_address(mode: str) -> None:
    async with monitor() as (deadman, service):
        service.mode = mode
        with pytest.raises(Transient, match="the outside monitor") as caught:
            await deadman.ping("ok")
        assert service.followed == 0
        assert_no_secret(caught.value, service)


@pytest.mark.parametrize("why", ["not found", "rate limited"])
async def test_ping__ignored_under_200__transient(why: str) -> None:
    async with monitor() as (deadman, service):
        service.mode = f"error:{why}"
        with pytest.raises(Transient, match=f"ignored by the outside monitor .*{why}"):
            await deadman.ping("ok")
        assert service.taken == []


async def test_ping__check_was_deleted__transient() -> None:
    async with Monitor().serving() as service, open_session() as session:
        gone = PingUrl(DeadmanSettings(f"{service.url}/00000000-0000-4000-8000-000000000000"), session)
        with pytest.raises(Transient, match="whether its check still exists"):
            await gone.ping("ok")


async def test_ping__monitor_hangs__given_up_within_the_limit() -> None:
    async with monitor(timeout_s=SHORT_S) as (deadman, service):
        service.mode = "hang"
        with pytest.raises(Transient, match="within 150 ms"):
            await deadman.ping("ok")
