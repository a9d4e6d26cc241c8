"""Why a contract refused: names against the compiled contracts, and every way in which nodes wrap the reason."""

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from ultrad.adapters.chain import reverts
from ultrad.adapters.chain.abi import Malformed, data
from ultrad.adapters.chain.rpc import NodeRefused, result_of
from ultrad.adapters.outside import Scrubber
from ultrad.devnet.build import Build
from ultrad.i18n import msg

TOKENS_OWN = {"ECDSA", "SafeCast", "FailedDeployment", "InsufficientBalance", "MissingPrecompile"}
"""Prefixes of errors in libraries that no call of ours reaches."""


def refused(code: int, text: str, value: object = None) -> NodeRefused:
    """What our client makes of an error object."""
    answer = {"id": 1, "error": {"code": code, "message": text, "data": value}}
    with pytest.raises(NodeRefused) as caught:
        result_of("alpha", answer, 1, Scrubber())
    return caught.value


def custom(signature: str, types: str = "", *arguments: object) -> bytes:
    return keccak(text=signature)[:4] + encode(types.split(",") if types else [], arguments)


def string(text: str) -> bytes:
    return custom("Error(string)", "string", text)


@pytest.mark.chain
def test_names__all_errors_of_the_compiled_aave__are_known(devnet_build: Build) -> None:
    for selector, name in devnet_build.compiled()["errors"].items():
        if not name.startswith(tuple(TOKENS_OWN)):
            assert reverts.NAMES[selector[2:]] == name


def test_names__each_meaning__belongs_to_a_known_error() -> None:
    old = {"".join(word.capitalize() for word in name.split("_")) for name in reverts.NUMBERS.values()}
    assert set(reverts._MEANINGS) <= set(reverts.NAMES.values()) | old
    assert len(reverts.NAMES) > 95
    assert (reverts.NUMBERS["51"], reverts.NUMBERS["35"], len(reverts.NUMBERS)) == (
        "SUPPLY_CAP_EXCEEDED",
        "HEALTH_FACTOR_LOWER_THAN_LIQUIDATION_THRESHOLD",
        103,
    )


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (custom("SupplyCapExceeded()"), "SupplyCapExceeded (the reserve is full"),
        (custom("ERC20InsufficientAllowance(address,uint256,uint256)", "uint256", 7), "has not allowed the pool"),
        (custom("InvalidCollateralInEmode(address,uint256)"), "Aave refused it: InvalidCollateralInEmode"),
        (string("51"), "Aave refused it: SUPPLY_CAP_EXCEEDED (the reserve is full"),
        (string("35"), "HEALTH_FACTOR_LOWER_THAN_LIQUIDATION_THRESHOLD (the position could be liquidated"),
        (string("14"), "Aave refused it: RESERVE_ALREADY_ADDED"),
        (string("48"), "the contract refused the call: 48"),
        (string("ERC20: transfer amount exceeds balance"), "refused the call: ERC20: transfer amount exceeds"),
        (string("a\nb\u202e" + "x" * 500), "refused the call: a b x"),
        (string(""), "the contract refused the call: ?"),
        (custom("Error(string)"), "the contract refused the call: ?"),
        (custom("Error(string)", "uint256", 7), "the contract refused the call: ?"),
        (custom("Panic(uint256)", "uint256", 0x11), "(panic 0x11)"),
        (custom("Panic(uint256)"), "(panic 0x0)"),
        (bytes.fromhex("deadbeef"), "error 0xdeadbeef, which is not known here"),
        (bytes.fromhex("de"), "error 0xde, which"),
        (b"", "gave no reason"),
    ],
)
def test_reason__each_kind__in_words(raw: bytes, expected: str) -> None:
    assert expected in str(reverts.reason(raw))
    assert len(str(reverts.reason(raw))) < 200


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (refused(3, "execution reverted", "0x6679996d"), "HealthFactorLowerThanLiquidationThreshold"),
        (
            refused(-32015, "VM execution error.", "Reverted 0x6679996d"),
            "HealthFactorLowerThanLiquidationThreshold",
        ),
        (refused(-32000, "execution reverted", "0x" + string("51").hex()), "SUPPLY_CAP_EXCEEDED"),
        (refused(3, "execution reverted", "0x"), "gave no reason"),
        (refused(3, "execution reverted"), "the node says of the call: execution reverted"),
        (refused(3, "execution reverted", {"0x": 1}), "the node says of the call: execution reverted"),
        (refused(3, "execution reverted", "0x" + "00" * 20_000), "the node says of the call: execution reverted"),
        (refused(-32000, "gas required exceeds allowance (0)"), "gas required exceeds"),
        (refused(-32000, "insufficient funds for transfer"), "insufficient funds"),
        (refused(-32603, "internal trouble"), None),
        (refused(-32000, "header not found", "0x"), None),
    ],
)
def test_verdict__each_nodes_way__of_the_call_or_of_the_node(error: NodeRefused, expected: str | None) -> None:
    found = reverts.verdict(error)
    if expected is None:
        assert found is None
    else:
        assert expected in str(found)


@given(st.binary(max_size=200))
def test_reason__any_bytes__some_words(raw: bytes) -> None:
    for start in (b"", custom("Error(string)"), custom("Panic(uint256)")):
        assert str(reverts.reason(start + raw)).isprintable()


@pytest.mark.parametrize("value", [None, 7, "", "12", "0x1", "0xzz", "0x é"])
def test_data__no_bytes__malformed(value: object) -> None:
    with pytest.raises(Malformed):
        data(value)
    assert data("0x0aFF") == b"\x0a\xff"


def test_refused__made_by_hand__says_nothing_of_data() -> None:
    assert reverts.verdict(NodeRefused(msg("x"), -1, "x")) is None
