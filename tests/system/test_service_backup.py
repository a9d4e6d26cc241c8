"""Backups of the installed service, up to a machine that is set up anew from one."""

import json

from tests.system.service import FLAG, OPERATOR, PLAIN, STATE, Service

VAULT = "/var/backups/ultrad"
_MORE = f'[backup]\n[[backup.targets]]\nname = "local"\nkind = "directory"\npath = "{VAULT}"\n'


def _prepared(service: Service) -> None:
    service.machine.run("sh", "-c", f"rm -rf {VAULT}/* /root/restored")
    service.configure("devnet", ("a",), _MORE)
    service.start()


def _listed(service: Service, user: str | None) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(
        service.machine.run("ultrad", "backup", "list", "--json", user=user)
    )["backups"]
    return found


def test_backup__by_the_service__is_made_aside_and_drilled(service: Service) -> None:
    _prepared(service)
    machine = service.machine
    said = machine.run("ultrad", "backup", "now", user=OPERATOR)
    assert "backup at 1 of 1 targets" in said
    (one,) = _listed(service, "ultrad")
    assert one["good"] is True
    assert _listed(service, None) == [one]
    assert machine.run("stat", "-c", "%a %U:%G", VAULT, f"{VAULT}/{one['name']}") == (
        "700 ultrad:ultrad\n640 ultrad:ultrad\n"
    )
    assert "the chain is whole" in machine.run("ultrad", "backup", "verify", user="ultrad")
    machine.run("ultrad", "job", "run", "restore_drill", user=OPERATOR)
    assert [event["data"]["ok"] for event in service.events("backup.drilled")] == [True]
    assert "was restored in" in machine.read("/var/log/ultra/restore_drill.log")
    assert service.show("NRestarts") == "0"
    assert machine.run("systemctl", "--failed", "--plain", "--no-legend") == ""


def test_backup__state_lost__comes_back_from_it_with_the_stop_on(service: Service) -> None:
    """The runbook's way onto a new machine, step by step."""
    _prepared(service)
    machine = service.machine
    machine.run("ultrad", "backup", "now", user=OPERATOR)
    service.until(lambda: service.mode() == "off", "the stop's mode")
    machine.run("systemctl", "stop", "ultrad")
    machine.run("sh", "-c", f"rm -rf {STATE}/* {STATE}/.[!.]*")
    machine.run("systemd-tmpfiles", "--create", "ultrad.conf")
    restored = machine.run("ultrad", "backup", "restore", "--to", "/root/restored")
    assert "The chain is whole" in restored
    machine.run(
        "install", "-o", "ultrad", "-g", "ultrad", "-m", "0600", "/root/restored/journal.db", f"{STATE}/journal.db"
    )
    machine.run("ultrad", "audit", "verify", user="ultrad", code=None)
    service.start()
    assert (service.mode(), service.causes()) == ("on", {"marker_missing"})
    assert machine.exists(FLAG)
    kinds = [event["kind"] for event in service.events("daemon")]
    assert kinds == ["daemon.init", "daemon.started", "daemon.started"]
    service.verify()


def test_backup__its_secrets__come_from_the_units_credentials(service: Service) -> None:
    _prepared(service)
    service.secret("s3-access", "AKIAULTRADTEST")
    service.secret("s3-secret", "s" * 40)
    recipient = "age1ss25m52a55p2vqmjejahnvfcvy5s3xwtjtg8rys89drx8l6a5pcqxarxkx"
    service.configure("devnet", ("a",), (
        f'[backup]\nrecipients = ["{recipient}"]\n[[backup.targets]]\nname = "outside"\nkind = "s3"\n'
        'bucket = "ultrad"\nendpoint = "http://127.0.0.1:1"\naccess_key = "s3-access"\nsecret_key = "s3-secret"\n'
    ))  # fmt: skip
    service.machine.run("systemctl", "restart", "ultrad")
    said = service.machine.run("ultrad", "backup", "list", user="ultrad", code=1)
    assert "The target outside failed" in said
    assert service.machine.run("ls", PLAIN) != ""
    said = service.machine.run("ultrad", "job", "run", "backup_daily", user=OPERATOR, code=1)
    assert "backup at 0 of 1 targets" in said
    service.until(
        lambda: "backup_failed" in {one["finding"]["code"] for one in service.status()["findings"]}, "the finding"
    )
    assert "AKIAULTRADTEST" not in service.machine.run("sh", "-c", "cat /var/log/ultra/*; journalctl --no-pager")
