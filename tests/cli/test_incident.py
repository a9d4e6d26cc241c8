"""`ultrad incident` with a daemon at the other end."""

import json
import os
from dataclasses import replace

import pytest

from tests.cli.conftest import Desk
from tests.fakes.daemon import FakeDaemon
from tests.fakes.operations import NOW, FakeOperations, incident
from ultrad.core.events import Event, Level, Recorded, Severity
from ultrad.core.incidents import Stage
from ultrad.core.status import IncidentLine
from ultrad.core.wire import from_json
from ultrad.errors import Permanent, Transient
from ultrad.i18n import msg
from ultrad.operations import IncidentRequest, Person

ACTS = (
    ("open", "S2", "--text", "x"),
    ("ack", "3"),
    ("note", "3", "--text", "x"),
    ("resolve", "3", "--text", "x"),
)


def _grave(daemon: FakeDaemon) -> None:
    """Whatever is said from here on is about an S1."""

    class Grave(FakeOperations):
        async def incident(self, person: Person, request: IncidentRequest) -> IncidentLine:
            return replace(await super().incident(person, request), severity=Severity.S1)

    daemon.stop()
    daemon.operations = Grave()
    daemon.start()


def _event(seq: int, kind: str, number: int | None, text: str) -> Recorded:
    return Recorded(seq, "cd" * 32, Event(kind, Level.INFO, NOW, msg("{text}", text=text), {"incident": number}))


# ---------------------------------------------------------------- looking


def test_list__open_ones__in_the_daemons_order_with_who_has_them(desk: Desk, daemon: FakeDaemon) -> None:
    grave = replace(incident(7), severity=Severity.S1, stage=Stage.ACKNOWLEDGED, stands=False, by="sato")
    daemon.operations.shown = replace(daemon.operations.shown, incidents=(grave, incident(3)))

    ran = desk.ultrad("incident", "list")

    assert ran.code == 0
    rows = [line.split() for line in ran.out.splitlines()[3:]]
    assert rows[0][:4] == ["7", "S1", "taken", "on"]
    assert rows[0][6:8] == ["over", "sato"]
    assert rows[1][:3] == ["3", "S2", "open"]
    assert "The channel line takes no notices." in ran.out


def test_list__none__says_so(desk: Desk, daemon: FakeDaemon) -> None:
    daemon.operations.shown = replace(daemon.operations.shown, incidents=())

    assert desk.ultrad("incident", "list").out == "No incident is open.\n"
    assert json.loads(desk.ultrad("incident", "list", "--json").out) == {"incidents": []}


def test_list__json__is_as_the_daemon_has_them(desk: Desk, daemon: FakeDaemon) -> None:
    ran = desk.ultrad("incident", "list", "--json")

    assert (
        from_json(tuple[IncidentLine, ...], json.loads(ran.out)["incidents"]) == daemon.operations.shown.incidents
    )


def test_show__number__everything_about_it_and_nothing_else(desk: Desk, daemon: FakeDaemon) -> None:
    daemon.operations.journal = (
        _event(1, "incident.opened", 3, "it began"),
        _event(2, "incident.opened", 4, "another"),
        _event(3, "notice.queued", 3, "people are told"),
        _event(4, "notice.queued", None, "about none"),
        _event(5, "incident.note", 3, "a word"),
    )

    ran = desk.ultrad("incident", "show", "3")

    assert ran.code == 0
    assert "# Incident 3" in ran.out
    at = [ran.out.index(text) for text in ("it began", "people are told", "a word")]
    assert at == sorted(at)
    assert "another" not in ran.out
    assert "about none" not in ran.out
    assert daemon.operations.asked[0].kinds == ("incident", "notice")
    shown = json.loads(desk.ultrad("incident", "show", "3", "--json").out)
    assert [one.seq for one in from_json(tuple[Recorded, ...], shown["events"])] == [1, 3, 5]


def test_show__no_such_number__fails_and_says_so(desk: Desk, daemon: FakeDaemon) -> None:
    daemon.operations.journal = (_event(1, "incident.opened", 3, "it began"),)

    ran = desk.ultrad("incident", "show", "9")

    assert (ran.code, ran.out) == (1, "")
    assert ran.err == "There is no incident 9. `ultrad incident list` shows them.\n"


# ---------------------------------------------------------------- saying


@pytest.mark.parametrize(
    ("argv", "request_said", "answer"),
    [
        (
            ("open", "S2", "--text", "the relay is odd"),
            IncidentRequest("open", text="the relay is odd", severity="S2"),
            "Incident 1 (S2) is open.",
        ),
        (("ack", "3"), IncidentRequest("ack", number=3), f"Incident 3 is taken on by uid {os.getuid()}."),
        (
            ("note", "3", "--text", "looked at it"),
            IncidentRequest("note", number=3, text="looked at it"),
            "Noted with incident 3.",
        ),
        (
            ("resolve", "3", "--text", "replaced"),
            IncidentRequest("resolve", number=3, text="replaced"),
            "Incident 3 is resolved.",
        ),
    ],
)
def test_act__as_said__reaches_the_daemon(
    desk: Desk, daemon: FakeDaemon, argv: tuple[str, ...], request_said: IncidentRequest, answer: str
) -> None:
    ran = desk.ultrad("incident", *argv)

    assert (ran.code, ran.out) == (0, f"{answer}\n")
    ((person, request),) = daemon.operations.said
    assert (person.uid, request) == (os.getuid(), request_said)


def test_open__s1__says_that_it_stops(desk: Desk, daemon: FakeDaemon) -> None:
    _grave(daemon)

    ran = desk.ultrad("incident", "open", "S1", "--code", "key_leak", "--text", "the key was pasted in a chat")

    assert ran.code == 0
    assert "The emergency stop is ON" in ran.out
    ((_, request),) = daemon.operations.said
    assert (request.severity, request.code) == ("S1", "key_leak")


def test_open__s1_as_json__is_one_object_and_nothing_else(desk: Desk, daemon: FakeDaemon) -> None:
    _grave(daemon)

    ran = desk.ultrad("incident", "open", "S1", "--text", "x", "--json")

    assert from_json(IncidentLine, json.loads(ran.out)).severity is Severity.S1


@pytest.mark.parametrize("argv", ACTS)
def test_act__json__is_the_incident(desk: Desk, daemon: FakeDaemon, argv: tuple[str, ...]) -> None:
    ran = desk.ultrad("incident", *argv, "--json")

    assert from_json(IncidentLine, json.loads(ran.out)).severity is Severity.S2
    assert len(daemon.operations.said) == 1


@pytest.mark.parametrize("error", [Permanent(msg("resolved already")), Transient(msg("the disk is full"))])
@pytest.mark.parametrize("argv", ACTS)
def test_act__refused__fails_and_says_why(
    desk: Desk, daemon: FakeDaemon, argv: tuple[str, ...], error: Exception
) -> None:
    daemon.operations.error = error

    ran = desk.ultrad("incident", *argv)

    assert (ran.code, ran.out, ran.err) == (1, "", f"{error}\n")


def test_note__text_that_no_channel_could_carry__is_refused(desk: Desk, daemon: FakeDaemon) -> None:
    ran = desk.ultrad("incident", "note", "3", "--text", "bell\x07")

    assert (ran.code, ran.err) == (1, "text: holds control characters\n")
    assert not daemon.operations.said


@pytest.mark.parametrize(
    "argv",
    [
        (),
        ("open",),
        ("open", "S2"),
        ("open", "S4", "--text", "x"),
        ("open", "S1", "--text", "x", "--code", "hf_trip"),
        ("ack",),
        ("ack", "three"),
        ("note", "3"),
        ("resolve", "3"),
        ("show",),
    ],
)
def test_act__cannot_be_meant__is_a_usage_error(desk: Desk, daemon: FakeDaemon, argv: tuple[str, ...]) -> None:
    ran = desk.ultrad("incident", *argv)

    assert ran.code == 2
    assert ran.err
    assert not daemon.operations.said


@pytest.mark.parametrize("argv", [("list",), ("show", "3"), *ACTS])
def test_act__no_daemon__ends_with_the_code_for_that(desk: Desk, argv: tuple[str, ...]) -> None:
    ran = desk.ultrad("incident", *argv)

    assert ran.code == 3
    assert "The daemon is not running" in ran.err


def test_incident__in_japanese__speaks_it(desk: Desk, daemon: FakeDaemon) -> None:
    desk.write("ja")

    listed = desk.ultrad("incident", "list").out
    assert "# インシデント" in listed
    assert "未対応" in listed
    assert desk.ultrad("incident", "note", "3", "--text", "確認中").out == "インシデント 3 にメモを残しました。\n"
    assert daemon.operations.said[0][1].text == "確認中"
    assert "インシデント 9 はありません。" in desk.ultrad("incident", "show", "9").err
    assert "未解決のインシデントを一覧表示する" in desk.ultrad("incident", "--help").out
