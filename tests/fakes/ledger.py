"""An account's transactions as a test drives them: a mempool of its own, blocks when asked, and a key."""

import hashlib
import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import anyio

from tests.fakes.trade_market import ACCOUNT, FakeMarket
from ultrad.core.position import Block
from ultrad.errors import Permanent, Transient
from ultrad.i18n import Message, msg
from ultrad.ports import Clock, Unreached
from ultrad.trade_ports import Call, Fees, GasError, Nonces, NonceTooLow, Receipt, Signed, Unsigned
from ultrad.units import Address

CHAIN_ID = 11_155_111
"""Of Sepolia, which the daemon in virtual time is configured for."""


def digest(text: str) -> str:
    return "0x" + hashlib.sha256(text.encode()).hexdigest()


@dataclass
class FakeSigner:
    """Implements `Signer`. What it signs can be read again by the ledger. on_sign: hears of each before it is.

    takes_s: how long a signature takes.
    """

    address: Address = ACCOUNT
    signed: list[Unsigned] = field(default_factory=list)
    on_sign: Callable[[Unsigned], None] = lambda _: None
    takes_s: float = 0.0

    async def sign(self, what: Unsigned) -> Signed:
        self.on_sign(what)
        self.signed.append(what)
        await anyio.sleep(self.takes_s)
        return self.made_of(what)

    def made_of(self, what: Unsigned) -> Signed:
        call = what.call
        fees = (what.max_fee_wei, what.tip_wei, what.gas)
        raw = json.dumps([what.nonce, fees[0], call.about, call.to, call.data.hex(), *fees[1:]]).encode()
        return Signed(raw, digest(raw.decode()))

    def opened(self, raw: bytes) -> Unsigned:
        nonce, max_fee_wei, _, to, data, tip_wei, gas = json.loads(raw)
        call = Call("", Address(to), bytes.fromhex(data))
        return Unsigned(CHAIN_ID, nonce, call, gas, max_fee_wei, tip_wei)


@dataclass
class FakeLedger:
    """Implements `Ledger`, and mines into a `FakeMarket`.

    script: how the next sends are met, then mode. ok, down (not reached), error (not known), cut (taken, but
    nobody says so), gas, low (nonce too low). behind: so much too low is the next nonce.
    sent: everything that was taken, the same bytes once.
    """

    clock: Clock
    market: FakeMarket
    depth: int = 2
    mode: str = "ok"
    script: deque[str] = field(default_factory=deque)
    base_wei: int = 10**9
    number: int = 100
    nonce: int = 7
    foreign: int = 0
    behind: int = 0
    pending: dict[str, bytes] = field(default_factory=dict)
    mined: dict[str, Receipt] = field(default_factory=dict)
    sent: list[str] = field(default_factory=list)
    sends: int = 0

    # ------------------------------------------------------------ the script

    def mine(self, blocks: int = 1) -> None:
        """The dearest of what is pending goes into the next block; then empty ones."""
        if self.pending:
            tx_hash, raw = max(self.pending.items(), key=lambda one: int(json.loads(one[1])[1]))
            about, to, data = json.loads(raw)[2:5]
            ok = True
            if about != "cancel":
                try:
                    self.market.apply(Call(about, Address(to), bytes.fromhex(data)))
                except Permanent:
                    ok = False
            self.number += 1
            self.mined[tx_hash] = Receipt(tx_hash, self._block(self.number), ok, 100_000, 10**14)
            self.pending.clear()
            self.nonce += 1
            blocks -= 1
        self.number += blocks
        self.market.number = self.number

    def _block(self, number: int) -> Block:
        return Block(number, digest(f"block {number}"), self.clock.now().wall_ms // 1000)

    # ------------------------------------------------------------ the port

    async def fees(self) -> Fees:
        return Fees(self.base_wei, 10**8)

    async def nonces(self) -> Nonces:
        settled = sum(one.block.number <= self.number - self.depth for one in self.mined.values())
        confirmed = self.nonce - len(self.mined) + settled
        return Nonces(self.nonce - self.behind, confirmed, self.nonce + bool(self.pending) + self.foreign)

    async def send(self, raw: bytes) -> None:
        self.sends += 1
        mode = self.script.popleft() if self.script else self.mode
        if mode == "down":
            raise Unreached(msg("No connection."))
        if mode == "gas":
            raise GasError(msg("Underpriced."))
        if mode == "low" or json.loads(raw)[0] < self.nonce:
            raise NonceTooLow(msg("Nonce too low."))
        if mode == "error":
            raise Transient(msg("Failure."))
        tx_hash = digest(raw.decode())
        if tx_hash not in self.sent:
            self.sent.append(tx_hash)
        self.pending[tx_hash] = raw
        if mode == "cut":
            raise Transient(msg("The connection broke."))

    async def receipt(self, tx_hash: str) -> Receipt | None:
        return self.mined.get(tx_hash)

    async def confirmed(self) -> Block:
        return self._block(self.number - self.depth)

    async def revert_reason(self, call: Call, block: Block) -> Message | None:
        del call, block
        return msg("Aave refused it: {name}", name="SupplyCapExceeded")
