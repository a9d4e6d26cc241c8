"""The jobs there are. One that is not named here does not run."""

from ultrad.jobs.backup_daily import BACKUP_DAILY
from ultrad.jobs.backup_watch import BACKUP_WATCH
from ultrad.jobs.drills import ESTOP_DRILL, NOTIFY_DRILL
from ultrad.jobs.health_check import HEALTH_CHECK
from ultrad.jobs.housekeeping import HOUSEKEEPING
from ultrad.jobs.reports import MONITOR_DAILY, MONITOR_WEEKLY
from ultrad.jobs.restore_drill import RESTORE_DRILL
from ultrad.jobs.spec import JobSpec
from ultrad.jobs.trade_cycle import TRADE_CYCLE

JOBS: tuple[JobSpec, ...] = (
    HEALTH_CHECK,
    HOUSEKEEPING,
    BACKUP_DAILY,
    BACKUP_WATCH,
    RESTORE_DRILL,
    MONITOR_DAILY,
    MONITOR_WEEKLY,
    TRADE_CYCLE,
    ESTOP_DRILL,
    NOTIFY_DRILL,
)
