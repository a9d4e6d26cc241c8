"""One face for the journal in memory and the journal on disk, with the faults that both can be given."""

import errno
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import anyio
import anyio.from_thread

from tests.fakes.journal import FakeJournal
from ultrad.adapters.journal import create, schema
from ultrad.adapters.journal.journal import SqliteJournal
from ultrad.adapters.journal.store import Handed, Look, Place, Store
from ultrad.core.probes import Sample
from ultrad.errors import Duplicate
from ultrad.ports import Journal

Kind = Literal["fake", "sqlite"]


class FaultyStore(Store):
    """The real store on a disk that can be told to refuse or to hang."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.full = False
        self.writes = 0
        self.moving = threading.Event()
        self.moving.set()
        self.hanging = anyio.Event()

    def commit(
        self, batch: Sequence[Handed], looks: Sequence[Look | Sample]
    ) -> tuple[tuple[Place, ...] | Duplicate, ...]:
        if not self.moving.is_set():
            anyio.from_thread.run_sync(self.hanging.set)
            assert self.moving.wait(30)
        if self.full:
            raise schema.refused(self.path, OSError(errno.ENOSPC, "No space left on device"))
        self.writes += 1
        return super().commit(batch, looks)


@dataclass(frozen=True)
class Rig:
    """A journal and the levers of its disk."""

    journal: Journal
    fill: Callable[[], None]
    hang: Callable[[], anyio.Event]
    recover: Callable[[], None]
    writes: Callable[[], int]
    journal_id: str = "fake"

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Journal]:
        """The journal with its `run` under way."""
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(self.journal.run, lambda: None)
                await anyio.lowlevel.checkpoint()
                try:
                    yield self.journal
                finally:
                    self.recover()
                group.cancel_scope.cancel()
        finally:
            await self.journal.close()


def fake_rig(journal_id: str = "fake", thin_after_hours: int = 24) -> Rig:
    fake = FakeJournal(journal_id=journal_id, thin_after_hours=thin_after_hours)

    def fill() -> None:
        fake.full = True

    def hang() -> anyio.Event:
        fake.hang()
        return fake.hanging

    return Rig(fake, fill, hang, fake.recover, lambda: fake.writes, journal_id)


def sqlite_rig(path: Path, thin_after_hours: int = 24) -> Rig:
    journal_id = create(path).journal_id
    store = FaultyStore(path)
    store.connect()

    def fill() -> None:
        store.full = True

    def hang() -> anyio.Event:
        store.moving.clear()
        store.hanging = anyio.Event()
        return store.hanging

    def recover() -> None:
        store.full = False
        store.moving.set()

    return Rig(SqliteJournal(store, thin_after_hours, None), fill, hang, recover, lambda: store.writes, journal_id)


def make_rig(kind: Kind, folder: Path) -> Rig:
    return fake_rig() if kind == "fake" else sqlite_rig(folder / "journal.db")
