"""Heavy work of the installed service: a control group of its own, and nothing that outlives who waits for it."""

import json

from tests.system.service import OPERATOR, Service

SOCKET = "/run/ultrad-aside.sock"
_ASK = """
import json, sys
import anyio
from pathlib import Path
from ultrad.adapters.aside import WorkAside
aside = WorkAside(Path("/run/ultrad-aside.sock"), ("/nonexistent",), Path("/etc/ultrad/ultrad.toml"), {})
print(json.dumps(anyio.run(aside.run, sys.argv[1], {}, 60.0)))
"""
_AS_INSTALLED = {"PYTHONPATH": "/usr/local/lib/ultrad"}


def _about(service: Service) -> dict[str, str]:
    said = service.machine.run("/usr/bin/python3", "-c", _ASK, "about", user="ultrad", env=_AS_INSTALLED)
    found: dict[str, str] = json.loads(said)
    return found


def test_aside__asked_by_the_daemons_user__works_in_a_group_of_its_own(service: Service) -> None:
    service.start()
    assert service.show("ActiveState", "ultrad-aside.socket") == "active"
    first, second = _about(service), _about(service)
    assert "ultrad-aside@" in first["cgroup"]
    assert "ultrad.service" not in first["cgroup"]
    assert first["pid"] != second["pid"]
    service.until(lambda: service.show("NConnections", "ultrad-aside.socket") == "0", "the end of the workers")
    assert service.machine.run("systemctl", "--failed", "--plain", "--no-legend") == ""


def test_aside__daemon_killed_or_restarted__socket_stands(service: Service) -> None:
    service.start()
    before = service.pid
    service.machine.run("kill", "-KILL", str(before))
    service.until_back(before)
    assert "ultrad-aside@" in _about(service)["cgroup"]
    service.machine.run("systemctl", "restart", "ultrad")
    assert "ultrad-aside@" in _about(service)["cgroup"]


def test_aside__socket__is_the_daemons_alone(service: Service) -> None:
    service.start()
    assert service.machine.run("stat", "-c", "%a %U:%G", SOCKET) == "600 ultrad:ultrad\n"
    refused = service.machine.run(
        "/usr/bin/python3", "-c", _ASK, "about", user=OPERATOR, env=_AS_INSTALLED, code=1
    )
    assert "Permission denied" in refused


def test_aside__who_waits_goes_away__work_ends(service: Service) -> None:
    """A worker that still waits for its request, as one that works."""
    service.start()
    hold = "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); sys.stdin.read()"
    with service.machine.popen("/usr/bin/python3", "-c", hold, SOCKET, user="ultrad") as holding:
        service.until(lambda: service.show("NConnections", "ultrad-aside.socket") == "1", "the worker")
        holding.communicate("", 30)
    service.until(lambda: service.show("NConnections", "ultrad-aside.socket") == "0", "the end of the worker")
