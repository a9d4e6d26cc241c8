"""The flag removed: what that holds off, for how long, and what ends it."""

import anyio
import pytest

from tests.core.make import cause as made
from tests.sim.watching import GOOD, World, account
from ultrad.core.estop import NEVER_COVERED, Mode
from ultrad.core.estop_rules import operator_cause
from ultrad.core.events import Severity
from ultrad.core.limits import EstopRules
from ultrad.estop import JOURNAL_TIMEOUT_S

pytestmark = pytest.mark.looptime

PRODUCTION = EstopRules(lapses=True)


# ---------------------------------------------------------------- override


async def test_override__cause_is_a_minute_old__holds_off_and_is_recorded_before_the_gate_opens() -> None:
    world = World()
    async with world.life() as life:
        await world.trip()
        world.journal.slow_s = 3.0
        world.flag.rm()
        await anyio.sleep(2)
        assert not life.is_open()
        await anyio.sleep(3)
        assert life.mode() is Mode.OVERRIDDEN
        assert await world.kinds() == ["estop.on", "estop.override"]
        assert life.is_open()
        world.journal.slow_s = 0.0
        await world.pass_s(600)
        assert (life.mode(), life.is_open()) == (Mode.OVERRIDDEN, True)
        assert await world.recorded() == life.estop.state


async def test_override__cause_younger_than_a_minute__trips_again() -> None:
    world = World()
    async with world.life() as life:
        await world.trip(50)
        await world.remove_flag()
        assert (life.mode(), world.flag.present) == (Mode.ON, True)
        assert not life.is_open()
        assert "is back" in str(life.estop.state.causes[-1].message)
        await world.pass_s(10)  # it has not become younger by that
        await world.remove_flag()
        assert life.mode() is Mode.OVERRIDDEN


@pytest.mark.parametrize(("hf", "trips"), [("1.4502", False), ("1.45", True), ("1.3", True)])
async def test_override__worsens__by_the_step_trips(hf: str, *, trips: bool) -> None:
    world = World()
    async with world.life() as life:
        await world.trip()
        await world.remove_flag()
        await world.block(account(hf))
        assert life.mode() is (Mode.ON if trips else Mode.OVERRIDDEN)


async def test_override__worsens_in_small_steps__is_measured_from_its_beginning() -> None:
    world = World()
    async with world.life() as life:
        await world.trip()
        await world.remove_flag()
        for hf in ("1.49", "1.48", "1.47", "1.46"):
            await world.block(account(hf))
            assert life.mode() is Mode.OVERRIDDEN
        await world.block(account("1.45"))
        assert life.mode() is Mode.ON


async def test_override__under_the_hard_floor__trips_and_cannot_be_overridden() -> None:
    world = World()
    async with world.life() as life:
        await world.block(account("1.12"))
        await world.pass_s(61)
        await world.remove_flag()
        assert life.mode() is Mode.OVERRIDDEN
        await world.block(account("1.1"))
        assert life.mode() is Mode.OVERRIDDEN
        await world.block(account("1.0997"))
        assert life.mode() is Mode.ON
        await world.pass_s(120)
        await world.remove_flag()
        assert (life.mode(), world.flag.present) == (Mode.ON, True)


async def test_override__another_cause__trips() -> None:
    world = World()
    async with world.life() as life:
        await world.trip()
        await world.remove_flag()
        await world.block(account("1.5", net=20_000))
        assert life.mode() is Mode.ON
        assert life.causes == ["hf_low", "value_moved"]


@pytest.mark.parametrize("code", sorted(NEVER_COVERED))
async def test_override__what_only_a_resume_lifts__is_never_covered(code: str) -> None:
    world = World()
    async with world.life() as life:
        await life.estop.trip(made(code, "", world.clock.now()))
        await world.pass_s(3_600 / 6)
        await world.remove_flag()
        assert (life.mode(), world.flag.present) == (Mode.ON, True)
        assert not life.is_open()


@pytest.mark.parametrize(("rules", "mode"), [(PRODUCTION, Mode.ON), (EstopRules(), Mode.OFF)])
async def test_override__thirty_minutes_over__comes_back_in_production_and_ends_elsewhere(
    rules: EstopRules, mode: Mode
) -> None:
    world = World(rules=rules)
    async with world.life() as life:
        await world.trip()
        await world.remove_flag()
        await world.block(GOOD)
        await world.pass_s(30 * 60 - 5)
        assert life.mode() is Mode.OVERRIDDEN
        await world.pass_s(5)
        assert life.mode() is mode
        assert life.is_open() is (mode is Mode.OFF)
        assert world.flag.present is (mode is Mode.ON)
        assert await world.recorded() == life.estop.state


async def test_override__over_and_the_condition_still_stands__trips_by_itself() -> None:
    world = World()
    async with world.life() as life:
        await world.trip()
        await world.remove_flag()
        await world.pass_s(31 * 60)
        assert (life.mode(), life.causes) == (Mode.ON, ["hf_low"])


async def test_override__resumed_within_its_time__does_not_come_back() -> None:
    world = World(rules=PRODUCTION)
    async with world.life() as life:
        await world.trip()
        await world.remove_flag()
        await world.block(GOOD)
        assert await life.estop.resume(("hanako", "taro"), []) is None
        await world.pass_s(31 * 60)
        assert (life.mode(), life.is_open()) == (Mode.OFF, True)


async def test_override__lapsed_in_production__is_not_begun_anew_by_one_person() -> None:
    world = World(rules=PRODUCTION)
    async with world.life() as life:
        await world.trip()
        await world.remove_flag()
        assert life.mode() is Mode.OVERRIDDEN
        await world.pass_s(31 * 60)
        assert life.causes == ["hf_low", "override_lapsed"]
        for _ in range(3):
            await world.pass_s(120)
            await world.remove_flag()
            assert (life.mode(), life.is_open(), world.flag.present) == (Mode.ON, False, True)
        await world.block(GOOD)
        assert await life.estop.resume(("hanako", "taro"), []) is None


async def test_override__touched_again__is_on() -> None:
    world = World()
    async with world.life() as life:
        await world.trip()
        await world.remove_flag()
        world.flag.touch()
        assert not life.is_open()
        await anyio.sleep(1.1)
        assert (life.mode(), life.causes) == (Mode.ON, ["hf_low", "flag"])


async def test_override__removed_while_the_daemon_was_down__is_recorded_and_bounded_alike() -> None:
    world = World()
    async with world.life():
        await world.trip(5)
    world.flag.rm()
    await anyio.sleep(600)
    async with world.life() as life:
        assert life.mode() is Mode.OVERRIDDEN
        assert await world.kinds() == ["estop.on", "estop.override"]
        assert life.is_open()
        await world.block(account("1.45"))
        assert life.mode() is Mode.ON


async def test_override__removed_while_down_and_worse_since__trips_at_the_first_reading() -> None:
    world = World()
    async with world.life():
        await world.trip(5)
    world.flag.rm()
    await anyio.sleep(600)
    world.chain.set("main", account("1.4"))
    async with world.life() as life:
        assert (life.mode(), world.flag.present) == (Mode.ON, True)


async def test_override__removed_while_down_too_young__is_back() -> None:
    world = World()
    async with world.life():
        await world.trip(5)
    world.flag.rm()
    async with world.life() as life:
        assert (life.mode(), world.flag.present) == (Mode.ON, True)


async def test_override__restart_within_it__holds_on_with_the_time_that_is_left() -> None:
    world = World(rules=PRODUCTION)
    async with world.life():
        await world.trip()
        await world.remove_flag()
        await world.pass_s(600)
    async with world.life() as life:
        assert (life.mode(), life.is_open()) == (Mode.OVERRIDDEN, True)
        await world.pass_s(20 * 60)
        assert life.mode() is Mode.ON
        assert life.causes[-1] == "override_lapsed"


async def test_override__journal_refuses__stays_shut_until_it_is_recorded() -> None:
    world = World()
    async with world.life() as life:
        await world.trip()
        world.journal.full = True
        await world.remove_flag()
        await world.pass_s(60)
        assert (life.mode(), life.is_open()) == (Mode.ON, False)
        assert life.told()["override_unrecorded"].severity is Severity.S1
        world.journal.recover()
        await anyio.sleep(3)
        assert (life.mode(), life.is_open()) == (Mode.OVERRIDDEN, True)
        assert "override_unrecorded" not in life.told()


@pytest.mark.parametrize("end", ["touch", "stop", "resume"])
async def test_override__journal_refused_and_it_is_no_longer_wanted__is_told_no_more(end: str) -> None:
    world = World()
    async with world.life() as life:
        await life.estop.trip(operator_cause("hanako", "", world.clock.now()))
        await world.pass_s(120)
        world.journal.full = True
        await world.remove_flag()
        assert "override_unrecorded" in life.told()
        if end == "touch":
            world.flag.touch()
        elif end == "stop":
            await life.estop.trip(operator_cause("taro", "", world.clock.now()))
        else:
            world.journal.recover()
            assert await life.estop.resume(("hanako",), []) is None
        await anyio.sleep(1.1)
        assert "override_unrecorded" not in life.told()


async def test_override__journal_hangs__stays_on_goes_on_looking_and_is_no_override_after_a_restart() -> None:
    world = World()
    async with world.life() as life:
        await world.trip()
        world.journal.hang()
        turns = life.turns["estop"]
        await world.remove_flag()
        await anyio.sleep(JOURNAL_TIMEOUT_S + 5)
        assert (life.mode(), life.causes[-1]) == (Mode.ON, "journal_hung")
        assert life.turns["estop"] > turns + 2
        assert world.flag.present
        assert not life.is_open()
        world.journal.recover()
        await anyio.sleep(3)
        assert (await world.recorded()).mode is Mode.ON
        assert life.mode() is Mode.ON


@pytest.mark.parametrize(("hf", "opens"), [("1.4502", True), ("1.45", False), ("1.05", False)])
async def test_override__worsens_while_it_is_written__trips_before_the_gate_opens(hf: str, *, opens: bool) -> None:
    world = World()
    async with world.life() as life:
        await world.trip()
        world.journal.slow_s = 6.0
        world.flag.rm()
        await anyio.sleep(2)
        await world.block(account(hf))
        opened = False
        for _ in range(100):
            await anyio.sleep(0.1)
            opened = opened or life.is_open()
        assert opened is opens
        world.journal.slow_s = 0.0
        await anyio.sleep(10)
        assert life.mode() is (Mode.OVERRIDDEN if opens else Mode.ON)
        recorded = await world.recorded()
        assert (recorded.mode, recorded.causes) == (life.mode(), life.estop.state.causes)
        assert world.flag.present is not opens


async def test_override__cause_comes_while_it_is_written__stays_on() -> None:
    world = World()
    async with world.life() as life:
        await world.trip()
        world.journal.slow_s = 3.0
        world.flag.rm()
        await anyio.sleep(2)
        await life.estop.trip(operator_cause("taro", "no!", world.clock.now()))
        await anyio.sleep(10)
        assert life.mode() is Mode.ON
        assert life.causes == ["hf_low", "operator"]
        assert not life.is_open()
        assert (await world.recorded()).causes == life.estop.state.causes


async def test_override__stop_asked_for_again_while_it_is_written__stays_on() -> None:
    world = World()
    async with world.life() as life:
        await life.estop.trip(operator_cause("taro", "", world.clock.now()))
        await world.pass_s(61)
        world.journal.slow_s = 3.0
        world.flag.rm()
        await anyio.sleep(2)
        await life.estop.trip(operator_cause("taro", "I said no", world.clock.now()))
        assert not life.is_open()
        await anyio.sleep(10)
        assert (life.mode(), life.is_open()) == (Mode.ON, False)
        assert (await world.recorded()).mode is Mode.ON


async def test_override__cause_comes_while_it_is_written_and_the_flag_disk_is_full__stays_shut() -> None:
    world = World()
    async with world.life() as life:
        await world.trip()
        world.journal.slow_s, world.flag.full = 3.0, True
        world.flag.rm()
        await anyio.sleep(2)
        await life.estop.trip(operator_cause("taro", "", world.clock.now()))
        for _ in range(100):
            await anyio.sleep(0.1)
            assert (life.mode(), life.is_open()) == (Mode.ON, False)


@pytest.mark.parametrize(("hf", "mode"), [("1.46", Mode.OVERRIDDEN), ("1.44", Mode.ON), ("1.05", Mode.ON)])
async def test_override__gets_worse_while_it_is_written__opens_only_for_what_it_covers(
    hf: str, mode: Mode
) -> None:
    world = World()
    async with world.life() as life:
        await world.trip()
        world.journal.slow_s = 3.0
        world.flag.rm()
        await anyio.sleep(2)
        await world.block(account(hf))
        for _ in range(40):
            assert not (life.is_open() and mode is Mode.ON)
            await anyio.sleep(0.1)
        assert life.mode() is mode


async def test_override__touched_and_gone_while_it_is_written__does_not_open() -> None:
    world = World()
    async with world.life() as life:
        await world.trip()
        world.journal.slow_s = 3.0
        world.flag.rm()
        await anyio.sleep(2)
        world.flag.touch()
        assert not life.is_open()  # the gate has seen it
        world.flag.rm()
        for _ in range(100):
            await anyio.sleep(0.1)
            assert not life.is_open()
        assert life.mode() is Mode.ON
        assert "flag" in life.causes
