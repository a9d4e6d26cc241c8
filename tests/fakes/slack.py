"""Slack on loopback: incoming webhooks, and the Web API's `chat.postMessage` and `auth.test`.

Written from docs.slack.dev (incoming webhooks, chat.postMessage, Block Kit, rate limits); never imports ultrad.
"""

import re
import uuid
from typing import Any

from aiohttp import web

from tests.fakes.services import Service, json_of

MAX_OBJECT = 3000
MAX_BLOCKS = 50
MAX_ALL_BLOCKS = 13_000
MAX_ELEMENTS = 10
MAX_POST = 40_000
_ARGUMENTS = {"text", "blocks", "unfurl_links", "unfurl_media"}
_POST_ARGUMENTS = _ARGUMENTS | {"channel", "thread_ts", "reply_broadcast", "client_msg_id"}
_BARE = re.compile(r"&(?!amp;|lt;|gt;)|[<>]")


def _objects(block: Any) -> list[Any]:
    """The text objects of a block; none where it is no block that is known here."""
    if block.get("type") == "section" and set(block) == {"type", "text"}:
        return [block["text"]]
    if block.get("type") == "context" and set(block) == {"type", "elements"}:
        elements = block["elements"]
        return list(elements) if 1 <= len(elements) <= MAX_ELEMENTS else []
    return []


def objection(body: dict[str, Any]) -> str:
    """The error code for a message that Slack would not take; empty for a good one."""
    text, blocks = body.get("text"), body.get("blocks")
    if not isinstance(text, str) or not text.strip():
        return "no_text"
    if len(text) > MAX_POST:
        return "msg_too_long"
    if not isinstance(blocks, list) or not 1 <= len(blocks) <= MAX_BLOCKS:
        return "invalid_blocks"
    if not all(_objects(block) for block in blocks):
        return "invalid_blocks"
    lengths = [_length(one) for block in blocks for one in _objects(block)]
    if not all(1 <= length <= MAX_OBJECT for length in lengths):
        return "invalid_blocks"
    return "msg_blocks_too_long" if sum(lengths) > MAX_ALL_BLOCKS else ""


def _length(one: dict[str, Any]) -> int:
    """Of a text object, in UTF-16 code units; 0 where it is none."""
    text = one.get("text")
    return len(text.encode("utf-16-le")) // 2 if one.get("type") == "mrkdwn" and isinstance(text, str) else 0


def shown(body: dict[str, Any]) -> str:
    """What people read: the blocks' texts, unescaped."""
    texts = [one["text"] for block in body["blocks"] for one in _objects(block)]
    return "\n".join(texts).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


class _Slack(Service):
    def look(self, body: dict[str, Any], arguments: set[str]) -> None:
        """What Slack would take, but show wrongly or not document."""
        if set(body) - arguments:
            self.faults.append("arguments")
        texts = [one.get("text", "") for block in body.get("blocks", []) for one in _objects(block)]
        if any(_BARE.search(text) for text in (*texts, body.get("text", ""))):
            self.faults.append("escaping")
        if body.get("unfurl_links") is not False or body.get("unfurl_media") is not False:
            self.faults.append("unfurl")


class SlackHooks(_Slack):
    """An incoming webhook. It answers `ok`, or an error code as plain text."""

    PATH = "/services/T0AB12CD3/B0EF45GH6/abcdefghijklmnopqrstuvwx"
    secrets = (PATH, "abcdefghijklmnopqrstuvwx")

    @property
    def hook(self) -> str:
        return self.url + self.PATH

    def routes(self) -> list[web.RouteDef]:
        return [web.post(self.PATH, self._post)]

    def error(self, text: str) -> web.Response:
        return web.Response(text=text)

    async def _post(self, request: web.Request) -> web.StreamResponse:
        body = await json_of(request)
        wrong = "invalid_payload" if body is None else objection(body)
        if body is None or wrong:
            return self.fault(wrong, web.Response(status=400, text=wrong))
        self.look(body, _ARGUMENTS)

        def accept() -> web.Response:
            self.bodies.append(body)
            self.taken.append(shown(body))
            return web.Response(text="ok")

        return await self.play(request, accept)


class SlackApi(_Slack):
    """The Web API of one workspace with one channel, which the app is in: 200 with `ok` true or false."""

    TOKEN = "xoxb-1234567890-abcdefGHIJKL"
    CHANNEL = "C0123456789"
    secrets = (TOKEN,)

    def __init__(self) -> None:
        super().__init__()
        self.threads: set[str] = set()
        self.files: dict[str, tuple[str, int]] = {}
        self.uploaded: dict[str, bytes] = {}
        self.shared: list[dict[str, Any]] = []
        self.files_error = ""
        self.upload_at: str | None = None

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/api/chat.postMessage", self._post),
            web.post("/api/auth.test", self._who),
            web.post("/api/files.getUploadURLExternal", self._upload_url),
            web.post("/upload/v1/{file}", self._upload),
            web.post("/api/files.completeUploadExternal", self._complete),
        ]

    def says(self, status: int) -> web.Response:
        answer = super().says(status)
        return web.json_response({"ok": False, "error": "ratelimited"}, status=429) if status == 429 else answer

    def _stranger(self, request: web.Request) -> web.Response | None:
        token = request.headers.get("Authorization", "")
        if token == f"Bearer {self.TOKEN}":
            return None
        return self.error("invalid_auth" if token else "not_authed")

    async def _who(self, request: web.Request) -> web.StreamResponse:
        stranger = self._stranger(request)
        return stranger or web.json_response({"ok": True, "team_id": "T0AB12CD3", "bot_id": "B0EF45GH6"})

    async def _post(self, request: web.Request) -> web.StreamResponse:
        stranger = self._stranger(request)
        if stranger:
            return stranger
        body = await json_of(request)
        wrong = "invalid_json" if body is None else objection(body)
        if body is None or wrong:
            return self.fault(wrong, self.error(wrong))
        self.look(body, _POST_ARGUMENTS)
        if body.get("channel") != self.CHANNEL:
            return self.error("channel_not_found")
        self.keys.append(str(uuid.UUID(body["client_msg_id"])))
        thread = body.get("thread_ts")
        if (thread is not None and thread not in self.threads) or ("reply_broadcast" in body and not thread):
            return self.error("thread_not_found")

        def accept() -> web.Response:
            ts = f"1503435956.{len(self.bodies) + 1:06d}"
            self.bodies.append(body)
            self.taken.append(shown(body))
            if thread is None:
                self.threads.add(ts)
            return web.json_response({"ok": True, "channel": self.CHANNEL, "ts": ts, "message": {"text": "…"}})

        return await self.play(request, accept)

    # files: docs.slack.dev, "Working with files", files.getUploadURLExternal, files.completeUploadExternal

    async def _upload_url(self, request: web.Request) -> web.StreamResponse:
        """Arguments as a form; `filename` and the exact `length` in bytes are required."""
        stranger = self._stranger(request)
        if stranger:
            return stranger
        if self.files_error:
            return self.error(self.files_error)
        form = await request.post()
        name, length = form.get("filename"), form.get("length")
        kind = request.content_type
        if kind != "application/x-www-form-urlencoded" or set(form) - {"filename", "length", "alt_txt"}:
            return self.fault("form", self.error("invalid_form_data"))
        if not isinstance(name, str) or not isinstance(length, str) or not length.isdigit() or int(length) == 0:
            return self.fault("arguments", self.error("invalid_arguments"))
        file_id = f"F{len(self.files) + 1:010d}"
        self.files[file_id] = (name, int(length))
        url = self.upload_at or f"{self.url}/upload/v1/{file_id}"
        return web.json_response({"ok": True, "upload_url": url, "file_id": file_id})

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        """The bytes, as they are; the URL itself is the secret, and no token belongs here."""
        file_id = request.match_info["file"]
        content = await request.read()
        if "Authorization" in request.headers:
            self.faults.append("token sent to the upload address")
        if file_id not in self.files or len(content) != self.files[file_id][1]:
            return self.fault("length", web.Response(status=400, text="wrong length"))

        def accept() -> web.Response:
            self.uploaded[file_id] = content
            return web.Response(text=f"OK - {len(content)}")

        return await self.play(request, accept) if self.script else accept()

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        """Shares what was uploaded; a thread needs its channel by id, and files need their bytes first."""
        stranger = self._stranger(request)
        if stranger:
            return stranger
        body = await json_of(request)
        if body is None or set(body) - {"files", "channel_id", "thread_ts", "initial_comment"}:
            return self.fault("arguments", self.error("invalid_arguments"))
        if any(set(one) - {"id", "title"} or one["id"] not in self.uploaded for one in body["files"]):
            return self.fault("files", self.error("file_not_found"))
        if body.get("channel_id") != self.CHANNEL or body.get("thread_ts") not in self.threads:
            return self.fault("thread", self.error("invalid_channel"))
        self.shared.append(body)
        return web.json_response({"ok": True, "files": [{"id": one["id"]} for one in body["files"]]})
