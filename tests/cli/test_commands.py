"""Every command with a daemon at the other end: what it asks, what it prints, and how it ends."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest

from tests.cli.conftest import Desk
from tests.fakes.daemon import FakeDaemon
from tests.fakes.operations import ON, finding, recorded
from ultrad.core.changes import Change
from ultrad.core.checklist import Line, Mark
from ultrad.core.events import Level
from ultrad.core.status import Status
from ultrad.core.wire import from_json
from ultrad.errors import Permanent, Transient
from ultrad.i18n import msg
from ultrad.operations import Person, ReloadAnswer, ResumeAnswer, ResumeRequest
from ultrad.ports import EventFilter
from ultrad.units import Wad

# ---------------------------------------------------------------- status


def test_status__daemon_runs__shows_stop_positions_and_what_is_wrong(desk: Desk, daemon: FakeDaemon) -> None:
    shown = replace(daemon.operations.shown, warn_hf=Wad(18 * 10**17), trip_hf=Wad(16 * 10**17))
    daemon.operations.shown = replace(shown, estop=ON)

    ran = desk.ultrad("status")

    assert ran.code == 0
    assert ran.out.startswith("EMERGENCY STOP: ON since 20")
    assert "hf_trip: main: the health factor fell to 1.5845" in ran.out
    assert "Gate: shut by estop" in ran.out
    row = next(line for line in ran.out.splitlines() if line.startswith("main "))
    assert row.split()[1:6] == ["0xAbCd…EF01", "1.8864", "+0.0864", "+0.2864", "$25,000.00"]
    infinite = next(line for line in ran.out.splitlines() if line.startswith("savings "))
    assert infinite.split()[2:5] == ["∞", "–", "–"]
    assert "it answers for chain 1" in ran.out
    assert "the value rule is switched off" in ran.out
    assert "alpha answers slowly" in ran.out


def test_status__piped__has_no_escape_codes_and_cuts_nothing(desk: Desk, daemon: FakeDaemon) -> None:
    long = "x" * 400
    daemon.operations.shown = replace(daemon.operations.shown, findings=(finding(long),))

    ran = desk.ultrad("status")

    assert "\x1b" not in ran.out
    assert long in ran.out


def test_status__text_that_steers_terminals__is_made_harmless(desk: Desk, daemon: FakeDaemon) -> None:
    daemon.operations.shown = replace(
        daemon.operations.shown, findings=(finding("\x1b[2J\x1b]0;owned\x07\u202e"),)
    )

    ran = desk.ultrad("status")

    assert not {"\x1b", "\x07", "\u202e"} & set(ran.out)
    assert "�[2J" in ran.out


def test_status__json__is_the_whole_status(desk: Desk, daemon: FakeDaemon) -> None:
    ran = desk.ultrad("status", "--json")

    assert from_json(Status, json.loads(ran.out)) == daemon.operations.shown


def test_status__daemon_of_another_version__says_so(desk: Desk, daemon: FakeDaemon) -> None:
    daemon.operations.shown = replace(daemon.operations.shown, version="9.9.9")

    ran = desk.ultrad("status")

    assert ran.code == 0
    assert "9.9.9" in ran.err


def test_status__terminal_knows_only_ascii__shows_the_rest(desk: Desk, daemon: FakeDaemon) -> None:
    assert daemon.path.exists()
    ran = subprocess.run(
        [sys.executable, "-m", "ultrad", "--config", str(desk.config), "status"],
        capture_output=True,
        env={"PYTHONIOENCODING": "ascii"},
        timeout=30,
        check=False,
    )

    assert ran.returncode == 0, ran.stderr
    assert b"1.8864" in ran.stdout


@pytest.mark.parametrize("language", ["en", "ja"])
def test_commands__either_language__answer(desk: Desk, daemon: FakeDaemon, language: str) -> None:
    desk.write(language)
    daemon.operations.journal = (recorded(),)

    for argv in (("status",), ("estop", "status"), ("jobs",), ("log",), ("job", "run", "health_check")):
        assert desk.ultrad(*argv).code == 0, argv
    assert desk.ultrad("--help").code == 0
    assert desk.ultrad("log", "--limit", "0").code == 2
    assert desk.ultrad("nonsense").code == 2


# ---------------------------------------------------------------- stopping


def test_estop_on__daemon_runs__stops_through_it(desk: Desk, daemon: FakeDaemon) -> None:
    ran = desk.ultrad("estop", "on", "--reason", "looks odd")

    assert ran.code == 0
    assert daemon.operations.stops == [(f"uid {os.getuid()}", "looks odd")]
    assert not desk.flag.exists()


def test_estop_on__daemon_cannot__stops_by_the_flag(desk: Desk, daemon: FakeDaemon) -> None:
    desk.flag.parent.mkdir(parents=True)
    daemon.operations.error = Transient(msg("a hung disk"))

    ran = desk.ultrad("estop", "on", "--reason", "looks odd")

    assert ran.code == 0
    assert "a hung disk" in ran.err
    assert "looks odd" in desk.flag.read_text(encoding="utf-8")


def test_estop_status__daemon_runs__says_on_and_why(desk: Desk, daemon: FakeDaemon) -> None:
    daemon.operations.shown = replace(daemon.operations.shown, estop=ON)

    assert "EMERGENCY STOP: ON" in desk.ultrad("estop", "status").out
    assert json.loads(desk.ultrad("estop", "status", "--json").out)["mode"] == "on"


# ---------------------------------------------------------------- resume


def test_resume__options__reach_the_daemon_as_said(desk: Desk, daemon: FakeDaemon) -> None:
    said = ("--cause", "a drop", "--rollback", "done", "--staging-passed", "--backups-sound", "--confirm", "id-1")

    ran = desk.ultrad(
        "resume", *said, "--waive", "jobs", "--reason", "known", "--waive", "probes", "--reason", "slow"
    )

    ((person, request),) = daemon.operations.resumes
    assert person.uid == os.getuid()
    assert request == ResumeRequest("a drop", "done", True, True, "id-1", (("jobs", "known"), ("probes", "slow")))
    assert ran.code == 0


def test_resume__checklist__each_line_with_its_mark(desk: Desk, daemon: FakeDaemon) -> None:
    class Listing(type(daemon.operations)):  # type: ignore[misc]
        async def resume(self, person: Person, request: ResumeRequest) -> ResumeAnswer:  # noqa: ARG002
            lines = tuple(
                Line(f"line{i}", mark, msg("it is so"), waivable=i == 1)
                for i, mark in enumerate((Mark.FAIL, Mark.FAIL, Mark.PASS, Mark.ASK, Mark.WAIVED))
            )
            return ResumeAnswer(done=False, lines=lines, message=msg("not passed"))

    daemon.stop()
    daemon.operations = Listing()
    daemon.start()

    ran = desk.ultrad("resume")

    assert ran.code == 1
    assert "not passed" in ran.err
    rows = [line.split("  ") for line in ran.out.splitlines() if line.startswith("line")]
    assert [[one.strip() for one in row if one.strip()][1] for row in rows] == [
        "FAIL",
        "FAIL (may be waived)",
        "pass",
        "a person must say",
        "waived",
    ]


def test_resume__done__ends_well(desk: Desk, daemon: FakeDaemon) -> None:
    class Willing(type(daemon.operations)):  # type: ignore[misc]
        async def resume(self, person: Person, request: ResumeRequest) -> ResumeAnswer:  # noqa: ARG002
            return ResumeAnswer(done=True, lines=(), message=msg("lifted"))

    daemon.stop()
    daemon.operations = Willing()
    daemon.start()

    ran = desk.ultrad("resume")

    assert (ran.code, ran.out) == (0, "lifted\n")


def test_resume__waiver_without_reason__is_a_usage_error(desk: Desk, daemon: FakeDaemon) -> None:
    assert desk.ultrad("resume", "--waive", "jobs").code == 2
    assert daemon.operations.resumes == []


# ---------------------------------------------------------------- log and jobs


def test_log__options__reach_the_daemon_as_asked(desk: Desk, daemon: FakeDaemon) -> None:
    asked = ("--kind", "estop", "--kind", "job.failed", "--level", "alert", "--limit", "7")

    assert desk.ultrad("log", *asked, "--since", "2026-11-24T09:30", "--until", "2026-11-24T00:30Z").code == 0

    half_past_nine_in_tokyo = 1_795_480_200_000
    assert daemon.operations.asked == [
        EventFilter(
            kinds=("estop", "job.failed"),
            min_level=Level.ALERT,
            since_ms=half_past_nine_in_tokyo,
            until_ms=half_past_nine_in_tokyo,
            limit=7,
            newest_first=True,
        )
    ]


def test_log__newest_first_from_the_daemon__printed_oldest_first(desk: Desk, daemon: FakeDaemon) -> None:
    daemon.operations.journal = tuple(recorded(seq, message=msg("event {n}", n=seq)) for seq in (3, 2, 1))

    assert [line[-1] for line in desk.ultrad("log").out.splitlines()] == ["1", "2", "3"]


def test_log__json__one_object_a_line_in_english(desk: Desk, daemon: FakeDaemon) -> None:
    desk.write("ja")
    daemon.operations.journal = (recorded(2, Level.ALERT), recorded(1))

    first, second = (json.loads(line) for line in desk.ultrad("log", "--json").out.splitlines())

    assert (first["seq"], second["seq"]) == (1, 2)
    assert second == {
        "seq": 2,
        "time": "2026-03-02T21:00:00.000+09:00",
        "wall_ms": 1_772_452_800_000,
        "steady_ms": 5_000_000,
        "level": "alert",
        "kind": "daemon.started",
        "message": "ultrad started",
        "key": None,
        "data": {"figure": 2**70, "list": [1]},
        "hash": "cd" * 32,
    }


@pytest.mark.parametrize(
    "wrong",
    [
        ("--since", "yesterday"),
        ("--until", "25:00"),
        ("--limit", "0"),
        ("--limit", "1001"),
        ("--limit", "x"),
        ("--level", "loud"),
    ],
)
def test_log__option_that_cannot_be_meant__is_a_usage_error(desk: Desk, wrong: tuple[str, str]) -> None:
    ran = desk.ultrad("log", *wrong)

    assert ran.code == 2
    assert ran.err


def test_jobs__daemon_runs__shows_each(desk: Desk, daemon: FakeDaemon) -> None:
    assert "all 2 endpoints answered" in desk.ultrad("jobs").out
    assert json.loads(desk.ultrad("jobs", "--json").out)["jobs"][0]["name"] == "health_check"
    daemon.operations.shown = replace(daemon.operations.shown, jobs=())
    assert desk.ultrad("jobs").out == "There are no jobs.\n"


def test_job_run__name__runs_that_job(desk: Desk, daemon: FakeDaemon) -> None:
    assert desk.ultrad("job", "run", "health_check").code == 0
    assert daemon.operations.runs == ["health_check"]


@pytest.mark.parametrize("error", [Permanent(msg("no such job")), Transient(msg("later"))])
def test_job_run__refused__says_why(desk: Desk, daemon: FakeDaemon, error: Exception) -> None:
    daemon.operations.error = error

    ran = desk.ultrad("job", "run", "a/b ../c")

    assert ran.code == 1
    assert str(error) in ran.err


# ---------------------------------------------------------------- reload


def test_reload__applied__says_each_change_and_what_is_looser(desk: Desk, daemon: FakeDaemon) -> None:
    changes = (Change("limits.trip_hf", "1.6", "1.5", looser=True), Change("limits.oracle_max_age.X", None, "60"))
    daemon.operations.reloaded = ReloadAnswer(done=True, message=msg("in force"), changes=changes)

    ran = desk.ultrad("reload")

    assert ran.code == 0
    assert ran.out.splitlines() == [
        "in force",
        "- limits.trip_hf: 1.6 → 1.5 (looser than before)",
        "- limits.oracle_max_age.X: – → 60",
    ]


@pytest.mark.parametrize(
    ("answer", "code", "told"),
    [
        (ReloadAnswer(done=False, message=msg("no"), mistakes=(msg("a"), msg("b"))), 78, "no\n- a\n- b\n"),
        (ReloadAnswer(done=False, message=msg("no"), restart=("http.port",)), 1, "no\n- http.port\n"),
    ],
)
def test_reload__refused__says_why_and_fails(
    desk: Desk, daemon: FakeDaemon, answer: ReloadAnswer, code: int, told: str
) -> None:
    daemon.operations.reloaded = answer

    ran = desk.ultrad("reload")

    assert (ran.code, ran.err, ran.out) == (code, told, "")


def test_reload__not_allowed__fails_with_the_daemons_words(desk: Desk, daemon: FakeDaemon) -> None:
    daemon.operations.error = Permanent(msg("you may not"))

    ran = desk.ultrad("reload")

    assert (ran.code, ran.err) == (1, "you may not\n")


def test_reload__file_is_no_toml_and_nobody_answers__says_its_mistakes(desk: Desk) -> None:
    desk.config.write_text("[[[", encoding="utf-8")

    ran = desk.ultrad("reload")

    assert ran.code == 78
    assert "line 1" in ran.out + ran.err
