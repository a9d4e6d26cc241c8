"""How long a start reads and folds a long past, against the bare reading of the same rows."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from tests.bench import history
from tests.bench.bench_journal import BUILD
from tests.bench.figure import Figure
from ultrad.adapters.host import uncollected
from ultrad.adapters.journal.reader import COLUMNS, open_reader
from ultrad.app import ALL
from ultrad.ports import EventFilter
from ultrad.startup import Past
from ultrad.units import Now

EVENTS = 100_000
STARTS = 5
GOAL_START_S = 2.0


def run() -> list[Figure]:
    """The one figure."""
    BUILD.mkdir(exist_ok=True)
    with TemporaryDirectory(dir=BUILD) as folder:
        path = Path(folder) / "long.db"
        history.write(path, EVENTS)
        return [_measured(path)]


def _measured(path: Path) -> Figure:
    ours_s, floor_s = [], []
    for _ in range(STARTS):
        begun_s = time.perf_counter()
        rows = _bare_rows(path)
        floor_s.append(time.perf_counter() - begun_s)
        begun_s = time.perf_counter()
        past = _past(path)
        ours_s.append(time.perf_counter() - begun_s)
        assert past.unread is None
    value, floor = median(ours_s), median(floor_s)
    print(f"         of {EVENTS} events {rows} are folded: {len(past.blotter.intents)} intents")
    return Figure(
        name=f"start: {EVENTS} events read and folded",
        unit="s",
        value=round(value, 3),
        floor=round(floor, 3),
        ratio=round(value / floor, 2),
        goal=f"<= {GOAL_START_S} s",
        met=value <= GOAL_START_S,
    )


def _past(path: Path) -> Past:
    """As the app reads it."""
    with open_reader(path) as reader, uncollected():
        readable = reader.readable()
        past = Past.of(lambda kinds: readable.events(EventFilter(kinds=kinds, limit=ALL)), Now(0, 0))
    assert readable.damage is None
    return past


def _bare_rows(path: Path) -> int:
    """The rows that a start folds, each looked at once and thrown away."""
    firsts = ("intent", "incident", "notice", "estop", "account", "daemon")
    where = " OR ".join(f"kind > '{one}.' AND kind < '{one}/'" for one in firsts)
    with closing(sqlite3.connect(path)) as db:
        query = f"SELECT {COLUMNS} FROM events WHERE {where} ORDER BY seq"  # noqa: S608 - constants
        return sum(1 for _ in db.execute(query))
