"""What was before, from the journal's file: however long it is, it takes little memory to read."""

import tracemalloc
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from ultrad.adapters.journal import create, open_journal, open_reader
from ultrad.core import incidents, telling
from ultrad.core.events import Event, Level, Severity
from ultrad.core.outbox import Delivery, Told
from ultrad.core.outbox_events import delivered_event
from ultrad.core.signs import Sign
from ultrad.core.telling import Notice, Target, Why
from ultrad.i18n import msg
from ultrad.ports import EventFilter
from ultrad.startup import Past
from ultrad.units import Now

AT_ONCE = 1_000
HOUR_MS = 3_600_000
PEAK = 2 * 2**20
"""What the folds keep of it is a quarter of a MiB; 10,000 events at once take some twenty."""


def events() -> Iterator[Event]:
    """An incident each hour, told and resolved."""
    for number in range(1, 10**6):
        now = Now(number * HOUR_MS, number * HOUR_MS)
        sign = Sign(("disk_full", str(number)), Severity.S2, Level.ALERT, msg("full: {n}", n=number), found=True)
        opened = incidents.opened_event(number, sign, now)
        (one,) = incidents.after(incidents.Book(), opened).incidents
        yield opened
        notice = Notice(Why.OPENED, Severity.S2, Level.ALERT, one.message, (), number)
        yield telling.queued_event(notice, f"notice-{number}", {"hook": "key"}, (Target("hook", 0),), now)
        told = Told(f"notice-{number}", Why.OPENED, Severity.S2, Level.ALERT, number, one.message, (), now)
        yield delivered_event(Delivery(told, "hook", "key", 0, 0), "", now)
        yield incidents.over_event(one, now)
        yield incidents.resolved_event(one, "taro", "emptied", now)


@pytest.mark.parametrize("count", [10_000, pytest.param(100_000, marks=pytest.mark.prove)])
async def test_past__a_long_journal__takes_little_memory(tmp_path: Path, count: int) -> None:
    path = tmp_path / "journal.db"
    create(path)
    journal = open_journal(path, thin_after_hours=1)
    every = events()
    for _ in range(count // AT_ONCE):
        await journal.append(*islice(every, AT_ONCE))
    await journal.close()
    with open_reader(path) as reader:
        readable = reader.readable()
        tracemalloc.start()
        try:
            past = Past.of(lambda kinds: readable.events(EventFilter(kinds=kinds, limit=count)), None)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert readable.damage is None
    assert past.book.last_number == count // 5
    assert past.outbox.waiting == ()
    assert past.missed == ()
    assert peak < PEAK, peak
