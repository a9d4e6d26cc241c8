from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise

import anyio
import pytest

from tests.fakes.clock import FakeClock
from tests.fakes.host import FakeHost
from tests.fakes.journal import FakeJournal
from tests.sim.memory import MemorySink
from ultrad.core.events import Event, Level
from ultrad.errors import EXIT_LOCKED, Failed, Fatal, Transient
from ultrad.i18n import msg
from ultrad.ports import Turned
from ultrad.supervisor import RESTARTS, STOP_S, Around, Part, Supervisor, contained

pytestmark = pytest.mark.looptime(noop_cycles=0)


@dataclass
class World:
    clock: FakeClock = field(default_factory=FakeClock)
    host: FakeHost = field(default_factory=FakeHost)
    journal: FakeJournal = field(default_factory=FakeJournal)
    sink: MemorySink = field(default_factory=MemorySink)
    reported: list[tuple[str, Exception]] = field(default_factory=list)
    abandoned: list[tuple[float, tuple[str, ...]]] = field(default_factory=list)
    release: anyio.Event = field(default_factory=anyio.Event)
    status: str = "HF 1.88"

    def supervisor(
        self, *parts: Part, closers: Iterable[Callable[[], Awaitable[None]]] = (), watchdog_s: float | None = 30.0
    ) -> Supervisor:
        return Supervisor(
            parts,
            tuple(closers),
            Around(
                clock=self.clock,
                host=self.host,
                journal=self.journal,
                sink=self.sink,
                shut=lambda: self.host.notify("the gate is shut"),
                status=lambda: self.status,
                report=lambda part, error: self.reported.append((part, error)),
                abandon=self._abandon,
                fraction=lambda: 0.0,
                watchdog_s=watchdog_s,
            ),
        )

    async def failures(self) -> list[Event]:
        """What was recorded of failing parts."""
        await self.journal.flush()
        return [one.event for one in self.journal.recorded if one.event.kind == "part.failed"]

    def _abandon(self, names: tuple[str, ...]) -> None:
        self.abandoned.append((anyio.current_time(), names))
        self.release.set()


@pytest.fixture
async def world() -> World:
    return World()


async def turning(turned: Turned) -> None:
    while True:
        turned()
        await anyio.sleep(0.5)


async def hanging(turned: Turned) -> None:
    turned()
    await anyio.sleep_forever()


def ending_after(seconds: float) -> Awaitable[None]:
    return anyio.sleep(seconds)


# ---------------------------------------------------------------- telling the service manager


async def test_supervisor__all_parts_begun__ready_once_then_a_beat_each_second(world: World) -> None:
    world.status = "one"
    await world.supervisor(Part("a", hanging, 100), Part("b", turning, 5)).run(ending_after(10.5))
    assert [one for _, one in world.host.told][:3] == ["READY=1", "WATCHDOG=1", "STATUS=one"]
    assert world.host.told[-1][1] == "STOPPING=1"
    assert len(world.host.times("READY=1")) == 1
    assert len(world.host.times("WATCHDOG=1")) == 11
    assert len(world.host.times("STATUS=one")) == 1


async def test_supervisor__short_watchdog__beats_at_half_of_it(world: World) -> None:
    await world.supervisor(Part("a", turning, 5), watchdog_s=0.5).run(ending_after(10.1))
    assert len(world.host.times("WATCHDOG=1")) == 41


async def test_supervisor__a_critical_part_hangs__the_heartbeat_is_withheld_and_it_is_told(world: World) -> None:
    seen: list[tuple[str, ...]] = []
    supervisor = world.supervisor(Part("good", turning, 5), Part("stuck", hanging, 5))

    async def look() -> None:
        await anyio.sleep(4.9)
        seen.append(tuple(part.name for part in supervisor.parts() if part.late))
        await anyio.sleep(5)
        seen.append(tuple(part.name for part in supervisor.parts() if part.late))
        assert world.sink.standing()["supervisor"].keys() == {("part_late", "stuck")}

    await supervisor.run(look())
    assert seen == [(), ("stuck",)]
    assert max(world.host.times("WATCHDOG=1")) - min(world.host.times("WATCHDOG=1")) == pytest.approx(5.0)


async def test_supervisor__a_part_hangs_that_is_not_critical__told_while_the_heart_beats(world: World) -> None:
    supervisor = world.supervisor(Part("aside", hanging, 5, critical=False))
    await supervisor.run(ending_after(20.5))
    assert len(world.host.times("WATCHDOG=1")) == 21
    finding = world.sink.standing()["supervisor"]["part_late", "aside"]
    assert finding.level is Level.ALERT


# ---------------------------------------------------------------- keeping parts running


async def test_supervisor__a_part_raises__recorded_restarted_and_found_until_the_window_has_passed(
    world: World,
) -> None:
    begun: list[float] = []

    async def fails_once(turned: Turned) -> None:
        begun.append(anyio.current_time())
        if len(begun) == 1:
            raise ValueError("https://rpc.example/secret-key")
        await turning(turned)

    async def look() -> None:
        await anyio.sleep(5)
        assert world.sink.standing()["supervisor"].keys() == {("part_failed", "shaky")}
        await anyio.sleep(RESTARTS.window_s)
        assert not world.sink.standing()["supervisor"]

    await world.supervisor(Part("shaky", fails_once, 5), Part("good", turning, 5)).run(look())
    assert len(begun) == 2
    assert 0 < begun[1] - begun[0] < 1
    (event,) = await world.failures()
    assert event.data == {"part": "shaky", "failures": 1, "error": "ValueError"}
    assert "test_supervisor:" in str(event.message)
    assert "secret-key" not in str(event.message)
    assert [(name, str(error)) for name, error in world.reported] == [("shaky", "https://rpc.example/secret-key")]


async def test_supervisor__a_part_ends_by_itself__counts_as_failed(world: World) -> None:
    async def ends(turned: Turned) -> None:
        turned()

    with pytest.raises(Fatal, match="ended"):
        await world.supervisor(Part("short", ends, 5)).run(anyio.sleep_forever())


async def test_supervisor__a_part_fails_too_often__gives_up_after_an_ordered_end(world: World) -> None:
    begun: list[float] = []
    order: list[str] = []

    async def fails(_turned: Turned) -> None:
        begun.append(anyio.current_time())
        raise Transient(msg("no disk"))

    async def close() -> None:
        order.append("closed")

    with pytest.raises(Fatal, match="bad failed 6 times within 120 s, the last time: no disk"):
        await world.supervisor(Part("bad", fails, 50), closers=[close]).run(anyio.sleep_forever())
    assert len(begun) == RESTARTS.restarts + 1
    pauses = [after - before for before, after in pairwise(begun)]
    assert pauses == pytest.approx([0.25, 0.5, 1.0, 2.0, 4.0])
    assert order == ["closed"]
    assert world.host.told[-1][1] == "STOPPING=1"


async def test_supervisor__a_part_that_fails_now_and_then__is_kept_for_ever(world: World) -> None:
    async def fails_each_minute(turned: Turned) -> None:
        for _ in range(60):
            turned()
            await anyio.sleep(1)
        raise Transient(msg("again"))

    await world.supervisor(Part("shaky", fails_each_minute, 20)).run(ending_after(7_200))
    assert len(await world.failures()) > 110


async def test_supervisor__fatal_deep_in_a_task_group__goes_out_at_once_with_its_exit_code(world: World) -> None:
    async def raises() -> None:
        await anyio.sleep(3)
        raise Fatal(msg("another instance"), EXIT_LOCKED)

    async def deep(_turned: Turned) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(raises)
            tasks.start_soon(anyio.sleep_forever)

    with pytest.raises(Fatal, match="another instance") as caught:
        await world.supervisor(Part("deep", deep, 50), Part("good", turning, 5)).run(anyio.sleep_forever())
    assert caught.value.exit_code == EXIT_LOCKED
    assert world.host.told[-1][0] - world.host.told[0][0] == pytest.approx(3.0)


async def test_supervisor__the_status_line_raises__the_heartbeat_is_a_part_like_others(world: World) -> None:
    supervisor = world.supervisor(Part("good", turning, 5))

    async def spoil() -> None:
        await anyio.sleep(2)
        world.status = None  # type: ignore[assignment]  # what a fault in the callable gives
        await anyio.sleep(2)
        world.status = "fine"
        await anyio.sleep(5)

    await supervisor.run(spoil())
    assert len(world.host.times("READY=1")) == 1
    assert "STATUS=fine" in [one for _, one in world.host.told]


async def test_contained__several_errors_at_once__the_first_is_told() -> None:
    async def raises() -> None:
        raise ExceptionGroup("", [Transient(msg("first")), ValueError("second")])

    outcome = await contained(raises)
    assert isinstance(outcome, Failed)
    assert str(outcome.message) == "first"


# ---------------------------------------------------------------- the clock is set


@pytest.mark.parametrize("by", [timedelta(hours=3), timedelta(days=-400)])
async def test_supervisor__the_wall_clock_is_set__found_for_ten_minutes(world: World, by: timedelta) -> None:
    async def set_it() -> None:
        await anyio.sleep(5)
        assert not world.sink.standing()["supervisor"]
        world.clock.jump(by)
        await anyio.sleep(5)
        assert world.sink.standing()["supervisor"].keys() == {("clock_jump", "")}
        await anyio.sleep(600)
        assert not world.sink.standing()["supervisor"]

    await world.supervisor(Part("good", turning, 5)).run(set_it())


async def test_supervisor__the_machine_slept__is_no_jump(world: World) -> None:
    async def sleep() -> None:
        await anyio.sleep(5)
        world.clock.suspend(timedelta(hours=8))
        await anyio.sleep(5)
        assert not world.sink.standing()["supervisor"]

    await world.supervisor(Part("good", turning, 5)).run(sleep())


# ---------------------------------------------------------------- the end


async def test_supervisor__told_to_stop__parts_end_in_reverse_each_before_the_next_then_closers(
    world: World,
) -> None:
    order: list[str] = []

    def tidy(name: str) -> Part:
        async def run(turned: Turned) -> None:
            try:
                await turning(turned)
            finally:
                with anyio.CancelScope(shield=True):
                    await anyio.sleep(0.3)
                    order.append(name)

        return Part(name, run, 5)

    async def close() -> None:
        order.append("journal closed")

    async def close_badly() -> None:
        raise OSError("gone")

    supervisor = world.supervisor(tidy("journal"), tidy("watchdog"), tidy("jobs"), closers=[close_badly, close])
    await supervisor.run(ending_after(5))
    assert order == ["jobs", "watchdog", "journal", "journal closed"]
    assert [name for name, _ in world.reported] == ["closing"]
    assert not world.abandoned


async def test_supervisor__a_part_heeds_no_cancellation__the_rest_ends_and_it_is_abandoned_in_time(
    world: World,
) -> None:
    order: list[str] = []

    async def stubborn(turned: Turned) -> None:
        turned()
        with anyio.CancelScope(shield=True):
            await world.release.wait()

    async def close() -> None:
        order.append("closed")

    supervisor = world.supervisor(Part("good", turning, 5), Part("stubborn", stubborn, 50), closers=[close])
    await supervisor.run(ending_after(5))
    ((at_s, names),) = world.abandoned
    (stopping_s,) = world.host.times("STOPPING=1")
    assert [field for _, field in world.host.told[-2:]] == ["the gate is shut", "STOPPING=1"]
    assert names == ("stubborn",)
    assert at_s - stopping_s <= STOP_S
    assert order == ["closed"]


async def test_supervisor__a_closer_hangs__abandoned_in_time(world: World) -> None:
    async def hangs() -> None:
        with anyio.CancelScope(shield=True):
            await world.release.wait()

    await world.supervisor(Part("good", turning, 5), closers=[hangs]).run(ending_after(5))
    ((at_s, names),) = world.abandoned
    assert names == ("closing",)
    assert at_s - world.host.times("STOPPING=1")[0] == pytest.approx(STOP_S)


async def test_supervisor__cancelled_from_outside__ends_in_order_all_the_same(world: World) -> None:
    order: list[str] = []

    async def close() -> None:
        await anyio.sleep(0.1)
        order.append("closed")

    with anyio.move_on_after(3):
        await world.supervisor(Part("good", turning, 5), closers=[close]).run(anyio.sleep_forever())
    assert order == ["closed"]
    assert world.host.told[-1][1] == "STOPPING=1"
