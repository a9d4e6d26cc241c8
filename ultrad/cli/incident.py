"""`ultrad incident list | show | open | ack | note | resolve`."""

from ultrad.cli.screen import Section, View
from ultrad.cli.session import Session
from ultrad.cli.view import events_section, incidents_section
from ultrad.core.events import Recorded, Severity
from ultrad.core.resume_facts import LEAK
from ultrad.core.status import IncidentLine
from ultrad.core.wire import to_json
from ultrad.errors import Permanent
from ultrad.i18n import Message, msg
from ultrad.operations import IncidentRequest
from ultrad.ports import EventFilter

PAGE = 1_000
KINDS = ("incident", "notice")


def listed(session: Session) -> int:
    """The open incidents."""
    screen, incidents = session.screen, session.client().status().incidents
    if session.args.json:
        screen.json({"incidents": to_json(incidents)})
    elif incidents:
        screen.show(View((), "", (incidents_section(incidents, screen.when),)))
    else:
        screen.say(msg("No incident is open."))
    return 0


def show(session: Session) -> int:
    """Everything that happened to one incident, its notes and notices among it."""
    client, number = session.client(), session.args.number
    found: list[Recorded] = []
    after = 0
    while page := client.events(EventFilter(kinds=KINDS, after_seq=after, limit=PAGE)):
        found += (one for one in page if one.event.data.get("incident") == number)
        after = page[-1].seq
    if not found:
        raise Permanent(msg("There is no incident {number}. `ultrad incident list` shows them.", number=number))
    if session.args.json:
        session.screen.json({"events": to_json(tuple(found))})
        return 0
    title: Message = msg("Incident {number}", number=number)
    section: Section = events_section(tuple(found), session.screen.when, title)
    session.screen.show(View((), "", (section,)))
    return 0


def opened(session: Session) -> int:
    """Open one by hand; an S1 stops."""
    args = session.args
    line = session.client().incident(
        IncidentRequest("open", text=args.text, severity=args.severity, code=args.code or "")
    )
    _say(
        session,
        line,
        msg("Incident {number} ({severity}) is open.", number=line.number, severity=line.severity.value),
    )
    if line.severity is Severity.S1 and not args.json:
        session.screen.say(msg("The emergency stop is ON: nothing is signed or sent until `ultrad resume`."))
        if args.code == LEAK:
            number = line.number
            session.screen.say(
                msg(
                    "Next: ultrad keys audit, then: ultrad keys rotate --reason TEXT --incident {number}",
                    number=number,
                )
            )
    return 0


def acknowledge(session: Session) -> int:
    """Take one on: its notices end."""
    line = session.client().incident(IncidentRequest("ack", number=session.args.number))
    _say(session, line, msg("Incident {number} is taken on by {by}.", number=line.number, by=line.by))
    return 0


def note(session: Session) -> int:
    """Leave a word."""
    args = session.args
    line = session.client().incident(IncidentRequest("note", number=args.number, text=args.text))
    _say(session, line, msg("Noted with incident {number}.", number=line.number))
    return 0


def resolve(session: Session) -> int:
    """Close one."""
    args = session.args
    line = session.client().incident(IncidentRequest("resolve", number=args.number, text=args.text))
    _say(session, line, msg("Incident {number} is resolved.", number=line.number))
    return 0


def _say(session: Session, line: IncidentLine, sentence: Message) -> None:
    if session.args.json:
        session.screen.json(to_json(line))
    else:
        session.screen.say(sentence)
