"""Storms over clocks and removed flags: no time is longer or shorter than it was promised to be."""

from datetime import timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.sim.promises import assert_settled, fires
from tests.sim.setting import TARO, configured, in_virtual_time
from tests.sim.storms import (
    BREATHS,
    ENDS,
    FLAG,
    JOURNAL,
    JOURNALS,
    JUMP,
    JUMPS,
    LONG,
    NODE,
    OVERRIDE_S,
    ROUND_S,
    SEEN_S,
    SHORT,
    SHORT_OVERRIDE,
    SLIPS,
    Step,
    act,
    step,
    wait,
)
from tests.sim.world import world
from ultrad.core.estop import Mode
from ultrad.units import Now

LATE_S = 12.0
"""A look each second, and a journal that is given 10 s to record what goes before."""
RECORDED_S = 9.0
"""A slow journal ends the write that it is in, and then records an override."""
COVERED_S = 60.0
LOOK_BACK_S = 3_600.0


# ---------------------------------------------------------------- the wall clock


async def be_jolted(environment: str, storm: list[Step], *, touched: bool) -> None:
    """Nothing is wrong but the wall clock: no trip, no way out of a stop, and each fire once."""
    async with world(configured(environment)) as made:
        await wait(made, 90.0)
        if touched:
            await act(made, ("people", "touch"))
            await act(made, ("wait", 2.0))
        kinds = made.kinds()
        for one in storm:
            await act(made, one)
            assert made.life.mode is (Mode.ON if touched else Mode.OFF)
        await assert_settled(made)
        assert made.kinds() == kinds
        for job in ("health_check", "housekeeping"):
            assert len(set(fires(made, job))) == len(made.recorded(f"job.started.{job}"))
        assert made.probed == len(fires(made, "health_check"))


JOLTED = given(
    st.sampled_from(("staging", "production")),
    st.lists(JUMP | SLIPS | BREATHS | step("wait", 70.0) | ENDS, min_size=2, max_size=12),
    st.booleans(),
)


@settings(SHORT, max_examples=20)
@JOLTED
def test_daemon__the_wall_clock_jumps__neither_trips_nor_opens_and_fires_once(
    environment: str,
    storm: list[Step],
    touched: bool,  # noqa: FBT001 - drawn
) -> None:
    in_virtual_time(lambda: be_jolted(environment, storm, touched=touched))


@pytest.mark.prove
@settings(LONG, max_examples=200)
@JOLTED
def test_daemon__the_wall_clock_jumps_often__neither_trips_nor_opens_and_fires_once(
    environment: str,
    storm: list[Step],
    touched: bool,  # noqa: FBT001 - drawn
) -> None:
    in_virtual_time(lambda: be_jolted(environment, storm, touched=touched))


async def keep_age(age_s: float, by: timedelta) -> None:
    """A cause has the age that an override covers by steady time."""
    async with world() as made:
        await act(made, ("level", "bad"))
        await act(made, ("jump", by))
        await act(made, ("wait", age_s))
        made.rm()
        await act(made, ("wait", 1.5))
        assert made.life.mode is (Mode.ON if age_s < COVERED_S else Mode.OVERRIDDEN)
        await act(made, ("jump", -by))
        await assert_settled(made)


AGES = given(st.floats(5.0, 57.0) | st.floats(61.0, 120.0), JUMPS)


@settings(SHORT, max_examples=20)
@AGES
def test_estop__the_wall_clock_jumps__a_cause_ages_as_it_did(age_s: float, by: timedelta) -> None:
    in_virtual_time(lambda: keep_age(age_s, by))


@pytest.mark.prove
@settings(LONG, max_examples=200)
@AGES
def test_estop__the_wall_clock_jumps_often__a_cause_ages_as_it_did(age_s: float, by: timedelta) -> None:
    in_virtual_time(lambda: keep_age(age_s, by))


async def keep_look(look_s: float, by: timedelta) -> None:
    """The hour that a resume looks back is one by steady time."""
    waive = ("value_change", "probes", "jobs")
    async with world() as made:
        await act(made, ("level", "bad"))
        await act(made, ("level", "good"))
        await act(made, ("wait", look_s))
        await act(made, ("jump", by))
        await made.resolve(TARO)
        early = await made.resume(TARO, waive=waive)  # with the clock as wrong as it is
        await act(made, ("jump", -by))
        await act(made, ("wait", ROUND_S))
        done = early.done or (await made.resume(TARO, waive=waive)).done
        assert done is (look_s > LOOK_BACK_S)
        await assert_settled(made)


LOOKS = given(st.floats(60.0, 3_400.0) | st.floats(3_700.0, 4_000.0), JUMPS)


@settings(SHORT, max_examples=2)  # an hour each
@example(600.0, timedelta(days=1))
@example(3_400.0, timedelta(days=-1))
@example(3_700.0, timedelta(hours=-1))
@LOOKS
def test_resume__the_wall_clock_jumps__looks_back_as_far_as_it_did(look_s: float, by: timedelta) -> None:
    in_virtual_time(lambda: keep_look(look_s, by))


@pytest.mark.prove
@settings(LONG, max_examples=50)
@LOOKS
def test_resume__the_wall_clock_jumps_often__looks_back_as_far_as_it_did(look_s: float, by: timedelta) -> None:
    in_virtual_time(lambda: keep_look(look_s, by))


# ---------------------------------------------------------------- the override


async def override_ends(environment: str, low: str, how: str, storm: list[Step]) -> None:
    """Removed flags never outlast their time, whatever happens meanwhile; in production they end ON."""
    async with world(configured(environment, more=SHORT_OVERRIDE)) as made:
        if low == "good":
            made.touch()
        await act(made, ("level", low))
        await act(made, ("wait", 80.0))
        await act(made, ("journal", how))
        made.rm()
        await act(made, ("wait", RECORDED_S))
        assert made.kinds()[-1] == "estop.override"
        began = made.clock.now()
        for one in storm:
            await act(made, one)
        left_s = OVERRIDE_S - (made.clock.now().steady_ms - began.steady_ms) / 1_000
        await act(made, ("wait", max(0.0, left_s) + LATE_S))
        assert made.life.mode is not Mode.OVERRIDDEN
        assert environment == "staging" or made.life.mode is Mode.ON
        made.clock.jump(ahead(began) - ahead(made.clock.now()))
        await assert_settled(made)
        again = made.kinds().count("estop.on") > 1  # what failed meanwhile, or the position itself
        assert again or (environment, low) == ("staging", "good")
        assert made.life.mode is (Mode.ON if again else Mode.OFF)
        assert made.kinds().count("estop.override") == 1


def ahead(now: Now) -> timedelta:
    return timedelta(milliseconds=now.wall_ms - now.steady_ms)


OVERRIDES = given(
    st.sampled_from(("staging", "production")),
    st.sampled_from(("good", "bad", "worse")),
    st.sampled_from(("well", "slow")),
    st.lists(JOURNAL | FLAG | JUMP | ENDS | NODE | BREATHS | step("wait", 90.0), max_size=10),
)


@settings(SHORT, max_examples=15)
@OVERRIDES
def test_estop__an_override_whatever_happens__ends_in_time_and_in_production_on(
    environment: str, low: str, how: str, storm: list[Step]
) -> None:
    in_virtual_time(lambda: override_ends(environment, low, how, storm))


@pytest.mark.prove
@settings(LONG, max_examples=150)
@OVERRIDES
def test_estop__many_overrides_whatever_happens__end_in_time_and_in_production_on(
    environment: str, low: str, how: str, storm: list[Step]
) -> None:
    in_virtual_time(lambda: override_ends(environment, low, how, storm))


async def fall_while_removed(environment: str, fall: tuple[str, str], how: str, after_s: float) -> None:
    """What grows too bad ends an override, also one that is still being recorded."""
    async with world(configured(environment, more=SHORT_OVERRIDE)) as made:
        await act(made, ("level", fall[0]))
        await act(made, ("wait", 80.0))
        await act(made, ("journal", how))
        made.rm()
        await act(made, ("wait", after_s))
        await act(made, ("level", fall[1]))
        await wait(made, SEEN_S)
        sent = made.sent
        await act(made, ("wait", OVERRIDE_S))
        await assert_settled(made)
        if fall[1] == "deep":  # else it may have been so before the override, which then covers it for its time
            assert made.life.mode is Mode.ON
            assert made.sent == sent


FALLS = given(
    st.sampled_from(("staging", "production")),
    st.sampled_from((("bad", "worse"), ("bad", "deep"), ("worse", "deep"))),
    st.sampled_from(tuple(JOURNALS)),
    st.floats(0.0, 12.0),
)


@settings(SHORT, max_examples=12)
@example("staging", ("bad", "worse"), "slow", 2.0)
@FALLS
def test_estop__a_position_falls_while_its_flag_is_removed__ends_the_override(
    environment: str, fall: tuple[str, str], how: str, after_s: float
) -> None:
    in_virtual_time(lambda: fall_while_removed(environment, fall, how, after_s))


@pytest.mark.prove
@settings(LONG, max_examples=120)
@FALLS
def test_estop__positions_fall_while_their_flags_are_removed__end_each_override(
    environment: str, fall: tuple[str, str], how: str, after_s: float
) -> None:
    in_virtual_time(lambda: fall_while_removed(environment, fall, how, after_s))
