"""Slack: an incoming webhook, or an app with a bot token that answers in threads.

Sources: docs.slack.dev, "Sending messages using incoming webhooks", "chat.postMessage method", "Formatting message
text", "Block Kit: section, context".
"""

import re

import aiohttp
import orjson

from ultrad.adapters.notify.http import Answer, Service, channel
from ultrad.adapters.notify.settings import SlackAppSettings, SlackWebhookSettings
from ultrad.adapters.notify.slack_files import Pictures, SlackFiles
from ultrad.adapters.notify.text import fit, heading, sound, utf16_units
from ultrad.errors import UltradError
from ultrad.i18n import Message, msg
from ultrad.ports import Outgoing, Quota, Refused

MAX_TEXT = 3000
"""Characters of one text object (section and context blocks)."""
MAX_CONTEXTS = 3
"""Blocks of facts. With the title 12,000 characters: from about 13,200 on Slack answers msg_blocks_too_long."""
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
"""The three characters that mrkdwn takes for its own; with them go mentions (`<!channel>`) and links."""
_JSON = {"Content-Type": "application/json; charset=utf-8"}
_THROTTLED = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded"})
_REFUSED = frozenset(
    {
        "access_denied",
        "accesslimited",
        "account_inactive",
        "action_prohibited",
        "channel_is_archived",
        "channel_not_found",
        "ekm_access_denied",
        "enterprise_is_restricted",
        "invalid_auth",
        "invalid_token",
        "is_archived",
        "missing_scope",
        "no_active_hooks",
        "no_permission",
        "no_service",
        "no_service_id",
        "no_team",
        "not_allowed_token_type",
        "not_authed",
        "not_in_channel",
        "posting_to_general_channel_denied",
        "restricted_action",
        "restricted_action_read_only_channel",
        "restricted_action_thread_only_channel",
        "team_access_not_granted",
        "team_disabled",
        "token_expired",
        "token_revoked",
        "two_factor_setup_required",
        "user_not_found",
    }
)
_REJECTED = frozenset(
    {
        "invalid_arg_name",
        "invalid_arguments",
        "invalid_array_arg",
        "invalid_blocks",
        "invalid_blocks_format",
        "invalid_charset",
        "invalid_json",
        "invalid_payload",
        "invalid_post_type",
        "missing_text_or_fallback_or_attachments",
        "msg_blocks_too_long",
        "msg_too_long",
        "no_text",
        "too_many_attachments",
    }
)
_NO_THREAD = frozenset(
    {
        "cannot_reply_to_message",
        "invalid_thread_ts",
        "message_not_found",
        "restricted_action_non_threadable_channel",
        "restricted_action_thread_locked",
        "thread_not_found",
    }
)
"""The thread is gone or closed: the notice is told without it."""

NO_PICTURES = Pictures()


def _escaped_units(text: str) -> int:
    return utf16_units(text.translate(_ESCAPES))


def _facts(lines: tuple[str, ...]) -> list[str]:
    """The lines, escaped, in as few texts as they fit into; cut visibly where they do not."""
    texts: list[str] = []
    for line in lines:
        fact = fit(sound(line), MAX_TEXT, _escaped_units)
        if not fact.strip():
            continue
        joined = f"{texts[-1]}\n{fact}" if texts else fact
        if texts and _escaped_units(joined) <= MAX_TEXT:
            texts[-1] = joined
        elif len(texts) < MAX_CONTEXTS:
            texts.append(fact)
        else:
            texts[-1] = fit(joined, MAX_TEXT, _escaped_units)
            break
    return [text.translate(_ESCAPES) for text in texts]


def message(what: Outgoing) -> dict[str, object]:
    """The notice as a message: title as a section, facts as contexts; `text` is for phones. No previews."""
    mark, label = heading(what)
    prefix = f"{mark} *{label}* "
    title = fit(sound(what.title), MAX_TEXT - utf16_units(prefix), _escaped_units).translate(_ESCAPES)
    texts = [f"{prefix}{title}", *_facts(what.lines)]
    objects = [{"type": "mrkdwn", "text": text, "verbatim": True} for text in texts]
    return {
        "text": texts[0],
        "blocks": [
            {"type": "section", "text": objects[0]},
            *({"type": "context", "elements": [one]} for one in objects[1:]),
        ],
        "unfurl_links": False,
        "unfurl_media": False,
    }


def _failure(service: Service, answer: Answer, code: object) -> UltradError:
    """The error for an answer with an error code of Slack, or, where it is none that is known, for its status."""
    known = code if isinstance(code, str) and re.fullmatch(r"[a-z0-9_]{1,64}", code) else ""
    reason = service.scrub(known)
    if known in _THROTTLED:
        return service.throttled(answer)
    if known in _REFUSED:
        return Refused(
            msg(
                "Slack refuses {who} ({reason}). Check its token, scopes and channel, and that the app is invited"
                " to the channel.",
                who=service.who,
                reason=reason,
            )
        )
    if known in _REJECTED:
        return service.rejected(reason)
    if not answer.good:
        return service.failure(answer)
    return service.failed(reason) if known else service.garbled()


class SlackWebhook:
    """Implements `Channel`. No threads, as Slack tells nothing of what was posted; and it knows no repeats."""

    def __init__(self, settings: SlackWebhookSettings, session: aiohttp.ClientSession) -> None:
        """session: of `open_session`."""
        self._settings = settings
        self._service = Service(session, channel(settings.name), settings.timeout_s, (settings.url,))

    @property
    def name(self) -> str:
        """As it is configured."""
        return self._settings.name

    @property
    def key_lives_s(self) -> None:
        """Nothing is known that would tell repeats apart."""
        return None

    async def send(self, what: Outgoing) -> str:
        """Post it. Success is a 200 whose body is `ok`; an error is a code as plain text, mostly under 4xx."""
        body = orjson.dumps(message(what))
        answer = await self._service.ask("POST", self._settings.url, headers=_JSON, body=body)
        text = answer.body.strip().decode(errors="replace") if answer.whole else ""
        if not answer.good or text != "ok":
            raise _failure(self._service, answer, text)
        return ""

    async def quota(self) -> Quota | None:
        """Slack counts no messages."""
        return None

    async def check(self) -> Message:
        """A webhook can be asked nothing without posting: that its server can be reached is all."""
        await self._service.reach(self._settings.url)
        return msg("Slack says nothing of a webhook without posting: whether it is still there only a test shows.")


class SlackApp:
    """Implements `Channel` over the Web API; an incident's later notices go into the thread of its first."""

    def __init__(
        self, settings: SlackAppSettings, session: aiohttp.ClientSession, pictures: Pictures = NO_PICTURES
    ) -> None:
        """session: of `open_session`. pictures: how a report's chart is read."""
        self._settings = settings
        self._service = Service(session, channel(settings.name), settings.timeout_s, (settings.token,))
        self._files = SlackFiles(settings, self._service, pictures)

    @property
    def name(self) -> str:
        """As it is configured."""
        return self._settings.name

    @property
    def key_lives_s(self) -> None:
        """Nothing is known that would tell repeats apart."""
        return None

    async def send(self, what: Outgoing) -> str:
        """Post it, and answer the `ts` of its thread's parent; without the thread where that is gone.

        A picture is uploaded before and shown in its thread after it: what fails of that costs the picture alone.
        """
        file_id = await self._files.upload(what.picture) if what.picture else ""
        post = {**message(what), "channel": self._settings.channel, "client_msg_id": what.key}
        thread = {"thread_ts": what.thread, "reply_broadcast": what.loud} if what.thread else {}
        answer, content = await self._call("chat.postMessage", {**post, **thread})
        if thread and content.get("error") in _NO_THREAD:
            thread = {}
            answer, content = await self._call("chat.postMessage", post)
        if content.get("ok") is not True:
            raise _failure(self._service, answer, content.get("error"))
        ts, where = content.get("ts"), content.get("channel")
        if file_id and isinstance(ts, str) and isinstance(where, str):
            await self._files.share(file_id, what.picture, where, ts)
        return what.thread if thread else ts if isinstance(ts, str) else ""

    async def quota(self) -> Quota | None:
        """Slack counts no messages."""
        return None

    async def check(self) -> Message | None:
        """Ask `auth.test` who the token is."""
        answer, content = await self._call("auth.test", {})
        if content.get("ok") is not True:
            raise _failure(self._service, answer, content.get("error"))
        return None

    async def _call(self, method: str, arguments: dict[str, object]) -> tuple[Answer, dict[str, object]]:
        """Call a method of the Web API: 200 with `ok` true or false; another status where it was not reached."""
        headers = {**_JSON, "Authorization": f"Bearer {self._settings.token}"}
        url = f"{self._settings.base_url}/api/{method}"
        answer = await self._service.ask("POST", url, headers=headers, body=orjson.dumps(arguments))
        content = answer.json() or {}
        # a proxy's 502 is no word of Slack's, whatever its body says
        return answer, content if answer.good else {"error": content.get("error")}
