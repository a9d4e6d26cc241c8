"""Room on a file system, for bytes and for files, against the operators' limits."""

from dataclasses import dataclass

from ultrad.core.events import Level, Origin, Severity
from ultrad.core.sights import Area, Sight
from ultrad.i18n import Message, msg

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class DiskUse:
    """As statvfs(3) tells it to who is not root. total_inodes: 0 where the file system makes them as it goes."""

    free_bytes: int
    total_bytes: int
    free_inodes: int
    total_inodes: int


@dataclass(frozen=True, slots=True)
class CapacityLimits:
    """Under either figure of a pair it is a warning, or an alert. The percentages hold for inodes as well."""

    warn_free_pct: int
    warn_free_mb: int
    alert_free_pct: int
    alert_free_mb: int


def capacity(place: str, directory: str, use: DiskUse, limits: CapacityLimits) -> Sight:
    """The file system under a directory. place: what lies there, by a short name."""
    level = _level(use, limits)
    percent = _percent(use.free_bytes, use.total_bytes)
    inodes = _percent(use.free_inodes, use.total_inodes)
    said = msg(
        "{directory}: {free} MiB are free ({percent} %), and {inodes} % of its inodes.",
        directory=directory,
        free=use.free_bytes // MIB,
        percent=percent,
        inodes=inodes,
    )
    remedy: Message | None = None
    if level is not Level.INFO:
        remedy = msg(
            "Make room there (`df -h {directory}`, `df -i {directory}`): a full disk stops trading, not the"
            " watch.",
            directory=directory,
        )
    return Sight(
        area=Area.CAPACITY,
        subject=place,
        level=level,
        origin=Origin.INFRASTRUCTURE,
        message=said,
        remedy=remedy,
        code="disk_low",
        severity=Severity.S2 if level >= Level.ALERT else Severity.S3,
        figures=(("free_mb", str(use.free_bytes // MIB)), ("free_pct", str(percent)), ("inodes_pct", str(inodes))),
    )


def _level(use: DiskUse, limits: CapacityLimits) -> Level:
    for level, percent, megabytes in (
        (Level.ALERT, limits.alert_free_pct, limits.alert_free_mb),
        (Level.WARNING, limits.warn_free_pct, limits.warn_free_mb),
    ):
        if (
            use.free_bytes < megabytes * MIB
            or use.free_bytes * 100 < percent * use.total_bytes
            or use.free_inodes * 100 < percent * use.total_inodes
        ):
            return level
    return Level.INFO


def _percent(part: int, whole: int) -> int:
    """Rounded down; all of it where there is no whole."""
    return part * 100 // whole if whole else 100
