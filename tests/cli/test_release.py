"""`ultrad release`: before and after another version, with the daemon's answers."""

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.cli.conftest import Desk
from tests.fakes.daemon import FakeDaemon
from tests.fakes.keeper import Keeper
from tests.fakes.operations import NOW, job
from ultrad.core.events import Event, Level, Recorded, Severity
from ultrad.core.procedure import Verdict
from ultrad.core.release import AFTER
from ultrad.i18n import msg
from ultrad.units import Now

BEGIN = ("release", "check", "--to", "0.1.0", "--reason", "faster reports")


@pytest.fixture
def keeper(daemon: FakeDaemon) -> Keeper:
    made = Keeper(Now(NOW.wall_ms - 2 * 3_600_000, 1))
    daemon.operations.follow, daemon.operations.strict = made, True
    shown = daemon.operations.shown
    minor = tuple(replace(one, severity=Severity.S3) for one in shown.incidents)
    backup = replace(job("backup_daily"), last_started_ms=NOW.wall_ms - 3 * 3_600_000)
    daemon.operations.shown = replace(shown, incidents=minor, jobs=(*shown.jobs, backup))
    return made


def asked(desk: Desk, *argv: str) -> tuple[int, dict[str, Any]]:
    ran = desk.ultrad(*argv, "--json")
    assert ran.out, ran.err
    found = json.loads(ran.out)
    return ran.code, {**found, "marks": {one["name"]: one["mark"] for one in found["items"]}}


def prepared(desk: Desk) -> None:
    assert desk.ultrad("init").code == 0
    people = ("tests", "changes", "transcript", "rollback")
    code, found = asked(desk, *BEGIN, *(word for one in people for word in ("--done", one)))
    assert (code, found["left"]) == (0, list(AFTER)), found


def note(text: str, wall_ms: int) -> Recorded:
    data: dict[str, Any] = {"by": "taro", "uid": 1, "text": text}
    return Recorded(1, "ab" * 32, Event("note", Level.INFO, Now(wall_ms, 1), msg("x"), data))


def test_check__checks_what_it_can_and_asks_the_rest(desk: Desk, keeper: Keeper, daemon: FakeDaemon) -> None:
    assert desk.ultrad("init").code == 0
    code, found = asked(desk, *BEGIN)
    assert code == 1
    assert found["marks"] == {
        **dict.fromkeys(("config", "journal", "backup", "incidents", "stop"), "pass"),
        **dict.fromkeys(("tests", "changes", "transcript", "rollback"), "ask"),
    }
    daemon.operations.shown = replace(
        daemon.operations.shown,
        incidents=tuple(replace(one, severity=Severity.S2) for one in daemon.operations.shown.incidents),
    )
    _, found = asked(desk, "release", "check")
    assert found["marks"]["incidents"] == "fail"  # what was so is not any more
    assert "incidents" in keeper.book.known[0].left()
    plain = desk.ultrad("release", "check")
    assert (plain.code, "faster reports" in plain.out) == (1, True)


@pytest.mark.usefixtures("keeper")
def test_verify__watch_is_announced_and_ends_with_a_verdict(desk: Desk, daemon: FakeDaemon) -> None:
    prepared(desk)
    code, found = asked(desk, "release", "verify")
    assert (code, found["left"]) == (1, ["watch"]), found
    (announced,) = [text for _, text in daemon.operations.notes]
    assert announced.startswith("release.watch: ")
    daemon.operations.journal = (note(announced, NOW.wall_ms - 30 * 60_000),)
    code, found = asked(desk, "release", "verify")
    assert (code, found["left"], len(daemon.operations.notes)) == (1, ["watch"], 1)


@pytest.mark.parametrize(("level", "verdict"), [(Level.WARNING, Verdict.COMPLETE), (Level.ALERT, Verdict.FAILED)])
def test_verify__watch_over__ends_by_what_happened(
    desk: Desk, keeper: Keeper, daemon: FakeDaemon, level: Level, verdict: Verdict
) -> None:
    prepared(desk)
    begun = note("release.watch: release 1", NOW.wall_ms - 61 * 60_000)
    event = Event("finding.raised", level, Now(NOW.wall_ms - 60_000, 1), msg("x"))
    own = Event("procedure.answered", Level.ALERT, Now(NOW.wall_ms - 60_000, 1), msg("x"))
    daemon.operations.journal = (begun, Recorded(2, "ab" * 32, event), Recorded(3, "ab" * 32, own))
    code, found = asked(desk, "release", "verify")
    assert (code, found["verdict"]) == (int(verdict is Verdict.FAILED), verdict.value)
    assert keeper.book.known[0].verdict is verdict


def test_verify__other_version__is_said_and_nothing_is_announced(
    desk: Desk, keeper: Keeper, daemon: FakeDaemon
) -> None:
    prepared(desk)
    daemon.operations.shown = replace(daemon.operations.shown, version="0.0.9")
    code, found = asked(desk, "release", "verify")
    assert (code, found["marks"]["is_version"]) == (1, "fail")
    assert daemon.operations.notes == []
    assert keeper.book.known[0].is_open


@pytest.mark.usefixtures("keeper")
def test_release__nothing_goes_on__says_how_to_begin(desk: Desk) -> None:
    for argv in (("check",), ("verify",)):
        ran = desk.ultrad("release", *argv)
        assert (ran.code, "--to VERSION" in ran.err) == (1, True)
    prepared(desk)
    ran = desk.ultrad("release", "abandon", "--text", "not today")
    assert (ran.code, "abandoned" in ran.out) == (0, True)
    assert desk.ultrad("release", "check", "--minutes", "1", "--to", "1", "--reason", "x").code == 2
