from ultrad.core import outbox, report_rules
from ultrad.core.events import Level, Recorded, Severity
from ultrad.core.periods import Period, ReportKind
from ultrad.core.report_order import Made
from ultrad.core.telling import Why
from ultrad.i18n import msg
from ultrad.units import Now

NOW = Now(5_000_000, 1_000)
PERIOD = Period(ReportKind.DAILY, "daily-2026-11-22", 1_000, 2_000)
MADE = Made("daily-2026-11-22", msg("Daily"), (msg("one"), msg("two")), 7, "ab" * 32, "a.html", "a.png")


def test_report_queued__daily__a_quiet_notice_with_its_picture_to_each_channel_once() -> None:
    keys = {"slack": "k1", "line": "k2"}
    event = report_rules.report_queued(MADE, ReportKind.DAILY, ("slack", "line"), keys, NOW)
    box = outbox.fold((Recorded(1, "", event),))
    told = box.waiting[0].told
    assert [(one.channel, one.key) for one in box.waiting] == [("slack", "k1"), ("line", "k2")]
    assert (told.why, told.severity, told.level, told.picture) == (Why.REPORT, Severity.S3, Level.INFO, "a.png")
    assert not told.pressing
    assert event.key == told.notice == report_rules.notice_id("daily-2026-11-22")
    assert report_rules.report_named(told.notice) == "daily-2026-11-22"


def test_report_queued__situation__goes_ahead_of_all_and_waits_for_no_disk() -> None:
    event = report_rules.report_queued(MADE, ReportKind.SITUATION, ("slack",), {"slack": "k"}, NOW)
    (waiting,) = outbox.fold((Recorded(1, "", event),)).waiting
    assert (waiting.told.severity, waiting.told.level) == (Severity.S1, Level.EMERGENCY)
    assert waiting.told.pressing


def test_made_event__carries_head_and_period__keyed_by_the_report() -> None:
    event = report_rules.made_event(MADE, PERIOD, NOW)
    assert (event.kind, event.key) == ("report.made.daily", "daily-2026-11-22")
    assert (event.data["seq"], event.data["hash"], event.data["until_ms"]) == (7, "ab" * 32, 2_000)


def test_out_event__with_and_without_channel__keyed_by_the_report() -> None:
    assert str(report_rules.out_event("daily-1", ReportKind.DAILY, "line", NOW).message).endswith("(line).")
    event = report_rules.out_event("daily-1", ReportKind.DAILY, "", NOW)
    assert (event.kind, event.key) == ("report.out.daily", "daily-1")


def test_late_finding__known_reason_or_none__an_s2_that_says_what_to_do() -> None:
    finding = report_rules.late_finding(ReportKind.WEEKLY, "weekly-1", 95, msg("the disk is full"))
    assert (finding.key, finding.severity) == (("report_late", "weekly"), Severity.S2)
    assert "95 minutes" in str(finding.message)
    assert "the disk is full Look: ultrad jobs" in str(finding.message)
    assert "ultrad job run monitor_weekly" in str(finding.message)
    assert "no channel has taken it" in str(report_rules.late_finding(ReportKind.DAILY, "x", 1, None).message)


def test_names__of_other_things__are_no_reports() -> None:
    assert report_rules.report_named("notice-1") == ""
    assert report_rules.kind_of("yearly-2026") is None
    assert report_rules.kind_of("situation-1") is ReportKind.SITUATION
    assert "daily-2026-11-22" in str(report_rules.no_report("x"))
