"""`ultrad backup now | list | verify | restore`."""

import os
from collections.abc import Mapping
from pathlib import Path

from ultrad.cli.screen import BAD, DIM, GOOD, Cell, Section, View
from ultrad.cli.session import Session
from ultrad.control_client import Unreachable
from ultrad.core.backup_runs import (
    BackupRun,
    DrillRun,
    Listed,
    Listing,
    brought_sentence,
    drill_sentence,
)
from ultrad.core.events import Json
from ultrad.core.wire import from_json, to_json
from ultrad.errors import EXIT_FAILED, Permanent
from ultrad.i18n import msg

CREDENTIALS_VARIABLE = "CREDENTIALS_DIRECTORY"
CREDENTIALS = Path("/etc/ultrad/credentials")
"""Where the service's plain secrets come from: a restore on a new machine reads them without the service."""
LONG_S = 6 * 3_600.0
LIST_S = 600.0
MAX_IDENTITY_BYTES = 10_000
_JOB = "backup_daily"


def now(session: Session) -> int:
    """Make one: through the daemon, so that it is recorded; by a worker alone where the daemon is down."""
    screen = session.screen
    try:
        line = session.client().run_job(_JOB)
    except Unreachable as error:
        screen.complain(error.message, msg("So it is made without the daemon, and not recorded in the journal."))
        return _made(session, from_json(BackupRun, _ask(session, "backup", {}, LONG_S)))
    if line.last_ok:
        screen.say(line.last_message or "")
        return 0
    screen.complain(line.last_message or "", msg("See backup_daily.log."))
    return EXIT_FAILED


def _made(session: Session, run: BackupRun) -> int:
    screen = session.screen
    if not run.look.configured:
        screen.complain(msg("No [backup] target is configured: nothing is backed up."))
        return EXIT_FAILED
    for one in run.brought:
        if one.kept:
            screen.say(brought_sentence(one))
        if one.error is not None:
            screen.complain(msg("{target}: {why}", target=one.target, why=one.error))
    for missing in run.missing:
        screen.complain(missing)
    return EXIT_FAILED if any(one.error is not None for one in run.brought) else 0


def listed(session: Session) -> int:
    """All backups, the newest last; 0 where every target could be looked at."""
    screen, found = session.screen, from_json(Listing, _ask(session, "backup_list", {}, LIST_S))
    if session.args.json:
        screen.json({"backups": to_json(found.backups), "errors": [screen.text(one) for one in found.errors]})
    elif found.backups:
        head = (
            msg("Target"),
            msg("Made"),
            msg("State"),
            msg("Size"),
            msg("Events"),
            msg("Notion rows"),
            msg("Name"),
        )
        rows = tuple(_row(session, one) for one in found.backups)
        screen.show(View((), "", (Section(msg("Backups"), head, rows),)))
    elif not found.errors:
        screen.say(msg("There is no backup."))
    if not session.args.json:
        screen.complain(*found.errors)
    return EXIT_FAILED if found.errors else 0


def _row(session: Session, one: Listed) -> tuple[Cell, ...]:
    state = Cell(msg("NOT GOOD"), BAD)
    if one.good:
        state = Cell(msg("good, in part"), GOOD) if one.missing else Cell(msg("good"), GOOD)
    return (
        Cell(one.target),
        Cell(session.screen.when(one.at_ms)),
        state,
        Cell(f"{one.bytes / 1_000_000:.1f} MB"),
        Cell(str(one.events) if one.good else "–"),
        Cell("–" if one.rows is None else str(one.rows)),
        Cell(one.name, DIM),
    )


def verify(session: Session) -> int:
    """Restore one into a scratch place; 0 where it is whole."""
    args, screen = session.args, session.screen
    arguments: dict[str, Json] = {"target": args.target, "name": args.name}
    found = from_json(DrillRun, _ask(session, "restore_drill", arguments, LONG_S))
    if not found.configured:
        screen.complain(msg("No [backup] target is configured: nothing is backed up."))
        return EXIT_FAILED
    for one in found.drilled:
        (screen.say if one.error is None else screen.complain)(drill_sentence(one))
    return EXIT_FAILED if any(one.error is not None for one in found.drilled) else 0


def restore(session: Session) -> int:
    """Restore into a directory, in this process: it writes where the worker may not."""
    from ultrad import restores  # noqa: PLC0415 - only here
    from ultrad.config import vaults  # noqa: PLC0415

    args, screen = session.args, session.screen
    identity = _identity(args.identity) if args.identity else None
    wanted = restores.Wanted(args.to, args.target, args.name, identity)
    done = restores.restore(vaults(session.place.config, _environ(session)), wanted, screen.complain)
    screen.say(
        msg(
            "Restored into {to}: {name} from {target}, made {at}: {events} events, {readings} readings, Notion "
            "rows: {rows}. The chain is whole ({elapsed} ms).",
            to=done.to,
            name=done.name,
            target=done.target,
            at=screen.when(done.at_ms),
            events=done.events,
            readings=done.readings,
            rows="–" if done.rows is None else done.rows,
            elapsed=done.elapsed_ms,
        ),
        msg('How to put it in place: the runbook, "Restore". A daemon that starts on it starts with the stop ON.'),
    )
    screen.complain(*done.missing)
    return 0


def _identity(path: Path) -> str:
    """The one identity in a file as age-keygen writes it: comments, and a line."""
    try:
        with path.open(encoding="ascii", errors="replace") as file:
            lines = file.read(MAX_IDENTITY_BYTES).splitlines()
    except OSError as error:
        raise Permanent(
            msg("{path} cannot be read: {reason}.", path=str(path), reason=error.strerror or "")
        ) from error
    found = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    if len(found) != 1:
        raise Permanent(msg("{path} must hold one age identity, on a line of its own.", path=str(path)))
    return found[0]


def _ask(session: Session, work: str, arguments: Mapping[str, Json], limit_s: float) -> Mapping[str, Json]:
    from ultrad.worker import Desk  # noqa: PLC0415 - only here

    place = session.place
    return Desk(place.config, place.paths.aside, _environ(session)).ask(
        work, arguments, limit_s, session.screen.complain
    )


def _environ(session: Session) -> Mapping[str, str]:
    """With the service's plain secrets, where this user may read them."""
    if CREDENTIALS_VARIABLE in session.environ or not os.access(CREDENTIALS, os.R_OK | os.X_OK):
        return session.environ
    return {**session.environ, CREDENTIALS_VARIABLE: str(CREDENTIALS)}
