"""The value over a day, across restarts and resumes; and the market around the positions."""

import anyio
import pytest

from tests.fakes.chain import Account
from tests.fakes.journal import FakeJournal
from tests.sim.watching import BAD, GOOD, World, account, assert_open, assert_stopped
from ultrad.core.estop import Mode
from ultrad.core.events import Effect, Severity
from ultrad.core.limits import EstopRules, Limits
from ultrad.core.position import Reserve, Sequencer
from ultrad.errors import Permanent
from ultrad.i18n import msg
from ultrad.ports import Extremes
from ultrad.units import Address, UsdE8

pytestmark = pytest.mark.looptime


# ---------------------------------------------------------------- value


@pytest.mark.parametrize(("net", "trips"), [(16_800, False), (16_801, True), (11_200, False), (11_199, True)])
async def test_watch__value_moves_within_a_day__beyond_a_fifth_trips(net: int, *, trips: bool) -> None:
    world = World()
    async with world.life() as life:
        await world.pass_s(300)
        await world.block(account("2.0", net=net))
        assert life.causes == (["value_moved"] if trips else [])


async def test_watch__value_creeps_over_more_than_the_window__does_not_trip() -> None:
    world = World(limits=Limits(value_window_ms=5 * 60_000))
    async with world.life() as life:
        for step in range(5):
            await world.block(account("2.0", net=14_000 + step * 2_000))
            await world.pass_s(7 * 60)
        assert_open(life)


async def test_watch__value_moves_across_a_restart__trips() -> None:
    world = World()
    async with world.life():
        await world.pass_s(600)
    await anyio.sleep(20 * 3_600)
    world.chain.set("main", account("2.0", net=20_000))
    async with world.life() as life:
        await world.pass_s(60)
        assert_stopped(life, world, "value_moved")


async def test_watch__value_moves_across_a_long_absence__has_left_the_window() -> None:
    world = World()
    async with world.life():
        await world.pass_s(600)
    await anyio.sleep(24 * 3_600 + 700)
    world.chain.set("main", account("2.0", net=20_000))
    async with world.life() as life:
        await world.pass_s(60)
        assert_open(life)


async def test_watch__resumed__the_value_begins_anew_also_across_a_restart() -> None:
    world = World()
    async with world.life() as life:
        await world.pass_s(600)
        await world.block(account("2.0", net=20_000))
        assert_stopped(life, world, "value_moved")
        await world.pass_s(120)
        assert await life.estop.resume(("hanako",), []) is None
        await world.pass_s(600)
        assert_open(life)
    async with world.life() as life:
        await world.pass_s(600)
        assert_open(life)
        await world.block(account("2.0", net=26_000))
        assert_stopped(life, world, "value_moved")


async def test_watch__emptied_although_it_may_be_empty__trips() -> None:
    world = World(limits=Limits(allow_empty=frozenset({"main"})))
    async with world.life() as life:
        await world.block(Account(0, 0))
        assert_stopped(life, world, "value_moved")


class DamagedJournal(FakeJournal):
    """Its readings cannot be read while `damaged`."""

    damaged = False

    async def value_extremes(self, since_steady_ms: int) -> tuple[Extremes, ...]:
        if self.damaged:
            raise Permanent(msg("damaged"))
        return await super().value_extremes(since_steady_ms)


async def test_watch__history_cannot_be_read__says_so_and_tries_again() -> None:
    world = World()
    world.journal = journal = DamagedJournal()
    async with world.life():
        await world.pass_s(600)
    await anyio.sleep(3_600)
    journal.damaged = True
    world.chain.set("main", account("2.0", net=20_000))
    async with world.life() as life:
        await world.pass_s(60)
        assert life.mode() is Mode.OFF
        assert life.told()["history_unknown"].effect is Effect.NO_TRADE
        journal.damaged = False
        await world.pass_s(40)
        assert life.watch.history_known
        assert_stopped(life, world, "value_moved")


async def test_watch__resumed_while_the_history_is_read__what_was_before_is_no_baseline() -> None:
    class SlowJournal(FakeJournal):
        async def value_extremes(self, since_steady_ms: int) -> tuple[Extremes, ...]:
            found = await super().value_extremes(since_steady_ms)
            await anyio.sleep(20)
            return found

    world = World()
    world.journal = SlowJournal()
    async with world.life() as life:
        await world.pass_s(120)
        await world.block(BAD)
        await world.pass_s(10)
    await anyio.sleep(600)
    world.chain.set("main", account("2.0", net=20_000))
    async with world.life() as life:
        await anyio.sleep(1)
        assert await life.estop.resume(("hanako",), []) is None
        await world.pass_s(120)
        assert life.watch.history_known
        assert_open(life)


# ---------------------------------------------------------------- market


def reserve(**changes: object) -> Reserve:
    fields: dict[str, object] = {
        "symbol": "WETH",
        "asset": Address("0x" + "00" * 20),
        "decimals": 18,
        "active": True,
        "frozen": False,
        "paused": False,
        "supply_cap": 0,
        "supplied": 0,
        "available": 0,
        "price_e8": UsdE8(2_500 * 10**8),
        "price_updated_s": None,
    }
    return Reserve(**(fields | changes))  # type: ignore[arg-type]


async def test_market__findings_stand__allow_no_trade_but_never_trip() -> None:
    world = World()
    async with world.life() as life:
        now_s = world.clock.now().wall_ms // 1000
        world.chain.reserves = (reserve(price_updated_s=now_s),)
        world.chain.sequencer = Sequencer(up=True, since_s=now_s - 3_600)
        await world.pass_s(20)
        assert life.conditions.no_trade() == ()
        old = reserve(paused=True, price_e8=UsdE8(2_000 * 10**8), price_updated_s=now_s - 4_000)
        world.chain.reserves = (old,)
        world.chain.sequencer = Sequencer(up=False, since_s=now_s)
        await world.pass_s(20)
        assert set(life.told()) == {"reserve_unusable", "oracle_stale", "oracle_jump", "sequencer_down"}
        assert len(life.conditions.no_trade()) == 4
        assert_open(life)  # the gate is not the market's: rescue and cancellation must pass


async def test_market__cannot_be_read__allows_no_trade() -> None:
    world = World("alpha", "beta")
    async with world.life() as life:
        world.fail()
        await anyio.sleep(20)
        assert life.told()["market_unreadable"].effect is Effect.NO_TRADE
        world.fail(None)
        await world.pass_s(20)
        assert "market_unreadable" not in life.told()


async def test_market__one_reading_fails__no_trade_and_nobody_is_called() -> None:
    world = World("alpha", "beta")
    async with world.life() as life:
        await world.pass_s(20)
        world.fail()
        await life.market.round()
        found = life.told()["market_unreadable"]
        assert (found.severity, found.effect) == (Severity.S3, Effect.NO_TRADE)
        await life.market.round()
        assert life.told()["market_unreadable"].severity is Severity.S2
        world.fail(None)
        await life.market.round()
        assert "market_unreadable" not in life.told()


async def test_market__jumped__stands_until_the_next_price() -> None:
    world = World()
    async with world.life() as life:
        now_s = world.clock.now().wall_ms // 1000
        for price in (2_500, 2_800, 2_800):
            world.chain.reserves = (reserve(price_e8=UsdE8(price * 10**8), price_updated_s=now_s),)
            await world.pass_s(20)
        assert "oracle_jump" in life.told()
        world.chain.reserves = (reserve(price_e8=UsdE8(2_801 * 10**8), price_updated_s=now_s),)
        await world.pass_s(20)
        assert "oracle_jump" not in life.told()


async def test_market__after_a_resume__is_looked_at_more_closely() -> None:
    world = World(rules=EstopRules(closer_watch_ms=60_000))
    async with world.life() as life:
        await world.block(BAD)
        await world.pass_s(70)
        await world.block(GOOD)
        await life.estop.resume(("hanako",), [])
        await world.pass_s(15)
        before = life.turns["market"]
        await world.pass_s(30)
        closer = life.turns["market"] - before
        await world.pass_s(60)
        before = life.turns["market"]
        await world.pass_s(30)
        assert closer >= 14
        assert life.turns["market"] - before <= 3
