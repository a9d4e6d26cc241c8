"""The daemon as a process: from start to READY, memory and processor time over a hundred blocks."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from tests.bench.figure import Figure, at_most
from tests.system.installation import Installation
from ultrad.devnet.build import ensure_built
from ultrad.devnet.devnet import Devnet

STARTS = 7
BLOCKS = 100
BLOCK_PAUSE_S = 0.1
READY_TIMEOUT_S = 30.0


@contextmanager
def _started(installation: Installation, at: Path) -> Iterator[tuple[subprocess.Popen[bytes], float]]:
    """A running daemon, and the seconds until it said READY=1."""
    address = at / "notify"
    address.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(str(address))
        notify.settimeout(READY_TIMEOUT_S)
        begun = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "ultrad", "--config", str(installation.config), "run"],
            env={**os.environ, "NOTIFY_SOCKET": str(address)},
            stderr=subprocess.DEVNULL,
        )
        try:
            while b"READY=1" not in notify.recv(4_096):
                pass
            yield process, time.perf_counter() - begun
        finally:
            process.terminate()
            process.wait(10)


def _status(pid: int, key: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(f"{key}:")))


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run() -> list[Figure]:
    """All figures of the process."""
    devnet = Devnet.start(ensure_built(lambda _: None))
    try:
        with tempfile.TemporaryDirectory() as directory:
            at = Path(directory)
            installation = Installation.make(at, devnet)
            ready_s = []
            for _ in range(STARTS):
                with _started(installation, at) as (_process, seconds):
                    ready_s.append(seconds)
            with _started(installation, at) as (process, _seconds):
                time.sleep(2)
                before_s = _cpu_s(process.pid)
                for _ in range(BLOCKS):
                    devnet.mine()
                    time.sleep(BLOCK_PAUSE_S)
                used_s = _cpu_s(process.pid) - before_s
                resident_mb = _status(process.pid, "VmRSS") / 1_024
    finally:
        devnet.stop()
    return [
        at_most("start -> READY", "s", median(ready_s), 1.5),
        at_most(f"resident memory after {BLOCKS} blocks", "MB", resident_mb, 90),
        at_most(f"processor time for {BLOCKS} blocks", "s", used_s, 1.0),
    ]


if __name__ == "__main__":
    from tests.bench.figure import row

    for one in run():
        print(row(one))
