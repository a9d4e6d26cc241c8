"""What the next person on duty has to know: how things stand, and what happened since the shift before."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import cast

from ultrad.core.estop import Mode
from ultrad.core.events import Json, Recorded
from ultrad.core.intents import Act
from ultrad.core.status import IncidentLine
from ultrad.i18n import Message, msg
from ultrad.units import Now, Wad

MOST_LINES = 30
"""Lines of one chapter; the newest stay, and how many more there are is said."""
SKIPPED = Act.REFUSE.value
_TRADED = frozenset(
    {Act.SETTLE.value, Act.FAIL.value, Act.CANCEL.value, Act.USURP.value, Act.YIELD.value, Act.REHEARSE.value}
)
_CHANGES = frozenset({"config.changed", "config.loaded", "config.kept", "version.changed"})


@dataclass(frozen=True, slots=True)
class HfLine:
    """A position's health factor, as it was read last. at_ms: when (wall)."""

    name: str
    hf: Wad | None
    at_ms: int | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """A notice that no channel has taken yet."""

    channel: str
    title: Message
    queued_ms: int


@dataclass(frozen=True, slots=True)
class Standing:
    """How things are. live: by the daemon's word, else as the journal was left.

    stop: the mode, since when (wall) and its causes in words. flag: whether the flag file stands; None where that
    was not looked at. dry_run: None where nothing is traded, or nobody knows.
    """

    live: bool
    version: str
    mode: Mode
    since_ms: int | None
    causes: tuple[Message, ...]
    flag: bool | None
    positions: tuple[HfLine, ...]
    dry_run: bool | None
    incidents: tuple[IncidentLine, ...]
    waiting: tuple[Waiting, ...]


@dataclass(frozen=True, slots=True)
class Chapter:
    """What happened of one kind, the oldest first. earlier: events before these, left out."""

    name: str
    title: Message
    events: tuple[Recorded, ...]
    earlier: int


@dataclass(frozen=True, slots=True)
class Handover:
    """All of it. traded: ends of intents by their kind. skipped: by each rule that stopped a signal."""

    since_ms: int
    now_ms: int
    standing: Standing
    chapters: tuple[Chapter, ...]
    traded: tuple[tuple[str, int], ...]
    skipped: tuple[tuple[str, int], ...]


CHAPTERS: tuple[tuple[str, Message, tuple[str, ...]], ...] = (
    ("notes", msg("Notes"), ("note", "incident.note")),
    ("stops", msg("Stops, overrides and resumes"), ("estop", "resume")),
    ("account", msg("The account"), ("account.intrusion", "account.announced", "account.expected")),
    (
        "incidents",
        msg("Incidents opened and resolved"),
        ("incident.opened", "incident.reopened", "incident.resolved"),
    ),
    ("trades", msg("Trades"), tuple(sorted(_TRADED))),
    ("jobs", msg("Jobs that failed"), ("job.failed", "job.stopped")),
    ("changes", msg("Changes of version and configuration"), ("version", "config")),
    ("starts", msg("Starts and ends"), ("daemon",)),
    ("checklists", msg("Checklists"), ("procedure.begun", "procedure.ended")),
    ("care", msg("Backups, drills and reports"), ("backup", "restore", "drill", "report")),
    ("notices", msg("Notices given up on"), ("notice.given_up", "notify.tested")),
)
"""Each with its kinds (those under them too), in the order of the page."""
KINDS = (*(kind for _, _, kinds in CHAPTERS for kind in kinds), SKIPPED)


def handover(events: Iterable[Recorded], standing: Standing, since_ms: int, now: Now) -> Handover:
    """From the events of KINDS in that time, oldest first."""
    every = tuple(events)
    return Handover(
        since_ms=since_ms,
        now_ms=now.wall_ms,
        standing=standing,
        chapters=tuple(
            _chapter(name, title, tuple(one for one in every if _is_of(one, kinds)))
            for name, title, kinds in CHAPTERS
        ),
        traded=_counted(one.event.kind for one in every if one.event.kind in _TRADED),
        skipped=_counted(rule for one in every if one.event.kind == SKIPPED for rule in _rules(one)),
    )


def _chapter(name: str, title: Message, events: tuple[Recorded, ...]) -> Chapter:
    return Chapter(name, title, events[-MOST_LINES:], max(0, len(events) - MOST_LINES))


def _is_of(one: Recorded, kinds: tuple[str, ...]) -> bool:
    return f"{one.event.kind}.".startswith(tuple(f"{kind}." for kind in kinds))


def _counted(names: Iterable[str]) -> tuple[tuple[str, int], ...]:
    counts: dict[str, int] = {}
    for name in names:
        counts[name] = counts.get(name, 0) + 1
    return tuple(sorted(counts.items()))


def _rules(one: Recorded) -> tuple[str, ...]:
    listed = one.event.data.get("rules")
    every = listed if isinstance(listed, list) else []
    return tuple(str(rule["rule"]) for rule in every if isinstance(rule, dict) and "rule" in rule)


def changed_keys(one: Recorded) -> tuple[tuple[str, str | None, str | None, bool], ...]:
    """Of an event that records a change of the configuration: each key, old, new, and whether it is laxer now."""
    if one.event.kind not in _CHANGES:
        return ()
    listed = one.event.data.get("changes")
    changes = cast("list[Mapping[str, Json]]", listed if isinstance(listed, list) else [])
    return tuple(
        (str(each["key"]), _text(each["old"]), _text(each["new"]), each["looser"] is True) for each in changes
    )


def _text(value: Json) -> str | None:
    return None if value is None else str(value)
