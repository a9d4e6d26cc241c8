"""A report of the installed service: made aside, within its sandbox, with charts, and shown to operators."""

import json

from tests.system.service import CONFIG, OPERATOR, STATE, STRANGER, Service

REPORTS = f"{STATE}/reports"


def test_report__asked_for_by_an_operator__page_and_picture_from_a_worker(service: Service) -> None:
    service.start()
    said = service.machine.run("ultrad", "report", "daily", "--json", user=OPERATOR, env={"ULTRAD_CONFIG": CONFIG})
    made = json.loads(said)
    assert made["page"].endswith(".html")
    assert made["trouble"] is None
    listed = service.machine.run("ultrad", "report", "list", "--json", user=OPERATOR)
    assert [one["name"] for one in json.loads(listed)["reports"]] == [made["name"]]
    page = service.machine.run("cat", f"{REPORTS}/{made['page']}", user=OPERATOR)
    assert page.startswith("<!doctype html>")
    assert made["hash"] in page
    service.machine.run("cat", f"{REPORTS}/{made['page']}", user=STRANGER, code=1)
    assert service.machine.run("stat", "-c", "%a %U:%G", REPORTS) == "750 ultrad:ultrad\n"
    assert "matplotlib" not in service.machine.run("cat", f"/proc/{service.pid}/maps")


def test_report__emergency_stop__a_situation_report_with_its_chart_by_itself(service: Service) -> None:
    with service.devnet():
        service.prepare()
        service.start()
        service.until_status("HF 1.88")
        service.machine.run("ultrad", "estop", "on", "--reason", "a drill", user=OPERATOR)
        service.until(lambda: service.events("report.made"), "the situation report", 120.0)
    page = service.machine.run("sh", "-c", f"cat {REPORTS}/situation-*.html")
    assert "a drill" in page
    assert "<svg" in page
    assert service.machine.run("sh", "-c", f"head -c 4 {REPORTS}/situation-*.png | tail -c 3") == "PNG"
