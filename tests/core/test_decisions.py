"""What others hand in: each field at its edges, and all that is wrong at once."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ultrad.core.decisions import FIELDS, Decision, DecisionError, decision_of
from ultrad.core.signals import Action, Source
from ultrad.units import Now

AT_S = 1_772_452_800
GOOD: dict[str, object] = {
    "id": "news-42",
    "action": "BUY",
    "confidence": 80,
    "reason": "a  rate\tcut",
    "timestamp": AT_S,
}


def _mistakes(data: object, now_ms: int | None = None) -> dict[str, str]:
    with pytest.raises(DecisionError) as caught:
        decision_of(data, Source.HTTP, now_ms)
    return {name: str(message) for name, message in caught.value.mistakes}


def test_decision_of__good_body__as_it_was_meant() -> None:
    assert decision_of(GOOD, Source.HTTP) == Decision(
        Source.HTTP, "news-42", Action.BUY, Decimal(80), "a rate cut", AT_S * 1_000
    )


def test_decision_of__named_source__its_ids_are_its_own() -> None:
    decision = decision_of({**GOOD, "source": "judge-1"}, Source.HTTP)
    assert decision.id == "judge-1/news-42"
    assert decision.signal(Now(1, 2)).key == "http:judge-1/news-42"


def test_decision_of__everything_wrong__every_field_named_at_once() -> None:
    data = {
        "id": "a b",
        "action": "buy",
        "confidence": "80",
        "reason": 5,
        "timestamp": "now",
        "source": "",
        "x": 1,
    }
    assert set(_mistakes(data)) == set(FIELDS) | {"x"}


def test_decision_of__nothing__what_is_required_is_asked_for() -> None:
    assert set(_mistakes({})) == {"id", "action", "confidence", "timestamp"}
    with pytest.raises(DecisionError, match=r"action: is missing \(fields at fault: action, confidence, id"):
        decision_of({}, Source.HTTP)


def test_decision_of__no_timestamp_where_now_stands_for_it__now() -> None:
    data = {name: value for name, value in GOOD.items() if name not in {"timestamp", "reason"}}
    decision = decision_of(data, Source.OPERATOR, 5)
    assert (decision.at_ms, decision.reason) == (5, "")


@pytest.mark.parametrize("data", [None, [], "BUY", 5])
def test_decision_of__no_object__refused_as_a_whole(data: object) -> None:
    assert _mistakes(data) == {"": "The body must be a JSON object."}


@pytest.mark.parametrize(
    ("field", "good", "bad"),
    [
        ("id", ["a", "A" * 64, "1.2_3:4-5"], ["", "A" * 65, "-a", "a;b", "a=b", "あ", "a/b", 5, None]),
        ("source", ["x", "x" * 32], ["", "x" * 33, "a:b", 1]),
        ("action", ["SELL", "HOLD"], ["", "sell", 1, None, []]),
        ("confidence", [0, 100, Decimal("99.99"), Decimal("1E+1")], [-1, 101, Decimal("0.001"), True, "80", None]),
        ("confidence", [], [Decimal("NaN"), Decimal("Infinity"), Decimal("-0.01"), Decimal("100.01")]),
        ("reason", ["", "x" * 500, "日本語"], ["x" * 501, "a\x00b", 5, None]),
        (
            "timestamp",
            [1, "2026-11-23T09:00:00+09:00", "2026-11-23T00:00:00Z"],
            [0, -1, 10**12, True, "2026-11-23T09:00:00", "yesterday", None, Decimal("1.5")],
        ),
    ],
)
def test_decision_of__each_field__at_its_edges(field: str, good: list[object], bad: list[object]) -> None:
    for value in good:
        decision_of({**GOOD, field: value}, Source.HTTP)
    for value in bad:
        assert set(_mistakes({**GOOD, field: value})) == {field}, value


@given(st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_decision_of__times_as_text_or_seconds__the_same(at: datetime) -> None:
    at = at.replace(microsecond=0)
    text, seconds = ({**GOOD, "timestamp": value} for value in (at.isoformat(), int(at.timestamp())))
    assert decision_of(text, Source.HTTP) == decision_of(seconds, Source.HTTP)


@given(
    st.dictionaries(
        st.sampled_from([*FIELDS, "x"]),
        st.none()
        | st.booleans()
        | st.integers()
        | st.decimals()
        | st.text()
        | st.lists(st.integers(), max_size=1),
    )
)
def test_decision_of__anything__a_decision_or_a_refusal(data: dict[str, object]) -> None:
    try:
        decision_of(data, Source.HTTP)
    except DecisionError as error:
        assert error.mistakes  # noqa: PT017 - either is right
