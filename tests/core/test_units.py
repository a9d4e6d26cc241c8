from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ultrad.units import INFINITE_HF, WAD, bps_text, hf_text, short_address, usd_text, wad


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1.6", 1_600_000_000_000_000_000),
        ("0.05", 50_000_000_000_000_000),
        ("1.0000000000000000019", WAD + 1),
        ("-0.0000000000000000001", -1),
        ("123456789012345678901234567890.000000000000000001", 123456789012345678901234567890 * WAD + 1),
    ],
)
def test_wad__decimal__is_exact_and_rounds_down(value: str, expected: int) -> None:
    assert wad(Decimal(value)) == expected


@given(st.integers(0, 2**256 - 2))
def test_hf_text__any__never_looks_safer_than_it_is(value: int) -> None:
    shown = wad(Decimal(hf_text(value)))
    assert shown <= value < shown + 10**14


@pytest.mark.parametrize(
    ("value", "digits", "expected"),
    [
        (16 * WAD // 10, 4, "1.6000"),
        (16 * WAD // 10 - 1, 4, "1.5999"),
        (16 * WAD // 10 - 1, 2, "1.59"),
        (WAD // 100, 4, "0.0100"),
        (INFINITE_HF, 4, "∞"),
    ],
)
def test_hf_text__edges__are_as_written(value: int, digits: int, expected: str) -> None:
    assert hf_text(value, digits) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, "$0.00"),
        (1, "$0.00"),
        (-1, "-$0.01"),
        (-(10**6), "-$0.01"),
        (123_456_789 * 10**6, "$1,234,567.89"),
        (-(10**8) - 1, "-$1.01"),
    ],
)
def test_usd_text__edges__rounds_toward_minus_infinity(value: int, expected: str) -> None:
    assert usd_text(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"), [(0, "0.00%"), (2_001, "20.01%"), (-5, "-0.05%"), (-10_000, "-100.00%")]
)
def test_bps_text__edges__are_as_written(value: int, expected: str) -> None:
    assert bps_text(value) == expected


def test_short_address__address__shows_first_six_and_last_four() -> None:
    assert short_address("0x87870Bca3F3fD6335C3F4ce8392D69350B4fA4E2") == "0x8787…A4E2"


def test_short_address__nothing_to_cut__is_left() -> None:
    assert short_address("0x12345678") == "0x12345678"
