"""Account addresses in EIP-55 checksum case (https://eips.ethereum.org/EIPS/eip-55)."""

import re

from Crypto.Hash import keccak

from ultrad.units import Address

ZERO = "0x" + "0" * 40
_HEX_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")


def is_address(text: str) -> bool:
    """Whether this is `0x` and 40 hex digits, in any case."""
    return _HEX_ADDRESS.fullmatch(text) is not None


def checksum(text: str) -> Address:
    """The EIP-55 form: a letter is upper case where its digit of keccak256(lower-case hex, as ASCII) is 8 or more.

    Raises ValueError for anything but `0x` and 40 hex digits.
    """
    if not is_address(text):
        raise ValueError("not 0x and 40 hex digits")
    digits = text[2:].lower()
    digest = keccak.new(digest_bits=256, data=digits.encode()).hexdigest()
    return Address(
        "0x" + "".join(d.upper() if int(h, 16) >= 8 else d for d, h in zip(digits, digest, strict=False))  # noqa: PLR2004 - EIP-55
    )
