"""What the last logs say: severe lines, and those that come again and again.

What is told by its own finding, incident or notice is left out: it would be told twice, and its own telling would
be found in the logs in turn.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from ultrad.core.events import Level, Origin, Recorded, Severity
from ultrad.core.limits import HOUR_MS, MINUTE_MS
from ultrad.core.sights import Area, Sight
from ultrad.i18n import msg

WINDOW_MS = HOUR_MS
LASTING = 3
"""So many of one kind within the window, spread over LASTING_MS and still coming, are no hiccup."""
LASTING_MS = 10 * MINUTE_MS
STILL_MS = 15 * MINUTE_MS
"""The newest is no older than this."""
TOLD_BY_THEMSELVES = ("finding", "incident", "notice", "notify", "estop", "override", "resume", "config", "job")
"""Kinds of events, by their first word."""
OWN_FILES = frozenset({"healthcheck.log"})
"""Its lines are what the probes found, which have findings of their own."""
MOST_TEXT = 160


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line. source: the file it stands in, or the kind of event. at_ms: wall milliseconds."""

    source: str
    at_ms: int
    level: Level
    text: str


def of_events(events: Iterable[Recorded]) -> tuple[LogLine, ...]:
    """The journal's events as lines, less those that are told by themselves."""
    return tuple(
        LogLine(event.kind, event.now.wall_ms, event.level, str(event.message))
        for event in (one.event for one in events)
        if event.level >= Level.WARNING and event.kind.partition(".")[0] not in TOLD_BY_THEMSELVES
    )


def log_scan(lines: Iterable[LogLine], now_ms: int) -> tuple[Sight, ...]:
    """One line for each source that has anything severe or lasting; one alone where none has."""
    recent = sorted(
        (one for one in lines if now_ms - WINDOW_MS < one.at_ms and one.source not in OWN_FILES),
        key=lambda one: (one.source, one.at_ms),
    )
    found = tuple(
        sight
        for source, group in groupby(recent, key=lambda one: one.source)
        if (sight := _of_source(source, tuple(group), now_ms)) is not None
    )
    return found or (
        Sight(
            Area.LOGS,
            "",
            Level.INFO,
            Origin.CODE,
            msg("No severe and no lasting errors in the last hour ({count} warnings).", count=len(recent)),
        ),
    )


def _of_source(source: str, lines: tuple[LogLine, ...], now_ms: int) -> Sight | None:
    severe = tuple(one for one in lines if one.level >= Level.CRITICAL)
    lasting = (
        len(lines) >= LASTING
        and lines[-1].at_ms - lines[0].at_ms >= LASTING_MS
        and now_ms - lines[-1].at_ms <= STILL_MS
    )
    if not (severe or lasting):
        return None
    count, newest = (len(severe), severe[-1]) if severe else (len(lines), lines[-1])
    return Sight(
        area=Area.LOGS,
        subject=source,
        level=Level.WARNING,
        origin=Origin.CODE,
        message=(
            msg(
                "{source}: {count} severe lines in the last hour, the newest: {text}",
                source=source,
                count=count,
                text=_cut(newest.text),
            )
            if severe
            else msg(
                "{source}: {count} warnings in the last hour, still coming; the newest: {text}",
                source=source,
                count=count,
                text=_cut(newest.text),
            )
        ),
        remedy=msg(
            "Read them: `ultrad log --level warning --since 2h`, and the file of that name in the log directory."
        ),
        code="log_errors",
        severity=Severity.S2 if severe else Severity.S3,
        figures=(("count", str(count)),),
    )


def _cut(text: str) -> str:
    return text if len(text) <= MOST_TEXT else f"{text[: MOST_TEXT - 1]}…"
