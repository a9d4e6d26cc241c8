"""The HTTP server on the loopback: health, metrics, status, page; and a stop. Nothing here can resume."""

import hmac
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import tzinfo
from functools import lru_cache
from ipaddress import ip_address
from time import monotonic

from aiohttp import web

from ultrad.core.estop import Mode
from ultrad.core.events import Json, Level, Severity
from ultrad.core.limits import Limits
from ultrad.core.status import Status
from ultrad.core.wire import WireError, from_json
from ultrad.errors import Transient
from ultrad.i18n import Catalogue, Message, msg
from ultrad.operations import Operations
from ultrad.ports import Turned
from ultrad.web.answers import Refused, answer, encoded, one_line, read_json, rendered
from ultrad.web.metrics import CONTENT_TYPE, exposition
from ultrad.web.page import page
from ultrad.web.report_door import ReportDoor
from ultrad.web.serving import Door, Serving
from ultrad.web.signals import SignalDoor, SignalTaker
from ultrad.web.style import POLICY
from ultrad.web.traffic import Traffic, TrafficFigures
from ultrad.web.view import status_view
from ultrad.web.words import Words

FRESH_S = 0.25
"""How old a status may be that is shown: a flood of questions costs no more than four looks a second."""
BACKLOG = 128
MOST_WARNINGS = 50
REASON_CHARACTERS = 500
BY = "HTTP"
_HOST = re.compile(r"(?:\[(?P<six>[0-9a-fA-F:.]+)\]|(?P<four>[0-9.]+)|(?P<name>[a-zA-Z]+))(?::[0-9]{1,5})?")


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """Where the server listens, and what it shows.

    token: what may stop over HTTP; None: nothing may. zone: in which times are shown. limits: to which
    distances are shown, now. connections: how many may be open at once. signals: how decisions come in; None:
    they do not.
    """

    limits: Callable[[], Limits]
    zone: tzinfo
    host: str = "127.0.0.1"
    port: int = 8000
    token: str | None = field(default=None, repr=False)
    connections: int = 64
    signals: SignalDoor | None = None


@dataclass(frozen=True, slots=True)
class StopRequest:
    """The body of a stop: why, in the words of who stops."""

    reason: str = ""


def stop_reason(data: Json) -> str:
    """The reason in a stop's body, as one line. Raises Refused or WireError, which name the field."""
    reason = one_line("reason", from_json(StopRequest, data).reason)
    if len(reason) > REASON_CHARACTERS:
        raise WireError("reason", msg("is longer than {limit} characters", limit=REASON_CHARACTERS))
    return reason


class HttpPart:
    """The HTTP server as a supervised part."""

    def __init__(self, operations: Operations, settings: HttpSettings, catalogue: Catalogue) -> None:
        """Nothing is opened before `run`."""
        self._operations = operations
        self._settings = settings
        self._words = Words(catalogue, settings.zone)
        self._traffic = Traffic()
        self._token = None if settings.token is None else settings.token.encode()
        self._reports = ReportDoor(operations, self._words)
        self._seen: tuple[float, Status] | None = None
        self._health: tuple[float, int, bytes] | None = None
        self._serving = Serving(
            Door(
                routes=self._routes(),
                listen=self._listen,
                connections=settings.connections,
                tell=self._words,
                check=_check_host,
                traffic=self._traffic,
            )
        )

    @property
    def address(self) -> object:
        """(host, port) while it is open, else None."""
        return self._serving.address

    async def run(self, turned: Turned) -> None:
        """Serve for ever. Raises Transient where it cannot listen; run again, it waits before it tries."""
        await self._serving.run(turned)

    def figures(self) -> TrafficFigures | None:
        """How it answered within the last minute."""
        return self._traffic.figures(monotonic())

    def _routes(self) -> tuple[web.RouteDef, ...]:
        routes: tuple[web.RouteDef, ...] = (
            web.get("/", self._page),
            web.get("/health", self._health_now),
            web.get("/health/live", self._live),
            web.get("/health/ready", self._ready),
            web.get("/metrics", self._metrics),
            web.get("/api/status", self._api_status),
            web.get("/reports", self._reports.listed),
            web.get("/reports/{name}", self._reports.page),
        )
        if self._settings.signals is not None:
            taker = SignalTaker(self._operations, self._settings.signals, self._words)
            routes = (*routes, web.post("/signals", taker.take))
        return routes if self._token is None else (*routes, web.post("/api/estop", self._stop))

    @contextmanager
    def _listen(self) -> Iterator[socket.socket]:
        at = (self._settings.host, self._settings.port)
        try:
            family = socket.AF_INET6 if ":" in at[0] else socket.AF_INET
            listener = socket.create_server(at, family=family, backlog=BACKLOG)
        except OSError as error:
            raise Transient(
                msg(
                    "The HTTP server cannot listen on {host} port {port}: {error}. Look who does (ss -ltnp), or "
                    "change [http] in the configuration.",
                    host=at[0],
                    port=at[1],
                    error=error.strerror or str(error),
                )
            ) from error
        with listener:
            listener.setblocking(False)
            yield listener

    # ------------------------------------------------------------ answers

    def _status(self) -> Status:
        now_s = monotonic()
        if self._seen is None or now_s - self._seen[0] >= FRESH_S:
            self._seen = (now_s, self._operations.status())
        return self._seen[1]

    async def _health_now(self, _: web.Request) -> web.Response:
        now_s = monotonic()
        if self._health is None or now_s - self._health[0] >= FRESH_S:
            self._health = (now_s, *self._look())
        return answer(self._health[2], status=self._health[1])

    def _look(self) -> tuple[int, bytes]:
        status = self._status()
        late = _late(self._operations.late_parts(), status)
        worst_first = sorted(status.findings, key=lambda one: -one.finding.level)
        warnings = [self._words(one.finding.message) for one in worst_first if one.finding.level > Level.INFO]
        return 503 if late else 200, encoded(
            {
                "status": "failing" if late else "ok",
                "estop": status.estop.mode is Mode.ON,
                "warnings": [*warnings[:MOST_WARNINGS]],
                "incidents": sum(one.severity is not Severity.S3 for one in status.incidents),
                "reasons": [self._words(one) for one in late],
            }
        )

    async def _live(self, _: web.Request) -> web.Response:
        return answer(b'{"status":"ok"}')

    async def _ready(self, _: web.Request) -> web.Response:
        status = self._status()
        reasons = _late(self._operations.late_parts(), status)
        reasons += tuple(
            msg("{position} has not been read yet.", position=one.name)
            for one in status.positions
            if one.reading is None
        )
        body: Json = {
            "status": "failing" if reasons else "ok",
            "reasons": [self._words(one) for one in reasons],
        }
        return answer(encoded(body), status=503 if reasons else 200)

    async def _metrics(self, _: web.Request) -> web.Response:
        body = await rendered(exposition, self._status(), self.figures())
        return answer(body, kind=CONTENT_TYPE)

    async def _api_status(self, _: web.Request) -> web.Response:
        return answer(await rendered(_status_json, self._status(), self._words))

    async def _page(self, _: web.Request) -> web.Response:
        body = await rendered(page, self._status(), self._settings.limits(), self._words)
        return answer(body, kind="text/html; charset=utf-8", policy=POLICY)

    async def _stop(self, request: web.Request) -> web.Response:
        given = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
        assert self._token is not None  # noqa: S101 - the route exists only with a token
        if not hmac.compare_digest(given, b"Bearer " + self._token):
            raise Refused(401, msg("This needs the header Authorization: Bearer with the token of [http]."))
        await self._operations.stop(BY, stop_reason(await read_json(request)))
        self._seen = self._health = None
        return answer(b'{"stopped":true}')


def _status_json(status: Status, words: Words) -> bytes:
    return encoded(status_view(status, words))


def _late(names: tuple[str, ...], status: Status) -> tuple[Message, ...]:
    known = {one.name: one for one in status.parts}
    return tuple(
        msg(
            "{part} has not turned for {silent} s (limit {limit} s).",
            part=name,
            silent=known[name].age_ms // 1000,
            limit=known[name].limit_ms // 1000,
        )
        if name in known
        else msg("{part} has not turned within its limit.", part=name)
        for name in names
    )


def _check_host(request: web.Request) -> None:
    """Refuse a page of elsewhere whose name was made to point here (DNS rebinding)."""
    if not _safe_host(request.headers.get("Host", "")):
        raise Refused(421, msg("Ask for localhost or for an IP address: another name is not served."))


@lru_cache(maxsize=64)
def _safe_host(host: str) -> bool:
    """Whether a Host header holds no name that somebody else could point here: localhost or an IP address."""
    found = _HOST.fullmatch(host)
    if found is None:
        return False
    if found["name"]:
        return found["name"].lower() == "localhost"
    try:
        ip_address(found["six"] or found["four"])
    except ValueError:
        return False
    return True
