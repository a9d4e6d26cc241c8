"""`ultrad note` and `ultrad notes`."""

import time

from ultrad.cli import record
from ultrad.cli.log import time_of
from ultrad.cli.session import Session
from ultrad.core.events import Json, Recorded
from ultrad.errors import EXIT_USAGE, Permanent
from ultrad.i18n import msg

NOTE = "note"
DEFAULT_SINCE = "7d"


def note(session: Session) -> int:
    """Leave a word for the others; it stands in the journal, with who said it."""
    session.client().note(session.args.text)
    session.screen.say(msg("Noted. The next person reads it in: ultrad handover"))
    return 0


def listed(session: Session) -> int:
    """The notes, the oldest first; from the journal's file where the daemon is down."""
    args, screen = session.args, session.screen
    try:
        since_ms = time_of(args.since, session.place.zone, round(time.time() * 1_000))
    except Permanent as error:
        screen.complain(error.message)
        return EXIT_USAGE
    found = [one for one in record.events(session, (NOTE,), since_ms) if one.event.kind == NOTE]
    if args.json:
        screen.json({"notes": [_json(one) for one in found]})
        return 0
    for one in found:
        data = one.event.data
        screen.say(f"{screen.when(one.event.now.wall_ms)}  {data.get('by')}  {data.get('text')}")
    if not found:
        screen.say(msg("No note was left in this time."))
    return 0


def _json(one: Recorded) -> Json:
    data = one.event.data
    return {
        "seq": one.seq,
        "wall_ms": one.event.now.wall_ms,
        "by": data.get("by"),
        "uid": data.get("uid"),
        "text": data.get("text"),
    }
