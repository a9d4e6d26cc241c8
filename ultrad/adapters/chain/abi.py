"""The little of Solidity's ABI that is needed, by hand: static words, and strings where a token has one.

Source: https://docs.soliditylang.org/en/latest/abi-spec.html. An ABI library costs 60 MB of memory for this.
"""

from ultrad.addresses import checksum
from ultrad.units import Address

WORD = 32
MAX_SYMBOL = 32
"""Characters of a token's symbol that are kept."""


class Malformed(ValueError):
    """The bytes are not what the function returns."""


def word(value: int) -> bytes:
    """uint256."""
    return value.to_bytes(WORD, "big")


def address_word(address: str) -> bytes:
    """An address as an argument."""
    return bytes(12) + bytes.fromhex(address[2:])


def uint(data: bytes, index: int = 0) -> int:
    """The word at `index` as uint256. Raises Malformed where the data ends before."""
    start = index * WORD
    if len(data) < start + WORD:
        raise Malformed
    return int.from_bytes(data[start : start + WORD], "big")


def address(data: bytes, index: int = 0) -> Address:
    """The word at `index` as an address. Raises Malformed where its upper 12 bytes are not zero."""
    value = uint(data, index)
    if value >> 160:
        raise Malformed
    return checksum(f"0x{value:040x}")


def data(value: object) -> bytes:
    """What a node answers for bytes: 0x and hex digits. Raises Malformed for anything else."""
    if not isinstance(value, str) or not value.startswith("0x"):
        raise Malformed
    try:
        return bytes.fromhex(value[2:])
    except ValueError:
        raise Malformed from None


def symbol(data: bytes) -> str:
    """A token's symbol: a `string`, or the `bytes32` of tokens older than ERC-20's final form (MKR).

    Only printable characters are kept: a token's author chooses this text.
    """
    if len(data) == WORD:
        raw = data.rstrip(b"\0")
    else:
        start, size = uint(data), 0
        if start != WORD or (size := uint(data, 1)) > len(data) - 2 * WORD:
            raise Malformed
        raw = data[2 * WORD : 2 * WORD + size]
    text = "".join(c for c in raw.decode("utf-8", "replace") if c.isprintable())[:MAX_SYMBOL]
    if not text:
        raise Malformed
    return text
