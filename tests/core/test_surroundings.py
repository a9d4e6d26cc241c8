"""Room, clock, backups and logs: each against its limits, at their edges."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.make import at
from ultrad.core.backup_age import BackupLimits, Newest, backup_age
from ultrad.core.capacity import MIB, CapacityLimits, DiskUse, capacity
from ultrad.core.events import Event, Level, Origin, Recorded, Severity
from ultrad.core.log_scan import MOST_TEXT, LogLine, log_scan, of_events
from ultrad.core.sights import EXIT_CODES, Area, Sight, findings, in_order, worst
from ultrad.core.timekeeping import ClockLimits, Told, timekeeping, told
from ultrad.i18n import msg

LIMITS = CapacityLimits(warn_free_pct=15, warn_free_mb=1_000, alert_free_pct=5, alert_free_mb=250)
CLOCK = ClockLimits(warn_ms=3_000, alert_ms=20_000)
BACKUPS = BackupLimits(warn_h=26, alert_h=50)
MINUTE_MS, HOUR_MS = 60_000, 3_600_000
AT_MS = 10**12


def use(free_mb: int, total_mb: int, free_inodes: int = 100, total_inodes: int = 100) -> DiskUse:
    return DiskUse(free_mb * MIB, total_mb * MIB, free_inodes, total_inodes)


# ---------------------------------------------------------------- sights


def sight(level: Level, area: Area = Area.LOGS, code: str = "x") -> Sight:
    return Sight(area, "s", level, Origin.CODE, msg("so"), code=code)


def test_sights__worst_and_exit_code() -> None:
    assert worst(()) is Level.INFO
    assert worst((sight(Level.WARNING), sight(Level.ALERT), sight(Level.INFO))) is Level.ALERT
    assert [EXIT_CODES[level] for level in Level] == [0, 1, 4, 5, 5]


def test_sights__findings__of_what_is_wrong_and_told_by_nobody_else() -> None:
    (found,) = findings((sight(Level.INFO), sight(Level.ALERT, code=""), sight(Level.WARNING)))
    assert (found.code, found.subject, found.level, found.origin) == ("x", "s", Level.WARNING, Origin.CODE)
    assert str(found.message) == "so"


def test_sights__in_order__by_area_and_as_they_came() -> None:
    lines = (sight(Level.INFO, Area.LOGS), sight(Level.ALERT, Area.STOP), sight(Level.WARNING, Area.STOP))
    assert [(one.area, one.level) for one in in_order(lines)] == [
        (Area.STOP, Level.ALERT),
        (Area.STOP, Level.WARNING),
        (Area.LOGS, Level.INFO),
    ]


# ---------------------------------------------------------------- room


@pytest.mark.parametrize(
    ("seen", "level"),
    [
        (use(1_500, 10_000), Level.INFO),
        (use(1_499, 10_000), Level.WARNING),  # under 15 %
        (use(1_000, 5_000), Level.INFO),
        (use(999, 5_000), Level.WARNING),  # under 1000 MiB, though 19 %
        (use(5_000, 100_000), Level.WARNING),
        (use(4_999, 100_000), Level.ALERT),  # under 5 %
        (use(250, 300), Level.WARNING),
        (use(249, 300), Level.ALERT),  # under 250 MiB, though 83 %
        (use(9_000, 10_000, 15, 100), Level.INFO),
        (use(9_000, 10_000, 14, 100), Level.WARNING),
        (use(9_000, 10_000, 4, 100), Level.ALERT),
        (use(9_000, 10_000, 0, 0), Level.INFO),  # a file system that makes inodes as it goes
    ],
)
def test_capacity__bytes_and_inodes__by_the_worse(seen: DiskUse, level: Level) -> None:
    line = capacity("state", "/var/lib/ultrad", seen, LIMITS)
    assert line.level is level
    assert (line.area, line.origin, line.subject) == (Area.CAPACITY, Origin.INFRASTRUCTURE, "state")
    assert (line.severity is Severity.S2) is (level is Level.ALERT)
    assert (line.remedy is not None) is (level is not Level.INFO)
    (found,) = findings((line,)) or (None,)
    assert found is None or "df -h /var/lib/ultrad" in str(found.message)


def test_capacity__an_empty_file_system__is_no_division_by_zero() -> None:
    assert capacity("logs", "/x", DiskUse(0, 0, 0, 0), LIMITS).level is Level.ALERT


# ---------------------------------------------------------------- clock


@pytest.mark.parametrize(
    ("answers", "level"),
    [
        ([Told("a", 3_500, 500)], Level.INFO),  # it may be 3.0 s
        ([Told("a", 3_501, 500)], Level.WARNING),
        ([Told("a", -3_501, 500)], Level.WARNING),
        ([Told("a", 20_501, 500)], Level.ALERT),
        ([Told("a", 900_000, 500), Told("b", 0, 500)], Level.INFO),  # one of two lies, and nobody knows which
        ([Told("a", 900_000, 500), Told("b", 0, 500), Told("c", 899_000, 500)], Level.ALERT),
        ([Told("a", 900_000, 500), Told("b", 100, 500), Told("c", -100, 500)], Level.INFO),
    ],
)
def test_timekeeping__by_the_middle_one(answers: list[Told], level: Level) -> None:
    line = timekeeping(answers, CLOCK)
    assert (line.level, line.known, line.code) == (level, True, "clock_off")
    assert (line.severity is Severity.S2) is (level is Level.ALERT)


def test_timekeeping__nobody_told__is_unknown() -> None:
    line = timekeeping([], CLOCK)
    assert (line.level, line.known) == (Level.INFO, False)


@pytest.mark.parametrize(
    ("offset_ms", "words"), [(0, "right to"), (9_000, "9.0 s behind"), (-9_000, "9.0 s ahead")]
)
def test_timekeeping__says_which_way(offset_ms: int, words: str) -> None:
    assert words in str(timekeeping([Told("a", offset_ms, 500)], CLOCK).message)


@given(st.integers(-(10**7), 10**7), st.integers(0, 20_000), st.integers(0, 20_000), st.integers(0, 10**12))
def test_told__any_clock_and_way__what_is_true_lies_within_the_spread(
    off_ms: int, there_ms: int, back_ms: int, true_ms: int
) -> None:
    """off_ms: how far behind our clock is. The server reads its own, which is right, in between."""
    said = told("a", (true_ms + there_ms) // 1_000, true_ms - off_ms, true_ms - off_ms + there_ms + back_ms)
    assert abs(said.offset_ms - off_ms) <= said.spread_ms + 1


# ---------------------------------------------------------------- backups


@pytest.mark.parametrize(
    ("age_ms", "level"),
    [
        (-HOUR_MS, Level.INFO),
        (26 * HOUR_MS, Level.INFO),
        (26 * HOUR_MS + 1, Level.WARNING),
        (50 * HOUR_MS, Level.WARNING),
        (50 * HOUR_MS + 1, Level.ALERT),
    ],
)
def test_backup_age__against_its_limits(age_ms: int, level: Level) -> None:
    line = backup_age(Newest("daily-1", AT_MS - age_ms, 123), AT_MS, BACKUPS)
    assert line.level is level
    assert (line.remedy is not None) is (level is not Level.INFO)


@pytest.mark.parametrize(
    ("ago_ms", "words"), [(None, "None was restored"), (-5, " 0 days ago"), (8 * 24 * HOUR_MS, " 8 days ago")]
)
def test_backup_age__restored_and_checked__is_said(ago_ms: int | None, words: str) -> None:
    verified_ms = None if ago_ms is None else AT_MS - ago_ms
    assert words in str(backup_age(Newest("daily-1", AT_MS, 123, verified_ms), AT_MS, BACKUPS).message)


def test_backup_age__none__is_an_alert() -> None:
    line = backup_age(None, AT_MS, BACKUPS)
    assert (line.level, line.severity, line.figures) == (Level.ALERT, Severity.S2, ())


# ---------------------------------------------------------------- logs


def line(
    minutes_ago: float, level: Level = Level.WARNING, source: str = "backup.log", text: str = "oh"
) -> LogLine:
    return LogLine(source, AT_MS - round(minutes_ago * MINUTE_MS), level, text)


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [line(30), line(1)],
        [line(61), line(30), line(1)],  # one of three is older than an hour
        [line(9.9), line(5), line(0)],  # within ten minutes
        [line(50), line(40), line(15.1)],  # over
        [line(50, source="a"), line(30, source="b"), line(1, source="c")],
        [line(30, Level.EMERGENCY, "healthcheck.log")],
    ],
)
def test_log_scan__nothing_severe_or_lasting__one_line_says_so(lines: list[LogLine]) -> None:
    (found,) = log_scan(lines, AT_MS)
    assert (found.level, found.area) == (Level.INFO, Area.LOGS)


def test_log_scan__severe_and_lasting__a_line_for_each_source() -> None:
    lasting = [line(10), line(5), line(0, text="x" * 500)]
    severe, lasts = log_scan(
        [*lasting, line(59, Level.CRITICAL, "a.log", "fell over"), line(1, source="a.log")], AT_MS
    )
    assert (severe.subject, severe.severity, severe.level) == ("a.log", Severity.S2, Level.WARNING)
    assert "1 severe" in str(severe.message)
    assert "fell over" in str(severe.message)
    assert (lasts.subject, lasts.severity, lasts.level) == ("backup.log", Severity.S3, Level.WARNING)
    assert len(str(lasts.message)) < 2 * MOST_TEXT


def test_of_events__what_is_told_by_itself__is_left_out() -> None:
    def event(kind: str, level: Level = Level.ALERT) -> Recorded:
        return Recorded(1, "", Event(kind, level, at(1), msg("said")))

    kinds = ("finding.raised", "notice.given_up", "estop.on", "job.failed.x", "chain.told", "findings.lost")
    found = of_events([*map(event, kinds), event("chain.told", Level.INFO)])
    assert [one.source for one in found] == ["chain.told", "findings.lost"]
    assert found[0].text == "said"
