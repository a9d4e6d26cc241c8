"""Work aside: by a worker that systemd starts for a connection, or by a child where there is no such socket.

systemd gives each worker a control group of its own, apart from the daemon's. A child is for where the daemon runs
by hand. Either way its input ends when nobody waits for it any more, and it ends with that.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE

import anyio
from anyio.abc import ByteStream
from anyio.streams.buffered import BufferedByteReceiveStream
from anyio.streams.stapled import StapledByteStream

from ultrad.core.asides import MAX_LINE_BYTES, Done, Progress, Refused, Request, answer_of, request_line
from ultrad.core.events import Json
from ultrad.errors import Permanent, Transient
from ultrad.i18n import Message, msg

_DAEMONS_OWN = frozenset({"NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC"})
"""What a child must not speak to the service manager by."""


@dataclass(frozen=True, slots=True)
class WorkAside:
    """Implements `Aside`. socket: where systemd listens for workers; command: a worker as a child."""

    socket: Path
    command: Sequence[str]
    config: Path
    environ: Mapping[str, str]

    async def run(
        self,
        work: str,
        arguments: Mapping[str, Json],
        timeout_s: float,
        told: Callable[[Message], None] = lambda _: None,
    ) -> Mapping[str, Json]:
        """Do it. Raises Transient, Permanent."""
        request = Request(work, arguments, str(self.config))
        try:
            with anyio.fail_after(timeout_s):
                async with self._worker() as stream:
                    return await _ask(stream, request, told)
        except TimeoutError:
            raise Transient(
                msg("{work} was not done within {limit} s, and was given up.", work=work, limit=round(timeout_s))
            ) from None

    @asynccontextmanager
    async def _worker(self) -> AsyncIterator[ByteStream]:
        try:
            connection = await anyio.connect_unix(self.socket)
        except FileNotFoundError:
            async with self._child() as stream:
                yield stream
            return
        except OSError as error:
            raise Transient(
                msg(
                    "No worker can be had at {path}: {reason}. Look: systemctl status ultrad-aside.socket",
                    path=str(self.socket),
                    reason=error.strerror or type(error).__name__,
                )
            ) from error
        async with connection:
            yield connection

    @asynccontextmanager
    async def _child(self) -> AsyncIterator[ByteStream]:
        environ = {name: value for name, value in self.environ.items() if name not in _DAEMONS_OWN}
        try:
            process = await anyio.open_process(
                self.command, stdin=PIPE, stdout=PIPE, stderr=None, env=environ, start_new_session=True
            )
        except OSError as error:
            raise Transient(
                msg("No worker can be started: {reason}.", reason=error.strerror or type(error).__name__)
            ) from error
        try:
            if process.stdin is None or process.stdout is None:
                raise ValueError("a child without pipes")
            yield StapledByteStream(process.stdin, process.stdout)
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            with anyio.CancelScope(shield=True):  # a killed child is gone in a moment, and must not stay a zombie
                await process.aclose()


async def _ask(stream: ByteStream, request: Request, told: Callable[[Message], None]) -> Mapping[str, Json]:
    """Say what is to be done, and hear how it goes."""
    lines = BufferedByteReceiveStream(stream)
    try:
        await stream.send(request_line(request))
        while True:
            answer = answer_of(await lines.receive_until(b"\n", MAX_LINE_BYTES))
            match answer:
                case Progress():
                    told(answer.message)
                case Done():
                    return answer.result
                case Refused():
                    raise (Transient if answer.transient else Permanent)(answer.message)
    except (anyio.EndOfStream, anyio.IncompleteRead, anyio.BrokenResourceError):
        raise Transient(
            msg(
                "{work} ended without an answer: its process died. Its last words stand in the log "
                "(journalctl -t ultrad-aside).",
                work=request.work,
            )
        ) from None
    except (ValueError, anyio.DelimiterNotFound) as error:
        raise Transient(msg("{work} gave an answer that is none.", work=request.work)) from error
