"""LINE's Messaging API on loopback: push with retry keys and a monthly quota, and what can be asked about it.

Written from developers.line.biz (Messaging API reference; Retry failed API requests); never imports ultrad.
"""

import re
import uuid
from typing import Any

from aiohttp import web

from tests.fakes.services import Service, json_of

MAX_TEXT = 5000
MAX_MESSAGES = 5
_UUID = re.compile(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}")


class LineApi(Service):
    """One official account on a plan with `limit` messages a month (None: no limit).

    members: how many each recipient stands for; a user stands for one. used: messages this month.
    """

    TOKEN = "l1ne/Ch4nnel+Acc3ss/T0ken="
    USER = "U" + "4af4980629" * 3 + "ab"
    GROUP = "C" + "5be5a91730" * 3 + "cd"
    ROOM = "R" + "6cf6ba2841" * 3 + "ef"
    secrets = (TOKEN, USER)

    def __init__(self, limit: int | None = 200) -> None:
        super().__init__()
        self.limit = limit
        self.used = 0
        self.members = {self.USER: 1, self.GROUP: 4, self.ROOM: 3}
        self.consumption: object = None
        self._accepted: dict[str, str] = {}

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/v2/bot/message/push", self._push),
            web.get("/v2/bot/message/quota", self._quota),
            web.get("/v2/bot/message/quota/consumption", self._consumption),
            web.get("/v2/bot/info", self._info),
            web.get("/v2/bot/group/{id}/members/count", self._count),
            web.get("/v2/bot/room/{id}/members/count", self._count),
        ]

    def says(self, status: int) -> web.Response:
        texts = {
            400: "The request body has 1 error(s)",
            401: "Authentication failed. Confirm that the access token in the authorization header is valid.",
            429: "The API rate limit has been exceeded. Try again later.",
        }
        text = texts.get(status, f"no {self.url} {' '.join(self.secrets)}")
        return web.json_response({"message": text}, status=status)

    def refuse(self, status: int, message: str) -> web.Response:
        return web.json_response({"message": message}, status=status)

    def _stranger(self, request: web.Request) -> web.Response | None:
        return None if request.headers.get("Authorization") == f"Bearer {self.TOKEN}" else self.says(401)

    def _objection(self, body: dict[str, Any] | None) -> str:
        if body is None or set(body) != {"to", "messages"}:
            return "The request body could not be parsed as JSON (line: -, column: -)"
        messages = body["messages"]
        if not isinstance(messages, list) or not 1 <= len(messages) <= MAX_MESSAGES:
            return "The property, 'messages', in the request body is invalid (line: -, column: -)"
        for one in messages:
            text = one.get("text")
            if set(one) != {"type", "text"} or one["type"] != "text" or not isinstance(text, str):
                return "The request body has 1 error(s)"
            if not 1 <= len(text.encode("utf-16-le")) // 2 <= MAX_TEXT:
                return "The request body has 1 error(s)"
        return ""

    def _nobody(self, recipient: object) -> str:
        if not isinstance(recipient, str) or not re.fullmatch(r"[UCR][0-9a-f]{32}", recipient):
            return "The property, 'to', in the request body is invalid (line: -, column: -)"
        return "" if recipient in self.members else "Failed to send messages"

    async def _push(self, request: web.Request) -> web.StreamResponse:
        return self._stranger(request) or await self._push_known(request)

    async def _push_known(self, request: web.Request) -> web.StreamResponse:
        key = request.headers.get("X-Line-Retry-Key", "")
        self.keys.append(key)
        body = await json_of(request)
        wrong = self._objection(body) if _UUID.fullmatch(key) else "The retry key is invalid"
        if body is None or wrong:
            return self.fault(wrong, self.refuse(400, wrong))
        nobody = self._nobody(body["to"])
        if nobody:
            return self.refuse(400, nobody)
        if key in self._accepted:
            self.tries += 1
            answer = self.refuse(409, "The retry key is already accepted")
            answer.headers["X-Line-Accepted-Request-Id"] = self._accepted[key]
            return answer
        cost = self.members[body["to"]] * len(body["messages"])
        if self.limit is not None and self.used + cost > self.limit:
            self.tries += 1
            return self.refuse(429, "You have reached your monthly limit.")

        def accept() -> web.Response:
            self._accepted[key] = str(uuid.uuid5(uuid.NAMESPACE_URL, key))
            self.used += cost
            self.bodies.append(body)
            self.taken.extend(one["text"] for one in body["messages"])
            sent = [{"id": str(len(self.taken)), "quoteToken": "IStG5h1Tz7b"}]
            headers = {"X-Line-Request-Id": self._accepted[key]}
            return web.json_response({"sentMessages": sent}, headers=headers)

        return await self.play(request, accept)

    async def _quota(self, request: web.Request) -> web.StreamResponse:
        limited = {"type": "limited", "value": self.limit}
        return self._stranger(request) or web.json_response(
            limited if self.limit is not None else {"type": "none"}
        )

    async def _consumption(self, request: web.Request) -> web.StreamResponse:
        used = self.used if self.consumption is None else self.consumption
        return self._stranger(request) or web.json_response({"totalUsage": used})

    async def _info(self, request: web.Request) -> web.StreamResponse:
        return self._stranger(request) or web.json_response({"userId": "U" + "0" * 32, "displayName": "ultrad"})

    async def _count(self, request: web.Request) -> web.StreamResponse:
        count = self.members.get(request.match_info["id"])
        missing = self.refuse(404, "Not found") if count is None else None
        return self._stranger(request) or missing or web.json_response({"count": count})
