from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ultrad.core.schedule import MISSED_COUNTED, Due, Missed, due, newest_fire, next_fire, parse
from ultrad.errors import Permanent

MINUTE = timedelta(minutes=1)
CHANGES = {
    # zone: moments shortly before a change of offset, with the change inside the following day
    "America/New_York": (datetime(2026, 3, 8, 0, tzinfo=UTC), datetime(2026, 10, 31, 20, tzinfo=UTC)),
    "Europe/Berlin": (datetime(2026, 3, 28, 18, tzinfo=UTC), datetime(2026, 10, 24, 18, tzinfo=UTC)),
    "Asia/Tokyo": (datetime(2026, 3, 8, 0, tzinfo=UTC),),
    "Australia/Lord_Howe": (datetime(2026, 4, 4, 0, tzinfo=UTC), datetime(2026, 10, 3, 0, tzinfo=UTC)),
    "Asia/Beirut": (datetime(2026, 3, 28, 12, tzinfo=UTC), datetime(2026, 10, 24, 12, tzinfo=UTC)),
}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def fires(cron: str, tz: str, after: datetime, until: datetime) -> list[datetime]:
    schedule, found = parse(cron, tz), []
    fire = next_fire(schedule, after)
    while fire <= until:
        found.append(fire)
        fire = next_fire(schedule, fire)
    return found


# ---------------------------------------------------------------- an oracle that walks minute by minute


Fields = tuple[frozenset[int], frozenset[int], frozenset[int]]


def matches(fields: Fields, wall: datetime) -> bool:
    minutes, hours, weekdays = fields
    return wall.minute in minutes and wall.hour in hours and wall.isoweekday() % 7 in weekdays


def oracle(fields: Fields, tz: str, after: datetime, until: datetime) -> list[datetime]:
    """Fire times in (after, until], by looking at the wall clock of every minute."""
    zone = ZoneInfo(tz)
    minute = after.replace(second=0, microsecond=0) - timedelta(days=1)
    if len(fields[1]) == 24:
        found = set()
        while minute <= until:
            if matches(fields, minute.astimezone(zone).replace(tzinfo=None)):
                found.add(minute)
            minute += MINUTE
    else:
        found, shown = set(), minute.astimezone(zone).replace(tzinfo=None)
        while minute <= until:
            wall = minute.astimezone(zone).replace(tzinfo=None)
            while shown <= wall:  # each wall time once, skipped ones as soon as a later one is shown
                if matches(fields, shown):
                    found.add(minute)
                shown += MINUTE
            minute += MINUTE
    return sorted(fire for fire in found if after < fire <= until)


def sets(top: int) -> st.SearchStrategy[frozenset[int]]:
    everything = frozenset(range(top + 1))
    return st.just(everything) | st.frozensets(st.integers(0, top), min_size=1, max_size=4)


def text_of(values: frozenset[int], top: int) -> str:
    return "*" if len(values) == top + 1 else ",".join(map(str, sorted(values)))


@st.composite
def moments(draw: st.DrawFn) -> tuple[str, datetime]:
    tz = draw(st.sampled_from(sorted(CHANGES)))
    start = draw(st.sampled_from(CHANGES[tz]))
    return tz, start + timedelta(
        seconds=draw(st.integers(0, 12 * 3600)), milliseconds=draw(st.sampled_from([0, 500]))
    )


@settings(max_examples=150, deadline=None)
@given(minutes=sets(59), hours=sets(23), weekdays=sets(6), moment=moments())
def test_next_fire__any_expression_over_a_change_of_offset__agrees_with_walking_each_minute(
    minutes: frozenset[int], hours: frozenset[int], weekdays: frozenset[int], moment: tuple[str, datetime]
) -> None:
    tz, after = moment
    until = after + timedelta(hours=20)
    cron = f"{text_of(minutes, 59)} {text_of(hours, 23)} * * {text_of(weekdays, 6)}"
    expected = oracle((minutes, hours, weekdays), tz, after, until)
    some = expected[:60]
    assert fires(cron, tz, after, some[-1] if len(some) == 60 else until) == some
    schedule = parse(cron, tz)
    assert newest_fire(schedule, after, until) == (expected[-1] if expected else None)


@settings(max_examples=60, deadline=None)
@given(
    cron=st.sampled_from(
        ["* * * * *", "*/7 * * * *", "0 0 * * *", "30 2 * * *", "0 1-3 * * *", "5 4 1 * *", "0 9 29 2 *"]
    ),
    moment=moments(),
)
def test_next_fire__asked_again_and_again__rises_strictly_and_skips_nothing(
    cron: str, moment: tuple[str, datetime]
) -> None:
    tz, after = moment
    schedule = parse(cron, tz)
    for _ in range(20):
        fire = next_fire(schedule, after)
        assert fire > after
        assert fire.tzinfo is UTC
        middle = after + (fire - after) / 2
        assert next_fire(schedule, middle) == fire
        after = fire


# ---------------------------------------------------------------- the rules by example


@pytest.mark.parametrize(
    ("cron", "tz", "after", "expected"),
    [
        # 02:30 does not exist on 8 March in New York: it fires when the gap ends, at 03:00 EDT
        ("30 2 * * *", "America/New_York", "2026-03-08T00:00", ["2026-03-08T07:00", "2026-03-09T06:30"]),
        # 01:30 is shown twice on 1 November: the first one counts
        ("30 1 * * *", "America/New_York", "2026-11-01T00:00", ["2026-11-01T05:30", "2026-11-02T06:30"]),
        ("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00", ["2026-03-29T01:00", "2026-03-30T00:30"]),
        ("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00", ["2026-10-25T00:30", "2026-10-26T01:30"]),
        # two skipped times and the one at the gap's end are one fire
        ("0,30 2,3 * * *", "Europe/Berlin", "2026-03-29T00:00", ["2026-03-29T01:00", "2026-03-29T01:30"]),
        ("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00", ["2026-10-03T15:30", "2026-10-04T15:15"]),
        ("45 1 * * *", "Australia/Lord_Howe", "2026-04-04T00:00", ["2026-04-04T14:45", "2026-04-05T15:15"]),
        ("0 0 * * *", "Asia/Tokyo", "2026-03-08T00:00", ["2026-03-08T15:00", "2026-03-09T15:00"]),
        # Samoa left out 30 December 2011
        ("0 9 * * *", "Pacific/Apia", "2011-12-29T18:00", ["2011-12-29T19:00", "2011-12-30T10:00"]),
        # a rhythm goes on through the repeated hour, and is not made up for in the gap
        ("30 * * * *", "America/New_York", "2026-11-01T05:00", ["2026-11-01T05:30", "2026-11-01T06:30"]),
        ("30 * * * *", "America/New_York", "2026-03-08T06:45", ["2026-03-08T07:30", "2026-03-08T08:30"]),
        ("*/30 0-23 29 2 *", "Asia/Tokyo", "2026-03-01T00:00", ["2028-02-28T15:00", "2028-02-28T15:30"]),
        # a step back over midnight shows the evening again, on a day that had ended
        ("10 * 25 10 *", "Asia/Beirut", "2025-10-25T20:50", ["2025-10-25T21:10", "2026-10-24T22:10"]),
    ],
)
def test_next_fire__known_changes__fires_as_the_rule_says(
    cron: str, tz: str, after: str, expected: list[str]
) -> None:
    schedule, moment, found = parse(cron, tz), at(after), []
    for _ in expected:
        moment = next_fire(schedule, moment)
        found.append(moment)
    assert found == [at(one) for one in expected]


@pytest.mark.parametrize("tz", ["America/New_York", "Europe/Berlin"])
def test_next_fire__minute_job_over_both_changes__every_minute_of_real_time(tz: str) -> None:
    schedule = parse("* * * * *", tz)
    for change in CHANGES[tz]:
        fire = change
        for _ in range(720):
            following = next_fire(schedule, fire)
            assert following - fire == MINUTE
            fire = following


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("cron", "why"),
    [
        ("", "5 fields"),
        ("* * * *", "5 fields"),
        ("* * * * * *", "5 fields"),
        ("@daily", "5 fields"),
        ("@reboot", "5 fields"),
        ("R * * * *", "nobody chose"),
        ("0 h/3 * * *", "nobody chose"),
        ("0,r 0 * * *", "nobody chose"),
        ("0 0 * * $", "may stand"),
        ("0 0 * * 月", "may stand"),
        ("60 * * * *", "out of range"),
        ("0 24 * * *", "out of range"),
        ("0 0 * * foo", "out of range"),
        ("0 0 30 2 *", "never comes"),
    ],
)
def test_parse__wrong_expression__says_what_is_wrong(cron: str, why: str) -> None:
    with pytest.raises(Permanent, match=why) as caught:
        parse(cron, "Asia/Tokyo")
    assert repr(cron) in str(caught.value)


@pytest.mark.parametrize("tz", ["", "Tokyo", "Asia/Edo", "../../etc/passwd", "/etc/passwd", "Asia"])
def test_parse__wrong_timezone__says_so(tz: str) -> None:
    with pytest.raises(Permanent, match="no timezone"):
        parse("0 0 * * *", tz)


@pytest.mark.parametrize("cron", ["0 0 * * thu", "0 0 1 mar *", "0 0 * apr,mar fri", "0 0 l * *", "0 0 * * 5#1"])
def test_parse__names_and_last_days__are_taken(cron: str) -> None:
    assert parse(cron, "UTC").cron == cron


# ---------------------------------------------------------------- what was missed


def test_due__nothing_came__none() -> None:
    schedule = parse("0 * * * *", "UTC")
    assert due(schedule, at("2026-03-02T12:00"), at("2026-03-02T12:59"), Missed.ONCE) is None


def test_due__settled_in_the_future__none() -> None:
    schedule = parse("* * * * *", "UTC")
    assert due(schedule, at("2026-03-02T12:00"), at("2026-03-01T12:00"), Missed.ONCE) is None


def test_due__on_time__fires_and_misses_nothing() -> None:
    schedule, noon = parse("* * * * *", "UTC"), at("2026-03-02T12:00")
    assert due(schedule, noon - MINUTE, noon, Missed.SKIP) == Due(noon, noon, 0)


def test_due__a_little_late__still_fires_under_both_policies() -> None:
    schedule, noon = parse("0 12 * * *", "UTC"), at("2026-03-02T12:00")
    for policy in Missed:
        assert due(schedule, noon - MINUTE, noon + MINUTE, policy) == Due(noon, noon, 0)


def test_due__after_a_night_asleep__skip_passes_over_and_once_makes_up_once() -> None:
    schedule = parse("0 * * * *", "UTC")
    slept, woke = at("2026-03-01T22:30"), at("2026-03-02T06:30")
    six = at("2026-03-02T06:00")
    assert due(schedule, slept, woke, Missed.SKIP) == Due(None, six, 8)
    assert due(schedule, slept, woke, Missed.ONCE) == Due(six, six, 7)


def test_due__after_a_year_asleep__the_count_is_cut() -> None:
    schedule = parse("* * * * *", "UTC")
    slept, woke = at("2025-03-02T00:00"), at("2026-03-02T00:00")
    assert due(schedule, slept, woke, Missed.SKIP) == Due(woke, woke, MISSED_COUNTED)
    late = woke + timedelta(seconds=61)
    assert due(schedule, slept, late, Missed.SKIP) == Due(woke + MINUTE, woke + MINUTE, MISSED_COUNTED)
    yearly = parse("0 0 1 1 *", "UTC")
    assert due(yearly, at("1926-03-02T00:00"), woke, Missed.SKIP) == Due(None, at("2026-01-01T00:00"), 100)


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(st.integers(-7200, 7200), min_size=1, max_size=25),
    policy=st.sampled_from(Missed),
    cron=st.sampled_from(["* * * * *", "*/15 * * * *", "30 2 * * *"]),
)
def test_due__the_wall_clock_wanders__no_fire_time_comes_twice(
    steps: list[int], policy: Missed, cron: str
) -> None:
    schedule = parse(cron, "America/New_York")
    now = settled = at("2026-11-01T04:00")
    fired: list[datetime] = []
    for step in steps:
        now += timedelta(seconds=step)
        found = due(schedule, settled, now, policy)
        if found is None:
            continue
        assert settled < found.newest <= now
        settled = found.newest
        if found.fire:
            fired.append(found.fire)
    assert len(fired) == len(set(fired))


def test_next_fire__in_the_hour_that_is_shown_again__passes_over_what_is_repeated() -> None:
    schedule = parse("30 1 * * *", "America/New_York")
    assert next_fire(schedule, at("2026-11-01T06:10")) == at("2026-11-02T06:30")  # 01:10 for the second time
