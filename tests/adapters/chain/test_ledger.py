"""What the ledger makes of an endpoint's answers, also where nodes differ in their words."""

import math
from collections.abc import Awaitable, Callable

import anyio
import pytest

from ultrad.adapters.chain.ledger import SECOND_S, RpcLedger
from ultrad.adapters.chain.rpc import HttpRpc, NodeFailed, NodeLimits, NodeRefused
from ultrad.addresses import checksum
from ultrad.core.position import Block
from ultrad.errors import Transient
from ultrad.i18n import msg
from ultrad.ports import Refused, Throttled
from ultrad.trade_ports import Fees, GasError, Nonces, NonceTooLow

HASH, BLOCK, OTHER = "0x" + "ab" * 32, "0x" + "cd" * 32, "0x" + "ef" * 32
RECEIPT = {
    "transactionHash": HASH,
    "blockHash": BLOCK,
    "blockNumber": "0x64",
    "status": "0x1",
    "gasUsed": "0x2",
    "effectiveGasPrice": "0x3",
}


class Node:
    """One endpoint, and the one that is sent to: answers by method, and by their first argument."""

    def __init__(self, name: str = "alpha", **answers: object) -> None:
        self.name, self.answers = name, answers
        self.asked: list[tuple[object, ...]] = []

    async def ask(self, method: str, *params: object) -> object:
        self.asked.append((method, *params))
        answer = self.answers[method]
        if isinstance(answer, Exception):
            raise answer
        return answer(*params) if callable(answer) else answer

    async def call_once(self, method: str, *params: object) -> object:
        return await self.ask(method, *params)


def ledger(node: Node, *others: Node) -> RpcLedger:
    async def serve(question: Callable[..., Awaitable[object]], without: frozenset[str]) -> object:
        for one in (node, *others):
            if one.name not in without:
                return await question(one, Block(100, BLOCK, 1))
        raise Transient(msg("There is no other."))

    sender: HttpRpc = node  # type: ignore[assignment]
    return RpcLedger(checksum("0x" + "e5" * 20), 3, serve, sender, lambda _: None)


def block(block_hash: str) -> dict[str, str]:
    return {"number": "0x64", "hash": block_hash, "timestamp": "0x5"}


async def test_receipt__block_that_the_chain_has__told() -> None:
    found = await ledger(Node(eth_getTransactionReceipt=RECEIPT, eth_getBlockByNumber=block(BLOCK))).receipt(HASH)
    assert found is not None
    assert (found.block, found.ok, found.gas_used, found.fee_wei) == (Block(100, BLOCK, 5), True, 2, 6)


@pytest.mark.parametrize("there", [None, block(OTHER)])
async def test_receipt__block_that_was_replaced__is_none_though_the_node_keeps_it(there: object) -> None:
    node = Node(
        eth_getTransactionReceipt=RECEIPT, eth_getBlockByNumber=there, eth_getBlockByHash=lambda *_: block(BLOCK)
    )
    assert await ledger(node).receipt(HASH) is None


@pytest.mark.parametrize("wrong", [{"transactionHash": OTHER}, {"status": "?"}, {"blockNumber": None}])
async def test_receipt__that_cannot_be__not_believed(wrong: dict[str, object]) -> None:
    with pytest.raises(NodeFailed, match="impossible answer"):
        await ledger(Node(eth_getTransactionReceipt={**RECEIPT, **wrong})).receipt(HASH)


async def test_nonces__of_three_depths__fit_together() -> None:
    counts = {"pending": "0x5", "latest": "0x7", hex(97): "0x9"}
    found = await ledger(Node(eth_getTransactionCount=lambda _, at: counts[str(at)])).nonces()
    assert found == Nonces(latest=7, confirmed=7, pending=7)


def counts(name: str, pending: int, latest: int, confirmed: int) -> Node:
    told = {"pending": hex(pending), "latest": hex(latest), hex(97): hex(confirmed)}
    return Node(name, eth_getTransactionCount=lambda _, at: told[str(at)])


@pytest.mark.parametrize("turned", [False, True])
async def test_nonces__two_endpoints__next_and_consumed_for_both_and_pending_for_one(*, turned: bool) -> None:
    nodes = [counts("alpha", 9, 8, 5), counts("beta", 8, 7, 6)]
    found = await ledger(*(reversed(nodes) if turned else nodes)).nonces()
    assert found == Nonces(latest=7, confirmed=5, pending=9)


async def test_nonces__second_endpoint_fails__the_first_ones() -> None:
    broken = Node("beta", eth_getTransactionCount=NodeFailed(msg("?")))
    assert await ledger(counts("alpha", 9, 8, 5), broken).nonces() == Nonces(8, 5, 9)


@pytest.mark.looptime
async def test_nonces__second_endpoint_hangs__not_waited_for() -> None:
    async def hang(*_: object) -> object:
        await anyio.sleep(math.inf)
        return None

    slow = counts("beta", 0, 0, 0)
    slow.ask = hang  # type: ignore[assignment, method-assign]
    before = anyio.current_time()
    assert await ledger(counts("alpha", 9, 8, 5), slow).nonces() == Nonces(8, 5, 9)
    assert anyio.current_time() - before <= SECOND_S + 0.1


async def test_fees__history__the_next_base_fee_and_the_median_tip() -> None:
    history = {"baseFeePerGas": ["0x1", "0xa"], "reward": [["0x0"], ["0x5f5e100"], ["0x77359400"], ["0x3b9aca00"]]}
    assert await ledger(Node(eth_feeHistory=history)).fees() == Fees(10, 10**9)


@pytest.mark.parametrize("history", [None, {}, {"baseFeePerGas": []}, {"baseFeePerGas": ["x"]}])
async def test_fees__history_that_cannot_be__not_believed(history: object) -> None:
    with pytest.raises(NodeFailed, match="impossible answer"):
        await ledger(Node(eth_feeHistory=history)).fees()


@pytest.mark.parametrize(
    "text", ["already known", "AlreadyKnown", "Known transaction", "transaction already imported"]
)
async def test_send__known_already__is_success(text: str) -> None:
    await ledger(Node(eth_sendRawTransaction=NodeRefused(msg("?"), -32000, text))).send(b"\x02")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("nonce too low: next nonce 8, tx nonce 7", NonceTooLow),
        ("OldNonce", NonceTooLow),
        ("replacement transaction underpriced", GasError),
        ("insufficient funds for gas * price + value", GasError),
        ("InsufficientFunds, Account balance: 0", GasError),
        ("Upfront cost exceeds account balance", GasError),
        ("max fee per gas less than block base fee", GasError),
        ("FeeTooLowToCompete", GasError),
        ("the method is not available", Refused),
    ],
)
async def test_send__refused__by_what_the_node_says(text: str, kind: type[Refused]) -> None:
    with pytest.raises(Refused) as caught:
        await ledger(Node(eth_sendRawTransaction=NodeRefused(msg("?"), -32000, text))).send(b"\x02")
    assert type(caught.value) is kind


async def test_send__limited_or_broken__surely_not_taken_or_nobody_knows() -> None:
    with pytest.raises(Throttled) as throttled:
        await ledger(Node(eth_sendRawTransaction=NodeLimits(msg("?"), 7.0))).send(b"\x02")
    assert throttled.value.retry_after_s == 7.0
    node = Node(eth_sendRawTransaction=NodeFailed(msg("?")))
    with pytest.raises(Transient) as broken:
        await ledger(node).send(b"\x02")
    assert not isinstance(broken.value, Refused | Throttled)
    assert node.asked == [("eth_sendRawTransaction", "0x02")]
