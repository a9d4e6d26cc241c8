"""`POST /signals`: who may, what is taken, and what is said where it is not."""

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.fakes.operations import FakeOperations
from tests.web.rig import Answer, Server, http
from ultrad.core.signals import Source
from ultrad.errors import Transient
from ultrad.i18n import msg
from ultrad.web.signals import SKEW_S, SignalDoor

TOKEN, KEY = b"correct-horse-battery-staple-2", b"a-key-of-twenty-four-characters"
NOW_S = 1_772_452_800
GOOD: dict[str, Any] = {"id": "news-42", "action": "BUY", "confidence": 80.5, "timestamp": NOW_S}


@asynccontextmanager
async def _door(operations: FakeOperations | None = None, **settings: Any) -> AsyncIterator[Server]:
    chosen: dict[str, Any] = {"token": TOKEN, "key": KEY, "wall_s": lambda: NOW_S + 0.5, **settings}
    async with http(operations, signals=SignalDoor(**chosen)) as server:
        yield server


async def _send(server: Server, body: object = GOOD, **headers: str) -> Answer:
    said = {"Authorization": f"Bearer {TOKEN.decode()}", "Content_Type": "application/json", **headers}
    return await server.ask("POST", "/signals", body, **{name: text for name, text in said.items() if text})


def _signed(body: bytes, at_s: int = NOW_S, key: bytes = KEY) -> dict[str, str]:
    digest = hmac.new(key, str(at_s).encode() + b"." + body, hashlib.sha256).hexdigest()
    return {"Authorization": "", "X_Ultrad_Timestamp": str(at_s), "X_Ultrad_Signature": f"v1={digest}"}


async def test_signals__with_the_token__taken_with_its_intent() -> None:
    async with _door() as server:
        answer = await _send(server)
        assert (answer.status, answer.json) == (202, {"intent": "http:news-42", "stage": "proposed"})
        (decision,) = server.operations.decisions
        assert (decision.source, str(decision.confidence)) == (Source.HTTP, "80.5")


async def test_signals__not_configured__nothing_there() -> None:
    async with http() as server:
        assert (await _send(server)).status == 404


@pytest.mark.parametrize("authorization", ["", "Bearer wrong", "Bearer ", "Basic x", f"bearer {TOKEN.decode()}"])
async def test_signals__a_stranger__learns_only_how_to_ask(authorization: str) -> None:
    async with _door() as server:
        answer = await _send(server, Authorization=authorization)
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert server.operations.decisions == []


async def test_signals__key_alone_is_configured__no_token_opens() -> None:
    async with _door(token=None) as server:
        assert (await _send(server)).status == 401
        assert (await _send(server, Authorization="Bearer ")).status == 401


async def test_signals__signed__taken() -> None:
    async with _door(token=None) as server:
        body = json.dumps(GOOD).encode()
        for away_s in (0, SKEW_S, -SKEW_S):
            at_s = NOW_S + away_s
            body = json.dumps({**GOOD, "id": f"n{away_s + 300}"}).encode()
            assert (await _send(server, body, **_signed(body, at_s))).status == 202


@pytest.mark.parametrize("spoil", ["body", "time", "key", "old", "ahead", "version", "short", "no time"])
async def test_signals__signed_wrongly__refused(spoil: str) -> None:
    body = json.dumps(GOOD).encode()
    at_s = {"old": NOW_S - SKEW_S - 1, "ahead": NOW_S + SKEW_S + 1}.get(spoil, NOW_S)
    headers = _signed(body, at_s, KEY + b"x" if spoil == "key" else KEY)
    match spoil:
        case "body":
            body += b" "
        case "time":
            headers["X_Ultrad_Timestamp"] = str(NOW_S + 1)
        case "version":
            headers["X_Ultrad_Signature"] = headers["X_Ultrad_Signature"].replace("v1", "v2")
        case "short":
            headers["X_Ultrad_Signature"] = headers["X_Ultrad_Signature"][:-1]
        case "no time":
            del headers["X_Ultrad_Timestamp"]
    async with _door() as server:
        answer = await _send(server, body, **headers)
        assert answer.status == 401
        assert ("check the clocks" in answer.json["error"]["message"]) is (spoil in {"old", "ahead"})
        assert server.operations.decisions == []


async def test_signals__signed_while_only_a_token_is_configured__refused() -> None:
    async with _door(key=None) as server:
        body = json.dumps(GOOD).encode()
        assert (await _send(server, body, **_signed(body, key=b""))).status == 401


async def test_signals__replayed__taken_once_and_told_what_became_of_it() -> None:
    async with _door() as server:
        body = json.dumps(GOOD).encode()
        assert (await _send(server, body, **_signed(body))).status == 202
        again = await _send(server, body, **_signed(body))
        assert again.status == 409
        assert "came before: done" in again.json["error"]["message"]


async def test_signals__several_fields_wrong__all_named_at_once() -> None:
    async with _door() as server:
        answer = await _send(server, {"id": "a b", "action": "BUY", "confidence": 101, "x": 1})
        assert answer.status == 422
        assert set(answer.json["error"]["fields"]) == {"id", "confidence", "timestamp", "x"}
        assert answer.json["kind"] == "permanent"


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 5_000])
async def test_signals__no_json__refused(body: bytes) -> None:
    async with _door(most_bytes=16_384) as server:
        assert (await _send(server, body)).status == 400


@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded"])
async def test_signals__another_type__refused(kind: str) -> None:
    async with _door() as server:
        assert (await _send(server, Content_Type=kind)).status == 415


async def test_signals__too_long__refused_at_its_own_limit_and_at_the_servers() -> None:
    async with _door(most_bytes=300) as server:
        room = 300 - len(json.dumps({**GOOD, "reason": ""}))
        assert (await _send(server, {**GOOD, "reason": "x" * room})).status == 202
        assert (await _send(server, {**GOOD, "reason": "x" * (room + 1)})).status == 413
        assert (await _send(server, b"x" * 20_000)).status == 413


async def test_signals__nothing_can_be_traded__503() -> None:
    operations = FakeOperations(error=Transient(msg("Nothing can be traded: {why}", why="?")))
    async with _door(operations) as server:
        answer = await _send(server)
        assert (answer.status, answer.json["kind"]) == (503, "transient")


async def test_signals__another_method__not_possible() -> None:
    async with _door() as server:
        assert (await server.ask("GET", "/signals")).status == 405
