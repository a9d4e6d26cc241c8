"""The EVM node: started as a child process on loopback, known by its pid, stopped by it."""

import os
import re
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ultrad.devnet.rpc import Rpc
from ultrad.errors import Permanent, Transient
from ultrad.i18n import msg

FLAGS = (
    # Otherwise it keeps every block's state on disk, gigabytes of it, in the home directory. So many are kept
    # in memory (0.2 MB each, 1 MB with a thousand positions): recent blocks can be asked about, as on a real node.
    "--prune-history=64",
    # The default of 30 M is too little for one multicall over a thousand positions.
    "--gas-limit=1000000000",
    # Any account may send unsigned: the devnet acts as its positions' owners.
    "--auto-impersonate",
    "--no-cors",
)
START_LIMIT_S = 30.0
"""It listens within 0.1 s; a machine short of memory or busy with a build takes longer."""
STOP_LIMIT_S = 10.0
_LISTENING = re.compile(r"Listening on 127\.0\.0\.1:(\d+)")
_TAKEN = "Address already in use"
_LOOK_EVERY_S = 0.005
_TOLD_CHARACTERS = 500


@dataclass(frozen=True, slots=True)
class Anvil:
    """A running node: HTTP and WebSocket share its port."""

    process: subprocess.Popen[bytes]
    port: int

    @property
    def url_http(self) -> str:
        """Its address for JSON-RPC over HTTP."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def url_ws(self) -> str:
        """Its address for JSON-RPC over WebSocket."""
        return f"ws://127.0.0.1:{self.port}"

    def alive(self) -> bool:
        """Whether the process runs."""
        return self.process.poll() is None

    def stop(self) -> None:
        """End it: by SIGTERM (it then writes what --dump-state asks for), by SIGKILL when that does not help."""
        self.process.terminate()
        try:
            self.process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(STOP_LIMIT_S)


def start(binary: Path, *arguments: str, port: int = 0) -> Anvil:
    """Start a node on 127.0.0.1; port 0 takes a free one.

    The node ends with the thread that started it, also when that is killed: start it from one that lives as long.
    Raises Permanent where the port is taken or the node ends at once, Transient where it does not start in time.
    """
    command = [str(binary), "--host=127.0.0.1", f"--port={port}", *FLAGS, *arguments]
    if guard := shutil.which("setpriv"):
        command = [guard, "--pdeathsig=TERM", *command]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={"PATH": os.environ.get("PATH", os.defpath)},
            cwd="/",
            # Ctrl-C is for the one who started it, who then stops it in order.
            start_new_session=True,
        )
        try:
            anvil = Anvil(process, _port(process, log, port))
            _quieten(anvil)
        except BaseException:
            process.kill()
            process.wait(STOP_LIMIT_S)
            raise
    return anvil


def _port(process: subprocess.Popen[bytes], log: IO[bytes], wanted: int) -> int:
    """The port it says it listens on."""
    until = time.monotonic() + START_LIMIT_S
    while time.monotonic() < until:
        ended = process.poll()
        text = os.pread(log.fileno(), 2**16, 0).decode(errors="replace")
        if found := _LISTENING.search(text):
            return int(found[1])
        if ended is not None and _TAKEN in text:
            raise Permanent(
                msg(
                    "port {port} on 127.0.0.1 is taken: give --port another, or leave it out for a free one",
                    port=wanted,
                )
            )
        if ended is not None:
            raise Permanent(
                msg(
                    "the devnet's node ended at once with code {code} and said: {log}",
                    code=ended,
                    log=text[-_TOLD_CHARACTERS:].strip(),
                )
            )
        time.sleep(_LOOK_EVERY_S)
    raise Transient(msg("the devnet's node did not start within {limit} s", limit=int(START_LIMIT_S)))


def _quieten(anvil: Anvil) -> None:
    """Let it log no more: each call would add a line to a file that is only read for the port."""
    rpc = Rpc(anvil.port)
    try:
        rpc("anvil_setLoggingEnabled", False)
    finally:
        rpc.close()
