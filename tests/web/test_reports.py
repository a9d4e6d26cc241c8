"""The reports over HTTP and over the control socket; the metrics in `/api/status`."""

from dataclasses import replace
from pathlib import Path

from tests.fakes.operations import MADE, FakeOperations, FakeRoom, status
from tests.web.rig import control, http
from ultrad.core.messages import message_json
from ultrad.core.metrics import METRICS, Tally, metric_lines
from ultrad.errors import Permanent, Transient
from ultrad.i18n import catalogue, msg
from ultrad.web.report_page import REPORT_POLICY


async def test_reports__some_are_kept__listed_and_linked_from_the_status_page() -> None:
    async with http(catalogue=catalogue("ja")) as server:
        page = await server.ask("GET", "/")
        listed = await server.ask("GET", "/reports")
    assert 'href="/reports"' in page.body.decode()
    assert listed.status == 200
    assert 'href="/reports/daily-2026-11-22.html"' in listed.body.decode()
    assert "レポート" in listed.body.decode()


async def test_reports__none_is_kept__says_so() -> None:
    async with http(FakeOperations(room=FakeRoom(kept_now=()))) as server:
        assert b"No report was made yet." in (await server.ask("GET", "/reports")).body


async def test_report__kept__served_with_a_policy_that_allows_its_own_style_alone() -> None:
    async with http() as server:
        answer = await server.ask("GET", "/reports/daily-2026-11-22.html")
    assert (answer.status, answer.body) == (200, b"<!doctype html>")
    assert answer.headers["Content-Security-Policy"] == REPORT_POLICY
    assert "script" not in REPORT_POLICY


async def test_report__not_kept_or_no_page__404_that_names_the_list() -> None:
    async with http() as server:
        for name in ("daily-2026-01-01.html", "daily-2026-11-22", "..%2f..%2fetc%2fpasswd"):
            answer = await server.ask("GET", f"/reports/{name}")
            assert answer.status == 404


async def test_reports__disk_refuses_or_none_is_made__503_with_the_reason() -> None:
    for error in (Transient(msg("the disk refuses")), Permanent(msg("No report is made here."))):
        async with http(FakeOperations(error=error)) as server:
            for target in ("/reports", "/reports/daily-2026-11-22.html"):
                answer = await server.ask("GET", target)
                assert answer.status == 503
                assert str(error.message) in answer.body.decode()


async def test_control__reports__listed_and_made_again(tmp_path: Path) -> None:
    async with control(tmp_path / "s") as server:
        kept = await server.ask("GET", "/reports")
        made = await server.ask("POST", "/reports/daily-2026-11-22", {})
    assert kept.json[0]["name"] == "daily-2026-11-22"
    assert made.json["title"] == message_json(MADE.title)
    assert server.operations.room.made == ["daily-2026-11-22"]


async def test_api_status__metrics__count_min_max_avg_and_last_of_each() -> None:
    tallies = {
        "aave_health_factor_current": Tally(2, 17 * 10**17, 19 * 10**17, 36 * 10**17, 19 * 10**17),
        "signals_per_10min": Tally(3, 0, 2, 4, 2),
    }
    shown = replace(status(), metrics=metric_lines(tallies, 86_400_000))
    async with http(FakeOperations(shown=shown)) as server:
        metrics = (await server.ask("GET", "/api/status")).json["metrics"]
    assert list(metrics) == list(METRICS)
    assert metrics["signals_per_10min"] == {
        "unit": None,
        "look_back_ms": 86_400_000,
        "count": 3,
        "min": "0",
        "max": "2",
        "avg": "1.33",
        "last": "2",
    }
    assert metrics["aave_health_factor_current"]["avg"] == "1.800000000000000000"
    assert metrics["emergency_stop_flag"]["count"] == 0
    assert metrics["emergency_stop_flag"]["min"] is None
