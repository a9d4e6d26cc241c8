"""When a job is due: cron expressions over local wall time, and what a change of offset does to them.

croniter knows the calendar but not the zone's rules well enough (at fall-back it fires a daily 01:30 twice), so it
is asked over naive wall times only, and the zone is applied here. Two rules, by what the operator means:

- An expression that names hours ("30 1 * * *") names wall times, and each fires once: one that a change of offset
  skips fires when the skipped time ends; one that is shown twice fires the first time. Several skipped ones end
  together, and so fire once together.
- An expression for every hour ("*/5 * * * *") names a rhythm: it fires whenever the wall clock shows a matching
  time, also when it shows it again. A watch each minute must not pause for the repeated hour, and what the clock
  never shows is not made up for.
"""

import re
from bisect import bisect_left
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from croniter import CroniterBadDateError, CroniterError, croniter

from ultrad.errors import Permanent
from ultrad.i18n import Message, msg

LATE = timedelta(minutes=1)
"""A fire that could not be begun for this long was missed: a minute is what a cron expression can tell apart."""
MISSED_COUNTED = 100
"""Missed fires are counted up to here: a minute job after a year's sleep must not count half a million."""

_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)
_FIELDS = 5
_HOUR_FIELD = 1
_HOURS_A_DAY = 24
_PLAIN = re.compile(r"[0-9A-Za-z*,/#?\- \t]+")
_RANDOM = re.compile(r"(?:^|[,\s])[hr](?:/\d+)?(?=$|[,\s])", re.IGNORECASE)
_SOMEDAY = datetime(2026, 1, 1)  # noqa: DTZ001 - a wall time without a zone, only to ask whether any date comes


class Missed(StrEnum):
    """What to do about fires that nobody was awake for: pass over them, or make up for all of them once."""

    SKIP = "skip"
    ONCE = "once"


@dataclass(frozen=True, slots=True)
class Schedule:
    """A checked cron expression in its timezone. rhythm: it fires in every hour, so the second rule applies."""

    cron: str
    tz: str
    zone: tzinfo
    rhythm: bool


@dataclass(frozen=True, slots=True)
class Due:
    """What stands due.

    fire: the fire time to run now, if any. newest: the newest fire time that has come, which is settled by this
    answer. missed: how many fire times are passed over (counted up to MISSED_COUNTED).
    """

    fire: datetime | None
    newest: datetime
    missed: int


def parse(cron: str, tz: str) -> Schedule:
    """Check an expression and a timezone of the IANA database. Raises Permanent."""
    try:
        zone = ZoneInfo(tz)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise Permanent(
            msg("{tz} is no timezone; write a name of the IANA database, like Asia/Tokyo", tz=repr(tz))
        ) from error
    if len(cron.split()) != _FIELDS:
        raise _refused(
            cron,
            msg("it must have 5 fields: minute, hour, day of month, month, day of week; no seconds, no @ names"),
        )
    if not _PLAIN.fullmatch(cron):
        raise _refused(cron, msg("only digits, names of days and months, and * , - / # ? may stand in it"))
    if _RANDOM.search(cron):
        raise _refused(cron, msg("H and R stand for times nobody chose; write the time"))
    try:
        hours = croniter.expand(cron)[0][_HOUR_FIELD]
        croniter(cron, _SOMEDAY, ret_type=datetime).get_next()
    except CroniterBadDateError as error:
        raise _refused(cron, msg("it names a date that never comes")) from error
    except CroniterError as error:
        raise _refused(cron, msg("a field is out of range or cannot be read")) from error
    return Schedule(cron, tz, zone, rhythm=hours == ["*"] or len(hours) == _HOURS_A_DAY)


def next_fire(schedule: Schedule, after: datetime) -> datetime:
    """The first fire time after `after` (aware), in UTC."""
    whole = after.astimezone(UTC).replace(microsecond=0)  # fire times are whole seconds: flooring loses none
    return _next_of_rhythm(schedule, whole + _SECOND) if schedule.rhythm else _next_of_walls(schedule, whole)


def newest_fire(schedule: Schedule, since: datetime, until: datetime) -> datetime | None:
    """The last fire time in (since, until], in UTC; None where there is none. Asks about log2 of the span."""
    start = since.astimezone(UTC).replace(microsecond=0)
    seconds = bisect_left(
        range(max(0, (until - start) // _SECOND) + 1),
        1,
        key=lambda passed: next_fire(schedule, start + passed * _SECOND) > until,
    )
    return start + seconds * _SECOND if seconds else None


def due(schedule: Schedule, settled: datetime, now: datetime, policy: Missed) -> Due | None:
    """What stands due at `now`, when all fire times up to `settled` are settled; None while nothing is.

    However long nobody looked, at most one fire comes of it. One that came within LATE is not missed.
    """
    newest = newest_fire(schedule, settled, now)
    if newest is None:
        return None
    earlier = _count(schedule, settled, newest)
    if policy is Missed.SKIP and now - newest > LATE:
        return Due(None, newest, min(earlier + 1, MISSED_COUNTED))
    return Due(newest, newest, earlier)


def _count(schedule: Schedule, since: datetime, before: datetime) -> int:
    """How many fire times lie in (since, before), counted up to MISSED_COUNTED."""
    count, fire = 0, next_fire(schedule, since)
    while fire < before and count < MISSED_COUNTED:
        count, fire = count + 1, next_fire(schedule, fire)
    return count


def _next_of_walls(schedule: Schedule, after: datetime) -> datetime:
    walls = croniter(schedule.cron, _wall(schedule.zone, after), ret_type=datetime)
    # Ends: instants follow their wall times, so only those repeated after a step back are passed over (a day's at
    # most: no zone has stepped further).
    while (fire := _instant(schedule.zone, walls.get_next())) <= after:
        pass
    return fire


def _instant(zone: tzinfo, wall: datetime) -> datetime:
    """When a wall time comes: the first time it is shown, or the end of the gap that swallows it."""
    first = wall.replace(tzinfo=zone).astimezone(UTC)
    if _wall(zone, first) == wall:
        return first
    # In a gap (PEP 495) fold=0 reads the old offset and lands after the change, fold=1 the new one, before it.
    before = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    return _change(zone, before, first) or first


def _next_of_rhythm(schedule: Schedule, start: datetime) -> datetime:
    """The first instant from `start` on whose wall time matches, looking a day of constant offset at a time."""
    # Ends: a day without a match is followed by a leap to two days before the next match by the calendar (nothing
    # between can match, whatever the offset there), and parse() has seen that the calendar holds one.
    while True:
        offset = _offset(schedule.zone, start)
        wall = (start + offset - _SECOND).replace(tzinfo=None)
        match = croniter(schedule.cron, wall, ret_type=datetime).get_next().replace(tzinfo=UTC) - offset
        change = _change(schedule.zone, start, start + _DAY)
        if match < (change or start + _DAY):
            return match
        start = change or max(start + _DAY, match - 2 * _DAY)


def _change(zone: tzinfo, start: datetime, end: datetime) -> datetime | None:
    """The first instant in (start, end] with another offset than `start`'s; None where `end` has the same.

    The span is at most a day or two: there is no more than one change in it.
    """
    offset = _offset(zone, start)
    if _offset(zone, end) == offset:
        return None
    seconds = bisect_left(
        range((end - start) // _SECOND), 1, key=lambda passed: _offset(zone, start + passed * _SECOND) != offset
    )
    return start + seconds * _SECOND


def _wall(zone: tzinfo, instant: datetime) -> datetime:
    return instant.astimezone(zone).replace(tzinfo=None, fold=0)


def _offset(zone: tzinfo, instant: datetime) -> timedelta:
    return instant.astimezone(zone).utcoffset() or timedelta()


def _refused(cron: str, why: Message) -> Permanent:
    return Permanent(msg("cron expression {cron}: {why}", cron=repr(cron), why=why))
