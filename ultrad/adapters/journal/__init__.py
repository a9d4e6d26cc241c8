"""The journal: SQLite, hash-chained, written by one thread."""

from ultrad.adapters.journal.journal import SqliteJournal, open_journal
from ultrad.adapters.journal.reader import Reader, open_reader
from ultrad.adapters.journal.schema import UnusableError, create
from ultrad.adapters.journal.verify import Fault, Verification, verify

__all__ = [
    "Fault",
    "Reader",
    "SqliteJournal",
    "UnusableError",
    "Verification",
    "create",
    "open_journal",
    "open_reader",
    "verify",
]
