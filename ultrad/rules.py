"""Everything that the daemon goes by and a reload can change, made from a Config."""

from dataclasses import dataclass

from ultrad.config import Config
from ultrad.config.check import backed_up_nowhere, loosened
from ultrad.core.resume_facts import Yardstick
from ultrad.core.schedule import Missed, parse
from ultrad.i18n import Message
from ultrad.jobs import JOBS
from ultrad.jobs.spec import JobPlan
from ultrad.watchdog import WatchSettings

MIN_ROUND_S = 2.0
"""The shortest wait for a head before reading without one."""
OF_NOTION = frozenset({"trade_cycle"})
"""Jobs that have nothing to do where no rows are taken."""
OF_BACKUP = frozenset({"backup_daily", "backup_watch", "restore_drill"})
"""Jobs that have nothing to do where backups have no target."""
MAX_ROUND_S = 15.0
"""The longest: four rounds fit into the minute after which silence trips."""


@dataclass(frozen=True, slots=True)
class Rules:
    """All of it, so that it is swapped whole. loosened: what is laxer than its default or off, in words."""

    watch: WatchSettings
    yardstick: Yardstick
    plans: tuple[JobPlan, ...]
    loosened: tuple[Message, ...]
    log_level: str


def rules_of(config: Config) -> Rules:
    """The rules that a configuration makes."""
    return Rules(
        watch=_watch_settings(config),
        yardstick=Yardstick(
            limits=config.limits,
            look_back_ms=config.estop.look_back_ms,
            reading_limit_ms=config.network.stale_head_s * 1_000,
        ),
        plans=_plans(config),
        loosened=tuple(line.message for line in (*loosened(config.settings), *backed_up_nowhere(config.settings))),
        log_level=config.settings.log.level,
    )


def _plans(config: Config) -> tuple[JobPlan, ...]:
    plans = []
    takes_rows = config.trade is not None and config.settings.notion is not None
    for spec in JOBS:
        section = getattr(config.settings.jobs, spec.name)
        plans.append(
            JobPlan(
                spec=spec,
                schedule=parse(section.cron or spec.cron, config.settings.timezone),
                timeout_s=section.timeout_s or spec.timeout_s,
                missed=Missed(section.missed) if section.missed else spec.missed,
                enabled=section.enabled
                and (spec.name not in OF_NOTION or takes_rows)
                and (spec.name not in OF_BACKUP or bool(config.settings.backup.targets)),
            )
        )
    return tuple(plans)


def _watch_settings(config: Config) -> WatchSettings:
    section = config.settings.chain
    blocks_s = config.network.block_time_ms * 3 / 1_000
    return WatchSettings(
        limits=config.limits,
        rules=config.estop,
        # Twice within the time after which a reading is too old, whatever a configuration makes of that.
        round_s=min(max(blocks_s, MIN_ROUND_S), MAX_ROUND_S, config.network.stale_head_s / 2),
        crosscheck_blocks=section.crosscheck_blocks,
        silence_rounds=section.silence_rounds,
        silence_s=section.silence_s,
        market_interval_s=section.market_interval_s,
    )
