"""What status and machine say, line by line."""

from dataclasses import replace

import pytest

from tests.core.make import at, recorded
from tests.fakes import operations
from tests.fakes.operations import NOW, ON
from ultrad.core.estop import Mode
from ultrad.core.events import Event, Level, Origin
from ultrad.core.sights import Area, Sight, worst
from ultrad.core.sights_of_machine import (
    barred_sight,
    daemon_sight,
    down_sight,
    ntp_sight,
    running_config,
    unanswered_sight,
    unit_sights,
)
from ultrad.core.sights_of_status import LATE_MS, MOST_CHANGES, change_sights, status_sights
from ultrad.core.status import ChannelLine, JournalStatus, Status
from ultrad.i18n import msg

CHANNEL = ChannelLine("infra", None, None, NOW.wall_ms, 0, None)


def fine() -> Status:
    """A daemon of which nothing is to be said."""
    return replace(
        operations.status(),
        findings=(),
        incidents=(),
        channels=(CHANNEL,),
        parts=(operations.part(),),
        jobs=(operations.job(),),
        journal=JournalStatus(7, "ab", 0, None),
    )


def of(area: Area, status: Status) -> tuple[Sight, ...]:
    return tuple(one for one in status_sights(status) if one.area is area)


def test_status__all_is_well__a_line_for_each_area_and_none_is_bad() -> None:
    lines = status_sights(fine())
    assert worst(lines) is Level.INFO
    assert [one.area for one in lines] == [Area.STOP, Area.PARTS, Area.JOBS, Area.FILES, Area.FINDINGS]


@pytest.mark.parametrize(("mode", "level"), [(Mode.ON, Level.ALERT), (Mode.OVERRIDDEN, Level.WARNING)])
def test_status__the_stop__with_its_causes(mode: Mode, level: Level) -> None:
    (line,) = of(Area.STOP, replace(fine(), estop=replace(ON, mode=mode)))
    assert line.level is level
    assert "hf_trip" in str(line.message)
    assert "ultrad resume" in str(line.remedy)


def test_status__on_without_a_cause__is_said_all_the_same() -> None:
    (line,) = of(Area.STOP, replace(fine(), estop=replace(ON, causes=())))
    assert str(line.message) == "The emergency stop is ON: –."


def test_status__late_parts__critical_each() -> None:
    parts = (operations.part("watch", late=True), operations.part("age", late=True), operations.part())
    assert [(one.subject, one.level) for one in of(Area.PARTS, replace(fine(), parts=parts))] == [
        ("watch", Level.CRITICAL),
        ("age", Level.CRITICAL),
    ]


@pytest.mark.parametrize(
    ("change", "level"),
    [
        ({"next_ms": NOW.wall_ms - LATE_MS}, None),
        ({"next_ms": NOW.wall_ms - LATE_MS - 1}, Level.ALERT),
        ({"next_ms": NOW.wall_ms - LATE_MS - 1, "running": True}, None),
        ({"next_ms": None, "enabled": False}, None),
        ({"next_ms": None}, None),
        ({"last_ok": None}, None),
        ({"last_ok": False}, Level.WARNING),
        ({"last_ok": False, "last_message": None}, Level.WARNING),
    ],
)
def test_status__jobs__late_or_failed(change: dict[str, object], level: Level | None) -> None:
    job = replace(operations.job(), **change)  # type: ignore[arg-type]
    (line,) = of(Area.JOBS, replace(fine(), jobs=(job,)))
    assert (line.subject, line.level) == (("", Level.INFO) if level is None else ("health_check", level))


def test_status__a_journal_that_takes_nothing__alert() -> None:
    journal = JournalStatus(7, "ab", 12, msg("the disk is full"))
    (line,) = of(Area.FILES, replace(fine(), journal=journal))
    assert (line.level, line.origin) == (Level.ALERT, Origin.INFRASTRUCTURE)
    assert "the disk is full" in str(line.message)


def test_status__channels__those_that_fail_and_those_that_pay() -> None:
    channels = (
        CHANNEL,
        replace(CHANNEL, name="down", failing_since_ms=1, reason=msg("no route")),
        replace(CHANNEL, name="mute", failing_since_ms=1),
        replace(CHANNEL, name="line", quota_left=12),
        replace(CHANNEL, name="spent", quota_left=0),
    )
    assert [(one.subject, one.level) for one in of(Area.CHANNELS, replace(fine(), channels=channels))] == [
        ("down", Level.ALERT),
        ("mute", Level.ALERT),
        ("line", Level.INFO),
        ("spent", Level.ALERT),
    ]
    (none,) = of(Area.CHANNELS, replace(fine(), channels=()))
    assert none.level is Level.WARNING


def test_status__findings__those_without_a_line_of_their_own_and_incidents() -> None:
    findings = (
        operations.finding("stale", Level.CRITICAL, "endpoint_stale"),
        operations.finding("slow", Level.ALERT, "probe_slow"),
        operations.finding("full", Level.ALERT, "disk_low"),
        operations.finding("said", Level.INFO, "rescue_off"),
    )
    bare = replace(findings[0], finding=replace(findings[0].finding, subject=""))
    status = replace(
        fine(), findings=(*findings, bare), incidents=(operations.incident(3), operations.incident(5))
    )
    lines = of(Area.FINDINGS, status)
    assert [(one.subject, one.level) for one in lines] == [
        ("endpoint_stale:alpha", Level.CRITICAL),
        ("endpoint_stale", Level.CRITICAL),
        ("incidents", Level.WARNING),
    ]
    assert "3, 5" in str(lines[-1].message)


def test_changes__the_newest__with_their_times() -> None:
    events = recorded(*(Event("config.changed", Level.INFO, at(n), msg("change {n}", n=n)) for n in range(9)))
    lines = change_sights(reversed(events))
    assert len(lines) == MOST_CHANGES
    assert str(lines[0].message) == "#9 change 8"
    assert lines[0].figures == (("at_ms", str(at(8).wall_ms)),)


# ---------------------------------------------------------------- the machine

ACTIVE = {
    "LoadState": "loaded",
    "ActiveState": "active",
    "SubState": "running",
    "UnitFileState": "enabled",
    "NRestarts": "0",
}


@pytest.mark.parametrize(
    ("shown", "levels"),
    [
        (None, [Level.INFO]),
        ({"LoadState": "not-found"}, [Level.WARNING]),
        ({}, [Level.WARNING]),
        (ACTIVE, [Level.INFO]),
        ({**ACTIVE, "ActiveState": "reloading"}, [Level.INFO]),
        ({**ACTIVE, "NRestarts": "2"}, [Level.WARNING]),
        ({**ACTIVE, "ActiveState": "failed", "NRestarts": "2"}, [Level.CRITICAL]),
        ({**ACTIVE, "ActiveState": "inactive"}, [Level.CRITICAL]),
        ({**ACTIVE, "UnitFileState": "disabled"}, [Level.INFO, Level.WARNING]),
        ({**ACTIVE, "UnitFileState": ""}, [Level.INFO, Level.WARNING]),
    ],
)
def test_unit__as_systemd_shows_it(shown: dict[str, str] | None, levels: list[Level]) -> None:
    lines = unit_sights(shown)
    assert [one.level for one in lines] == levels
    assert all(one.remedy is not None for one in lines if one.level > Level.INFO)
    assert all(one.known is (shown is not None) for one in lines)


def test_daemon__versions__differ_or_not() -> None:
    assert daemon_sight(None, "1").level is daemon_sight("1", "1").level is Level.INFO
    other = daemon_sight("1", "2")
    assert (other.level, str(other.remedy)) == (Level.WARNING, "systemctl restart ultrad")
    barred = barred_sight(msg("not yours"))
    assert (barred.level, barred.known) == (Level.WARNING, False)
    assert down_sight(msg("nobody")).level is Level.CRITICAL
    assert unanswered_sight(msg("not now")).level is Level.ALERT


def test_ntp__said_only_where_somebody_knows() -> None:
    assert ntp_sight(kept=None) == ()
    assert [one.level for one in ntp_sight(kept=True)] == [Level.INFO]
    assert [one.level for one in ntp_sight(kept=False)] == [Level.WARNING]


def test_running_config__the_file_against_what_runs() -> None:
    newest = recorded(Event("config.changed", Level.INFO, at(1), msg("x"), {"fingerprint": "abc"}))
    assert running_config((), "abc") == ()
    assert [one.level for one in running_config(newest, "abc")] == [Level.INFO]
    assert [one.level for one in running_config(newest, "abd")] == [Level.WARNING]
