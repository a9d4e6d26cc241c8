"""The metrics over time: sampled each minute, kept in the journal, and known again after a restart."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import anyio
import pytest

from tests.fakes.clock import FakeClock
from tests.fakes.journal import FakeJournal
from tests.fakes.operations import reading, status
from ultrad.core.metrics import event_tallies, merged
from ultrad.core.status import MetricLine, Status
from ultrad.errors import Transient
from ultrad.i18n import msg
from ultrad.measures import Measures
from ultrad.ports import EventFilter

pytestmark = pytest.mark.looptime(noop_cycles=0)

MINUTE, HOUR = 60, 3_600
DAY_MS = 86_400_000
NAME = "aave_health_factor_current"


class Unreadable(FakeJournal):
    """A journal that cannot be read."""

    async def events(self, which: EventFilter) -> tuple[()]:
        raise Transient(msg("the disk does not answer at {after}", after=which.after_seq))


class Scene:
    """A daemon of which only the status is real: its health factor falls by 0.01 a minute."""

    def __init__(self) -> None:
        self.clock, self.journal = FakeClock(steady_ms=7_200_000), FakeJournal()
        self.begun = self.clock.now().steady_ms

    def status(self) -> Status:
        minutes = (self.clock.now().steady_ms - self.begun) // 60_000
        shown = status()
        first = replace(shown.positions[0], reading=reading("main", (300 - minutes) * 10**16))
        return replace(shown, positions=(first,))

    @asynccontextmanager
    async def measuring(self, look_back_ms: int = DAY_MS) -> AsyncIterator[Measures]:
        measures = Measures(self.journal, self.clock, self.status, look_back_ms)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self.journal.run, lambda: None)
            tasks.start_soon(measures.run, lambda: None)
            try:
                yield measures
            finally:
                tasks.cancel_scope.cancel()


def line(measures: Measures, name: str = NAME) -> MetricLine:
    return next(one for one in measures.lines if one.name == name)


async def test_measures__an_hour__one_sample_a_minute_and_the_journal_holds_them() -> None:
    scene = Scene()
    async with scene.measuring() as measures:
        await anyio.sleep(HOUR + 5)
        shown = line(measures)
        assert shown.count == 61
        assert (shown.high, shown.low, shown.last) == (300 * 10**16, 240 * 10**16, 240 * 10**16)
        assert shown.mean == 270 * 10**16
        assert line(measures, "backend_http_latency_p95_ms").count == 0
        measures.keep(scene.clock.now())
        await scene.journal.flush()
        kept = merged(event_tallies(one.event) for one in scene.journal.recorded)
        assert kept[NAME].count == 61
        assert kept[NAME].total == sum(range(240, 301)) * 10**16


async def test_measures__restart__goes_on_from_what_the_journal_holds() -> None:
    scene = Scene()
    async with scene.measuring() as measures:
        await anyio.sleep(HOUR + 5)
        before = line(measures)
    async with scene.measuring() as measures:
        await anyio.sleep(1)
        after = line(measures)
        assert before.count - 10 <= after.count <= before.count + 1  # at most ten minutes go with the process
        assert after.high == before.high


async def test_measures__longer_than_the_look_back__what_is_older_goes() -> None:
    scene = Scene()
    async with scene.measuring(look_back_ms=2 * HOUR * 1_000) as measures:
        await anyio.sleep(4 * HOUR + 5)
        shown = line(measures)
        assert 60 <= shown.count <= 121
        assert shown.high is not None
        assert shown.high <= 180 * 10**16


async def test_measures__journal_cannot_be_read__samples_all_the_same() -> None:
    scene = Scene()
    scene.journal = Unreadable()
    async with scene.measuring() as measures:
        await anyio.sleep(5 * MINUTE + 5)
        assert line(measures).count == 6


async def test_measures__http_answers__are_sampled() -> None:
    class Http:
        error_rate = 0.25
        p95_ms = 3.5

    scene = Scene()
    async with scene.measuring() as measures:
        measures.http = Http
        await anyio.sleep(2 * MINUTE)
        shown = line(measures, "backend_http_error_rate_1m")
        assert (shown.last, shown.digits) == (2_500, 4)
