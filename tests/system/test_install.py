"""Installing on a machine, and taking it away again."""

from tests.system.machine import Machine, booted
from tests.system.service import CHECKOUT, FLAG, Service, staged
from ultrad.devnet.build import Build


def _made(machine: Machine, target: str) -> str:
    return machine.run("make", "-C", "/opt/checkout", "--silent", target)


def test_make__uninstall_and_activate__keep_state_and_bring_it_back(
    installed_service: Service, devnet_build: Build
) -> None:
    """installed_service: for its word on whether machines can be booted here."""
    assert installed_service.build is devnet_build
    binds = {
        "/opt/checkout": CHECKOUT,
        "/opt/cache": devnet_build.market.parent.parent,
        "/opt/staged": staged(),
    }
    with booted(staged(), binds) as machine:
        service = Service(machine, devnet_build)
        service.prepare(reachable=False)
        machine.run("systemctl", "enable", "--now", "ultrad")
        machine.run("touch", FLAG)
        told = _made(machine, "uninstall")
        assert "kept: /var/lib/ultrad" in told
        assert service.show("LoadState") == "not-found"
        assert machine.run("pgrep", "-f", "ultrad run", code=1) == ""
        for gone in ("/usr/local/bin/ultrad", "/usr/local/lib/ultrad", "/etc/logrotate.d/ultrad"):
            assert not machine.exists(gone), gone
        assert machine.run("find", "/etc/systemd", "/usr/local/lib", "-name", "*ultrad*") == ""
        for kept in (FLAG, "/var/lib/ultrad/journal.db", "/etc/ultrad/ultrad.toml", "/var/log/ultra"):
            assert machine.exists(kept), kept
        machine.run("rm", "-rf", "/etc/ultrad/credentials.encrypted")
        machine.run("sh", "-c", "tar -C /opt/staged -c . | tar -C / -x --no-overwrite-dir")
        _made(machine, "activate")
        service.start()
        assert service.mode() == "on"
