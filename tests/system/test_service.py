"""The service's life under a real systemd: start, trouble, stop."""

import json
import time
from collections.abc import Iterator

import pytest

from tests.system.service import CONFIG, FLAG, OPERATOR, OTHER_OPERATOR, STRANGER, Service
from ultrad.control_client import EXIT_UNREACHABLE
from ultrad.errors import EXIT_LOCKED

UNITS = "/usr/local/lib/systemd/system"
STOP_S = 5.0


@pytest.fixture
def watching(service: Service) -> Iterator[Service]:
    """The daemon at work on a real Aave."""
    with service.devnet():
        service.prepare()
        service.start()
        service.until_status("HF 1.88")
        yield service
        service.machine.run("systemctl", "stop", "ultrad")


# ---------------------------------------------------------------- start and stop


def test_service__started_on_a_market__is_ready_tells_its_figures_and_trips(watching: Service) -> None:
    assert watching.show("StatusText") == "HF 1.8863 · estop OFF"
    assert watching.show("NRestarts") == "0"
    assert watching.status()["estop"]["shut_by"] == []
    watching.price("WETH", "2100")
    assert watching.until_status("estop ON").startswith("HF 1.5845 · estop ON (hf_low:main")
    assert json.loads(watching.machine.read(FLAG))["code"] == "hf_low"
    assert watching.machine.run("stat", "-c", "%a %U:%G", FLAG) == "660 ultrad:ultrad\n"
    assert "2" in {line["PRIORITY"] for line in watching.log() if "1.5845" in line["MESSAGE"]}


def test_service__no_endpoint_answers__is_ready_with_the_gate_shut(service: Service) -> None:
    service.start()
    assert "no_reading" in service.status()["estop"]["shut_by"]
    assert service.show("StatusText") == "HF – · estop OFF"


def test_service__stopped__ends_in_order_within_five_seconds(service: Service) -> None:
    service.start()
    begun = time.monotonic()
    service.machine.run("systemctl", "stop", "ultrad")
    assert time.monotonic() - begun < STOP_S
    assert (service.show("Result"), service.show("ExecMainStatus")) == ("success", "0")
    assert service.events("daemon")[-1]["kind"] == "daemon.stopped"
    service.verify()
    assert not service.machine.exists("/run/ultrad")


def test_service__enabled_and_machine_restarted_while_on__is_on_again(service: Service) -> None:
    machine = service.machine
    machine.run("systemctl", "enable", "ultrad")
    service.start()
    machine.run("touch", FLAG, user=OPERATOR)
    service.until_status("estop ON")
    machine.restart()
    assert service.show("ActiveState") == "active"
    assert (service.mode(), service.causes()) == ("on", {"flag"})
    assert [event["kind"] for event in service.events("estop")] == ["estop.on"]
    machine.run("systemctl", "stop", "ultrad")
    machine.run("rm", FLAG, user=OPERATOR)
    machine.restart()
    # It stood for less than a minute: too young for an override, so it is put back.
    assert machine.exists(FLAG)
    assert service.mode() == "on"
    machine.run("systemctl", "disable", "ultrad")
    service.verify()


# ---------------------------------------------------------------- deaths


def test_service__killed__comes_back_by_itself_as_it_was(service: Service) -> None:
    service.start()
    service.machine.run("touch", FLAG, user=OPERATOR)
    service.until_status("estop ON")
    killed = service.pid
    service.machine.run("kill", "-KILL", str(killed))
    service.until_back(killed)
    assert service.show("NRestarts") == "1"
    assert (service.mode(), service.causes()) == ("on", {"flag"})
    assert [event["kind"] for event in service.events("daemon")] == [
        "daemon.init",
        "daemon.started",
        "daemon.started",
    ]
    assert [event["kind"] for event in service.events("estop")] == ["estop.on"]
    service.verify()


def test_service__frozen__is_aborted_by_the_watchdog_and_comes_back(service: Service) -> None:
    service.drop_in("[Service]\nWatchdogSec=2\nRestartSec=100ms\n")
    service.start()
    frozen = service.pid
    service.machine.run("kill", "-STOP", str(frozen))
    service.until_back(frozen)
    said = [line["MESSAGE"] for line in service.log()]
    assert any("Watchdog timeout (limit 2s)!" in line for line in said)
    assert any("code=dumped, status=6/ABRT" in line or "code=killed, status=6/ABRT" in line for line in said)
    assert "Fatal Python error: Aborted" in said
    assert not any("core" in line and "dumped" in line for line in said if "status=6" not in line)
    service.verify()


_FREEZER = """
import pathlib, time
import anyio
from ultrad.__main__ import main

really_run = anyio.run

def run(entry, *arguments, **options):
    async def freeze():
        while not pathlib.Path("/var/lib/ultrad/freeze").exists():
            await anyio.sleep(0.05)
        time.sleep(60)

    async def beside(*given):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(freeze)
            await entry(*given)
            tasks.cancel_scope.cancel()

    return really_run(beside, *arguments, **options)

anyio.run = run
main()
"""


def test_service__its_loop_alone_is_frozen__is_aborted_by_the_watchdog_and_comes_back(service: Service) -> None:
    service.machine.write("/run/freezer.py", _FREEZER)
    service.drop_in(
        "[Service]\nWatchdogSec=2\nRestartSec=100ms\nEnvironment=PYTHONPATH=/usr/local/lib/ultrad\n"
        "ExecStart=\nExecStart=/usr/bin/python3 -s -P /run/freezer.py run\n"
    )
    service.start()
    frozen = service.pid
    service.machine.run("sh", "-c", "touch /var/lib/ultrad/freeze")
    service.until(lambda: service.pid != frozen, "the abort")
    service.machine.run("rm", "/var/lib/ultrad/freeze")
    service.until_back(frozen)
    said = [line["MESSAGE"] for line in service.log()]
    assert any("Watchdog timeout (limit 2s)!" in line for line in said)
    assert "Fatal Python error: Aborted" in said
    service.verify()


def test_service__dies_again_and_again__stays_down_and_people_are_told(service: Service) -> None:
    service.drop_in("[Unit]\nStartLimitBurst=2\n[Service]\nRestartSec=100ms\n")
    told = "/var/lib/ultrad/told"
    record = f'echo "%i $MONITOR_UNIT $MONITOR_SERVICE_RESULT $MONITOR_EXIT_CODE $MONITOR_EXIT_STATUS" > {told}'
    service.drop_in(f"[Service]\nExecStart=\nExecStart=/bin/sh -c '{record}'\n", "ultrad-failure@.service")
    service.start()
    killed = service.pid
    service.machine.run("kill", "-KILL", str(killed))
    service.until_back(killed)
    assert not service.machine.exists(told)
    service.machine.run("kill", "-KILL", str(service.pid))
    service.until(lambda: service.machine.exists(told), "the failure unit")
    assert service.show("ActiveState") == "failed"
    assert service.machine.read(told) == "ultrad.service ultrad.service signal killed KILL\n"


def test_service__takes_more_memory_than_the_unit_allows__is_killed(service: Service) -> None:
    if not service.machine.exists("/sys/fs/cgroup/memory") and "memory" not in service.machine.read(
        "/sys/fs/cgroup/cgroup.controllers"
    ):
        pytest.skip("this host gives its machines no memory controller")
    assert service.show("MemoryMax") == str(512 * 2**20)
    hog = "import time; one = bytearray(600 * 2**20); time.sleep(60)"
    service.drop_in(f"[Service]\nType=exec\nRestart=no\nExecStart=\nExecStart=/usr/bin/python3 -c '{hog}'\n")
    service.machine.run("systemctl", "start", "ultrad")
    service.until(lambda: service.show("ActiveState") == "failed", "the end")
    assert service.show("Result") in {"oom-kill", "signal"}


def test_service__a_keystore_as_wallets_make_it__is_opened_within_the_memory_that_the_unit_has(
    service: Service,
) -> None:
    service.trade_with_keystore()
    service.start()
    assert service.status()["trade"]["signs"] is True
    assert service.show("NRestarts") == "0"
    peak = service.peak_bytes()
    if peak is not None:
        assert 256 * 2**20 < peak < 0.9 * int(service.show("MemoryMax"))


# ---------------------------------------------------------------- refusals


def test_service__second_instance__refuses_and_leaves_the_first_alone(service: Service) -> None:
    service.start()
    first = service.pid
    said = service.machine.run(
        "env", "CREDENTIALS_DIRECTORY=/run/secrets", "ultrad", "run", user="ultrad", code=None
    )
    assert "rpc-a-http" in said  # without its secrets it does not come so far
    service.machine.run("install", "-d", "-o", "ultrad", "-m", "0700", "/run/secrets")
    service.machine.write("/run/secrets/rpc-a-http", "http://127.0.0.1:1/", "0400", "ultrad:ultrad")
    said = service.machine.run(
        "env", "CREDENTIALS_DIRECTORY=/run/secrets", "ultrad", "run", user="ultrad", code=EXIT_LOCKED
    )
    assert f"process {first} holds" in said
    assert (service.pid, service.show("ActiveState")) == (first, "active")
    service.status()


def test_service__configuration_wrong__says_where_and_is_not_started_again(service: Service) -> None:
    machine = service.machine
    machine.write(CONFIG, machine.read(CONFIG) + "[limits]\ntrip_hf = 0.5\nunknown = 1\n")
    machine.run("systemctl", "start", "ultrad", code=1)
    shown = machine.run("systemctl", "status", "--no-pager", "--full", "ultrad", code=3)
    assert "limits.trip_hf" in shown
    assert "limits.unknown" in shown
    assert (service.show("ActiveState"), service.show("NRestarts")) == ("failed", "0")
    assert (service.show("Result"), service.show("ExecMainStatus")) == ("exit-code", "78")
    assert "limits.trip_hf" in service.show("StatusText")
    assert {line["PRIORITY"] for line in service.log() if "limits." in line["MESSAGE"]} == {"2"}
    service.configure("devnet", ("a",))
    service.start()


# ---------------------------------------------------------------- people


def test_service__operator__stops_by_the_flag_and_takes_it_away_without_root(service: Service) -> None:
    machine = service.machine
    service.start()
    machine.run("touch", FLAG, user=OPERATOR)
    assert machine.run("stat", "-c", "%U:%G", FLAG) == f"{OPERATOR}:ultrad\n"
    service.until(lambda: service.causes() == {"flag"}, "the operator's stop")
    assert OPERATOR in machine.run("ultrad", "estop", "status", user=OTHER_OPERATOR)
    machine.run("rm", FLAG, user=OTHER_OPERATOR)
    # Younger than a minute, the cause holds: the daemon puts the flag back, and the group may take that one too.
    service.until(lambda: machine.exists(FLAG), "the flag to be put back")
    assert machine.run("stat", "-c", "%a %U:%G", FLAG) == "660 ultrad:ultrad\n"
    machine.run("rm", FLAG, user=OPERATOR)
    for path in ("/var/lib/ultrad", "/var/lib/ultrad/journal.db", "/etc/ultrad/credentials"):
        assert "Permission denied" in machine.run("cp", "-r", path, "/run/lock/copy", user=OPERATOR, code=1), path


def test_service__stranger__can_neither_stop_nor_look(service: Service) -> None:
    machine = service.machine
    service.start()
    machine.run("touch", FLAG, user=OPERATOR)
    for command in (("touch", FLAG), ("rm", FLAG), ("cp", FLAG, "/run/lock/copy"), ("ls", "/var/lib/ultrad")):
        assert "Permission denied" in machine.run(*command, user=STRANGER, code=None), command
    refused = machine.run("ultrad", "status", user=STRANGER, code=EXIT_UNREACHABLE)
    assert "You may not use the control socket" in refused
    machine.run("ultrad", "estop", "on", user=STRANGER, code=1)
    assert machine.exists(FLAG)


def test_service__production__gives_its_socket_to_the_group_without_a_right_to_give(service: Service) -> None:
    service.prepare("production", reachable=False)
    service.start()
    assert service.machine.run("stat", "-c", "%a %U:%G", "/run/ultrad/control.sock") == "660 ultrad:ultrad\n"
    status = service.status()
    assert (status["estop"]["mode"], [one["code"] for one in status["estop"]["causes"]]) == ("on", ["first_start"])
    assert [part["name"] for part in status["parts"] if part["restarts"]] == []


# ---------------------------------------------------------------- the unit itself


def test_units__looked_at_by_systemd__are_sound_and_confined(installed_service: Service) -> None:
    machine = installed_service.machine
    for unit in ("ultrad.service", "ultrad-failure@.service", "ultrad-aside@.service"):
        path = f"{UNITS}/{unit}"
        with machine.popen("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", path) as verifying:
            assert verifying.communicate()[1] == "", unit
        machine.run("systemd-analyze", "security", "--no-pager", "--offline=true", "--threshold=15", path)
        assert "PrivateUsers=yes" not in machine.read(path)


@pytest.mark.parametrize("other", ["ultrad-failure@.service", "ultrad-aside@.service"])
def test_units__sandbox__is_the_same_for_all(installed_service: Service, other: str) -> None:
    first, second = (installed_service.machine.read(f"{UNITS}/{unit}") for unit in ("ultrad.service", other))
    named = [
        {line for line in text.splitlines() if "=" in line and not line.startswith("#")}
        for text in (first, second)
    ]
    own = {line.split("=")[0] for line in named[0] - named[1]}
    assert own <= {
        "Description", "After", "StartLimitIntervalSec", "StartLimitBurst", "OnFailure", "Type", "NotifyAccess",
        "ExecStart", "ExecReload", "TimeoutStartSec", "TimeoutStopSec", "TimeoutAbortSec", "WatchdogSec",
        "Environment", "Restart", "RestartSec", "RestartPreventExitStatus", "RuntimeDirectory",
        "RuntimeDirectoryMode", "OOMScoreAdjust", "WantedBy", "Wants", "MemoryMax", "TasksMax",
    }  # fmt: skip


def test_unit__a_loop_of_hangs_or_of_full_memory__reaches_the_start_limit(installed_service: Service) -> None:
    unit = dict(
        line.split("=", 1)
        for line in installed_service.machine.read(f"{UNITS}/ultrad.service").splitlines()
        if "=" in line and not line.startswith("#")
    )
    seconds = {
        name: int(unit[name]) for name in ("WatchdogSec", "TimeoutAbortSec", "TimeoutStartSec", "RestartSec")
    }
    hang_s = sum(seconds.values())
    for loop_s in (hang_s, 60 + seconds["RestartSec"]):
        assert loop_s * int(unit["StartLimitBurst"]) < int(unit["StartLimitIntervalSec"])


def test_unit__running__dumps_no_core_and_may_do_little(service: Service) -> None:
    service.start()
    assert service.show("WatchdogUSec") == "30s"
    limits = service.machine.read(f"/proc/{service.pid}/limits")
    assert [line.split()[4:6] for line in limits.splitlines() if "core file" in line] == [["0", "0"]]
    state = dict(line.split(":\t", 1) for line in service.machine.read(f"/proc/{service.pid}/status").splitlines())
    assert state["NoNewPrivs"] == "1"
    assert state["Seccomp"] == "2"
    assert state["CapEff"] == state["CapBnd"] == "0" * 16
