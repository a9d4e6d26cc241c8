"""A trade whose nonce is consumed is over, whatever came between that record and its end."""

import anyio
import pytest

from tests.sim.trading import bench
from ultrad.core.intents import Stage
from ultrad.core.signals import Action
from ultrad.i18n import msg

pytestmark = pytest.mark.looptime(noop_cycles=0)


@pytest.mark.parametrize("killed", [False, True])
async def test_trade__outage_or_death_between_its_confirmation_and_its_end__not_sent_again(
    *, killed: bool
) -> None:
    async with bench() as there:
        taken = await there.send(Action.SELL)
        await anyio.sleep(4)
        there.market.down = msg("No endpoint.")
        await there.minutes(1)
        assert len(there.made.recorded("intent.confirmed")) == 1
        if killed:
            await there.made.crash()
            await there.made.start()
            await anyio.sleep(20)
        there.market.down = None
        intent = await there.ends(taken.intent)
        assert intent.stage is Stage.SETTLED
        assert len(there.ledger.sent) == 1
        assert (await there.market.quote()).room.supplied == 10 * 10**18 - 2 * 10**16
