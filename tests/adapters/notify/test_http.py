"""The way out: what cannot be an address, whose proxy is not used, and what is never shown."""

import gzip

import pytest
from aiohttp import web

from tests.adapters.notify.rig import TIMEOUT_S
from tests.fakes.services import Service
from ultrad.adapters.notify import settings
from ultrad.adapters.notify.http import MAX_BODY_BYTES, Answer, channel, open_session
from ultrad.adapters.notify.http import Service as Client
from ultrad.adapters.notify.text import fit, sound, utf16_units
from ultrad.ports import Refused

HIDDEN = "h1dden-value-3f9a"


class Bomb(Service):
    """Answers with what unpacks to a hundred megabytes, asked for or not."""

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/", self._get)]

    async def _get(self, request: web.Request) -> web.Response:
        if request.headers["Accept-Encoding"] != "identity":
            self.faults.append("asks for packed answers")
        packed = gzip.compress(bytes(20_000_000), compresslevel=1)[: MAX_BODY_BYTES // 2]
        return web.Response(body=packed, headers={"Content-Encoding": "gzip"})


@pytest.mark.parametrize("url", ["", "no url", "ftp://example.org/x", "http://", "http://[::1"])
async def test_ask__address_is_none__refused_without_it(url: str) -> None:
    async with open_session() as session:
        client = Client(session, channel("ops"), TIMEOUT_S, (url,))
        with pytest.raises(Refused, match="address or token of channel ops cannot be used") as caught:
            await client.ask("GET", url)
        assert not url or url not in str(caught.value)


async def test_ask__token_with_a_line_break__refused_without_it() -> None:
    async with Bomb().serving() as service, open_session() as session:
        client = Client(session, channel("ops"), TIMEOUT_S, (HIDDEN,))
        with pytest.raises(Refused) as caught:
            await client.ask("GET", service.url, headers={"Authorization": f"Bearer {HIDDEN}\r\nX: 1"})
        assert HIDDEN not in str(caught.value)
        assert caught.value.__context__ is None


async def test_ask__proxy_in_the_environment__not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with Bomb().serving() as service, open_session() as session:
        assert (await Client(session, channel("ops"), TIMEOUT_S, ()).ask("GET", service.url)).good


async def test_ask__packed_answer__stays_packed() -> None:
    async with Bomb().serving() as service, open_session() as session:
        answer = await Client(session, channel("ops"), TIMEOUT_S, ()).ask("GET", service.url)
        assert len(answer.body) < MAX_BODY_BYTES
        assert answer.json() is None
        assert service.faults == []


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", ""),
        (b"not here", "not here"),
        (b"<html>x</html>", ""),
        (b"[1, 2", ""),
        (b'{"message": "m"}', "m"),
        (b'{"error": 5}', ""),
        (b"[" * 5000, ""),
        (b"\xff\xfe", "��"),
    ],
)
def test_words__each_body__a_line_or_nothing(body: bytes, words: str) -> None:
    assert Answer(500, {}, body).words() == words


def test_settings__shown__without_secrets() -> None:
    shown = [
        settings.SlackWebhookSettings("ops", HIDDEN),
        settings.SlackAppSettings("ops", HIDDEN, "C1"),
        settings.LineSettings("ops", HIDDEN, HIDDEN),
        settings.WebhookSettings("ops", HIDDEN, HIDDEN),
        settings.DeadmanSettings(HIDDEN),
    ]
    assert HIDDEN not in repr(shown)


@pytest.mark.parametrize(
    ("text", "limit", "fitted"),
    [("abc", 3, "abc"), ("abcd", 3, "ab…"), ("🦑🦑", 4, "🦑🦑"), ("🦑🦑🦑", 4, "🦑…"), ("", 3, "")],
)
def test_fit__each_length__cut_between_characters(text: str, limit: int, fitted: str) -> None:
    assert fit(text, limit) == fitted
    assert utf16_units(fitted) <= limit


def test_sound__lone_surrogates__have_a_form_in_json() -> None:
    assert sound("a\udcffb") == "a?b"
