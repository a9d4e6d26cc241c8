"""A position near its liquidation is rescued through the whole daemon, and only where it may be."""

import itertools
import json
from dataclasses import replace

import anyio
import pytest

from tests.fakes.trade_market import USDC, WETH
from tests.sim.rescue import FALLEN, LIMITS, RICH, Ward, ward
from ultrad.core import estop_rules as stop
from ultrad.core.account_book import AccountBook, Announcement
from ultrad.core.estop import Mode
from ultrad.core.intent_steps import Purpose
from ultrad.core.intents import Stage
from ultrad.core.signals import Action
from ultrad.i18n import msg
from ultrad.units import USD, UsdE8, Wad

pytestmark = pytest.mark.looptime(noop_cycles=0)
MINUTE = 60


def _steps(there: Ward) -> list[list[str]]:
    return [[step.about for step in one.steps] for one in there.rescues()]


def _spent(there: Ward) -> int:
    """Smallest units of the debt's asset that left the wallet."""
    return RICH.other_wallet - there.market.state.other_wallet


# ---------------------------------------------------------------- what it does


async def test_rescue__price_falls__repaid_from_the_wallet_up_to_the_target_with_the_stop_on() -> None:
    async with ward() as there:
        there.fall()
        assert there.hf() < Wad(124 * 10**16)
        await there.seconds(MINUTE)
        assert _steps(there) == [["approve", "repay"]]
        assert there.rescues()[0].stage is Stage.SETTLED
        # 10 WETH · 1640 $ · 0.83 / 1.5 = 9,074.67 $ may be owed: 1,925.33 $ were repaid.
        assert _spent(there) == 1_925_333_334
        assert LIMITS.target_hf <= there.hf() < LIMITS.target_hf + 10**10
        assert there.market.state.other_allowance == 0
        assert there.made.life.mode is Mode.ON
        versions = [version for step in there.rescues()[0].steps for version in step.versions]
        assert {one.purpose for one in versions} == {Purpose.RESCUE}
        assert there.ledger.sent == [one.hash for one in versions]
        assert (len(there.raised("rescue_begun")), len(there.raised("rescue_step"))) == (1, 1)
        assert there.raised("rescue_impossible") == []


async def test_rescue__stop_on__nothing_else_passes() -> None:
    async with ward() as there:
        there.fall()
        await there.seconds(MINUTE)
        sent = list(there.ledger.sent)
        intent = await there.ends((await there.send(Action.SELL)).intent)
        assert (intent.stage, intent.rules[0]) == (Stage.REFUSED, "estop")
        assert there.ledger.sent == sent


async def test_rescue__wallet_without_the_debts_asset__repaid_with_atokens_then_collateral_added() -> None:
    usdc = replace(RICH.holdings[1], scaled_supply=500 * 10**6)
    state = replace(RICH, other_wallet=0, holdings=(RICH.holdings[0], usdc))
    async with ward(state=state) as there:
        there.fall()
        await there.seconds(3 * MINUTE)
        assert _steps(there) == [["repay_with_atokens"], ["approve", "add_collateral"]]
        assert there.market.state.holdings[1].scaled_supply == 0
        assert LIMITS.target_hf <= there.hf() < LIMITS.target_hf + 10**10
        assert there.market.state.allowance == 0


async def test_rescue__arithmetic_not_known__by_the_nodes_word_or_not_at_all() -> None:
    async with ward() as there:
        assert there.rescue is not None
        there.rescue.known, there.market.simulates = False, False
        there.fall()
        await there.seconds(MINUTE)
        assert there.ledger.sends == 0
        assert "nobody can show that it raises the health factor" in there.raised("rescue_impossible")[0]
        there.market.simulates = True
        await there.seconds(MINUTE)
        assert there.hf() >= LIMITS.target_hf


async def test_rescue__over_rescue_hf__left_alone_though_the_stop_is_on() -> None:
    async with ward() as there:
        there.fall(1_900 * USD)  # 1.4336
        await there.seconds(MINUTE)
        assert there.made.life.mode is Mode.ON
        assert there.ledger.sends == 0


# ---------------------------------------------------------------- what it may not


async def test_rescue__not_enabled__nothing_is_sent() -> None:
    async with ward(None) as there:
        there.fall()
        await there.seconds(MINUTE)
        assert (there.ledger.sends, there.rescues()) == (0, ())


async def test_rescue__dry_run__said_and_not_sent() -> None:
    async with ward(dry_run=True) as there:
        there.fall()
        await there.seconds(MINUTE)
        assert there.ledger.sends == 0
        assert "trade.dry_run" in there.raised("rescue_impossible")[0]


@pytest.mark.parametrize("code", ["key_leak", "intrusion"])
async def test_rescue__key_in_doubt__nothing_is_sent(code: str) -> None:
    async with ward() as there:
        estop = there.made.life.assembly.organs.estop
        await estop.trip(stop.trade_cause(code, msg("The key may be known."), there.made.clock.now()))
        there.fall()
        await there.seconds(3 * MINUTE)
        assert there.ledger.sends == 0
        assert code in there.raised("rescue_impossible")[0]


async def test_rescue__key_in_doubt_while_it_is_pending__neither_raised_nor_repeated() -> None:
    async with ward() as there:
        there.fall()
        await there.seconds(20, mine=False)
        assert there.ledger.sends == 1
        estop = there.made.life.assembly.organs.estop
        await estop.trip(stop.trade_cause("key_leak", msg("The key may be known."), there.made.clock.now()))
        await there.seconds(5 * MINUTE, mine=False)
        assert there.ledger.sends == 1


async def test_rescue__caps__held_within_the_step_the_hour_and_the_day() -> None:
    limits = replace(LIMITS, step_e8=UsdE8(200 * USD), hour_e8=UsdE8(500 * USD), day_e8=UsdE8(700 * USD))
    async with ward(limits) as there:
        there.fall(1_450 * USD)
        await there.seconds(10 * MINUTE)
        assert _spent(there) == 500 * 10**6
        assert [one.value_e8 for one in there.rescues()] == [200 * USD, 200 * USD, 100 * USD]
        assert "the caps are used up: $500.00 of $500.00 within the hour" in there.raised("rescue_impossible")[0]
        await there.made.crash()  # what was used counts after a restart
        await there.made.start()
        await there.seconds(70 * MINUTE)
        assert _spent(there) == 700 * 10**6
        await there.seconds(70 * MINUTE)
        assert _spent(there) == 700 * 10**6


async def test_rescue__wallet_empty_and_nothing_supplied__said() -> None:
    async with ward(state=replace(RICH, wallet=0, other_wallet=0)) as there:
        there.fall()
        await there.seconds(MINUTE)
        assert there.ledger.sends == 0
        (told,) = there.raised("rescue_impossible")
        for part in ("the wallet holds nothing of what is owed", "nothing is supplied of what is owed"):
            assert part in told
        status = there.made.life.assembly.daemon.status().trade
        assert status is not None
        assert status.rescue is not None
        assert (status.rescue.is_low, len(status.rescue.obstacles)) == (True, 3)


async def test_rescue__reserve_paused__said_and_done_once_it_is_open() -> None:
    async with ward() as there:
        assert there.rescue is not None
        there.rescue.closed = {WETH, USDC}
        there.fall()
        await there.seconds(MINUTE)
        assert there.ledger.sends == 0
        assert "paused or frozen" in there.raised("rescue_impossible")[0]
        there.rescue.closed = set()
        await there.seconds(MINUTE)
        assert there.hf() >= LIMITS.target_hf


async def test_rescue__only_one_of_two_endpoints_answers__not_begun_until_the_other_confirms() -> None:
    async with ward() as there:
        there.made.chain.node("beta").takes_s = 30.0
        there.fall()
        await there.seconds(2 * MINUTE)
        assert there.made.life.mode is Mode.ON
        assert there.ledger.sends == 0
        assert "only one endpoint says so" in there.raised("rescue_impossible")[0]
        there.made.chain.node("beta").takes_s = 0.0
        await there.seconds(MINUTE)
        assert there.hf() >= LIMITS.target_hf


async def test_rescue__one_endpoint_lies_that_it_is_low__nothing_is_sent() -> None:
    async with ward() as there:
        assert there.rescue is not None
        low = replace(there.made.chain.accounts["main"], threshold_bps=5_400)  # type: ignore[type-var]
        there.made.chain.node("alpha").lies = {"main": low}
        await there.seconds(2 * MINUTE)
        assert (there.ledger.sends, there.rescue.asked) == (0, 0)


async def test_rescue__outcome_that_is_not_as_it_should_be__trips_and_is_the_last() -> None:
    async with ward() as there:
        assert there.rescue is not None
        there.rescue.lame = True
        there.fall()
        await there.seconds(3 * MINUTE)
        assert len(there.rescues()) == 1
        assert "rescue_off" in {one.code for one in there.made.life.state.causes}
        assert "rescue_off" in there.raised("rescue_impossible")[0]


# ---------------------------------------------------------------- gas


async def test_rescue__gas_over_the_traders_cap__sent_at_once_and_raised_within_its_own() -> None:
    async with ward() as there:
        there.ledger.base_wei = 120 * 10**9  # the trader would wait
        there.fall()
        await there.seconds(2 * MINUTE, mine=False)
        (intent,) = there.rescues()
        fees = [one.max_fee_wei for one in intent.steps[0].versions]
        assert fees[0] == 2 * 120 * 10**9 + 2 * 10**8
        assert len(fees) > 1
        assert all(a * 112 < b * 100 <= 300 * 10**9 * 100 for a, b in itertools.pairwise(fees))


async def test_rescue__gas_over_its_own_cap__offered_up_to_the_cap() -> None:
    async with ward() as there:
        there.ledger.base_wei = 500 * 10**9
        there.fall()
        await there.seconds(20)
        assert there.rescues()[0].steps[0].newest.max_fee_wei == LIMITS.max_fee_wei


# ---------------------------------------------------------------- a trade that is pending


async def test_rescue__trade_pending__takes_its_nonce_at_a_higher_fee() -> None:
    async with ward() as there:
        trade = (await there.send(Action.SELL)).intent
        await there.seconds(4, mine=False)
        pending = there.intent(trade).in_the_air
        assert pending is not None
        there.fall()
        await there.seconds(14, mine=False)
        (rescue,) = there.rescues()
        taken, beaten = rescue.steps[0], there.intent(trade).steps[0]
        assert taken.nonce == pending.nonce
        assert taken.newest.max_fee_wei > beaten.newest.max_fee_wei * 112 // 100
        await there.seconds(2 * MINUTE)
        assert there.intent(trade).stage is Stage.CANCELLED
        assert "went to rescue:main-" in str(there.intent(trade).end)
        assert there.rescues()[0].stage is Stage.SETTLED
        assert there.hf() >= LIMITS.target_hf
        assert "intrusion" not in {one.code for one in there.made.life.state.causes}


async def test_rescue__trade_is_faster_than_what_took_its_place__yields_and_is_done_anew() -> None:
    async with ward() as there:
        trade = (await there.send(Action.SELL)).intent
        await there.seconds(4, mine=False)
        raw = next(iter(there.ledger.pending.items()))
        there.fall()
        await there.seconds(14, mine=False)
        assert len(there.rescues()) == 1
        there.ledger.pending = dict([raw])
        await there.seconds(2 * MINUTE)
        assert there.intent(trade).stage is Stage.SETTLED
        assert [one.stage for one in there.rescues()] == [Stage.CANCELLED, Stage.SETTLED]
        assert there.hf() >= LIMITS.target_hf


async def test_rescue__pending_for_long__is_never_cancelled() -> None:
    async with ward() as there:
        trade = (await there.send(Action.SELL)).intent
        await there.seconds(4, mine=False)
        there.fall()
        await there.seconds(14, mine=False)
        beaten = there.intent(trade).steps
        await there.seconds(10 * MINUTE, mine=False)
        assert there.intent(trade).steps == beaten
        (rescue,) = there.rescues()
        assert {one.purpose for one in rescue.steps[0].versions} == {Purpose.RESCUE}
        newest = max(there.ledger.pending.values(), key=lambda raw: int(json.loads(raw)[1]))
        assert json.loads(newest)[2] == "approve"


# ---------------------------------------------------------------- nodes that are behind, and others with the key


@pytest.mark.parametrize("used_by", ["trade", "approval"])
async def test_rescue__node_shows_a_nonce_that_was_used__waits_for_it(used_by: str) -> None:
    async with ward() as there:
        if used_by == "trade":
            await there.ends((await there.send(Action.SELL)).intent)
            there.ledger.behind = 1
        there.fall()
        if used_by == "approval":
            await there.seconds(14, mine=False)
            assert _steps(there) == [["approve"]]
            there.ledger.behind = 1
        sends = there.ledger.sends
        await there.seconds(MINUTE)
        assert there.ledger.sends == sends
        assert "is due" in there.raised("rescue_impossible")[0]
        there.ledger.behind = 0
        await there.seconds(MINUTE)
        assert there.hf() >= LIMITS.target_hf
        assert "intrusion" not in there.made.life.causes


@pytest.mark.parametrize(("for_s", "rescued"), [(30, True), (80, False)])
async def test_rescue__something_of_others_is_pending__only_what_stays_stops_it(
    for_s: int, *, rescued: bool
) -> None:
    async with ward() as there:
        there.ledger.foreign = 1
        there.fall()
        await there.seconds(12 + for_s)
        assert there.ledger.sends == 0
        assert "Somebody else may have the key" in there.raised("rescue_impossible")[0]
        there.ledger.foreign = 0
        await there.seconds(MINUTE)
        assert ("intrusion" in there.made.life.causes) is not rescued
        assert (there.hf() >= LIMITS.target_hf) is rescued


async def test_rescue__something_announced_is_pending__waits_for_it_and_is_not_forbidden() -> None:
    async with ward() as there:
        trader = there.made.life.assembly.trader
        assert trader is not None
        told = Announcement("a", "any", None, "taro", "x", there.made.clock.now(), 10**12, 0)
        trader._ports.hands.told_by(lambda: AccountBook(announced=(told,)))
        there.ledger.foreign = 1
        there.fall()
        await there.seconds(3 * MINUTE)
        assert (there.ledger.sends, "intrusion" in there.made.life.causes) == (0, False)
        there.ledger.foreign = 0
        await there.seconds(MINUTE)
        assert there.hf() >= LIMITS.target_hf


# ---------------------------------------------------------------- crashes


@pytest.mark.parametrize("after_s", [*range(13, 40)])
async def test_rescue__killed_at_any_second__done_once(after_s: int) -> None:
    async with ward() as there:
        there.fall()
        for _ in range(after_s):
            await anyio.sleep(1)
            if _ % 3 == 0:
                there.ledger.mine()
            there.show()
        await there.made.crash()
        await there.made.start()
        await there.seconds(3 * MINUTE)
        assert _spent(there) in {1_925_333_333, 1_925_333_334}
        assert LIMITS.target_hf <= there.hf() < LIMITS.target_hf + 10**10
        settled = [one for one in there.rescues() if one.stage is Stage.SETTLED]
        assert len(settled) == 1
        assert all(not one.is_open for one in there.rescues())
        assert there.market.state.other_allowance == 0


async def test_rescue__disabled_while_it_was_in_the_air__settled_and_nothing_more() -> None:
    async with ward() as there:
        there.fall()
        await there.seconds(14, mine=False)
        sends = there.ledger.sends
        assert sends == 1
        await there.made.crash()
        there.made.config = replace(there.made.config, rescue=None)
        await there.made.start()
        await there.seconds(3 * MINUTE)
        assert there.ledger.sends == sends
        (one,) = there.rescues()
        assert one.steps[0].confirmed


async def test_rescue__price_recovers_after_the_approval__given_up() -> None:
    async with ward() as there:
        there.fall()
        await there.seconds(14, mine=False)
        there.fall(2_500 * USD)
        await there.seconds(2 * MINUTE)
        (one,) = there.rescues()
        assert (one.stage, str(one.end)) == (
            Stage.FAILED,
            f"{one.id} was not gone on with: it is not needed any more",
        )
        assert _spent(there) == 0


def test_fallen__the_price__is_what_its_comment_says() -> None:
    assert FALLEN * 10 * 83 // 100 * 10**4 // (11_000 * USD) == 12_374
