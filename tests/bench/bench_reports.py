"""A report over a year against a bare scan of the same rows, in one file and in turns.

The year holds 500,000 readings and 500,000 events, most of them jobs of each minute, as a thinned journal does.
The floor reads both tables with two plain SELECTs that fetch what a report needs of each row, and counts nothing.
What it takes at most is processor time, so that it is the same on a machine that does other things as well.
"""

import json
import sqlite3
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench.figure import Figure, against_floor, at_most
from ultrad.adapters.journal import create
from ultrad.adapters.journal.reader import open_reader
from ultrad.adapters.journal.schema import connect
from ultrad.adapters.journal.span import facts_of
from ultrad.core.periods import Period, ReportKind
from ultrad.core.readings import ordered
from ultrad.core.report import compose

COUNT = 500_000
YEAR_MS = 365 * 86_400_000
START_MS = 1_767_225_600_000
ROUNDS = 5
GOAL_S = 2.0
GOAL = 3.0
BUILD = Path(__file__).parents[2] / "build"
_READINGS = "SELECT wall_ms, look, health_factor, net FROM looks JOIN readings ON look = looks.id"
_INSERT_EVENT = "INSERT INTO events VALUES (NULL, ?, ?, ?, ?, NULL, ?, '{}', ?, ?)"
YEAR = Period(ReportKind.WEEKLY, "weekly-2026-01-01", START_MS, START_MS + YEAR_MS)


def run() -> list[Figure]:
    """Measure, and report against the floor."""
    BUILD.mkdir(exist_ok=True)
    with TemporaryDirectory(dir=BUILD) as folder:
        path = Path(folder) / "journal.db"
        _fill(path)
        ours_s: list[float] = []
        floor_s: list[float] = []
        busy_s: list[float] = []
        for _ in range(ROUNDS):
            floor_s.append(_scan(path))
            started_s, busy_from_s = time.perf_counter(), time.process_time()
            with open_reader(path) as reader:
                report = compose(facts_of(reader, YEAR))
            ours_s.append(time.perf_counter() - started_s)
            busy_s.append(time.process_time() - busy_from_s)
            assert sum(one.count for one in report.positions) == COUNT
            assert sum(count for _, count in report.levels) == COUNT
    return [
        at_most("report over a year, 500,000 readings and events", "s", max(busy_s), GOAL_S),
        against_floor("report over a year, against a bare scan", "s", ours_s, floor_s, GOAL),
    ]


def _scan(path: Path) -> float:
    """Seconds that two bare scans take."""
    started_s = time.perf_counter()
    db = connect(path, "ro")
    try:
        for _ in db.execute(_READINGS):
            pass
        for _ in db.execute("SELECT kind, level, wall_ms FROM events NOT INDEXED"):
            pass
    finally:
        db.close()
    return time.perf_counter() - started_s


def _fill(path: Path) -> None:
    """A year as the daemon leaves it: hashes apart, which a report does not look at."""
    create(path)
    db = connect(path, "rw")
    try:
        db.execute("PRAGMA synchronous = OFF")
        db.execute("BEGIN")
        db.execute("INSERT INTO names VALUES (1, 'main'), (2, 'alpha')")
        db.executemany("INSERT INTO looks VALUES (?, ?, ?, ?, 2, ?, '0x', ?)", (_look(at) for at in range(COUNT)))
        db.executemany("INSERT INTO readings VALUES (?, 0, 1, ?, ?, ?, ?)", (_reading(at) for at in range(COUNT)))
        db.executemany(
            "INSERT INTO events VALUES (NULL, ?, ?, ?, ?, NULL, ?, '{}', ?, ?)",
            (_event(at) for at in range(COUNT)),
        )
        db.execute("COMMIT")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error:
        db.close()
        raise
    db.close()


def _wall_ms(at: int) -> int:
    return START_MS + at * YEAR_MS // COUNT


def _look(at: int) -> tuple[object, ...]:
    steady_ms = _wall_ms(at) - START_MS
    return (at + 1, steady_ms // 3_600_000, steady_ms, _wall_ms(at), ordered(at), ordered(at))


def _reading(at: int) -> tuple[object, ...]:
    value = 14_000 * 10**8 + at % 977 * 10**6
    return (at + 1, ordered((1_700 + at % 300) * 10**15), ordered(value + 10**12), ordered(10**12), ordered(value))


def _event(at: int) -> tuple[object, ...]:
    kind, level = ("job.finished.health_check", 0)
    if at % 50 == 0:
        kind, level = ("finding.raised", 1 + at // 50 % 3)
    elif at % 500 == 1:
        kind = "intent.proposed"
    elif at % 70 == 3:
        kind = "metrics.tally"
    data: dict[str, object] = {
        "job": "health_check",
        "ok": True,
        "duration_ms": 120,
        "code": f"c{at % 40}",
        "subject": "",
    }
    if kind == "intent.proposed":
        data = {"intent": f"notion:{at}"}
    if kind == "metrics.tally":
        data = {"figures": {"signals_per_10min": ["10", "0", "2", "7", "1"]}}
    return (kind, level, _wall_ms(at), _wall_ms(at) - START_MS, "{}", json.dumps(data), bytes(32))
