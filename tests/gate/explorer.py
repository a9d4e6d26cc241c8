"""Runs real coroutines through every order in which their outside steps can complete.

Code between two suspensions cannot be interleaved on one event loop, so the orders in which what they wait for
completes are all the orders there are. Each run replays a list of choices and says where else it could have gone;
the next run takes the next branch, until none is left.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import anyio

QUIET_TURNS = 12
"""Turns of the loop after which everything that can run has run up to its next outside step."""
Actor = Callable[[], Coroutine[Any, Any, None]]


@dataclass
class Steps:
    """Where coroutines wait for the explorer. log: what happened, in order."""

    log: list[str] = field(default_factory=list)
    _waiting: list[tuple[str, anyio.Event]] = field(default_factory=list)

    async def at(self, name: str) -> None:
        """Wait until the explorer lets this step complete."""
        event = anyio.Event()
        entry = (name, event)
        self._waiting.append(entry)
        try:
            await event.wait()
        finally:
            if entry in self._waiting:
                self._waiting.remove(entry)

    def options(self) -> int:
        return len(self._waiting)

    def let(self, choice: int) -> None:
        self._waiting.pop(choice)[1].set()


@dataclass
class World:
    """One fresh set of actors, and what must hold at the end."""

    steps: Steps
    actors: tuple[Actor, ...]
    check: Callable[[], None]


async def _one_run(world: World, choices: list[int]) -> list[tuple[int, int]]:
    """Play `choices`, then always the first option; answers (options, chosen) for each step."""
    taken: list[tuple[int, int]] = []
    async with anyio.create_task_group() as group:
        for actor in world.actors:
            group.start_soon(actor)
        while True:
            for _ in range(QUIET_TURNS):
                await asyncio.sleep(0)
            options = world.steps.options()
            if options == 0:
                break
            choice = choices[len(taken)] if len(taken) < len(choices) else 0
            taken.append((options, choice))
            world.steps.let(choice)
    world.check()
    return taken


def _next(taken: list[tuple[int, int]]) -> list[int] | None:
    """The next branch after this run, depth first; None when all are done."""
    for depth in range(len(taken) - 1, -1, -1):
        options, choice = taken[depth]
        if choice + 1 < options:
            return [one for _, one in taken[:depth]] + [choice + 1]
    return None


async def explore(make: Callable[[], World], *, at_most: int) -> int:
    """Every order of the world's steps; answers how many there were. More than `at_most` is an error."""
    count = 0
    choices: list[int] | None = []
    while choices is not None:
        count += 1
        if count > at_most:
            raise AssertionError(f"more than {at_most} orders")
        choices = _next(await _one_run(make(), choices))
    return count
