"""Many calls in one `eth_call`: Multicall3 `aggregate3`, encoded and decoded by hand.

Source: https://github.com/mds1/multicall3 (Multicall3.sol): `Call3(address target, bool allowFailure, bytes
callData)` in, `Result(bool success, bytes returnData)` out, in the same order.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ultrad.adapters.chain.abi import WORD, Malformed, address_word, uint, word
from ultrad.units import Address

AGGREGATE3 = "0x82ad56cb"  # aggregate3((address,bool,bytes)[])
CHUNK = 100
"""Calls in one `eth_call`. Nodes cap the gas of one (geth: 50 M); a position in many reserves costs up to 0.5 M.
Chunks side by side are also faster than one large call, a node answers them on several cores."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call: the contract, and the calldata."""

    target: Address
    data: bytes


def encode(calls: Sequence[Call]) -> str:
    """Calldata of `aggregate3` with `allowFailure` for each call, as 0x hex."""
    offset = WORD * len(calls)
    offsets: list[bytes] = []
    items: list[bytes] = []
    for call in calls:
        item = b"".join(
            (
                address_word(call.target),
                word(1),
                word(3 * WORD),
                word(len(call.data)),
                call.data,
                _padding(call.data),
            )
        )
        offsets.append(word(offset))
        items.append(item)
        offset += len(item)
    return AGGREGATE3 + b"".join((word(WORD), word(len(calls)), *offsets, *items)).hex()


def _padding(data: bytes) -> bytes:
    return bytes(-len(data) % WORD)


def decode(data: bytes, count: int) -> tuple[bytes | None, ...]:
    """What each call returned; None where it failed. Raises Malformed unless there are exactly `count` answers."""
    if uint(data) != WORD or uint(data, 1) != count:
        raise Malformed
    start = 2 * WORD
    results: list[bytes | None] = []
    for index in range(count):
        at = start + uint(data, 2 + index)
        head = data[at : at + 3 * WORD]
        size = uint(head, 2)
        body = data[at + 3 * WORD : at + 3 * WORD + size]
        if len(body) != size or uint(head, 1) != 2 * WORD:
            raise Malformed
        results.append(body if uint(head) else None)
    return tuple(results)


def chunks(calls: Sequence[Call]) -> tuple[tuple[Call, ...], ...]:
    """The calls in groups of at most CHUNK."""
    return tuple(tuple(calls[at : at + CHUNK]) for at in range(0, len(calls), CHUNK))
