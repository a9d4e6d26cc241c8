"""What must hold of a machine with the daemon on it: at any moment, and once its disks are well."""

from collections import Counter
from collections.abc import Iterable
from enum import Enum
from types import FunctionType, MethodType, ModuleType

import anyio

from tests.fakes.chain import FakeChain
from tests.fakes.flag import FakeFlag
from tests.fakes.journal import FakeJournal
from tests.sim.life import EXITED, Life
from tests.sim.world import World
from ultrad.core.estop import EstopState, Mode, fold
from ultrad.core.events import Recorded
from ultrad.core.record import genesis, link, pack

BEAT_GAP_S = 3.0
"""A beat each second; a third of the service manager's shortest patience is left over."""
SETTLE_S = 100.0
"""For what was held up by a disk: retries, a look at the flag each second, a block, a reading of each endpoint."""


def assert_now(world: World) -> None:
    """At any moment, whatever fails."""
    assert world.broken == []
    life = world.life
    if life.mode is Mode.ON or world.flag.present or world.flag.unreadable:
        assert life.shut_by() != ()
    assert beat_gaps(world) <= BEAT_GAP_S


async def assert_settled(world: World) -> None:
    """Once chain and disks are well, everything that was promised is there."""
    world.heal()
    await anyio.sleep(SETTLE_S)
    assert_now(world)
    life = world.life
    assert life.late() == ()
    assert world.journal.backlog() == (0, None)
    durable = fold(world.recorded("estop"))
    assert durable.mode is life.mode
    assert keys(durable) == keys(life.state)
    if life.mode is Mode.ON:
        assert world.flag.present
    assert_journal(world)


def assert_journal(world: World) -> None:
    """The chain is whole, and nothing stands in it twice that may stand there once."""
    before = genesis(world.journal.journal_id)
    for seq, one in enumerate(world.journal.recorded, 1):
        before = link(before, seq, pack(one.event))
        assert (one.seq, one.hash) == (seq, before.hex())
    claims = Counter((one.event.kind, one.event.key) for one in world.journal.recorded if one.event.key)
    assert [claim for claim, times in claims.items() if times > 1] == []
    assert world.recorded("journal.repeated") == ()
    steady = [one.event.now.steady_ms for one in world.recorded("estop")]
    assert steady == sorted(steady)


def fires(world: World, job: str) -> list[str]:
    """The fire times of a job's runs, as they were claimed."""
    found = (one.event.data["fire"] for one in world.recorded(f"job.started.{job}"))
    return [str(fire) for fire in found if fire is not None]


def keys(state: EstopState) -> set[tuple[str, str]]:
    return {cause.key for cause in state.causes}


def tripped_for(recorded: Iterable[Recorded]) -> set[tuple[str, str]]:
    """Every cause that the journal names."""
    causes = (one.event.data["cause"] for one in recorded if one.event.kind == "estop.on")
    return {(str(cause["code"]), str(cause["subject"])) for cause in causes if isinstance(cause, dict)}


def beat_gaps(world: World) -> float:
    """The longest time between two heartbeats of one life."""
    longest, last_s = 0.0, None
    for at_s, field in world.host.told:
        if field == "READY=1":
            last_s = at_s
        elif field in {"STOPPING=1", EXITED}:
            last_s = None
        elif field == "WATCHDOG=1" and last_s is not None:
            longest, last_s = max(longest, at_s - last_s), at_s
    if last_s is not None and world.runs:
        longest = max(longest, anyio.current_time() - last_s)
    return longest


# ---------------------------------------------------------------- what it keeps in memory

_APART = (FakeJournal, FakeChain, FakeFlag, World)
_PLAIN = (str, bytes, int, float, type(None), type, Enum, FunctionType, ModuleType)


def held(life: Life) -> int:
    """How many things all containers of the daemon hold together, its stand-ins for the world left out."""
    seen: set[int] = set()
    count = 0
    waiting: list[object] = [life.assembly.daemon, life.assembly.organs]
    while waiting:
        one = waiting.pop()
        if id(one) in seen or isinstance(one, (*_PLAIN, *_APART)):
            continue
        seen.add(id(one))
        if isinstance(one, MethodType):
            waiting.append(one.__self__)
        elif isinstance(one, dict):
            count += len(one)
            waiting += one.values()
        elif hasattr(one, "__len__") and hasattr(one, "__iter__"):
            count += len(one)
            waiting += one
        elif type(one).__module__.startswith("ultrad."):
            waiting += (getattr(one, name) for name in _fields(one) if hasattr(one, name))
    return count


def _fields(one: object) -> list[str]:
    slots = (name for kind in type(one).__mro__ for name in getattr(kind, "__slots__", ()))
    return [*getattr(one, "__dict__", {}), *slots]
