"""The daemon trades on a chain that does whatever a chain can do, in any order, and keeps its promises."""

import pytest
from hypothesis import Phase, example, given, settings

from tests.sim.setting import in_virtual_time
from tests.sim.settling import wild
from tests.sim.storms import Step
from tests.sim.trade_promises import DAY_E8, TRADE_E8, Watcher
from tests.sim.trade_storms import NIGHT_S, STORM, act, storm_config
from ultrad.core.signals import Action


async def survive(storm: list[Step]) -> int:
    """How many trades were mined by the end."""
    async with wild(storm_config()) as there:
        watcher = Watcher(there)
        for one in storm:
            await act(watcher, one)
        await watcher.settled()
        return len(watcher.mined())


BUY: list[Step] = [("trade", (Action.BUY, 2.0)), ("blocks", (5, 4.0))]
RAISED: list[Step] = [
    ("trade", (Action.SELL, 2.0)),
    ("wait", 40.0),
    ("version", 0),
    ("reorg", (2, False)),
    ("version", 1),
]
TAKEN: list[Step] = [("trade", (Action.SELL, 2.0)), ("steal", 1), ("blocks", (5, 4.0)), ("wait", 100.0)]


def test_trader__a_day_without_a_storm__trades_up_to_its_limit() -> None:
    assert in_virtual_time(lambda: survive(BUY * 6)) == DAY_E8 // TRADE_E8 + 1


@settings(max_examples=25, phases=(Phase.explicit, Phase.generate))
@example(RAISED)
@example(TAKEN)
@example([("killed", ("lost", NIGHT_S))])
@given(STORM)
def test_trader__any_chain__keeps_its_promises(storm: list[Step]) -> None:
    in_virtual_time(lambda: survive(storm))


@pytest.mark.prove
@settings(max_examples=400, phases=(Phase.explicit, Phase.generate))
@given(STORM)
def test_trader__many_chains__keeps_its_promises(storm: list[Step]) -> None:
    in_virtual_time(lambda: survive(storm))
