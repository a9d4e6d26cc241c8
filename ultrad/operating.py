"""What the operators' jobs work with, put together from the configuration and the world."""

from collections.abc import Awaitable, Callable

from ultrad.config import Config
from ultrad.core.estop import Cause
from ultrad.i18n import catalogue
from ultrad.jobs.spec import JobContext, SignalDesk
from ultrad.outside import Outside
from ultrad.ports import Journal


def job_context(
    config: Config,
    outside: Outside,
    journal: Journal,
    trip: Callable[[Cause], Awaitable[None]],
    desk: SignalDesk | None,
) -> JobContext:
    """What each job is given. desk: where signals are handed in, where there is trading."""
    return JobContext(
        outside.clock,
        outside.chain,
        journal,
        outside.job_log,
        outside.probe_http,
        trip=trip,
        desk=desk,
        rows=outside.trade.rows if outside.trade else None,
        bot=outside.trade.bot if outside.trade else None,
        text=catalogue(config.settings.language),
        aside=outside.aside,
    )
