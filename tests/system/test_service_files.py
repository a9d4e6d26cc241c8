"""The service's files: disks that fail, logs, secrets."""

import json

import pytest

from tests.system.service import ENCRYPTED, FLAG, OPERATOR, PLAIN, STATE, Service

JOB_LOG = "/var/log/ultra/housekeeping.log"
_AS_INSTALLED = {"PYTHONPATH": "/usr/local/lib/ultrad"}
_WRITER = """
import os, select, sys
from pathlib import Path
from ultrad.adapters.host import HostClock
from ultrad.adapters.joblog import JobLogFiles
from ultrad.core.events import Level
from ultrad.i18n import ENGLISH, msg
os.umask(0o027)
clock = HostClock(Path("/nonexistent"), None)
log = JobLogFiles(Path("/var/log/ultra"), clock, ENGLISH, lambda told: sys.exit(str(told)))
number = 0
while not select.select([sys.stdin], [], [], 0)[0]:  # until it is closed
    log.write("often.log", Level.INFO, msg("one"), number=number)
    number += 1
    log.flush(10)
print(number)
"""


@pytest.fixture
def on_own_disk(service: Service) -> Service:
    """The state directory on a small disk of its own."""
    service.machine.run("sh", "-c", f"rm -rf {STATE}/* && mount -t tmpfs -o size=1m,mode=710 state {STATE}")
    service.machine.run("systemd-tmpfiles", "--create", "ultrad.conf")
    service.machine.run("ultrad", "init", user="ultrad")
    return service


def _rotate(service: Service) -> None:
    service.machine.run("logrotate", "--force", "--state", "/run/rotated", "/etc/logrotate.d/ultrad")


def _fill(service: Service) -> None:
    service.machine.run("sh", "-c", f"cat /dev/zero > {STATE}/ballast 2>/dev/null", code=1)


# ---------------------------------------------------------------- disks


def _findings(service: Service) -> set[str]:
    return {one["finding"]["code"] for one in service.status()["findings"]}


def test_service__disk_fills_up_under_it__stays_up_and_stops_all_the_same(on_own_disk: Service) -> None:
    service = on_own_disk
    service.start()
    _fill(service)
    service.machine.run("ultrad", "estop", "on", "--reason", "disk", user=OPERATOR, code=None)
    service.until(lambda: service.mode() == "on", "the stop")
    assert service.until_status("estop ON").startswith("HF – · estop ON (operator:")
    assert (service.show("ActiveState"), service.show("NRestarts")) == ("active", "0")
    service.until(lambda: "disk is full" in str(service.status()["journal"]["trouble"]), "word of the disk")
    # A full disk has room for a name: the flag stands, though nothing could be written into it.
    service.until(lambda: service.machine.exists(FLAG), "the flag")


def test_service__started_on_a_full_disk__is_up_and_fails_closed(on_own_disk: Service) -> None:
    service = on_own_disk
    _fill(service)
    service.start()
    assert service.until_status("estop ON") == "HF – · estop ON (state_unusable)"
    assert service.causes() == {"state_unusable"}
    assert {"estop", "flag"} <= set(service.status()["estop"]["shut_by"])
    assert service.status()["journal"]["trouble"] is not None


def test_service__started_on_a_read_only_disk__is_up_and_fails_closed(on_own_disk: Service) -> None:
    service = on_own_disk
    service.machine.run("mount", "-o", "remount,ro", STATE)
    service.start()
    assert service.until_status("estop ON") == "HF – · estop ON (state_unusable)"
    assert "state_unusable" in service.causes()
    assert "flag_unwritable" in _findings(service)


# ---------------------------------------------------------------- logs


def test_service__its_log__is_json_with_its_level_as_priority(service: Service) -> None:
    service.start()
    service.machine.run("touch", FLAG, user=OPERATOR)
    service.until_status("estop ON")
    service.machine.run("systemctl", "stop", "ultrad")
    told = [line for line in service.log() if line["_COMM"] == "python3" and line["_TRANSPORT"] == "stdout"]
    assert len(told) > 3
    priorities = {"info": "6", "warning": "4", "error": "3", "critical": "2"}
    for line in told:
        assert line["SYSLOG_IDENTIFIER"] == "ultrad"
        assert line["PRIORITY"] == priorities[json.loads(line["MESSAGE"])["level"]]
    assert {"6", "2"} <= {line["PRIORITY"] for line in told}


def test_service__job_logs_rotated__stay_the_groups_and_are_packed_a_day_later(service: Service) -> None:
    machine = service.machine
    service.start()
    for _ in range(2):
        machine.run("ultrad", "job", "run", "housekeeping", user=OPERATOR)
        _rotate(service)
    machine.run("ultrad", "job", "run", "housekeeping", user=OPERATOR)
    lines = machine.run("sh", "-c", f"cat {JOB_LOG} {JOB_LOG}.1; zcat {JOB_LOG}.2.gz").splitlines()
    assert [json.loads(line)["level"] for line in lines] == ["info"] * 3
    assert machine.run("stat", "-c", "%a %U:%G", JOB_LOG, f"{JOB_LOG}.1", f"{JOB_LOG}.2.gz") == (
        "640 ultrad:ultrad\n" * 3
    )
    assert machine.run("cat", JOB_LOG, user=OPERATOR) != ""


def test_service__job_logs_rotated_while_they_are_written__no_line_is_lost(service: Service) -> None:
    machine = service.machine
    with machine.popen("/usr/bin/python3", "-c", _WRITER, user="ultrad", env=_AS_INSTALLED) as writing:
        service.until(lambda: machine.exists("/var/log/ultra/often.log"), "the first line")
        for _ in range(5):
            _rotate(service)
        written, trouble = writing.communicate("", 30)
    assert trouble == ""
    kept = machine.run(
        "sh", "-c", "cd /var/log/ultra && cat often.log often.log.1 && zcat often.log.*.gz"
    ).splitlines()
    assert sorted(json.loads(line)["number"] for line in kept) == list(range(int(written)))
    assert int(machine.run("sh", "-c", "ls /var/log/ultra/often.log* | wc -l")) > 2


# ---------------------------------------------------------------- secrets


def test_service__secret_encrypted__reaches_the_configuration(service: Service) -> None:
    machine = service.machine
    machine.run("rm", f"{PLAIN}/rpc-a-http")
    machine.run("systemctl", "start", "ultrad", code=1)
    assert "rpc-a-http" in service.show("StatusText")
    machine.run("systemd-creds", "encrypt", "--name=encrypted_rpc-a-http", "-", f"{ENCRYPTED}/rpc-a-http",
                said="http://127.0.0.1:1/")  # fmt: skip
    assert "127.0.0.1" not in machine.read(f"{ENCRYPTED}/rpc-a-http")
    machine.run("systemctl", "reset-failed", "ultrad")
    service.start()
    assert service.status()["endpoints"][0]["name"] == "a"


def test_service__secrets__are_read_by_root_and_the_daemon_alone(service: Service) -> None:
    service.start()
    assert "Permission denied" in service.machine.run(
        "ls", "/run/credentials/ultrad.service", user=OPERATOR, code=2
    )
    assert service.machine.run("stat", "-c", "%a", PLAIN, ENCRYPTED) == "700\n700\n"
