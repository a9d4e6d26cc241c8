"""`[checks]`: when the daemon's own surroundings are a warning, and when an alert."""

from collections.abc import Iterator

from pydantic import Field

from ultrad.config.mistakes import Mistake
from ultrad.config.section import Section, whole
from ultrad.core.backup_age import BackupLimits
from ultrad.core.capacity import CapacityLimits
from ultrad.core.timekeeping import ClockLimits
from ultrad.i18n import msg


class ChecksSection(Section):
    """`[checks]`: the figures of `health_check` and `ultrad doctor`."""

    disk_warn_free_pct: int = whole(
        15, 1, 90, "Under this share of free bytes or inodes a disk is told of.", looser="down"
    )
    disk_warn_free_mb: int = whole(
        1_024, 1, 10**7, "The same in MiB: small disks have large shares.", looser="down"
    )
    disk_alert_free_pct: int = whole(5, 1, 90, "Under this share it is an alert, and an S2.", looser="down")
    disk_alert_free_mb: int = whole(256, 1, 10**7, "The same in MiB. A bad day writes some 50.", looser="down")
    clock_warn_s: int = whole(
        3, 1, 600, "How far off the clock may be. What it is compared with has whole seconds.", looser="up"
    )
    clock_alert_s: int = whole(
        20, 2, 3_600, "The same for an alert: heads of the chain look stale or in the future.", looser="up"
    )
    backup_warn_h: int = whole(26, 1, 720, "How old the newest backup may be; they are daily.", looser="up")
    backup_alert_h: int = whole(50, 2, 1_440, "The same for an alert: two were missed.", looser="up")
    credentials_minutes: int = Field(
        default=60,
        ge=5,
        le=1_440,
        description="How often channels are asked whether they know us; each answer counts against their limits.",
        json_schema_extra={"looser": "up"},
    )


_PAIRS = (
    ("disk_alert_free_pct", "disk_warn_free_pct"),
    ("disk_alert_free_mb", "disk_warn_free_mb"),
    ("clock_warn_s", "clock_alert_s"),
    ("backup_warn_h", "backup_alert_h"),
)
"""Which comes first: an alert is never told of before its warning."""


def mistakes_in_checks(checks: ChecksSection) -> Iterator[Mistake]:
    """All that is wrong between the keys of this section."""
    for low, high in _PAIRS:
        if getattr(checks, low) > getattr(checks, high):
            yield Mistake(
                (f"checks.{low}", f"checks.{high}"),
                msg(
                    "checks.{low_key} = {low} must not be over checks.{high_key} = {high}.",
                    low_key=low,
                    low=str(getattr(checks, low)),
                    high_key=high,
                    high=str(getattr(checks, high)),
                ),
            )


def capacity_limits(section: ChecksSection) -> CapacityLimits:
    """The limits of disks."""
    return CapacityLimits(
        warn_free_pct=section.disk_warn_free_pct,
        warn_free_mb=section.disk_warn_free_mb,
        alert_free_pct=section.disk_alert_free_pct,
        alert_free_mb=section.disk_alert_free_mb,
    )


def clock_limits(section: ChecksSection) -> ClockLimits:
    """The limits of the clock."""
    return ClockLimits(warn_ms=section.clock_warn_s * 1_000, alert_ms=section.clock_alert_s * 1_000)


def backup_limits(section: ChecksSection) -> BackupLimits:
    """The limits of backups."""
    return BackupLimits(warn_h=section.backup_warn_h, alert_h=section.backup_alert_h)
