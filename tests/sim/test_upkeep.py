"""What the daemon finds wrong with itself, and who is told of it."""

from datetime import timedelta

import anyio
import pytest

from tests.sim.setting import configured
from tests.sim.world import World, world
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


# ---------------------------------------------------------------- deaths


async def test_upkeep__killed_once__is_told_once_and_over_after_half_an_hour() -> None:
    async with world(TOLD) as made:
        await made.pass_by(MINUTE)
        await made.crash()
        await made.start()
        await made.pass_by(MINUTE)
        assert standing(made, "died") == [(Severity.S2, Level.ALERT, Origin.CODE)]
        assert "(1 times in 24 h)" in titled(made, "ultrad died at about")[0]
        await made.pass_by(30 * MINUTE)
        assert "died" not in made.life.told()
        assert [title.split(" ")[0] for title in titled(made, "ultrad died")] == ["ultrad", "Recovered:"]


async def test_upkeep__stopped_in_order__is_no_death() -> None:
    async with world(TOLD) as made:
        await made.pass_by(MINUTE)
        await made.stop()
        await made.start()
        await made.pass_by(MINUTE)
        assert "died" not in made.life.told()
        assert [what for _, what in made.monitor.pings][-2:] == ["start", "ok"]


@pytest.mark.parametrize("lives_s", [1, 38, 70])
async def test_upkeep__dies_again_and_again__is_one_incident_and_never_looks_alive(lives_s: int) -> None:
    async with world(TOLD) as made:
        await made.pass_by(MINUTE)
        before = len(made.monitor.pings)
        for _ in range(20):
            await made.crash()
            await made.start()
            await anyio.sleep(lives_s)
        assert "ok" not in [what for _, what in made.monitor.pings[before:]]
        await made.pass_by(MINUTE)
        (line,) = made.life.assembly.organs.desk.lines()
        assert (line.code, line.number) == ("died", 1)
        assert [title for title in titled(made, "ultrad died") if not title.startswith("Still")] == titled(
            made, "ultrad died"
        )[:1]
        (finding,) = (one.finding for one in made.life.assembly.organs.conditions.standing())
        assert dict(finding.figures) == {"deaths_24h": "20"}
        await made.pass_by(3 * MINUTE)
        assert made.monitor.pings[-1][1] == "ok"
