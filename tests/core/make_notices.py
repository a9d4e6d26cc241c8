"""Findings, incidents and notices with only the fields that a test is about."""

from datetime import time

from tests.core.make import at, cause
from ultrad.core import incidents, outbox, telling
from ultrad.core.estop import trip_event
from ultrad.core.events import Event, Json, Level, Severity
from ultrad.core.incidents import Act, Book, Incident, Stage
from ultrad.core.outbox import Delivery, Outbox
from ultrad.core.signs import Sign
from ultrad.core.telling import Hours, Notice, Route, Target, TellRules, Why
from ultrad.i18n import msg
from ultrad.units import Now

S1, S2, S3 = Severity
KEY = ("disk_full", "/var")
WORKDAYS = frozenset(range(5))
OFFICE = Hours(WORKDAYS, time(9), time(18))
RULES = TellRules(
    routes=(
        Route("always", frozenset({S1}), ("slack", "line"), fallback=("hook",), escalate=("boss",)),
        Route("office", frozenset({S2}), ("slack", "line"), fallback=("hook",), hours=OFFICE),
    ),
    costly=frozenset({"line"}),
)


def sign(
    key: tuple[str, str] = KEY,
    severity: Severity = S2,
    *,
    stands: bool = True,
    found: bool = False,
    stop: bool = False,
) -> Sign:
    return Sign(key, severity, Level.ALERT, msg("It is full."), stands, found, stop)


def raised(
    seconds: int = 0, key: tuple[str, str] = KEY, severity: Severity = S2, *, level: Level = Level.ALERT
) -> Event:
    data: dict[str, Json] = {"code": key[0], "subject": key[1], "severity": severity.value}
    return Event("finding.raised", level, at(seconds), msg("It is full."), data)


def cleared(seconds: int = 0, key: tuple[str, str] = KEY, severity: Severity = S2) -> Event:
    data: dict[str, Json] = {"code": key[0], "subject": key[1], "severity": severity.value}
    return Event("finding.cleared", Level.INFO, at(seconds), msg("It is empty."), data)


def tripped(seconds: int = 0, code: str = "hf_low", subject: str = "main") -> Event:
    return trip_event(cause(code, subject, at(seconds)), at(seconds), flag=True)


def live(book: Book, *events: Event) -> Book:
    """The book after what follows from each event, as the desk does it."""
    for event in events:
        for one in incidents.follow(book, event):
            book = incidents.after(book, one)
    return book


def only(book: Book) -> Incident:
    (one,) = book.incidents
    return one


def book_at(stage: Stage, severity: Severity = S2, *, found: bool = False, stop: bool = False) -> Book:
    """One incident of KEY that came to that stage at second 10."""
    opened = incidents.opened_event(1, sign(severity=severity, found=found, stop=stop), at(0))
    book = incidents.after(Book(), opened)
    acts = {Stage.ACKNOWLEDGED: Act.ACKNOWLEDGE, Stage.ESCALATED: Act.ESCALATE, Stage.RESOLVED: Act.RESOLVE}
    return incidents.after(book, act_event(acts[stage], only(book), at(10))) if stage in acts else book


def act_event(act: Act, incident: Incident, now: Now) -> Event:
    match act:
        case Act.OPEN:
            return incidents.opened_event(incident.number, sign(), now)
        case Act.ACKNOWLEDGE:
            return incidents.acknowledged_event(incident, "taro", now)
        case Act.ESCALATE:
            return incidents.escalated_event(incident, now)
        case Act.RESOLVE:
            return incidents.resolved_event(incident, "taro", "emptied", now)
        case Act.REOPEN:
            return incidents.reopened_event(incident, sign(), now)


def notice(
    why: Why = Why.OPENED, severity: Severity = S2, incident: int | None = 1, title: str = "It is full."
) -> Notice:
    return Notice(why, severity, Level.ALERT, msg(title), (msg("a line"),), incident)


def queued(
    name: str,
    *channels: str,
    seconds: int = 0,
    incident: int | None = 1,
    severity: Severity = S2,
    why: Why = Why.OPENED,
    held_s: int = 0,
) -> Event:
    """The record of a notice to these channels (slack, where none is named)."""
    to = tuple(Target(one, held_s * 1_000) for one in channels or ("slack",))
    keys = {one.channel: f"key of {name}:{one.channel}" for one in to}
    return telling.queued_event(notice(why, severity, incident), name, keys, to, at(seconds))


def box(*events: Event) -> Outbox:
    made = Outbox()
    for event in events:
        made = outbox.after(made, event)
    return made


def delivery(of: Outbox, name: str, channel: str = "slack") -> Delivery:
    return next(one for one in of.waiting if (one.told.notice, one.channel) == (name, channel))
