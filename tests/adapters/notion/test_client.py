"""The way to Notion: its errors and limits, and what is never shown."""

import logging
import socket
import time

import pytest

from tests.adapters.notion.rig import SHORT_S, assert_no_secret, notion, settings, values
from tests.fakes.notion import NotionApi
from ultrad.adapters.notion import client as client_module
from ultrad.adapters.notion.client import open_client
from ultrad.adapters.notion.rows import open_rows
from ultrad.errors import EXIT_CONFIG, Fatal, Permanent, Transient, UltradError
from ultrad.ports import Refused, Throttled, Unreached


def kind_of(error: UltradError) -> str:
    kinds = (Throttled, Unreached, Refused, Transient, Permanent)
    return next(one.__name__ for one in kinds if isinstance(error, one))


STATUSES = [
    ("429", "Throttled"),
    ("503 later", "Throttled"),
    ("529", "Throttled"),
    ("400", "Permanent"),
    ("413", "Permanent"),
    ("401", "Refused"),
    ("403", "Refused"),
    ("404", "Refused"),
    ("405", "Refused"),
    ("redirect", "Refused"),
    ("408", "Transient"),
    ("409", "Transient"),
    ("500", "Transient"),
    ("502", "Transient"),
    ("503", "Transient"),
    ("504", "Transient"),
    ("noise", "Transient"),
    ("cut", "Transient"),
    ("cut within", "Transient"),
    ("html", "Transient"),
    ("garbage", "Transient"),
    ("error", "Transient"),
]


@pytest.mark.parametrize(("mode", "expected"), STATUSES)
async def test_open_rows__notion_fails__kind_of_error_without_secrets(mode: str, expected: str) -> None:
    async with notion() as (rows, api):
        api.mode = mode
        with pytest.raises(UltradError) as caught:
            await rows.open_rows()
        assert kind_of(caught.value) == expected
        assert "Notion" in str(caught.value)
        assert_no_secret(caught.value, api)
        assert api.followed == 0


@pytest.mark.parametrize(("mode", "expected"), STATUSES)
async def test_finish__the_write_fails__kind_of_error_and_one_try(mode: str, expected: str) -> None:
    async with notion() as (rows, api):
        row = api.add(**values())
        await rows.check()
        api.aim, api.mode, api.tries = "/pages/", mode, 0
        with pytest.raises(UltradError) as caught:
            await rows.finish(row, "結果")
        # a row that is not shown while the database is: gone
        assert kind_of(caught.value) == ("Permanent" if mode == "404" else expected)
        assert_no_secret(caught.value, api)
        # once more where the schema may have changed, never otherwise
        assert api.tries == (2 if mode in ("400", "413") else 1)


@pytest.mark.parametrize(("asked", "pause_s"), [("7", 7), ("90", 90), ("999999", 3600), (None, 30), ("soon", 30)])
@pytest.mark.parametrize("mode", ["429", "529"])
async def test_open_rows__throttled__waits_as_asked_and_asks_nothing_meanwhile(
    mode: str, asked: str | None, pause_s: int
) -> None:
    async with notion() as (rows, api):
        api.mode, api.retry_after = mode, asked
        for _ in range(2):
            with pytest.raises(Throttled) as caught:
                await rows.open_rows()
            assert caught.value.retry_after_s == pytest.approx(pause_s, abs=1)
        assert (await rows.probe()).error is not None
        assert len(api.arrivals) == 1


async def test_open_rows__pause_is_over__asks_again() -> None:
    async with notion() as (rows, api):
        api.script.append("429")
        api.retry_after = "0"
        with pytest.raises(Throttled):
            await rows.open_rows()
        assert await rows.open_rows() == ()


@pytest.mark.parametrize("mode", ["hang", "hang after"])
async def test_open_rows__notion_hangs__given_up_within_the_limit(mode: str) -> None:
    async with notion(timeout_s=SHORT_S) as (rows, api):
        api.mode = mode
        begun_s = time.monotonic()
        with pytest.raises(Transient, match="within 150 ms") as caught:
            await rows.open_rows()
        assert time.monotonic() - begun_s < SHORT_S + 0.5
        assert_no_secret(caught.value, api)


async def test_open_rows__port_closed_then_open__unreached_then_read() -> None:
    async with notion() as (rows, api):
        api.add(**values())
        await api.close_port()
        with pytest.raises(Unreached) as caught:
            await rows.open_rows()
        assert_no_secret(caught.value, api)
        await api.open_port()
        assert len(await rows.open_rows()) == 1


async def test_open_rows__name_that_does_not_resolve__unreached(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    async with open_rows(settings(NotionApi(), base_url="http://notion.invalid")) as rows:
        monkeypatch.setattr(socket, "getaddrinfo", unknown)
        with pytest.raises(Unreached):
            await rows.open_rows()


async def test_open_rows__proxy_in_the_environment__not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with notion() as (rows, _):
        assert await rows.open_rows() == ()


@pytest.mark.parametrize("base_url", ["", "ftp://127.0.0.1:9", "http://", "http://[::1", "api.notion.com"])
async def test_settings__address_is_none__fatal(base_url: str) -> None:
    with pytest.raises(Fatal, match="address of Notion's API") as caught:
        async with open_client(settings(NotionApi(), base_url=base_url)):
            pass
    assert caught.value.exit_code == EXIT_CONFIG


@pytest.mark.parametrize("path", ["databases/\0", "databases/../users/me", "databases/%2e%2e/users"])
async def test_call__path_leads_elsewhere__refused_and_nothing_asked(path: str) -> None:
    async with NotionApi().serving() as api, open_client(settings(api)) as client:
        with pytest.raises(Refused, match="cannot be used"):
            await client.call("GET", path)
        assert api.asked == []


async def test_open_rows__answer_exceeds_its_bound__transient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "MAX_ANSWER_BYTES", 500_000)
    async with notion() as (rows, api):
        api.mode = "huge"
        with pytest.raises(Transient, match="not understood"):
            await rows.open_rows()
        assert api.sent_bytes < 9_000_000


async def test_call__one_after_another__paced() -> None:
    async with notion(pace_s=0.05) as (rows, api):
        await rows.check()
        await rows.check()
        gaps = [after - before for before, after in zip(api.arrivals, api.arrivals[1:], strict=False)]
        assert len(gaps) == 3
        assert min(gaps) > 0.03


async def test_probe__its_turn_comes_late__time_is_without_the_wait() -> None:
    async with notion(pace_s=0.2) as (rows, _):
        await rows.probe()
        assert (await rows.probe()).elapsed_ms < 150


async def test_log__good_and_bad_requests_at_debug__nothing_of_the_library(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    async with notion() as (rows, api):
        await rows.open_rows()
        api.mode = "401"
        with pytest.raises(Refused):
            await rows.open_rows()
        told = [one for one in caplog.records if one.name.startswith(("httpx", "httpcore", "notion"))]
        assert [one.getMessage() for one in told] == []
        assert capfd.readouterr().err == ""


@pytest.mark.parametrize("token", ["ntn bad", "ntn\n", "ntn–bad", "ntn\0"])
async def test_token__holds_what_none_has__fatal_without_it(token: str) -> None:
    with pytest.raises(Fatal) as caught:
        async with open_client(settings(NotionApi(), token=token)):
            pass
    assert caught.value.exit_code == EXIT_CONFIG
    assert token not in repr(caught.value)


def test_settings__shown__without_the_token() -> None:
    assert NotionApi.TOKEN not in repr(settings(NotionApi()))
