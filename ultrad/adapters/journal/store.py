"""The writing side of the journal's file: synchronous, one caller at a time, always in the writer's thread."""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ultrad.adapters.journal import schema
from ultrad.core.position import Block, Reading
from ultrad.core.probes import Sample
from ultrad.core.readings import DAMAGED, HOUR_MS, SEALED, THINNED, Kept, ordered
from ultrad.core.record import Row, clean_text, link, repeated
from ultrad.errors import Duplicate, Transient
from ultrad.i18n import msg
from ultrad.ports import JournalHead
from ultrad.units import Now

Place = tuple[int, bytes]
"""Where an event stands: its sequence number and its hash."""

_INSERT_EVENT = "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_INSERT_LOOK = (
    "INSERT INTO looks (hour, steady_ms, wall_ms, endpoint, block_number, block_hash, block_time_s)"
    " VALUES (?, ?, ?, ?, ?, ?, ?)"
)
_INSERT_READING = "INSERT INTO readings VALUES (?, ?, ?, ?, ?, ?, ?)"
_INSERT_PROBE = "INSERT INTO probes VALUES (?, ?, ?, ?, ?)"


@dataclass(frozen=True, slots=True)
class Handed:
    """Events handed over together. posted: nobody waits for the answer, so a taken key must not lose them."""

    rows: tuple[Row, ...]
    posted: bool


@dataclass(frozen=True, slots=True)
class Look:
    """The readings of one block as one endpoint showed it."""

    now: Now
    endpoint: str
    block: Block
    readings: tuple[Reading, ...]


class Store:
    """The writing connection and the end of the chain.

    The end of the chain is kept in memory and moves only after a commit: whatever somebody does to the file behind
    the daemon's back, the next event is tied to what was really recorded before it, so that the deed can be found.
    """

    def __init__(self, path: Path) -> None:
        """Nothing is opened yet: see `connect`."""
        self.path = path
        self._db: sqlite3.Connection | None = None
        self._identity = (0, 0)
        self._journal_id = ""
        self._head: Place = (0, b"")
        self._names: dict[str, int] = {}
        self._open_hour = 0

    def connect(self) -> None:
        """Open the file, bring it up to date, and learn where the chain ends.

        Raises Transient where it is missing, damaged or not ours, or the disk refuses: it may be put right, and
        what waits is written then. Raises Fatal where a newer program wrote it.
        """
        try:
            self._connect()
        except schema.UnusableError as error:
            raise Transient(error.message) from error

    def _connect(self) -> None:
        schema.check_present(self.path)
        db: sqlite3.Connection | None = None
        try:
            db = schema.connect(self.path, "rw")
            found = schema.version(db, self.path)
            self._identity = self._look_at_file()
            db.execute("PRAGMA journal_mode = WAL")
            self._make_private()
            db.execute("PRAGMA synchronous = FULL")
            db.execute("PRAGMA foreign_keys = ON")
            db.execute("PRAGMA trusted_schema = OFF")
            db.execute("PRAGMA temp_store = MEMORY")
            db.execute(f"PRAGMA journal_size_limit = {schema.WAL_REST_BYTES}")
            schema.migrate(db, found)
            db.execute("BEGIN IMMEDIATE").execute("ROLLBACK")  # a file that cannot be written says so here
            head = schema.read_head(db, self.path)
            sealed = db.execute(
                "SELECT max(CAST(key AS INTEGER)) FROM events WHERE kind = ? AND key IS NOT NULL", (SEALED,)
            ).fetchone()[0]
        except (sqlite3.Error, OSError, UnicodeDecodeError) as error:
            raise schema.not_opened(self.path, error) from error
        else:
            self._db, db = db, None
        finally:
            if db is not None:
                db.close()
        self._journal_id = head.journal_id
        self._head = (head.seq, bytes.fromhex(head.hash))
        self._open_hour = 0 if sealed is None else sealed + 1
        self._names = {}

    @property
    def head(self) -> JournalHead | None:
        """The end of the chain as it is durable; None before the first connection."""
        return JournalHead(self._journal_id, self._head[0], self._head[1].hex()) if self._journal_id else None

    def commit(
        self, batch: Sequence[Handed], looks: Sequence[Look | Sample]
    ) -> tuple[tuple[Place, ...] | Duplicate, ...]:
        """Write all of it in one durable transaction; for each handed over, its places or why it was not written.

        Raises Transient where the disk refuses; then nothing of it was written.
        """
        with self._transaction() as db:
            head = self._head
            answers: list[tuple[Place, ...] | Duplicate] = []
            for handed in batch:
                rows = _unrepeated(db, handed)
                if isinstance(rows, Duplicate):
                    answers.append(rows)
                    continue
                places = _write(db, head, rows)
                head = places[-1] if places else head
                answers.append(places)
            names = dict(self._names)
            for look in looks:
                if isinstance(look, Sample):
                    _write_probe(db, look, names)
                else:
                    self._write_look(db, look, names)
        self._head, self._names = head, names
        return tuple(answers)

    def hours_to_seal(self, before: int) -> tuple[int, ...]:
        """The hours before `before` that have readings and no seal.

        From now on no reading is filed under any of them: one that comes late goes to the hour that is open then.
        """
        self._open_hour = max(self._open_hour, before)
        return self._hours(
            "SELECT DISTINCT hour FROM looks WHERE hour < ? AND NOT EXISTS"
            " (SELECT 1 FROM events WHERE kind = ? AND key = CAST(hour AS TEXT)) ORDER BY hour",
            (before, SEALED),
        )

    def hours_to_thin(self, before: int) -> tuple[int, ...]:
        """The sealed hours before `before` that are neither thinned nor known as damaged."""
        return self._hours(
            "SELECT CAST(key AS INTEGER) AS hour FROM events AS seal WHERE kind = ? AND hour < ? AND NOT EXISTS"
            " (SELECT 1 FROM events WHERE kind IN (?, ?) AND key = seal.key) ORDER BY hour",
            (SEALED, before, THINNED, DAMAGED),
        )

    def thin(self, hour: int, staying: Sequence[Kept], row: Row) -> Place:
        """Remove an hour's other readings, and record that it was done, in one transaction. Raises Transient."""
        with self._transaction() as db:
            db.execute(
                "CREATE TEMP TABLE IF NOT EXISTS staying (look, place, PRIMARY KEY (look, place)) WITHOUT ROWID"
            )
            db.execute("DELETE FROM staying")
            db.executemany("INSERT INTO staying VALUES (?, ?)", [(kept.look, kept.place) for kept in staying])
            db.execute(
                "DELETE FROM readings WHERE look IN (SELECT id FROM looks WHERE hour = ?)"
                " AND (look, place) NOT IN (SELECT look, place FROM staying)",
                (hour,),
            )
            db.execute(
                "DELETE FROM looks WHERE hour = ? AND id NOT IN (SELECT look FROM staying)",
                (hour,),
            )
            places = _write(db, self._head, (row,))
        self._head = places[-1]
        return places[-1]

    def forget_probes(self, before_ms: int) -> None:
        """Remove the times of probes from before that (steady) time. Raises Transient."""
        with self._transaction() as db:
            db.execute("DELETE FROM probes WHERE steady_ms < ?", (before_ms,))

    def close(self) -> None:
        """Close the file; its write-ahead log is folded in. Raises Transient."""
        if self._db is not None:
            try:
                self._db.close()
            except sqlite3.Error as error:
                raise schema.refused(self.path, error) from error
            self._db = None

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing, durable at the end. Connects first where that failed before."""
        if self._db is None:
            self.connect()
        db = self._db
        assert db is not None  # noqa: S101 - `connect` raises or sets it
        try:
            if self._look_at_file() != self._identity:
                raise self._replaced()
            db.execute("BEGIN IMMEDIATE")
            yield db
            db.execute("COMMIT")
        except (sqlite3.Error, OSError) as error:
            raise schema.refused(self.path, error) from error
        finally:
            if db.in_transaction:
                db.rollback()

    def _make_private(self) -> None:
        """Nobody else reads it, nor what SQLite keeps beside it, whatever a restored backup's modes were."""
        for suffix in ("", "-wal", "-shm"):
            with suppress(FileNotFoundError, PermissionError):  # it may belong to another user, as root sees it
                self.path.with_name(f"{self.path.name}{suffix}").chmod(0o600)

    def _look_at_file(self) -> tuple[int, int]:
        """Which file stands at the path now. Raises OSError."""
        found = os.stat(self.path)  # noqa: PTH116 - once a commit, and four times as fast
        return (found.st_dev, found.st_ino)

    def _replaced(self) -> Transient:
        return Transient(
            msg(
                "The journal {path} is no longer the file that was opened: somebody moved or replaced it. Put the "
                "right one back, or restart the daemon.",
                path=str(self.path),
            )
        )

    def _hours(self, query: str, values: tuple[int | str, ...]) -> tuple[int, ...]:
        with self._transaction() as db:
            return tuple(hour for (hour,) in db.execute(query, values).fetchall())

    def _write_look(self, db: sqlite3.Connection, look: Look, names: dict[str, int]) -> None:
        hour = max(look.now.steady_ms // HOUR_MS, self._open_hour)
        endpoint = _name_id(db, look.endpoint, names)
        block = look.block
        look_id = db.execute(
            _INSERT_LOOK,
            (
                *(hour, look.now.steady_ms, look.now.wall_ms, endpoint),
                *(ordered(block.number), clean_text(block.hash), ordered(block.time_s)),
            ),
        ).lastrowid
        db.executemany(
            _INSERT_READING,
            [
                (
                    *(look_id, place, _name_id(db, one.position, names)),
                    *(ordered(one.health_factor), ordered(one.collateral_e8)),
                    *(ordered(one.debt_e8), ordered(one.net_value_e8)),
                )
                for place, one in enumerate(look.readings)
            ],
        )


def _write(db: sqlite3.Connection, head: Place, rows: Sequence[Row]) -> tuple[Place, ...]:
    """Tie rows to the end of the chain."""
    places: list[Place] = []
    for row in rows:
        seq = head[0] + 1
        head = (seq, link(head[1], seq, row))
        db.execute(
            _INSERT_EVENT,
            (seq, row.kind, row.level, row.wall_ms, row.steady_ms, row.key, row.text, row.args, row.data, head[1]),
        )
        places.append(head)
    return tuple(places)


def _unrepeated(db: sqlite3.Connection, handed: Handed) -> tuple[Row, ...] | Duplicate:
    """The rows as they may be written, or why they may not: a key of theirs is taken."""
    rows: list[Row] = []
    own: set[tuple[str, str]] = set()
    for row in handed.rows:
        if row.key is None:
            rows.append(row)
            continue
        found = db.execute("SELECT 1 FROM events WHERE kind = ? AND key = ?", (row.kind, row.key)).fetchone()
        if found is None and (row.kind, row.key) not in own:
            own.add((row.kind, row.key))
            rows.append(row)
        elif handed.posted:
            rows.append(repeated(row))
        else:
            return Duplicate(
                msg("The journal holds an event {kind} with the key {key} already.", kind=row.kind, key=row.key)
            )
    return tuple(rows)


def _write_probe(db: sqlite3.Connection, one: Sample, names: dict[str, int]) -> None:
    name = _name_id(db, one.name, names)
    db.execute(_INSERT_PROBE, (one.at.steady_ms, one.at.wall_ms, name, one.elapsed_ms, int(one.failed)))


def _name_id(db: sqlite3.Connection, name: str, names: dict[str, int]) -> int:
    """The number of a name, given to it on first sight. `names` is what is known so far."""
    if name not in names:
        text = clean_text(name)
        db.execute("INSERT INTO names (name) VALUES (?) ON CONFLICT DO NOTHING", (text,))
        (names[name],) = db.execute("SELECT id FROM names WHERE name = ?", (text,)).fetchone()
    return names[name]
