from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.make_trades import signal
from ultrad.core.events import Event, Json, Level
from ultrad.core.record import pack, unpack
from ultrad.core.signals import MAX_CONFIDENCE, Action, Signal, Source
from ultrad.i18n import msg
from ultrad.units import Now

words = st.text(st.characters(codec="utf-8"), max_size=8)
times = st.integers(-(2**63), 2**63 - 1)
signals = st.builds(
    Signal,
    st.sampled_from(Source),
    words,
    st.sampled_from(Action),
    st.decimals(0, MAX_CONFIDENCE),
    words,
    times,
    st.builds(Now, times, times),
)
WHOLE = signal().json()


@given(signals)
def test_signal__through_the_journal__is_the_same(one: Signal) -> None:
    event = Event("test", Level.INFO, Now(0, 0), msg("x"), {"signal": one.json()})
    assert Signal.from_json(unpack(pack(event)).data["signal"]) == one


@given(signals, signals)
def test_key__source_and_id__tell_decisions_apart(one: Signal, other: Signal) -> None:
    assert (one.key == other.key) is ((one.source, one.id) == (other.source, other.id))


@pytest.mark.parametrize("confidence", ["0", "-0", "0.01", "99.99", "100", "1E+2"])
def test_signal__confidence_within_0_and_100__is_one(confidence: str) -> None:
    assert signal(confidence=confidence).confidence == Decimal(confidence)


@pytest.mark.parametrize("confidence", ["NaN", "sNaN", "Infinity", "-Infinity", "-0.01", "100.01", "1E+3"])
def test_signal__confidence_that_no_rule_can_compare__value_error(confidence: str) -> None:
    with pytest.raises(ValueError, match="a confidence of"):
        signal(confidence=confidence)
    with pytest.raises(ValueError, match="a confidence of"):
        Signal.from_json(WHOLE | {"confidence": confidence})


BAD: dict[str, list[Json]] = {
    "source": [None, "mail"],
    "action": [None, "buy", "SHORT"],
    "confidence": [None, "", "high", "0x10", []],
    "at_ms": [None, "now", []],
    "arrived": [None, 1, [1], [1, 2, 3], ["a", "b"], [None, 1]],
}
WRONG: list[Json] = [
    None,
    [],
    "BUY",
    1,
    {},
    *({name: value for name, value in WHOLE.items() if name != gone} for gone in WHOLE),
    *(WHOLE | {name: bad} for name, many in BAD.items() for bad in many),
]


@pytest.mark.parametrize("data", WRONG)
def test_signal_from_json__anything_else__raises_what_the_fold_expects(data: Json) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        Signal.from_json(data)
