"""A daemon whose configuration is changed while it runs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

from tests.sim.setting import BAD, GOOD, NEAR, SERVICE_UID, configured
from tests.sim.world import World, world
from ultrad.config import Config
from ultrad.errors import UltradError
from ultrad.operations import Person, ReloadAnswer

ROOT, SERVICE = Person(0, "root"), Person(SERVICE_UID, "ultrad")
PLAIN = configured()
LOOSE = configured(more="[limits]\ntrip_hf = 1.4\nwarn_hf = 1.5\nresume_hf = 1.5\nhard_floor_hf = 1.05")


async def reload(made: World, config: Config | UltradError | None = None, person: Person = ROOT) -> ReloadAnswer:
    made.written = config or made.written
    return await made.life.assembly.daemon.reload(person)


@asynccontextmanager
async def running(hf: str = "good") -> AsyncIterator[World]:
    """A daemon that has begun, on a position of that health."""
    async with world(PLAIN) as made:
        await anyio.sleep(1)
        await made.block({"good": GOOD, "near": NEAR, "bad": BAD}[hf])
        yield made
