"""When each check looks, and what is known between its looks."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import anyio

from ultrad.core.events import Level, Origin
from ultrad.core.sights import Area, Sight
from ultrad.errors import Failed, Permanent, Transient
from ultrad.i18n import Message, msg
from ultrad.ports import Clock

LOOK_S = 30.0
"""How long one look may take. A disk or a service that takes longer does not answer."""
_T = TypeVar("_T")
Report = Callable[[str, Exception], None]
"""Told of every error a check raised that it should not have, for the log."""


class Contain(Protocol):
    """The supervisor's boundary: an error comes back as a value, Fatal alone is raised."""

    async def __call__(self, call: Callable[[], Awaitable[_T]]) -> _T | Failed:
        """Await `call()`."""
        ...


@dataclass(frozen=True, slots=True)
class Check:
    """One check. every_s: how long what it saw holds. look: raises Transient, Permanent where it cannot see."""

    name: str
    area: Area
    every_s: float
    look: Callable[[], Awaitable[tuple[Sight, ...]]]


@dataclass(slots=True)
class _Kept:
    check: Check
    seen: tuple[Sight, ...] = ()
    looked_ms: int | None = None


class Checkup:
    """All checks. What one sees stands until it looks again; one that raises or hangs harms only itself."""

    def __init__(self, checks: Sequence[Check], clock: Clock, contain: Contain, report: Report) -> None:
        """Nothing is looked at yet."""
        self._kept = tuple(_Kept(one) for one in checks)
        self._clock, self._contain, self._report = clock, contain, report

    async def due(self) -> tuple[Sight, ...]:
        """Look where it is time to, all at once, and answer everything that is known."""
        now_ms = self._clock.now().steady_ms
        waiting = (one for one in self._kept if _is_due(one, now_ms))
        return await self._look(tuple(waiting), now_ms)

    async def all(self) -> tuple[Sight, ...]:
        """Look everywhere now."""
        return await self._look(self._kept, self._clock.now().steady_ms)

    async def _look(self, which: tuple[_Kept, ...], now_ms: int) -> tuple[Sight, ...]:
        async with anyio.create_task_group() as tasks:
            for one in which:
                tasks.start_soon(self._one, one, now_ms)
        return tuple(sight for kept in self._kept for sight in kept.seen)

    async def _one(self, kept: _Kept, now_ms: int) -> None:
        seen: tuple[Sight, ...] = (blind(kept.check, msg("no answer within {limit} s", limit=round(LOOK_S))),)
        with anyio.move_on_after(LOOK_S):
            seen = await self._seen(kept.check)
        kept.seen, kept.looked_ms = seen, now_ms

    async def _seen(self, check: Check) -> tuple[Sight, ...]:
        outcome = await self._contain(check.look)
        if not isinstance(outcome, Failed):
            return outcome
        if not isinstance(outcome.error, Transient | Permanent):
            self._report(f"check {check.name}", outcome.error)
        return (blind(check, outcome.message),)


def _is_due(kept: _Kept, now_ms: int) -> bool:
    return kept.looked_ms is None or now_ms - kept.looked_ms >= kept.check.every_s * 1_000


def blind(check: Check, why: Message) -> Sight:
    """A check that could not see."""
    return Sight(
        area=check.area,
        subject=check.name,
        level=Level.WARNING,
        origin=Origin.INFRASTRUCTURE,
        message=msg("{name} could not be looked at: {why}", name=check.name, why=why),
        remedy=msg("It is tried again by itself; where it lasts, look at the disk and the network."),
        known=False,
        code="check_blind",
    )
