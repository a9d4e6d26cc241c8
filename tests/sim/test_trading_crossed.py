"""Trading while something comes in between: a hold, a chain that falls silent, a block at the wrong moment."""

import anyio
import pytest

from tests.sim.trading import bench
from ultrad.core.intents import Stage
from ultrad.core.signals import Action
from ultrad.i18n import msg
from ultrad.trade_ports import Receipt

pytestmark = pytest.mark.looptime(noop_cycles=0)


@pytest.mark.parametrize("action", [Action.BUY, Action.SELL])
async def test_trade__chain_unreadable_once_it_is_confirmed__never_sent_again(action: Action) -> None:
    async with bench() as there:
        supplied = (await there.market.quote()).room.supplied
        intent_id = (await there.send(action)).intent
        with anyio.fail_after(120):
            while there.market.down is None:
                await anyio.sleep(0.5)
                there.ledger.mine()
                steps = there.intent(intent_id).steps
                if steps and steps[-1].about != "approve" and steps[-1].mined:
                    there.market.down = msg("Silent.")
        await there.minutes(1)
        assert there.intent(intent_id).steps[-1].confirmed
        there.market.down = None
        intent = await there.ends(intent_id)
        assert intent.stage is Stage.SETTLED
        assert len(intent.steps) == (2 if action is Action.BUY else 1)
        assert abs((await there.market.quote()).room.supplied - supplied) == 2 * 10**16


async def test_trade__mined_and_buried_between_two_questions__ours_and_no_intrusion(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with bench() as there:
        asked = there.ledger.receipt

        async def receipt(tx_hash: str) -> Receipt | None:
            found = await asked(tx_hash)
            there.ledger.mine(5)
            return found

        monkeypatch.setattr(there.ledger, "receipt", receipt)
        intent = await there.ends((await there.send()).intent)
        assert intent.stage is Stage.SETTLED
        assert there.made.life.causes == ()


async def test_trade__outcome_off__tripped_before_its_end_is_recorded() -> None:
    async with bench() as there:
        taken = await there.send()
        with anyio.fail_after(120):
            while there.intent(taken.intent).is_open:
                await anyio.sleep(0.5)
                there.ledger.mine()
                steps = there.intent(taken.intent).steps
                if steps and steps[-1].about == "supply" and steps[-1].mined and not there.made.life.causes:
                    there.market.apply(there.market.withdraw(10**16))
        (trip,) = there.made.recorded("estop.on")
        (end,) = there.made.recorded("intent.settled")
        assert trip.seq < end.seq
