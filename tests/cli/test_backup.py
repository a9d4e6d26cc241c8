"""`ultrad backup`, with real workers as children, and the daemon where there is one."""

import json
import sys
from pathlib import Path

import pyrage
import pytest

from tests.adapters.backup.rig import DIRECTORY, House
from tests.cli.conftest import Desk as Shell
from tests.cli.conftest import Ran, apart
from tests.fakes.daemon import FakeDaemon
from ultrad.cli.main import main
from ultrad.errors import EXIT_FAILED


class Place:
    """A house with a shell."""

    def __init__(self, house: House, capture: pytest.CaptureFixture[str]) -> None:
        self.house, self._capture = house, capture

    def ultrad(self, *argv: str) -> Ran:
        self._capture.readouterr()
        code = apart(main, ("--config", str(self.house.config), *argv), {"LANG": "C.UTF-8"})
        sys.stdout.flush()
        said = self._capture.readouterr()
        return Ran(code, said.out, said.err)


@pytest.fixture
def place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Place:
    return Place(apart(House, tmp_path, DIRECTORY + "encrypted = true\n"), capsys)


def test_backup__now_without_a_daemon__is_made_listed_verified_and_restored(place: Place) -> None:
    at = place.house.at
    made = place.ultrad("backup", "now")
    assert (made.code, "read back" in made.out) == (0, True), made.err
    assert "without the daemon" in made.err
    listed = place.ultrad("backup", "list")
    assert (listed.code, "good" in listed.out, "local" in listed.out) == (0, True, True), listed.err
    (one,) = json.loads(place.ultrad("backup", "list", "--json").out)["backups"]
    assert (one["good"], one["events"]) == (True, 20)
    verified = place.ultrad("backup", "verify", one["name"])
    assert (verified.code, "the chain is whole" in verified.out) == (0, True), verified.err
    (at / "identity").write_text(f"# created\n# public key\n{place.house.identity}\n")
    back = place.ultrad("backup", "restore", "--to", str(at / "back"), "--identity", str(at / "identity"))
    assert (back.code, "20 events" in back.out, "stop ON" in back.out) == (0, True, True), back.err
    assert (at / "back/journal.db").exists()
    again = place.ultrad("backup", "restore", "--to", str(at / "back"))
    assert (again.code, "not an empty directory" in again.err) == (EXIT_FAILED, True)


def test_backup__identity_file_that_holds_none__is_told(place: Place) -> None:
    at = place.house.at
    for text in ("", f"{pyrage.x25519.Identity.generate()}\n" * 2):
        (at / "identity").write_text(text)
        ran = place.ultrad("backup", "restore", "--to", str(at / "b"), "--identity", str(at / "identity"))
        assert (ran.code, "must hold one age identity" in ran.err) == (EXIT_FAILED, True)
    ran = place.ultrad("backup", "restore", "--to", str(at / "b"), "--identity", str(at / "nothing"))
    assert (ran.code, "cannot be read" in ran.err) == (EXIT_FAILED, True)


def test_backup__none_there_or_no_target__fails_and_says_so(place: Place) -> None:
    assert "There is no backup." in place.ultrad("backup", "list").out
    ran = place.ultrad("backup", "verify")
    assert (ran.code, "no good backup" in ran.err) == (EXIT_FAILED, True)
    (place.house.at / "vault").rmdir()
    ran = place.ultrad("backup", "list")
    assert (ran.code, "is not there" in ran.err) == (EXIT_FAILED, True)
    ran = place.ultrad("backup", "now")
    assert (ran.code, "is not there" in ran.err) == (EXIT_FAILED, True)
    place.house.targets = ""
    place.house.write()
    for argv in (("now",), ("verify",)):
        ran = place.ultrad("backup", *argv)
        assert (ran.code, "nothing is backed up" in ran.err) == (EXIT_FAILED, True)


def test_backup_now__daemon_up__is_its_job(desk: Shell, daemon: FakeDaemon) -> None:
    ran = desk.ultrad("backup", "now")
    assert ran.code == 0, ran.err
    assert daemon.operations.runs == ["backup_daily"]
