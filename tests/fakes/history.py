"""An account's past as a test writes it: blocks, transactions with their logs, a node that forgets or fails."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from ultrad.addresses import checksum
from ultrad.core.intrusion import Kind, Log, Position, Seen, Sent
from ultrad.core.position import Block
from ultrad.errors import Transient
from ultrad.i18n import Message, msg
from ultrad.units import Address, UsdE8

ACCOUNT, STRANGER, USDC = (checksum("0x" + two * 20) for two in ("e5", "f6", "22"))


def digest(text: str) -> str:
    return "0x" + hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Tx:
    """One mined transaction. nonce: of the account, where it is the account's own."""

    hash: str
    sender: Address
    nonce: int | None = None
    value_wei: int = 0
    logs: tuple[Log, ...] = ()


@dataclass
class FakeHistory:
    """Implements `History`. blocks: (branch, transactions), from number 1 on.

    down: why nothing can be read. deaf: no endpoint is fit. forgets: nobody remembers which transaction it was.
    looks: how often it was asked.
    """

    depth: int = 3
    account: Address = ACCOUNT
    blocks: list[tuple[str, tuple[Tx, ...]]] = field(default_factory=lambda: [("", ())] * 10)
    first_nonce: int = 7
    down: Message | None = None
    deaf: bool = False
    forgets: bool = False
    looks: int = 0

    # ------------------------------------------------------------ the script

    def mine(self, *txs: Tx, branch: str = "") -> int:
        """A block with these in it; its number."""
        number = len(self.blocks) + 1
        placed = (replace(tx, logs=tuple(replace(one, tx=tx.hash, block=number) for one in tx.logs)) for tx in txs)
        self.blocks.append((branch, tuple(placed)))
        return number

    def drop(self, count: int) -> None:
        """A reorganisation takes the newest blocks away."""
        del self.blocks[-count:]

    def sent(self, *logs: Log, value_wei: int = 0, sender: Address = ACCOUNT) -> Tx:
        """A transaction, not yet mined."""
        nonce = self._nonce(len(self.blocks)) if sender == self.account else None
        text = f"{len(self.blocks)} {sender} {nonce} {logs} {value_wei}"
        return Tx(digest(text), sender, nonce, value_wei, logs)

    def out(self, amount: int, sender: Address = ACCOUNT) -> Tx:
        """USDC leaves the account."""
        return self.sent(Log(Kind.OUT, "", 0, 0, USDC, STRANGER, amount), sender=sender)

    def comes(self, amount: int) -> Tx:
        """USDC comes in."""
        return self.sent(Log(Kind.IN, "", 0, 0, USDC, STRANGER, amount), sender=STRANGER)

    def block(self, number: int) -> Block:
        return Block(number, digest(f"{number} {self.blocks[number - 1]}"), 1_772_000_000 + number)

    def _nonce(self, number: int) -> int:
        used = sum(tx.nonce is not None for _, txs in self.blocks[:number] for tx in txs)
        return self.first_nonce + used

    # ------------------------------------------------------------ the port

    def newest(self) -> int | None:
        return None if self.deaf else len(self.blocks)

    async def begin(self) -> Position:
        self._fail()
        number = len(self.blocks) - self.depth
        return Position(self.block(number), self._nonce(number))

    async def look(self, since: Position, origin: int, own: Callable[[], Mapping[str, int]]) -> Seen:
        self._fail()
        own()
        head = len(self.blocks)
        if head <= since.block.number:
            raise Transient(msg("Behind."))
        if self.block(since.block.number) != since.block:
            number = max(origin, 1)
            since = Position(self.block(number), min(since.nonce, self._nonce(number)))
        span = range(since.block.number + 1, head + 1)
        every = [(number, tx) for number in span for tx in self.blocks[number - 1][1]]
        sent = [Sent(tx.nonce, tx.hash, number, tx.value_wei) for number, tx in every if tx.nonce is not None]
        deep = max(since.block.number, head - self.depth)
        return Seen(
            since=since,
            block=self.block(head),
            nonce=self._nonce(head),
            reached=Position(self.block(deep), max(since.nonce, self._nonce(deep))),
            sent=() if self.forgets else tuple(one for one in sent if one.nonce >= since.nonce),
            logs=tuple(log for _, tx in every for log in tx.logs),
            senders=tuple((tx.hash, tx.sender) for _, tx in every),
            prices=((USDC, (UsdE8(10**8), 10**6)),),
        )

    def _fail(self) -> None:
        self.looks += 1
        if self.down is not None:
            raise Transient(self.down)
