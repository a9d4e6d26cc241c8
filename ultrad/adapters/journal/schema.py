"""The journal's file: what makes it ours, its tables, and how they came about version by version."""

import os
import secrets
import sqlite3
import stat
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from ultrad.core.record import genesis
from ultrad.errors import EXIT_CONFIG, Fatal, Transient, UltradError
from ultrad.i18n import Message, msg
from ultrad.ports import JournalHead

APPLICATION_ID = 0x756C7464
"""`ultd` in the file header (sqlite.org/fileformat2.html, offset 68)."""

BUSY_MS = 2_000
"""How long a write waits for another program that holds the file locked (somebody's sqlite3 shell)."""
WAL_REST_BYTES = 64 * 2**20
"""What a write-ahead log may go on taking on the disk after it was large once."""

_EVENTS = """
CREATE TABLE meta (journal_id TEXT NOT NULL PRIMARY KEY) STRICT, WITHOUT ROWID;
CREATE TABLE events (
  seq INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,
  level INTEGER NOT NULL,
  wall_ms INTEGER NOT NULL,
  steady_ms INTEGER NOT NULL,
  key TEXT,
  text TEXT NOT NULL,
  args TEXT NOT NULL,
  data TEXT NOT NULL,
  hash BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX events_by_key ON events (kind, key) WHERE key IS NOT NULL;
CREATE INDEX events_by_kind ON events (kind, seq);
CREATE INDEX events_by_time ON events (wall_ms);
CREATE INDEX events_by_level ON events (level, seq) WHERE level > 0;
"""

# One look is one block seen through one endpoint; its readings are the positions at that block.
# `hour` is the (steady) hour under which the look is sealed. Numbers of the chain are kept as `ordered` bytes.
_READINGS = """
CREATE TABLE names (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE looks (
  id INTEGER PRIMARY KEY,
  hour INTEGER NOT NULL,
  steady_ms INTEGER NOT NULL,
  wall_ms INTEGER NOT NULL,
  endpoint INTEGER NOT NULL REFERENCES names (id),
  block_number BLOB NOT NULL,
  block_hash TEXT NOT NULL,
  block_time_s BLOB NOT NULL
) STRICT;
CREATE INDEX looks_by_hour ON looks (hour, id);
CREATE INDEX looks_by_time ON looks (steady_ms);
CREATE TABLE readings (
  look INTEGER NOT NULL REFERENCES looks (id),
  place INTEGER NOT NULL,
  position INTEGER NOT NULL REFERENCES names (id),
  health_factor BLOB NOT NULL,
  collateral BLOB NOT NULL,
  debt BLOB NOT NULL,
  net BLOB NOT NULL,
  PRIMARY KEY (look, place)
) STRICT, WITHOUT ROWID;
"""

_PROBES = """
CREATE TABLE probes (
  steady_ms INTEGER NOT NULL,
  wall_ms INTEGER NOT NULL,
  name INTEGER NOT NULL REFERENCES names (id),
  elapsed_ms INTEGER NOT NULL,
  failed INTEGER NOT NULL
) STRICT;
CREATE INDEX probes_by_time ON probes (steady_ms);
"""

MIGRATIONS = (_EVENTS, _READINGS, _PROBES)
"""Step n leads from version n to n + 1. Steps are never changed once released; new ones are added."""

_CAUSES = {
    sqlite3.SQLITE_FULL: msg("the disk is full: free some space"),
    sqlite3.SQLITE_READONLY: msg("it cannot be written: look at the file's owner and mode, and at the mount"),
    sqlite3.SQLITE_IOERR: msg("the disk reports an error: look at the kernel's log (`dmesg`)"),
    sqlite3.SQLITE_BUSY: msg("another program holds it locked: close any database shell"),
    sqlite3.SQLITE_CANTOPEN: msg("it cannot be opened: look at the owner and mode of the file and its directory"),
    sqlite3.SQLITE_CORRUPT: msg("it is damaged: stop the daemon and restore a backup"),
    sqlite3.SQLITE_NOTADB: msg("it is damaged: stop the daemon and restore a backup"),
}
_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}
"""What opening a damaged file gives; SQLITE_ERROR where a table is not there."""


def refused(path: Path, error: sqlite3.Error | OSError) -> Transient:
    """What an operator is told when the disk, or SQLite, refuses."""
    known: Message | None = None
    if isinstance(error, sqlite3.Error):
        known = _CAUSES.get(_code(error))
    if known is None:
        return Transient(msg("The journal {path} refuses: {error}.", path=str(path), error=str(error)))
    return Transient(
        msg("The journal {path} refuses: {cause} ({error}).", path=str(path), cause=known, error=str(error))
    )


def not_opened(path: Path, error: sqlite3.Error | OSError | UnicodeDecodeError) -> UltradError:
    """Why a journal could not be opened: Fatal where the file is at fault, Transient where the disk is.

    Python's sqlite3 raises UnicodeDecodeError where SQLite's own message quotes damaged bytes.
    """
    if isinstance(error, OSError) or (isinstance(error, sqlite3.Error) and _code(error) not in _DAMAGE):
        return refused(path, error)
    return unusable(
        msg(
            "{path} is no journal, or it is damaged ({error}): restore a backup.", path=str(path), error=str(error)
        )
    )


def _code(error: sqlite3.Error) -> int:
    """SQLite's plain result code: the low byte of the extended one (sqlite.org/rescode.html)."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


class UnusableError(Fatal):
    """The file is missing, damaged or not ours. A command ends by it; the daemon watches on."""


def unusable(message: Message) -> UnusableError:
    """The file is not one this program can go on with; starting again cannot mend it."""
    return UnusableError(message, EXIT_CONFIG)


def connect(path: Path, mode: str) -> sqlite3.Connection:
    """Connect in a URI mode: `rw`, `ro`, or `ro&immutable=1`. Never creates the file. Raises sqlite3.Error.

    Text is decoded so that what somebody put there, whatever it is, can be read and told from every other.
    """
    db = sqlite3.connect(
        f"file:{quote(str(path))}?mode={mode}",
        uri=True,
        timeout=BUSY_MS / 1000,
        isolation_level=None,
        check_same_thread=False,
    )
    db.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
    return db


def check_present(path: Path) -> None:
    """Raises Fatal where there is no regular file, Transient where that cannot be seen."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise unusable(
            msg(
                "There is no journal at {path}. On a new installation run `ultrad init`; otherwise its disk is "
                "missing or it was removed: restore a backup.",
                path=str(path),
            )
        ) from None
    except OSError as error:
        raise refused(path, error) from error
    if not stat.S_ISREG(mode):
        raise unusable(msg("The journal {path} is no regular file.", path=str(path)))


def version(db: sqlite3.Connection, path: Path) -> int:
    """The version of the file.

    Raises UnusableError for a file not ours, plain Fatal for one newer than this program, and sqlite3.Error.
    """
    (application,) = db.execute("PRAGMA application_id").fetchone()
    (found,) = db.execute("PRAGMA user_version").fetchone()
    db.execute("SELECT count(*) FROM sqlite_schema").fetchone()  # reads the tables' definitions: damage shows here
    if application != APPLICATION_ID or found < 1:
        raise unusable(
            msg(
                "{path} is a database, but no journal of ultrad. Look at `state_dir` in the config.",
                path=str(path),
            )
        )
    if found > len(MIGRATIONS):
        raise Fatal(
            msg(
                "The journal {path} has version {found}; this program knows versions up to {known}. It was "
                "written by a newer ultrad: install that one again.",
                path=str(path),
                found=int(found),
                known=len(MIGRATIONS),
            ),
            EXIT_CONFIG,
        )
    return int(found)


def migrate(db: sqlite3.Connection, found: int) -> None:
    """Bring the file up to date, each step in a transaction of its own."""
    for number, step in enumerate(MIGRATIONS[found:], start=found + 1):
        db.executescript(f"BEGIN IMMEDIATE;{step}PRAGMA user_version = {number};COMMIT;")


def read_id(db: sqlite3.Connection, path: Path) -> str:
    """Which journal it is. Raises Fatal for one without identity."""
    row = db.execute("SELECT journal_id FROM meta").fetchone()
    if row is None or not isinstance(row[0], str):
        raise unusable(msg("The journal {path} has lost its identity: restore a backup.", path=str(path)))
    return row[0]


def read_head(db: sqlite3.Connection, path: Path) -> JournalHead:
    """The end of the chain. Raises Fatal for a journal without identity or whose last event has no hash."""
    journal_id = read_id(db, path)
    last = db.execute("SELECT seq, hash FROM events ORDER BY seq DESC LIMIT 1").fetchone()
    seq, digest = last or (0, genesis(journal_id))
    if not isinstance(digest, bytes):
        raise unusable(msg("The last event of the journal {path} is damaged: restore a backup.", path=str(path)))
    return JournalHead(journal_id, seq, digest.hex())


def create(path: Path) -> JournalHead:
    """Make a new, empty journal with an identity of its own, mode 0600. It appears at `path` whole or not at all.

    Raises Fatal where something stands at `path` already, Transient where the disk refuses.
    """
    taken = unusable(
        msg(
            "There is something at {path} already. A journal is never overwritten: move it away first.",
            path=str(path),
        )
    )
    if os.path.lexists(path):
        raise taken
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    journal_id = secrets.token_hex(16)
    try:
        draft.touch(mode=0o600, exist_ok=False)
        db = connect(draft, "rw")
        try:
            db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            migrate(db, 0)
            db.execute("INSERT INTO meta (journal_id) VALUES (?)", (journal_id,))
        finally:
            db.close()
        os.link(draft, path)
        sync_directory(path.parent)
    except FileExistsError:
        raise taken from None
    except (sqlite3.Error, OSError) as error:
        raise refused(path, error) from error
    finally:
        with suppress(OSError):
            draft.unlink()
    return JournalHead(journal_id, 0, genesis(journal_id).hex())


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable. Raises OSError."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
