"""The control socket: what who asks is answered."""

import os
import re
from pathlib import Path

import pytest

from tests.fakes.operations import FakeOperations, incident, job, recorded, status
from tests.web.rig import control
from ultrad.core.allowances import Allowance
from ultrad.core.changes import Change
from ultrad.core.checklist import Mark
from ultrad.core.events import Level, Recorded
from ultrad.core.messages import message_from_json
from ultrad.core.status import ExpectedLine, IncidentLine, JobLine, Status
from ultrad.core.wire import from_json
from ultrad.errors import Permanent, Transient
from ultrad.i18n import msg
from ultrad.operations import (
    AllowancesAnswer,
    ChannelTest,
    ExpectRequest,
    IncidentRequest,
    Person,
    ProcedureAnswer,
    ProcedureRequest,
    QueueLine,
    ReloadAnswer,
    ResumeAnswer,
    ResumeRequest,
    RevokeRequest,
    SignalAnswer,
)
from ultrad.ports import EventFilter
from ultrad.units import Address


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "control.sock"


async def test_status__comes_back_as_it_is(path: Path) -> None:
    async with control(path) as server:
        answer = await server.ask("GET", "/status")
    assert from_json(Status, answer.json) == status()


async def test_events__without_a_filter__come_back_as_they_are(path: Path) -> None:
    listed = (recorded(1), recorded(2, Level.ALERT))
    async with control(path, FakeOperations(journal=listed)) as server:
        answer = await server.ask("GET", "/events")
    assert from_json(tuple[Recorded, ...], answer.json) == listed
    assert server.operations.asked == [EventFilter()]


async def test_events__every_parameter__reaches_the_filter(path: Path) -> None:
    async with control(path) as server:
        await server.ask(
            "GET", "/events?kind=estop&kind=job.failed&level=alert&since=1&until=2&after=3&limit=4&newest=1"
        )
    assert server.operations.asked == [
        EventFilter(
            kinds=("estop", "job.failed"),
            min_level=Level.ALERT,
            since_ms=1,
            until_ms=2,
            after_seq=3,
            limit=4,
            newest_first=True,
        )
    ]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("level=loud", "level"),
        ("level=2", "level"),
        ("since=-1", "since"),
        ("since=", "since"),
        ("until=1.5", "until"),
        ("until=99999999999999999", "until"),
        ("after=x", "after"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("newest=yes", "newest"),
        ("limit=%D9%A3", "limit"),
        ("order=asc", "order"),
    ],
)
async def test_events__bad_parameter__is_refused_by_name(query: str, field: str, path: Path) -> None:
    async with control(path) as server:
        answer = await server.ask("GET", f"/events?{query}")
    assert (answer.status, answer.json["error"]["field"], answer.json["kind"]) == (400, field, "permanent")
    assert re.match("must be|is not known", str(message_from_json(answer.json["error"]["message"])))
    assert not server.operations.asked


async def test_estop__stops_in_the_name_of_who_asks(path: Path) -> None:
    async with control(path) as server:
        answer = await server.ask("POST", "/estop", {"reason": "odd"})
    assert (answer.status, server.operations.stops) == (200, [(f"user {os.getuid()}", "odd")])


async def test_resume__passes_what_is_said_and_answers_the_checklist(path: Path) -> None:
    wanted = {
        "cause": "a price",
        "rollback": "done",
        "staging": True,
        "backups": True,
        "waive": [["jobs", "known"]],
    }
    async with control(path) as server:
        answer = await server.ask("POST", "/resume", wanted)
    assert answer.status == 200
    told = from_json(ResumeAnswer, answer.json)
    assert (told.done, told.confirm_id, told.lines[0].mark) == (False, "A1B2", Mark.ASK)
    person, request = server.operations.resumes[0]
    assert person == Person(os.getuid(), f"user {os.getuid()}")
    assert request == ResumeRequest("a price", "done", staging=True, backups=True, waive=(("jobs", "known"),))


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"cause": 1}, "cause"),
        ({"staging": "yes"}, "staging"),
        ({"waive": [["a"]]}, "waive[0]"),
        ({"uid": 0}, "uid"),
        ([], None),
        (b"{", None),
    ],
)
async def test_resume__bad_request__is_refused_by_field(body: object, field: str | None, path: Path) -> None:
    async with control(path) as server:
        answer = await server.ask("POST", "/resume", body)
    assert (answer.status, answer.json["error"].get("field")) == (400, field)
    assert not server.operations.resumes


async def test_reload__answers_how_it_went_in_the_name_of_who_asks(path: Path) -> None:
    reloaded = ReloadAnswer(
        done=False,
        message=msg("as before"),
        changes=(Change("limits.trip_hf", "1.6", None, looser=True),),
        mistakes=(msg("mistake {n}", n=1),),
        restart=("http.port",),
    )
    async with control(path, FakeOperations(reloaded=reloaded)) as server:
        answer = await server.ask("POST", "/reload")
    assert (answer.status, from_json(ReloadAnswer, answer.json)) == (200, reloaded)
    assert server.operations.reloads == [Person(os.getuid(), f"user {os.getuid()}")]


async def test_run_job__answers_how_it_went(path: Path) -> None:
    async with control(path) as server:
        answer = await server.ask("POST", "/jobs/health_check/run")
    assert from_json(JobLine, answer.json) == job("health_check")
    assert server.operations.runs == ["health_check"]


async def test_run_job__odd_name__is_passed_as_it_was_meant(path: Path) -> None:
    async with control(path) as server:
        await server.ask("POST", "/jobs/a%2Fb%20%3Cc%3E/run")
    assert server.operations.runs == ["a/b <c>"]


async def test_incident__passes_what_is_said_as_one_line(path: Path) -> None:
    wanted = {"act": "open", "text": " keys\n leaked\u3000here ", "severity": "S1", "code": "key_leak"}
    async with control(path) as server:
        answer = await server.ask("POST", "/incident", wanted)
    assert from_json(IncidentLine, answer.json) == incident(1)
    said = IncidentRequest("open", text="keys leaked here", severity="S1", code="key_leak")
    assert server.operations.said == [(Person(os.getuid(), f"user {os.getuid()}"), said)]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "act"),
        ({"act": 1}, "act"),
        ({"act": "ack", "number": "x"}, "number"),
        ({"act": "ack", "number": True}, "number"),
        ({"act": "ack", "number": 3.5}, "number"),
        ({"act": "note", "number": 3, "text": None}, "text"),
        ({"act": "note", "number": 3, "text": "bell\x07"}, "text"),
        ({"act": "note", "number": 3, "text": "half \ud83d"}, "text"),
        ({"act": "open", "text": "x", "severity": 1}, "severity"),
        ({"act": "open", "text": "x", "severity": "S2", "by": "root"}, "by"),
        ([], None),
        (b"{", None),
    ],
)
async def test_incident__bad_request__is_refused_by_field(body: object, field: str | None, path: Path) -> None:
    async with control(path) as server:
        answer = await server.ask("POST", "/incident", body)
    assert (answer.status, answer.json["error"].get("field"), answer.json["kind"]) == (400, field, "permanent")
    assert not server.operations.said


async def test_note__is_passed_as_one_line_with_who_left_it(path: Path) -> None:
    async with control(path) as server:
        answer = await server.ask("POST", "/note", {"text": " the RPC\n is slow "})
        odd = await server.ask("POST", "/note", {"text": "bell\x07"})
        bare = await server.ask("POST", "/note", {})
    assert (answer.status, odd.status, bare.status) == (200, 400, 400)
    assert server.operations.notes == [(Person(os.getuid(), f"user {os.getuid()}"), "the RPC is slow")]


async def test_procedure__is_passed_with_who_asks_and_answered(path: Path) -> None:
    wanted = {"act": "begin", "kind": "rotation", "items": ["a"], "base": [["a", "tag"]], "text": " a\n leak "}
    async with control(path) as server:
        answer = await server.ask("POST", "/procedure", wanted)
        odd = await server.ask("POST", "/procedure", {"act": "begin"})
    assert from_json(ProcedureAnswer, answer.json) == ProcedureAnswer(None)
    said = ProcedureRequest("begin", "rotation", ("a",), (("a", "tag"),), text="a leak")
    assert server.operations.procedures == [(Person(os.getuid(), f"user {os.getuid()}"), said)]
    assert (odd.status, odd.json["error"]["field"]) == (400, "kind")


async def test_expect__passes_what_is_announced_with_who_it_was(path: Path) -> None:
    wanted = {"kind": "transfer", "reason": " to the\n cold wallet", "minutes": 30, "max_e8": 5}
    async with control(path) as server:
        answer = await server.ask("POST", "/expect", wanted)
    said = ExpectRequest("transfer", "to the cold wallet", 30, 5)
    assert server.operations.announced == [(Person(os.getuid(), f"user {os.getuid()}"), said)]
    assert from_json(ExpectedLine, answer.json).kind == "transfer"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"reason": "x", "minutes": 30}, "kind"),
        ({"kind": "any", "reason": "bell\x07", "minutes": 30}, "reason"),
        ({"kind": "any", "reason": "x", "minutes": "soon"}, "minutes"),
        ({"kind": "any", "reason": "x", "minutes": 30, "max_e8": 1.5}, "max_e8"),
    ],
)
async def test_expect__bad_request__is_refused_by_field(body: object, field: str, path: Path) -> None:
    async with control(path) as server:
        answer = await server.ask("POST", "/expect", body)
    assert (answer.status, answer.json["error"].get("field")) == (400, field)
    assert not server.operations.announced


async def test_allowances__comes_back_as_it_is(path: Path) -> None:
    asset, pool = Address("0x" + "1" * 40), Address("0x" + "2" * 40)
    endless = Allowance(asset, "WETH", 10**18, pool, True, 2**256 - 1)
    async with control(path, FakeOperations(allowed=(endless,), busy=("notion:1",))) as server:
        answer = await server.ask("GET", "/allowances")
    told = from_json(AllowancesAnswer, answer.json)
    assert (told.found.allowances, told.busy) == ((endless,), ("notion:1",))


async def test_revoke__passes_the_asset_with_who_it_was(path: Path) -> None:
    async with control(path) as server:
        answer = await server.ask("POST", "/allowances/revoke", {"asset": " weth\n"})
        every = await server.ask("POST", "/allowances/revoke", {})
        wrong = await server.ask("POST", "/allowances/revoke", {"asset": 1})
    person = Person(os.getuid(), f"user {os.getuid()}")
    assert server.operations.revoked == [(person, RevokeRequest("weth")), (person, RevokeRequest())]
    assert (answer.status, every.status, wrong.status) == (202, 202, 400)
    assert from_json(tuple[SignalAnswer, ...], answer.json)[0].intent == "revocation:1"


@pytest.mark.parametrize(("body", "name"), [({"channel": "line"}, "line"), ({}, ""), (None, "")])
async def test_notify_test__answers_for_each_channel(body: object, name: str, path: Path) -> None:
    async with control(path) as server:
        answer = await server.ask("POST", "/notify/test", body)
    infra, line = from_json(tuple[ChannelTest, ...], answer.json)
    assert (infra.channel, infra.error, line.channel, line.elapsed_ms) == ("infra", None, "line", 15_000)
    assert server.operations.tested == [(Person(os.getuid(), f"user {os.getuid()}"), name)]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"channel": 1}, "channel"),
        ({"channel": None}, "channel"),
        ({"name": "x"}, "name"),
        ([], None),
        (b"x", None),
    ],
)
async def test_notify_test__bad_request__is_refused_by_field(body: object, field: str | None, path: Path) -> None:
    async with control(path) as server:
        answer = await server.ask("POST", "/notify/test", body)
    assert (answer.status, answer.json["error"].get("field")) == (400, field)
    assert not server.operations.tested


async def test_notify_queue__comes_back_as_it_is(path: Path) -> None:
    waiting = (QueueLine("n1", "line", 3, "S2", msg("a {thing}", thing="x"), 1, 2, 3, "infra"),)
    async with control(path, FakeOperations(waiting=waiting)) as server:
        answer = await server.ask("GET", "/notify/queue")
    assert from_json(tuple[QueueLine, ...], answer.json) == waiting


@pytest.mark.parametrize(
    ("error", "code", "kind"),
    [(Transient(msg("disk {n}", n=1)), 503, "transient"), (Permanent(msg("no such job")), 409, "permanent")],
)
@pytest.mark.parametrize(
    ("route", "body"),
    [
        ("GET /events", None),
        ("POST /estop", None),
        ("POST /resume", None),
        ("POST /reload", None),
        ("POST /jobs/x/run", None),
        ("POST /incident", {"act": "ack", "number": 3}),
        ("POST /expect", {"kind": "any", "reason": "x", "minutes": 30}),
        ("GET /allowances", None),
        ("POST /allowances/revoke", {}),
        ("POST /notify/test", None),
    ],
)
async def test_any_route__daemon_refuses__the_message_travels_whole(
    error: Transient | Permanent, code: int, kind: str, route: str, body: object, path: Path
) -> None:
    method, target = route.split()
    async with control(path, FakeOperations(error=error)) as server:
        answer = await server.ask(method, target, body)
    assert (answer.status, answer.json["kind"]) == (code, kind)
    assert message_from_json(answer.json["error"]["message"]) == error.message


@pytest.mark.parametrize(
    ("route", "code"),
    [
        ("GET /nothing", 404),
        ("POST /status", 405),
        ("GET /resume", 405),
        ("GET /reload", 405),
        ("GET /incident", 405),
        ("GET /expect", 405),
        ("POST /allowances", 405),
        ("GET /allowances/revoke", 405),
        ("GET /notify/test", 405),
        ("POST /notify/queue", 405),
        ("GET /jobs/x/run", 405),
        ("POST /jobs", 404),
    ],
)
async def test_any_route__wrong__is_404_or_405(route: str, code: int, path: Path) -> None:
    async with control(path) as server:
        assert (await server.ask(*route.split())).status == code
