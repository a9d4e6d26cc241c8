"""Whatever somebody does to the file, `verify` finds it."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import anyio
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.adapters.journal.rig import sqlite_rig
from tests.adapters.journal.samples import HOUR_MS, at, event, reading
from ultrad.adapters.journal import Verification, create, open_journal, verify
from ultrad.core.record import Row, genesis, link
from ultrad.errors import Fatal, UltradError
from ultrad.ports import JournalHead

TABLES = ("events", "looks", "readings", "names", "meta")


async def _fill(path: Path) -> JournalHead:
    """Three sealed hours, the first of them thinned, and no readings beyond."""
    rig = sqlite_rig(path, thin_after_hours=1)
    async with rig.running() as journal:
        for number in range(12):
            await journal.append(event(number, key=None if number % 3 else f"k{number}", figure=number * 10**20))
        for hour in range(3):
            for number in range(12):
                journal.telemetry(
                    [reading("a", number, hf=10**18 + number), reading("b", number, hf=number)],
                    at(hour * HOUR_MS + number * 100_000),
                )
        await journal.housekeeping(at(3 * HOUR_MS))
        await journal.append(event(12))
        return await journal.head()


@pytest.fixture(scope="module")
def sample() -> Iterator[tuple[Path, JournalHead]]:
    with TemporaryDirectory() as folder:
        path = Path(folder, "journal.db")
        yield path, anyio.run(_fill, path)


def _tampered(
    sample: tuple[Path, JournalHead], edit: Callable[[sqlite3.Connection], None], *, head: bool = True
) -> Verification | None:
    """What verify says of a copy that was edited; None where it says that this is no journal at all."""
    with TemporaryDirectory(dir="/dev/shm") as folder:
        path = Path(shutil.copy(sample[0], folder))
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            try:
                edit(db)
            except sqlite3.IntegrityError:
                assume(False)  # the database itself refused
        try:
            return verify(path, [(sample[1].seq, sample[1].hash)] if head else ())
        except Fatal:
            return None


def _found(result: Verification | None) -> bool:
    return result is None or not result.ok


def test_verify__untouched__good_and_counted(sample: tuple[Path, JournalHead]) -> None:
    result = verify(sample[0], [(sample[1].seq, sample[1].hash)])
    assert result.fault is None
    assert (result.head, result.events) == (sample[1], sample[1].seq)
    assert (result.hours_sealed, result.readings_unsealed) == (3, 0)
    assert 24 < result.readings < 3 * 24  # two of the hours are thinned
    assert (result.first_wall_ms, result.last_wall_ms) == (10_000, 10_012)


def _cells(db: sqlite3.Connection, table: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    cursor = db.execute(f"SELECT * FROM {table}")  # noqa: S608 - one of TABLES
    return [column[0] for column in cursor.description], cursor.fetchall()


def _other(value: object, data: st.DataObject) -> object:
    """Another value of a kind that the column may hold."""
    if isinstance(value, int):
        return data.draw(st.integers(-(2**63), 2**63 - 1).filter(lambda other: other != value))
    if isinstance(value, bytes):
        return data.draw(
            st.one_of(st.binary(max_size=40), st.just(value + b"\0")).filter(lambda other: other != value)
        )
    near = st.sampled_from([f"{value} ", f"{value}\0", str(value).swapcase(), "", "null"])
    return data.draw(st.one_of(near, st.text(max_size=5)).filter(lambda other: other != value))


@given(st.data())
def test_verify__any_column_of_any_row_changed__found(
    sample: tuple[Path, JournalHead], data: st.DataObject
) -> None:
    def edit(db: sqlite3.Connection) -> None:
        table = data.draw(st.sampled_from(TABLES))
        columns, rows = _cells(db, table)
        row = data.draw(st.sampled_from(rows))
        place = data.draw(st.integers(0, len(columns) - 1))
        other = _other(row[place], data)
        if columns[place] == "key" and row[place] is not None:
            other = data.draw(st.sampled_from([other, None]))
        where = " AND ".join(f"{column} IS ?" for column in columns)
        assume(other != row[place])
        db.execute(f"UPDATE {table} SET {columns[place]} = ? WHERE {where}", (other, *row))  # noqa: S608 - names of ours
        assert db.execute("SELECT changes()").fetchone() == (1,)

    assert _found(_tampered(sample, edit))


@given(st.data())
def test_verify__any_row_removed__found(sample: tuple[Path, JournalHead], data: st.DataObject) -> None:
    def edit(db: sqlite3.Connection) -> None:
        table = data.draw(st.sampled_from(TABLES))
        columns, rows = _cells(db, table)
        where = " AND ".join(f"{column} IS ?" for column in columns)
        db.execute(f"DELETE FROM {table} WHERE {where}", data.draw(st.sampled_from(rows)))  # noqa: S608 - names of ours
        assert db.execute("SELECT changes()").fetchone() == (1,)

    assert _found(_tampered(sample, edit))


@given(st.data())
def test_verify__row_inserted__found(sample: tuple[Path, JournalHead], data: st.DataObject) -> None:
    def edit(db: sqlite3.Connection) -> None:
        table = data.draw(st.sampled_from(("events", "looks", "readings", "meta")))
        _, rows = _cells(db, table)
        row = data.draw(st.sampled_from(rows))
        if table == "looks":
            row = (data.draw(st.integers(-3, 1_000)), data.draw(st.integers(-1, 2)), *row[2:])
        elif table == "meta":
            row = ("another",)
        else:
            row = (data.draw(st.sampled_from([row[0], row[0] - 100, row[0] + 100])), *row[1:])
        if table == "readings":
            row = (row[0], data.draw(st.integers(-2, 5)), *row[2:])
        if table == "events":
            row = (*row[:5], None, *row[6:])
        db.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)  # noqa: S608 - names of ours
        if table == "readings":
            # A reading of a look that does not exist is seen by nobody.
            assume(db.execute("SELECT count(*) FROM looks WHERE id = ?", row[:1]).fetchone() == (1,))

    assert _found(_tampered(sample, edit))


@given(st.data())
def test_verify__two_rows_swapped__found(sample: tuple[Path, JournalHead], data: st.DataObject) -> None:
    def edit(db: sqlite3.Connection) -> None:
        table, own = data.draw(st.sampled_from([("events", 1), ("readings", 2), ("looks", 1), ("names", 1)]))
        columns, rows = _cells(db, table)
        one, two = data.draw(st.lists(st.sampled_from(rows), min_size=2, max_size=2, unique=True))
        assume(one[own:] != two[own:])
        where = " AND ".join(f"{column} = ?" for column in columns[:own])
        for row in (one, two):
            db.execute(f"DELETE FROM {table} WHERE {where}", row[:own])  # noqa: S608 - names of ours
        for row in (one[:own] + two[own:], two[:own] + one[own:]):
            db.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)  # noqa: S608 - names of ours

    assert _found(_tampered(sample, edit))


@given(st.data())
def test_verify__tail_cut__found_by_a_head_kept_elsewhere(
    sample: tuple[Path, JournalHead], data: st.DataObject
) -> None:
    last = data.draw(st.integers(0, sample[1].seq - 1))

    def edit(db: sqlite3.Connection) -> None:
        db.execute("DELETE FROM events WHERE seq > ?", (last,))

    result = _tampered(sample, edit)
    assert result is not None
    assert result.fault is not None
    assert result.fault.seq == last + 1
    assert str(sample[1].seq) in str(result.fault.message)


@given(st.data())
def test_verify__tail_written_anew_with_right_hashes__found_by_a_head_kept_elsewhere(
    sample: tuple[Path, JournalHead], data: st.DataObject
) -> None:
    changed = data.draw(st.integers(1, sample[1].seq))

    def edit(db: sqlite3.Connection) -> None:
        found = db.execute("SELECT hash FROM events WHERE seq = ?", (changed - 1,)).fetchone()
        previous = found[0] if found else None
        for seq, *fields, _ in db.execute(
            "SELECT * FROM events WHERE seq >= ? ORDER BY seq", (changed,)
        ).fetchall():
            row = Row(*fields)
            if seq == changed:
                db.execute("UPDATE events SET wall_ms = wall_ms + 1 WHERE seq = ?", (seq,))
                row = Row(row.kind, row.level, row.wall_ms + 1, *fields[3:])
            if previous is None:
                (journal_id,) = db.execute("SELECT journal_id FROM meta").fetchone()
                previous = genesis(journal_id)
            previous = link(previous, seq, row)
            db.execute("UPDATE events SET hash = ? WHERE seq = ?", (previous, seq))

    unseen = _tampered(sample, edit, head=False)
    assert unseen is not None
    assert unseen.ok  # without a head nobody could know
    assert _found(_tampered(sample, edit))


@given(place=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
def test_verify__any_byte_of_the_file_flipped__never_breaks(
    sample: tuple[Path, JournalHead], place: float, flip: int
) -> None:
    with TemporaryDirectory(dir="/dev/shm") as folder:
        path = Path(folder, "journal.db")
        content = bytearray(sample[0].read_bytes())
        at_byte = int(place * len(content))
        content[at_byte] ^= flip
        path.write_bytes(content)
        with suppress(UltradError):
            verify(path)


def test_verify__two_heads_for_one_place__found(sample: tuple[Path, JournalHead]) -> None:
    head = sample[1]
    for heads in ([(head.seq, head.hash), (head.seq, "ab" * 32)], [(0, "ab" * 32)], [(3, head.hash)]):
        result = verify(sample[0], heads)
        assert result.fault is not None
        assert result.fault.seq == heads[-1][0]


def test_verify__while_the_daemon_writes__good(tmp_path: Path) -> None:
    async def both() -> None:
        rig = sqlite_rig(tmp_path / "journal.db")
        results: list[Verification] = []

        def enough() -> bool:
            return len(results) >= 10 and results[0].events < results[-1].events

        async def check() -> None:
            while not enough():
                results.append(await anyio.to_thread.run_sync(verify, tmp_path / "journal.db"))

        async with rig.running() as journal, anyio.create_task_group() as group:
            group.start_soon(check)
            number = 0
            while not enough():
                number += 1
                await journal.append(event(number))
                journal.telemetry([reading(number=number)], at(number))
        assert all(result.ok for result in results)

    anyio.run(both)


def test_verify__reading_changed_before_thinning__left_as_it_stands_and_recorded(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"

    async def scenario() -> None:
        rig = sqlite_rig(path, thin_after_hours=1)
        async with rig.running() as journal:
            for number in range(20):
                journal.telemetry([reading("a", number)], at(number))
            await journal.housekeeping(at(HOUR_MS))
            with closing(sqlite3.connect(path, isolation_level=None)) as db:
                db.execute("UPDATE readings SET debt = x'80' WHERE look = 3")
            await journal.housekeeping(at(9 * HOUR_MS))
            await journal.housekeeping(at(9 * HOUR_MS))

    anyio.run(scenario)
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT count(*) FROM readings").fetchone() == (20,)
        assert db.execute("SELECT kind, key FROM events").fetchall() == [
            ("readings.seal", "0"),
            ("readings.damaged", "0"),
        ]
    result = verify(path)
    assert result.fault is not None
    assert result.fault.seq == 1


def test_verify__event_removed_behind_a_running_daemon__found_though_it_writes_on(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"

    async def scenario() -> None:
        rig = sqlite_rig(path)
        async with rig.running() as journal:
            await journal.append(event(1), event(2))
            with closing(sqlite3.connect(path, isolation_level=None)) as db:
                db.execute("DELETE FROM events WHERE seq = 2")
            await journal.append(event(3))

    anyio.run(scenario)
    result = verify(path)
    assert result.fault is not None
    assert result.fault.seq == 2


def test_verify__empty_journal__good(tmp_path: Path) -> None:
    head = create(tmp_path / "journal.db")
    result = verify(tmp_path / "journal.db", [(0, head.hash)])
    assert result.ok
    assert (result.head, result.events, result.first_wall_ms) == (head, 0, None)


def test_verify__journal_opened_and_closed__good(tmp_path: Path) -> None:
    create(tmp_path / "journal.db")

    async def scenario() -> None:
        journal = open_journal(tmp_path / "journal.db", thin_after_hours=1)
        await journal.append(event(1))
        await journal.close()

    anyio.run(scenario)
    assert verify(tmp_path / "journal.db").events == 1
