"""What every journal does: the one in memory and the one on disk alike."""

from pathlib import Path
from typing import get_args

import anyio
import pytest

from tests.adapters.journal.rig import Kind, Rig, make_rig
from tests.adapters.journal.samples import HOUR_MS, at, event, numbers, reading
from ultrad.core.events import Level
from ultrad.core.probes import Sample
from ultrad.core.readings import SEALED, THINNED
from ultrad.core.record import genesis, link, pack
from ultrad.errors import Duplicate, Fatal, Permanent, Transient
from ultrad.ports import EventFilter, Extremes, Journal
from ultrad.units import INFINITE_HF, Wad

ALL = EventFilter(limit=100_000)


@pytest.fixture(params=get_args(Kind))
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Rig:
    return make_rig(request.param, tmp_path)


async def test_append__several__durable_in_order_and_chained(rig: Rig) -> None:
    async with rig.running() as journal:
        first = await journal.append(event(1, amount=2**300, list=[1, "二", None, True]), event(2))
        second = await journal.append(event(3))
        assert await journal.events(ALL) == first + second
        previous = genesis(rig.journal_id)
        for seq, one in enumerate(first + second, start=1):
            previous = link(previous, seq, pack(one.event))
            assert (one.seq, one.hash) == (seq, previous.hex())
        head = await journal.head()
        assert (head.journal_id, head.seq, head.hash) == (rig.journal_id, 3, second[0].hash)


async def test_head__empty_journal__is_the_genesis(rig: Rig) -> None:
    head = await rig.journal.head()
    assert (head.seq, head.hash) == (0, genesis(rig.journal_id).hex())


async def test_append__without_run__writes_itself(rig: Rig) -> None:
    rig.journal.post(event(1))
    (recorded,) = await rig.journal.append(event(2))
    assert recorded.seq == 2
    await rig.journal.close()


async def test_append__nothing__changes_nothing(rig: Rig) -> None:
    async with rig.running() as journal:
        assert await journal.append() == ()
        assert await journal.events(ALL) == ()


async def test_append__key_taken__duplicate_and_nothing_of_it(rig: Rig) -> None:
    async with rig.running() as journal:
        await journal.append(event(1, key="a"))
        with pytest.raises(Duplicate):
            await journal.append(event(2), event(3, key="a"))
        with pytest.raises(Duplicate):
            await journal.append(event(4, key="b"), event(5, key="b"))
        await journal.append(event(6, key="b"), event(7, key="a", kind="other.kind"))
        assert numbers(await journal.events(ALL)) == [1, 6, 7]


async def test_append__duplicate_among_others_at_once__only_that_one_fails(rig: Rig) -> None:
    refused: list[int] = []

    async def claim(journal: Journal, number: int) -> None:
        try:
            await journal.append(event(number, key=str(number // 2)))
        except Duplicate:
            refused.append(number)

    async with rig.running() as journal:
        async with anyio.create_task_group() as group:
            for number in range(20):
                group.start_soon(claim, journal, number)
        kept = numbers(await journal.events(ALL))
        assert len(kept) == len(refused) == 10
        assert {int(str(number)) // 2 for number in kept} == set(range(10))


async def test_append__a_hundred_at_once__few_writes(rig: Rig) -> None:
    async with rig.running() as journal:
        async with anyio.create_task_group() as group:
            for number in range(100):
                group.start_soon(journal.append, event(number))
        assert rig.writes() <= 10
        assert numbers(await journal.events(ALL)) == list(range(100))


async def test_append__float_in_data__refused_before_anything_is_written(rig: Rig) -> None:
    async with rig.running() as journal:
        with pytest.raises(TypeError, match="float"):
            await journal.append(event(1), event(2, price=1.5))  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="float"):
            journal.post(event(3, price=1.5))  # type: ignore[arg-type]
        await journal.flush()
        assert await journal.events(ALL) == ()


async def test_append__disk_full__transient_and_never_recorded(rig: Rig) -> None:
    async with rig.running() as journal:
        await journal.append(event(1))
        rig.fill()
        journal.post(event(2))
        with pytest.raises(Transient):
            await journal.append(event(3))
        with pytest.raises(Transient):
            await journal.flush()
        journal.post(event(4))
        waiting, failure = journal.backlog()
        assert waiting == 2
        assert failure is not None
        rig.recover()
        await journal.append(event(5))
        assert journal.backlog() == (0, None)
        assert numbers(await journal.events(ALL)) == [1, 2, 4, 5]


async def test_append__many_posts_before_it_on_a_full_disk__refused_at_once(rig: Rig) -> None:
    async with rig.running() as journal:
        rig.fill()
        for number in range(3_000):
            journal.post(event(number))
        with anyio.fail_after(5), pytest.raises(Transient):
            await journal.append(event(-1))
        rig.recover()
        await journal.flush()
        assert numbers(await journal.events(ALL)) == list(range(3_000))


async def test_post__mixed_with_append__handed_over_order_is_kept(rig: Rig) -> None:
    async with rig.running() as journal:
        async with anyio.create_task_group() as group:
            for number in range(0, 300, 3):
                journal.post(event(number))
                group.start_soon(journal.append, event(number + 1))
                await anyio.lowlevel.checkpoint()
                journal.post(event(number + 2))
        await journal.flush()
        assert numbers(await journal.events(ALL)) == list(range(300))


async def test_post__key_taken__kept_as_a_repetition(rig: Rig) -> None:
    async with rig.running() as journal:
        journal.post(event(1, key="a"))
        journal.post(event(2, key="a", why="twice"))
        await journal.flush()
        _, second = await journal.events(ALL)
        assert (second.event.kind, second.event.key, second.event.level) == (
            "journal.repeated",
            None,
            Level.WARNING,
        )
        assert second.event.data["data"] == '{"why":"twice"}'


async def test_post__beyond_its_bound__fatal_and_the_others_kept(rig: Rig) -> None:
    async with rig.running() as journal:
        rig.fill()
        for number in range(10_000):
            journal.post(event(number))
        with pytest.raises(Fatal):
            journal.post(event(-1))
        rig.recover()
        await journal.flush()
        journal.post(event(-2))
        await journal.flush()
        kept = numbers(await journal.events(ALL))
        assert kept == [*range(10_000), -2]


async def test_post__disk_hangs__returns_at_once_and_all_is_written_after(rig: Rig) -> None:
    async with rig.running() as journal:
        hanging = rig.hang()
        journal.post(event(0))
        with anyio.fail_after(5):
            await hanging.wait()
            for number in range(1, 100):
                journal.post(event(number))
                journal.telemetry([reading(number=number)], at(number))
            assert journal.backlog()[0] == 100
            assert await journal.events(ALL) == ()  # readers do not wait for the writer
        rig.recover()
        await journal.flush()
        assert numbers(await journal.events(ALL)) == list(range(100))
        assert len(await journal.value_extremes(0)) == 1


async def test_append__cancelled_while_queued__never_recorded(rig: Rig) -> None:
    async with rig.running() as journal:
        hanging = rig.hang()
        journal.post(event(1))
        await hanging.wait()
        with anyio.move_on_after(0.01) as scope:
            await journal.append(event(2), event(3))
        assert scope.cancelled_caught
        assert journal.backlog()[0] == 1
        journal.post(event(4))
        rig.recover()
        await journal.flush()
        assert numbers(await journal.events(ALL)) == [1, 4]


async def test_append__cancelled_while_written__recorded_whole(rig: Rig) -> None:
    async with rig.running() as journal:
        hanging = rig.hang()
        async with anyio.create_task_group() as group:
            group.start_soon(journal.append, event(1), event(2))
            await hanging.wait()
            group.cancel_scope.cancel()
        rig.recover()
        await journal.flush()
        assert numbers(await journal.events(ALL)) == [1, 2]


async def test_run__disk_hangs__goes_on_turning(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ultrad.adapters.journal.journal.TURN_S", 0.001)
    monkeypatch.setattr("tests.fakes.journal.PACE_S", 0.001)
    turned = anyio.Event()
    hanging = rig.hang()

    def turn() -> None:
        if hanging.is_set():
            turned.set()

    async with anyio.create_task_group() as group:
        group.start_soon(rig.journal.run, turn)
        rig.journal.post(event(1))
        with anyio.fail_after(5):
            await turned.wait()
        rig.recover()
        group.cancel_scope.cancel()
    await rig.journal.close()


@pytest.mark.parametrize(
    ("which", "expected"),
    [
        (EventFilter(), [1, 2, 3, 4, 5]),
        (EventFilter(kinds=("job",)), [2, 3]),
        (EventFilter(kinds=("job.started", "jobs")), [2, 4]),
        (EventFilter(kinds=("jo",)), []),
        (EventFilter(min_level=Level.ALERT), [3, 5]),
        (EventFilter(since_ms=10_002, until_ms=10_003), [2, 3]),
        (EventFilter(after_seq=3), [4, 5]),
        (EventFilter(limit=2), [1, 2]),
        (EventFilter(limit=2, newest_first=True), [5, 4]),
        (EventFilter(limit=-1), []),
        (EventFilter(kinds=("job",), min_level=Level.WARNING, newest_first=True), [3]),
    ],
)
async def test_events__filter__those_that_match(rig: Rig, which: EventFilter, expected: list[int]) -> None:
    async with rig.running() as journal:
        await journal.append(
            event(1, kind="estop.on"),
            event(2, kind="job.started"),
            event(3, kind="job.finished", level=Level.ALERT),
            event(4, kind="jobs", level=Level.WARNING),
            event(5, kind="job_x", level=Level.EMERGENCY),
        )
        assert numbers(await journal.events(which)) == expected


async def test_value_extremes__minutes_and_positions__lowest_and_highest(rig: Rig) -> None:
    async with rig.running() as journal:
        journal.telemetry([reading("old", collateral=1)], at(59_999))
        journal.telemetry([reading("a", 1, hf=INFINITE_HF, debt=0), reading("b", 1, debt=2**200)], at(60_000))
        journal.telemetry([reading("a", 2, hf=11 * 10**18, collateral=2**255)], at(100_000))
        journal.telemetry([reading("empty", 3, collateral=0, debt=0)], at(110_000))
        journal.telemetry([reading("a", 3, hf=9 * 10**18, collateral=0)], at(130_000))
        await journal.flush()
        assert await journal.value_extremes(60_000) == (
            Extremes("a", 60_000, 3_000, 2**255 - 1_000, Wad(11 * 10**18)),
            Extremes("b", 60_000, 3_000 - 2**200, 3_000 - 2**200, Wad(2 * 10**18)),
            Extremes("a", 120_000, -1_000, -1_000, Wad(9 * 10**18)),
        )


async def test_probed__kept_beside_the_chain_and_forgotten_with_the_readings(rig: Rig) -> None:
    async with rig.running() as journal:
        await journal.append(event(1))
        journal.probed((Sample("alpha", at(1), 12, failed=False), Sample("http", at(2), 40_000, failed=True)))
        rig.fill()
        journal.probed((Sample("alpha", at(26 * HOUR_MS), 13, failed=False),))
        rig.recover()
        await journal.flush()
        assert [one.elapsed_ms for one in await journal.samples(0)] == [12, 40_000, 13]
        assert await journal.samples(2) == (
            Sample("http", at(2), 40_000, failed=True),
            Sample("alpha", at(26 * HOUR_MS), 13, failed=False),
        )
        assert (await journal.head()).seq == 1
        await journal.housekeeping(at(100 * HOUR_MS))
        assert await journal.samples(0) == ()


async def test_telemetry__beyond_its_bound__oldest_give_way_and_the_seal_counts_them(rig: Rig) -> None:
    async with rig.running() as journal:
        rig.fill()
        for number in range(25):
            journal.telemetry([reading(f"p{place}", number) for place in range(1_000)], at(number))
        rig.recover()
        await journal.flush()
        await journal.housekeeping(at(HOUR_MS))
        (seal,) = await journal.events(EventFilter(kinds=(SEALED,)))
        assert (seal.event.data["count"], seal.event.data["lost"]) == (20_000, 5_000)
        journal.telemetry([reading()], at(HOUR_MS))
        await journal.housekeeping(at(2 * HOUR_MS))
        (_, seal) = await journal.events(EventFilter(kinds=(SEALED,)))
        assert (seal.event.data["count"], seal.event.data["lost"]) == (1, 0)


async def test_housekeeping__twice__each_hour_sealed_once(rig: Rig) -> None:
    async with rig.running() as journal:
        for hour in (0, 1, 3):
            journal.telemetry([reading("a", hour, hf=hour + 5), reading("a", hour, hf=1)], at(hour * HOUR_MS))
        for _ in range(2):
            await journal.housekeeping(at(3 * HOUR_MS + 1))
        seals = await journal.events(EventFilter(kinds=(SEALED,)))
        assert [one.event.key for one in seals] == ["0", "1"]
        assert seals[1].event.data["positions"] == {"a": ["1", "6"]}


async def test_housekeeping__late_reading__goes_to_the_open_hour(rig: Rig) -> None:
    async with rig.running() as journal:
        journal.telemetry([reading(number=1)], at(1))
        await journal.housekeeping(at(HOUR_MS))
        journal.telemetry([reading(number=2)], at(HOUR_MS - 1))
        await journal.housekeeping(at(2 * HOUR_MS))
        seals = await journal.events(EventFilter(kinds=(SEALED,)))
        assert [(one.event.key, one.event.data["count"]) for one in seals] == [("0", 1), ("1", 1)]


async def test_housekeeping__old_hour__thinned_to_what_stands_out(rig: Rig) -> None:
    async with rig.running() as journal:
        for number in range(600):  # one position, six slots of a hundred readings
            hf = 10**18 + (number * 7919) % 601
            journal.telemetry(
                [reading("a", number, hf=hf, collateral=5_000 + (number * 104_729) % 601)], at(number * 6_000)
            )
        await journal.flush()
        before = await journal.value_extremes(0)
        await journal.housekeeping(at(25 * HOUR_MS - 1))
        assert await journal.events(EventFilter(kinds=(THINNED,))) == ()  # 24 hours are kept whole
        for _ in range(2):
            await journal.housekeeping(at(25 * HOUR_MS))
        (thinned,) = await journal.events(EventFilter(kinds=(THINNED,)))
        assert thinned.event.data["before"] == 600
        assert 12 <= int(str(thinned.event.data["count"])) <= 36
        after = await journal.value_extremes(0)
        assert min(one.low_hf for one in after) == min(one.low_hf for one in before)
        assert max(one.high_e8 for one in after) == max(one.high_e8 for one in before)


async def test_housekeeping__disk_full__transient_and_done_later(rig: Rig) -> None:
    async with rig.running() as journal:
        journal.telemetry([reading()], at(0))
        rig.fill()
        with pytest.raises(Transient):
            await journal.housekeeping(at(HOUR_MS))
        rig.recover()
        await journal.housekeeping(at(HOUR_MS))
        (seal,) = await journal.events(EventFilter(kinds=(SEALED,)))
        assert seal.event.data["count"] == 1


async def test_close__events_waiting__written_first_and_no_more_taken(rig: Rig) -> None:
    async with rig.running() as journal:
        journal.post(event(1))
        await journal.close()
        assert numbers(await journal.events(ALL)) == [1]
        with pytest.raises(Permanent):
            journal.post(event(2))
        with pytest.raises(Permanent):
            await journal.append(event(3))


async def test_close__disk_full__says_that_something_is_lost(rig: Rig) -> None:
    rig.fill()
    rig.journal.post(event(1))
    with anyio.fail_after(5), pytest.raises(Transient):
        await rig.journal.close()
