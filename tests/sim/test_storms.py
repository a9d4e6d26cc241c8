"""The whole daemon in storms: whatever fails and whoever does what, the promises hold."""

from collections.abc import Callable
from datetime import timedelta

import anyio
import anyio.abc
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.sim.promises import assert_settled, keys, tripped_for
from tests.sim.setting import BAD, configured, in_virtual_time
from tests.sim.storms import (
    BREATHS,
    ENDS,
    FLAG,
    JOURNAL,
    JOURNALS,
    JUMPS,
    LONG,
    PLACES,
    ROUND_S,
    SEEN_S,
    SHORT,
    STORM,
    Step,
    act,
    wait,
)
from tests.sim.world import BLOCK_S, World, world
from ultrad.config import Config
from ultrad.core.estop import Mode

SHUT_S = 0.05
"""From a low block to a shut gate and a standing flag, where endpoints and the flag's disk are well."""
SILENCE_S = 60.0
LOW = ("hf_low", "main")


# ---------------------------------------------------------------- any storm


async def survive(config: Config, storm: list[Step]) -> None:
    async with world(config) as made:
        await wait(made, 5.0)
        for one in storm:
            await act(made, one)
        await assert_settled(made)


A_RESUME_THAT_HANGS: list[Step] = [("people", "touch"), ("wait", 3.0), ("journal", "hung"), ("resume", False)]


@SHORT
@example(configured(), A_RESUME_THAT_HANGS)
@given(PLACES, STORM)
def test_daemon__any_storm__keeps_its_promises(config: Config, storm: list[Step]) -> None:
    in_virtual_time(lambda: survive(config, storm))


@pytest.mark.prove
@LONG
@given(PLACES, STORM)
def test_daemon__many_storms__keeps_its_promises(config: Config, storm: list[Step]) -> None:
    in_virtual_time(lambda: survive(config, storm))


# ---------------------------------------------------------------- a low position

LOWS = st.sampled_from(("bad", "worse", "deep"))
DISKS = st.lists(JOURNAL | FLAG | BREATHS, max_size=6)
OTHER = st.sampled_from(
    [("alpha", "well")] + [(who, how) for who in ("alpha", "beta") for how in ("fails", "hangs")]
)


async def stop_for_low(
    before: list[Step], other: tuple[str, str], low: str, after: list[Step], *, pause_s: float
) -> None:
    async with world() as made:
        for one in [("wait", 1.0 + pause_s), *before, ("node", other)]:
            await act(made, one)
        await act(made, ("level", low))
        await wait(made, SEEN_S)
        sent = made.sent
        assert LOW in keys(made.life.state)
        for one in after:
            await act(made, one)
            if one[0] == "again" and not (made.flag.present or "estop.on" in made.kinds()):
                await wait(made, BLOCK_S + SEEN_S)  # neither disk could keep it: it is read anew
            assert made.life.mode is Mode.ON
        await assert_settled(made)
        assert made.life.mode is Mode.ON
        assert made.sent == sent
        assert LOW in keys(made.life.state)
        assert LOW in tripped_for(made.recorded("estop"))


CRASH: Step = ("again", ("crash", 0.1, ""))
NEVER_WRITTEN = ([("flag", "full")], ("alpha", "well"), "bad", [("wait", 70.0), CRASH, ("wait", 70.0)], 0.0)
NEVER_RECORDED = ([("journal", "full")], ("alpha", "well"), "bad", [CRASH, ("wait", 70.0)], 0.0)
LOW_STORM = given(DISKS, OTHER, LOWS, st.lists(JOURNAL | FLAG | ENDS | BREATHS, max_size=10), st.floats(0, 12))


@SHORT
@example(*NEVER_WRITTEN)
@example(*NEVER_RECORDED)
@LOW_STORM
def test_watch__a_low_position_whatever_the_disks_do__is_on_and_never_lost(
    before: list[Step], other: tuple[str, str], low: str, after: list[Step], pause_s: float
) -> None:
    in_virtual_time(lambda: stop_for_low(before, other, low, after, pause_s=pause_s))


@pytest.mark.prove
@LONG
@LOW_STORM
def test_watch__many_low_positions_whatever_the_disks_do__are_on_and_never_lost(
    before: list[Step], other: tuple[str, str], low: str, after: list[Step], pause_s: float
) -> None:
    in_virtual_time(lambda: stop_for_low(before, other, low, after, pause_s=pause_s))


# ---------------------------------------------------------------- silence

DOWN = st.sampled_from(("fails", "hangs", "limited", "wrong"))
JOLTS = st.lists(JUMPS, max_size=2)


async def be_silent(spans_s: list[tuple[float, str, str]], jolts: list[timedelta]) -> None:
    """Outages of both endpoints, each for so long, with a good round between them."""
    async with world() as made:
        await wait(made, 20.0)
        for span_s, alpha, beta in spans_s:
            await act(made, ("node", ("alpha", alpha)))
            await act(made, ("node", ("beta", beta)))
            for by in jolts:
                await act(made, ("jump", by))
                await act(made, ("wait", span_s / len(jolts)))
                await act(made, ("jump", -by))
            await act(made, ("wait", 0.0 if jolts else span_s))
            silent = made.life.causes == ("aave_silent",)
            assert silent or made.life.mode is Mode.OFF
            if span_s < SILENCE_S or "well" in {alpha, beta}:
                assert not silent
            if span_s >= SILENCE_S + 2 * ROUND_S and "well" not in {alpha, beta}:
                assert silent
            if silent:
                break
            await act(made, ("node", ("all", "well")))
            await act(made, ("wait", ROUND_S + 1.0))
        for one in made.recorded("estop.on"):
            figures = dict(made.life.state.causes[-1].figures)
            assert one.event.data["flag"] is True
            assert int(figures["rounds"]) >= 3
            assert int(figures["seconds"]) >= SILENCE_S
        await assert_settled(made)


SILENT_STORM = given(
    st.lists(st.tuples(st.floats(0.1, 130.0), DOWN | st.just("well"), DOWN), min_size=1, max_size=4), JOLTS
)


@settings(SHORT, max_examples=25)
@example([(50.0, "fails", "fails"), (50.0, "fails", "fails")], [])
@SILENT_STORM
def test_watch__outages_of_all_endpoints__trip_after_a_minute_and_three_rounds_and_never_before(
    spans_s: list[tuple[float, str, str]], jolts: list[timedelta]
) -> None:
    in_virtual_time(lambda: be_silent(spans_s, jolts))


@pytest.mark.prove
@settings(LONG, max_examples=250)
@SILENT_STORM
def test_watch__many_outages_of_all_endpoints__trip_after_a_minute_and_three_rounds_and_never_before(
    spans_s: list[tuple[float, str, str]], jolts: list[timedelta]
) -> None:
    in_virtual_time(lambda: be_silent(spans_s, jolts))


# ---------------------------------------------------------------- the disk and the trip


async def is_shut_in_time(how: str, slow_flag: str, way: str, lead_s: float) -> None:
    """From what stops to a shut gate and a standing flag, whatever the journal does."""
    async with world() as made:
        await wait(made, 25.0)
        await act(made, ("journal", how))
        await act(made, ("flag", slow_flag))
        await wait(made, lead_s)
        begun_s = anyio.current_time()
        async with anyio.create_task_group() as tasks:
            WAYS[way](made, tasks)
            await anyio.sleep(SHUT_S)
            assert "estop" in made.life.shut_by()
            assert made.life.mode is Mode.ON or made.flag.present
            await anyio.sleep(made.flag.delay_s)
            assert made.flag.present
            sent = made.sent
            assert anyio.current_time() - begun_s <= SHUT_S + 4.0 + 0.001
        await act(made, ("wait", 20.0))
        assert made.sent == sent
        await assert_settled(made)
        assert made.life.mode is Mode.ON


def _by_reading(made: World, _: anyio.abc.TaskGroup) -> None:
    made.chain.set("main", BAD)
    made.chain.mine(time_s=made.true_s())


def _by_command(made: World, tasks: anyio.abc.TaskGroup) -> None:
    tasks.start_soon(made.life.assembly.daemon.stop, "taro", "a drill")


WAYS: dict[str, Callable[[World, anyio.abc.TaskGroup], None]] = {
    "reading": _by_reading,
    "command": _by_command,
    "touch": lambda made, _: made.touch(),
}

SHUT_STORM = given(
    st.sampled_from(tuple(JOURNALS)),
    st.sampled_from(("well", "slow")),
    st.sampled_from(tuple(WAYS)),
    st.floats(0, 40),
)


@settings(SHORT, max_examples=30)
@SHUT_STORM
def test_estop__whatever_the_journal_does__shuts_and_stands_at_once(
    how: str, slow_flag: str, way: str, lead_s: float
) -> None:
    in_virtual_time(lambda: is_shut_in_time(how, slow_flag, way, lead_s))


@pytest.mark.prove
@settings(LONG, max_examples=300)
@SHUT_STORM
def test_estop__whatever_the_journal_does_and_whenever__shuts_and_stands_at_once(
    how: str, slow_flag: str, way: str, lead_s: float
) -> None:
    in_virtual_time(lambda: is_shut_in_time(how, slow_flag, way, lead_s))
