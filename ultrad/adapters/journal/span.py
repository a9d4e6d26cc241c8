"""What a report is made from, read from the journal's file: counted by the database, not one by one."""

import sqlite3
from collections import defaultdict
from dataclasses import replace

from ultrad.adapters.journal import schema
from ultrad.adapters.journal.reader import COLUMNS, Reader
from ultrad.core.drill import ESTOP, NOTIFY
from ultrad.core.events import Level, Recorded
from ultrad.core.limits import HOUR_MS
from ultrad.core.metrics import TALLIED
from ultrad.core.periods import Period
from ultrad.core.readings import unordered
from ultrad.core.report import POINTS, Facts, Point, PositionSpan
from ultrad.core.report_care import OUTLOOK
from ultrad.errors import Permanent
from ultrad.units import Wad

MOST_TOLD = 2_000
"""Events above info that are looked through for the most important ones."""
MOST_POINTS = POINTS
SLACK_MS = 2 * HOUR_MS
"""Readings have no index by wall time. By steady time they lie no further than this from the events of their time:
the jobs of each minute and hour record one again and again."""

_SPAN = "SELECT min(seq), max(seq) FROM events WHERE wall_ms >= ? AND wall_ms < ?"
_END = "SELECT max(seq) FROM events WHERE wall_ms < ?"
_BEGAN = "SELECT wall_ms FROM events WHERE seq = (SELECT min(seq) FROM events) UNION ALL SELECT 0 LIMIT 1"
_STEADY = (
    "SELECT min(steady_ms), max(steady_ms) FROM events WHERE seq BETWEEN ? AND ? AND wall_ms >= ? AND wall_ms < ?"
)
_COUNTS = """
SELECT kind, level, count(*) FROM events NOT INDEXED
WHERE seq BETWEEN ? AND ? AND wall_ms >= ? AND wall_ms < ? GROUP BY kind, level
"""
_WITHIN = "seq BETWEEN ? AND ? AND wall_ms >= ? AND wall_ms < ?"
_OF_KIND = "(kind = ? OR (kind > ? AND kind < ?)) AND +seq BETWEEN ? AND ? AND +wall_ms >= ? AND +wall_ms < ?"
"""The `+` has SQLite go by the kind: few events are of it, and a week of jobs lies between them."""
_LOOKS = """
FROM looks JOIN readings ON look = looks.id
WHERE steady_ms BETWEEN :low AND :high AND wall_ms >= :since AND wall_ms < :until
"""
_POINTS = f"""
SELECT position, (wall_ms - :since) / :step, count(*),
  min(health_factor), max(health_factor), min(net), max(net), min(look), max(look)
{_LOOKS} GROUP BY 1, 2 ORDER BY 1, 2
"""
_ONE = "SELECT health_factor, net FROM readings WHERE look = ? AND position = ? ORDER BY place DESC LIMIT 1"


def facts_of(reader: Reader, period: Period) -> Facts:
    """Everything that a report of the period is made from. Raises Transient where the disk refuses.

    Events that were made unreadable are counted and left out.
    """
    db, since, until = reader.db, period.since_ms, period.until_ms
    try:
        db.execute("BEGIN")  # one view of the file for all figures
        head = reader.head()
        first, last = db.execute(_SPAN, (since, until)).fetchone()
        within = (first or 0, last or -1, since, until)
        end = (0, db.execute(_END, (until,)).fetchone()[0] or -1, 0, until)
        counts = {(kind, Level(level)): n for kind, level, n in db.execute(_COUNTS, within)}
        events = _Events(reader)
        facts = Facts(
            period=period,
            counts=counts,
            told=_told(events, within),
            intents=_of_kinds(events, ("intent",), within),
            notes=_of_kinds(events, ("note", "incident.note"), within),
            tallies=_of_kinds(events, (TALLIED,), within),
            incidents=_of_kinds(events, ("incident",), end),
            stops=_of_kinds(events, ("estop",), end),
            backups=_of_kinds(events, ("backup",), end),
            drills=_of_kinds(events, (ESTOP, NOTIFY), end),
            outlooks=_of_kinds(events, (OUTLOOK,), within),
            positions=_positions(db, period, within),
            began_ms=db.execute(_BEGAN).fetchone()[0] or 0,
            seq=head.seq,
            hash=head.hash,
        )
        return replace(facts, unreadable=len(events.damaged))
    except (sqlite3.Error, ValueError) as error:
        raise schema.refused(reader.path, sqlite3.DatabaseError(str(error))) from error
    finally:
        if db.in_transaction:
            db.rollback()


_Within = tuple[int, int, int, int]


class _Events:
    """Reads events, and counts those that cannot be read."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.damaged: set[object] = set()

    def ask(self, query: str, values: tuple[object, ...]) -> list[Recorded]:
        found = []
        for columns in self._reader.db.execute(query, values):
            try:
                found.append(self._reader.recorded(columns))
            except Permanent:
                self.damaged.add(columns[0])
        return found


def _told(events: _Events, within: _Within) -> tuple[Recorded, ...]:
    query = (
        f"SELECT {COLUMNS} FROM events WHERE level > 0 AND {_WITHIN} "  # noqa: S608 - a constant
        f"ORDER BY level DESC, seq LIMIT {MOST_TOLD}"
    )
    return tuple(events.ask(query, within))


def _of_kinds(events: _Events, kinds: tuple[str, ...], within: _Within) -> tuple[Recorded, ...]:
    """The events of these kinds and those below them, oldest first."""
    found: list[Recorded] = []
    for kind in kinds:
        # Not ordered by the database: for that it would go through all events instead of these.
        query = f"SELECT {COLUMNS} FROM events WHERE {_OF_KIND}"  # noqa: S608 - a constant
        found += events.ask(query, (kind, f"{kind}.", f"{kind}/", *within))
    return tuple(sorted(found, key=lambda one: one.seq))


def _positions(db: sqlite3.Connection, period: Period, within: _Within) -> tuple[PositionSpan, ...]:
    low, high = db.execute(_STEADY, within).fetchone()
    if low is None:
        return ()
    step = max(1, -(-(period.until_ms - period.since_ms) // MOST_POINTS))
    values = {
        "low": low - SLACK_MS,
        "high": high + SLACK_MS,
        "since": period.since_ms,
        "until": period.until_ms,
        "step": step,
    }
    rows: dict[int, list[tuple[int, Point, int, int]]] = defaultdict(list)
    for position, bucket, count, *figures, first_look, last_look in db.execute(_POINTS, values):
        point = Point(period.since_ms + bucket * step, *(unordered(figure) for figure in figures))
        rows[position].append((count, point, first_look, last_look))
    names = dict(db.execute("SELECT id, name FROM names"))
    spans = (_span(db, names[position], position, found) for position, found in rows.items())
    return tuple(sorted(spans, key=lambda one: one.position))


def _span(
    db: sqlite3.Connection, name: str, position: int, found: list[tuple[int, Point, int, int]]
) -> PositionSpan:
    points = tuple(point for _, point, _, _ in found)
    first_look, last_look = min(one[2] for one in found), max(one[3] for one in found)
    _, net_first = db.execute(_ONE, (first_look, position)).fetchone()
    hf_last, net_last = db.execute(_ONE, (last_look, position)).fetchone()
    return PositionSpan(
        position=name,
        count=sum(count for count, _, _, _ in found),
        hf_low=Wad(min(one.hf_low for one in points)),
        hf_high=Wad(max(one.hf_high for one in points)),
        hf_last=Wad(unordered(hf_last)),
        net_first_e8=unordered(net_first),
        net_last_e8=unordered(net_last),
        net_low_e8=min(one.net_low_e8 for one in points),
        net_high_e8=max(one.net_high_e8 for one in points),
        points=points,
    )
