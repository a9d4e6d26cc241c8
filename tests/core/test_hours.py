"""When a route is open: exact edges, nights, weekends, and the nights on which an offset changes."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.core.make_notices import OFFICE
from ultrad.core.telling import Hours

TOKYO, NEW_YORK, BERLIN = ZoneInfo("Asia/Tokyo"), ZoneInfo("America/New_York"), ZoneInfo("Europe/Berlin")
UTC = ZoneInfo("UTC")
DAILY = frozenset(range(7))
HOUR_MS = 3_600_000
ROUND_THE_CLOCK = Hours(DAILY, time(9), time(9))
NIGHTS = Hours(frozenset({4}), time(22), time(6))  # Friday's night


def local(text: str, zone: ZoneInfo, *, second: bool = False) -> datetime:
    """A wall time; `second`: the later one, where it is shown twice."""
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=second)


@pytest.mark.parametrize(
    ("text", "expected_ms"),
    [
        ("2026-03-04T09:00:00", 0),
        ("2026-03-04T08:59:59.999", 1),
        ("2026-03-04T17:59:59.999", 0),
        ("2026-03-04T18:00:00", 15 * HOUR_MS),
        ("2026-03-06T18:00:00", 63 * HOUR_MS),  # Friday: until Monday
        ("2026-03-07T12:00:00", 45 * HOUR_MS),
        ("2026-03-09T00:00:00", 9 * HOUR_MS),
    ],
)
def test_closed_for_ms__office_hours__exact_at_their_edges(text: str, expected_ms: int) -> None:
    assert OFFICE.closed_for_ms(local(text, TOKYO)) == expected_ms


@pytest.mark.parametrize(
    ("text", "expected_ms"),
    [
        ("2026-03-06T21:59:59.999", 1),
        ("2026-03-06T22:00:00", 0),
        ("2026-03-07T00:00:00", 0),  # Saturday, but the night is Friday's
        ("2026-03-07T05:59:59.999", 0),
        ("2026-03-07T06:00:00", 160 * HOUR_MS),
        ("2026-03-06T00:00:00", 22 * HOUR_MS),  # Friday, but the night is Thursday's
        ("2026-03-07T22:00:00", 144 * HOUR_MS),
    ],
)
def test_closed_for_ms__over_midnight__counts_as_the_day_it_begins_on(text: str, expected_ms: int) -> None:
    assert NIGHTS.closed_for_ms(local(text, TOKYO)) == expected_ms


@pytest.mark.parametrize("text", ["2026-03-04T08:59:59", "2026-03-04T09:00:00", "2026-03-08T02:30:00"])
def test_closed_for_ms__ends_as_it_begins__never_closes(text: str) -> None:
    assert ROUND_THE_CLOCK.closed_for_ms(local(text, NEW_YORK)) == 0


@pytest.mark.parametrize(
    ("text", "zone", "hours", "expected_h"),
    [
        # Eight hours by the wall, one of which there is not, or there is twice.
        ("2026-03-08T01:00", NEW_YORK, 9, 7.0),
        ("2026-11-01T01:00", NEW_YORK, 9, 9.0),
        ("2026-03-29T01:00", BERLIN, 9, 7.0),
        ("2026-10-25T01:00", BERLIN, 9, 9.0),
        ("2026-03-07T01:00", NEW_YORK, 9, 8.0),
    ],
)
def test_closed_for_ms__a_night_of_a_changed_offset__is_so_much_shorter_or_longer(
    text: str, zone: ZoneInfo, hours: int, expected_h: float
) -> None:
    daily = Hours(DAILY, time(hours), time(18))
    assert daily.closed_for_ms(local(text, zone)) == expected_h * HOUR_MS


@pytest.mark.parametrize(("day", "zone", "hour"), [("2026-11-01", NEW_YORK, 1), ("2026-10-25", BERLIN, 2)])
def test_closed_for_ms__ends_in_an_hour_that_is_shown_twice__is_over_at_the_first(
    day: str, zone: ZoneInfo, hour: int
) -> None:
    nights = Hours(DAILY, time(20), time(hour, 30))
    assert nights.closed_for_ms(local(f"{day}T0{hour}:29", zone)) == 0
    assert nights.closed_for_ms(local(f"{day}T0{hour}:30", zone)) > 0
    assert nights.closed_for_ms(local(f"{day}T0{hour}:10", zone, second=True)) > 0


@pytest.mark.parametrize(("day", "zone", "hour"), [("2026-11-01", NEW_YORK, 1), ("2026-10-25", BERLIN, 2)])
def test_closed_for_ms__begins_in_an_hour_that_is_shown_twice__is_open_from_the_first(
    day: str, zone: ZoneInfo, hour: int
) -> None:
    mornings = Hours(DAILY, time(hour, 30), time(12))
    assert mornings.closed_for_ms(local(f"{day}T0{hour}:29", zone)) == 60_000
    assert mornings.closed_for_ms(local(f"{day}T0{hour}:30", zone)) == 0
    assert mornings.closed_for_ms(local(f"{day}T0{hour}:10", zone, second=True)) == 0


def test_closed_for_ms__no_day_at_all__is_a_mistake_of_the_program() -> None:
    with pytest.raises(AssertionError, match="weekday"):
        Hours(frozenset(), time(9), time(18)).closed_for_ms(local("2026-03-04T09:00", TOKYO))


# Between 01:00 and 03:30 a wall time may be missing: an edge there may lie an hour to either side.
edges = st.times(time(4), time(23, 59)).map(lambda one: one.replace(microsecond=0))
spans = st.builds(Hours, st.frozensets(st.integers(0, 6), min_size=1), edges, edges)
moments = st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)).map(  # noqa: DTZ001 - the zone comes after
    lambda one: one.replace(microsecond=0)
)


@given(spans, moments, st.sampled_from([TOKYO, NEW_YORK, BERLIN]))
def test_closed_for_ms__anywhere_in_a_year__is_as_the_wall_says(
    hours: Hours, moment: datetime, zone: ZoneInfo
) -> None:
    here = moment.replace(tzinfo=UTC).astimezone(zone)
    begins_on = here.date() if here.time() >= hours.begins else here.date() - timedelta(days=1)
    if hours.begins < hours.ends:
        expected = here.weekday() in hours.weekdays and hours.begins <= here.time() < hours.ends
    else:
        in_night = here.time() >= hours.begins or here.time() < hours.ends
        expected = begins_on.weekday() in hours.weekdays and in_night
    assert (hours.closed_for_ms(here) == 0) is expected


@given(spans, moments, st.sampled_from([TOKYO, NEW_YORK, BERLIN]))
def test_closed_for_ms__wherever_it_is_closed__it_is_open_then_and_not_a_moment_before(
    hours: Hours, moment: datetime, zone: ZoneInfo
) -> None:
    start = moment.replace(tzinfo=UTC)
    wait_ms = hours.closed_for_ms(start.astimezone(zone))
    assume(wait_ms)
    opens = start + timedelta(milliseconds=wait_ms)
    assert hours.closed_for_ms(opens.astimezone(zone)) == 0
    assert hours.closed_for_ms((opens - timedelta(milliseconds=1)).astimezone(zone)) == 1
    assert wait_ms <= 7 * 24 * HOUR_MS + HOUR_MS
