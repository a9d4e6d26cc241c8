"""What looks ahead, drills and forecasts, put together from the configuration and the world."""

from dataclasses import dataclass

from ultrad.config import Config
from ultrad.core import telling
from ultrad.core.drill import DrillRules
from ultrad.core.events import Severity
from ultrad.drill import DrillPorts, Drills
from ultrad.heard import HeardJournal
from ultrad.live import Holder
from ultrad.outlook import OutlookWatch
from ultrad.outside import Outside
from ultrad.postman import Postman
from ultrad.rules import Rules


@dataclass(frozen=True, slots=True)
class Foresight:
    """What looks ahead while nothing is wrong: the drills, and the distances to the limits."""

    drills: Drills
    outlook: OutlookWatch


def foresight(
    config: Config, outside: Outside, journal: HeardJournal, postman: Postman, rules: Holder[Rules]
) -> Foresight:
    """Both, put together."""
    drills = Drills(_drill_ports(outside, journal, postman, rules), _drill_rules(config))
    return Foresight(drills, _outlook_watch(config, outside, journal, rules))


def _drill_ports(outside: Outside, journal: HeardJournal, postman: Postman, rules: Holder[Rules]) -> DrillPorts:
    """What drills work with."""
    return DrillPorts(
        journal=journal,
        clock=outside.clock,
        postman=postman,
        scratch=outside.scratch,
        limits=lambda: rules.now.yardstick.limits,
        rules=rules.part(lambda now: now.watch.rules),
        new_id=outside.new_id,
        key_of=outside.key_of,
    )


def _drill_rules(config: Config) -> DrillRules:
    """How drills are judged, and who hears of them: those who are told of an S1, where that costs nothing."""
    section = config.settings.drill
    free = (one for one in telling.carriers(Severity.S1, config.tell) if one not in config.tell.costly)
    return DrillRules(section.channels or tuple(free), section.stop_limit_ms, section.notice_limit_s * 1_000)


def _outlook_watch(config: Config, outside: Outside, journal: HeardJournal, rules: Holder[Rules]) -> OutlookWatch:
    """What looks ahead to each position's limits."""
    names = tuple(one.name for one in config.settings.positions)
    interval_s = config.settings.outlook.interval_s
    limits = rules.part(lambda now: now.yardstick.limits)
    return OutlookWatch(outside.situations, names, outside.clock, lambda: limits.now, interval_s, journal)
