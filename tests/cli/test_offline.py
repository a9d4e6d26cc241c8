"""What commands do without a daemon: prepare, check, read the record, stop."""

import grp
import json
import os
import sqlite3
import stat
from pathlib import Path

import pytest

from tests.cli.conftest import Desk, apart
from ultrad import offline
from ultrad.adapters import marker
from ultrad.adapters.journal import open_reader
from ultrad.adapters.lock import take_lock
from ultrad.config import load
from ultrad.core.estop import Cause, Mode, fold
from ultrad.errors import EXIT_CONFIG, EXIT_LOCKED, Fatal
from ultrad.paths import Paths
from ultrad.ports import EventFilter, FlagState, JournalHead

OPERATOR_UID = 1000
HASH = "ab" * 32


def paths(desk: Desk) -> Paths:
    return Paths.of(load(desk.config, {}).settings)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# ---------------------------------------------------------------- init


def test_init__devnet__prepares_everything_and_starts_off(desk: Desk) -> None:
    ran = desk.ultrad("init")

    assert ran.code == 0, ran.err
    assert "The stop is OFF" in ran.out
    assert (mode(desk.home / "state"), mode(desk.flag.parent)) == (0o710, 0o2770)
    assert (mode(paths(desk).journal), mode(paths(desk).marker)) == (0o600, 0o600)
    assert not desk.flag.exists()
    with open_reader(paths(desk).journal) as reader:
        assert marker.read(paths(desk).marker) == reader.head()
        assert [one.event.kind for one in reader.events(EventFilter())] == ["daemon.init"]


def test_init__production__starts_on_durably(desk: Desk) -> None:
    made = apart(offline.init, paths(desk), "production", OPERATOR_UID)

    assert made.on
    assert Cause.from_json(json.loads(desk.flag.read_bytes())).code == "first_start"
    with open_reader(paths(desk).journal) as reader:
        state = fold(reader.events(EventFilter(kinds=("estop",))))
        assert marker.read(paths(desk).marker) == reader.head()
    assert state.mode is Mode.ON
    assert state.flag_stood


def test_init__staging__starts_off(desk: Desk) -> None:
    assert not apart(offline.init, paths(desk), "staging", OPERATOR_UID).on
    assert offline.look_at_flag(paths(desk)).state is FlagState.ABSENT


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_init__as_root_for_a_service__refused_and_nothing_made(desk: Desk, environment: str) -> None:
    with pytest.raises(Fatal) as refused:
        apart(offline.init, paths(desk), environment, 0)

    assert refused.value.exit_code == EXIT_CONFIG
    assert not (desk.home / "state").exists()


def test_init__again__refused_and_nothing_changed(desk: Desk) -> None:
    assert desk.ultrad("init").code == 0
    before = paths(desk).journal.read_bytes(), paths(desk).marker.read_bytes()

    ran = desk.ultrad("init")

    assert ran.code == EXIT_CONFIG
    assert "exists already" in ran.err
    assert (paths(desk).journal.read_bytes(), paths(desk).marker.read_bytes()) == before


def test_init__after_the_journal_was_lost__refused(desk: Desk) -> None:
    assert desk.ultrad("init").code == 0
    paths(desk).journal.unlink()

    assert desk.ultrad("init").code == EXIT_CONFIG


def test_init__daemon_runs__refused(desk: Desk) -> None:
    (desk.home / "state").mkdir()
    lock = take_lock(paths(desk).lock)
    try:
        ran = desk.ultrad("init")
    finally:
        lock.release()

    assert ran.code == EXIT_LOCKED
    assert str(os.getpid()) in ran.err


def test_init__directory_made_by_systemd__is_taken_and_its_mode_set(desk: Desk) -> None:
    (desk.home / "state").mkdir(mode=0o755)

    assert desk.ultrad("init").code == 0
    assert mode(desk.home / "state") == 0o710


def test_init__parent_is_missing__says_how_to_make_it(desk: Desk) -> None:
    desk.write()
    text = desk.config.read_text(encoding="utf-8").replace(f"{desk.home}/state", f"{desk.home}/gone/state")
    desk.config.write_text(text, encoding="utf-8")

    ran = desk.ultrad("init")

    assert ran.code == EXIT_CONFIG
    assert "install -d" in ran.err


def test_init__flag_stands_already__is_kept_and_told(desk: Desk) -> None:
    desk.flag.parent.mkdir(parents=True)
    desk.flag.touch()

    ran = desk.ultrad("init")

    assert ran.code == 0
    assert "The stop is ON" in ran.out
    assert desk.flag.read_bytes() == b""


def test_init__service__flag_directory_belongs_to_the_group_of_those_who_may_stop(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = grp.getgrgid(65_534 if os.getuid() == 0 else os.getegid())
    monkeypatch.setattr(offline, "GROUP", other.gr_name)

    made = apart(offline.init, paths(desk), "staging", OPERATOR_UID)

    assert made.group == other.gr_name
    assert {desk.flag.parent.stat().st_gid, (desk.home / "state").stat().st_gid} == {other.gr_gid}


# ---------------------------------------------------------------- check


def test_check__after_init__all_in_order(desk: Desk) -> None:
    assert desk.ultrad("init").code == 0

    ran = desk.ultrad("check")

    assert ran.code == 0, ran.out
    assert "ERROR" not in ran.out


def test_check__before_init__says_to_run_it(desk: Desk) -> None:
    ran = desk.ultrad("check")

    assert ran.code == EXIT_CONFIG
    assert "ultrad init" in ran.out


@pytest.mark.parametrize(
    ("place", "wrong"), [("state", 0o755), ("state", 0o700), ("state/flag", 0o770), ("state/journal.db", 0o644)]
)
def test_check__mode_is_wrong__says_which(desk: Desk, place: str, wrong: int) -> None:
    assert desk.ultrad("init").code == 0
    (desk.home / place).chmod(wrong)

    ran = desk.ultrad("check")

    assert ran.code == EXIT_CONFIG
    (line,) = (line for line in ran.out.splitlines() if line.startswith("ERROR"))
    assert f"{place} has the mode {wrong:04o}" in line


def test_check__flag_directory_is_a_file__says_so(desk: Desk) -> None:
    assert desk.ultrad("init").code == 0
    desk.flag.parent.rmdir()
    desk.flag.parent.touch()

    assert "is not what it should be" in desk.ultrad("check").out


def test_check__fingerprints__prints_guards_and_no_secret(desk: Desk) -> None:
    ran = desk.ultrad("check", "--fingerprints")

    assert ran.code == 0
    assert "foreign_secrets_sha256" in ran.out
    assert "8545" not in ran.out


# ---------------------------------------------------------------- stopping without a daemon


def test_estop_on__daemon_is_down__flag_stands_and_tells_no_lie(desk: Desk) -> None:
    assert desk.ultrad("init").code == 0

    ran = desk.ultrad("estop", "on", "--reason", "looks odd")

    assert ran.code == 0
    assert str(desk.flag) in ran.out
    with pytest.raises(json.JSONDecodeError):  # nobody can write a cause of the daemon's own this way
        Cause.from_json(json.loads(desk.flag.read_bytes()))


def test_estop_on__flag_stands_already__is_left_as_it_is(desk: Desk) -> None:
    assert desk.ultrad("init").code == 0
    desk.flag.write_text("first", encoding="utf-8")

    assert desk.ultrad("estop", "on", "--reason", "second").code == 0
    assert desk.flag.read_text(encoding="utf-8") == "first"


def test_estop_on__nothing_works__says_what_to_do(desk: Desk) -> None:
    ran = desk.ultrad("estop", "on")

    assert ran.code == 1
    assert f"touch {desk.flag}" in ran.err


@pytest.mark.parametrize(
    ("make", "told"), [("nothing", "does not stand"), ("touch", "stop is ON"), ("rm -r", "counts as ON")]
)
def test_estop_status__daemon_is_down__tells_what_the_flag_says(desk: Desk, make: str, told: str) -> None:
    assert desk.ultrad("init").code == 0
    if make == "touch":
        desk.flag.touch()
    elif make == "rm -r":
        desk.flag.parent.rmdir()

    ran = desk.ultrad("estop", "status")

    assert ran.code == 3
    assert told in ran.err


# ---------------------------------------------------------------- the record without a daemon


def test_log__daemon_is_down__reads_the_file(desk: Desk) -> None:
    assert desk.ultrad("init").code == 0

    ran = desk.ultrad("log", "--json")

    assert ran.code == 0
    assert json.loads(ran.out)["kind"] == "daemon.init"
    assert "journal's file" in ran.err


def test_log__no_daemon_and_no_journal__ends_with_78(desk: Desk) -> None:
    assert desk.ultrad("log").code == EXIT_CONFIG


def test_audit_verify__sound__says_its_head(desk: Desk) -> None:
    assert desk.ultrad("init").code == 0
    head = marker.read(paths(desk).marker)
    assert head

    ran = desk.ultrad("audit", "verify", "--head", f"{head.seq}:{head.hash}")

    assert ran.code == 0
    assert f"{head.seq}:{head.hash}" in ran.out


def test_audit_verify__changed_row__says_where(desk: Desk) -> None:
    assert desk.ultrad("init").code == 0
    with sqlite3.connect(paths(desk).journal) as db:
        db.execute("UPDATE events SET text = 'nothing happened' WHERE seq = 1")
    db.close()

    ran = desk.ultrad("audit", "verify")

    assert ran.code == 1
    assert "from event 1 on" in ran.err


@pytest.mark.parametrize("head", [f"1:{HASH}", f"9:{HASH}"])
def test_audit_verify__head_kept_elsewhere_differs__found(desk: Desk, head: str) -> None:
    assert desk.ultrad("init").code == 0

    assert desk.ultrad("audit", "verify", "--head", head).code == 1


def test_audit_verify__journal_written_anew__found_by_the_marker(desk: Desk) -> None:
    assert desk.ultrad("init").code == 0
    paths(desk).journal.unlink()
    kept = paths(desk).marker.read_bytes()
    paths(desk).marker.unlink()
    assert desk.ultrad("init").code == 0
    paths(desk).marker.write_bytes(kept)

    assert desk.ultrad("audit", "verify").code == 1


def test_audit_verify__another_journal_of_the_same_length_at_zero__found(desk: Desk) -> None:
    assert desk.ultrad("init").code == 0
    marker.write(paths(desk).marker, JournalHead("another", 0, HASH), 0)

    ran = desk.ultrad("audit", "verify")

    assert ran.code == 1
    assert "another one than before" in ran.err


def test_audit_verify__marker_is_damaged__goes_through_the_journal_and_says_so(desk: Desk) -> None:
    assert desk.ultrad("init").code == 0
    head = marker.read(paths(desk).marker)
    assert head
    paths(desk).marker.write_bytes(b"{")

    ran = desk.ultrad("audit", "verify", "--head", f"{head.seq}:{head.hash}")

    assert ran.code == 1
    assert f"Sound. Its head is {head.seq}:{head.hash}" in ran.out
    assert "marker.json is damaged" in ran.err
    assert "audit verify" not in ran.err


def test_audit_verify__marker_is_damaged_and_the_journal_as_well__says_where(desk: Desk) -> None:
    assert desk.ultrad("init").code == 0
    paths(desk).marker.write_bytes(b"{")
    with sqlite3.connect(paths(desk).journal) as db:
        db.execute("UPDATE events SET text = 'nothing happened' WHERE seq = 1")
    db.close()

    assert "from event 1 on" in desk.ultrad("audit", "verify").err


@pytest.mark.parametrize("head", ["", "1", "x:y", f"0:{HASH}", f"1:{HASH}0", f"-1:{HASH}"])
def test_audit_verify__head_that_is_none__is_a_usage_error(desk: Desk, head: str) -> None:
    assert desk.ultrad("audit", "verify", "--head", head).code == 2


def test_audit_verify__no_journal__ends_with_78(desk: Desk) -> None:
    assert desk.ultrad("audit", "verify").code == EXIT_CONFIG
