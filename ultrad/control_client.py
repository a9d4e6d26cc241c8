"""The commands' side of the control socket: HTTP over a Unix socket, with nothing but the standard library."""

import errno
import http.client
import json
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote, urlencode

from ultrad import __version__
from ultrad.core.events import Recorded
from ultrad.core.messages import message_from_json
from ultrad.core.sights import Sight
from ultrad.core.status import ExpectedLine, IncidentLine, JobLine, Status
from ultrad.core.trade_status import IntentLine
from ultrad.core.whatif import Supposed
from ultrad.core.wire import WireError, from_json, to_json
from ultrad.errors import Fatal, Permanent, Transient, UltradError
from ultrad.i18n import Message, msg
from ultrad.operations import (
    AllowancesAnswer,
    ChannelName,
    ChannelTest,
    ExpectRequest,
    IncidentRequest,
    NoteRequest,
    ProcedureAnswer,
    ProcedureRequest,
    QueueLine,
    ReloadAnswer,
    ResumeAnswer,
    ResumeRequest,
    RevokeRequest,
    SignalAnswer,
    SimulateRequest,
)
from ultrad.ports import EventFilter

ANSWER_S = 10.0
"""A healthy daemon answers within milliseconds."""
STOP_S = 7.0
"""A trip may wait 5 s for the flag's disk. Whoever asked then makes the flag alone, and must not wait for long."""
RESUME_S = 60.0
"""A resume waits for the journal's disk, and for a look at the flag under way."""
RELOAD_S = 30.0
"""A reload waits for the disk of the file, and for that of the journal."""
DOCTOR_S = 90.0
"""Longer than its probes and checks may take together, one look before ours included."""
JOB_S = 3_700.0
"""Longer than the longest job may take by its default time-out; who waits may break off, the job goes on."""
MAX_ANSWER_BYTES = 32 * 1024 * 1024
"""A status of 1000 positions has about one."""

_T = TypeVar("_T")


EXIT_UNREACHABLE = 3
"""What a command ends with that cannot reach the daemon."""


class Unreachable(Fatal):
    """Nobody answers at the control socket, or not to this user."""

    def __init__(self, message: Message) -> None:
        """Every command that needs the daemon ends with the same exit code."""
        super().__init__(message, EXIT_UNREACHABLE)


class Client:
    """Asks one daemon. Every method raises Unreachable, and what the daemon refuses as Transient or Permanent."""

    def __init__(self, path: Path) -> None:
        """Nothing is opened yet: each question has a connection of its own."""
        self.path = path

    def status(self) -> Status:
        """Everything there is to see, now."""
        return _decoded(Status, self._ask("GET", "/status"))

    def events(self, which: EventFilter) -> tuple[Recorded, ...]:
        """Events of the journal."""
        asked = [
            *(("kind", kind) for kind in which.kinds),
            ("level", which.min_level.label),
            *((("since", str(which.since_ms)),) if which.since_ms is not None else ()),
            *((("until", str(which.until_ms)),) if which.until_ms is not None else ()),
            ("after", str(which.after_seq)),
            ("limit", str(which.limit)),
            ("newest", "1" if which.newest_first else "0"),
        ]
        return _decoded(tuple[Recorded, ...], self._ask("GET", f"/events?{urlencode(asked)}"))

    def stop(self, reason: str) -> None:
        """Trip the emergency stop."""
        self._ask("POST", "/estop", {"reason": reason}, STOP_S)

    def resume(self, request: ResumeRequest) -> ResumeAnswer:
        """Go through the checklist and lift the stop where it passes."""
        return _decoded(ResumeAnswer, self._ask("POST", "/resume", to_json(request), RESUME_S))

    def reload(self) -> ReloadAnswer:
        """Have the daemon read its configuration again."""
        return _decoded(ReloadAnswer, self._ask("POST", "/reload", {}, RELOAD_S))

    def run_job(self, name: str) -> JobLine:
        """Run a job now, and wait for its end."""
        return _decoded(JobLine, self._ask("POST", f"/jobs/{quote(name, safe='')}/run", {}, JOB_S))

    def incident(self, request: IncidentRequest) -> IncidentLine:
        """Open an incident, take it on, leave a note, or resolve it."""
        return _decoded(IncidentLine, self._ask("POST", "/incident", to_json(request), RESUME_S))

    def expect(self, request: ExpectRequest) -> ExpectedLine:
        """Announce one manual act on the account."""
        return _decoded(ExpectedLine, self._ask("POST", "/expect", to_json(request), RESUME_S))

    def simulate(self, request: SimulateRequest) -> tuple[Supposed, ...]:
        """What other prices and rates would make of the positions."""
        return _decoded(tuple[Supposed, ...], self._ask("POST", "/simulate", to_json(request), RESUME_S))

    def note(self, text: str) -> None:
        """Leave a word for the others."""
        self._ask("POST", "/note", to_json(NoteRequest(text)), RESUME_S)

    def procedure(self, request: ProcedureRequest) -> ProcedureAnswer:
        """Begin, answer, end or show a checklist."""
        return _decoded(ProcedureAnswer, self._ask("POST", "/procedure", to_json(request), RESUME_S))

    def test_channels(self, name: str) -> tuple[ChannelTest, ...]:
        """Send a test to one channel, or to all of them."""
        asked = to_json(ChannelName(name))
        return _decoded(tuple[ChannelTest, ...], self._ask("POST", "/notify/test", asked, RESUME_S))

    def queue(self) -> tuple[QueueLine, ...]:
        """The notices that no channel has taken yet."""
        return _decoded(tuple[QueueLine, ...], self._ask("GET", "/notify/queue"))

    def examine(self) -> tuple[Sight, ...]:
        """Have it look at everything now."""
        return _decoded(tuple[Sight, ...], self._ask("POST", "/doctor", {}, DOCTOR_S))

    def signal(self, decision: Mapping[str, object]) -> SignalAnswer:
        """Hand in a decision: id, action, confidence, reason."""
        return _decoded(SignalAnswer, self._ask("POST", "/signals", decision, RESUME_S))

    def signals(self, limit: int) -> tuple[IntentLine, ...]:
        """The newest signals, and what became of each."""
        return _decoded(tuple[IntentLine, ...], self._ask("GET", f"/signals?limit={limit}"))

    def allowances(self) -> AllowancesAnswer:
        """What others may take of the account's tokens."""
        return _decoded(AllowancesAnswer, self._ask("GET", "/allowances", limit_s=RESUME_S))

    def revoke(self, request: RevokeRequest) -> tuple[SignalAnswer, ...]:
        """Take allowances back."""
        answered = self._ask("POST", "/allowances/revoke", to_json(request), RESUME_S)
        return _decoded(tuple[SignalAnswer, ...], answered)

    def _ask(self, method: str, target: str, body: object = None, limit_s: float = ANSWER_S) -> object:
        connection = _UnixConnection(self.path, limit_s)
        content = None if body is None else json.dumps(body).encode()
        headers = {} if content is None else {"Content-Type": "application/json"}
        try:
            connection.request(method, target, body=content, headers=headers)
            answer = connection.getresponse()
            answered = answer.read(MAX_ANSWER_BYTES + 1)
            if answer.length and len(answered) <= MAX_ANSWER_BYTES:  # what is left of the length announced
                raise http.client.IncompleteRead(answered, answer.length)
        except TimeoutError as error:
            raise Unreachable(_silent(self.path, limit_s)) from error
        except OSError as error:
            raise Unreachable(_unreachable(self.path, error)) from error
        except http.client.HTTPException as error:
            raise Unreachable(_no_daemon(self.path)) from error
        finally:
            connection.close()
        if len(answered) > MAX_ANSWER_BYTES:
            raise Permanent(msg("The daemon's answer is longer than {limit} bytes.", limit=MAX_ANSWER_BYTES))
        try:
            data = json.loads(answered) if answered else None
        except (ValueError, RecursionError) as error:
            raise Unreachable(_no_daemon(self.path)) from error
        if answer.status // 100 != 2:  # noqa: PLR2004 - 2xx is success (RFC 9110, 15)
            raise _refusal(answer.status, data)
        return data


class _UnixConnection(http.client.HTTPConnection):
    """An HTTP connection to a socket file."""

    def __init__(self, path: Path, limit_s: float) -> None:
        super().__init__("localhost", timeout=limit_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(os.fspath(self._path))


def _decoded(cls: type[_T], data: object) -> _T:
    try:
        return from_json(cls, data)
    except WireError as error:
        raise Permanent(
            msg(
                "The daemon answers in a form that this command (version {version}) does not know ({where}). They "
                "are of different versions: restart the daemon, or use its own command.",
                version=__version__,
                where=error.message,
            )
        ) from error


def _refusal(status: int, data: object) -> UltradError:
    """The daemon's refusal as what it says it is."""
    match data:
        case {"error": {"message": said, **rest}, "kind": kind}:
            try:
                message = message_from_json(said)
            except ValueError:
                message = msg("The daemon refused ({status}).", status=status)
            if field := rest.get("field"):
                message = msg("{field}: {problem}", field=str(field), problem=message)
            return Transient(message) if kind == "transient" else Permanent(message)
        case _:
            return Permanent(msg("The daemon refused ({status}).", status=status))


# ---------------------------------------------------------------- why it cannot be reached


def _unreachable(path: Path, error: OSError) -> Message:
    if error.errno in {errno.EACCES, errno.EPERM}:
        return msg(
            "You may not use the control socket {path}. Members of the group ultrad may: `sudo usermod -aG ultrad "
            "NAME`, then log in again.",
            path=str(path),
        )
    if isinstance(error, ConnectionError) or error.errno in {errno.ENOENT, errno.ENOTDIR}:
        return msg(
            "The daemon is not running: nobody answers at {path}. Look: `systemctl status ultrad`, `journalctl -u "
            "ultrad`. Start it: `systemctl start ultrad`.",
            path=str(path),
        )
    return msg(
        "The daemon cannot be reached at {path}: {reason}. Look: `systemctl status ultrad`.",
        path=str(path),
        reason=error.strerror or type(error).__name__,
    )


def _silent(path: Path, limit_s: float) -> Message:
    return msg(
        "The daemon did not answer at {path} within {seconds} s. Look: `systemctl status ultrad`, `journalctl -u "
        "ultrad`.",
        path=str(path),
        seconds=round(limit_s),
    )


def _no_daemon(path: Path) -> Message:
    return msg("What answers at {path} is no ultrad. Look which program has the socket open.", path=str(path))
