"""The daemon trades on a chain that does whatever a chain can do, in any order, and keeps its promises."""

import pytest
from hypothesis import Phase, example, given, settings

from tests.sim.settling import wild
from tests.sim.trade_storms import STORM, Step, Watcher, act, storm_config
from tests.sim.world import in_virtual_time
from ultrad.core.signals import Action


async def survive(storm: list[Step]) -> None:
    async with wild(storm_config()) as there:
        watcher = Watcher(there)
        for one in storm:
            await act(watcher, one)
        await watcher.settled()
        import collections

        print(
            collections.Counter(o.stage.value for o in there.bench.made.life.assembly.trader.blotter.intents),
            there.causes(),
            there.mined_abouts(),
        )


TRADE: list[Step] = [("signal", Action.BUY), ("wait", 2.0), ("blocks", (5, 4.0))]


@settings(max_examples=15, phases=(Phase.explicit, Phase.generate))
@example(TRADE * 6)
@given(STORM)
def test_trader__any_chain__keeps_its_promises(storm: list[Step]) -> None:
    in_virtual_time(lambda: survive(storm))


@pytest.mark.prove
@settings(max_examples=400, phases=(Phase.explicit, Phase.generate))
@given(STORM)
def test_trader__many_chains__keeps_its_promises(storm: list[Step]) -> None:
    in_virtual_time(lambda: survive(storm))
