from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from ultrad.core import periods
from ultrad.core.periods import MOST_CAUGHT_UP, ReportKind

TOKYO, NEW_YORK = ZoneInfo("Asia/Tokyo"), ZoneInfo("America/New_York")
SUNDAY = date(2026, 11, 22)
HOUR_MS = 3_600_000
FIRE = datetime(2026, 11, 23, 0, 30, tzinfo=TOKYO)


def ms(*at: int, zone: ZoneInfo = TOKYO) -> int:
    return round(datetime(*at, tzinfo=zone).timestamp() * 1_000)  # type: ignore[misc,arg-type]


def test_day__in_tokyo__midnight_to_midnight() -> None:
    period = periods.day(SUNDAY, TOKYO)
    assert (period.since_ms, period.until_ms) == (ms(2026, 11, 22), ms(2026, 11, 23))
    assert period.name == "daily-2026-11-22"


@pytest.mark.parametrize(("month", "of", "hours"), [(3, 8, 23), (11, 1, 25), (7, 1, 24)])
def test_day__offset_changes_in_it__is_as_long_as_the_clock_shows(month: int, of: int, hours: int) -> None:
    period = periods.day(date(2026, month, of), NEW_YORK)
    assert period.until_ms - period.since_ms == hours * HOUR_MS


@pytest.mark.parametrize("day", range(16, 23))
def test_week__any_day_of_it__monday_to_sunday(day: int) -> None:
    period = periods.week(date(2026, 11, day), TOKYO)
    assert period.name == "weekly-2026-11-16"
    assert (period.since_ms, period.until_ms) == (ms(2026, 11, 16), ms(2026, 11, 23))


def test_before__fire_time_in_another_zone__counts_as_local_time() -> None:
    fire = FIRE.astimezone(UTC)
    assert periods.before(ReportKind.DAILY, fire, TOKYO).name == "daily-2026-11-22"
    assert periods.before(ReportKind.WEEKLY, fire, TOKYO).name == "weekly-2026-11-16"


@pytest.mark.parametrize(
    ("made", "names"),
    [
        ((), ["daily-2026-11-22"]),
        (("daily-2026-11-22",), []),
        (("daily-2026-11-20",), ["daily-2026-11-21", "daily-2026-11-22"]),
        (("daily-2027-01-01", "daily-2026-11-21"), ["daily-2026-11-22"]),  # the clock ran ahead once
    ],
)
def test_owed__reports_were_made__those_since_then_oldest_first(made: tuple[str, ...], names: list[str]) -> None:
    assert [one.name for one in periods.owed(ReportKind.DAILY, FIRE, TOKYO, made)] == names


def test_owed__down_for_a_month__no_more_than_can_be_read() -> None:
    owed = periods.owed(ReportKind.WEEKLY, FIRE, TOKYO, ("weekly-2025-01-06",))
    assert len(owed) == MOST_CAUGHT_UP
    assert owed[-1].name == "weekly-2026-11-16"


@pytest.mark.parametrize("name", ["daily-2026-11-22", "weekly-2026-11-16", "situation-1795327200000"])
def test_named__a_report__its_period(name: str) -> None:
    period = periods.named(name, TOKYO)
    assert period is not None
    assert period.name == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "daily-2026-02-30",
        "hourly-2026-11-22",
        "daily-2026-11-22x",
        "situation-",
        "daily-9999-12-31",
        "weekly-9999-12-31",
        "daily-0001-01-01",
        "weekly-0001-01-01",
        "situation-9999999999999999",
    ],
)
def test_named__anything_else__none(name: str) -> None:
    assert periods.named(name, TOKYO) is None


@pytest.mark.parametrize("name", ["daily-1971-01-01", "weekly-8999-12-31", "situation-221845391999999"])
def test_named__at_the_ends_of_time__can_be_told_of(name: str) -> None:
    period = periods.named(name, TOKYO)
    assert period is not None
    assert periods.title(period, TOKYO).args
    assert list(periods.ticks(period, TOKYO))


def test_title__each_kind__names_the_time() -> None:
    at_ms = ms(2026, 11, 22, 15)
    assert str(periods.title(periods.day(SUNDAY, TOKYO), TOKYO)) == "Daily report 2026-11-22"
    assert str(periods.title(periods.week(SUNDAY, TOKYO), TOKYO)) == "Weekly report 2026-11-16 to 2026-11-22"
    assert str(periods.title(periods.situation(at_ms), TOKYO)) == "Situation report 2026-11-22 15:00:00"


def test_ticks__hour_day_week_and_year__few_and_within() -> None:
    year = periods.Period(ReportKind.WEEKLY, "year", ms(2026, 1, 1), ms(2027, 1, 1))
    for period, first, second in (
        (periods.situation(ms(2026, 11, 22, 15)), "14:00", "14:10"),
        (periods.day(SUNDAY, TOKYO), "00:00", "03:00"),
        (periods.week(SUNDAY, TOKYO), "11-16", "11-17"),
        (year, "01-01", "02-15"),
    ):
        marks = list(periods.ticks(period, TOKYO))
        assert [label for _, label in marks[:2]] == [first, second]
        assert all(period.since_ms <= at_ms <= period.until_ms for at_ms, _ in marks)
        assert len(marks) <= 9


def test_owed__every_day_of_a_year__each_once() -> None:
    made: list[str] = []
    for day in range(365):
        fire = FIRE + timedelta(days=day)
        made += [one.name for one in periods.owed(ReportKind.DAILY, fire, TOKYO, made)]
    assert len(set(made)) == len(made) == 365
