"""The daemon as a service: `systemctl start` to READY, `systemctl stop`, and memory as the unit counts it.

Memory also with a key: a keystore as wallets make it (scrypt, n = 262144) takes 256 MiB while it is opened.
"""

import time
from statistics import median

from tests.bench.figure import Figure, at_most
from tests.system.machine import why_not
from tests.system.service import Service, installed
from ultrad.devnet.build import ensure_built

ROUNDS = 5
WATCHED_S = 5.0
MB = 1 << 20
MEMORY_MAX_MB = 512
"""As the unit has it."""
MOST_OF_IT = 0.9


def _timed(service: Service, command: str) -> float:
    """Seconds that systemctl took. It costs some 20 ms itself, and is what an operator waits for."""
    begun = time.perf_counter()
    service.machine.run("systemctl", command, "ultrad")
    return time.perf_counter() - begun


def _peak_mb(service: Service) -> float | None:
    peak = service.peak_bytes()
    return None if peak is None else peak / MB


def _resident_mb(service: Service) -> float:
    lines = service.machine.read(f"/proc/{service.pid}/status").splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmRSS:"))) / 1_024


def run() -> list[Figure]:
    """All figures of the service; none where no machine can be booted."""
    if reason := why_not():
        print(f"no figures of the service: {reason}")
        return []
    build = ensure_built(lambda _: None)
    with installed(build) as service, service.devnet():
        service.prepare()
        starts, stops = [], []
        for _ in range(ROUNDS):
            starts.append(_timed(service, "start"))
            service.until_status("HF 1")
            stops.append(_timed(service, "stop"))
        service.start()
        service.until_status("HF 1")
        time.sleep(WATCHED_S)
        resident_mb, peak_mb = _resident_mb(service), _peak_mb(service)
        service.machine.run("systemctl", "stop", "ultrad")
        service.trade_with_keystore()
        keyed_s = _timed(service, "start")
        service.until_status("HF 1")
        time.sleep(WATCHED_S)
        keyed_resident_mb, keyed_peak_mb = _resident_mb(service), _peak_mb(service)
        service.machine.run("systemctl", "stop", "ultrad")
    figures = [
        at_most("systemctl start -> READY", "s", median(starts), 1.5),
        at_most("systemctl stop", "s", median(stops), 1.0),
        at_most("service: resident memory while watching", "MB", resident_mb, 100),
        at_most("service with a keystore: start -> READY", "s", keyed_s, 4.0),
        at_most("service with a keystore: resident memory", "MB", keyed_resident_mb, 160),
    ]
    if peak_mb is not None:
        figures.append(at_most("service: memory peak of the unit", "MB", peak_mb, MEMORY_MAX_MB / 2))
    if keyed_peak_mb is not None:
        figures.append(
            at_most(
                "service with a keystore: memory peak of the unit", "MB", keyed_peak_mb, MOST_OF_IT * MEMORY_MAX_MB
            )
        )
    return figures


if __name__ == "__main__":
    from tests.bench.figure import row

    for one in run():
        print(row(one))
