"""The gate: nothing of the strategy is signed or sent but through it. What may pass beside it stands here too."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from enum import StrEnum
from typing import Protocol, TypeVar

import anyio

from ultrad.errors import Permanent
from ultrad.i18n import msg
from ultrad.ports import EstopFlag, FlagLook, FlagState

T = TypeVar("T")
STOPS = frozenset({"estop", "flag"})
"""What shuts it until somebody lifts it; everything else is the name of a hold."""


class GateShutError(Permanent):
    """The gate is shut: nothing was begun. `reason` is one of STOPS, or else the name of a hold."""

    def __init__(self, reason: str) -> None:
        """Name what shuts it."""
        super().__init__(msg("The gate is shut ({reason}): nothing was signed or sent.", reason=reason))
        self.reason = reason


class MaybeSentError(Permanent):
    """A stop came while the call was under way: it may or may not have reached the chain. Settle it from there."""

    def __init__(self) -> None:
        """There is nothing more to say until the chain has been asked."""
        super().__init__(msg("Stopped while sending: it may have been sent. The chain decides."))


class Scope(Protocol):
    """What the gate needs of a cancel scope (`anyio.CancelScope`)."""

    def cancel(self) -> None:
        """Throw cancellation into what runs inside, at its next suspension."""
        ...


ScopeFactory = Callable[[], AbstractContextManager[Scope]]
NOT_ENABLED = ("rescue_not_enabled",)


class Passage(StrEnum):
    """Everything that may be signed and sent while the stop is ON. There is nothing else."""

    CANCELLATION = "cancellation"
    """Takes the place of a pending transaction of the strategy, and moves nothing."""
    RESCUE = "rescue"
    """Provably lowers the position's risk, and the operators have enabled it."""


class SideDoor:
    """The way past the gate: open for a cancellation always, for a rescue where nothing forbids it.

    The promise: once `look()` has returned after a cause that forbids rescues, no rescue is sent; what was under
    way is cancelled and counts as maybe sent. Between the question and the call there is no suspension.
    """

    def __init__(self, scope: ScopeFactory) -> None:
        """Begin without rescues: whoever puts the daemon together says what forbids them."""
        self._scope = scope
        self._forbidden_by: Callable[[], tuple[str, ...]] = lambda: NOT_ENABLED
        self._under_way: dict[object, Callable[[], None]] = {}

    def admit_rescues(self, forbidden_by: Callable[[], tuple[str, ...]]) -> None:
        """The operators have enabled rescues. forbidden_by: what stands against one at this moment."""
        self._forbidden_by = forbidden_by

    def shut_by(self, passage: Passage) -> tuple[str, ...]:
        """What keeps it from passing now."""
        return self._forbidden_by() if passage is Passage.RESCUE else ()

    def check(self, passage: Passage) -> None:
        """Raise GateShutError where it may not pass. Signing asks here."""
        if reasons := self.shut_by(passage):
            raise GateShutError(reasons[0])

    def look(self) -> None:
        """Something new stands against rescues, it may be: cancel those that are under way. Never waits."""
        if self.shut_by(Passage.RESCUE):
            for cancel in tuple(self._under_way.values()):
                cancel()

    async def send(self, passage: Passage, call: Callable[[], Awaitable[T]]) -> T:
        """Make one transport call if it may pass at this moment. Raises GateShutError or MaybeSentError."""
        with self._scope() as scope:
            token = object()
            self.check(passage)
            if passage is Passage.RESCUE:
                self._under_way[token] = scope.cancel
            try:
                return await call()
            finally:
                self._under_way.pop(token, None)
        raise MaybeSentError


class Gate:
    """Open only while nothing stands against it: no latch, no hold, and no flag file at the very moment.

    The promise: once `latch()` has returned, no send begins until `unlatch()`; and none begins after the flag
    file came to be. Between the look at the flag and the call there is no suspension, so nothing of this process
    can come between; what is under way when the latch falls is cancelled and counts as maybe sent.
    """

    def __init__(self, flag: EstopFlag, scope: ScopeFactory = anyio.CancelScope) -> None:
        """Begin latched: whoever restores the state decides whether it may open."""
        self._flag = flag
        self._scope = scope
        self._latched = True
        self._holds: dict[str, None] = {}
        self._under_way: dict[object, Callable[[], None]] = {}
        self._sighted: FlagLook | None = None
        self.beside = SideDoor(scope)

    # -------------------------------------------------------- what shuts it

    def latch(self) -> None:
        """Shut until unlatched, and cancel every send that is under way. Never fails, never waits."""
        self._latched = True
        for cancel in tuple(self._under_way.values()):
            cancel()

    def unlatch(self) -> bool:
        """Open as far as the latch goes, unless the flag stands, or was seen and no note was taken of it yet."""
        if self._look() is not FlagState.ABSENT or self._sighted is not None:
            return False
        self._latched = False
        return True

    def hold(self, reason: str) -> None:
        """Shut for a named reason, beside the latch. What is under way goes on."""
        self._holds[reason] = None

    def release(self, reason: str) -> None:
        """End one hold."""
        self._holds.pop(reason, None)

    # -------------------------------------------------------- what it says

    def shut_by(self) -> tuple[str, ...]:
        """Everything that shuts it now; empty while it is open."""
        stands = self._look() is not FlagState.ABSENT
        reasons = (("estop", self._latched), ("flag", stands), *((name, True) for name in self._holds))
        return tuple(name for name, is_so in reasons if is_so)

    def is_held(self) -> bool:
        """Whether nothing but holds shuts it, which end by themselves: what can wait for that, waits."""
        reasons = self.shut_by()
        return bool(reasons) and STOPS.isdisjoint(reasons)

    def take_sighting(self) -> FlagLook | None:
        """The flag as the gate saw it since the last call, though it may be gone again."""
        sighted, self._sighted = self._sighted, None
        return sighted

    def check(self) -> None:
        """Raise GateShutError where it is shut. Signing asks here."""
        if reasons := self.shut_by():
            raise GateShutError(reasons[0])

    async def send(self, call: Callable[[], Awaitable[T]]) -> T:
        """Make one transport call if the gate is open at this moment.

        Raises GateShutError (nothing was begun) or MaybeSentError (a stop cancelled it under way).
        """
        with self._scope() as scope:
            token = object()
            self.check()
            self._under_way[token] = scope.cancel
            try:
                return await call()
            finally:
                del self._under_way[token]
        raise MaybeSentError

    def _look(self) -> FlagState:
        look = self._flag.look()
        if look.state is not FlagState.ABSENT:
            # A touch counts from the moment it is seen, also where the flag is gone before the next look.
            self._sighted = look
            if not self._latched:
                self.latch()
        return look.state
