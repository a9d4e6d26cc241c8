"""Disks, log files, the time that servers tell, and the service manager, as they are."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web

from tests.fakes.clock import FakeClock
from ultrad.adapters.disks import StatvfsDisks, disk_use
from ultrad.adapters.joblog import JobLogFiles
from ultrad.adapters.logfiles import TAIL_BYTES, LogDirectory, recent
from ultrad.adapters.notify.http import open_session
from ultrad.adapters.systemd import ServiceState
from ultrad.adapters.time_tellers import HttpDates
from ultrad.core.events import Level
from ultrad.errors import Transient
from ultrad.i18n import Catalogue, msg

SINCE_MS = round(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1_000)


# ---------------------------------------------------------------- disks


async def test_disks__this_one__has_figures_that_fit(tmp_path: Path) -> None:
    use = await StatvfsDisks().use(str(tmp_path))
    assert 0 <= use.free_bytes <= use.total_bytes
    assert use.total_bytes > 0
    assert 0 <= use.free_inodes <= use.total_inodes or use.total_inodes == 0
    assert disk_use(str(tmp_path)).total_bytes == use.total_bytes


async def test_disks__no_such_directory__says_which(tmp_path: Path) -> None:
    with pytest.raises(Transient, match="No such file"):
        await StatvfsDisks().use(str(tmp_path / "gone"))


# ---------------------------------------------------------------- log files


def written(path: Path, *lines: str) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def entry(time: str, level: str, text: str) -> str:
    return f'{{"time": "{time}", "level": "{level}", "message": "{text}"}}'


async def test_logs__as_jobs_write_them__warnings_and_worse_since_then(tmp_path: Path) -> None:
    clock = FakeClock()
    begun_ms = clock.now().wall_ms
    log = JobLogFiles(tmp_path, clock, Catalogue("en"), lambda _: None)
    log.write("a.log", Level.INFO, msg("all well"))
    log.write("a.log", Level.ALERT, msg("not well: {n}", n=3))
    log.write("b.log", Level.CRITICAL, msg("worse"))
    assert log.flush(20)
    found = await LogDirectory(tmp_path).recent(begun_ms)
    assert [(one.source, one.level, one.text) for one in found] == [
        ("a.log", Level.ALERT, "not well: 3"),
        ("b.log", Level.CRITICAL, "worse"),
    ]
    assert all(begun_ms <= one.at_ms <= clock.now().wall_ms for one in found)
    assert await LogDirectory(tmp_path).recent(clock.now().wall_ms + 1) == ()


def test_logs__anything_else_in_them__counts_where_it_plainly_is_an_error(tmp_path: Path) -> None:
    written(
        tmp_path / "x.log",
        "some words",
        '{"time": "2026-05-05T00:00:00Z", "level": "alert"}',
        '{"time": 5, "level": "alert", "message": "m"}',
        '{"time": "2026-05-05T00:00:00Z", "level": "loud", "message": "m"}',
        "[1]",
        "Traceback (most recent call last):",
        "the disk is in a CRITICAL state",
        entry("2026-05-05T00:00:00+09:00", "warning", "odd"),
        entry("2025-05-05T00:00:00Z", "emergency", "long ago"),
    )
    (tmp_path / "y.log").write_bytes(b"\xff\xfe FATAL \x00\n")
    written(tmp_path / "z.txt", "CRITICAL")
    found = recent(tmp_path, SINCE_MS)
    assert [(one.source, one.level) for one in found] == [
        ("x.log", Level.WARNING),
        ("x.log", Level.CRITICAL),
        ("x.log", Level.CRITICAL),
        ("y.log", Level.CRITICAL),
    ]


def test_logs__links_and_directories_and_pipes__are_not_followed(tmp_path: Path) -> None:
    written(tmp_path / "secret", "CRITICAL")
    (tmp_path / "dir.log").mkdir()
    os.mkfifo(tmp_path / "pipe.log")
    (tmp_path / "link.log").symlink_to(tmp_path / "secret")
    assert recent(tmp_path, SINCE_MS) == ()


def test_logs__a_file_untouched_since_then__is_not_read(tmp_path: Path) -> None:
    written(tmp_path / "a.log", "CRITICAL")
    os.utime(tmp_path / "a.log", (SINCE_MS / 1_000 - 1, SINCE_MS / 1_000 - 1))
    assert recent(tmp_path, SINCE_MS) == ()


def test_logs__a_long_file__only_its_end_and_no_half_line(tmp_path: Path) -> None:
    line = entry("2026-05-05T00:00:00Z", "alert", "x" * 1_000)
    written(tmp_path / "a.log", *[line] * 1_000)
    found = recent(tmp_path, SINCE_MS)
    assert len(found) == TAIL_BYTES // (len(line) + 1)
    assert {one.text for one in found} == {"x" * 1_000}


async def test_logs__no_such_directory__says_which(tmp_path: Path) -> None:
    with pytest.raises(Transient, match="gone"):
        await LogDirectory(tmp_path / "gone").recent(0)


# ---------------------------------------------------------------- the time


@asynccontextmanager
async def server(date: str | None, status: int = 405) -> AsyncIterator[tuple[str, list[str]]]:
    """One that says that date, whatever it is asked; and what it was asked."""
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(f"{request.method} {request.raw_path}")
        return web.Response(status=status, headers={} if date is None else {"Date": date})

    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", asked
    finally:
        await runner.cleanup()


async def test_dates__a_server__is_asked_without_its_secret_and_once() -> None:
    clock = FakeClock(datetime(2026, 11, 23, 9, 0, 30, tzinfo=UTC))
    async with server("Mon, 23 Nov 2026 09:00:40 GMT") as (url, asked), open_session() as session:
        servers = [("alpha", f"{url}/v3/secret?key=secret"), ("again", f"{url}/other")]
        (said,) = await HttpDates(servers, session, clock).ask()
    assert asked == ["HEAD /"]
    assert said.name == "alpha"
    assert abs(said.offset_ms - 10_500) <= said.spread_ms


@pytest.mark.parametrize("date", ["yesterday", "Mon, 99 Nov 2026 09:00:40 GMT", ""])
async def test_dates__no_date_and_nobody__tell_nothing(date: str) -> None:
    async with server(date) as (url, _), open_session() as session:
        servers = [("alpha", url), ("gone", "http://127.0.0.1:1/x")]
        assert await HttpDates(servers, session, FakeClock()).ask() == ()


# ---------------------------------------------------------------- the service manager


def manager(tmp_path: Path, **scripts: str) -> ServiceState:
    for name, script in scripts.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    return ServiceState(booted=tmp_path, search=str(tmp_path))


def test_systemd__answers__its_properties(tmp_path: Path) -> None:
    asked = manager(
        tmp_path,
        systemctl='test "$2" = "ultrad.service" && printf "LoadState=loaded\\nActiveState=active\\nodd\\n"',
        timedatectl="echo yes",
    )
    assert asked.unit("ultrad.service") == {"LoadState": "loaded", "ActiveState": "active"}
    assert asked.clock_is_kept() is True


@pytest.mark.parametrize("script", ["exit 1", "echo maybe; exit 3"])
def test_systemd__refuses__is_not_known(tmp_path: Path, script: str) -> None:
    asked = manager(tmp_path, systemctl=script, timedatectl=script)
    assert asked.unit("ultrad.service") is None
    assert asked.clock_is_kept() is None


def test_systemd__not_there__is_not_known(tmp_path: Path) -> None:
    assert manager(tmp_path).unit("ultrad.service") is None
    asked = manager(tmp_path, systemctl="echo LoadState=loaded", timedatectl="echo no")
    assert asked.clock_is_kept() is False
    assert ServiceState(tmp_path / "gone", str(tmp_path)).unit("ultrad.service") is None
