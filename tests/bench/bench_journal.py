"""One durable append to the journal against a bare insert and commit in SQLite with the same pragmas.

The floor inserts a row of the same width into a table with the same indexes, in this thread, and nothing else. The
two files lie on the same disk, and they take turns, so that neither gets its quieter minute.
"""

import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio

from tests.bench.figure import Figure, against_floor
from ultrad.adapters.journal import create, open_journal
from ultrad.adapters.journal.schema import MIGRATIONS, connect
from ultrad.core.events import Event, Level
from ultrad.core.record import pack
from ultrad.i18n import msg
from ultrad.units import Now

ROUNDS = 400
WARM_UP = 20
TOGETHER = 100
GOAL = 1.5
BUILD = Path(__file__).parents[2] / "build"
"""The bench's own directory is on a real disk; the directory for temporary files may be in memory."""


def run() -> list[Figure]:
    """Measure, and report against the floor."""
    BUILD.mkdir(exist_ok=True)
    with TemporaryDirectory(dir=BUILD) as folder:
        return anyio.run(_measure, Path(folder))


async def _measure(folder: Path) -> list[Figure]:
    create(folder / "ours.db")
    journal = open_journal(folder / "ours.db", thin_after_hours=24)
    alone_ms: list[float] = []
    together_ms: list[float] = []
    floor_ms: list[float] = []
    with closing(bare_journal(folder / "floor.db")) as bare:
        async with anyio.create_task_group() as group:
            group.start_soon(journal.run, lambda: None)
            for number in range(ROUNDS + WARM_UP):
                floor_ms.append(insert_bare(bare, number))
                started_s = time.perf_counter()
                await journal.append(_event(number))
                alone_ms.append((time.perf_counter() - started_s) * 1000)
                if number % 20 == 0:
                    started_s = time.perf_counter()
                    async with anyio.create_task_group() as many:
                        for _ in range(TOGETHER):
                            many.start_soon(journal.append, _event(number))
                    together_ms.append((time.perf_counter() - started_s) * 1000 / TOGETHER)
            group.cancel_scope.cancel()
        await journal.close()
    floor_ms, alone_ms = floor_ms[WARM_UP:], alone_ms[WARM_UP:]
    return [
        against_floor("journal append, durable", "ms", alone_ms, floor_ms, GOAL),
        against_floor(f"journal append, {TOGETHER} at once, each", "ms", together_ms, floor_ms, GOAL),
    ]


def _event(number: int) -> Event:
    return Event(
        "finding.raised",
        Level.WARNING,
        Now(1_700_000_000_000 + number, number),
        msg(
            "The health factor of {position} is {hf} at block {block}.", position="main", hf="1.7958", block=number
        ),
        {"code": "hf_low", "subject": "main", "figures": [["hf", "1.7958"], ["limit", "1.8"]], "block": number},
    )


def bare_journal(path: Path) -> sqlite3.Connection:
    path.touch()
    os.sync()
    db = connect(path, "rw")
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.executescript(MIGRATIONS[0])
    return db


def insert_bare(db: sqlite3.Connection, number: int) -> float:
    """Milliseconds of one insert with commit; making the row is not counted."""
    row = pack(_event(number))
    values = (row.kind, row.level, row.wall_ms, row.steady_ms, row.key, row.text, row.args, row.data, bytes(32))
    started_s = time.perf_counter()
    db.execute("BEGIN IMMEDIATE")
    db.execute("INSERT INTO events VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
    db.execute("COMMIT")
    return (time.perf_counter() - started_s) * 1000
