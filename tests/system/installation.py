"""An installed daemon in a directory of its own: configuration, secrets, state; started and ended as a child."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from ultrad.control_client import Client
from ultrad.devnet.devnet import Devnet
from ultrad.errors import UltradError

WAIT_S = 20.0
_CONFIG = """\
environment = "devnet"
language = "en"
state_dir = "{at}/state"
log_dir = "{at}/log"
runtime_dir = "{at}/run"
[chain]
network = "devnet"
addresses_provider = "{provider}"
stale_head_s = 600
[[chain.endpoints]]
name = "anvil"
http = "{at}/rpc-http"
ws = "{at}/rpc-ws"
[[positions]]
name = "main"
account = "{account}"
[http]
port = {port}
"""


def wait_for(look: Callable[[], Any], what: str, timeout_s: float = WAIT_S) -> Any:
    """What `look` answers as soon as it is true."""
    deadline_s = time.monotonic() + timeout_s
    while time.monotonic() < deadline_s:
        if found := look():
            return found
        time.sleep(0.01)
    raise AssertionError(f"waited {timeout_s} s for {what}")


def _free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port: int = trial.getsockname()[1]
        return port


@dataclass(frozen=True)
class Installation:
    """Where it lies."""

    at: Path
    port: int

    @classmethod
    def make(cls, at: Path, devnet: Devnet, more: str = "", secrets: Mapping[str, str] | None = None) -> Self:
        """Write the configuration and prepare the state directory.

        more: further sections, in which `{at}` is the directory of the secrets.
        """
        made = cls(at, _free_port())
        for name, url in {"rpc-http": devnet.url_http, "rpc-ws": devnet.url_ws, **(secrets or {})}.items():
            (at / name).write_text(url)
            (at / name).chmod(0o600)
        for name in ("log", "run"):
            (at / name).mkdir()
        made.config.write_text(
            _CONFIG.format(
                at=at,
                provider=devnet.addresses.addresses_provider,
                account=devnet.addresses.account,
                port=made.port,
            )
            + more.replace("{at}", str(at))
        )
        made.ultrad("init")
        return made

    @property
    def config(self) -> Path:
        return self.at / "ultrad.toml"

    @property
    def flag(self) -> Path:
        return self.at / "state" / "flag" / "estop"

    @property
    def journal(self) -> Path:
        return self.at / "state" / "journal.db"

    def ultrad(self, *arguments: str, code: int = 0) -> str:
        """Run a command; its output."""
        done = subprocess.run(
            [sys.executable, "-m", "ultrad", "--config", str(self.config), *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == code, (arguments, done.returncode, done.stdout, done.stderr)
        return done.stdout + done.stderr

    def start(self, environ: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
        """Start the daemon; its log goes to `daemon.log`."""
        with (self.at / "daemon.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "ultrad", "--config", str(self.config), "run"],
                env={**os.environ, **(environ or {})},
                stdout=log,
                stderr=log,
            )

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen[bytes]]:
        """The daemon, until the block ends; then it must stop as told, within five seconds."""
        process = self.start()
        try:
            wait_for(self.answers, "the daemon's first reading")
            yield process
            process.terminate()
            assert process.wait(5) == 0
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()

    def answers(self) -> bool:
        """Whether the daemon answers and has read the position."""
        try:
            return Client(self.at / "run" / "control.sock").status().reading_age_ms is not None
        except UltradError:
            return False
