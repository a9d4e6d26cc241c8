"""Incidents: what is wrong and stays open until someone resolves it, as a table and a fold over the journal.

Nothing opens an incident but an event that the journal holds as well: a finding that began, a stop, a notice that
was given up, an operator's word. Which event does what is decided here; when people are told again, in
ultrad.core.telling.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import cast

from ultrad.core.events import Event, Json, Level, Recorded, Severity, level_of
from ultrad.core.messages import message_from_json, message_json
from ultrad.core.signs import Sign, signs_of
from ultrad.i18n import Message, msg
from ultrad.units import Now

REOPEN_MS = 24 * 3_600_000
"""A condition that returns within a day is the same trouble: its incident is opened again, with its notes."""
MAX_KEPT = 1_000
"""Open incidents that are told apart. A daemon with more is one whose operators need one word, not a thousand."""
REPORTED = "reported"
"""The code of what an operator opens; its subject is the incident's own number."""
STOP_CODES = frozenset({"key_leak", "intrusion"})
"""What an operator may say an incident of their own is, so that no override holds it off."""


class Stage(StrEnum):
    """Where an incident stands."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    ESCALATED = "escalated"
    RESOLVED = "resolved"


class Act(StrEnum):
    """What moves it. The value is the kind of the journal's event."""

    OPEN = "incident.opened"
    ACKNOWLEDGE = "incident.acknowledged"
    ESCALATE = "incident.escalated"
    RESOLVE = "incident.resolved"
    REOPEN = "incident.reopened"


TABLE: dict[tuple[Stage, Act], Stage] = {
    (Stage.OPEN, Act.ACKNOWLEDGE): Stage.ACKNOWLEDGED,
    (Stage.OPEN, Act.ESCALATE): Stage.ESCALATED,
    (Stage.OPEN, Act.RESOLVE): Stage.RESOLVED,
    (Stage.ESCALATED, Act.ESCALATE): Stage.ESCALATED,
    (Stage.ESCALATED, Act.ACKNOWLEDGE): Stage.ACKNOWLEDGED,
    (Stage.ESCALATED, Act.RESOLVE): Stage.RESOLVED,
    (Stage.ACKNOWLEDGED, Act.RESOLVE): Stage.RESOLVED,
    (Stage.ACKNOWLEDGED, Act.REOPEN): Stage.OPEN,  # more than somebody took on
    (Stage.RESOLVED, Act.REOPEN): Stage.OPEN,
}

NOTE = "incident.note"
OVER = "incident.over"
BACK = "incident.back"
"""What leaves the stage as it is: a word of an operator's, and the condition's own coming and going."""


class IllegalActError(Exception):
    """An act that the table does not have."""


@dataclass(frozen=True, slots=True)
class Incident:
    """One incident.

    number: as operators call it, counted up from 1. key: the code and subject of what it is about.
    stands: whether the condition is there now; over_at: since when it is not. returns: how often it came back.
    found: whether a finding says so, which ends by itself; stop: whether it is a cause of the emergency stop.
    told, told_at: how often people were told since it was opened or taken on, and when last (steady time).
    aired: whether they were told since the condition last began, so that its end is worth telling.
    by: who took it on or resolved it last. unconfirmed: it stood before a restart and was not seen since.
    """

    number: int
    key: tuple[str, str]
    severity: Severity
    level: Level
    message: Message
    opened: Now
    stage: Stage = Stage.OPEN
    stands: bool = True
    found: bool = False
    stop: bool = False
    over_at: Now | None = None
    changed: Now | None = None
    returns: int = 0
    told: int = 0
    told_at: Now | None = None
    aired: bool = False
    by: str = ""
    unconfirmed: bool = False

    @property
    def is_open(self) -> bool:
        """Whether somebody still has to resolve it."""
        return self.stage is not Stage.RESOLVED


@dataclass(frozen=True, slots=True)
class Book:
    """All incidents that are open or were resolved within REOPEN_MS, the oldest first."""

    incidents: tuple[Incident, ...] = ()
    last_number: int = 0

    def open(self) -> tuple[Incident, ...]:
        """Those that somebody still has to resolve, the gravest first."""
        return tuple(sorted((one for one in self.incidents if one.is_open), key=lambda one: one.severity))

    def numbered(self, number: int) -> Incident | None:
        """The incident of that number."""
        return next((one for one in self.incidents if one.number == number), None)

    def about(self, key: tuple[str, str]) -> Incident | None:
        """The newest incident about that condition."""
        return next((one for one in reversed(self.incidents) if one.key == key), None)


# ---------------------------------------------------------------- what an event amounts to


def follow(book: Book, event: Event) -> tuple[Event, ...]:
    """The incident events that follow from another event."""
    return tuple(one for sign in signs_of(event) for one in _on_sign(book, sign, event.now))


def _on_sign(book: Book, sign: Sign, now: Now) -> tuple[Event, ...]:
    known = book.about(sign.key)
    if not sign.stands:
        return (over_event(known, now),) if known is not None and known.is_open and known.stands else ()
    if known is None or (not known.is_open and _long_resolved(known, now)):
        return (opened_event(book.last_number + 1, sign, now),)
    if not known.is_open or (known.stage is Stage.ACKNOWLEDGED and _is_new_trouble(known, sign)):
        return (reopened_event(known, sign, now),)
    news = (sign.found and not known.found) or (sign.stop and not known.stop)
    if not known.stands or sign.severity < known.severity or (known.unconfirmed and sign.found) or news:
        return (back_event(known, sign, now),)
    return ()


def _is_new_trouble(known: Incident, sign: Sign) -> bool:
    """Whether it is more than somebody took on: graver, or funds at risk again after it was over."""
    return sign.severity < known.severity or (not known.stands and sign.severity is Severity.S1)


def after_resume(book: Book, by: str, now: Now) -> tuple[Event, ...]:
    """What a lifted stop, or one whose override ran out, does to its causes.

    What was a cause alone is over. Whoever lifts a stop (by; empty for nobody) has gone through its causes: those
    that are over and put no funds at risk need no further word.
    """
    events: list[Event] = []
    for incident in book.incidents:
        if not (incident.is_open and incident.stop):
            continue
        over = not incident.stands
        if incident.stands and not incident.found:
            events.append(over_event(incident, now))
            over = True
        if over and by and incident.severity is not Severity.S1:
            events.append(resolved_event(incident, by, "ultrad resume", now))
    return tuple(events)


def _long_resolved(incident: Incident, now: Now) -> bool:
    changed = incident.changed or incident.opened
    return now.steady_ms - changed.steady_ms >= REOPEN_MS


# ---------------------------------------------------------------- events


def opened_event(number: int, sign: Sign, now: Now, by: str = "ultrad") -> Event:
    """The record of a new incident."""
    return _event(Act.OPEN, now, sign.message, number, _sign_data(sign) | {"by": by})


def reopened_event(incident: Incident, sign: Sign, now: Now) -> Event:
    """The record of a resolved one whose condition returned, or of one that became graver once taken on."""
    return _event(Act.REOPEN, now, sign.message, incident.number, _sign_data(sign))


def back_event(incident: Incident, sign: Sign, now: Now) -> Event:
    """The record that the condition of an open one is there again, or is graver than it was."""
    return _event(BACK, now, sign.message, incident.number, _sign_data(sign))


def over_event(incident: Incident, now: Now) -> Event:
    """The record that the condition is gone; somebody still has to resolve it."""
    number, what = incident.number, incident.message
    message = msg("Incident {number}: the condition is over. {what}", number=number, what=what)
    return _event(OVER, now, message, number, {})


def acknowledged_event(incident: Incident, by: str, now: Now) -> Event:
    """The record that somebody takes care of it."""
    message = msg("Incident {number} is taken on by {by}.", number=incident.number, by=by)
    return _event(Act.ACKNOWLEDGE, now, message, incident.number, {"by": by})


def escalated_event(incident: Incident, now: Now) -> Event:
    """The record that nobody has answered, and that others are told."""
    message = msg(
        "Incident {number}: nobody has answered {count} notices; others are told as well.",
        number=incident.number,
        count=incident.told,
    )
    return _event(Act.ESCALATE, now, message, incident.number, {})


def resolved_event(incident: Incident, by: str, text: str, now: Now) -> Event:
    """The record that it is dealt with, by whom and how."""
    message = msg("Incident {number} is resolved by {by}: {text}", number=incident.number, by=by, text=text)
    return _event(Act.RESOLVE, now, message, incident.number, {"by": by, "text": text})


def note_event(incident: Incident, by: str, text: str, now: Now) -> Event:
    """The record of a word that somebody left."""
    message = msg("Incident {number}, note of {by}: {text}", number=incident.number, by=by, text=text)
    return _event(NOTE, now, message, incident.number, {"by": by, "text": text})


def _sign_data(sign: Sign) -> dict[str, Json]:
    return {
        "code": sign.key[0],
        "subject": sign.key[1],
        "severity": sign.severity.value,
        "level": sign.level.label,
        "found": sign.found,
        "stop": sign.stop,
        "what": message_json(sign.message),
    }


def _event(kind: str, now: Now, message: Message, number: int, data: dict[str, Json]) -> Event:
    """At the level of bookkeeping: the finding or the stop that it follows stands in the journal at its own."""
    return Event(kind, Level.INFO, now, message, {"incident": number, **data})


# ---------------------------------------------------------------- the fold


def fold(events: Iterable[Recorded]) -> Book:
    """The book as the journal's `incident.*` and `notice.queued` events tell it, oldest first.

    What does not fit is passed over: a book that cannot be read must not keep the watch from starting, and what
    stands is found again. What stood is unconfirmed until it is seen anew.
    """
    book = Book()
    for recorded in events:
        try:
            book = after(book, recorded.event)
        except (IllegalActError, KeyError, ValueError, TypeError):
            continue
    return replace(
        book,
        incidents=tuple(replace(one, unconfirmed=one.found and one.is_open) for one in book.incidents),
    )


def after(book: Book, event: Event) -> Book:
    """The book after one event. Raises IllegalActError, KeyError or ValueError on one that does not fit."""
    data = cast("dict[str, Json]", event.data)
    if event.kind == "notice.queued":
        return _told(book, data, event.now)
    number = _number(data["incident"])
    if event.kind == Act.OPEN:
        return _with_new(book, number, event)
    incident = book.numbered(number)
    if incident is None:
        raise IllegalActError(f"{event.kind} of an incident {number} that is not there")
    return _replaced(book, _moved(incident, event))


def _with_new(book: Book, number: int, event: Event) -> Book:
    data = cast("dict[str, Json]", event.data)
    if number <= book.last_number:
        raise IllegalActError(f"a second incident {number}")
    fresh = Incident(
        number=number,
        key=(str(data["code"]), str(data["subject"])),
        severity=Severity(str(data["severity"])),
        level=level_of(data["level"]),
        message=message_from_json(data["what"]),
        opened=event.now,
        changed=event.now,
        found=data["found"] is True,
        stop=data["stop"] is True,
    )
    kept = tuple(one for one in book.incidents if one.is_open or not _long_resolved(one, event.now))
    dropped = _least(kept, len(kept) - MAX_KEPT)
    return Book((*(one for one in kept if one.number not in dropped), fresh), number)


def _least(incidents: tuple[Incident, ...], count: int) -> frozenset[int]:
    """The numbers of those that go first where there are too many: resolved, then by severity, the oldest first.

    What puts funds at risk and what holds the stop are kept, however many they are.
    """
    may_go = [one for one in incidents if not (one.is_open and (one.stop or one.severity is Severity.S1))]
    may_go.sort(key=lambda one: (one.is_open, one.is_open and -_RANKS[one.severity]))
    return frozenset(one.number for one in may_go[: max(0, count)])


_RANKS = {severity: rank for rank, severity in enumerate(Severity)}


def _moved(incident: Incident, event: Event) -> Incident:
    data = cast("dict[str, Json]", event.data)
    if event.kind == NOTE:
        return incident
    if event.kind == OVER:
        return replace(incident, stands=False, found=False, over_at=event.now, unconfirmed=False)
    if event.kind == BACK:
        return _seen(incident, event, incident.stage)
    act = Act(event.kind)
    stage = TABLE.get((incident.stage, act))
    if stage is None:
        raise IllegalActError(f"{act.value} while {incident.stage.value}")
    if act is Act.REOPEN:
        return replace(_seen(incident, event, stage), told=0, told_at=None, aired=False, by="")
    by = incident.by if act is Act.ESCALATE else str(data["by"])
    told = incident.told if act is not Act.ESCALATE else 0
    return replace(incident, stage=stage, by=by, told=told, changed=event.now)


def _seen(incident: Incident, event: Event, stage: Stage) -> Incident:
    """The condition is there (again), as this event has it. Its gravity never falls while it is open."""
    data = cast("dict[str, Json]", event.data)
    severity = Severity(str(data["severity"]))
    return replace(
        incident,
        stage=stage,
        severity=min(severity, incident.severity) if incident.is_open else severity,
        level=max(level_of(data["level"]), incident.level) if incident.is_open else level_of(data["level"]),
        message=message_from_json(data["what"]),
        stands=True,
        found=(incident.found and incident.is_open) or data["found"] is True,
        stop=(incident.stop and incident.is_open) or data["stop"] is True,
        over_at=None,
        returns=incident.returns + (0 if incident.stands and incident.is_open else 1),
        aired=incident.aired and incident.stands,
        # What a finding said of it before a restart, only a finding can say again: a stop stands by itself.
        unconfirmed=incident.unconfirmed and incident.is_open and data["found"] is not True,
        changed=event.now,
    )


def _told(book: Book, data: dict[str, Json], now: Now) -> Book:
    number = data.get("incident")
    incident = book.numbered(_number(number)) if number is not None else None
    if incident is None:
        return book
    told = replace(incident, told=incident.told + 1, told_at=now, aired=incident.aired or incident.stands)
    return _replaced(book, told)


def _replaced(book: Book, incident: Incident) -> Book:
    return replace(
        book, incidents=tuple(incident if one.number == incident.number else one for one in book.incidents)
    )


def _number(value: Json) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError("not a number of an incident")  # noqa: TRY004 - one kind of error for one kind of mistake
    return value
