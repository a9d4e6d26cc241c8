"""The account's history through the whole daemon: trips, restarts, silence, and people who announce."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal

import anyio
import pytest

from tests.fakes.history import FakeHistory
from tests.fakes.ledger import FakeLedger, FakeSigner
from tests.fakes.trade_market import REFERENCE, FakeMarket
from tests.sim.setting import HANAKO, SERVICE_UID, TARO
from tests.sim.trading import trading_config
from tests.sim.world import World, world
from ultrad.core import account_book
from ultrad.core.decisions import Decision
from ultrad.core.estop import Mode
from ultrad.core.intents import Stage
from ultrad.core.signals import Action, Source
from ultrad.errors import Permanent, Transient
from ultrad.i18n import msg
from ultrad.operations import ExpectRequest, Person
from ultrad.outside import TradeOutside
from ultrad.watchdog.account import KEEP_MS, UNREAD, UNREAD_MS

pytestmark = pytest.mark.looptime(noop_cycles=0)
WITHIN_S = 3.0
"""A look a second, and the stop's own second."""


@asynccontextmanager
async def watched(
    prepare: Callable[[FakeHistory], None] = lambda _: None,
) -> AsyncIterator[tuple[World, FakeHistory]]:
    """The daemon with an account to look after, after its first look."""
    history = FakeHistory()
    prepare(history)

    def furnish(one: World) -> None:
        market = FakeMarket(one.clock, replace(REFERENCE, wallet=10**18))
        one.means = TradeOutside(market, FakeLedger(one.clock, market), FakeSigner(), history=history)

    async with world(trading_config(), prepare=furnish) as one:
        await anyio.sleep(20)
        yield one, history


def kinds(one: World) -> list[str]:
    return [row.event.kind for row in one.life.journal.recorded if row.event.kind.startswith("account.")]


def causes(one: World) -> list[str]:
    return [str(cause.message) for cause in one.life.assembly.organs.estop.state.causes]


def shut_by(one: World) -> tuple[str, ...]:
    return one.life.assembly.organs.gate.shut_by()


async def test_account__foreign_transaction__trips_within_a_block_by_its_hash() -> None:
    async with watched() as (one, history):
        assert shut_by(one) == ()
        tx = history.out(5 * 10**6)
        history.mine(tx)
        await anyio.sleep(WITHIN_S)
        (told,) = causes(one)
        assert tx.hash in told
        assert "$5.00" in told
        await anyio.sleep(60)
        assert len(causes(one)) == 1
        assert kinds(one).count(account_book.INTRUSION) == 1


async def test_account__hash_that_nobody_remembers__trips_by_its_nonce() -> None:
    async with watched() as (one, history):
        history.forgets = True
        history.mine(history.sent(value_wei=5))
        await anyio.sleep(WITHIN_S)
        assert "nonce 7" in causes(one)[0]


async def test_account__several_at_once__one_stop_and_a_record_of_each() -> None:
    async with watched() as (one, history):
        for _ in range(3):
            history.mine(history.out(5))
        await anyio.sleep(WITHIN_S)
        (told,) = causes(one)
        assert "And 2 more transactions." in told
        assert kinds(one).count(account_book.INTRUSION) == 3


async def test_account__intrusion__is_never_overridden() -> None:
    async with watched() as (one, history):
        history.mine(history.out(5))
        await anyio.sleep(120)
        one.flag.rm()
        await anyio.sleep(5)
        assert one.life.assembly.organs.estop.state.mode is Mode.ON


async def test_account__intrusion_while_down__found_at_the_start_and_told_once() -> None:
    async with watched() as (one, history):
        await one.crash()
        tx = history.out(5)
        history.mine(tx)
        for _ in range(30):
            history.mine()
        await one.start()
        await anyio.sleep(10)
        assert tx.hash in causes(one)[0]
        await one.crash()
        await one.start()
        await anyio.sleep(10)
        assert kinds(one).count(account_book.INTRUSION) == 1  # told once, whatever restarts there are


async def test_account__inflow__information_once_it_is_confirmed() -> None:
    async with watched() as (one, history):
        history.mine(history.comes(5 * 10**6))
        await anyio.sleep(WITHIN_S)
        assert account_book.INFLOW not in kinds(one)
        for _ in range(history.depth):
            history.mine()
        await anyio.sleep(WITHIN_S)
        history.mine()
        await anyio.sleep(WITHIN_S)
        assert kinds(one).count(account_book.INFLOW) == 1
        assert causes(one) == []


async def test_account__quiet_hours__write_little() -> None:
    async with watched() as (one, history):
        before = len(kinds(one))
        for _ in range(3):
            history.mine()
            await anyio.sleep(KEEP_MS / 1000 + 1)
        assert len(kinds(one)) - before in (2, 3)


async def test_account__reorganisation__tells_once_of_what_is_mined_again() -> None:
    async with watched() as (one, history):
        tx = history.out(5)
        history.mine(tx)
        await anyio.sleep(WITHIN_S)
        history.drop(2)
        history.mine(branch="b")
        history.mine(tx, branch="b")
        history.mine(branch="b")
        await anyio.sleep(WITHIN_S)
        assert kinds(one).count(account_book.INTRUSION) == 1


async def test_account__unread__keeps_trades_off_after_its_limit_and_no_longer() -> None:
    async with watched() as (one, history):
        history.mine()
        history.down = msg("Nothing answers.")
        await anyio.sleep(UNREAD_MS / 1000 - 30)
        history.mine()
        standing = one.life.assembly.organs.conditions
        assert [found.code for found in standing.no_trade()] == []
        await anyio.sleep(60)
        assert [found.code for found in standing.no_trade()] == [UNREAD]
        assert "Nothing answers." in str(standing.no_trade()[0].message)
        history.down = None
        await anyio.sleep(10)
        assert standing.no_trade() == ()
        assert causes(one) == []


async def test_account__unread_from_the_start__holds_the_gate() -> None:
    def deaf(history: FakeHistory) -> None:
        history.deaf = True

    async with watched(deaf) as (one, history):
        assert shut_by(one) == (UNREAD,)
        with pytest.raises(Transient):
            await one.life.assembly.daemon.expect(TARO, ExpectRequest("any", "x", 30))
        history.deaf = False
        await anyio.sleep(WITHIN_S)
        assert shut_by(one) == ()


# ---------------------------------------------------------------- announcements


async def test_expect__announced_and_restarted__covers_one_and_is_shown() -> None:
    async with watched() as (one, history):
        await one.life.assembly.daemon.expect(TARO, ExpectRequest("transfer", "to the cold wallet", 30, 10**9))
        await one.crash()
        await one.start()
        await anyio.sleep(10)
        (line,) = one.life.assembly.daemon.status().expected
        assert (line.kind, line.max_e8, line.by, line.reason) == ("transfer", 10**9, "taro", "to the cold wallet")
        history.mine(history.out(9 * 10**6))
        await anyio.sleep(WITHIN_S)
        assert causes(one) == []
        assert one.life.assembly.daemon.status().expected == ()
        history.mine(history.out(9 * 10**6))
        await anyio.sleep(WITHIN_S)
        assert len(causes(one)) == 1


async def test_expect__its_time_is_over__trips() -> None:
    async with watched() as (one, history):
        await one.life.assembly.daemon.expect(TARO, ExpectRequest("any", "x", 1))
        await anyio.sleep(61)
        history.mine(history.out(5))
        await anyio.sleep(WITHIN_S)
        assert len(causes(one)) == 1


async def test_expect__full_journal__nothing_is_announced() -> None:
    async with watched() as (one, history):
        one.life.journal.full = True
        with pytest.raises(Transient):
            await one.life.assembly.daemon.expect(TARO, ExpectRequest("any", "x", 30))
        one.life.journal.recover()
        history.mine(history.out(5))
        await anyio.sleep(WITHIN_S)
        assert len(causes(one)) == 1


async def test_expect__nobody_in_particular_or_nonsense__is_refused() -> None:
    async with watched() as (one, _):
        daemon = one.life.assembly.daemon
        for nobody in (Person(0, "root"), Person(SERVICE_UID, "ultrad")):
            with pytest.raises(Permanent, match="may not announce"):
                await daemon.expect(nobody, ExpectRequest("any", "x", 30))
        for wrong in (("sale", "x", 30), ("any", " ", 30), ("any", "x", 0), ("any", "x", 10**6)):
            with pytest.raises(Permanent):
                await daemon.expect(HANAKO, ExpectRequest(*wrong))
        for _ in range(account_book.MOST_ANNOUNCED):
            await daemon.expect(HANAKO, ExpectRequest("any", "x", 30))
        with pytest.raises(Permanent, match="stand already"):
            await daemon.expect(HANAKO, ExpectRequest("any", "x", 30))


async def test_expect__without_trading__is_refused() -> None:
    async with world() as one:
        with pytest.raises(Permanent, match="trade"):
            await one.life.assembly.daemon.expect(TARO, ExpectRequest("any", "x", 30))


@pytest.mark.parametrize("announced", [True, False])
async def test_expect__pending_for_long_before_a_trade__no_intrusion_where_it_was_announced(
    *, announced: bool
) -> None:
    async with watched() as (one, _):
        ledger = ledger_of(one)
        ledger.foreign = 1
        if announced:
            await one.life.assembly.daemon.expect(TARO, ExpectRequest("any", "x", 30))
        await one.life.assembly.daemon.signal(sale(one))
        await anyio.sleep(150)
        assert ledger.sends == 0
        assert (causes(one) == []) is announced


@pytest.mark.parametrize("announced", [True, False])
async def test_expect__takes_the_nonce_of_a_trade__ends_it_and_is_no_intrusion(*, announced: bool) -> None:
    async with watched() as (one, history):
        ledger = ledger_of(one)
        taken = await one.life.assembly.daemon.signal(sale(one))
        await anyio.sleep(5)
        assert ledger.sends == 1
        if announced:
            await one.life.assembly.daemon.expect(TARO, ExpectRequest("any", "x", 30))
        history.mine(history.sent())
        ledger.pending.clear()
        ledger.nonce += 1
        await anyio.sleep(5)
        await one.crash()  # what was announced is known after it as well
        await one.start()
        await anyio.sleep(90)
        trader = one.life.assembly.trader
        assert trader is not None
        ended = trader.blotter.get(taken.intent)
        assert ended is not None
        assert (ended.stage, "by hand" in str(ended.end)) == (Stage.FAILED, announced)
        assert (causes(one) == []) is announced


def ledger_of(one: World) -> FakeLedger:
    assert one.means is not None
    assert isinstance(one.means.ledger, FakeLedger)
    return one.means.ledger


def sale(one: World) -> Decision:
    return Decision(Source.HTTP, "s1", Action.SELL, Decimal(80), "", one.clock.now().wall_ms)
