"""A release: what has to be so before another version is installed, and what after it, till the watch is over."""

from collections.abc import Mapping
from dataclasses import dataclass

from ultrad.core.checklist import Mark
from ultrad.core.estop import Mode
from ultrad.core.intents import Stage
from ultrad.core.items import ItemLine, stand
from ultrad.core.procedure import Procedure
from ultrad.i18n import Message, msg

VERSION, WATCH_MINUTES = "version", "watch_minutes"
"""In a procedure's base: the version that is to run, and how long it is watched."""
CONFIG, JOURNAL, BACKUP, INCIDENTS, STOP = "config", "journal", "backup", "incidents", "stop"
TESTS, CHANGES, TRANSCRIPT, ROLLBACK = "tests", "changes", "transcript", "rollback"
UP, IS_VERSION, SERVICES, DECISION, LOGS, WATCH = "up", "is_version", "services", "decision", "logs", "watch"
BEFORE = (CONFIG, JOURNAL, BACKUP, INCIDENTS, STOP, TESTS, CHANGES, TRANSCRIPT, ROLLBACK)
AFTER = (UP, IS_VERSION, SERVICES, DECISION, LOGS, WATCH)
ITEMS = (*BEFORE, *AFTER)
BACKUP_FRESH_H = 26
"""A daily backup that was made on time, and one that took its time."""
_QUESTIONS: Mapping[str, Message] = {
    TESTS: msg("The new version has passed its tests and staging's test flow"),
    CHANGES: msg("It is written down what changes, and that the configuration fits it"),
    TRANSCRIPT: msg("The transcript of the deployment is being kept (script, or the terminal's log)"),
    ROLLBACK: msg("The version before is at hand, and somebody knows how to go back to it in one command"),
}


@dataclass(frozen=True, slots=True)
class BeforeFacts:
    """What is seen before. config_errors, journal_sound: None where this user may not look.

    backup_age_h: of the newest good backup; None where none is known. grave: numbers of open S1 and S2.
    """

    config_errors: int | None
    journal_sound: bool | None
    backup_age_h: int | None
    grave: tuple[int, ...]
    stop: Mode


@dataclass(frozen=True, slots=True)
class AfterFacts:
    """What is seen after. late: parts that do not turn.

    services_ok: how the last look at each service since the start went; None before it. trading: whether there is
    any. decision: what became of a HOLD that was handed in; None where it has not ended. severe: events of level
    critical and above since the start. watched_min: since the watch began; None before it. alerts: events of level
    alert and above since then.
    """

    version: str
    late: tuple[str, ...]
    services_ok: bool | None
    trading: bool
    decision: Stage | None
    severe: int
    watched_min: int | None
    alerts: int


Seen = tuple[Mark, Message]


def before_lines(procedure: Procedure, facts: BeforeFacts) -> tuple[ItemLine, ...]:
    """The items of before, as they stand."""
    seen: dict[str, Seen] = {
        CONFIG: _config(facts),
        JOURNAL: _journal(facts),
        BACKUP: _backup(facts),
        INCIDENTS: _incidents(facts),
        STOP: _stop(facts),
        **{name: (Mark.ASK, question) for name, question in _QUESTIONS.items()},
    }
    return tuple(stand(procedure, name, *seen[name]) for name in BEFORE)


def after_lines(procedure: Procedure, facts: AfterFacts) -> tuple[ItemLine, ...]:
    """The items of after, as they stand."""
    base = dict(procedure.base)
    seen: dict[str, Seen] = {
        UP: _up(facts),
        IS_VERSION: _version(facts, base.get(VERSION, "")),
        SERVICES: _services(facts),
        DECISION: _decision(facts),
        LOGS: _logs(facts),
        WATCH: _watch(facts, int(base.get(WATCH_MINUTES, "60"))),
    }
    return tuple(stand(procedure, name, *seen[name]) for name in AFTER)


def has_failed(procedure: Procedure, facts: AfterFacts) -> bool:
    """Whether the watch found what must not be: the release has failed, and the version before is due."""
    return facts.watched_min is not None and facts.alerts > 0 and WATCH in procedure.left()


# ---------------------------------------------------------------- before


def _config(facts: BeforeFacts) -> Seen:
    if facts.config_errors is None:
        return Mark.ASK, msg("It is not yours to look at: sudo ultrad check")
    if facts.config_errors:
        return Mark.FAIL, msg("ultrad check names {count} errors.", count=facts.config_errors)
    return Mark.PASS, msg("ultrad check names no error.")


def _journal(facts: BeforeFacts) -> Seen:
    if facts.journal_sound is None:
        return Mark.ASK, msg("It is not yours to look at: sudo ultrad audit verify")
    if not facts.journal_sound:
        return Mark.FAIL, msg("The journal is not what was recorded: ultrad audit verify")
    return Mark.PASS, msg("The journal is whole.")


def _backup(facts: BeforeFacts) -> Seen:
    if facts.backup_age_h is None:
        return Mark.ASK, msg("No backup is known here: see that there is one, and say so.")
    if facts.backup_age_h > BACKUP_FRESH_H:
        return Mark.FAIL, msg("The newest backup is {hours} hours old: make one.", hours=facts.backup_age_h)
    return Mark.PASS, msg("The newest backup is {hours} hours old.", hours=facts.backup_age_h)


def _incidents(facts: BeforeFacts) -> Seen:
    if facts.grave:
        numbers = ", ".join(map(str, facts.grave))
        return Mark.FAIL, msg("Incidents (S1, S2) are open: {numbers}. Deal with them first.", numbers=numbers)
    return Mark.PASS, msg("No incident (S1, S2) is open.")


def _stop(facts: BeforeFacts) -> Seen:
    if facts.stop is Mode.OFF:
        return Mark.PASS, msg("The stop is OFF.")
    return Mark.ASK, msg(
        "The stop is {mode}: say whether the release is made all the same.", mode=facts.stop.value
    )


# ---------------------------------------------------------------- after


def _up(facts: AfterFacts) -> Seen:
    if facts.late:
        return Mark.FAIL, msg("Parts of the daemon do not turn: {parts}.", parts=", ".join(facts.late))
    return Mark.PASS, msg("The daemon is up, and every part of it turns.")


def _version(facts: AfterFacts, wanted: str) -> Seen:
    if facts.version != wanted:
        return Mark.FAIL, msg("Version {is_} runs, and not {wanted}.", is_=facts.version, wanted=wanted)
    return Mark.PASS, msg("Version {wanted} runs.", wanted=wanted)


def _services(facts: AfterFacts) -> Seen:
    if facts.services_ok is None:
        return Mark.ASK, msg("health_check has not run since the start: wait a minute, then again.")
    if not facts.services_ok:
        return Mark.FAIL, msg("health_check failed: ultrad jobs says why.")
    return Mark.PASS, msg("/health, Notion, OctoBot and the endpoints answer.")


def _decision(facts: AfterFacts) -> Seen:
    if not facts.trading:
        return Mark.PASS, msg("Nothing is traded here: there is no decision to try.")
    if facts.decision is None:
        return Mark.FAIL, msg("A HOLD that was handed in has not come through.")
    if facts.decision is Stage.FAILED:
        return Mark.FAIL, msg("A HOLD that was handed in failed: ultrad signals says why.")
    return Mark.PASS, msg("A HOLD that was handed in came through ({stage}).", stage=facts.decision.value)


def _logs(facts: AfterFacts) -> Seen:
    if facts.severe:
        return Mark.FAIL, msg(
            "{count} events of level critical since the start: ultrad log --level critical", count=facts.severe
        )
    return Mark.PASS, msg("No event of level critical since the start.")


def _watch(facts: AfterFacts, minutes: int) -> Seen:
    if facts.watched_min is None:
        return Mark.ASK, msg("The watch of {minutes} minutes begins once all else is so.", minutes=minutes)
    if facts.alerts:
        return Mark.FAIL, msg(
            "{count} events of level alert since the watch began: ultrad log --level alert", count=facts.alerts
        )
    if facts.watched_min < minutes:
        left = minutes - facts.watched_min
        return Mark.ASK, msg(
            "Watched for {done} minutes without an alert; {left} to go.", done=facts.watched_min, left=left
        )
    return Mark.PASS, msg("Watched for {minutes} minutes without an alert.", minutes=minutes)
