"""The journal's file: how it comes about, and how it behaves on disks that refuse."""

import os
import shutil
import sqlite3
import stat
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import anyio
import pytest

from tests.adapters.journal.samples import HOUR_MS, at, event, numbers, reading
from ultrad.adapters.journal import create, open_journal, open_reader, schema, verify
from ultrad.core.record import genesis, link, pack
from ultrad.errors import EXIT_CONFIG, Fatal, Permanent, Transient
from ultrad.ports import EventFilter


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB that can be filled and remounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() != 0 or _mount("-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)):
        pytest.skip("mounting needs root")
    yield folder
    subprocess.run(["/bin/umount", folder], check=True)


def _mount(*arguments: str) -> int:
    return subprocess.run(["/bin/mount", *arguments], check=False, capture_output=True).returncode


def _remount(folder: Path, mode: str) -> None:
    assert _mount("-o", f"remount,{mode}", str(folder)) == 0


async def _unusable(path: Path) -> str:
    """Why: commands end by it, the daemon's journal waits for it to be put right."""
    with pytest.raises(Fatal) as caught:
        open_reader(path)
    assert caught.value.exit_code == EXIT_CONFIG
    journal = open_journal(path, thin_after_hours=1)
    assert str(journal.backlog()[1]) == str(caught.value)
    assert str(path) in str(caught.value)
    journal.post(event(1))
    with pytest.raises(Transient):
        await journal.append(event(2))
    with pytest.raises(Transient):
        await journal.events(EventFilter())
    with pytest.raises(Transient, match="could not be written"):
        await journal.close()
    return str(caught.value)


def test_create__new__empty_private_and_alone(path: Path) -> None:
    head = create(path)
    assert (head.seq, len(head.journal_id)) == (0, 32)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]
    assert create(path.with_name("other.db")).journal_id != head.journal_id


@pytest.mark.parametrize("kind", ["file", "link", "directory"])
def test_create__something_stands_there__fatal_and_untouched(path: Path, kind: str) -> None:
    if kind == "file":
        path.write_text("precious")
    elif kind == "link":
        path.symlink_to("nowhere")
    else:
        path.mkdir()
    with pytest.raises(Fatal):
        create(path)
    assert list(path.parent.iterdir()) == [path]
    assert kind != "file" or path.read_text() == "precious"


def test_create__no_directory__transient(tmp_path: Path) -> None:
    with pytest.raises(Transient):
        create(tmp_path / "none" / "journal.db")


async def test_open__missing__waits_names_init_and_makes_none(path: Path) -> None:
    assert "ultrad init" in await _unusable(path)
    assert not path.exists()


async def test_open__no_file__waits(path: Path) -> None:
    path.mkdir()
    await _unusable(path)


@pytest.mark.parametrize("content", [b"", b"not a database" * 100, b"SQLite format 3\0" + b"\xff" * 4080])
async def test_open__not_a_database__waits_and_leaves_it(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    await _unusable(path)
    assert path.read_bytes() == content


async def test_open__a_database_of_others__waits_and_leaves_it(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE theirs (a)")
    before = path.read_bytes()
    assert "no journal of ultrad" in await _unusable(path)
    assert path.read_bytes() == before


def test_open__newer_version__fatal_naming_both(path: Path) -> None:
    create(path)
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")
    for opened in (lambda: open_journal(path, thin_after_hours=1), lambda: open_reader(path)):
        with pytest.raises(Fatal, match="99") as caught:
            opened()
        assert caught.value.exit_code == EXIT_CONFIG


@pytest.mark.parametrize("damage", ["DROP TABLE events", "DELETE FROM meta"])
async def test_open__lost_its_insides__waits(path: Path, damage: str) -> None:
    create(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute(damage)
    journal = open_journal(path, thin_after_hours=1)
    with pytest.raises(Transient):
        await journal.append(event(1))


async def test_open__damaged_and_put_right_meanwhile__what_waited_is_written(path: Path) -> None:
    create(path)
    sound = path.read_bytes()
    path.write_bytes(b"not a database" * 100)
    journal = open_journal(path, thin_after_hours=1)
    journal.post(event(1))
    path.write_bytes(sound)
    await journal.append(event(2))
    assert numbers(await journal.events(EventFilter())) == [1, 2]
    await journal.close()
    assert verify(path).ok


async def test_open__older_version__migrated_with_its_chain(path: Path) -> None:
    create(path)
    old = path.with_name("old.db")
    with closing(sqlite3.connect(path)) as db:
        (journal_id,) = db.execute("SELECT journal_id FROM meta").fetchone()
    row = pack(event(1))
    with closing(sqlite3.connect(old, isolation_level=None)) as db:
        db.executescript(schema.MIGRATIONS[0])
        db.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
        db.execute("PRAGMA user_version = 1")
        db.execute("INSERT INTO meta VALUES (?)", (journal_id,))
        digest = link(genesis(journal_id), 1, row)
        db.execute(
            "INSERT INTO events VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (row.kind, row.level, row.wall_ms, row.steady_ms, row.key, row.text, row.args, row.data, digest),
        )
    with pytest.raises(Fatal, match="old version 1"):
        open_reader(old)
    journal = open_journal(old, thin_after_hours=1)
    journal.telemetry([reading()], at(1))
    await journal.append(event(2))
    await journal.close()
    result = verify(old, [(1, digest.hex())])
    assert (result.fault, result.events, result.readings) == (None, 2, 1)


async def test_open__modes_widened__narrowed_again(path: Path) -> None:
    create(path)
    path.chmod(0o644)
    journal = open_journal(path, thin_after_hours=1)
    await journal.append(event(1))
    assert {stat.S_IMODE(one.stat().st_mode) for one in path.parent.iterdir()} == {0o600}
    await journal.close()


async def test_reopen__after_seals__late_readings_stay_out_of_them(path: Path) -> None:
    create(path)
    for hour in range(3):
        journal = open_journal(path, thin_after_hours=100)
        journal.telemetry([reading(number=hour)], at(1))
        await journal.housekeeping(at((hour + 1) * HOUR_MS))
        await journal.close()
    assert (verify(path).fault, verify(path).hours_sealed) == (None, 3)


async def test_append__disk_really_full__refused_whole_then_goes_on(small_disk: Path) -> None:
    path = small_disk / "journal.db"
    create(path)
    journal = open_journal(path, thin_after_hours=1)
    kept: list[object] = []
    refusal: Transient | None = None
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * 400_000)
    for number in range(0, 2_000, 2):
        journal.telemetry([reading(number=number)], at(number))
        try:
            await journal.append(event(number, pad="x" * 500), event(number + 1))
        except Transient as error:
            refusal = error
            break
        kept += [number, number + 1]
    assert refusal is not None
    assert "the disk is full" in str(refusal)
    assert str(path) in str(refusal)
    journal.post(event(-1))
    assert str(journal.backlog()[1]) == str(refusal)
    ballast.unlink()
    await journal.append(event(-2))
    assert numbers(await journal.events(EventFilter(limit=10_000))) == [*kept, -1, -2]
    await journal.close()
    result = verify(path)
    assert result.fault is None
    assert result.readings == len(kept) // 2 + 1


async def test_open__read_only_disk__opens_and_says_so_and_recovers(small_disk: Path) -> None:
    path = small_disk / "journal.db"
    create(path)
    _remount(small_disk, "ro")
    assert verify(path).ok
    journal = open_journal(path, thin_after_hours=1)
    assert journal.backlog()[1] is not None
    with pytest.raises(Transient):
        await journal.head()
    journal.post(event(1))
    with pytest.raises(Transient):
        await journal.append(event(2))
    _remount(small_disk, "rw")
    await journal.append(event(3))
    assert numbers(await journal.events(EventFilter())) == [1, 3]
    assert (await journal.head()).seq == 2
    await journal.close()


async def test_append__another_program_holds_the_file__transient_and_goes_on_after(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "BUSY_MS", 20)
    create(path)
    journal = open_journal(path, thin_after_hours=1)
    await journal.append(event(1))
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute(
            "BEGIN IMMEDIATE"
        )  # a shell left open has the same effect as a disk that refuses for a while
        with pytest.raises(Transient, match="another program"):
            await journal.append(event(2))
    await journal.append(event(3))
    assert numbers(await journal.events(EventFilter())) == [1, 3]
    await journal.close()


async def test_append__file_replaced_behind_it__transient(path: Path) -> None:
    create(path)
    journal = open_journal(path, thin_after_hours=1)
    await journal.append(event(1))
    path.rename(path.with_name("moved.db"))
    with pytest.raises(Transient):
        await journal.append(event(2))
    shutil.copy(path.with_name("moved.db"), path)
    with pytest.raises(Transient, match="moved or replaced"):
        await journal.append(event(3))
    path.unlink()
    path.with_name("moved.db").rename(path)
    assert (await journal.append(event(4)))[0].seq == 2
    await journal.close()


async def test_run__other_file_stands_there_when_the_disk_comes_back__goes_on_waiting(small_disk: Path) -> None:
    path = small_disk / "journal.db"
    create(path)
    _remount(small_disk, "ro")
    journal = open_journal(path, thin_after_hours=1)
    _remount(small_disk, "rw")
    path.write_bytes(b"something else, of some length" * 100)
    journal.post(event(1))
    with anyio.move_on_after(0.5):
        await journal.run(lambda: None)
    assert journal.backlog()[0] == 1
    assert "is no journal" in str(journal.backlog()[1])


async def test_readable__one_row_made_unreadable__all_others_and_which(path: Path) -> None:
    create(path)
    journal = open_journal(path, thin_after_hours=1)
    await journal.append(event(1), event(2), event(3))
    await journal.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("UPDATE events SET args = '{' WHERE seq = 2")
    with open_reader(path) as reader:
        readable = reader.readable()
        found = tuple(readable.events(EventFilter()))
    assert numbers(found) == [1, 3]
    assert "(at 2)" in str(readable.damage)


async def test_events__row_made_unreadable__permanent_naming_it(path: Path) -> None:
    create(path)
    journal = open_journal(path, thin_after_hours=1)
    await journal.append(event(1), event(2))
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("UPDATE events SET args = '{' WHERE seq = 2")
    with pytest.raises(Permanent, match="audit verify"):
        await journal.events(EventFilter())
    await journal.close()


async def test_backlog__write_hangs__names_the_disk_and_how_long(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ultrad.adapters.journal.journal.HUNG_S", 0.0)
    create(path)
    journal = open_journal(path, thin_after_hours=1)
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        async with anyio.create_task_group() as group:
            group.start_soon(journal.append, event(1))
            while "has not answered" not in str(journal.backlog()[1]):
                await anyio.lowlevel.checkpoint()
            other.execute("ROLLBACK")
    assert journal.backlog() == (0, None)
    await journal.close()


async def test_wal__many_writes__stays_bounded(path: Path) -> None:
    create(path)
    journal = open_journal(path, thin_after_hours=1)
    for number in range(150):
        await journal.append(*(event(number, pad="x" * 1_000) for _ in range(100)))
    assert os.stat(f"{path}-wal").st_size < 8 * 2**20 < path.stat().st_size + 4 * 2**20
    await journal.close()
