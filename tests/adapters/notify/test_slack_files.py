"""A report's chart in Slack: beside its message, and never in its way."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import anyio
import pytest

from tests.adapters.notify.rig import NOTICE
from tests.fakes.slack import SlackApi
from ultrad.adapters.notify import slack_files
from ultrad.adapters.notify.http import open_session
from ultrad.adapters.notify.settings import SlackAppSettings
from ultrad.adapters.notify.slack import SlackApp
from ultrad.adapters.notify.slack_files import Pictures
from ultrad.errors import Transient
from ultrad.i18n import msg

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40
REPORT = replace(NOTICE, severity=None, incident="", picture="daily-2026-11-22.png")


@dataclass
class Desk:
    """A channel with pictures, its service, and what was told of them."""

    service: SlackApi
    app: SlackApp
    told: list[str] = field(default_factory=list)


@asynccontextmanager
async def desk(picture: bytes | None = PNG) -> AsyncIterator[Desk]:
    told: list[str] = []

    async def read(name: str) -> bytes | None:
        if picture == b"":
            raise Transient(msg("{path} cannot be used: {reason}", path=name, reason="I/O error"))
        return picture

    async with SlackApi().serving() as service, open_session() as session:
        settings = SlackAppSettings("ops", service.TOKEN, service.CHANNEL, service.url, 2.0)
        app = SlackApp(settings, session, Pictures(read, lambda message: told.append(str(message))))
        yield Desk(service, app, told)


async def test_slack_app__report_with_chart__uploaded_whole_and_shown_in_its_thread() -> None:
    async with desk() as at:
        ts = await at.app.send(REPORT)
        assert list(at.service.uploaded.values()) == [PNG]
        (shared,) = at.service.shared
        assert shared["thread_ts"] == ts
        assert shared["files"][0]["title"] == "daily-2026-11-22.png"
        assert len(at.service.taken) == 1
        assert (at.service.faults, at.told) == ([], [])


@pytest.mark.parametrize("picture", [None, b""])
async def test_slack_app__no_picture_to_read__message_goes_alone(picture: bytes | None) -> None:
    async with desk(picture) as at:
        await at.app.send(REPORT)
        assert len(at.service.taken) == 1
        assert at.service.files == {}
        assert len(at.told) == (picture == b"")


async def test_slack_app__right_to_files_is_missing__message_goes_and_it_is_told() -> None:
    async with desk() as at:
        at.service.files_error = "missing_scope"
        await at.app.send(REPORT)
        assert len(at.service.taken) == 1
        assert "missing_scope" in at.told[0]
        assert SlackApi.TOKEN not in at.told[0]


async def test_slack_app__address_for_the_bytes_is_elsewhere__nothing_goes_there() -> None:
    for elsewhere in (
        "http://files.slack.com/x",
        "https://evil.example/x",
        "https://slack.com.evil.example/",
        "::",
    ):
        async with desk() as at:
            at.service.upload_at = elsewhere
            await at.app.send(REPORT)
            assert len(at.service.taken) == 1
            assert at.service.shared == []
            assert len(at.told) == 1


@pytest.mark.parametrize("mode", ["500", "cut", "hang"])
async def test_slack_app__upload_fails__message_goes_once_without_it(
    mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slack_files, "UPLOAD_S", 0.3)
    async with desk() as at:
        at.service.script.append(mode)
        with anyio.fail_after(30):
            await at.app.send(REPORT)
        assert len(at.service.taken) == 1
        assert at.service.shared == []
        assert len(at.told) == 1


async def test_slack_app__notice_without_picture__no_file_is_asked_for() -> None:
    async with desk() as at:
        await at.app.send(NOTICE)
        assert at.service.files == {}
