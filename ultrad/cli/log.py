"""`ultrad log`: from the daemon, or from the journal's file where the daemon is down."""

import re
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from ultrad.cli.parser import MAX_LOG_ROWS
from ultrad.cli.screen import View
from ultrad.cli.session import Session
from ultrad.cli.view import events_section
from ultrad.control_client import Client, Unreachable
from ultrad.core.events import Json, Level, Recorded
from ultrad.errors import EXIT_USAGE, Permanent
from ultrad.i18n import msg
from ultrad.ports import EventFilter

POLL_S = 1.0
_AGO = re.compile(r"([0-9]{1,6})([smhd])")
_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def log(session: Session) -> int:
    """Print events, oldest first."""
    args, screen = session.args, session.screen
    try:
        which = _filter(session, round(time.time() * 1_000))
    except Permanent as error:
        screen.complain(error.message)
        return EXIT_USAGE
    client = session.client()
    try:
        head = client.status().journal.seq if args.follow else 0
        found = client.events(which)
    except Unreachable as error:
        if args.follow:
            raise
        screen.complain(error.message, msg("What follows is from the journal's file."))
        found = _from_file(session, which)
    _show(session, tuple(reversed(found)))
    if args.follow:
        return follow(session, client, replace(which, after_seq=max(head, *(one.seq for one in found), 0)))
    return 0


def _from_file(session: Session, which: EventFilter) -> tuple[Recorded, ...]:
    from ultrad import offline  # noqa: PLC0415 - only where the daemon does not answer

    return offline.events(session.place.paths, which)


def follow(
    session: Session, client: Client, which: EventFilter, pause: Callable[[float], None] = time.sleep
) -> int:
    """Print what is recorded from here on, until Ctrl-C, through restarts of the daemon."""
    which = replace(which, newest_first=False, limit=MAX_LOG_ROWS)
    away = False
    try:
        while True:
            try:
                found = client.events(which)
                away = False
            except Unreachable as error:
                found = ()
                if not away:
                    session.screen.complain(error.message, msg("Waiting for the daemon to come back."))
                away = True
            _show(session, found)
            which = replace(which, after_seq=max((one.seq for one in found), default=which.after_seq))
            pause(POLL_S)
    except KeyboardInterrupt:
        return 0


def _show(session: Session, events: tuple[Recorded, ...]) -> None:
    screen = session.screen
    if session.args.json:
        for one in events:
            screen.json(_json(one, screen.zone))
        return
    if events and screen.is_terminal and not session.args.follow:
        screen.show(View((), "", (events_section(events, screen.when, msg("Events")),)))
        return
    for one in events:
        event = one.event
        message = screen.text(event.message).replace("\n", " ")
        screen.say(f"{screen.when(event.now.wall_ms)}  {event.level.label:9}  {event.kind}  {message}")
    screen.out.flush()


def _json(one: Recorded, zone: ZoneInfo) -> Json:
    """The same in every language: the message in English, and as its template with its figures."""
    event = one.event
    return {
        "seq": one.seq,
        "time": datetime.fromtimestamp(event.now.wall_ms / 1_000, zone).isoformat(timespec="milliseconds"),
        "wall_ms": event.now.wall_ms,
        "steady_ms": event.now.steady_ms,
        "level": event.level.label,
        "kind": event.kind,
        "message": str(event.message),
        "key": event.key,
        "data": dict(event.data),
        "hash": one.hash,
    }


# ---------------------------------------------------------------- what was asked


def _filter(session: Session, now_ms: int) -> EventFilter:
    """The filter that the options ask for. Raises Permanent for one that cannot be meant."""
    args, zone = session.args, session.place.zone
    if not 1 <= args.limit <= MAX_LOG_ROWS:
        raise Permanent(msg("--limit {given}: give 1 to {most}.", given=args.limit, most=MAX_LOG_ROWS))
    return EventFilter(
        kinds=tuple(args.kind),
        min_level=Level[args.level.upper()],
        since_ms=time_of(args.since, zone, now_ms),
        until_ms=time_of(args.until, zone, now_ms),
        limit=args.limit,
        newest_first=True,
    )


def time_of(given: str | None, zone: ZoneInfo, now_ms: int) -> int | None:
    """Wall milliseconds: so long ago, or a date and time in the operators' zone unless it names another."""
    if given is None:
        return None
    if ago := _AGO.fullmatch(given):
        return now_ms - int(ago[1]) * _MS[ago[2]]
    try:
        at = datetime.fromisoformat(given)
    except ValueError:
        raise Permanent(
            msg(
                "{given} is no time. Write 2026-11-24, 2026-11-24T09:30, or how long ago: 90s, 30m, 2h, 7d.",
                given=given,
            )
        ) from None
    at = at if at.tzinfo else at.replace(tzinfo=zone)
    return round(at.astimezone(UTC).timestamp() * 1_000)
