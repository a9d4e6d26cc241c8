"""Calls whose arguments are single 32-byte words: all that driving the devnet needs.

Written out so that `ultrad devnet up` is ready in a blink: importing a whole ABI library takes longer than
starting the chain. (https://docs.soliditylang.org/en/latest/abi-spec.html)
"""

from functools import cache

from Crypto.Hash import keccak

from ultrad.addresses import checksum
from ultrad.units import Address

Word = int | str
"""A number (negative ones in two's complement), a bool, or an address."""
UINT256_MAX = 2**256 - 1
_WORD_DIGITS = 64


def keccak256(data: bytes) -> bytes:
    """Ethereum's hash (Keccak-256 before it became SHA-3)."""
    return keccak.new(digest_bits=256, data=data).digest()


@cache
def selector(signature: str) -> str:
    """The first four bytes of a call: `0x` and 8 digits, from e.g. `set(int256,uint256)`."""
    return "0x" + keccak256(signature.encode())[:4].hex()


def word(value: Word) -> str:
    """One argument as 64 hex digits. Raises ValueError where it does not fit."""
    number = int(value, 16) if isinstance(value, str) else value
    if not -(2**255) <= number <= UINT256_MAX:
        raise ValueError(f"{value!r} does not fit a word")
    return f"{number % 2**256:064x}"


def call_data(signature: str, *arguments: Word) -> str:
    """A call of `signature` with these arguments, as hex."""
    return selector(signature) + "".join(map(word, arguments))


def words(answer: str) -> tuple[int, ...]:
    """The 32-byte words of an answer, unsigned."""
    digits = answer.removeprefix("0x")
    return tuple(int(digits[at : at + _WORD_DIGITS], 16) for at in range(0, len(digits), _WORD_DIGITS))


def as_address(number: int) -> Address:
    """A word that holds an address."""
    return checksum(f"0x{number:040x}")
