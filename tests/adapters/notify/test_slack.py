"""What only Slack says, and how a notice looks there."""

from dataclasses import replace

import aiohttp
import pytest
from aiohttp import web

from tests.adapters.notify import rig as rigs
from tests.adapters.notify.rig import NOTICE, Rig, assert_no_secret, clean
from tests.fakes.slack import SlackApi
from ultrad.adapters.notify.http import open_session
from ultrad.adapters.notify.settings import SlackAppSettings
from ultrad.adapters.notify.slack import MAX_CONTEXTS, MAX_TEXT, SlackApp, message
from ultrad.core.events import Level
from ultrad.errors import Permanent, Transient, UltradError
from ultrad.ports import Refused, Throttled

REFUSED = (
    "invalid_auth",
    "account_inactive",
    "token_revoked",
    "not_in_channel",
    "channel_not_found",
    "is_archived",
    "missing_scope",
    "restricted_action",
    "no_service",
    "channel_is_archived",
)
REJECTED = ("msg_too_long", "invalid_blocks", "msg_blocks_too_long", "no_text", "invalid_payload")
THROTTLED = ("ratelimited", "rate_limited", "message_limit_exceeded")
FAILED = ("internal_error", "fatal_error", "service_unavailable", "never_seen_before")
CODES: dict[str, type[UltradError]] = {
    **dict.fromkeys(REFUSED, Refused),
    **dict.fromkeys(REJECTED, Permanent),
    **dict.fromkeys(THROTTLED, Throttled),
    **dict.fromkeys(FAILED, Transient),
}


def app(service: SlackApi, session: aiohttp.ClientSession, token: str = SlackApi.TOKEN) -> SlackApp:
    return SlackApp(SlackAppSettings("ops", token, service.CHANNEL, service.url), session)


@pytest.mark.parametrize("kind", ["slack webhook", "slack app"])
@pytest.mark.parametrize("code", CODES)
async def test_slack__error_code_under_200__mapped(kind: str, code: str) -> None:
    async with rigs.rig(kind) as rig:
        rig.service.mode = f"error:{code}"
        with pytest.raises(UltradError) as caught:
            await rig.channel.send(NOTICE)
        assert type(caught.value) is CODES[code]
        assert code in str(caught.value) or CODES[code] is Throttled
        assert rig.service.taken == []


@pytest.mark.parametrize("kind", ["slack webhook", "slack app"])
async def test_slack__error_is_no_code_but_a_secret__not_repeated(kind: str) -> None:
    async with rigs.rig(kind) as rig:
        rig.service.mode = f"error:see {rig.service.url} {' '.join(rig.service.secrets)}"
        with pytest.raises(Transient) as caught:
            await rig.channel.send(NOTICE)
        assert_no_secret(caught.value, rig.service)


async def test_slack_webhook__answers_ok_amid_other_text__is_no_success() -> None:
    async with rigs.rig("slack webhook") as rig:
        rig.service.mode = "error:ok, but not quite"
        with pytest.raises(Transient):
            await rig.channel.send(NOTICE)


def thread_of(rig: Rig) -> list[tuple[object, object]]:
    return [(body.get("thread_ts"), body.get("reply_broadcast")) for body in rig.service.bodies]


async def test_slack_app__incident_goes_on__later_notices_go_into_its_thread() -> None:
    async with rigs.rig("slack app") as rig:
        first = await rig.channel.send(rigs.another(1))
        second = await rig.channel.send(replace(rigs.another(2), thread=first))
        third = await rig.channel.send(replace(rigs.another(3), thread=first, loud=False))
        assert first == second == third != ""
        assert thread_of(rig) == [(None, None), (first, True), (first, False)]
        clean(rig)


async def test_slack_app__thread_is_gone__told_without_it_and_a_new_one_begins() -> None:
    async with rigs.rig("slack app") as rig:
        thread = await rig.channel.send(replace(NOTICE, thread="1.000001"))
        assert thread not in ("", "1.000001")
        assert thread_of(rig) == [(None, None)]
        assert len(rig.service.keys) == 2
        clean(rig)


async def test_slack_app__wrong_token__check_and_send_are_refused() -> None:
    async with SlackApi().serving() as service, open_session() as session:
        stranger = app(service, session, "xoxb-wrong-000000")
        with pytest.raises(Refused, match="invalid_auth"):
            await stranger.check()
        with pytest.raises(Refused) as caught:
            await stranger.send(NOTICE)
        assert "xoxb-wrong" not in str(caught.value)


async def test_slack_app__proxy_answers_502_with_ok_true__is_no_success() -> None:
    class Proxy(SlackApi):
        def says(self, status: int) -> web.Response:
            return web.json_response({"ok": True, "ts": "1.1"}, status=status)

    async with Proxy().serving() as service, open_session() as session:
        service.mode = "502"
        with pytest.raises(Transient):
            await app(service, session).send(NOTICE)


def texts_of(blocks: object) -> list[str]:
    assert isinstance(blocks, list)
    sections = [block["text"]["text"] for block in blocks if block["type"] == "section"]
    return sections + [one["text"] for block in blocks if block["type"] == "context" for one in block["elements"]]


def test_message__mark_up_in_it__is_shown_as_it_is() -> None:
    shown = message(replace(NOTICE, title="<!channel> & <http://x|y>", lines=("a <b>",)))
    assert texts_of(shown["blocks"]) == [
        "🚨 *EMERGENCY S1* &lt;!channel&gt; &amp; &lt;http://x|y&gt;",
        "a &lt;b&gt;",
    ]
    assert shown["text"] == texts_of(shown["blocks"])[0]


def test_message__no_lines_and_no_severity__one_section() -> None:
    shown = message(replace(NOTICE, level=Level.INFO, severity=None, title="回復", lines=("", " ")))
    assert texts_of(shown["blocks"]) == ["ℹ️ *INFO* 回復"]


@pytest.mark.parametrize("piece", ["x", "&", "🦑", "<🦑"])
def test_message__longer_than_slack_takes__cut_visibly_between_characters(piece: str) -> None:
    shown = message(replace(NOTICE, title=piece * 5000, lines=tuple(piece * 500 for _ in range(60))))
    title, *facts = texts_of(shown["blocks"])
    assert len(facts) == MAX_CONTEXTS
    for text in (title, facts[-1]):
        assert text.endswith("…")
        assert MAX_TEXT - 12 <= len(text.encode("utf-16-le")) // 2 <= MAX_TEXT
        assert text.count("&") == text.count(";")
    assert "…" not in facts[0]
