"""`ultrad report`: with a daemon at the other end, and from the files without one."""

import json
from datetime import UTC, datetime, timedelta

from tests.adapters.reports.days import keep
from tests.cli.conftest import Desk
from tests.fakes.daemon import FakeDaemon
from tests.fakes.operations import FakeRoom
from ultrad.core import periods
from ultrad.core.periods import ReportKind
from ultrad.errors import Permanent
from ultrad.i18n import msg

HASH = "ab" * 32


def test_daily__date_given__made_by_the_daemon_and_printed(desk: Desk, daemon: FakeDaemon) -> None:
    ran = desk.ultrad("report", "daily", "--date", "2026-11-22")

    assert (ran.code, ran.err) == (0, "")
    assert daemon.operations.room.made == ["daily-2026-11-22"]
    assert ran.out.splitlines() == [
        "Daily report 2026-11-22",
        "Open incidents: none",
        f"Head of the journal: 7:{HASH}",
        f"With charts: {desk.home}/state/reports/daily-2026-11-22.html",
    ]


def test_daily_and_weekly__no_date__the_last_whole_ones(desk: Desk, daemon: FakeDaemon) -> None:
    assert desk.ultrad("report", "daily").code == 0
    assert desk.ultrad("report", "weekly").code == 0

    now = datetime.now(UTC)
    days = {periods.before(ReportKind.DAILY, now + timedelta(hours=shift), UTC).name for shift in (0, 9, 10)}
    assert daemon.operations.room.made[0] in days
    assert daemon.operations.room.made[1].startswith("weekly-")


def test_weekly__any_day_of_it__its_monday(desk: Desk, daemon: FakeDaemon) -> None:
    desk.ultrad("report", "weekly", "--date", "2026-11-19", "--json")
    assert daemon.operations.room.made == ["weekly-2026-11-16"]


def test_report__json__the_whole_answer(desk: Desk, daemon: FakeDaemon) -> None:
    answer = json.loads(desk.ultrad("report", "make", "daily-2026-11-22", "--json").out)
    assert (answer["name"], answer["seq"]) == ("daily-2026-11-22", 7)
    assert daemon.operations.room.made == ["daily-2026-11-22"]


def test_report__no_date_or_one_to_come__usage_error(desk: Desk) -> None:
    desk.write()
    for given, said in (("yesterday", "is no date"), ("2999-01-01", "has not come yet")):
        ran = desk.ultrad("report", "daily", "--date", given)
        assert ran.code == 2
        assert said in ran.err


def test_list__some_and_none__as_rows_and_as_json(desk: Desk, daemon: FakeDaemon) -> None:
    ran = desk.ultrad("report", "list")
    assert "daily-2026-11-22" in ran.out
    assert "55.7 KiB" in ran.out
    assert json.loads(desk.ultrad("report", "list", "--json").out)["reports"][0]["name"] == "daily-2026-11-22"
    daemon.operations.room = FakeRoom(kept_now=())
    assert "No report was made yet." in desk.ultrad("report", "list").out


def test_report__daemon_refuses__says_why(desk: Desk, daemon: FakeDaemon) -> None:
    daemon.operations.error = Permanent(msg("No report is made here."))
    ran = desk.ultrad("report", "daily")
    assert (ran.code, ran.err) == (1, "No report is made here.\n")


def test_report__daemon_is_down__made_from_the_files(desk: Desk) -> None:
    desk.write("ja")
    (desk.home / "state").mkdir(exist_ok=True)
    keep(desk.home / "state/journal.db")

    ran = desk.ultrad("report", "daily", "--date", "2026-11-22")
    assert ran.code == 0
    assert "日次レポート 2026-11-22" in ran.out
    assert "HF 最小" in ran.out
    assert (desk.home / "state/reports/daily-2026-11-22.html").exists()
    assert "daily-2026-11-22" in desk.ultrad("report", "list").out

    situation = desk.ultrad("report", "situation")
    assert situation.code == 0
    assert "状況報告 2026-11-22 15:00:00" in situation.out
    assert "次に確認すること" in situation.out
    assert "situation-" in desk.ultrad("report", "list").out

    unknown = desk.ultrad("report", "make", "daily-yesterday")
    assert unknown.code == 1
    assert "daily-yesterday" in unknown.err


def test_report__head_in_it__is_what_audit_verify_takes(desk: Desk) -> None:
    desk.write()
    (desk.home / "state").mkdir(exist_ok=True)
    keep(desk.home / "state/journal.db")
    ran = desk.ultrad("report", "daily", "--date", "2026-11-22")
    head = next(line for line in ran.out.splitlines() if line.startswith("Head of the journal: "))

    found = desk.ultrad("audit", "verify", "--head", head.removeprefix("Head of the journal: "))
    assert "Sound." in found.out
    assert "heads kept elsewhere that it was held against: 1." in found.out
    forged = head.removeprefix("Head of the journal: ")[:-64] + "0" * 64
    assert desk.ultrad("audit", "verify", "--head", forged).code == 1


def test_situation__never_stopped__says_so(desk: Desk, daemon: FakeDaemon) -> None:
    daemon.operations.journal = ()
    ran = desk.ultrad("report", "situation")
    assert ran.code == 1
    assert "never ON" in ran.err
