"""What `health_check` costs in a day: processor time a run, 1440 times, and of its rarer looks as often.

Its runs are begun through the control socket, one after the other, in a daemon whose chain stands still; so the
figure holds the socket's part as well.
"""

import os
import tempfile
from pathlib import Path

from tests.bench.figure import Figure, at_most
from tests.system.installation import Installation
from ultrad.control_client import Client
from ultrad.devnet.build import ensure_built
from ultrad.devnet.devnet import Devnet

RUNS = 100
EXAMINED = 20
A_DAY = 1_440
RARE_A_DAY = 144
"""What reads log files or asks others by the way is looked at each ten minutes at most."""


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run() -> list[Figure]:
    """Both figures."""
    devnet = Devnet.start(ensure_built(lambda _: None))
    try:
        with tempfile.TemporaryDirectory() as directory:
            installation = Installation.make(Path(directory), devnet)
            client = Client(installation.at / "run" / "control.sock")
            with installation.running() as process:
                client.run_job("health_check")  # what is done once, is done
                begun_s = _cpu_s(process.pid)
                for _ in range(RUNS):
                    client.run_job("health_check")
                run_s = (_cpu_s(process.pid) - begun_s) / RUNS
                begun_s = _cpu_s(process.pid)
                for _ in range(EXAMINED):
                    client.examine()
                all_s = (_cpu_s(process.pid) - begun_s) / EXAMINED
    finally:
        devnet.stop()
    return [
        at_most("health_check: processor time of a run", "ms", run_s * 1_000, 10),
        at_most("health_check: processor time a day", "s", run_s * A_DAY + all_s * RARE_A_DAY, 20),
    ]


if __name__ == "__main__":
    from tests.bench.figure import row

    for one in run():
        print(row(one))
