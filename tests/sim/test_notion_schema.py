"""The database of decisions is looked at from the start on, and until it is right."""

from dataclasses import replace

import anyio
import pytest

from tests.sim.life import EXITED
from tests.sim.trading import Bench, bench
from ultrad.core.events import Severity
from ultrad.core.intents import Stage
from ultrad.i18n import msg

pytestmark = pytest.mark.looptime(noop_cycles=0)

FAULTS = (msg("Notion property Action is missing."), msg("Notion property Confidence has the type text."))
OK_S, AGAIN_S = 700, 70
"""What it rests, and a little more."""


def _told(there: Bench) -> list[tuple[str, Severity, str]]:
    standing = there.made.life.assembly.organs.conditions.standing()
    found = [one.finding for one in standing if one.finding.code.startswith("notion_schema")]
    return [(one.code, one.severity, str(one.message)) for one in found]


def _checks(there: Bench) -> int:
    return sum(what == "check" for _, what in there.rows.calls)


async def test_schema__faults__each_named_and_checked_until_it_passes() -> None:
    async with bench() as there:
        there.rows.faults = FAULTS
        await there.made.crash()
        await there.made.start()
        await anyio.sleep(2)
        ((code, severity, told),) = _told(there)
        assert (code, severity) == ("notion_schema", Severity.S2)
        assert all(str(one) in told for one in FAULTS)
        await anyio.sleep(1)
        assert "notion_schema" in {one.code for one in there.made.life.assembly.daemon.status().incidents}
        there.rows.faults = FAULTS[1:]
        await anyio.sleep(AGAIN_S)
        assert len(_told(there)) == 1
        there.rows.faults = ()
        await anyio.sleep(AGAIN_S)
        assert _told(there) == []
        before = _checks(there)
        await anyio.sleep(OK_S)
        assert _checks(there) == before + 1


async def test_schema__right_and_then_changed__found() -> None:
    async with bench() as there:
        assert (_checks(there), _told(there)) == (1, [])
        there.rows.faults = FAULTS
        await anyio.sleep(OK_S)
        assert [one[0] for one in _told(there)] == ["notion_schema"]


@pytest.mark.parametrize(
    ("mode", "severity"),
    [
        ("down", Severity.S3),
        ("hang", Severity.S3),
        ("broken", Severity.S3),
        ("refused", Severity.S2),
        ("rejected", Severity.S2),
    ],
)
async def test_schema__nobody_can_say__ready_all_the_same_and_asked_again(mode: str, severity: Severity) -> None:
    async with bench() as there:
        there.rows.mode = mode
        await there.made.crash()
        await there.made.start()
        await anyio.sleep(70)
        told = "".join(said for _, said in there.made.host.told)
        assert "READY=1" in told[told.rindex(EXITED) :]
        assert [one[:2] for one in _told(there)] == [("notion_schema_unknown", severity)]
        assert (await there.ends((await there.send()).intent)).stage is Stage.SETTLED
        there.rows.mode = "ok"
        await anyio.sleep(2 * AGAIN_S)
        assert _told(there) == []


async def test_schema__no_database_configured__nothing_is_asked() -> None:
    async with bench() as there:
        before = _checks(there)
        assert there.made.means is not None
        there.made.means = replace(there.made.means, rows=None)
        await there.made.crash()
        await there.made.start()
        await anyio.sleep(OK_S)
        assert (_checks(there), _told(there)) == (before, [])
