import gc
import json
import os
import socket
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ultrad.adapters.host import HostClock, ServiceManager, Sources, uncollected, watchdog_s
from ultrad.errors import Transient
from ultrad.units import Now

MINUTE = 60_000
DAY = 86_400_000
MARCH = 1_772_000_000_000


@dataclass
class Machine:
    """A machine whose clocks the test turns."""

    wall_ms: int = MARCH
    boottime_ms: int = 30_000
    boot_id: str = "first"

    def sources(self) -> Sources:
        return Sources(
            wall_ns=lambda: self.wall_ms * 1_000_000,
            boottime_ns=lambda: self.boottime_ms * 1_000_000,
            boot_id=lambda: self.boot_id,
        )

    def run(self, ms: int) -> None:
        self.wall_ms += ms
        self.boottime_ms += ms

    def reboot(self, off_ms: int) -> None:
        self.wall_ms += off_ms
        self.boottime_ms = 5_000
        self.boot_id += "+"


def started(machine: Machine, tmp_path: Path, last: Now | None = None) -> HostClock:
    clock = HostClock(tmp_path / "clock.json", last, machine.sources())
    clock.remember()
    return clock


def test_host_clock__first_start__steady_begins_at_the_wall_time(tmp_path: Path) -> None:
    assert started(Machine(), tmp_path).now() == Now(wall_ms=MARCH, steady_ms=MARCH)


def test_host_clock__wall_set_in_a_run__steady_does_not_notice(tmp_path: Path) -> None:
    machine = Machine()
    clock = started(machine, tmp_path)
    machine.run(MINUTE)
    machine.wall_ms += 30 * DAY
    assert clock.now() == Now(wall_ms=MARCH + MINUTE + 30 * DAY, steady_ms=MARCH + MINUTE)


@pytest.mark.parametrize("set_by", [-400 * DAY, 0, 400 * DAY])
def test_host_clock__restarted_within_a_boot_while_the_wall_was_set__steady_is_exact(
    tmp_path: Path, set_by: int
) -> None:
    machine = Machine()
    first = started(machine, tmp_path)
    machine.run(10 * MINUTE)
    last = first.now()
    machine.wall_ms += set_by
    machine.run(5 * MINUTE)
    assert started(machine, tmp_path, last).now().steady_ms == MARCH + 15 * MINUTE


def test_host_clock__rebooted__the_time_off_is_counted_from_the_last_event(tmp_path: Path) -> None:
    machine = Machine()
    first = started(machine, tmp_path)
    machine.run(DAY)
    last = first.now()
    machine.reboot(off_ms=2 * MINUTE)
    assert started(machine, tmp_path, last).now().steady_ms == MARCH + DAY + 2 * MINUTE


def test_host_clock__wall_was_set_ahead_before_the_reboot__steady_does_not_catch_up_with_it(
    tmp_path: Path,
) -> None:
    machine = Machine()
    first = started(machine, tmp_path)
    machine.wall_ms += 100 * DAY
    machine.run(MINUTE)
    last = first.now()
    machine.reboot(off_ms=MINUTE)
    assert started(machine, tmp_path, last).now().steady_ms == MARCH + 2 * MINUTE


def test_host_clock__rebooted_with_the_wall_back_in_1970__steady_stands_where_it_was(tmp_path: Path) -> None:
    machine = Machine()
    first = started(machine, tmp_path)
    last = first.now()
    machine.reboot(off_ms=-MARCH)
    assert started(machine, tmp_path, last).now().steady_ms == last.steady_ms


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'{"boot_id": 1}', b"\xff" * 10_000])
def test_host_clock__anchor_spoilt__the_last_event_serves(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "clock.json").write_bytes(content)
    last = Now(wall_ms=MARCH - MINUTE, steady_ms=77_000_000)
    clock = HostClock(tmp_path / "clock.json", last, Machine().sources())
    assert clock.now().steady_ms == 77_000_000 + MINUTE


def test_host_clock__anchor_cannot_be_written__transient_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "clock.json.new").mkdir()
    with pytest.raises(Transient, match=r"clock\.json"):
        HostClock(tmp_path / "clock.json", None, Machine().sources()).remember()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(
    acts=st.lists(
        st.tuples(st.sampled_from(["run", "set", "restart", "reboot", "lose"]), st.integers(-3 * DAY, 3 * DAY)),
        max_size=20,
    )
)
def test_host_clock__whatever_happens__steady_never_goes_back_and_gains_only_what_passed(
    tmp_path: Path, acts: list[tuple[str, int]]
) -> None:
    (tmp_path / "clock.json").unlink(missing_ok=True)
    machine = Machine()
    clock = started(machine, tmp_path)
    last = clock.now()
    for act, ms in acts:
        allowed_ms = 0
        if act == "run":
            machine.run(abs(ms))
            allowed_ms = abs(ms)
        elif act == "set":
            machine.wall_ms += ms
        elif act == "restart":
            clock = started(machine, tmp_path, last)
        elif act == "reboot":
            machine.reboot(ms)
            allowed_ms = max(0, ms)
            clock = started(machine, tmp_path, last)
        else:
            (tmp_path / "clock.json").unlink(missing_ok=True)
            clock = started(machine, tmp_path, last)
        now = clock.now()
        assert 0 <= now.steady_ms - last.steady_ms <= allowed_ms
        last = now


def test_host_clock__the_real_sources__both_clocks_run(tmp_path: Path) -> None:
    clock = HostClock(tmp_path / "clock.json", None)
    clock.remember()
    before, after = clock.now(), clock.now()
    assert before.wall_ms > MARCH - 1000 * DAY
    assert after.steady_ms >= before.steady_ms
    assert json.loads((tmp_path / "clock.json").read_text())["boot_id"]


# ---------------------------------------------------------------- sd_notify


@pytest.mark.parametrize("abstract", [False, True])
def test_notify__someone_listens__one_datagram_of_lines(tmp_path: Path, *, abstract: bool) -> None:
    address = f"@ultrad-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind("\0" + address[1:] if abstract else address)
        ServiceManager(address).notify("READY=1", "STATUS=HF 1.88\nWATCHDOG=trigger 見")
        assert listener.recv(4096).decode() == "READY=1\nSTATUS=HF 1.88 WATCHDOG=trigger 見"


def test_notify__a_reload_begins__its_moment_is_told_with_it(tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(address)
        before_us = time.monotonic_ns() // 1_000
        ServiceManager(address).notify("RELOADING=1")
        reloading, moment = listener.recv(4_096).decode().split("\n")
    assert reloading == "RELOADING=1"
    assert before_us <= int(moment.removeprefix("MONOTONIC_USEC=")) <= time.monotonic_ns() // 1_000


@pytest.mark.parametrize("address", [None, "", "/nowhere/at/all", "@nobody-listens-here", "x" * 200])
def test_notify__nobody_listens__nothing_happens(address: str | None) -> None:
    ServiceManager(address).notify("WATCHDOG=1")


def test_notify__the_listener_is_stuck__never_blocks(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        manager = ServiceManager(str(tmp_path / "notify"))
        for _ in range(2_000):
            manager.notify("WATCHDOG=1")


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "42"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "43"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_watchdog__what_the_environment_says__seconds_or_none(
    environ: dict[str, str], expected: float | None
) -> None:
    assert watchdog_s(environ, pid=42) == expected


@pytest.mark.parametrize("was_on", [True, False])
def test_uncollected__left_by_an_error__the_collector_is_as_it_was(was_on: bool) -> None:  # noqa: FBT001
    on = gc.isenabled()
    (gc.enable if was_on else gc.disable)()
    try:
        with pytest.raises(ValueError, match="unreadable"), uncollected():
            raise ValueError("on" if gc.isenabled() else "unreadable")
        assert gc.isenabled() is was_on
    finally:
        (gc.enable if on else gc.disable)()
