"""What commands do without the daemon: prepare its directories, look at them, read its journal, stop by the flag.

A composition root beside ultrad.app: it knows adapters.
"""

import grp
import json
import os
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import anyio

from ultrad import __version__
from ultrad.adapters import denied, marker
from ultrad.adapters.flag import FlagFile
from ultrad.adapters.host import HostClock
from ultrad.adapters.journal import Verification, create, open_journal, open_reader
from ultrad.adapters.journal import verify as verify_journal
from ultrad.adapters.lock import take_lock
from ultrad.core.estop import BY_ULTRAD, Cause, trip_event
from ultrad.core.events import Event, Level, Recorded, Severity
from ultrad.errors import EXIT_CONFIG, Fatal, Permanent, Transient
from ultrad.i18n import Message, msg
from ultrad.paths import Paths
from ultrad.ports import Denied, EventFilter, FlagLook, FlagState
from ultrad.units import Now

GROUP = "ultrad"
"""Whose members may stop and use the control socket."""
STATE_MODE = 0o710
"""The group may pass through to the flag, and do nothing else here."""
FLAG_DIRECTORY_MODE = 0o2770
"""The group may stop; setgid, so that each flag belongs to the group, whoever makes it."""
PRIVATE_MODE = 0o600
_THIN_AFTER_HOURS = 24
"""Not used: nothing is thinned in the moment that the journal is open here."""


# ---------------------------------------------------------------- the flag


def look_at_flag(paths: Paths) -> FlagLook:
    """What the flag says by itself."""
    return FlagFile(paths.flag).look()


def raise_flag(paths: Paths, by: str, reason: str) -> None:
    """Stop by the flag alone, durably: it counts from that moment, also for a daemon that does not answer.

    Raises Transient where the flag cannot be written.
    """
    # Not JSON: the daemon takes whoever owns the file for who stopped, which nobody can write differently.
    anyio.run(FlagFile(paths.flag).write, f"{by}: {reason}\n".encode())


# ---------------------------------------------------------------- the journal


def events(paths: Paths, which: EventFilter) -> tuple[Recorded, ...]:
    """Events from the journal's file. Raises UltradError where it cannot be read."""
    with open_reader(paths.journal) as reader:
        return reader.events(which)


def verify(paths: Paths, heads: Sequence[tuple[int, str]]) -> tuple[Verification, Message | None]:
    """Go through the whole journal, holding it against the marker and the heads given.

    Answers also why the marker could not be read, if it could not: then it was held against the heads alone.
    """
    marked, trouble = None, None
    try:
        marked = marker.read(paths.marker)
    except (Transient, Permanent) as error:
        trouble = error.message
    kept = ((marked.seq, marked.hash),) if marked and marked.seq else ()
    found = verify_journal(paths.journal, (*heads, *kept))
    if marked and found.ok and marked.journal_id != found.head.journal_id:
        raise Permanent(
            msg(
                "The journal is sound, but it is another one than before (marker: {was}, journal: {found}). Find "
                "out who exchanged it.",
                was=marked.journal_id[:8],
                found=found.head.journal_id[:8],
            )
        )
    return found, trouble


# ---------------------------------------------------------------- versions


def deny(paths: Paths, version: str, reason: str, by: str) -> None:
    """Have a version start with the stop ON. Raises Transient, Permanent where the file cannot be had."""
    others = tuple(one for one in denied.read(paths.denied) if one.version != version)
    denied.write(paths.denied, (*others, Denied(version, reason, by)))


def allow(paths: Paths, version: str) -> bool:
    """Take that back; False where it was not denied. Raises as `deny`."""
    known = denied.read(paths.denied)
    others = tuple(one for one in known if one.version != version)
    if others != known:
        denied.write(paths.denied, others)
    return others != known


# ---------------------------------------------------------------- init


@dataclass(frozen=True, slots=True)
class Prepared:
    """What `init` made. group: whose members may stop. on: whether the stop is ON now."""

    group: str
    on: bool


def init(paths: Paths, environment: str, runner_uid: int) -> Prepared:
    """Prepare the state directory, once. staging and devnet start with the stop OFF, production with it ON.

    Raises Fatal where it was prepared before or cannot be, or where a daemon runs on it.
    """
    if runner_uid == 0 and environment != "devnet":
        raise Fatal(
            msg(
                "As root this would make files that the daemon cannot use. Run it as the daemon's own user: "
                "sudo -u ultrad ultrad init"
            ),
            EXIT_CONFIG,
        )
    try:
        _make_directory(paths.state, STATE_MODE, None)
        lock = take_lock(paths.lock)
        try:
            return _init_locked(paths, environment)
        finally:
            lock.release()
    except OSError as error:
        raise Fatal(_cannot(error, paths.state), EXIT_CONFIG) from error


def _init_locked(paths: Paths, environment: str) -> Prepared:
    if standing := [path for path in (paths.journal, paths.marker) if os.path.lexists(path)]:
        raise Fatal(
            msg(
                "{path} exists already: this was prepared before, and is never prepared anew over what is there. "
                "To begin from nothing, stop the daemon and move {state} away first; keep it, it is the record.",
                path=str(standing[0]),
                state=str(paths.state),
            ),
            EXIT_CONFIG,
        )
    group = _group(environment)
    os.chown(paths.state, -1, group.gr_gid)
    _make_directory(paths.flag.parent, FLAG_DIRECTORY_MODE, group.gr_gid)
    on = environment == "production"
    create(paths.journal)
    anyio.run(_begin, paths, on)
    return Prepared(group.gr_name, on=look_at_flag(paths).state is not FlagState.ABSENT)


async def _begin(paths: Paths, on: bool) -> None:  # noqa: FBT001 - anyio.run hands over by position
    """The first events, the flag where it has to stand, and last the marker: without it a start is ON."""
    clock = HostClock(paths.clock, None)
    clock.remember()
    now = clock.now()
    cause = _first_cause(now)
    if on:
        await FlagFile(paths.flag).write(json.dumps(cause.json()).encode())
    journal = open_journal(paths.journal, thin_after_hours=_THIN_AFTER_HOURS)
    try:
        await journal.append(
            Event(
                "daemon.init",
                Level.INFO,
                now,
                msg("The state directory was prepared by version {version}.", version=__version__),
                {"version": __version__},
            ),
            *((trip_event(cause, now, flag=True),) if on else ()),
        )
        marker.write(paths.marker, await journal.head(), now.wall_ms)
    finally:
        await journal.close()


def _first_cause(now: Now) -> Cause:
    return Cause(
        "first_start",
        "",
        now,
        BY_ULTRAD,
        msg("Newly installed: the stop stands until the first `ultrad resume`, by two people."),
        severity=Severity.S2,
    )


def _group(environment: str) -> grp.struct_group:
    """The group of those who may stop; on the devnet, or where there is none, the runner's own."""
    if environment != "devnet":
        try:
            return grp.getgrnam(GROUP)
        except KeyError:
            pass
    return grp.getgrgid(os.getegid())


def _make_directory(path: Path, mode: int, gid: int | None) -> None:
    """Make it where it is missing (not its parents: those are the administrator's), and set its mode."""
    path.mkdir(mode=0o700, exist_ok=True)
    if gid is not None:
        os.chown(path, -1, gid)
    path.chmod(mode)


def _cannot(error: OSError, state: Path) -> Message:
    return msg(
        "{path} cannot be prepared: {reason}. Make the directory for the daemon's user first: "
        "sudo install -d -o ultrad -g ultrad -m 0710 {state}",
        path=str(error.filename or state),
        reason=error.strerror or type(error).__name__,
        state=str(state),
    )


# ---------------------------------------------------------------- check


@dataclass(frozen=True, slots=True)
class Seen:
    """One thing looked at on the disk. good: as it should be; None where that cannot be said now."""

    good: bool | None
    message: Message


def look_at_files(paths: Paths, log_dir: Path) -> tuple[Seen, ...]:
    """Whether what `init` made is there and as it was made, as far as this user may look."""
    return (
        _look(paths.state, stat.S_ISDIR, STATE_MODE),
        _look(paths.flag.parent, stat.S_ISDIR, FLAG_DIRECTORY_MODE),
        _look(paths.journal, stat.S_ISREG, PRIVATE_MODE),
        _look(paths.marker, stat.S_ISREG, PRIVATE_MODE),
        _look(log_dir, stat.S_ISDIR, None),
        _look(paths.socket.parent, stat.S_ISDIR, None),
    )


def _look(path: Path, is_kind: Callable[[int], bool], mode: int | None) -> Seen:
    """One file or directory. mode: the widest that is in order."""
    try:
        found = path.lstat()
    except PermissionError:
        return Seen(None, msg("{path} is not yours to look at: run this as the daemon's user.", path=str(path)))
    except OSError as error:
        reason = error.strerror or type(error).__name__
        if mode is None:
            return Seen(
                None, msg("{path}: {reason}. systemd makes it at the start.", path=str(path), reason=reason)
            )
        return Seen(good=False, message=msg("{path}: {reason}. Run `ultrad init`.", path=str(path), reason=reason))
    has = stat.S_IMODE(found.st_mode)
    if not is_kind(found.st_mode):
        return Seen(good=False, message=msg("{path} is not what it should be: move it away.", path=str(path)))
    if mode is not None and (has & ~mode or (has ^ mode) & 0o2070):
        return Seen(
            good=False,
            message=msg(
                "{path} has the mode {has}: chmod {mode} it.", path=str(path), has=f"{has:04o}", mode=f"{mode:04o}"
            ),
        )
    return Seen(good=True, message=msg("{path} is there (mode {has}).", path=str(path), has=f"{has:04o}"))
