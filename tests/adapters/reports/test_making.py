"""Reports as files: page and picture, whole or not at all; made by a worker as by a command."""

import os
import re
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.adapters.reports.days import BEGIN, MINUTE, STRANGER, TOKYO, keep, now_at
from tests.cli.conftest import CONFIG, apart
from tests.fakes.aside import FakeAside
from ultrad import reporting
from ultrad.adapters.aside import WorkAside
from ultrad.adapters.report_files import DAY_MS, MOST_GONE, ReportFiles, bytes_within
from ultrad.adapters.report_maker import AsideReports
from ultrad.core import periods
from ultrad.core.report_order import Order, Where
from ultrad.core.wire import to_json
from ultrad.errors import Transient
from ultrad.i18n import msg
from ultrad.units import Now, Wad

DAY = periods.day(BEGIN.date(), TOKYO)
MADE = now_at(BEGIN + 1_470 * MINUTE)
ACCOUNT = "0x8626f6940E2eb28930eFb4CeF49B2d1F2C9C1199"


@pytest.fixture(scope="module")
def where(tmp_path_factory: pytest.TempPathFactory) -> Where:
    home = tmp_path_factory.mktemp("making")
    apart(keep, home / "journal.db")
    return Where(
        journal=str(home / "journal.db"),
        reports=str(home / "reports"),
        logs=str(home),
        language="ja",
        zone="Asia/Tokyo",
        place="staging/sepolia",
        version="0.1.0",
        warn_hf=Wad(18 * 10**17),
        trip_hf=Wad(16 * 10**17),
        accounts=(("main", ACCOUNT),),
    )


@pytest.mark.parametrize("language", ["ja", "en"])
async def test_make__day__page_needs_nothing_beside_it_and_names_no_account(where: Where, language: str) -> None:
    made = reporting.make(replace(where, language=language), Order(DAY, MADE, (msg("{a} is loose", a="trip_hf"),)))
    directory = Path(where.reports)
    page = (directory / made.page).read_text(encoding="utf-8")
    assert f'lang="{language}"' in page
    assert re.findall(r'(?:src|href)="(?!data:,|")[^"]*"', page) == []
    assert "<script" not in page
    assert ACCOUNT not in page
    assert STRANGER not in page
    assert "0x7099…79C8" in page
    assert ("緊急停止の訓練" if language == "ja" else "drill of the stop") in page
    assert "$1,325.30 (-46.98%)" in page
    assert "0x8626…1199" in page
    assert page.count("<svg") == 3  # the second position has no debt: its health factor is no curve
    assert made.hash in page
    assert ("日次レポート" in page) == (language == "ja")
    assert (directory / made.picture).read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert made.trouble is None
    assert (directory.stat().st_mode & 0o777, (directory / made.page).stat().st_mode & 0o777) == (0o750, 0o640)


async def test_make__twice__the_same_figures_and_one_file(where: Where) -> None:
    first = reporting.make(where, Order(DAY, MADE))
    second = reporting.make(where, Order(DAY, replace(MADE, wall_ms=MADE.wall_ms + DAY_MS)))
    assert first == second
    kept = ReportFiles(Path(where.reports)).kept()
    assert [one.name for one in kept] == ["daily-2026-11-22"]
    assert kept[0].picture


async def test_make__nothing_to_draw__page_without_picture(where: Where) -> None:
    empty = periods.day(BEGIN.date() - timedelta(days=9), TOKYO)
    made = reporting.make(replace(where, reports=f"{where.reports}-empty"), Order(empty, MADE))
    assert made.picture == ""
    assert "<svg" not in (Path(f"{where.reports}-empty") / made.page).read_text(encoding="utf-8")


async def test_make__directory_cannot_be_used__transient_with_the_path(where: Where) -> None:
    with pytest.raises(Transient, match=r"journal\.db"):
        reporting.make(replace(where, reports=where.journal), Order(DAY, MADE))


async def test_worker__report__made_in_a_process_of_its_own(where: Where, tmp_path: Path) -> None:
    (tmp_path / "url").touch(mode=0o600)
    config = tmp_path / "ultrad.toml"
    config.write_text(CONFIG.format(home=tmp_path, language="ja", environment="devnet"), encoding="utf-8")
    (tmp_path / "state").mkdir()
    (tmp_path / "state/journal.db").write_bytes(Path(where.journal).read_bytes())
    worker = (sys.executable, "-s", "-P", "-m", "ultrad", "aside")
    aside = WorkAside(tmp_path / "no.sock", worker, config, {**os.environ, "ULTRAD_CONFIG": str(config)})
    made = await AsideReports(aside, tmp_path / "state/reports", keep_days=30).make(DAY, MADE, ())
    assert (made.name, made.trouble) == ("daily-2026-11-22", None)
    assert sorted(path.name for path in (tmp_path / "state/reports").glob("daily*")) == [
        "daily-2026-11-22.html",
        "daily-2026-11-22.png",
    ]


# ---------------------------------------------------------------- the daemon's side


async def test_aside__report__asked_for_with_its_order_and_read_back(where: Where) -> None:
    made = reporting.make(where, Order(DAY, MADE))

    async def work(arguments: object, _: object) -> dict[str, object]:
        assert arguments == to_json(Order(DAY, MADE, ()))
        return to_json(made)  # type: ignore[return-value]

    maker = AsideReports(FakeAside({"report": work}), Path(where.reports), keep_days=30)  # type: ignore[dict-item]
    assert await maker.make(DAY, MADE, ()) == made
    assert [one.name for one in await maker.kept()] == ["daily-2026-11-22"]
    page, picture = await maker.page(made.name), await maker.picture(made.picture)
    assert page is not None
    assert page.startswith(b"<!doctype html>")
    assert picture is not None
    assert await maker.picture("../journal.png") is None
    assert await maker.page("daily-2026-11-23") is None


async def test_aside__answer_is_no_report__transient(where: Where) -> None:
    async def work(_: object, __: object) -> dict[str, object]:
        return {"name": 3}

    maker = AsideReports(FakeAside({"report": work}), Path(where.reports), keep_days=30)  # type: ignore[dict-item]
    with pytest.raises(Transient, match="no report"):
        await maker.make(DAY, MADE, ())


def test_files__strange_names_beside__neither_listed_nor_read(tmp_path: Path) -> None:
    files = ReportFiles(tmp_path / "reports")
    assert files.kept() == ()
    files.write("daily-2026-11-22.html", b"<!doctype html>")
    (files.directory / "evil.html").write_bytes(b"x")
    assert [one.name for one in files.kept()] == ["daily-2026-11-22"]
    assert files.read("../../etc/passwd", "") is None
    assert files.read("evil", ".html") is None


def test_files__older_than_kept__removed_with_their_pictures(tmp_path: Path) -> None:
    files = ReportFiles(tmp_path / "reports")
    for name in ("daily-2026-01-01", "daily-2026-11-22"):
        files.write(f"{name}.html", b"page")
        files.write(f"{name}.png", b"picture")
    os.utime(files.directory / "daily-2026-01-01.html", (1_000, 1_000))
    assert files.prune(Now(2_000_000, 0).wall_ms) == 1
    assert sorted(path.name for path in files.directory.iterdir()) == [
        "daily-2026-11-22.html",
        "daily-2026-11-22.png",
    ]


def test_files__more_than_are_listed__the_oldest_go_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ultrad.adapters.report_files.MOST_LISTED", 1)
    files = ReportFiles(tmp_path / "reports")
    for name in ("daily-2026-01-01", "daily-2026-11-22"):
        files.write(f"{name}.html", b"page")
    os.utime(files.directory / "daily-2026-01-01.html", (1_000, 1_000))
    assert len(files.kept()) == 1
    assert files.prune(2_000_000) == 1
    assert [path.name for path in files.directory.iterdir()] == ["daily-2026-11-22.html"]


def test_files__clock_set_years_ahead__costs_some_of_the_oldest_and_not_all(tmp_path: Path) -> None:
    files = ReportFiles(tmp_path / "reports")
    for number in range(MOST_GONE + 5):
        files.write(f"situation-{number}.html", b"page")
        os.utime(files.directory / f"situation-{number}.html", (1_000 + number, 1_000 + number))
    assert files.prune(2**60) == MOST_GONE
    assert {one.name for one in files.kept()} == {f"situation-{MOST_GONE + number}" for number in range(5)}


def test_files__left_by_a_process_that_was_killed__goes_once_it_is_old(tmp_path: Path) -> None:
    files = ReportFiles(tmp_path / "reports")
    files.write("daily-2026-11-22.html", b"page")
    left = [".daily-2026-11-20.html.0123456789abcdef", "daily-2026-11-20.png"]
    young = [".daily-2026-11-21.html.0123456789abcdef", "daily-2026-11-22.png"]
    for name in (*left, *young, "other.png"):
        (files.directory / name).write_bytes(b"x")
    for name in (*left, "daily-2026-11-22.png", "other.png"):
        os.utime(files.directory / name, (1_000, 1_000))
    assert files.prune(2_000_000) == 0
    assert sorted(path.name for path in files.directory.iterdir()) == sorted(
        ["daily-2026-11-22.html", *young, "other.png"]
    )


def test_files__too_large__is_no_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ultrad.adapters.report_files.MOST_BYTES", 10)
    files = ReportFiles(tmp_path / "reports")
    files.write("daily-2026-11-22.html", b"x" * 11)
    assert files.read("daily-2026-11-22", ".html") is None


def test_bytes_within__missing_directory__unknown(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(b"12345")
    assert bytes_within(tmp_path) == 5
    assert bytes_within(tmp_path / "none") is None
