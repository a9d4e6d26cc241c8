"""What the daemon finds wrong with itself, and who is told of it."""

from datetime import timedelta

import anyio
import pytest

from tests.sim.world import World, configured, world
from ultrad.core.events import Level, Origin, Severity

pytestmark = pytest.mark.looptime(noop_cycles=0)

TOLD = configured(
    more="""
[[notify.channels]]
name = "hook"
kind = "webhook"
url = "alpha"
key = "alpha"
[[notify.routes]]
name = "all"
severities = ["S1", "S2"]
channels = ["hook"]
"""
)
MINUTE = timedelta(minutes=1)


def standing(made: World, code: str) -> list[tuple[Severity, Level, Origin]]:
    every = (one.finding for one in made.life.assembly.organs.conditions.standing())
    return [(one.severity, one.level, one.origin) for one in every if one.code == code]


def titled(made: World, words: str) -> list[str]:
    return [title for title in made.channels["hook"].titles() if words in title]


# ---------------------------------------------------------------- the journal's disk


@pytest.mark.parametrize("fault", ["full", "hung"])
async def test_upkeep__disk_takes_nothing__is_found_after_ten_seconds_and_over_as_it_writes(fault: str) -> None:
    async with world(TOLD) as made:
        await made.pass_by(MINUTE)
        made.journal.full = fault == "full"
        if fault == "hung":
            made.journal.hang()
            await made.journal.hanging.wait()
        await anyio.sleep(9)
        assert "journal_unwritable" not in made.life.told()
        await anyio.sleep(20)
        assert standing(made, "journal_unwritable") == [(Severity.S2, Level.ALERT, Origin.INFRASTRUCTURE)]
        assert [one.code for one in made.life.assembly.organs.desk.lines()] == ["journal_unwritable"]
        assert made.life.late() == ()
        made.journal.recover()
        await made.pass_by(MINUTE)
        assert "journal_unwritable" not in made.life.told()
        assert len(titled(made, "The journal has taken nothing")) == 2  # and that it is over


async def test_upkeep__disk_refuses_for_a_moment__is_nobodys_trouble() -> None:
    async with world(TOLD) as made:
        for _ in range(5):
            made.journal.full = True
            await anyio.sleep(5)
            made.journal.recover()
            await anyio.sleep(5)
        found = {str(one.event.data["code"]) for one in made.recorded("finding.raised")}
        assert "journal_unwritable" not in found
