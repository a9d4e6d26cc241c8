"""A copy of the journal while the daemon writes to it, and whether one is whole."""

import sqlite3
from contextlib import closing
from pathlib import Path

from ultrad.adapters.journal import open_reader, verify
from ultrad.adapters.journal.schema import check_present, connect, refused
from ultrad.core.backups import JournalFacts, Spoilt
from ultrad.i18n import msg

SOUND = "ok"
"""What SQLite says of a database without a fault (sqlite.org/pragma.html#pragma_integrity_check)."""


def copy(journal: Path, target: Path) -> JournalFacts:
    """Copy the journal as it is at one moment, and answer what it holds.

    All pages in one step: it reads from one snapshot, so that the daemon's writes neither wait for it nor make it
    begin again. Raises Transient where the disk refuses, Spoilt where the journal is damaged.
    """
    check_present(journal)
    try:
        with closing(connect(journal, "ro")) as source, closing(sqlite3.connect(target)) as copied:
            copied.execute("PRAGMA synchronous = OFF")  # what is lost by a crash is made anew
            source.backup(copied)
            copied.execute("PRAGMA journal_mode = DELETE")  # one file alone
        target.chmod(0o600)
        return _facts(target, "quick_check")
    except sqlite3.Error as error:
        raise refused(journal, error) from error


def check(journal: Path, told: JournalFacts) -> JournalFacts:
    """Go through a restored journal: SQLite's own check, the chain of hashes, and the rows, against what was told.

    Answers what it holds. Raises Spoilt where anything differs, Transient where the disk refuses.
    """
    try:
        found = _facts(journal, "integrity_check")
    except sqlite3.OperationalError as error:
        raise refused(journal, error) from error
    except sqlite3.DatabaseError as error:
        raise Spoilt(msg("The journal in the backup is damaged: {reason}.", reason=str(error))) from error
    if found != told:
        raise Spoilt(
            msg(
                "The journal in the backup has {events} events and {readings} readings, and its manifest says "
                "{told_events} and {told_readings}; or it is another one.",
                events=found.events,
                readings=found.readings,
                told_events=told.events,
                told_readings=told.readings,
            )
        )
    verified = verify(journal, ((told.head_seq, told.head_hash),) if told.head_seq else ())
    if verified.fault is not None:
        raise Spoilt(
            msg(
                "The journal in the backup is not what was recorded, from event {seq} on: {fault}",
                seq=verified.fault.seq,
                fault=verified.fault.message,
            )
        )
    return found


def _facts(journal: Path, pragma: str) -> JournalFacts:
    with open_reader(journal) as reader:
        said = reader.db.execute(f"PRAGMA {pragma}(1)").fetchone()[0]
        if said != SOUND:
            raise Spoilt(
                msg("The journal is damaged ({reason}): a copy of it would be no backup.", reason=str(said)[:200])
            )
        head = reader.head()
        events, readings = (
            reader.db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608 - two constants
            for table in ("events", "readings")
        )
    return JournalFacts(head.journal_id, head.seq, head.hash, events, readings)
