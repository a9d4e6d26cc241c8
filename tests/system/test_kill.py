"""The installed daemon as a child process, killed at any moment, and started on broken ground."""

import contextlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from tests.system.installation import Installation, wait_for
from ultrad.control_client import Client
from ultrad.core.estop import Mode
from ultrad.core.events import Severity
from ultrad.devnet.devnet import Devnet
from ultrad.errors import EXIT_CONFIG, EXIT_LOCKED

FELL, BEFORE = Decimal(2100), Decimal(2500)
LATEST_KILL_S = 0.03
"""A trip takes some milliseconds: kills fall before, into and after it, counted from the fall of the price or,
each second round, from the flag's appearance, so that a slow machine has both kinds."""


@pytest.fixture
def installation(tmp_path: Path, market: Devnet) -> Installation:
    return Installation.make(tmp_path, market)


def _mode(installation: Installation) -> Mode:
    return Client(installation.at / "run" / "control.sock").status().estop.mode


def _causes(installation: Installation) -> set[str]:
    status = Client(installation.at / "run" / "control.sock").status()
    return {cause.code for cause in status.estop.causes}


def _lifted(installation: Installation) -> bool:
    """Resolve what the trip became an incident of, a moment after the start or before the kill, then resume."""
    with contextlib.suppress(AssertionError):  # refused until the first reading: asked again
        for incident in Client(installation.at / "run" / "control.sock").status().incidents:
            if incident.severity is Severity.S1 and incident.code == "hf_low":
                installation.ultrad("incident", "resolve", str(incident.number), "--text", "a test")
        installation.ultrad(
            "resume", "--cause", "killed by a test", "--rollback", "not-needed", "--staging-passed",
            "--backups-sound", "--waive", "low_readings", "--reason", "a test",
            "--waive", "value_change", "--reason", "a test", "--waive", "deaths", "--reason", "a test",
        )  # fmt: skip
    return _mode(installation) is Mode.OFF


def _kill_in_a_trip(installation: Installation, market: Devnet, after_s: float, *, seen: bool) -> bool:
    """One round: killed so long after the fall, or after the flag was seen. Answers whether it stood then."""
    process = installation.start()
    try:
        wait_for(installation.answers, "the first reading")
        market.set_price("WETH", FELL)
        if seen:
            wait_for(installation.flag.exists, "the flag")
        time.sleep(after_s)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    stood = installation.flag.exists()
    market.set_price("WETH", BEFORE)
    installation.ultrad("audit", "verify")
    with installation.running():
        if stood:
            assert _mode(installation) is Mode.ON
            assert _causes(installation) & {"hf_low", "flag"}
            wait_for(lambda: _lifted(installation), "the stop to be lifted")
        else:
            assert _mode(installation) is Mode.OFF
    installation.ultrad("audit", "verify")
    return stood


def _rounds(installation: Installation, market: Devnet, count: int, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - moments, not secrets
    for number in range(count):
        seen = number % 2 == 1
        stood = _kill_in_a_trip(installation, market, chance.uniform(0, LATEST_KILL_S), seen=seen)
        assert stood or not seen


def test_daemon__killed_around_a_trip__never_loses_it(installation: Installation, market: Devnet) -> None:
    _rounds(installation, market, 10, seed=1)


@pytest.mark.prove
def test_daemon__killed_a_hundred_times_around_a_trip__never_loses_it(
    installation: Installation, market: Devnet
) -> None:
    _rounds(installation, market, 100, seed=int(time.time()))


def test_daemon__price_falls_in_steps__warns_then_trips_with_figures(
    installation: Installation, market: Devnet
) -> None:
    with installation.running():
        market.set_price("WETH", Decimal(2380))
        wait_for(lambda: "hf_near" in installation.ultrad("log", "--kind", "finding", "--json"), "the warning")
        assert not installation.flag.exists()
        market.set_price("WETH", FELL)
        wait_for(installation.flag.exists, "the flag")
        flag = json.loads(installation.flag.read_text())
        assert flag["code"] == "hf_low"
        assert flag["figures"]["health_factor"] == "1.5845"
        assert int(flag["figures"]["block"]) == market.block_number()
        assert "1.5845" in flag["reason"]
        assert "ON" in installation.ultrad("estop", "status")


def test_daemon__second_instance__refuses_with_its_own_exit_code(installation: Installation) -> None:
    with installation.running() as first:
        said = installation.ultrad("run", code=EXIT_LOCKED)
        assert str(first.pid) in said


def test_daemon__flag_touched_and_removed__on_at_once_and_back_while_young(installation: Installation) -> None:
    with installation.running():
        installation.flag.touch()
        wait_for(lambda: _mode(installation) is Mode.ON, "the stop")
        assert _causes(installation) == {"flag"}
        installation.flag.unlink()
        wait_for(installation.flag.exists, "the flag to be put back")
        assert _mode(installation) is Mode.ON


@pytest.mark.parametrize("form", ["directory", "dangling link"])
def test_daemon__started_with_a_flag_of_any_form__is_on(installation: Installation, form: str) -> None:
    if form == "directory":
        installation.flag.mkdir()
    else:
        installation.flag.symlink_to("nowhere")
    with installation.running():
        assert _mode(installation) is Mode.ON


def test_daemon__marker_missing__starts_on(installation: Installation) -> None:
    (installation.at / "state" / "marker.json").unlink()
    with installation.running():
        assert _causes(installation) == {"marker_missing"}


def test_daemon__older_journal_restored__starts_on(installation: Installation) -> None:
    before = installation.journal.read_bytes()
    with installation.running():
        pass
    for name in ("journal.db-wal", "journal.db-shm"):
        (installation.at / "state" / name).unlink(missing_ok=True)
    installation.journal.write_bytes(before)
    with installation.running():
        assert _causes(installation) == {"journal_restored"}


@pytest.mark.parametrize("damage", ["missing", "damaged"])
def test_daemon__journal_is_unusable__watches_stops_and_waits_for_it(
    installation: Installation, market: Devnet, damage: str
) -> None:
    sound = installation.journal.read_bytes()
    if damage == "missing":
        installation.journal.unlink()
    else:
        installation.journal.write_bytes(b"damaged" * 1_000)
    with installation.running():
        assert _causes(installation) == {"state_unusable"}
        market.set_price("WETH", FELL)
        wait_for(lambda: "hf_low" in _causes(installation), "the trip")
        installation.ultrad("resume", "--cause", "a test", code=1)
        assert installation.flag.exists()
    market.set_price("WETH", BEFORE)
    assert installation.journal.exists() is (damage == "damaged")
    assert "exists already" in installation.ultrad("init", code=EXIT_CONFIG)
    installation.journal.write_bytes(sound)
    with installation.running():
        assert _mode(installation) is Mode.ON
    installation.ultrad("audit", "verify")


def test_daemon__journal_of_a_newer_program__does_not_start_and_says_why(installation: Installation) -> None:
    with contextlib.closing(sqlite3.connect(installation.journal)) as db:
        db.execute("PRAGMA user_version = 99")
    assert "install that one again" in installation.ultrad("run", code=EXIT_CONFIG)


def test_daemon__marker_damaged__starts_on_with_what_was_decided_before(installation: Installation) -> None:
    with installation.running():
        installation.ultrad("estop", "on", "--reason", "a test")
    (installation.at / "state" / "marker.json").write_text("{")
    with installation.running():
        assert _causes(installation) == {"operator", "marker_damaged"}


def test_daemon__one_row_damaged__starts_on_with_what_was_decided_before(installation: Installation) -> None:
    with installation.running():
        installation.ultrad("estop", "on", "--reason", "a test")
        installation.ultrad("estop", "on", "--reason", "and again")
    with contextlib.closing(sqlite3.connect(installation.journal, isolation_level=None)) as db:
        first = "SELECT min(seq) FROM events WHERE kind = 'estop.on'"
        db.execute(f"UPDATE events SET args = '{{' WHERE seq = ({first})")  # noqa: S608 - a constant
    with installation.running():
        assert _causes(installation) == {"operator", "state_unusable"}


def test_daemon__flag_directory_gone__is_on(installation: Installation) -> None:
    installation.flag.parent.rmdir()
    with installation.running():
        assert "flag_unreadable" in _causes(installation)


def test_daemon__no_rpc_at_all__is_ready_with_the_gate_shut(installation: Installation) -> None:
    for name, scheme in (("rpc-http", "http"), ("rpc-ws", "ws")):
        (installation.at / name).write_text(f"{scheme}://127.0.0.1:1")
    process = installation.start()
    try:
        client = Client(installation.at / "run" / "control.sock")
        wait_for((installation.at / "run" / "control.sock").exists, "the control socket")
        status = wait_for(client.status, "a status")
        assert "no_reading" in status.estop.shut_by
        assert status.late_parts() == ()
    finally:
        process.terminate()
        assert process.wait(5) == 0


def _read_only(state: Path) -> None:
    subprocess.run(["/bin/mount", "-o", "remount,ro", str(state)], check=True)


def _full(state: Path) -> None:
    with (state / "ballast").open("wb", buffering=0) as ballast, contextlib.suppress(OSError):
        while ballast.write(b"x" * 4_096):
            pass


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
@pytest.mark.parametrize("spoil", [_read_only, _full])
def test_daemon__state_disk_read_only_or_full__watches_and_stops_all_the_same(
    installation: Installation, market: Devnet, spoil: Callable[[Path], None]
) -> None:
    state = installation.at / "state"
    subprocess.run(["/bin/mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(state)], check=True)
    try:
        installation.ultrad("init")
        spoil(state)
        process = installation.start()
        try:
            wait_for(installation.answers, "the first reading")
            if spoil is _read_only:
                assert _mode(installation) is Mode.ON
            market.set_price("WETH", FELL)
            wait_for(lambda: "hf_low" in _causes(installation), "the trip")
            assert _mode(installation) is Mode.ON
        finally:
            process.terminate()
            process.wait(10)
    finally:
        subprocess.run(["/bin/umount", "-l", str(state)], check=True)


def test_daemon__malformed_configuration__does_not_start(installation: Installation) -> None:
    installation.config.write_text(installation.config.read_text() + "[limits]\ntrip_hf = 0.5\nunknown = 1\n")
    said = installation.ultrad("run", code=EXIT_CONFIG)
    assert "limits.trip_hf" in said
    assert "limits.unknown" in said


def test_daemon__interrupted_by_hand__ends_cleanly(installation: Installation) -> None:
    process = installation.start()
    wait_for(installation.answers, "the first reading")
    process.send_signal(signal.SIGINT)
    assert process.wait(5) == 0
    assert "daemon.stopped" in installation.ultrad("log", "--json")
