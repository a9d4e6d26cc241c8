from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ultrad.core.events import Event, Json, Level
from ultrad.core.readings import (
    SLOT_MS,
    HourFacts,
    Kept,
    Span,
    damaged_event,
    hour_facts,
    ordered,
    outstanding,
    seal_event,
    sealed_facts,
    thinned_event,
    unordered,
)
from ultrad.i18n import msg
from ultrad.units import INFINITE_HF, Now

uint256 = st.integers(0, 2**256 - 1)
int257 = st.integers(-(2**256), 2**256)


def _kept(look: int, position: str = "a", hf: int = 2, net: int = 1, steady_ms: int = 0) -> Kept:
    return Kept(look, 0, steady_ms, 9, position, "e", 5, "0xab", 6, hf, net, 0, net)


@given(int257, int257)
def test_ordered__two_integers__bytes_sort_as_they_do(one: int, two: int) -> None:
    assert (ordered(one) < ordered(two)) == (one < two)
    assert unordered(ordered(one)) == one


def test_ordered__usual_figures__short() -> None:
    assert ordered(0) == b"\x80"
    assert len(ordered(18 * 10**17)) == 9
    assert len(ordered(INFINITE_HF)) == 33


def test_ordered__too_long__value_error() -> None:
    assert unordered(ordered(256**126 - 1)) == 256**126 - 1
    with pytest.raises(ValueError, match="long"):
        ordered(256**126)


@pytest.mark.parametrize(
    "data", [b"", b"\x81", b"\x80\0", b"\x82\0\1", b"\x7f", b"\x7e", b"\x7e\xff", b"\x81\1\1"]
)
def test_unordered__what_ordered_never_gives__value_error(data: bytes) -> None:
    with pytest.raises(ValueError, match="no kept integer"):
        unordered(data)


@given(st.binary(max_size=6))
def test_unordered__any_bytes__one_integer_has_one_form(data: bytes) -> None:
    try:
        value = unordered(data)
    except ValueError:
        return
    assert ordered(value) == data


def test_hour_facts__as_documented__reproduced_by_hand() -> None:
    rows = [_kept(1, hf=5), _kept(2, "b", hf=INFINITE_HF), _kept(3, hf=3)]
    lines = (
        '[1,0,0,9,"a","e",5,"0xab",6,5,1,0,1]\n'
        f'[2,0,0,9,"b","e",5,"0xab",6,{INFINITE_HF},1,0,1]\n'
        '[3,0,0,9,"a","e",5,"0xab",6,3,1,0,1]\n'
    )
    digest = sha256(lines.encode()).hexdigest()
    spans = (Span("a", 3, 5), Span("b", INFINITE_HF, INFINITE_HF))
    assert hour_facts(7, iter(rows)) == HourFacts(7, 3, digest, spans)


@pytest.mark.parametrize("name", [field for field in Kept.__slots__])  # noqa: C416 - a list of parameters
def test_hour_facts__any_field_changed__another_digest(name: str) -> None:
    row = _kept(1)
    value = getattr(row, name)
    changes: dict[str, Any] = {name: value + 1 if isinstance(value, int) else f"{value} "}
    other = replace(row, **changes)
    assert hour_facts(0, [row]).digest != hour_facts(0, [other]).digest


readings = st.lists(
    st.builds(
        _kept,
        look=st.just(0),
        position=st.sampled_from("ab"),
        hf=uint256,
        net=int257,
        steady_ms=st.integers(0, 3 * SLOT_MS),
    ),
    max_size=40,
).map(
    lambda rows: [
        replace(row, look=look, steady_ms=steady_ms)
        for look, (row, steady_ms) in enumerate(zip(rows, sorted(row.steady_ms for row in rows), strict=True))
    ]
)


@given(readings)
def test_outstanding__any_hour__keeps_ends_and_extremes_of_each_slot_in_order(rows: list[Kept]) -> None:
    staying = outstanding(iter(rows))
    assert list(staying) == [row for row in rows if row in staying]
    slots = {(row.position, row.steady_ms // SLOT_MS) for row in rows}
    assert len(staying) <= 6 * len(slots)
    for position, slot in slots:
        before = [row for row in rows if (row.position, row.steady_ms // SLOT_MS) == (position, slot)]
        after = [row for row in staying if (row.position, row.steady_ms // SLOT_MS) == (position, slot)]
        assert (after[0], after[-1]) == (before[0], before[-1])
        for pick in (min, max):
            assert pick(row.health_factor for row in after) == pick(row.health_factor for row in before)
            assert pick(row.net_e8 for row in after) == pick(row.net_e8 for row in before)


@given(readings)
def test_outstanding__already_thinned__changes_nothing(rows: list[Kept]) -> None:
    staying = outstanding(rows)
    assert outstanding(staying) == staying
    assert hour_facts(0, staying).spans == hour_facts(0, rows).spans


@given(readings, st.integers(0, 5))
def test_seal_event__any_hour__its_facts_come_back(rows: list[Kept], lost: int) -> None:
    facts = hour_facts(3, rows)
    event = seal_event(facts, lost, Now(1, 2))
    assert sealed_facts(event) == facts
    assert (event.key, event.data["lost"]) == ("3", lost)
    assert event.level == (Level.WARNING if lost else Level.INFO)


def test_thinned_event__facts__come_back_without_spans() -> None:
    before, after = hour_facts(3, [_kept(1), _kept(2)]), hour_facts(3, [_kept(1)])
    event = thinned_event(before, after, Now(1, 2))
    assert sealed_facts(event) == replace(after, spans=())
    assert "1 of 2" in str(event.message)


def test_damaged_event__hour__critical_and_keyed() -> None:
    event = damaged_event(4, Now(1, 2))
    assert (event.key, event.level) == ("4", Level.CRITICAL)


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"hour": "1", "count": 1, "digest": ""},
        {"hour": 1, "count": 1, "digest": "", "positions": {"a": ["1"]}},
        {"hour": 1, "count": 1, "digest": "", "positions": {"a": ["1", "x"]}},
    ],
)
def test_sealed_facts__what_seals_nothing__value_error(data: dict[str, Json]) -> None:
    with pytest.raises(ValueError, match=r"not a s|invalid literal"):
        sealed_facts(Event("readings.seal", Level.INFO, Now(0, 0), msg("x"), data))
