"""A running chain: its blocks, its time, and transactions of any account.

Synchronous, and not for use by several threads at once.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, Self

from ultrad.addresses import checksum
from ultrad.devnet import anvil
from ultrad.devnet.abi import Word, call_data, words
from ultrad.devnet.build import Build
from ultrad.devnet.reference import CHAIN_ID, DevnetAddresses
from ultrad.devnet.rpc import RefusedCallError, Rpc
from ultrad.errors import Permanent
from ultrad.i18n import msg
from ultrad.units import Address

GAS = 3_000_000
"""More than any single call here needs (a borrow: 0.3 M)."""
_SELECTOR_DIGITS = 10

Receipt = Mapping[str, Any]
Transaction = Mapping[str, str]


class Node:
    """One chain with the market on it, started here or by somebody else."""

    def __init__(self, rpc: Rpc, port: int, build: Build, process: anvil.Anvil | None) -> None:
        """`process` is None where somebody else started the node."""
        self.rpc = rpc
        self.port = port
        self.url_http = f"http://127.0.0.1:{port}"
        self.url_ws = f"ws://127.0.0.1:{port}"
        self.build = build
        self.addresses: DevnetAddresses = build.addresses
        self.process = process

    @classmethod
    def load(cls, build: Build, port: int = 0, block_time_s: Decimal | None = None) -> Self:
        """A new chain with the market as it was built. Raises UltradError where the node does not start.

        Without `block_time_s` a block is mined for each transaction only; with it, also each so many seconds.
        """
        mining = () if block_time_s is None else (f"--block-time={block_time_s}", "--mixed-mining")
        process = anvil.start(build.anvil, f"--load-state={build.state.resolve()}", *mining, port=port)
        return cls(Rpc(process.port), process.port, build, process)

    @classmethod
    def attach(cls, port: int, build: Build) -> Self:
        """The chain that runs on this port. Raises UltradError where none does, or one without this market."""
        node = cls(Rpc(port), port, build, None)
        try:
            chain_id = int(node.rpc("eth_chainId"), 16)
            pool = node.rpc("eth_getCode", node.addresses.pool, "latest")
        except BaseException:
            node.stop()
            raise
        if chain_id != CHAIN_ID or pool == "0x":
            node.stop()
            raise Permanent(msg("what answers on 127.0.0.1:{port} is not this devnet", port=port))
        return node

    def stop(self) -> None:
        """Close the connection, and end the node if it was started here."""
        self.rpc.close()
        if self.process is not None:
            self.process.stop()

    # ------------------------------------------------------------ blocks and time

    def block_number(self) -> int:
        """The newest block."""
        return int(self.rpc("eth_blockNumber"), 16)

    def mine(self, blocks: int = 1) -> int:
        """Mine blocks, the first with what waits; the number of the last one."""
        self.rpc("anvil_mine", hex(blocks))
        return self.block_number()

    def increase_time(self, seconds: int) -> None:
        """Move the chain's clock ahead, and mine a block that shows it."""
        self.rpc("evm_increaseTime", hex(seconds))
        self.mine()

    def snapshot(self) -> str:
        """Remember the state. The answer serves one `revert`."""
        return str(self.rpc("evm_snapshot"))

    def revert(self, snapshot: str) -> None:
        """Go back to a snapshot, but not back in time. Raises Permanent where it was used up."""
        if not self.rpc("evm_revert", snapshot):
            raise Permanent(msg("the devnet has no snapshot {id}: each serves once", id=snapshot))
        # The node would go on from the snapshot's time, and its blocks would look stale.
        self.rpc("anvil_setTime", hex(int(time.time())))

    # ------------------------------------------------------------ calls

    def read(self, target: str, signature: str, *arguments: Word) -> tuple[int, ...]:
        """The words that a view function answers at the newest block."""
        data = call_data(signature, *arguments)
        return words(self.rpc("eth_call", {"to": target, "data": data}, "latest"))

    def transaction(self, sender: str, target: str, signature: str, *arguments: Word) -> Transaction:
        """A call for `send` or `mine_together`."""
        return {"from": sender, "to": target, "data": call_data(signature, *arguments), "gas": hex(GAS)}

    def call(self, target: str, signature: str, *arguments: Word, sender: str | None = None) -> Receipt:
        """Mine one call, as the market's admin unless a sender is given; the receipt.

        Raises Permanent, with the name of the contract's error, where it reverts.
        """
        return self.send(self.transaction(sender or self.addresses.deployer, target, signature, *arguments))

    def send(self, transaction: Transaction) -> Receipt:
        """Mine one transaction (of any account, unsigned); the receipt. Errors as for `call`."""
        receipt: Receipt = self.rpc("eth_sendTransactionSync", transaction)
        if receipt["status"] != "0x1":
            raise self._reverted(transaction, receipt)
        return receipt

    def create(self, name: str, arguments: str = "") -> Address:
        """Deploy a contract of this build; `arguments`: ABI-encoded, in hex. Its address."""
        data = f"0x{self.build.compiled()['contracts'][name]['bytecode']}{arguments}"
        receipt = self.send({"from": self.addresses.deployer, "data": data, "gas": hex(GAS)})
        return checksum(receipt["contractAddress"])

    def mine_together(self, transactions: Sequence[Transaction]) -> None:
        """Mine many in one block. Raises Permanent where one reverts."""
        with self.automine_off():
            hashes = self.rpc.batch([("eth_sendTransaction", (each,)) for each in transactions])
            self.mine()
        receipts = self.rpc.batch([("eth_getTransactionReceipt", (each,)) for each in hashes])
        for each, receipt in zip(transactions, receipts, strict=True):
            if receipt["status"] != "0x1":
                raise self._reverted(each, receipt)

    @contextmanager
    def automine_off(self) -> Iterator[None]:
        """Within it transactions wait for `mine`. Not for a chain with a block time: it would lose that."""
        self.rpc("evm_setAutomine", False)
        try:
            yield
        finally:
            self.rpc("evm_setAutomine", True)

    def _reverted(self, transaction: Transaction, receipt: Receipt) -> Permanent:
        """Which call failed and why: the node tells that only when the call is made again."""
        reason = "no reason given"
        try:
            self.rpc("eth_call", transaction, receipt["blockNumber"])
        except RefusedCallError as error:
            reason = self.build.compiled()["errors"].get(error.data[:_SELECTOR_DIGITS], error.reason)
        return Permanent(
            msg(
                "the call {call} to {target} reverted: {reason}",
                call=transaction["data"][:_SELECTOR_DIGITS],
                target=transaction.get("to", "a constructor"),
                reason=reason,
            )
        )
