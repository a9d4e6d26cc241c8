"""A machine of our own for a while: a real systemd, booted from this host's root. See `keeper`."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from tests.system import keeper
from tests.system.installation import wait_for

BOOT_S = 30.0
COMMAND_S = 60.0
_NEEDED = ("unshare", "nsenter", "setpriv", "systemctl", "pivot_root", "mount", "tar", "logrotate")


def why_not() -> str | None:
    """Why no machine can be booted here; None where it can."""
    if os.geteuid() != 0:
        return "booting a machine needs root"
    search = f"{os.environ.get('PATH', '')}:{keeper.PATH}"
    missing = [name for name in _NEEDED if shutil.which(name, path=search) is None]
    if missing or not Path("/lib/systemd/systemd").exists():
        return f"the machine needs systemd and {', '.join(missing)}"
    return None


class Machine:
    """A booted machine. Its clock, kernel and processors are the host's; all else is its own."""

    def __init__(self, at: Path, name: str, keeping: "subprocess.Popen[bytes]") -> None:
        """Made by `booted`."""
        self.at, self.name, self._keeping = at, name, keeping
        self._init = 0

    def wait_booted(self) -> None:
        """Until systemd has started all that starts by itself."""
        before = self._init
        wait_for(lambda: self._init_pid() not in {None, before}, "process 1", BOOT_S)
        self._init = self._init_pid() or 0
        wait_for(lambda: self.run("systemctl", "is-system-running", code=None).strip() in {"running", "degraded"},
                 "the end of the boot", BOOT_S)  # fmt: skip
        assert self.run("systemctl", "--failed", "--plain", "--no-legend") == ""

    def _init_pid(self) -> int | None:
        if self._keeping.poll() is not None:
            raise AssertionError(f"the machine does not boot: {(self.at / 'console').read_text()}")
        try:
            return int((self.at / "init").read_text())
        except (OSError, ValueError):
            return None

    def popen(self, *command: str, user: str | None = None, env: Mapping[str, str] | None = None,
              stdin: int | None = None) -> "subprocess.Popen[str]":  # fmt: skip
        """Start a command in the machine, as root or as one of its users."""
        become = ("setpriv", "--reuid", user, "--regid", user, "--init-groups") if user else ()
        environ = {
            "LANG": "C.UTF-8",
            "PATH": keeper.PATH,
            "SYSTEMD_PAGER": "",
            "SYSTEMD_COLORS": "0",
            **(env or {}),
        }
        return subprocess.Popen(
            ["nsenter", "-t", str(self._init), "-m", "-u", "-i", "-n", "-p", "-C", "--", "env", "-i",
             *(f"{name}={value}" for name, value in environ.items()), *become, *command],
            stdin=subprocess.PIPE if stdin is None else stdin,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def run(self, *command: str, user: str | None = None, code: int | None = 0, said: str = "",
            env: Mapping[str, str] | None = None) -> str:  # fmt: skip
        """Run a command; its standard output, and with another code than 0 expected, also standard error."""
        with self.popen(*command, user=user, env=env) as process:
            out, err = process.communicate(said, COMMAND_S)
        assert code in {None, process.returncode}, (command, process.returncode, out, err)
        return out if code == 0 else out + err

    def restart(self) -> None:
        """Restart it in order; its disk stays, what it had in memory is gone."""
        self.run("systemctl", "reboot", code=None)
        self.wait_booted()

    def write(self, path: str, text: str, mode: str = "0644", owner: str = "root:root") -> None:
        """Write a file in the machine."""
        self.run("sh", "-c", 'mkdir -p "${0%/*}" && cat > "$0" && chmod "$1" "$0" && chown "$2" "$0"',
                 path, mode, owner, said=text)  # fmt: skip

    def read(self, path: str) -> str:
        """A file's text."""
        return self.run("cat", path)

    def exists(self, path: str) -> bool:
        """Whether there is something, be it a dangling link."""
        return self.run("sh", "-c", '[ -e "$0" ] || [ -L "$0" ] && echo yes || true', path) != ""


@contextmanager
def booted(payload: Path, binds: Mapping[str, Path]) -> Iterator[Machine]:
    """A machine with `payload` laid over its root; binds: host directories to see in it, by their place there."""
    name = f"ultrad-test-{os.getpid()}-{time.monotonic_ns() % 1_000_000}"
    at = Path(tempfile.mkdtemp(prefix=f"{name}-"))
    plan = keeper.Plan(str(at), name, str(payload), {place: str(source) for place, source in binds.items()})
    with (at / "console").open("wb") as console:
        keeping = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private",
             sys.executable, "-I", keeper.__file__, "keep", json.dumps(asdict(plan))],
            stdin=subprocess.PIPE, stdout=console, stderr=console, start_new_session=True,
        )  # fmt: skip
    try:
        machine = Machine(at, name, keeping)
        machine.wait_booted()
        yield machine
    finally:
        assert keeping.stdin is not None
        keeping.stdin.close()
        assert keeping.wait(BOOT_S) == 0
