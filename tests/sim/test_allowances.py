"""Allowances that are left over: found, shown, and revoked by the way of every transaction."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import anyio
import pytest

from tests.fakes.allowances import ROUTER, FakeAllowances
from tests.fakes.ledger import FakeSigner
from tests.fakes.trade_market import POOL, USDC, WETH
from tests.sim.rescue import ward
from tests.sim.setting import TARO
from tests.sim.trading import Bench, bench, trading_config
from ultrad.config import Config
from ultrad.core.checklist import Mark
from ultrad.core.estop import Mode
from ultrad.core.events import Severity
from ultrad.core.intents import Intent, Stage
from ultrad.core.signals import Action
from ultrad.errors import Permanent, Transient
from ultrad.i18n import msg
from ultrad.operations import RevokeRequest
from ultrad.units import USD

pytestmark = pytest.mark.looptime(noop_cycles=0)

LOOKED_S = 12
"""A look after what has ended."""


async def _with_allowances(there: Bench) -> FakeAllowances:
    """The daemon starts anew, and somebody looks at allowances."""
    fake = FakeAllowances(there.market)
    assert there.made.means is not None
    there.made.means = replace(there.made.means, allowances=fake)
    await there.made.crash()
    await there.made.start()
    await anyio.sleep(20)
    return fake


@asynccontextmanager
async def shop(config: Config | None = None) -> AsyncIterator[tuple[Bench, FakeAllowances]]:
    async with bench(config) as there:
        yield there, await _with_allowances(there)
        assert there.made.reported == []


def _allow(there: Bench, amount: int = 5 * 10**16) -> None:
    there.market.state = replace(there.market.state, allowance=amount)


async def _revoke(there: Bench, asset: str = "") -> list[str]:
    begun = await there.made.life.assembly.daemon.revoke(TARO, RevokeRequest(asset))
    return [one.intent for one in begun]


def _found(there: Bench) -> list[str]:
    life = there.made.life
    standing = [one.finding for one in life.assembly.organs.conditions.standing()]
    found = [one for one in standing if one.code == "allowance_left"]
    assert {one.severity for one in found} <= {Severity.S3}
    status = life.assembly.daemon.status().trade
    assert status is not None
    assert len(status.left) == len(found)
    return [str(one.message) for one in found]


async def _until(seen: Callable[[], bool]) -> None:
    for _ in range(120):
        if seen():
            return
        await anyio.sleep(1)
    raise AssertionError("it did not come to that")


# ---------------------------------------------------------------- found


async def test_allowance__left_over__found_and_gone_once_revoked() -> None:
    async with shop() as (there, _):
        assert _found(there) == []
        _allow(there)
        await anyio.sleep(310)
        (told,) = _found(there)
        assert told.startswith(f"the pool {POOL[:6]}…{POOL[-4:]} may still take WETH (0.05)")
        (intent_id,) = await _revoke(there)
        ended = await there.ends(intent_id)
        assert (ended.stage, [one.about for one in ended.steps]) == (Stage.SETTLED, ["revoke"])
        assert there.market.state.allowance == 0
        assert "nothing is allowed any more" in str(ended.end)
        await anyio.sleep(LOOKED_S)
        assert _found(there) == []


async def test_allowance__trade_under_way__is_none_that_is_left_over() -> None:
    async with shop() as (there, _):
        taken = await there.send()
        await _until(lambda: there.intent(taken.intent).in_the_air is not None)
        there.ledger.mine()  # the approval
        await anyio.sleep(310)
        assert there.market.state.allowance > 0
        assert _found(there) == []
        found = await there.made.life.assembly.daemon.allowances()
        assert found.busy == (taken.intent,)
        with pytest.raises(Transient, match="is under way and may be using its allowance"):
            await _revoke(there)
        await there.ends(taken.intent)


async def test_allowance__trade_that_ended_after_its_approval__found_at_once() -> None:
    async with shop() as (there, _):
        taken = await there.send()
        await _until(lambda: there.intent(taken.intent).in_the_air is not None)
        there.market.refuses = msg("Aave refused it: {name}", name="ReserveFrozen")
        ended = await there.ends(taken.intent)
        assert (ended.stage, len(ended.steps)) == (Stage.FAILED, 1)
        await anyio.sleep(LOOKED_S)
        assert len(_found(there)) == 1


async def test_allowance__endpoint_that_is_behind__says_nothing() -> None:
    async with shop() as (there, fake):
        await there.ends((await there.send()).intent)
        fake.behind = True
        _allow(there)
        await anyio.sleep(620)
        assert _found(there) == []
        fake.behind = False
        await anyio.sleep(310)
        assert len(_found(there)) == 1


async def test_allowance__chain_unread__what_was_found_stands() -> None:
    async with shop() as (there, _):
        _allow(there)
        await anyio.sleep(310)
        there.market.down = msg("Nothing answers.")
        await anyio.sleep(620)
        assert len(_found(there)) == 1
        with pytest.raises(Transient):
            await there.made.life.assembly.daemon.allowances()


async def test_allowance__of_a_rescue_that_was_given_up__found() -> None:
    async with ward() as there:
        fake = await _with_allowances(there)
        there.fall()
        await there.seconds(14, mine=False)
        there.fall(2_500 * USD)
        await there.seconds(120)
        (rescue,) = there.rescues()
        assert (rescue.stage, rescue.asset) == (Stage.FAILED, USDC)
        await anyio.sleep(LOOKED_S)
        (told,) = _found(there)
        assert "may still take USDC" in told
        assert USDC in fake.asked[-1]
        with pytest.raises(Permanent, match="The emergency stop is ON"):
            await _revoke(there, "USDC")
        await anyio.sleep(5_400)  # the fall is out of the look-back
        await there.made.resolve(TARO)
        answer = await there.made.resume(TARO, waive=("value_change",))
        assert answer.done, [one for one in answer.lines if one.mark is not Mark.PASS]
        await anyio.sleep(20)
        (intent_id,) = await _revoke(there, "USDC")
        assert (await there.ends(intent_id)).stage is Stage.SETTLED
        assert there.market.state.other_allowance == 0
        await anyio.sleep(LOOKED_S)
        assert _found(there) == []


# ---------------------------------------------------------------- revoked


async def test_revoke__of_all__one_after_the_other() -> None:
    async with shop() as (there, fake):
        _allow(there)
        fake.routed = 10**30
        ids = await _revoke(there)
        assert len(ids) == 2
        most = 0
        for _ in range(60):
            trader = there.made.life.assembly.trader
            assert trader is not None
            most = max(most, len(trader.blotter.flying()))
            await anyio.sleep(1)
            there.ledger.mine()
        assert most == 1
        assert [there.intent(one).stage for one in ids] == [Stage.SETTLED, Stage.SETTLED]
        assert (there.market.state.allowance, fake.routed) == (0, 0)
        assert {there.intent(one).spender for one in ids} == {POOL, ROUTER}


@pytest.mark.parametrize("name", ["weth", "WETH", WETH, WETH.lower()])
async def test_revoke__by_symbol_or_address__that_one(name: str) -> None:
    async with shop() as (there, _):
        _allow(there)
        (intent_id,) = await _revoke(there, name)
        assert (await there.ends(intent_id)).asset == WETH


async def test_revoke__asked_twice__one_transaction() -> None:
    async with shop() as (there, _):
        _allow(there)
        assert await _revoke(there) == await _revoke(there)


async def test_revoke__nothing_there__says_so() -> None:
    async with shop() as (there, _):
        with pytest.raises(Permanent, match="nothing to revoke"):
            await _revoke(there)
        _allow(there)
        with pytest.raises(Permanent, match="Nothing is allowed of DAI"):
            await _revoke(there, "DAI")


async def test_revoke__stop_is_on__refused_and_nothing_is_signed() -> None:
    async with shop() as (there, _):
        _allow(there)
        there.made.touch()
        await anyio.sleep(3)
        with pytest.raises(Permanent, match="The emergency stop is ON"):
            await _revoke(there)
        signer = there.made.means.signer if there.made.means else None
        assert isinstance(signer, FakeSigner)
        assert (signer.signed, there.ledger.sends) == ([], 0)


async def test_revoke__stop_while_it_is_in_the_air__cancelled_as_a_trade_is() -> None:
    async with shop() as (there, _):
        _allow(there)
        (intent_id,) = await _revoke(there)
        await _until(lambda: there.intent(intent_id).in_the_air is not None)
        there.made.touch()
        await anyio.sleep(10)
        ended = await there.ends(intent_id)
        assert there.made.life.mode is Mode.ON
        assert ended.stage is Stage.CANCELLED
        assert there.market.state.allowance > 0


async def test_revoke__dry_run_or_no_key__refused() -> None:
    async with shop(trading_config(dry_run=True)) as (there, _):
        _allow(there)
        with pytest.raises(Permanent, match="dry_run"):
            await _revoke(there)
    async with shop() as (there, _):
        assert there.made.means is not None
        there.made.means = replace(there.made.means, signer=None)
        await there.made.crash()
        await there.made.start()
        with pytest.raises(Permanent, match="no key"):
            await _revoke(there)


async def test_revoke__token_that_changes_nothing__said_and_still_found() -> None:
    async with shop() as (there, fake):
        _allow(there)
        fake.stubborn = True
        (intent_id,) = await _revoke(there)
        ended = await there.ends(intent_id)
        assert ended.stage is Stage.SETTLED
        assert "still allows something" in str(ended.end)
        await anyio.sleep(LOOKED_S)
        assert len(_found(there)) == 1


async def test_revoke__beside_signals__counts_as_none_and_is_in_no_trades_way() -> None:
    async with shop() as (there, _):
        first = await there.send(Action.SELL)
        await there.ends(first.intent)
        _allow(there)
        (intent_id,) = await _revoke(there)
        await there.ends(intent_id)
        trader = there.made.life.assembly.trader
        assert trader is not None
        now = there.made.clock.now()
        assert trader.blotter.arrivals(0) == 1
        assert trader.blotter.run(there.intent(first.intent), 0) == 1
        assert trader.figures().settled == 1
        assert trader.blotter.last_trade_ms() == there.intent(first.intent).counts_from_ms < now.steady_ms
        lines = await there.made.life.assembly.daemon.signals(10)
        assert [one.id for one in lines] == [intent_id, first.intent]


async def test_revoke__trade_comes_meanwhile__waits_for_none_and_spoils_none() -> None:
    async with shop() as (there, _):
        _allow(there)
        (intent_id,) = await _revoke(there)
        taken = await there.send()
        assert (await there.ends(intent_id)).stage is Stage.SETTLED
        trade: Intent = await there.ends(taken.intent)
        assert (trade.stage, trade.rules) in {(Stage.SETTLED, ()), (Stage.REFUSED, ("unsettled",))}


@pytest.mark.parametrize("after_s", range(8))
async def test_revoke__killed_at_any_second__done_once(after_s: int) -> None:
    async with shop() as (there, _):
        _allow(there)
        (intent_id,) = await _revoke(there)
        for _ in range(after_s):
            await anyio.sleep(1)
            there.ledger.mine()
        await there.made.crash()
        await there.made.start()
        ended = await there.ends(intent_id)
        assert ended.stage is Stage.SETTLED
        assert len(ended.steps) == 1
        assert len([one for one in there.ledger.mined.values() if one.ok]) == 1
        assert there.market.state.allowance == 0


async def test_revoke__killed_before_it_was_recorded_what_of__ends_and_can_be_asked_again() -> None:
    async with shop() as (there, _):
        _allow(there)
        await _revoke(there)
        await there.made.crash()
        journal = there.made.journal
        last = max(at for at, one in enumerate(journal.recorded) if one.event.kind == "intent.proposed")
        journal.recorded = journal.recorded[: last + 1]
        there.made.mark = None
        await there.made.start()
        trader = there.made.life.assembly.trader
        assert trader is not None
        await _until(lambda: not trader.blotter.open())
        assert "what it revokes was not recorded" in str(trader.blotter.intents[-1].end)


async def test_allowances__not_configured__says_so() -> None:
    async with bench() as there:
        with pytest.raises(Transient, match="Nobody looks at allowances"):
            await there.made.life.assembly.daemon.allowances()
