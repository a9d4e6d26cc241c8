"""`ultrad doctor`: every check, now, as one table."""

from collections.abc import Mapping

from ultrad import __version__
from ultrad.cli.screen import DIM, GOOD, LEVEL_STYLES, NOTHING, Cell, Section, View, When
from ultrad.cli.session import Session
from ultrad.control_client import Client, Unreachable
from ultrad.core.events import Json, Level, Origin
from ultrad.core.sights import EXIT_CODES, Area, Sight, in_order, worst
from ultrad.core.sights_of_machine import (
    CONFIG_KINDS,
    barred_sight,
    daemon_sight,
    down_sight,
    running_config,
    unanswered_sight,
)
from ultrad.core.wire import to_json
from ultrad.errors import UltradError
from ultrad.i18n import Message, msg
from ultrad.ports import EventFilter

AREAS: Mapping[Area, Message] = {
    Area.SERVICE: msg("service"),
    Area.CONFIG: msg("configuration"),
    Area.FILES: msg("files"),
    Area.STOP: msg("stop"),
    Area.PARTS: msg("parts"),
    Area.JOBS: msg("jobs"),
    Area.PROBES: msg("probes"),
    Area.CHANNELS: msg("channels"),
    Area.ALERTS: msg("alerting"),
    Area.CAPACITY: msg("disk space"),
    Area.CLOCK: msg("clock"),
    Area.BACKUPS: msg("backups"),
    Area.LOGS: msg("logs"),
    Area.FINDINGS: msg("findings"),
    Area.CHANGES: msg("last changes"),
}
CLASSES: Mapping[Origin, Message] = {
    Origin.OUTSIDE: msg("outside"),
    Origin.CODE: msg("code"),
    Origin.INFRASTRUCTURE: msg("infrastructure"),
}
RESULTS: Mapping[Level, Message] = {
    Level.INFO: msg("ok"),
    Level.WARNING: msg("warning"),
    Level.ALERT: msg("alert"),
    Level.CRITICAL: msg("critical"),
    Level.EMERGENCY: msg("emergency"),
}
UNKNOWN = Cell(msg("unknown"), DIM)


def show(session: Session) -> int:
    """Look at everything; the exit code by the worst line."""
    lines = in_order(examine(session))
    level = worst(lines)
    code = EXIT_CODES[level]
    if session.args.json:
        told: dict[str, Json] = {"worst": level.label, "exit": code, "lines": to_json(lines)}
        session.screen.json(told)
    else:
        session.screen.show(view(lines, session.screen.when))
    return code


def examine(session: Session) -> tuple[Sight, ...]:
    """Through the daemon where it runs; else all that can be looked at without it."""
    from ultrad import doctoring  # noqa: PLC0415 - only here

    place, environ = session.place, session.environ
    file = doctoring.read_file(place.config, environ)
    own = (
        *doctoring.machine_sights(file),
        *file.sights,
        *doctoring.file_sights(place.paths, file),
    )
    client = session.client()
    try:
        seen = client.examine()
    except Unreachable as error:
        if isinstance(error.__cause__, PermissionError):
            return (barred_sight(error.message), *own)
        return (down_sight(error.message), *own, *doctoring.alone(place.paths, file, place.config, environ))
    except UltradError as error:
        return (unanswered_sight(error.message), *own)
    return (*_daemon(client, file.fingerprint), *own, *seen)


def _daemon(client: Client, fingerprint: str | None) -> tuple[Sight, ...]:
    try:
        sight = daemon_sight(client.status().version, __version__)
        which = EventFilter(kinds=CONFIG_KINDS, limit=1, newest_first=True)
        against = running_config(client.events(which), fingerprint) if fingerprint else ()
    except UltradError as error:
        return (unanswered_sight(error.message),)
    return (sight, *against)


def view(lines: tuple[Sight, ...], when: When) -> View:
    """How many want attention, then every line."""
    level = worst(lines)
    bad = [one for one in lines if one.level > Level.INFO]
    banner = (
        msg(
            "{count} of {all} lines want attention; the worst: {level}.",
            count=len(bad),
            all=len(lines),
            level=RESULTS[level],
        )
        if bad
        else msg("All {all} lines are fine.", all=len(lines))
    )
    head = (msg("About"), msg("Result"), msg("Class"), msg("Took"), msg("What is so"), msg("What to do"))
    rows = tuple(_row(one, when) for one in lines)
    style = LEVEL_STYLES[level] or GOOD
    return View((Cell(banner, style),), style, (Section(msg("Doctor"), head, rows),))


def _row(one: Sight, when: When) -> tuple[Cell, ...]:
    at_ms = dict(one.figures).get("at_ms")
    said = one.message if at_ms is None else msg("{time}: {what}", time=when(int(at_ms)), what=one.message)
    about = msg("{area} {subject}", area=AREAS[one.area], subject=one.subject) if one.subject else AREAS[one.area]
    result = (
        UNKNOWN
        if not one.known and one.level is Level.INFO
        else Cell(RESULTS[one.level], LEVEL_STYLES[one.level] or GOOD)
    )
    return (
        Cell(about),
        result,
        Cell(CLASSES[one.origin], DIM),
        NOTHING if one.elapsed_ms is None else Cell(f"{one.elapsed_ms} ms", DIM),
        Cell(said),
        NOTHING if one.remedy is None else Cell(one.remedy),
    )
