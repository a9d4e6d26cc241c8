import anyio
import pytest

from ultrad.live import Holder

pytestmark = pytest.mark.looptime(noop_cycles=0)


async def test_live__swapped__every_reader_sees_it_and_who_waits_is_woken_once() -> None:
    whole = Holder((1, "a"))
    number, seen = whole.part(lambda now: now[0]), []

    async def follow() -> None:
        while True:
            await number.changed()
            seen.append(number.now)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(follow)
        await anyio.sleep(1)
        assert (number.now, seen) == (1, [])
        whole.swap((2, "b"))
        assert (whole.now, number.now) == ((2, "b"), 2)
        await anyio.sleep(1)
        assert seen == [2]
        tasks.cancel_scope.cancel()
