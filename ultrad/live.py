"""What a reload can change, in one place: many read it, one swaps it, whole.

A reader takes `now` anew wherever it begins something, and keeps what it took until that is done: what is swapped
meanwhile counts from the next beginning on.
"""

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

import anyio

T = TypeVar("T")
P = TypeVar("P")
T_co = TypeVar("T_co", covariant=True)


class Live(Protocol[T_co]):
    """What a reader sees."""

    @property
    def now(self) -> T_co:
        """The value as it is now. The same object until it is swapped."""
        ...

    async def changed(self) -> None:
        """Wait until the value is swapped the next time."""
        ...


class Holder(Generic[T]):
    """Implements `Live`, for its one owner."""

    def __init__(self, now: T) -> None:
        """Begin with this value."""
        self._now = now
        self._swapped = anyio.Event()

    @property
    def now(self) -> T:
        """See `Live`."""
        return self._now

    async def changed(self) -> None:
        """See `Live`."""
        await self._swapped.wait()

    def swap(self, now: T) -> None:
        """Put another value in its place. There is no suspension: nobody sees half of it."""
        swapped, self._swapped = self._swapped, anyio.Event()
        self._now = now
        swapped.set()

    def part(self, pick: Callable[[T], P]) -> Live[P]:
        """One part of the value, for those who need no more."""
        return _Part(self, pick)


class _Part(Generic[T, P]):
    """Implements `Live` on a part of another one's value."""

    def __init__(self, whole: Live[T], pick: Callable[[T], P]) -> None:
        self._whole, self._pick = whole, pick

    @property
    def now(self) -> P:
        return self._pick(self._whole.now)

    async def changed(self) -> None:
        await self._whole.changed()
