"""What a receiver of signed webhooks can rely on, and what its answers mean."""

import hashlib
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from aiohttp import web

from tests.adapters.notify.rig import KEY, NOTICE, TIMEOUT_S, assert_no_secret
from tests.fakes.clock import FakeClock
from tests.fakes.services import Receiver
from ultrad.adapters.notify.http import open_session
from ultrad.adapters.notify.settings import WebhookSettings
from ultrad.adapters.notify.webhook import Webhook, body_of, signature
from ultrad.core.events import Level
from ultrad.errors import Transient
from ultrad.ports import Refused, Unreached


@asynccontextmanager
async def receiver(
    service: Receiver | None = None, secret: str = Receiver.SECRET
) -> AsyncIterator[tuple[Webhook, Receiver, FakeClock]]:
    clock = FakeClock()
    service = service or Receiver()
    service.clock_s = lambda: clock.now().wall_ms / 1000
    async with service.serving(), open_session() as session:
        yield Webhook(WebhookSettings("ops", service.hook, secret, TIMEOUT_S), session, clock), service, clock


def test_signature__worked_example__as_the_documentation_says() -> None:
    expected = hmac.new(b"key", b'1700000000.{"a":1}', hashlib.sha256).hexdigest()
    assert signature("key", "1700000000", b'{"a":1}') == f"v1={expected}"


def test_body__a_notice__exactly_these_bytes() -> None:
    assert body_of(replace(NOTICE, title="t", lines=("a", "b"))).decode() == (
        f'{{"version":1,"id":"{KEY}","at":"2026-03-02T12:00:00.123Z","level":"emergency","severity":"S1",'
        '"title":"t","lines":["a","b"],"incident":"inc-1"}'
    )


async def test_webhook__no_severity__null() -> None:
    async with receiver() as (hook, service, _):
        await hook.send(replace(NOTICE, level=Level.INFO, severity=None))
        assert service.bodies[0]["severity"] is None


async def test_webhook__tried_again_later__signed_anew_with_the_time_of_the_try() -> None:
    async with receiver() as (hook, service, clock):
        service.script.append("500")
        with pytest.raises(Transient):
            await hook.send(NOTICE)
        clock.jump(timedelta(hours=6))
        await hook.send(NOTICE)
        first, second = service.timestamps
        assert second - first == 6 * 3600
        assert len(set(service.signatures)) == 2
        assert service.keys == [KEY, KEY]


async def test_webhook__receiver_had_it_already__counts_as_delivered() -> None:
    async with receiver() as (hook, service, _):
        await hook.send(NOTICE)
        await hook.send(NOTICE)
        assert (service.tries, len(service.taken)) == (2, 1)


async def test_webhook__wrong_secret__refused() -> None:
    async with receiver(secret="another-secret-altogether") as (hook, service, _):
        with pytest.raises(Refused):
            await hook.send(NOTICE)
        assert service.faults == ["signature"]


class Says(Receiver):
    """Answers 200 with a body of the test's choice."""

    def __init__(self, body: object) -> None:
        super().__init__()
        self.mode = "error"
        self._body = body

    def error(self, text: str) -> web.Response:  # noqa: ARG002 - the test says what
        return web.json_response(self._body)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"ok": False}, "HTTP 200"),
        ({"ok": False, "message": "queue full"}, "queue full"),
        ({"error": "queue full"}, "queue full"),
        ({"error": {"code": 5, "message": "queue full"}}, "queue full"),
        ({"error": {"code": 5}}, "HTTP 200"),
        ({"error": f"at {Receiver.PATH} with {Receiver.SECRET} {'long ' * 99}"}, "Failure at channel ops"),
    ],
)
async def test_webhook__200_that_denies__transient_with_short_words(body: object, told: str) -> None:
    async with receiver(Says(body)) as (hook, service, _):
        with pytest.raises(Transient, match=told) as caught:
            await hook.send(NOTICE)
        assert type(caught.value) is Transient
        assert len(str(caught.value)) < 300
        assert_no_secret(caught.value, service)


@pytest.mark.parametrize("body", [{"ok": True}, {"error": None}, {"error": ""}, {}, [], "fine", None])
async def test_webhook__200_that_does_not_deny__accepted(body: object) -> None:
    async with receiver(Says(body)) as (hook, _, _):
        assert await hook.send(NOTICE) == ""


@pytest.mark.parametrize("mode", ["201", "202", "204"])
async def test_webhook__other_success__accepted(mode: str) -> None:
    async with receiver() as (hook, service, _):
        service.mode = mode
        assert await hook.send(NOTICE) == ""


@pytest.mark.parametrize(("scheme", "expected"), [("http", None), ("https", Unreached)])
async def test_check__tls_where_there_is_none__is_not_reached(
    scheme: str, expected: type[Unreached] | None
) -> None:
    async with Receiver().serving() as service, open_session() as session:
        settings = WebhookSettings("ops", service.hook.replace("http", scheme, 1), Receiver.SECRET, TIMEOUT_S)
        channel = Webhook(settings, session, FakeClock())
        if expected is None:
            assert await channel.check() is not None
        else:
            with pytest.raises(expected) as caught:
                await channel.check()
            assert_no_secret(caught.value, service)
    assert service.tries == 0


@pytest.mark.parametrize("url", ["https://[broken", "https://a:99999/x", "https:///x"])
async def test_check__an_address_that_is_none__is_refused(url: str) -> None:
    async with open_session() as session:
        channel = Webhook(WebhookSettings("ops", url, Receiver.SECRET, TIMEOUT_S), session, FakeClock())
        with pytest.raises(Refused):
            await channel.check()
