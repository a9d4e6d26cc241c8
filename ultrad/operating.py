"""What the operators' jobs work with, put together from the configuration and the world."""

from collections.abc import Awaitable, Callable, Mapping

from ultrad.checks import Check, Checkup
from ultrad.checks.looks import (
    Events,
    alerts_check,
    backups_check,
    channels_check,
    clock_check,
    disks_check,
    logs_check,
)
from ultrad.config import Config, Settings
from ultrad.config.alerts import words_on_alerts
from ultrad.config.checks import backup_limits, capacity_limits, clock_limits
from ultrad.core.estop import Cause
from ultrad.core.events import Level, Origin, Severity
from ultrad.core.sights import Area, Sight
from ultrad.foresight import Foresight
from ultrad.i18n import catalogue, msg
from ultrad.jobs.spec import JobContext, SignalDesk
from ultrad.outside import CheckMeans, Outside
from ultrad.ports import Channel, Clock, Journal
from ultrad.supervisor import contained


def job_context(
    config: Config,
    outside: Outside,
    journal: Journal,
    trip: Callable[[Cause], Awaitable[None]],
    desk: SignalDesk | None,
    ahead: Foresight,
) -> JobContext:
    """What each job is given. desk: where signals are handed in, where there is trading."""
    return JobContext(
        outside.clock,
        outside.chain,
        journal,
        outside.job_log,
        outside.probe_http,
        trip=trip,
        drills=ahead.drills,
        outlook=ahead.outlook.of,
        desk=desk,
        rows=outside.trade.rows if outside.trade else None,
        bot=outside.trade.bot if outside.trade else None,
        text=catalogue(config.settings.language),
        aside=outside.aside,
        checkup=None if outside.checks is None else _checkup(config, outside, outside.checks, journal),
    )


def _checkup(config: Config, outside: Outside, means: CheckMeans, journal: Journal) -> Checkup:
    return Checkup(
        checks_of(config, means, outside.channels, outside.clock, journal.events),
        outside.clock,
        contained,
        outside.report,
    )


def checks_of(
    config: Config, means: CheckMeans, channels: Mapping[str, Channel], clock: Clock, events: Events
) -> tuple[Check, ...]:
    """Every check of a configuration. events: asks the journal; raises Transient."""
    settings = config.settings
    section, backups = settings.checks, means.backups
    kept_at = backups.directory() if backups else None
    places = {"state": settings.state_dir, "logs": settings.log_dir, **({"backups": kept_at} if kept_at else {})}
    return (
        channels_check(channels, clock, section.credentials_minutes * 60),
        alerts_check(alert_sights(settings)),
        disks_check(means.disks, places, capacity_limits(section)),
        clock_check(means.tellers, clock_limits(section)),
        backups_check(backups, clock, backup_limits(section)),
        logs_check(means.logs, events, clock),
    )


def alert_sights(settings: Settings) -> tuple[Sight, ...]:
    """Whether people would be told, by the configuration alone. Only what production must not have is told of."""
    said = tuple(
        Sight(
            area=Area.ALERTS,
            subject=subject,
            level=Level.ALERT if level == "error" else Level.WARNING,
            origin=Origin.CODE,
            message=message,
            remedy=msg("Write it in the configuration, then: ultrad check"),
            code="alerts_inconsistent" if level == "error" else "",
            severity=Severity.S2,
        )
        for level, subject, message in words_on_alerts(settings)
    )
    fine = msg("Channels and routes agree with each other and with the rules.")
    return said or (Sight(Area.ALERTS, "", Level.INFO, Origin.CODE, fine),)
