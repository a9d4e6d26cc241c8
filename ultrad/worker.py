"""A worker: does one heavy work in a process of its own, and ends. Its other side is `ultrad.adapters.aside`.

A composition root beside ultrad.app. Only what is in WORKS is ever done.
"""

import os
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import anyio

from ultrad import __version__, backups, restores
from ultrad.adapters.aside import CHILD, WorkAside
from ultrad.config import vaults
from ultrad.core.asides import MAX_LINE_BYTES, Answer, Done, Progress, Refused, Request, answer_line, request_of
from ultrad.core.events import Json
from ultrad.core.wire import to_json
from ultrad.errors import EXIT_FAILED, Permanent, Transient, UltradError
from ultrad.i18n import Message, msg

_LOOK_BYTES = 4_096


@dataclass(frozen=True, slots=True)
class Workplace:
    """What a work is given besides its arguments. config: the configuration's file; told: hears the progress."""

    config: Path
    environ: Mapping[str, str]
    told: Callable[[Message], None]


Work = Callable[[Workplace, Mapping[str, Json]], Mapping[str, Json]]
"""Blocking. Raises Transient and Permanent."""


def about(_: Workplace, __: Mapping[str, Json]) -> Mapping[str, Json]:
    """Which worker this is, and where it runs."""
    return {"version": __version__, "pid": os.getpid(), "cgroup": Path("/proc/self/cgroup").read_text("ascii")}


def backup(place: Workplace, _: Mapping[str, Json]) -> Mapping[str, Json]:
    """Make a backup: a BackupRun."""
    return _json(backups.make(vaults(place.config, place.environ), backups.now_ms(), place.told))


def backup_look(place: Workplace, _: Mapping[str, Json]) -> Mapping[str, Json]:
    """Look at the targets: a Look."""
    return _json(backups.look(vaults(place.config, place.environ)))


def backup_list(place: Workplace, _: Mapping[str, Json]) -> Mapping[str, Json]:
    """All backups: a Listing."""
    return _json(backups.listing(vaults(place.config, place.environ)))


def restore_drill(place: Workplace, arguments: Mapping[str, Json]) -> Mapping[str, Json]:
    """Restore the newest backup of each target, or the one that is named, into a scratch place: a DrillRun."""
    target, name = (str(arguments.get(key) or "") for key in ("target", "name"))
    return _json(restores.drill(vaults(place.config, place.environ), place.told, target, name))


def _json(result: object) -> Mapping[str, Json]:
    found = to_json(result)
    if not isinstance(found, dict):
        raise TypeError("a result that is no record")
    return found


def report(place: Workplace, arguments: Mapping[str, Json]) -> Mapping[str, Json]:
    """Make a report with its files."""
    from ultrad import reporting  # noqa: PLC0415 - each work imports what it needs

    return reporting.work(place.config, arguments)


WORKS: Mapping[str, Work] = {
    one.__name__: one for one in (about, backup, backup_look, backup_list, restore_drill, report)
}
"""The works there are."""


def serve(works: Mapping[str, Work], environ: Mapping[str, str]) -> int:
    """Do what standard input asks for, once; answers the exit code.

    0 also where the answer is a refusal. An error that is no UltradError ends the process with its traceback: who
    waits hears that it died.
    """
    # What a library prints must not stand among the answers.
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    line = sys.stdin.buffer.readline(MAX_LINE_BYTES)
    if not line:
        return EXIT_FAILED  # nobody wanted anything after all
    threading.Thread(target=_end_with_input, daemon=True).start()
    _say(answers, _answer(line, works, environ, lambda told: _say(answers, Progress(told))))
    return 0


@dataclass(frozen=True, slots=True)
class Desk:
    """Where a command has its work done. socket: systemd's; where it is not there, a child does it."""

    config: Path
    socket: Path
    environ: Mapping[str, str]

    def ask(
        self, work: str, arguments: Mapping[str, Json], timeout_s: float, told: Callable[[Message], None]
    ) -> Mapping[str, Json]:
        """Have it done, and wait. Raises Transient and Permanent."""
        aside = WorkAside(self.socket, CHILD, self.config, self.environ)
        return anyio.run(aside.run, work, arguments, timeout_s, told)


def _answer(
    line: bytes, works: Mapping[str, Work], environ: Mapping[str, str], told: Callable[[Message], None]
) -> Answer:
    try:
        request = request_of(line)
    except ValueError:
        return Refused(msg("What the worker was asked for is no request."), transient=False)
    try:
        return Done(_work(request, works)(Workplace(Path(request.config), environ, told), request.arguments))
    except UltradError as error:
        return Refused(error.message, isinstance(error, Transient))


def _work(request: Request, works: Mapping[str, Work]) -> Work:
    if request.work not in works:
        raise Permanent(
            msg(
                "There is no work {work} in version {version}: restart the daemon after an update.",
                work=request.work,
                version=__version__,
            )
        )
    return works[request.work]


def _say(answers: BinaryIO, answer: Answer) -> None:
    left = memoryview(answer_line(answer))
    while left:
        left = left[answers.write(left) :]


def _end_with_input() -> None:
    """Wait for the end of the input: nobody waits for the result any more. Whatever is under way ends hard."""
    # Not by sys.stdin: a thread that waits within its buffer keeps the interpreter from ending.
    while os.read(0, _LOOK_BYTES):
        pass
    os._exit(EXIT_FAILED)
