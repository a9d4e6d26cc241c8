"""A chain against which nothing may be taken for granted, with one account on it.

It drops what it took, delays, reorganises, mines any version, is used by others with the same key, and answers
from nodes that lag or lie. What is sent is counted by raw bytes. Well again, it is a chain like any other.
"""

import json
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import anyio

from tests.fakes.ledger import FakeLedger, digest
from tests.fakes.trade_market import State
from ultrad.core.position import Block
from ultrad.errors import Permanent, Transient
from ultrad.i18n import Message, msg
from ultrad.ports import Throttled, Unreached
from ultrad.trade_ports import Call, Fees, GasError, Nonces, NonceTooLow, Receipt
from ultrad.units import Address

FIRST = 100
"""The number of the first block; it is below every confirmed one from the start."""
FOREIGN = b"foreign"


@dataclass(frozen=True, slots=True)
class Made:
    """One block. raw: the account's one transaction in it, if any; before: the market as the block found it.

    at_ms: when, by the steady clock.
    """

    hash: str
    before: State
    raw: bytes | None = None
    ok: bool = True
    nonce: int | None = None
    at_ms: int = 0


def nonce_of(raw: bytes) -> int:
    return int(json.loads(raw)[0])


def about_of(raw: bytes) -> str:
    return str(json.loads(raw)[2])


def fees_of(raw: bytes) -> tuple[int, int]:
    """Maximum and tip, in wei a gas."""
    fields = json.loads(raw)
    return int(fields[1]), int(fields[5])


@dataclass
class WildLedger(FakeLedger):
    """Implements `Ledger`.

    reads: how questions are met: ok, down, hang, throttled. mode, script: how sends are: as in `FakeLedger`, and
    lost (an error, nothing taken), drop (taken, and forgotten at once), hang, hang after, throttled. stubborn: it
    keeps what it has, and takes nothing in its place.

    lag: so many blocks behind is the node that answers; dull: the same, and it knows of nothing that is pending.
    lie: added to every nonce that is told, but none is hidden that is pending elsewhere; deep_lie: to the
    confirmed one alone. blind: no receipt is known. well_ms: when it is well again, by the steady clock.

    on_send: hears of each transaction before it is met.

    raws: how often each raw transaction was handed over. known: every one that was taken, once, in order.
    """

    reads: str = "ok"
    lag: int = 0
    dull: int = 0
    well_ms: int | None = None
    lie: int = 0
    deep_lie: int = 0
    blind: bool = False
    stubborn: bool = False
    raws: Counter[bytes] = field(default_factory=Counter)
    known: dict[bytes, None] = field(default_factory=dict)
    blocks: list[Made] = field(default_factory=list)
    pool: dict[int, bytes] = field(default_factory=dict)
    on_send: Callable[[bytes], None] = lambda _: None
    _made: int = 0

    # ------------------------------------------------------------ the script

    def mine(self, blocks: int = 1) -> None:
        """What is pending goes into the next block; then empty ones."""
        for _ in range(blocks):
            self._settle(self.pool.get(self._next))

    def mine_version(self, place: int) -> bool:
        """Any version of the next nonce that was ever handed over, also one that was replaced or dropped."""
        versions = [raw for raw in self.known if nonce_of(raw) == self._next]
        if versions:
            self._settle(versions[place % len(versions)])
        return bool(versions)

    def steal(self) -> None:
        """Somebody else with the key consumes the next nonce."""
        self._append(Made(self._hash(), self.market.state, FOREIGN, nonce=self._next))

    def reorg(self, depth: int, *, forget: bool = False) -> None:
        """The newest blocks are replaced by as many empty ones; what was in them is pending again."""
        depth = min(depth, len(self.blocks))
        gone = self.blocks[len(self.blocks) - depth :]
        if not gone:
            return
        del self.blocks[len(self.blocks) - depth :]
        self.market.state = gone[0].before
        self.pool = {} if forget else self.pool
        for one in gone:
            if one.raw not in {None, FOREIGN} and not forget:
                self.pool[nonce_of(one.raw or b"")] = one.raw or b""
        for _ in gone:
            self._append(Made(self._hash(), self.market.state))

    def heal(self) -> None:
        """Every node is well, and knows what was handed over last."""
        self.reads, self.mode, self.lag, self.lie, self.well_ms = "ok", "ok", 0, 0, None
        self.deep_lie = self.dull = 0
        self.blind = self.stubborn = False
        self.script.clear()
        self.foreign = 0
        self.base_wei = 10**9

    @property
    def next_nonce(self) -> int:
        """The lowest one that no block has consumed."""
        return self._next

    def canonical(self) -> list[bytes]:
        """Every transaction of the account that is in a block, in their order."""
        return [one.raw for one in self.blocks if one.raw is not None]

    @property
    def _next(self) -> int:
        return self.nonce + sum(one.raw is not None for one in self.blocks)

    def _hash(self) -> str:
        self._made += 1
        return digest(f"block {self._made}")

    def _settle(self, raw: bytes | None) -> None:
        before, ok = self.market.state, True
        if raw is not None and about_of(raw) != "cancel":
            to, data = json.loads(raw)[3:5]
            try:
                self.market.apply(Call(about_of(raw), Address(to), bytes.fromhex(data)))
            except Permanent:
                ok = False
        nonce = None if raw is None else nonce_of(raw)
        self._append(Made(self._hash(), before, raw, ok, nonce, self.clock.now().steady_ms))

    def _append(self, made: Made) -> None:
        self.blocks.append(made)
        self.number = self.market.number = FIRST + len(self.blocks)
        self.pool = {nonce: raw for nonce, raw in self.pool.items() if nonce >= self._next}

    # ------------------------------------------------------------ the node that answers

    async def _view(self) -> list[Made]:
        """The blocks as the node that answers has them."""
        await self._met(self.reads)
        if self.well_ms is not None and self.clock.now().steady_ms >= self.well_ms:
            self.lag, self.dull, self.lie, self.deep_lie, self.foreign = 0, 0, 0, 0, 0
            self.blind, self.well_ms = False, None
        return self.blocks[: max(0, len(self.blocks) - max(self.lag, self.dull))]

    async def _met(self, mode: str) -> None:
        match mode:
            case "down":
                raise Unreached(msg("No connection."))
            case "throttled":
                raise Throttled(msg("Too many requests."), 5.0)
            case "hang":
                await anyio.sleep(20)
                raise Transient(msg("No answer."))

    def _block(self, number: int) -> Block:
        place = number - FIRST - 1
        found = self.blocks[place].hash if 0 <= place < len(self.blocks) else digest(f"early {number}")
        return Block(number, found, 1_772_000_000 + number * 12)

    # ------------------------------------------------------------ the port

    async def fees(self) -> Fees:
        await self._view()
        return Fees(self.base_wei, 10**8)

    async def nonces(self) -> Nonces:
        view = await self._view()
        latest = self.nonce + sum(one.raw is not None for one in view)
        deep = view[: max(0, len(view) - self.depth)]
        confirmed = self.nonce + sum(one.raw is not None for one in deep)
        waiting = {} if self.dull else dict(self.pool)
        for one in self.blocks[len(view) :]:  # what a node that lags has not seen mined is pending for it
            if one.nonce is not None and not self.dull:
                waiting[one.nonce] = one.raw or b""
        pending = latest
        while pending in waiting:
            pending += 1
        return Nonces(
            latest + self.lie, confirmed + self.lie + self.deep_lie, pending + max(0, self.lie) + self.foreign
        )

    async def send(self, raw: bytes) -> None:
        self.sends += 1
        self.on_send(raw)
        self.raws[raw] += 1
        mode = self.script.popleft() if self.script else self.mode
        await self._met(mode)
        if mode == "gas":
            raise GasError(msg("Insufficient funds."))
        if mode == "lost":
            raise Transient(msg("Failure."))
        if mode == "low" or nonce_of(raw) < self._next:
            raise NonceTooLow(msg("Nonce too low."))
        self._take(raw, kept=mode != "drop")
        if mode == "hang after":
            await anyio.sleep(math.inf)
        if mode == "cut":
            raise Transient(msg("The connection broke."))

    def _take(self, raw: bytes, *, kept: bool) -> None:
        there = self.pool.get(nonce_of(raw))
        if there is not None and there != raw:
            enough = all(new * 8 >= old * 9 for new, old in zip(fees_of(raw), fees_of(there), strict=True))
            if self.stubborn or not enough:
                raise GasError(msg("Replacement transaction underpriced."))
        self.known[raw] = None
        if kept:
            self.pool[nonce_of(raw)] = raw

    async def receipt(self, tx_hash: str) -> Receipt | None:
        view = await self._view()
        if self.blind:
            return None
        for place, one in enumerate(view):
            if one.raw is not None and one.raw != FOREIGN and digest(one.raw.decode()) == tx_hash:
                return Receipt(tx_hash, self._block(FIRST + 1 + place), one.ok, 100_000, 10**14)
        return None

    async def confirmed(self) -> Block:
        return self._block(FIRST + max(0, len(await self._view()) - self.depth))

    async def revert_reason(self, call: Call, block: Block) -> Message | None:
        await self._view()
        return await super().revert_reason(call, block)
