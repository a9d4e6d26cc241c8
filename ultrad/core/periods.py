"""What a report is about: a local day, a local week, or the hour before an emergency."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from enum import StrEnum

from ultrad.core.limits import HOUR_MS
from ultrad.i18n import Message, msg

SITUATION_MS = HOUR_MS
"""What came before an emergency is told of for so long."""
SETTLE_MS = 5_000
"""So much of what follows an emergency at once belongs to it: further causes, what was cut off."""
MOST_CAUGHT_UP = 7
"""Reports that were missed are made up for, but not of more periods than these."""
YEARS = range(1971, 9_000)
"""What a date may be: beyond them a calendar ends that the arithmetic here needs."""
LAST_MS = 221_845_392_000_000
"""The beginning of the year 9000, in wall milliseconds."""
_NAME = re.compile(r"(daily|weekly)-(\d{4}-\d{2}-\d{2})|situation-(\d{1,16})")
_DAY = timedelta(days=1)
_WEEK = timedelta(days=7)


class ReportKind(StrEnum):
    """Which report."""

    DAILY = "daily"
    WEEKLY = "weekly"
    SITUATION = "situation"


@dataclass(frozen=True, slots=True)
class Period:
    """What a report is about: wall milliseconds from `since_ms` on, before `until_ms`.

    name: of the report, unique: `daily-2026-11-22`, `weekly-2026-11-16` (its Monday), `situation-<wall ms>`.
    """

    kind: ReportKind
    name: str
    since_ms: int
    until_ms: int


def day(of: date, zone: tzinfo) -> Period:
    """A local day, from midnight to midnight: 23 or 25 hours long where the offset changes in it."""
    return Period(ReportKind.DAILY, f"daily-{of}", _midnight_ms(of, zone), _midnight_ms(of + _DAY, zone))


def week(of: date, zone: tzinfo) -> Period:
    """The local week that a date is in, Monday to Sunday."""
    monday = of - of.weekday() * _DAY
    return Period(
        ReportKind.WEEKLY, f"weekly-{monday}", _midnight_ms(monday, zone), _midnight_ms(monday + _WEEK, zone)
    )


def situation(at_ms: int) -> Period:
    """The time before an emergency, and what followed at once."""
    return Period(ReportKind.SITUATION, f"situation-{at_ms}", at_ms - SITUATION_MS, at_ms + SETTLE_MS)


def before(kind: ReportKind, fire: datetime, zone: tzinfo) -> Period:
    """The whole day, or week, that ended before a fire time."""
    local = fire.astimezone(zone).date()
    return day(local - _DAY, zone) if kind is ReportKind.DAILY else week(local - _WEEK, zone)


def owed(kind: ReportKind, fire: datetime, zone: tzinfo, made: Collection[str]) -> tuple[Period, ...]:
    """The periods whose reports are to be made by a fire time, the oldest first.

    made: the newest reports of the kind that were made, by their names; without any only the newest one is owed.
    """
    step = _DAY if kind is ReportKind.DAILY else _WEEK
    found: list[Period] = []
    for back in range(MOST_CAUGHT_UP if made else 1):
        period = before(kind, fire - back * step, zone)
        if period.name in made:
            break
        found.append(period)
    return tuple(reversed(found))


def named(name: str, zone: tzinfo) -> Period | None:
    """The period of a report's name; None where it is none."""
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    if found[3]:
        at_ms = int(found[3])
        return situation(at_ms) if at_ms < LAST_MS else None
    try:
        of = date.fromisoformat(found[2])
    except ValueError:
        return None
    if of.year not in YEARS:
        return None
    return day(of, zone) if found[1] == ReportKind.DAILY else week(of, zone)


def title(period: Period, zone: tzinfo) -> Message:
    """What the report is called."""
    first, last = _local(period.since_ms, zone), _local(period.until_ms - 1, zone)
    if period.kind is ReportKind.DAILY:
        return msg("Daily report {date}", date=f"{first:%Y-%m-%d}")
    if period.kind is ReportKind.WEEKLY:
        return msg("Weekly report {first} to {last}", first=f"{first:%Y-%m-%d}", last=f"{last:%Y-%m-%d}")
    at = _local(period.until_ms - SETTLE_MS, zone)
    return msg("Situation report {time}", time=f"{at:%Y-%m-%d %H:%M:%S}")


def ticks(period: Period, zone: tzinfo) -> Iterator[tuple[int, str]]:
    """Where a chart's time axis is marked, and how: by hours within two days, else by days."""
    start, end = _local(period.since_ms, zone), _local(period.until_ms, zone)
    span = end - start
    if span <= timedelta(hours=2):
        step, form = timedelta(minutes=10), "%H:%M"
    elif span <= 2 * _DAY:
        step, form = timedelta(hours=3), "%H:%M"
    else:
        step, form = max(_DAY, span // 8 // _DAY * _DAY), "%m-%d"
    at = start
    while at <= end:
        yield round(at.timestamp() * 1_000), f"{at:{form}}"
        at += step


def _midnight_ms(of: date, zone: tzinfo) -> int:
    return round(datetime.combine(of, time(), zone).timestamp() * 1_000)


def _local(wall_ms: int, zone: tzinfo) -> datetime:
    return datetime.fromtimestamp(wall_ms / 1_000, zone)
