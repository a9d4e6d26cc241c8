"""`ultrad doctor` as an operator of a real service types it: what systemd says, and what they may not read."""

import json
from typing import Any

from tests.system.service import OPERATOR, STRANGER, Service


def lines(service: Service, code: int, user: str = OPERATOR) -> list[dict[str, Any]]:
    """The lines of a doctor that ends with that code."""
    out = service.machine.run("sh", "-c", f"ultrad doctor --json; test $? = {code}", user=user)
    found: list[dict[str, Any]] = json.loads(out)["lines"]
    return found


def told(found: list[dict[str, Any]], area: str) -> list[tuple[str, str]]:
    return [(one["level"], one["message"]["text"]) for one in found if one["area"] == area]


def test_doctor__a_service_that_runs_and_one_that_does_not__as_systemd_says(service: Service) -> None:
    service.prepare("production", reachable=False)
    service.start()
    found = lines(service, 4)  # production begins with the stop ON, and no endpoint answers
    unit = [one for one in found if one["area"] == "service"]
    assert [one["level"] for one in unit] == ["info", "info", "warning"]
    assert unit[1]["message"]["args"]["state"] == "active"
    assert unit[2]["remedy"]["text"] == "systemctl enable ultrad"
    assert {("a", "alert"), ("b", "alert"), ("http", "info")} == {
        (one["subject"], one["level"]) for one in found if one["area"] == "probes"
    }
    assert [one["known"] for one in found if one["subject"] == "secrets"] == [False]
    assert {one["level"] for one in found if one["area"] in {"parts", "jobs"}} == {"info"}
    assert {one["subject"] for one in found if one["area"] == "capacity"} == {"state", "logs"}
    assert "error" not in {one["level"] for one in found}

    service.machine.run("systemctl", "stop", "ultrad")
    stopped = lines(service, 5)
    assert ("critical", "inactive") in {
        (one["level"], one["message"]["args"].get("state")) for one in stopped if one["area"] == "service"
    }
    assert [level for level, _ in told(lines(service, 5, "root"), "config")].count("alert") == 0


def test_doctor__a_stranger__is_told_that_it_is_none_of_theirs(service: Service) -> None:
    service.start()
    found = lines(service, 1, STRANGER)
    assert "warning" in {level for level, _ in told(found, "service")}
    assert told(found, "probes") == []
