"""The real history's parts: ranges that a node takes, and logs by their form."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.fakes.history import STRANGER
from ultrad.adapters.chain import logs
from ultrad.adapters.chain.abi import Malformed
from ultrad.adapters.chain.endpoint import Endpoint
from ultrad.adapters.chain.history import MAX_LOGS, Look, RpcHistory, _may_authorize
from ultrad.adapters.chain.pool import RpcChain
from ultrad.adapters.chain.rpc import NodeFailed, NodeRefused
from ultrad.addresses import checksum
from ultrad.core.intrusion import Kind
from ultrad.core.position import Block
from ultrad.i18n import msg
from ultrad.units import Address

pytestmark = pytest.mark.chain

DEPTH = 3


def nothing() -> dict[str, int]:
    return {}


# ---------------------------------------------------------------- ranges


class Node:
    """Answers `eth_getLogs` for ranges of up to `most` blocks, one log a block; in its own way of saying no."""

    def __init__(self, most: int, no: Exception | None) -> None:
        self.most, self.no = most, no
        self.asked: list[tuple[int, int]] = []

    async def call(self, _: str, what: dict[str, str]) -> list[int]:
        first, last = int(what["fromBlock"], 16), int(what["toBlock"], 16)
        self.asked.append((first, last))
        if last - first + 1 > self.most:
            if self.no is not None:
                raise self.no
            return [first] * MAX_LOGS
        return list(range(first, last + 1))


def looking(node: Node) -> tuple[Look, RpcHistory]:
    history = RpcHistory(cast("RpcChain", None), STRANGER, DEPTH)
    endpoint = cast("Endpoint", SimpleNamespace(name="alpha", rpc=node))
    return Look(history, endpoint, Block(0, "0x", 0), nothing), history


@pytest.mark.parametrize(
    "no",
    [
        NodeRefused(msg("no"), -32000, "query returned more than 10000 results"),
        NodeFailed(msg("Cut off.")),
        None,
    ],
)
async def test_range__too_much_for_a_node__halved_until_it_answers(no: Exception | None) -> None:
    node = Node(30, no)
    look, history = looking(node)
    assert await look._range({}, 1, 100) == list(range(1, 101))
    assert history.range_of(look._endpoint) <= 30  # and asked for no more than that from now on


@pytest.mark.parametrize("code", [-32000, -32601])
async def test_range__even_one_block_is_too_much__raises(code: int) -> None:
    node = Node(0, NodeRefused(msg("no"), code, "no"))
    look, _ = looking(node)
    with pytest.raises(NodeRefused):
        await look._range({}, 1, 8)
    assert len(node.asked) == (1 if code == -32601 else 4)


# ---------------------------------------------------------------- logs by their form

ME = checksum("0x" + "e5" * 20)
RESERVE, A_TOKEN, DEBT_TOKEN, POOL = (checksum("0x" + two * 20) for two in ("11", "22", "33", "44"))
WATCHED = logs.watched_of(POOL, [(RESERVE, A_TOKEN, DEBT_TOKEN)])


def raw(address: str, *topics: str, data: str = "0x" + "0" * 63 + "5", **other: Any) -> dict[str, Any]:
    words = [topics[0], *("0x" + "0" * 24 + one[2:].lower() for one in topics[1:])]
    return {
        "address": address,
        "topics": [words[0] if words[0].startswith("0x") else "0x" + words[0], *words[1:]],
        "data": data,
        "transactionHash": "0xAB",
        "blockNumber": "0x5",
        "logIndex": "0x1",
        **other,
    }


def test_decoded__debt_tokens_transfer__is_left_to_the_pools_events() -> None:
    one = logs.raw(raw(DEBT_TOKEN, logs.TRANSFER, "0x" + "00" * 20, ME))
    assert logs.decoded(one, WATCHED, ME) is None
    delegated = logs.raw(raw(DEBT_TOKEN, logs.DELEGATION, ME, STRANGER, RESERVE))
    found = logs.decoded(delegated, WATCHED, ME)
    assert found is not None
    assert (found.kind, found.other, found.asset, found.amount) == (Kind.APPROVAL, STRANGER, RESERVE, 5)


@pytest.mark.parametrize(
    "value",
    [
        None,
        raw(A_TOKEN, logs.TRANSFER, ME, STRANGER, removed=True),
        raw(A_TOKEN, logs.TRANSFER, ME, STRANGER, blockNumber=None),
        raw(A_TOKEN, logs.TRANSFER, ME, STRANGER, data="5"),
        raw(STRANGER, logs.TRANSFER, ME, STRANGER),
        raw(A_TOKEN, logs.TRANSFER, ME),
        raw(A_TOKEN, logs.WITHDRAW, ME, STRANGER),
        raw(POOL, logs.TRANSFER, ME, STRANGER),
        raw(A_TOKEN, logs.TRANSFER, ME, STRANGER, data="0x"),
    ],
)
def test_decoded__what_these_contracts_never_say__is_malformed(value: object) -> None:
    with pytest.raises(Malformed):
        logs.decoded(logs.raw(value), WATCHED, ME)


def test_may_authorize__set_code_transaction_of_that_nonce__is_a_hint() -> None:
    carries: dict[str, object] = {"type": "0x4", "authorizationList": [{"nonce": "0x7"}]}
    assert _may_authorize(carries, 7)
    assert not _may_authorize(carries, 8)
    assert not _may_authorize({**carries, "type": "0x2"}, 7)
    assert not _may_authorize({"type": "0x4"}, 7)


def test_reserves__other_form__is_malformed() -> None:
    with pytest.raises(Malformed):
        logs.reserves((64).to_bytes(32, "big") + bytes(32))
    assert logs.reserves((32).to_bytes(32, "big") + bytes(32)) == ()
    assert isinstance(Address(ME), str)
