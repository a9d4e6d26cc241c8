"""What an orderly end must not lose."""

from contextlib import suppress

import anyio
import pytest

from tests.sim.world import world
from ultrad.core.estop import Mode
from ultrad.errors import Permanent

pytestmark = pytest.mark.looptime(noop_cycles=0)


async def test_daemon__ends_while_a_trip_waits_for_the_flags_disk__the_trip_stands_at_the_next_start() -> None:
    async with world() as made:
        await anyio.sleep(60)
        made.flag.hung = True

        async def stop_it() -> None:
            with suppress(Permanent):  # nobody waits for the answer of a process that has ended
                await made.life.assembly.daemon.stop("taro", "look at this")

        async with anyio.create_task_group() as people:
            people.start_soon(stop_it)
            await anyio.sleep(0.5)
            await made.stop()
            people.cancel_scope.cancel()
        made.heal()
        assert "estop.on" in made.kinds()
        life = await made.start()
        assert life.mode is Mode.ON
        assert "operator" in life.causes
