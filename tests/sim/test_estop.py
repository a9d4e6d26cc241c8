"""The stop between its flag, its journal and the people who touch it."""

from dataclasses import replace

import anyio
import orjson
import pytest

from tests.core.make import cause as made
from tests.sim.watching import BAD, World
from ultrad.core.estop import Mode
from ultrad.core.events import Severity
from ultrad.core.messages import FOREIGN_DEPTH, MAX_DEPTH
from ultrad.i18n import Message, msg

pytestmark = pytest.mark.looptime


# ---------------------------------------------------------------- touch


async def test_estop__flag_touched__shuts_at_once_and_is_recorded_within_a_second() -> None:
    world = World()
    async with world.life() as life:
        world.flag.touch()
        assert not life.is_open()
        await anyio.sleep(1.1)
        assert (life.mode(), life.causes) == (Mode.ON, ["flag"])
        assert life.estop.state.causes[0].by == "hanako"
        assert await world.kinds() == ["estop.on"]


async def test_estop__touched_and_gone_between_two_looks__counts_where_the_gate_saw_it() -> None:
    world = World()
    async with world.life() as life:
        await anyio.sleep(0.5)
        world.flag.touch()
        assert not life.is_open()
        world.flag.rm()
        assert not life.is_open()
        await anyio.sleep(1.1)
        assert (life.mode(), life.causes) == (Mode.ON, ["flag"])
        assert world.flag.present


async def test_estop__flag_stands_at_the_start__is_on() -> None:
    world = World()
    world.flag.touch()
    async with world.life() as life:
        assert (life.mode(), life.causes) == (Mode.ON, ["flag"])
        assert not life.is_open()


async def test_estop__killed_between_flag_and_journal__knows_its_cause_from_the_flag() -> None:
    world = World()
    async with world.life():
        pass
    lost = made("hf_low", "main", world.clock.now(), BAD.health_factor)
    world.flag.present, world.flag.text = True, orjson.dumps(lost.json())
    async with world.life() as life:
        assert life.estop.state.causes == (lost,)
        assert life.mode() is Mode.ON


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"stop!",
        b"null",
        b"[" * 5_000,
        b'{"code":1}',
        orjson.dumps(made().json() | {"message": {"text": "{x:>999999999}", "args": {"x": "a"}}}),
        orjson.dumps(made().json() | {"message": {"text": "{missing}", "args": {}}}),
        b'{"code":"a","subject":"","wall_ms":1,"steady_ms":1,"by":"x","figures":{},"health_factor":null,"message":'
        + b'{"text":"{a}","args":{"a":' * 480
        + b'"x"'
        + b"}}" * 480
        + b"}",
    ],
)
async def test_estop__whatever_stands_in_the_flag__stops_and_goes_on(text: bytes) -> None:
    world = World()
    async with world.life() as life:
        world.flag.present, world.flag.text = True, text
        await anyio.sleep(1.1)
        assert (life.mode(), life.causes) == (Mode.ON, ["flag"])
        turns = life.turns["estop"]
        await anyio.sleep(3)
        assert life.turns["estop"] > turns
        assert str(life.estop.state.causes[0].message)


def nested(depth: int) -> Message:
    message = msg("The innermost.")
    for _ in range(depth - 1):
        message = msg("{cause}", cause=message)
    return message


@pytest.mark.parametrize("depth", range(FOREIGN_DEPTH - 1, MAX_DEPTH + 6))
async def test_estop__cause_made_by_hand_stands_in_the_flag_at_the_start__starts_on(depth: int) -> None:
    world = World()
    world.flag.touch()
    world.flag.text = orjson.dumps(replace(made(), message=nested(depth)).json())
    async with world.life() as life:
        assert (life.mode(), life.causes) == (Mode.ON, ["hf_low" if depth <= FOREIGN_DEPTH else "flag"])
        await anyio.sleep(3)
        assert await world.recorded() == life.estop.state


async def test_estop__cause_in_the_flag_from_the_future__is_never_covered_early() -> None:
    world = World()
    async with world.life() as life:
        later = made("flag", "", type(world.clock.now())(0, 10**12))
        world.flag.present, world.flag.text = True, orjson.dumps(later.json())
        await anyio.sleep(1.1)
        await world.pass_s(120)
        await world.remove_flag()
        assert life.mode() is Mode.ON
        assert world.flag.present


# ---------------------------------------------------------------- a flag that cannot be examined


async def test_estop__flag_unreadable__is_on_and_stays_on_when_the_disk_is_back_empty() -> None:
    world = World()
    async with world.life() as life:
        world.flag.unreadable, world.flag.full = "EIO", True
        assert not life.is_open()
        await anyio.sleep(1.1)
        assert (life.mode(), life.causes) == (Mode.ON, ["flag_unreadable"])
        assert life.told()["flag_unwritable"].severity is Severity.S1
        await world.pass_s(120)
        world.flag.unreadable, world.flag.full = "", False  # mended, and no flag on it
        await anyio.sleep(2.1)
        assert life.mode() is Mode.ON
        assert world.flag.present
        assert "flag_unwritable" not in life.told()
        assert "estop.override" not in await world.kinds()


async def test_estop__flag_that_stood_becomes_unreadable__its_loss_is_no_removal() -> None:
    world = World()
    async with world.life() as life:
        await world.trip()
        world.flag.unreadable = "EIO"
        await world.pass_s(5)
        world.flag.unreadable = ""
        world.flag.rm()  # another disk is mounted there
        await anyio.sleep(1.1)
        assert life.mode() is Mode.ON
        assert world.flag.present
        await anyio.sleep(1.1)
        await world.remove_flag()  # and now somebody means it
        assert life.mode() is Mode.OVERRIDDEN


async def test_estop__resume_while_the_flag_cannot_be_examined__is_refused() -> None:
    world = World()
    async with world.life() as life:
        await world.trip()
        world.flag.unreadable = "EIO"
        obstacle = await life.estop.resume(("hanako",), [])
        assert "cannot be examined" in str(obstacle)
        assert life.mode() is Mode.ON
