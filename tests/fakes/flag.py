"""The flag file in memory."""

from dataclasses import dataclass, field

import anyio

from ultrad.errors import Transient
from ultrad.i18n import msg
from ultrad.ports import FlagLook, FlagState


@dataclass
class FakeFlag:
    """Implements `EstopFlag`. `touch` and `rm` are what people do; the rest sets faults.

    full: writing is refused. unreadable: looking fails. delay_s: how long a write takes. hung: it never ends.
    created_first: refusal and hanging come after the file was made. durable: whether the file was fsynced.
    """

    present: bool = False
    text: bytes = b""
    owner_uid: int = 1000
    full: bool = False
    unreadable: str = ""
    delay_s: float = 0.0
    hung: bool = False
    created_first: bool = False
    durable: bool = False
    writes: list[bytes] = field(default_factory=list)
    _identity: int = 0

    def look(self) -> FlagLook:
        if self.unreadable:
            return FlagLook(FlagState.UNREADABLE, error=self.unreadable)
        if self.present:
            return FlagLook(FlagState.PRESENT, (1, self._identity), self.owner_uid)
        return FlagLook(FlagState.ABSENT)

    def content(self) -> bytes:
        return self.text if self.present else b""

    async def write(self, content: bytes) -> None:
        if self.created_first and not self.present:
            self._make(b"")
        if self.hung:
            await anyio.sleep_forever()
        await anyio.sleep(self.delay_s)
        if self.full:
            raise Transient(msg("{path}: {reason}", path="flag/estop", reason="No space left on device"))
        if not self.present:
            self._make(content)
            self.writes.append(content)
        self.durable = True

    def _make(self, content: bytes) -> None:
        self.present, self.text, self._identity, self.durable = True, content, self._identity + 1, False

    def remove(self, seen: FlagLook) -> bool:
        if self.full:
            raise Transient(msg("{path}: {reason}", path="flag/estop", reason="Read-only file system"))
        if self.present and self.look() != seen:
            return False
        self.rm()
        return True

    def touch(self) -> None:
        durable = self.durable  # another time stamp on a durable file does not undo it
        self._make(self.text if self.present else b"")
        self.durable = durable

    def rm(self) -> None:
        self.present = self.durable = False
        self.text = b""

    def lose_power(self) -> None:
        """What was not fsynced is gone."""
        if not self.durable:
            self.rm()
