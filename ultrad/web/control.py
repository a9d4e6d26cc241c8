"""The control socket: what the commands say to the daemon, by people whom the kernel names."""

import grp
import re
import shutil
import socket
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from aiohttp import web
from multidict import MultiMapping

from ultrad.core.decisions import decision_of
from ultrad.core.events import Level
from ultrad.core.messages import message_json
from ultrad.core.signals import MAX_REASON, Source
from ultrad.core.wire import WireError, from_json, to_json
from ultrad.errors import Transient
from ultrad.i18n import msg
from ultrad.operations import (
    ChannelName,
    ExpectRequest,
    IncidentRequest,
    NoteRequest,
    Operations,
    Person,
    ProcedureRequest,
    ResumeRequest,
    RevokeRequest,
    SimulateRequest,
)
from ultrad.ports import EventFilter, Turned
from ultrad.web.answers import answer, encoded, one_line, read_json, read_numbers, rendered
from ultrad.web.peer import uid_of
from ultrad.web.server import stop_reason
from ultrad.web.serving import Door, Serving
from ultrad.web.traffic import Traffic

MODE = 0o660
CONNECTIONS = 32
"""More terminals than the team has."""
BACKLOG = 32
LIVE_WAIT_S = 0.2
"""Connecting to a Unix socket that somebody listens on takes microseconds."""
MOST_SIGNALS = 1_000
MOST_EVENTS = 1_000
"""One answer's; those who want more ask again from the last number on."""
_MOST = 2**53
_DIGITS = re.compile(r"[0-9]{1,16}")
_FILTERS = frozenset({"kind", "level", "since", "until", "after", "limit", "newest"})


@dataclass(frozen=True, slots=True)
class ControlSettings:
    """path: of the socket. group: who may connect besides the daemon's own user; empty: that user's own group."""

    path: Path
    group: str


class ControlPart:
    """The control socket as a supervised part.

    name_of: a user's name for a user ID. Messages go out as they are: the commands render them in their language.
    """

    def __init__(self, operations: Operations, settings: ControlSettings, name_of: Callable[[int], str]) -> None:
        """Nothing is opened before `run`."""
        self._operations = operations
        self._settings = settings
        self._name_of = name_of
        self._serving = Serving(
            Door(
                routes=(
                    web.get("/status", self._status),
                    web.get("/events", self._events),
                    web.post("/estop", self._stop),
                    web.post("/resume", self._resume),
                    web.post("/reload", self._reload),
                    web.post("/jobs/{name}/run", self._run_job),
                    web.post("/incident", self._incident),
                    web.post("/expect", self._expect),
                    web.post("/simulate", self._simulate),
                    web.post("/note", self._note),
                    web.post("/procedure", self._procedure),
                    web.post("/notify/test", self._test_channels),
                    web.get("/notify/queue", self._queue),
                    web.post("/doctor", self._doctor),
                    web.get("/allowances", self._allowances),
                    web.post("/allowances/revoke", self._revoke),
                    web.get("/signals", self._signals),
                    web.post("/signals", self._signal),
                ),
                listen=self._listen,
                connections=CONNECTIONS,
                tell=message_json,
                check=_let_in,
                traffic=Traffic(),
            )
        )

    async def run(self, turned: Turned) -> None:
        """Serve for ever. Raises Transient where the socket cannot be had; run again, it waits before it tries."""
        await self._serving.run(turned)

    @contextmanager
    def _listen(self) -> Iterator[socket.socket]:
        path = self._settings.path
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            try:
                _clear(path)
                # Nobody can connect before listen(): by then the mode and the group are right.
                listener.bind(str(path))
                _give(path, self._settings.group)
                path.chmod(MODE)
                listener.listen(BACKLOG)
            except (OSError, LookupError) as error:
                raise Transient(
                    msg(
                        "The control socket {path} cannot be opened: {error}. Look at its directory, and at the "
                        "group {group}.",
                        path=str(path),
                        error=(error.strerror if isinstance(error, OSError) else None) or str(error),
                        group=self._settings.group or "-",
                    )
                ) from error
            listener.setblocking(False)
            ours = path.lstat().st_ino
            try:
                yield listener
            finally:
                with suppress(FileNotFoundError):
                    if path.lstat().st_ino == ours:
                        path.unlink()

    def _person(self, request: web.Request) -> Person:
        uid = uid_of(request)
        return Person(uid=uid, name=self._name_of(uid))

    # ------------------------------------------------------------ answers

    async def _status(self, _: web.Request) -> web.Response:
        return answer(await rendered(_json, self._operations.status()))

    async def _events(self, request: web.Request) -> web.Response:
        found = await self._operations.events(event_filter(request.query))
        return answer(await rendered(_json, found))

    async def _stop(self, request: web.Request) -> web.Response:
        reason = stop_reason(await read_json(request))
        await self._operations.stop(self._person(request).name, reason)
        return answer(b'{"stopped":true}')

    async def _resume(self, request: web.Request) -> web.Response:
        wanted = from_json(ResumeRequest, await read_json(request))
        return answer(_json(await self._operations.resume(self._person(request), wanted)))

    async def _reload(self, request: web.Request) -> web.Response:
        return answer(_json(await self._operations.reload(self._person(request))))

    async def _run_job(self, request: web.Request) -> web.Response:
        return answer(_json(await self._operations.run_job(request.match_info["name"])))

    async def _incident(self, request: web.Request) -> web.Response:
        wanted = from_json(IncidentRequest, await read_json(request))
        wanted = replace(wanted, text=one_line("text", wanted.text))
        return answer(_json(await self._operations.incident(self._person(request), wanted)))

    async def _expect(self, request: web.Request) -> web.Response:
        wanted = from_json(ExpectRequest, await read_json(request))
        wanted = replace(wanted, reason=one_line("reason", wanted.reason))
        return answer(_json(await self._operations.expect(self._person(request), wanted)))

    async def _simulate(self, request: web.Request) -> web.Response:
        wanted = from_json(SimulateRequest, await read_json(request))
        return answer(_json(await self._operations.simulate(wanted)))

    async def _note(self, request: web.Request) -> web.Response:
        wanted = from_json(NoteRequest, await read_json(request))
        await self._operations.note(self._person(request), one_line("text", wanted.text))
        return answer(b'{"noted":true}')

    async def _procedure(self, request: web.Request) -> web.Response:
        wanted = from_json(ProcedureRequest, await read_json(request))
        wanted = replace(wanted, text=one_line("text", wanted.text))
        return answer(_json(await self._operations.procedure(self._person(request), wanted)))

    async def _test_channels(self, request: web.Request) -> web.Response:
        wanted = from_json(ChannelName, await read_json(request))
        return answer(_json(await self._operations.test_channels(self._person(request), wanted.channel)))

    async def _allowances(self, _: web.Request) -> web.Response:
        return answer(_json(await self._operations.allowances()))

    async def _revoke(self, request: web.Request) -> web.Response:
        wanted = from_json(RevokeRequest, await read_json(request))
        wanted = replace(wanted, asset=one_line("asset", wanted.asset))
        return answer(_json(await self._operations.revoke(self._person(request), wanted)), status=202)

    async def _signals(self, request: web.Request) -> web.Response:
        for name in request.query.keys() - {"limit"}:
            raise WireError(name, msg("is not known here"))
        limit = _number("limit", request.query.get("limit", "50"), 1, MOST_SIGNALS)
        found = await self._operations.signals(limit)
        return answer(await rendered(_json, found))

    async def _signal(self, request: web.Request) -> web.Response:
        """An operator's own decision, made now; their name stands before its reason."""
        data = await read_numbers(request)
        person, now_ms = self._person(request), round(time.time() * 1_000)
        wanted = decision_of(data, Source.OPERATOR, now_ms)
        reason = f"{person.name}: {wanted.reason}"[:MAX_REASON]
        return answer(_json(await self._operations.signal(replace(wanted, reason=reason))), status=202)

    async def _doctor(self, _: web.Request) -> web.Response:
        return answer(await rendered(_json, await self._operations.examine()))

    async def _queue(self, _: web.Request) -> web.Response:
        return answer(await rendered(_json, self._operations.queue()))


def _json(record: object) -> bytes:
    return encoded(to_json(record))


def event_filter(query: MultiMapping[str]) -> EventFilter:
    """The filter that a query asks for. Raises WireError, which names the parameter.

    kind: may be given several times. level: a level's name. since, until: wall milliseconds. after: a sequence
    number. limit: 1 to 1,000. newest: 1 for the newest first, else 0.
    """
    for name in query:
        if name not in _FILTERS:
            raise WireError(name, msg("is not known here"))
    plain = EventFilter()
    since, until = query.get("since"), query.get("until")
    return EventFilter(
        kinds=tuple(query.getall("kind", [])),
        min_level=_level(query.get("level", plain.min_level.label)),
        since_ms=None if since is None else _number("since", since, 0, _MOST),
        until_ms=None if until is None else _number("until", until, 0, _MOST),
        after_seq=_number("after", query.get("after", "0"), 0, _MOST),
        limit=_number("limit", query.get("limit", str(plain.limit)), 1, MOST_EVENTS),
        newest_first=bool(_number("newest", query.get("newest", "0"), 0, 1)),
    )


def _number(name: str, text: str, least: int, most: int) -> int:
    number = int(text) if _DIGITS.fullmatch(text) else None
    if number is None or not least <= number <= most:
        raise WireError(name, msg("must be a whole number from {least} to {most}", least=least, most=most))
    return number


def _level(text: str) -> Level:
    for level in Level:
        if level.label == text:
            return level
    raise WireError("level", msg("must be one of {names}", names=", ".join(one.label for one in Level)))


def _give(path: Path, group: str) -> None:
    """See that the socket belongs to the group. Under the unit it does already, and may not be given away."""
    if group and path.lstat().st_gid != grp.getgrnam(group).gr_gid:
        shutil.chown(path, group=group)


def _clear(path: Path) -> None:
    """Make room for the socket. Raises Transient where something else answers or stands there."""
    try:
        standing = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(standing.st_mode):
        raise Transient(
            msg("{path} is in the place of the control socket and is none; move it away.", path=str(path))
        )
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(LIVE_WAIT_S)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()  # left behind by a process that was killed
            return
    raise Transient(msg("Another process answers at the control socket {path}; end it first.", path=str(path)))


def _let_in(_: web.Request) -> None:
    """Who may connect is decided by the socket's mode."""
