"""What people are told, when, and by which ways: rules over incidents, routes and hours."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta, tzinfo
from enum import StrEnum
from typing import cast

from ultrad.core import incidents as book_of
from ultrad.core.events import Event, Json, Level, Severity
from ultrad.core.incidents import Act, Book, Incident, Stage
from ultrad.core.messages import message_json
from ultrad.core.signs import EMERGENCY_STOP
from ultrad.i18n import Message, msg
from ultrad.units import Now

MINUTE_MS = 60_000
SETTLE_MS = 20 * MINUTE_MS
"""After a restart every condition is looked at within this (the slowest look is each ten minutes); what stood
before and is not found by then is over."""
MOST_SPACED_MS = 240 * MINUTE_MS
"""The longest while between two reminders of an S1 on a channel that pays for each."""
QUEUED = "notice.queued"


class Why(StrEnum):
    """Why people are told."""

    OPENED = "opened"
    REOPENED = "reopened"
    BACK = "back"
    REMINDER = "reminder"
    ESCALATED = "escalated"
    RECOVERED = "recovered"
    TAKEN_ON = "taken_on"
    RESOLVED = "resolved"
    STOP = "stop"
    TEST = "test"
    REPORT = "report"
    DRILL = "drill"


QUIET = frozenset({Why.TAKEN_ON, Why.RESOLVED})
"""Told to those who follow an incident, where it costs nothing: no ring, and no message of a monthly quota."""


@dataclass(frozen=True, slots=True)
class Hours:
    """When a route is open: from `begins` to `ends` by local time (over midnight where it ends earlier).

    weekdays: 0 is Monday, as in `datetime.weekday`; a night counts as the day it begins on.
    """

    weekdays: frozenset[int]
    begins: time
    ends: time

    def closed_for_ms(self, local: datetime) -> int:
        """Milliseconds from `local` (aware) until it is open; 0 while it is."""
        # By timestamps: where an hour is shown twice, wall times alone cannot tell before from after.
        day, now_s = local.date(), local.timestamp()
        for ahead in range(-1, 8):
            on = day + timedelta(days=ahead)
            if on.weekday() not in self.weekdays:
                continue
            begins = datetime.combine(on, self.begins, local.tzinfo)
            ends = datetime.combine(on + timedelta(days=self.ends <= self.begins), self.ends, local.tzinfo)
            if now_s < ends.timestamp():
                return max(0, round((begins.timestamp() - now_s) * 1_000))
        raise AssertionError("hours without a weekday")


@dataclass(frozen=True, slots=True)
class Route:
    """Whom a severity reaches. channels: all at once. fallback: where one of those is down for long.

    escalate: told as well once nobody has answered. hours: None for always; they never hold an S1 back.
    """

    name: str
    severities: frozenset[Severity]
    channels: tuple[str, ...]
    fallback: tuple[str, ...] = ()
    escalate: tuple[str, ...] = ()
    hours: Hours | None = None


@dataclass(frozen=True, slots=True)
class TellRules:
    """How often, and to whom.

    costly: the channels that pay for each message, so that they carry only what is meant to be heard.
    repeat_s1_ms, repeat_s2_ms: how long after a notice an incident that nobody answered is told again.
    escalate_after: so many notices without an answer, and the route's next channels are told as well.
    quiet_ms: a condition that comes back is told again only so long after its last notice.
    """

    routes: tuple[Route, ...] = ()
    costly: frozenset[str] = frozenset()
    repeat_s1_ms: int = 10 * MINUTE_MS
    repeat_s2_ms: int = 60 * MINUTE_MS
    escalate_after: int = 3
    quiet_ms: int = 30 * MINUTE_MS


@dataclass(frozen=True, slots=True)
class Target:
    """One channel for one notice. held_ms: how long its route is closed from now."""

    channel: str
    held_ms: int


@dataclass(frozen=True, slots=True)
class Notice:
    """What is told. lines: facts below the title; `incident`: its number, where it is about one.

    code, stop: of that incident: what it is about, and whether it is a cause of the emergency stop.
    """

    why: Why
    severity: Severity
    level: Level
    title: Message
    lines: tuple[Message, ...] = ()
    incident: int | None = None
    code: str = ""
    stop: bool = False

    @property
    def loud(self) -> bool:
        """Whether it is meant to be heard, not only to be found."""
        return self.why not in QUIET


# ---------------------------------------------------------------- what an event is worth telling


def notices_of(
    before: Book,
    book: Book,
    event: Event,
    rules: TellRules,
    zone: tzinfo,
    causes: frozenset[tuple[str, str]] = frozenset(),
) -> tuple[Notice, ...]:
    """What an event that is in the book already is worth telling.

    before: the book without it. causes: the conditions that the emergency stop is ON for.
    """
    if event.kind in _STOP_SEVERITY:
        return (Notice(Why.STOP, _STOP_SEVERITY[event.kind], event.level, event.message),)
    why = _WHY.get(event.kind)
    if why is None:
        return ()
    number = cast("int", event.data["incident"])
    incident, was = book.numbered(number), before.numbered(number)
    if incident is None or (incident.severity is Severity.S3 and why not in QUIET):
        return ()
    if why is Why.BACK and not _worth_telling_again(was, incident, event, rules):
        return ()
    if why is Why.RECOVERED and not incident.aired:
        return ()  # nobody heard of it, or of its coming back
    notice = _about(incident, why, event, zone)
    if why is Why.BACK and was is not None and incident.returns == was.returns:
        graver = msg("Now {severity}: {what}", severity=incident.severity.value, what=incident.message)
        notice = replace(notice, title=graver if incident.severity < was.severity else incident.message)
    if why is Why.RECOVERED and incident.key in causes:
        notice = replace(notice, lines=(*notice.lines, msg("The emergency stop stays ON until `ultrad resume`.")))
    return (notice,)


_STOP_SEVERITY = {
    "estop.override": Severity.S1,
    "estop.override_end": Severity.S2,
    "estop.resume": Severity.S1,
}
"""What becomes of the stop is told to those who were told of it."""
_GOOD_NEWS = frozenset({Why.RECOVERED, Why.TAKEN_ON, Why.RESOLVED})
_WHY = {
    Act.OPEN: Why.OPENED,
    Act.REOPEN: Why.REOPENED,
    Act.ESCALATE: Why.ESCALATED,
    Act.ACKNOWLEDGE: Why.TAKEN_ON,
    Act.RESOLVE: Why.RESOLVED,
    book_of.BACK: Why.BACK,
    book_of.OVER: Why.RECOVERED,
}


def _worth_telling_again(was: Incident | None, incident: Incident, event: Event, rules: TellRules) -> bool:
    """Funds at risk again, and a stop that is ON anew, are told however often they come."""
    if was is None or incident.severity < was.severity:
        return True
    told_ms = None if incident.told_at is None else event.now.steady_ms - incident.told_at.steady_ms
    if incident.returns == was.returns:  # seen again after a restart; or the stop, because of what stood before
        return incident.stop and not was.stop and (told_ms is None or told_ms >= MINUTE_MS)
    if incident.severity is Severity.S1 or event.data["stop"] is True:
        return True
    return told_ms is None or told_ms >= rules.quiet_ms


def _about(incident: Incident, why: Why, event: Event, zone: tzinfo) -> Notice:
    return Notice(
        why=why,
        severity=incident.severity,
        level=Level.INFO if why in _GOOD_NEWS else incident.level,
        title=_title(incident, why, event, zone),
        lines=_lines(incident, why, zone),
        incident=incident.number,
        code=incident.key[0],
        stop=incident.stop,
    )


def _title(incident: Incident, why: Why, event: Event, zone: tzinfo) -> Message:
    what, since = incident.message, local_text(incident.opened, zone)
    if why is Why.REMINDER and not incident.stands:
        return msg("Over, but nobody has answered since {since}: {what}", since=since, what=what)
    titles = {
        Why.REOPENED: msg("Again: {what}", what=what),
        Why.BACK: msg("Again ({count} times by now): {what}", count=incident.returns + 1, what=what),
        Why.REMINDER: msg("Still so since {since}: {what}", since=since, what=what),
        Why.ESCALATED: msg("Nobody has answered since {since}: {what}", since=since, what=what),
        Why.RECOVERED: msg("Recovered: {what}", what=_cause_itself(what)),
        Why.TAKEN_ON: event.message,
        Why.RESOLVED: event.message,
    }
    return titles.get(why, what)


def _cause_itself(what: Message) -> Message:
    """The words of the condition behind a stop: that is what is over, not the stop."""
    cause = dict(what.args).get("cause") if what.text == EMERGENCY_STOP else None
    return cause if isinstance(cause, Message) else what


def _lines(incident: Incident, why: Why, zone: tzinfo) -> tuple[Message, ...]:
    since = local_text(incident.opened, zone)
    head = msg(
        "Incident {number} ({severity}), since {since}.",
        number=incident.number,
        severity=incident.severity.value,
        since=since,
    )
    if why in QUIET:
        return (head,)
    if why is Why.RECOVERED or not incident.stands:
        return (
            head,
            msg("Once its cause is known: ultrad incident resolve {number} --text …", number=incident.number),
        )
    if incident.stage is Stage.ACKNOWLEDGED:
        return (head, msg("Taken on by {by}.", by=incident.by))
    return (head, msg("Take it on: ultrad incident ack {number}", number=incident.number))


def local_text(now: Now, zone: tzinfo) -> str:
    """The wall time for people, to the second."""
    return f"{datetime.fromtimestamp(now.wall_ms / 1_000, zone):%Y-%m-%d %H:%M:%S}"


# ---------------------------------------------------------------- what is due by the clock


def due(book: Book, rules: TellRules, unheard: frozenset[int], now: Now) -> tuple[Incident, ...]:
    """The incidents that are to be told again now.

    unheard: those whose last notice no channel has delivered yet; telling again would only lengthen the queue.
    What was never told (the process ended in between) is due at once. What somebody has taken on is told again
    only where it came back and nobody was told of that.
    """
    return tuple(
        one
        for one in book.open()
        if (one.stage is not Stage.ACKNOWLEDGED or (one.stands and one.returns and not one.aired))
        and one.severity is not Severity.S3
        and (one.stands or one.severity is Severity.S1)
        and one.number not in unheard
        and (one.told_at is None or now.steady_ms - one.told_at.steady_ms >= _repeat_ms(one, rules))
    )


def _repeat_ms(incident: Incident, rules: TellRules) -> int:
    """How long after the last notice. The last one may have said "recovered", and what came back kept quiet."""
    repeat_ms = rules.repeat_s1_ms if incident.severity is Severity.S1 else rules.repeat_s2_ms
    return min(repeat_ms, rules.quiet_ms) if incident.stands and not incident.aired else repeat_ms


def worth_a_message(incident: Incident, rules: TellRules, now: Now) -> bool:
    """Whether a reminder goes to channels that pay for each message: of an S1 after ever longer whiles."""
    if incident.severity is not Severity.S1 or incident.told_at is None:
        return True
    begun_ms = (incident.changed or incident.opened).steady_ms
    gap_ms = rules.repeat_s1_ms
    at_ms = begun_ms + gap_ms
    while at_ms <= incident.told_at.steady_ms:
        gap_ms = min(2 * gap_ms, max(MOST_SPACED_MS, rules.repeat_s1_ms))
        at_ms += gap_ms
    return at_ms <= now.steady_ms


def escalates(incident: Incident, rules: TellRules) -> bool:
    """Whether an incident that is due has been told in vain so often that others are told."""
    return incident.stage is Stage.OPEN and incident.told >= rules.escalate_after


def reminder(incident: Incident, zone: tzinfo) -> Notice:
    """The notice that it is still so."""
    return Notice(
        why=Why.REMINDER,
        severity=incident.severity,
        level=incident.level,
        title=_title(incident, Why.REMINDER, Event("", incident.level, incident.opened, incident.message), zone),
        lines=_lines(incident, Why.REMINDER, zone),
        incident=incident.number,
        code=incident.key[0],
        stop=incident.stop,
    )


def forgotten(book: Book, since_start_ms: int) -> tuple[Incident, ...]:
    """What stood before the restart and was not found again in the time that every look takes."""
    if since_start_ms < SETTLE_MS:
        return ()
    return tuple(one for one in book.open() if one.unconfirmed)


# ---------------------------------------------------------------- to whom


def targets(notice: Notice, rules: TellRules, *, escalated: bool, local: datetime) -> tuple[Target, ...]:
    """Each channel that a notice goes to, once, at the earliest opening of the routes that name it."""
    held: dict[str, int] = {}
    for route in rules.routes:
        if notice.severity not in route.severities:
            continue
        always = route.hours is None or notice.severity is Severity.S1
        wait_ms = 0 if always or route.hours is None else route.hours.closed_for_ms(local)
        for channel in (*route.channels, *(route.escalate if escalated else ())):
            if channel in rules.costly and not notice.loud:
                continue
            held[channel] = min(wait_ms, held.get(channel, wait_ms))
    return tuple(Target(channel, wait_ms) for channel, wait_ms in held.items())


def carriers(severity: Severity, rules: TellRules) -> tuple[str, ...]:
    """The channels that a severity goes to at once, in order."""
    named = (channel for route in rules.routes if severity in route.severities for channel in route.channels)
    return tuple(dict.fromkeys(named))


def fallbacks(severity: Severity, rules: TellRules, taken: Iterable[str]) -> tuple[str, ...]:
    """The channels that stand in for one that is down, in order, less those that are told anyway."""
    named = (channel for route in rules.routes if severity in route.severities for channel in route.fallback)
    return tuple(dict.fromkeys(channel for channel in named if channel not in set(taken)))


def queued_event(notice: Notice, notice_id: str, keys: dict[str, str], to: tuple[Target, ...], now: Now) -> Event:
    """The record of a notice, with the key that each channel is given at every try. Durable before the first."""
    deliveries: list[Json] = [
        {"channel": one.channel, "key": keys[one.channel], "held_ms": one.held_ms} for one in to
    ]
    data: dict[str, Json] = {
        "notice": notice_id,
        "why": notice.why.value,
        "severity": notice.severity.value,
        "level": notice.level.label,
        "incident": notice.incident,
        "code": notice.code,
        "stop": notice.stop,
        "lines": [message_json(line) for line in notice.lines],
        "deliveries": deliveries,
    }
    return Event(QUEUED, Level.INFO, now, notice.title, data, key=notice_id)
