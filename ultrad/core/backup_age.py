"""How old the newest backup is, against the operators' limits."""

from dataclasses import dataclass

from ultrad.core.events import Level, Origin, Severity
from ultrad.core.limits import HOUR_MS
from ultrad.core.sights import Area, Sight
from ultrad.i18n import Message, msg


@dataclass(frozen=True, slots=True)
class BackupLimits:
    """How old the newest may be before it is a warning, or an alert. They are made once a day."""

    warn_h: int
    alert_h: int


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest sound backup. at_ms: when it was made; verified_ms: when one was last restored and checked."""

    name: str
    at_ms: int
    size_bytes: int
    verified_ms: int | None = None


def backup_age(newest: Newest | None, now_ms: int, limits: BackupLimits) -> Sight:
    """newest: None where there is none."""
    if newest is None:
        return _sight(
            Level.ALERT,
            msg("There is no sound backup."),
            msg("Make one now: ultrad job run backup_daily"),
            "",
        )
    age_ms = max(0, now_ms - newest.at_ms)
    level = (
        Level.ALERT
        if age_ms > limits.alert_h * HOUR_MS
        else Level.WARNING
        if age_ms > limits.warn_h * HOUR_MS
        else Level.INFO
    )
    said = msg(
        "The newest backup is {hours} h old: {name}, {size} bytes. {verified}",
        hours=age_ms // HOUR_MS,
        name=newest.name,
        size=newest.size_bytes,
        verified=_verified(newest.verified_ms, now_ms),
    )
    remedy = msg("See why none was made since: `ultrad jobs`, backup_daily.log.") if level > Level.INFO else None
    return _sight(level, said, remedy, str(age_ms // HOUR_MS))


def _verified(verified_ms: int | None, now_ms: int) -> Message:
    if verified_ms is None:
        return msg("None was restored and checked yet.")
    return msg(
        "One was restored and checked {days} days ago.", days=max(0, now_ms - verified_ms) // (24 * HOUR_MS)
    )


def _sight(level: Level, message: Message, remedy: Message | None, hours: str) -> Sight:
    return Sight(
        area=Area.BACKUPS,
        subject="",
        level=level,
        origin=Origin.INFRASTRUCTURE,
        message=message,
        remedy=remedy,
        code="backup_old",
        severity=Severity.S2 if level is Level.ALERT else Severity.S3,
        figures=(("age_h", hours),) if hours else (),
    )
