"""Making and restoring a backup of a large journal, against SQLite's own shell and zstd, in the same run.

The floor of making one: `sqlite3 .backup`, then `zstd`. The floor of restoring one: `zstd -d`, then SQLite's
integrity_check. Ours also counts and checks the journal, hashes each file, encrypts it for the target, brings it
there and reads it back; and a restore goes through the chain of hashes, event by event.
ULTRAD_BENCH_JOURNAL_MB sets the journal's size (default: 1000).
"""

import os
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio

from tests.adapters.backup.rig import DIRECTORY, NOON_MS, House
from tests.bench.figure import Figure, against_floor
from ultrad.adapters.journal import open_journal
from ultrad.core.events import Event, Level
from ultrad.i18n import msg
from ultrad.units import Now

SIZE_MB = int(os.environ.get("ULTRAD_BENCH_JOURNAL_MB", "1000"))
ROUNDS = 2
BATCH = 2_000
MAKE_GOAL, RESTORE_GOAL = 3.0, 9.0
BUILD = Path(__file__).parents[2] / "build"


def run() -> list[Figure]:
    """Measure, and report against the floor; nothing where the two programs are not there."""
    sqlite, zstd = shutil.which("sqlite3"), shutil.which("zstd")
    if sqlite is None or zstd is None:
        print("backup: sqlite3 and zstd are needed for the floor; skipped")
        return []
    BUILD.mkdir(exist_ok=True)
    with TemporaryDirectory(dir=BUILD) as folder:
        return _measure(Path(folder), sqlite, zstd)


def _measure(folder: Path, sqlite: str, zstd: str) -> list[Figure]:
    house = House(folder, DIRECTORY + "encrypted = true\n")
    anyio.run(_fill, house.journal)
    size_mb = house.journal.stat().st_size // 1_000_000
    copy, packed, back = folder / "floor.db", folder / "floor.zst", folder / "back.db"
    make_s: list[float] = []
    make_floor_s: list[float] = []
    restore_s: list[float] = []
    restore_floor_s: list[float] = []
    for number in range(ROUNDS):
        make_floor_s.append(_timed(lambda: _floor_make(sqlite, zstd, house.journal, copy, packed)))
        copy.unlink()
        make_s.append(_timed(lambda number=number: house.back_up(NOON_MS + number)))  # type: ignore[misc]
        restore_floor_s.append(_timed(lambda: _floor_restore(zstd, packed, back)))
        for one in (packed, back):
            one.unlink()
        restore_s.append(_timed(lambda number=number: house.restore(f"r{number}")))  # type: ignore[misc]
        shutil.rmtree(folder / f"r{number}")
    return [
        against_floor(f"backup of a journal of {size_mb} MB", "s", make_s, make_floor_s, MAKE_GOAL),
        against_floor(f"restore of a journal of {size_mb} MB", "s", restore_s, restore_floor_s, RESTORE_GOAL),
    ]


async def _fill(path: Path) -> None:
    """Events and their rows as they are in life, until the journal is as large as it is to be."""
    journal = open_journal(path, thin_after_hours=24)
    number = 0
    async with anyio.create_task_group() as group:
        group.start_soon(journal.run, lambda: None)
        while path.stat().st_size < SIZE_MB * 1_000_000:
            await journal.append(*(_event(number + one) for one in range(BATCH)))
            number += BATCH
        group.cancel_scope.cancel()
    await journal.close()


def _event(number: int) -> Event:
    return Event(
        "finding.raised",
        Level.WARNING,
        Now(NOON_MS + number, number),
        msg(
            "The health factor of {position} is {hf} at block {block}.", position="main", hf="1.7958", block=number
        ),
        {"code": "hf_low", "block": number, "hash": f"{number * 0x9E3779B97F4A7C15 % 2**64:064x}"},
    )


def _timed(act: Callable[[], object]) -> float:
    os.sync()
    started_s = time.perf_counter()
    act()
    return time.perf_counter() - started_s


def _floor_make(sqlite: str, zstd: str, journal: Path, copy: Path, packed: Path) -> None:
    subprocess.run([sqlite, str(journal), f".backup {copy}"], check=True)
    subprocess.run([zstd, "-q", "-3", "-T1", str(copy), "-o", str(packed)], check=True)
    os.sync()


def _floor_restore(zstd: str, packed: Path, back: Path) -> None:
    subprocess.run([zstd, "-q", "-d", str(packed), "-o", str(back)], check=True)
    with closing(sqlite3.connect(back)) as db:
        db.execute("PRAGMA integrity_check").fetchall()
    os.sync()
