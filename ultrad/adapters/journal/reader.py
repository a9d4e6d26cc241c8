"""The reading side of the journal's file: a connection of its own, which never makes the writer wait."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from ultrad.adapters.journal import schema
from ultrad.core.events import Recorded
from ultrad.core.probes import Sample
from ultrad.core.readings import Kept, ordered, unordered
from ultrad.core.record import Row, unpack
from ultrad.errors import Permanent, Transient
from ultrad.i18n import Message, msg
from ultrad.ports import EventFilter, Extremes, JournalHead
from ultrad.units import Now, Wad

COLUMNS = "seq, kind, level, wall_ms, steady_ms, key, text, args, data, hash"
_MINUTE_MS = 60_000
_EMPTY = ordered(0)

_EXTREMES = """
SELECT names.name, steady_ms / :minute * :minute AS minute, min(net), max(net), min(health_factor)
FROM looks JOIN readings ON look = looks.id JOIN names ON names.id = position
WHERE steady_ms >= :since AND NOT (collateral = :empty AND debt = :empty)
GROUP BY minute, names.name ORDER BY minute, names.name
"""
KEPT = """
SELECT hour, look, place, steady_ms, wall_ms, positions.name, endpoints.name,
  block_number, block_hash, block_time_s, health_factor, collateral, debt, net
FROM looks JOIN readings ON look = looks.id
  JOIN names AS positions ON positions.id = position JOIN names AS endpoints ON endpoints.id = endpoint
"""
ONE_HOUR = " WHERE hour = ? ORDER BY look, place"
ALL_HOURS = " ORDER BY hour, look, place"


class Reader:
    """One reading connection, for use in a `with`. Its methods raise Transient where the disk refuses."""

    def __init__(self, path: Path, db: sqlite3.Connection) -> None:
        """Made by `open_reader`."""
        self.path = path
        self.db = db

    def __enter__(self) -> Self:
        """The reader itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection."""
        self.db.close()

    def head(self) -> JournalHead:
        """The end of the chain as the file shows it."""
        try:
            return schema.read_head(self.db, self.path)
        except sqlite3.Error as error:
            raise schema.refused(self.path, error) from error

    def events(self, which: EventFilter) -> tuple[Recorded, ...]:
        """The events that match. Raises Permanent where one of them was made unreadable."""
        query, values = _query(which)
        try:
            found = self.db.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise schema.refused(self.path, error) from error
        return tuple(self.recorded(columns) for columns in found)

    def samples(self, since_steady_ms: int) -> tuple[Sample, ...]:
        """The times of probes since then, oldest first."""
        try:
            found = self.db.execute(
                "SELECT names.name, wall_ms, steady_ms, elapsed_ms, failed"
                " FROM probes JOIN names ON id = probes.name WHERE steady_ms >= ?"
                " ORDER BY steady_ms, probes.rowid",
                (since_steady_ms,),
            ).fetchall()
        except sqlite3.Error as error:
            raise schema.refused(self.path, error) from error
        return tuple(
            Sample(name, Now(wall_ms, steady_ms), elapsed_ms, bool(failed))
            for name, wall_ms, steady_ms, elapsed_ms, failed in found
        )

    def readable(self) -> "Readable":
        """What can be read, whatever lies between it."""
        return Readable(self)

    def keyed(self, kind: str, key: str) -> Recorded:
        """The one event of a kind with a key. Raises Permanent where there is none, or it was made unreadable."""
        query = f"SELECT {COLUMNS} FROM events WHERE kind = ? AND key = ?"  # noqa: S608 - a constant
        try:
            found = self.db.execute(query, (kind, key)).fetchone()
        except sqlite3.Error as error:
            raise schema.refused(self.path, error) from error
        if found is None:
            raise self._unreadable(f"{kind} {key}")
        return self.recorded(found)

    def value_extremes(self, since_steady_ms: int) -> tuple[Extremes, ...]:
        """See the port. Only what is durable."""
        values = {"minute": _MINUTE_MS, "since": since_steady_ms, "empty": _EMPTY}
        try:
            found = self.db.execute(_EXTREMES, values).fetchall()
            return tuple(
                Extremes(name, minute, unordered(low), unordered(high), Wad(unordered(low_hf)))
                for name, minute, low, high, low_hf in found
            )
        except sqlite3.Error as error:
            raise schema.refused(self.path, error) from error
        except ValueError as error:
            raise self._unreadable("readings") from error

    def hour(self, hour: int) -> Iterator[Kept]:
        """The readings filed under an hour, in order."""
        try:
            for columns in self.db.execute(KEPT + ONE_HOUR, (hour,)):
                yield kept(columns)
        except sqlite3.Error as error:
            raise schema.refused(self.path, error) from error
        except ValueError as error:
            raise self._unreadable("readings") from error

    def recorded(self, columns: tuple[object, ...]) -> Recorded:
        """An event from its `COLUMNS`. Raises Permanent where it was made unreadable."""
        seq, row, digest = event_row(columns)
        try:
            return Recorded(seq, digest.hex(), unpack(row))
        except (ValueError, TypeError) as error:
            raise self._unreadable(str(seq)) from error

    def _unreadable(self, what: str) -> Permanent:
        return Permanent(
            msg(
                "The journal {path} holds something that ultrad never wrote (at {what}). Run "
                "`ultrad audit verify`.",
                path=str(self.path),
                what=what,
            )
        )


class Readable:
    """The events that can be read, one at a time. damage: what could not be, so far."""

    def __init__(self, reader: Reader) -> None:
        """Made by `Reader.readable`."""
        self._reader = reader
        self.damage: Message | None = None

    def events(self, which: EventFilter) -> Iterator[Recorded]:
        """The events that match and can be read."""
        query, values = _query(which)
        try:
            for columns in self._reader.db.execute(query, values):
                try:
                    recorded = self._reader.recorded(columns)
                except Permanent as error:
                    self.damage = self.damage or error.message
                else:
                    yield recorded
        except sqlite3.Error as error:
            self.damage = schema.refused(self._reader.path, error).message


def open_reader(path: Path) -> Reader:
    """Open a journal for reading only; the daemon may be writing meanwhile, or not run at all.

    A journal on a read-only disk can be read as well, if it was closed properly. Raises Fatal where there is none,
    where it is not ours, or where its version is not this program's; Transient where the disk refuses.
    """
    schema.check_present(path)
    try:
        return _open(path, "ro")
    except (sqlite3.Error, UnicodeDecodeError) as error:
        failure = schema.not_opened(path, error)
        # Without its write-ahead log beside it the file is complete, and needs none of SQLite's shared memory.
        if not isinstance(failure, Transient) or path.with_name(f"{path.name}-wal").exists():
            raise failure from error
    try:
        return _open(path, "ro&immutable=1")
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise schema.not_opened(path, error) from error


def _open(path: Path, mode: str) -> Reader:
    db: sqlite3.Connection | None = None
    try:
        db = schema.connect(path, mode)
        found = schema.version(db, path)
        if found != len(schema.MIGRATIONS):
            raise schema.unusable(
                msg(
                    "The journal {path} has the old version {found}. Start the daemon once: it brings it "
                    "up to date.",
                    path=str(path),
                    found=found,
                )
            )
        reader, db = Reader(path, db), None
    finally:
        if db is not None:
            db.close()
    return reader


def event_row(columns: tuple[object, ...]) -> tuple[int, Row, bytes]:
    """An event's place, row and hash from its `COLUMNS`."""
    seq, *fields, digest = columns
    return seq, Row(*fields), digest  # type: ignore[arg-type,return-value] # STRICT tables hold the declared types


def kept(columns: tuple[object, ...]) -> Kept:
    """A reading from the columns of `KEPT`, without its hour. Raises ValueError for bytes nobody wrote."""
    _, look, place, steady_ms, wall_ms, position, endpoint, number, block_hash, time_s, *figures = columns
    return Kept(
        *(look, place, steady_ms, wall_ms, position, endpoint),  # type: ignore[arg-type]
        *(unordered(number), block_hash, unordered(time_s)),  # type: ignore[arg-type]
        *(unordered(figure) for figure in figures),  # type: ignore[arg-type]
    )


def _query(which: EventFilter) -> tuple[str, tuple[object, ...]]:
    """The SQL of a filter, and its values."""
    where = ["seq > ?"]
    values: list[object] = [which.after_seq]
    if which.kinds:
        # "." is followed by "/" in ASCII: everything that begins with "kind." lies between the two.
        where.append("(" + " OR ".join(["kind = ? OR (kind > ? AND kind < ?)"] * len(which.kinds)) + ")")
        for kind in which.kinds:
            values += [kind, f"{kind}.", f"{kind}/"]
    for clause, value in (
        ("level >= ?", int(which.min_level) or None),
        ("wall_ms >= ?", which.since_ms),
        ("wall_ms <= ?", which.until_ms),
    ):
        if value is not None:
            where.append(clause)
            values.append(value)
    direction = "DESC" if which.newest_first else "ASC"
    query = f"SELECT {COLUMNS} FROM events WHERE {' AND '.join(where)} ORDER BY seq {direction} LIMIT ?"  # noqa: S608
    return query, (*values, max(0, which.limit))
