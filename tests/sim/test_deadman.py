"""The ping to an outside monitor: by the same fact as the heartbeat, and no way to hurt the rest."""

from collections.abc import Iterator

import anyio
import pytest

import tests.fakes.chain
from tests.fakes.channel import FakeMonitor
from tests.fakes.clock import FakeClock
from tests.sim.memory import MemorySink
from tests.sim.setting import configured
from tests.sim.world import world
from ultrad.core.events import Finding, Severity
from ultrad.deadman import FAILURES, FIRST_S, PING_S, DeadmanPart
from ultrad.errors import Permanent, Transient
from ultrad.i18n import msg

pytestmark = pytest.mark.looptime(noop_cycles=0)

INTERVAL_S = 60.0


class Monitor(FakeMonitor):
    """Fails as it is told to: "" (takes it), transient, permanent, hang."""

    mode = ""

    async def ping(self, what: str) -> None:
        match self.mode:
            case "transient":
                raise Transient(msg("503"))
            case "permanent":
                raise Permanent(msg("404"))
            case "hang":
                await anyio.sleep(3_600)
        await super().ping(what)


class Watched:
    """The part alone."""

    def __init__(self) -> None:
        self.monitor, self.sink = Monitor(), MemorySink()
        self.late: tuple[str, ...] = ()
        self.turns = 0
        self.part = DeadmanPart(self.monitor, lambda: self.late, FakeClock(), self.sink, INTERVAL_S)

    def said(self) -> list[tuple[float, str]]:
        return [(round(at_s, 3), what) for at_s, what in self.monitor.pings]

    def found(self) -> list[Finding]:
        return list(self.sink.standing().get("deadman", {}).values())

    def turned(self) -> None:
        self.turns += 1


async def after(watched: Watched, seconds: float) -> None:
    with anyio.move_on_after(seconds):
        await watched.part.run(watched.turned)


async def test_deadman__all_turn__says_start_and_then_ok_at_each_interval() -> None:
    watched = Watched()
    began_s = anyio.current_time()
    await after(watched, FIRST_S + 2 * INTERVAL_S + 1)
    assert [(round(at_s - began_s, 3), what) for at_s, what in watched.monitor.pings] == [
        (0, "start"),
        (FIRST_S, "ok"),
        (FIRST_S + INTERVAL_S, "ok"),
        (FIRST_S + 2 * INTERVAL_S, "ok"),
    ]
    assert watched.turns == 4
    assert watched.found() == []


async def test_deadman__a_part_is_late__says_fail() -> None:
    watched = Watched()
    watched.late = ("watch",)
    await after(watched, FIRST_S + 1)
    assert [what for _, what in watched.said()] == ["start", "fail"]


@pytest.mark.parametrize(
    ("mode", "why", "takes_s"),
    [("transient", "503", 0), ("permanent", "404", 0), ("hang", f"no answer within {int(PING_S)} s", PING_S)],
)
async def test_deadman__monitor_takes_nothing__is_found_after_so_many_and_over_with_the_next(
    mode: str, why: str, takes_s: float
) -> None:
    watched = Watched()
    watched.monitor.mode = mode
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watched.part.run, watched.turned)
        await anyio.sleep(FIRST_S + INTERVAL_S + 3 * takes_s - 1)
        assert watched.turns == FAILURES - 1
        assert watched.found() == []
        await anyio.sleep(2)
        (finding,) = watched.found()
        assert (finding.code, finding.severity) == ("deadman_unreachable", Severity.S2)
        assert why in str(finding.message)
        watched.monitor.mode = ""
        await anyio.sleep(INTERVAL_S + PING_S)
        assert watched.found() == []
        watched.monitor.mode = mode
        await anyio.sleep(INTERVAL_S + PING_S)
        assert watched.found() == []  # counted anew
        tasks.cancel_scope.cancel()


@pytest.fixture
def silent_chain() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


async def test_deadman__whole_daemon__says_ok_exactly_while_the_heartbeat_goes_out(
    silent_chain: pytest.MonkeyPatch,
) -> None:
    config = configured(more="[deadman]\ninterval_s = 10")
    async with world(config) as made:
        await anyio.sleep(120)
        silent_chain.setattr(tests.fakes.chain, "TURN_S", 400.0)  # a critical loop that does not turn
        await anyio.sleep(200)
        silent_chain.undo()
        await anyio.sleep(400)
        beats = made.host.times("WATCHDOG=1")
        pings = made.monitor.pings[1:]
        assert {what for _, what in pings} == {"ok", "fail"}
        for at_s, what in pings:
            beating = any(at_s - 1.01 <= beat_s <= at_s + 0.01 for beat_s in beats)
            assert (what == "ok") is beating, at_s


async def test_deadman__monitor_down_for_a_while__harms_nothing_and_is_told() -> None:
    async with world() as made:
        made.monitor.down = True
        await anyio.sleep(300)
        assert "deadman_unreachable" in made.life.told()
        assert made.life.late() == ()
        assert [one.key for one in made.life.assembly.organs.desk.book.open()] == [("deadman_unreachable", "")]
        made.monitor.down = False
        await anyio.sleep(120)
        assert "deadman_unreachable" not in made.life.told()
