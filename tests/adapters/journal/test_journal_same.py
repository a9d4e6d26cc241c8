"""Whatever is done to both, the journal in memory and the journal on disk hold the same in the end."""

from pathlib import Path
from tempfile import TemporaryDirectory

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.adapters.journal.rig import Rig, fake_rig, sqlite_rig
from tests.adapters.journal.samples import HOUR_MS, at, event, reading
from ultrad.adapters.journal import verify
from ultrad.core.events import Recorded
from ultrad.errors import UltradError
from ultrad.ports import EventFilter, Extremes

keys = st.none() | st.sampled_from("abc")
batches = st.lists(st.tuples(st.integers(0, 9), keys), max_size=3)
looks = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(0, 2**70), st.sampled_from(("e1", "e2"))), min_size=1, max_size=3
)
steps = st.one_of(
    st.tuples(st.just("append"), batches),
    st.tuples(st.just("post"), batches),
    st.tuples(st.just("telemetry"), looks, st.integers(0, 3 * HOUR_MS)),
    st.tuples(st.just("fill")),
    st.tuples(st.just("recover")),
    st.tuples(st.just("flush")),
    st.tuples(st.just("housekeeping"), st.integers(0, 4)),
)
"""`telemetry` carries how late its time is, `housekeeping` how many hours have passed by."""

Seen = tuple[tuple[Recorded, ...], tuple[Extremes, ...], list[str]]


async def _live(rig: Rig, path: list[tuple[object, ...]], *, running: bool) -> Seen:
    if not running:
        seen = await _steps(rig, path)
        await rig.journal.close()
        return seen
    async with rig.running():
        return await _steps(rig, path)


async def _steps(rig: Rig, path: list[tuple[object, ...]]) -> Seen:
    journal, hour, answers = rig.journal, 4, list[str]()
    for step in path:
        try:
            match step:
                case ("append", list(batch)):
                    recorded = await journal.append(*(event(number, key=key) for number, key in batch))
                    answers.append(f"recorded {[one.seq for one in recorded]}")
                case ("post", list(batch)):
                    journal.post(*(event(number, key=key) for number, key in batch))
                case ("telemetry", list(batch), int(late_ms)):
                    readings = [reading(name, hf=hf, collateral=hf, endpoint=via) for name, hf, via in batch]
                    journal.telemetry(readings, at(hour * HOUR_MS - late_ms))
                case ("fill",):
                    rig.fill()
                case ("recover",):
                    rig.recover()
                case ("flush",):
                    await journal.flush()
                case ("housekeeping", int(passed)):
                    hour += passed
                    await journal.housekeeping(at(hour * HOUR_MS))
        except UltradError as error:
            answers.append(type(error).__name__)
    rig.recover()
    await journal.flush()
    return await journal.events(EventFilter(limit=10_000)), await journal.value_extremes(0), answers


def _compare(path: list[tuple[object, ...]], *, running: bool) -> None:
    with TemporaryDirectory(dir="/dev/shm") as folder:
        real = sqlite_rig(Path(folder, "journal.db"), thin_after_hours=2)
        on_disk = anyio.run(lambda: _live(real, path, running=running))
        in_memory = anyio.run(lambda: _live(fake_rig(real.journal_id, thin_after_hours=2), path, running=running))
        assert on_disk == in_memory
        result = verify(Path(folder, "journal.db"), [(one.seq, one.hash) for one in on_disk[0]])
        assert result.fault is None
        assert result.events == len(on_disk[0])


@settings(max_examples=60, deadline=None)
@given(st.lists(steps, max_size=25), st.booleans())
def test_journals__any_history__the_same_in_memory_and_on_disk(
    path: list[tuple[object, ...]],
    running: bool,  # noqa: FBT001 - Hypothesis gives it
) -> None:
    _compare(path, running=running)


@pytest.mark.prove
@settings(max_examples=3_000, deadline=None)
@given(st.lists(steps, max_size=60), st.booleans())
def test_journals__many_long_histories__the_same(
    path: list[tuple[object, ...]],
    running: bool,  # noqa: FBT001 - Hypothesis gives it
) -> None:
    _compare(path, running=running)
