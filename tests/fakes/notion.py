"""Notion's API on loopback: one database, its data sources, queries in pages, and updates of pages.

Written from developers.notion.com ("Status codes", "Request limits", "Retrieve a database", "Query a data source",
"Filter data source entries", "Sort data source entries", "Query large data sources", "Update page", "Page
properties"); never imports ultrad. Requests are checked by rules of its own: the published OpenAPI leaves filters
open, and knows no sorting by the time of an edit.
"""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from tests.fakes import notion_rules as rules
from tests.fakes.notion_rules import NotFoundError, RejectedError
from tests.fakes.services import Service

CODES = {
    400: "validation_error",
    401: "unauthorized",
    403: "restricted_resource",
    404: "object_not_found",
    409: "conflict_error",
    429: "rate_limited",
    500: "internal_server_error",
    502: "bad_gateway",
    503: "service_unavailable",
    504: "gateway_timeout",
    529: "service_overload",
}
VERSIONS = ("2025-09-03", "2026-03-11")
START = datetime(2026, 11, 23, 0, 0, tzinfo=UTC)
PROPERTIES: dict[str, Any] = {
    "Name": {"type": "title", "title": {}},
    "URL": {"type": "url", "url": {}},
    "Summary": {"type": "rich_text", "rich_text": {}},
    "Sentiment": {"type": "select", "select": {"options": ["Positive", "Negative", "Neutral"]}},
    "Action": {"type": "select", "select": {"options": ["BUY", "SELL", "HOLD"]}},
    "Confidence": {"type": "number", "number": {"format": "number"}},
    "Status": {"type": "select", "select": {"options": ["未処理", "処理済"]}},
    "Timestamp": {"type": "date", "date": {}},
    "Result": {"type": "rich_text", "rich_text": {}},
}


def uuid_of(number: int) -> str:
    """An id, as Notion writes it."""
    return f"59833787-2cf9-4fdf-8782-{number:012x}"


class NotionApi(Service):
    """One workspace. `script` and `mode` meet requests whose path holds `aim`.

    sources: data sources of the database: id → properties. pages: the rows, as Notion holds them. cap: after so
    many results a query ends (10,000). arrivals: when each request came (monotonic s); asked: its method and path.
    """

    TOKEN = "ntn_5ecret0f7he1ntegration"
    DATABASE = uuid_of(1)
    SOURCE = uuid_of(2)
    secrets = (TOKEN,)

    def __init__(self) -> None:
        super().__init__()
        self.aim = ""
        self.cap = 10_000
        self.sources: dict[str, dict[str, Any]] = {self.SOURCE: json.loads(json.dumps(PROPERTIES))}
        self.pages: dict[str, dict[str, Any]] = {}
        self.arrivals: list[float] = []
        self.asked: list[str] = []
        self.page_sizes: list[int] = []
        self.garbled: Any = None
        self._minutes = 0

    # ------------------------------------------------------------ what tests do to the workspace

    def add(self, source: str = "", /, **values: Any) -> str:
        """A new row a minute later. Values as the API has them under the type's name; those left out are empty."""
        self._minutes += 1
        source = source or self.SOURCE
        page_id = uuid_of(1000 + len(self.pages))
        at = self._now()
        properties = self.sources[source]
        held = {name: self._value(one["type"], values.get(name)) for name, one in properties.items()}
        self.pages[page_id] = {
            "object": "page",
            "id": page_id,
            "created_time": at,
            "last_edited_time": at,
            "archived": False,
            "in_trash": False,
            "parent": {"type": "data_source_id", "data_source_id": source, "database_id": self.DATABASE},
            "properties": held,
        }
        return page_id

    def edit(self, page_id: str, **values: Any) -> None:
        """Somebody edits a row, a minute later."""
        self._minutes += 1
        page = self.pages[page_id]
        for name, value in values.items():
            page["properties"][name] = self._value(page["properties"][name]["type"], value)
        page["last_edited_time"] = self._now()

    def shown(self, page_id: str, name: str) -> Any:
        """What people see in a property: text, the option's name, or the value."""
        return rules.shown(self.pages[page_id]["properties"][name])

    def _now(self) -> str:
        return (START + timedelta(minutes=self._minutes)).strftime("%Y-%m-%dT%H:%M:00.000Z")

    def _value(self, kind: str, value: Any) -> dict[str, Any]:
        if kind in ("select", "status") and isinstance(value, str):
            value = {"id": "o", "name": value, "color": "default"}
        if kind in ("rich_text", "title"):
            value = rules.rich(value or "")
        return {"id": "p", "type": kind, kind: value}

    # ------------------------------------------------------------ how it answers

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/v1/databases/{id}", self._meet(self._database)),
            web.get("/v1/data_sources/{id}", self._meet(self._source)),
            web.post("/v1/data_sources/{id}/query", self._meet(self._query)),
            web.patch("/v1/pages/{id}", self._meet(self._update)),
        ]

    def says(self, status: int, message: str = "") -> web.Response:
        """As documented; it repeats what it was sent, as careless services do."""
        message = message or f"no {self.url} {self.TOKEN}"
        body = {"object": "error", "status": status, "code": CODES.get(status, "unknown"), "message": message}
        answer = web.json_response({**body, "request_id": "req-1"}, status=status)
        if status == 529 and self.retry_after is not None:
            answer.headers["Retry-After"] = self.retry_after
        return answer

    def _meet(self, act: Callable[[str, Any], Any]) -> Callable[[web.Request], Any]:
        async def handler(request: web.Request) -> web.StreamResponse:
            self.arrivals.append(time.monotonic())
            self.asked.append(f"{request.method} {request.path}")
            if request.headers.get("Authorization") != f"Bearer {self.TOKEN}":
                return self.fault("token", self.says(401, "API token is invalid."))
            if request.headers.get("Notion-Version") not in VERSIONS:
                return self.fault("version", self.says(400, "Notion-Version header should be defined"))
            body: Any = None
            if request.can_read_body:
                body = json.loads(await request.read())

            def accept() -> web.Response:
                try:
                    return web.json_response(act(request.match_info["id"], body))
                except NotFoundError as error:
                    return self.says(404, f"Could not find it with ID: {error}. Make sure it is shared.")
                except RejectedError as error:
                    return self.fault(str(error), self.says(400, str(error)))

            if self.aim in request.path:
                return await self.play(request, accept)
            return accept()

        return handler

    def error(self, text: str) -> web.Response:
        return web.json_response(
            self.garbled if self.garbled is not None else {"object": "error", "message": text}
        )

    def _find(self, found: dict[str, Any], identity: str) -> Any:
        for one, held in found.items():
            if one.replace("-", "") == identity.replace("-", "").lower():
                return held
        raise NotFoundError(identity)

    def _database(self, identity: str, _: Any) -> Any:
        self._find({self.DATABASE: 1}, identity)
        listed = [{"id": one, "name": f"source {number}"} for number, one in enumerate(self.sources)]
        return {"object": "database", "id": self.DATABASE, "data_sources": listed, "in_trash": False}

    def _source(self, identity: str, _: Any) -> Any:
        properties = self._find(self.sources, identity)
        return {
            "object": "data_source",
            "id": identity,
            "parent": {"type": "database_id", "database_id": self.DATABASE},
            "properties": {name: rules.configuration(name, one) for name, one in properties.items()},
        }

    def _query(self, identity: str, body: Any) -> Any:
        properties = self._find(self.sources, identity)
        rules.check_query(body, properties)
        self.page_sizes.append(body.get("page_size", 100))
        rows = [
            one
            for one in self.pages.values()
            if one["parent"]["data_source_id"].replace("-", "") == identity.replace("-", "")
            and not one["in_trash"]
            and rules.matches(one, body.get("filter"))
        ]
        for sort in reversed(body.get("sorts", [])):
            rows.sort(key=lambda one: str(one[sort["timestamp"]]), reverse=sort["direction"] == "descending")
        begins = int(body.get("start_cursor", "cursor-0").removeprefix("cursor-"))
        ends = min(begins + body.get("page_size", 100), self.cap)
        more = ends < min(len(rows), self.cap)
        listed: dict[str, Any] = {
            "object": "list",
            "results": rows[begins:ends],
            "has_more": more,
            "next_cursor": f"cursor-{ends}" if more else None,
            "type": "page_or_data_source",
            "page_or_data_source": {},
        }
        if len(rows) > self.cap:
            reason = "query_result_limit_reached"
            listed["request_status"] = {"type": "incomplete", "incomplete_reason": reason}
        return listed

    def _update(self, identity: str, body: Any) -> Any:
        page = self._find(self.pages, identity)
        if page["in_trash"]:
            raise RejectedError("Can't edit block that is archived. You must unarchive the block before editing.")
        properties = self.sources[page["parent"]["data_source_id"]]
        rules.check_update(body, properties)
        for name, value in body["properties"].items():
            kind = properties[name]["type"]
            held = value[kind]
            if kind in ("rich_text", "title"):
                held = rules.rich("".join(one["text"]["content"] for one in held))
            page["properties"][name] = {"id": "p", "type": kind, kind: held}
        self._minutes += 1
        page["last_edited_time"] = self._now()
        self.bodies.append(body)
        self.taken.append(page["id"])
        return page
