"""The door beside the gate: what may pass while the stop is ON, and nothing else."""

import anyio
import anyio.lowlevel
import pytest

from tests.fakes.flag import FakeFlag
from ultrad.gate import Gate, GateShutError, MaybeSentError, Passage


def _gate(forbidden: list[str] | None = None) -> Gate:
    """Latched, as while the stop is ON."""
    gate = Gate(FakeFlag())
    if forbidden is not None:
        gate.beside.admit_rescues(lambda: tuple(forbidden))
    return gate


async def _nothing() -> str:
    return "sent"


def test_passage__all__are_two() -> None:
    assert {one.value for one in Passage} == {"cancellation", "rescue"}


async def test_door__cancellation__passes_while_the_gate_is_shut() -> None:
    gate = _gate()
    assert gate.shut_by() == ("estop",)
    assert await gate.beside.send(Passage.CANCELLATION, _nothing) == "sent"
    with pytest.raises(GateShutError):
        await gate.send(_nothing)


async def test_door__rescue_not_enabled__shut() -> None:
    with pytest.raises(GateShutError, match="rescue_not_enabled"):
        await _gate().beside.send(Passage.RESCUE, _nothing)


async def test_door__rescue_enabled__passes_until_something_forbids_it() -> None:
    forbidden: list[str] = []
    gate = _gate(forbidden)
    assert await gate.beside.send(Passage.RESCUE, _nothing) == "sent"
    forbidden.append("key_leak")
    with pytest.raises(GateShutError, match="key_leak"):
        await gate.beside.send(Passage.RESCUE, _nothing)
    with pytest.raises(GateShutError, match="key_leak"):
        gate.beside.check(Passage.RESCUE)
    gate.beside.check(Passage.CANCELLATION)
    assert await gate.beside.send(Passage.CANCELLATION, _nothing) == "sent"


async def test_door__forbidden_while_one_is_under_way__cancelled_and_maybe_sent() -> None:
    forbidden: list[str] = []
    gate = _gate(forbidden)
    ends: list[str] = []

    async def send(passage: Passage) -> None:
        try:
            await gate.beside.send(passage, lambda: anyio.sleep(0.05))
        except MaybeSentError:
            ends.append(f"{passage.value} maybe")
        else:
            ends.append(f"{passage.value} sent")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(send, Passage.RESCUE)
        tasks.start_soon(send, Passage.CANCELLATION)
        await anyio.lowlevel.checkpoint()
        await anyio.lowlevel.checkpoint()
        gate.latch()  # a stop alone leaves both
        gate.beside.look()
        forbidden.append("intrusion")
        gate.beside.look()
    assert ends == ["rescue maybe", "cancellation sent"]
