"""Calldata and answers made by hand, against the libraries that make them at leisure."""

import inspect
import re
from contextlib import suppress

import pytest
from eth_abi.abi import encode
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from ultrad.adapters.chain import aave, abi, account, multicall, trade_market
from ultrad.adapters.chain.abi import Malformed
from ultrad.adapters.chain.multicall import Call
from ultrad.addresses import checksum
from ultrad.units import INFINITE_HF, Address

ADDRESSES = st.binary(min_size=20, max_size=20).map(lambda raw: checksum("0x" + raw.hex()))
UINT = st.integers(min_value=0, max_value=2**256 - 1)
SELECTORS = re.findall(r'^[A-Z_0-9]+ = "(?:0x)?([0-9a-f]{8})"  # (\S+)$', "\n".join(
    inspect.getsource(module) for module in (aave, account, multicall, trade_market)
), re.MULTILINE)  # fmt: skip


def test_selectors__each__is_the_hash_of_its_signature() -> None:
    assert len(SELECTORS) >= 37
    assert [(keccak(text=signature).hex()[:8], signature) for _, signature in SELECTORS] == SELECTORS


@given(st.lists(st.tuples(ADDRESSES, st.binary(max_size=100)), max_size=20))
def test_encode__any_calls__as_the_library_encodes_them(calls: list[tuple[Address, bytes]]) -> None:
    ours = multicall.encode([Call(target, data) for target, data in calls])
    theirs = encode(["(address,bool,bytes)[]"], [[(target, True, data) for target, data in calls]])
    assert ours == "0x82ad56cb" + theirs.hex()


@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=100)), max_size=20))
def test_decode__any_answers__as_the_library_encoded_them(answers: list[tuple[bool, bytes]]) -> None:
    data = encode(["(bool,bytes)[]"], [answers])
    assert multicall.decode(data, len(answers)) == tuple(body if success else None for success, body in answers)
    with pytest.raises(Malformed):
        multicall.decode(data, len(answers) + 1)


@given(st.lists(st.binary(min_size=1, max_size=64), min_size=1, max_size=4), st.data())
def test_decode__cut_short__is_refused_or_the_same(bodies: list[bytes], data: st.DataObject) -> None:
    whole = encode(["(bool,bytes)[]"], [[(True, body) for body in bodies]])
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    with suppress(Malformed):
        assert multicall.decode(cut, len(bodies)) == tuple(bodies)  # only padding was lost


@given(st.binary(max_size=400), st.integers(0, 5))
def test_decode__garbage__never_anything_but_malformed(data: bytes, count: int) -> None:
    with suppress(Malformed):
        assert len(multicall.decode(data, count)) == count


@given(UINT, st.integers(min_value=1, max_value=2**256 - 1), st.integers(0, 2**256 - 2))
def test_account__what_the_pool_can_say__is_read(collateral: int, debt: int, health_factor: int) -> None:
    words = [collateral, debt, 0, 10_000, 10_000, health_factor if collateral else 0]
    account = aave.account(encode(["uint256"] * 6, words))
    assert (account.collateral_e8, account.debt_e8, account.health_factor) == (collateral, debt, words[5])


@pytest.mark.parametrize(
    "words",
    [
        [0, 0, 0, 0, 0, 0],
        [5, 0, 0, 0, 0, 10**18],
        [5, 5, 0, 8000, 8000, INFINITE_HF],
        [5, 5, 0, 10_001, 8000, 10**18],
        [5, 5, 0, 8000, 10_001, 10**18],
        [0, 5, 0, 0, 0, 10**18],
        [5, 0, 0, 8000, 8000],
        [5, 0, 0, 8000, 8000, INFINITE_HF, 0],
        [],
    ],
)
def test_account__what_the_pool_cannot_say__is_malformed(words: list[int]) -> None:
    with pytest.raises(Malformed):
        aave.account(encode(["uint256"] * len(words), words))


@given(st.sets(st.integers(0, 127)), st.sets(st.integers(0, 127)))
def test_reserve_ids__any_bitmap__both_kinds_of_use(borrowed: set[int], collateral: set[int]) -> None:
    bitmap = sum(1 << 2 * one for one in borrowed) + sum(1 << 2 * one + 1 for one in collateral)
    assert aave.reserve_ids(bitmap) == borrowed | collateral


def test_configuration__cap_in_whole_tokens__in_smallest_units() -> None:
    bits = (6 << 48) | (1 << 56) | (1 << 57) | (1 << 60) | (1_500 << 116) | (0xFFFF << 152) | (7 << 80)
    found = aave.configuration(bits.to_bytes(32, "big"))
    assert found == aave.Configuration(decimals=6, active=True, frozen=True, paused=True, supply_cap=1_500 * 10**6)
    assert aave.configuration((18 << 48).to_bytes(32, "big")) == aave.Configuration(18, False, False, False, 0)


@given(ADDRESSES)
def test_address__a_word__in_checksum_case(address: Address) -> None:
    word = encode(["address"], [address])
    assert str(abi.address(word)) == str(to_checksum_address(address))
    assert abi.address_word(address) == word
    with pytest.raises(Malformed):
        abi.address(b"\x01" + word[1:])


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (encode(["string"], ["USDC"]), "USDC"),
        (encode(["bytes32"], [b"MKR".ljust(32, b"\0")]), "MKR"),
        (encode(["string"], ["a\n\x1b[31m" + "b" * 99]), "a[31m" + "b" * 27),
    ],
)
def test_symbol__string_or_bytes32__printable_and_short(data: bytes, text: str) -> None:
    assert abi.symbol(data) == text


@pytest.mark.parametrize(
    "data", [b"", b"\0" * 32, encode(["string"], [""]), encode(["string"], ["x"])[:64] + b"", b"\1" * 70]
)
def test_symbol__nothing_to_show__is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        abi.symbol(data)
