"""Head → reading → trip, and silence."""

import anyio
import pytest

from tests.fakes.chain import Account
from tests.fakes.journal import FakeJournal
from tests.sim.watching import (
    BAD,
    GOOD,
    NEAR,
    SOON_S,
    STALE_S,
    World,
    account,
    assert_open,
    assert_stopped,
)
from ultrad.core.estop import Mode
from ultrad.core.events import Effect, Level, Severity
from ultrad.core.position import Batch
from ultrad.ports import EndpointFault, Extremes

pytestmark = pytest.mark.looptime


# ---------------------------------------------------------------- one endpoint


async def test_watch__good_reading__opens_the_gate() -> None:
    world = World()
    async with world.life() as life:
        assert_open(life)
        assert life.told() == {}


async def test_watch__one_endpoint_bad__trips_at_once() -> None:
    world = World()
    async with world.life() as life:
        world.chain.set("main", BAD)
        world.chain.mine()
        await anyio.sleep(0.001)
        assert_stopped(life, world, "hf_low")
        cause = life.estop.state.causes[0]
        assert (cause.subject, cause.health_factor) == ("main", BAD.health_factor)
        await anyio.sleep(SOON_S)
        assert await world.kinds() == ["estop.on"]
        assert b'"code":"hf_low"' in world.flag.text
        assert life.told()["hf_low"].severity is Severity.S1


async def test_watch__exactly_at_the_threshold__trips_and_one_above_only_warns() -> None:
    world = World()
    async with world.life() as life:
        await world.block(account("1.6002"))
        assert_open(life)
        assert life.told()["hf_near"].level is Level.WARNING
        await world.block(account("1.6"))
        assert_stopped(life, world, "hf_low")


async def test_watch__falls_under_the_hard_floor_while_on__is_a_further_cause_and_recorded_once() -> None:
    world = World()
    async with world.life() as life:
        await world.trip()
        await world.block(account("1.05"))
        assert_stopped(life, world, "hf_low", "hf_floor")
        await world.pass_s(60)
        assert await world.kinds() == ["estop.on", "estop.on"]
        assert dict(life.told()["hf_floor"].figures)["health_factor"] == "1.0500"


async def test_watch__near__warns_and_stays_open() -> None:
    world = World()
    async with world.life() as life:
        await world.block(NEAR)
        assert_open(life)
        assert list(life.told()) == ["hf_near"]
        await world.block(GOOD)
        assert life.told() == {}


async def test_watch__no_head_comes__reads_all_the_same() -> None:
    world = World()
    async with world.life() as life:
        world.chain.set("main", BAD)
        world.chain._state[world.chain._known[-1].hash]["main"] = BAD
        await anyio.sleep(16)
        assert_stopped(life, world, "hf_low")


async def test_watch__empty_position__allows_no_trade() -> None:
    world = World()
    world.chain.set("main", Account(0, 0))
    async with world.life() as life:
        assert life.mode() is Mode.OFF
        assert life.told()["position_empty"].effect is Effect.NO_TRADE
        assert life.conditions.no_trade()


async def test_watch__position_unreadable__keeps_the_gate_shut_until_it_can_be_read() -> None:
    world = World()
    world.chain.set("main", None)
    async with world.life() as life:
        assert life.gate.shut_by() == ("no_reading",)
        assert life.told()["position_unreadable"].effect is Effect.NO_TRADE
        await world.block(GOOD)
        assert_open(life)
        world.chain.set("main", None)
        await world.block()
        assert life.gate.shut_by() == ("no_reading",)


# ---------------------------------------------------------------- silence


async def test_watch__first_failed_round__shuts_the_gate_and_a_good_one_opens_it() -> None:
    world = World("alpha", "beta")
    async with world.life() as life:
        world.fail()
        await anyio.sleep(15.1)
        assert life.gate.shut_by() == ("no_reading",)
        assert life.told()["chain_unreadable"].effect is Effect.NO_TRADE
        world.fail(None)
        await world.block()
        assert_open(life)
        assert not {"chain_unreadable", "aave_silent"} & set(life.told())


async def test_watch__silent_for_three_rounds_and_a_minute__trips_not_before() -> None:
    world = World("alpha", "beta")
    async with world.life() as life:
        world.fail()
        await anyio.sleep(15.1)  # the first failed round
        await anyio.sleep(59)
        assert life.mode() is Mode.OFF
        await anyio.sleep(16)
        assert_stopped(life, world, "aave_silent")
        assert life.told()["aave_silent"].severity is Severity.S2


async def test_watch__silence_is_broken_once__counts_anew() -> None:
    world = World("alpha", "beta")
    async with world.life() as life:
        for _ in range(4):
            world.fail()
            await anyio.sleep(50)
            world.fail(None)
            await world.block()
        assert_open(life)


async def test_watch__stale_heads__shut_the_gate_but_are_not_silence() -> None:
    world = World("alpha", "beta")
    async with world.life() as life:
        world.chain.node("beta").fault = EndpointFault.FAILED
        await anyio.sleep(600)  # no block comes: alpha's head grows old
        assert life.mode() is Mode.OFF
        assert life.gate.shut_by() == ("no_reading",)
        assert life.told()["endpoint_stale"].level is Level.ALERT
        assert "aave_silent" not in life.told()


async def test_watch__a_round_raises_whatever_it_is__holds_the_gate_until_the_next_good_one() -> None:
    world = World()
    async with world.life() as life:
        good = world.chain.read

        async def broken() -> Batch:
            raise KeyError("a fault of the program")

        world.chain.read = broken  # type: ignore[method-assign]
        with pytest.raises(KeyError):
            await life.watch.round()
        assert life.gate.shut_by() == ("no_reading",)
        world.chain.read = good  # type: ignore[method-assign]
        await life.watch.round()
        assert_open(life)


async def test_watch__a_round_is_cancelled__holds_the_gate() -> None:
    world = World()
    async with world.life() as life:
        world.chain.node("alpha").takes_s = 10.0
        with anyio.move_on_after(1.0):
            await life.watch.round()
        assert life.gate.shut_by() == ("no_reading",)


async def test_watch__reading_hangs__the_gate_is_held_once_the_last_is_too_old() -> None:
    world = World()
    async with world.life() as life:

        async def hangs() -> Batch:
            await anyio.sleep_forever()
            raise AssertionError

        good = world.chain.read
        world.chain.read = hangs  # type: ignore[method-assign]
        await world.pass_s(STALE_S)
        assert_open(life)
        await world.pass_s(2)
        assert life.gate.shut_by() == ("no_reading",)
        assert life.told()["reading_old"].effect is Effect.NO_TRADE
        world.chain.read = good  # type: ignore[method-assign]
        await life.watch.round()
        await anyio.sleep(1)
        assert_open(life)
        assert "reading_old" not in life.told()


class SlowHistory(FakeJournal):
    """A journal that is long in telling the day's values."""

    async def value_extremes(self, since_steady_ms: int) -> tuple[Extremes, ...]:
        await anyio.sleep(30)
        return await super().value_extremes(since_steady_ms)


async def test_watch__nothing_answers_from_the_start__is_told_from_the_very_first_moment() -> None:
    world = World("alpha", "beta")
    for name in ("alpha", "beta"):
        world.chain.node(name).takes_s = 5.0
    world.journal = SlowHistory()
    async with world.life() as life:
        assert set(life.told()) == {"no_reading_yet", "market_unread", "history_unread"}
        assert {one.effect for one in life.told().values()} == {Effect.NO_TRADE}
        for name in ("alpha", "beta"):
            world.chain.node(name).takes_s = 0.0
        await world.pass_s(20)
        assert set(life.told()) == {"history_unread"}
        await world.pass_s(20)
        assert life.told() == {}
        assert_open(life)


async def test_watch__one_of_two_fails__goes_on_with_the_other() -> None:
    world = World("alpha", "beta")
    async with world.life() as life:
        world.chain.node("alpha").fault = EndpointFault.FAILED
        await world.pass_s(120)
        assert_open(life)
        assert life.told()["endpoint_failed"].subject == "alpha"


async def test_watch__outage__every_loop_goes_on_turning() -> None:
    world = World("alpha", "beta")
    async with world.life() as life:
        world.fail()
        before = dict(life.turns)
        await anyio.sleep(300)
        assert all(life.turns[name] - before[name] >= 10 for name in before)
