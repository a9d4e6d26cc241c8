"""The stop over HTTP: with its token anybody may, and nothing else can be done."""

import hmac
from types import SimpleNamespace

import anyio
import pytest

from tests.fakes.operations import FakeOperations
from tests.web.rig import TOKEN, http
from ultrad.core.estop import Mode
from ultrad.errors import Fatal, Permanent, Transient
from ultrad.i18n import msg


async def test_stop__right_token__trips_with_its_reason_and_shows_at_once() -> None:
    async with http() as server:
        assert (await server.ask("GET", "/health")).json["estop"] is False
        answer = await server.stop({"reason": "  looks\n wrong "})
        assert (answer.status, answer.json) == (200, {"stopped": True})
        assert (await server.ask("GET", "/health")).json["estop"] is True
    assert server.operations.stops == [("HTTP", "looks wrong")]
    assert server.operations.shown.estop.mode is Mode.ON


async def test_stop__no_body__trips_all_the_same() -> None:
    async with http() as server:
        assert (await server.stop()).status == 200
    assert server.operations.stops == [("HTTP", "")]


@pytest.mark.parametrize(
    "said", ["", TOKEN, f"bearer {TOKEN}", f"Bearer {TOKEN[:-1]}", f"Bearer {TOKEN}x", "Bearer ", "Basic eDp5"]
)
async def test_stop__wrong_token__is_refused_and_compared_in_constant_time(
    said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return hmac.compare_digest(one, other)

    monkeypatch.setattr("ultrad.web.server.hmac", SimpleNamespace(compare_digest=compare))
    async with http() as server:
        answer = await server.ask("POST", "/api/estop", {"reason": "x"}, Authorization=said)
    assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert compared == [(said.strip().encode(), f"Bearer {TOKEN}".encode())]
    assert not server.operations.stops


async def test_stop__token_with_bytes_beyond_ascii__is_refused() -> None:
    async with http() as server, await server.connect() as stream:
        head = b"POST /api/estop HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \xff\xfe\r\n\r\n"
        await stream.send(head)
        assert (await stream.receive()).startswith(b"HTTP/1.1 401 ")


async def test_stop__no_token_configured__there_is_no_such_address() -> None:
    async with http(token=None) as server:
        assert (await server.stop()).status == 404
        assert (await server.ask("GET", "/api/estop")).status == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"not json", None),
        (b"\xff", None),
        (b"[" * 16_000, None),
        (b'{"reason": "cut', None),
        ([], None),
        ({"reason": 1}, "reason"),
        ({"reason": None}, "reason"),
        ({"reason": "x" * 501}, "reason"),
        ({"reason": "bell\x07"}, "reason"),
        ({"reason": "x", "resume": True}, "resume"),
    ],
)
async def test_stop__bad_body__is_refused_by_field(body: object, field: str | None) -> None:
    async with http() as server:
        answer = await server.stop(body)
    assert answer.status == 400
    assert answer.json["error"].get("field") == field
    assert answer.json["kind"] == "permanent"
    assert not server.operations.stops


@pytest.mark.parametrize(
    ("error", "code", "kind"),
    [(Transient(msg("disk")), 503, "transient"), (Permanent(msg("never")), 409, "permanent")],
)
async def test_stop__operations_refuse__says_why(error: Exception, code: int, kind: str) -> None:
    async with http(FakeOperations(error=error)) as server:
        answer = await server.stop()
    assert (answer.status, answer.json["kind"]) == (code, kind)
    assert answer.json["error"]["message"] == str(error)


async def test_stop__daemon_must_not_go_on__ends_the_part_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ultrad.web.serving.TICK_S", 0.01)
    answers = []

    async def ask() -> None:
        async with http(FakeOperations(error=Fatal(msg("too many events wait")))) as server:
            with anyio.CancelScope(shield=True):  # who asked is answered, though all ends
                answers.append((await server.stop()).status)
            await anyio.sleep_forever()

    with pytest.raises(ExceptionGroup) as caught:
        await ask()
    assert caught.group_contains(Fatal, match="too many events wait")
    assert answers == [500]


@pytest.mark.parametrize("target", ["/api/resume", "/resume", "/estop", "/jobs/health_check/run"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_http__anything_but_a_stop__is_not_possible(target: str, method: str) -> None:
    async with http() as server:
        answer = await server.ask(method, target, {"cause": "x"}, Authorization=f"Bearer {TOKEN}")
    assert answer.status == 404
    assert not server.operations.resumes
    assert not server.operations.runs
