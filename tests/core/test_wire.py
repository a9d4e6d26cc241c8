"""The records' JSON: whatever they hold comes back as it was, and nothing else is let in."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fakes.operations import recorded, status
from ultrad.core.events import Event, Level, Recorded, Severity
from ultrad.core.status import EstopStatus, JobLine, Status
from ultrad.core.wire import EXACT_IN_DOUBLES, WireError, from_json, to_json
from ultrad.i18n import Message, msg
from ultrad.operations import ResumeAnswer, ResumeRequest
from ultrad.units import Now, Wad

WORDS = st.text(max_size=8)
UINT256 = st.integers(-(2**256), 2**256)
FIGURES = st.one_of(WORDS, UINT256)
PLAIN = st.sampled_from(("", "all is well", "{{ }}", "口座"))
MESSAGES = st.recursive(
    st.builds(Message, PLAIN),
    lambda inner: st.builds(
        lambda one, other: msg("{one} and {other}", one=one, other=other),
        st.one_of(FIGURES, inner),
        st.one_of(FIGURES, inner),
    ),
    max_leaves=4,
)
JSONS = st.recursive(
    st.one_of(st.none(), st.booleans(), UINT256, WORDS),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(WORDS, inner, max_size=2)),
    max_leaves=4,
)
NOWS = st.builds(Now, UINT256, UINT256)
EVENTS = st.builds(
    Event,
    kind=WORDS,
    level=st.sampled_from(Level),
    now=NOWS,
    message=MESSAGES,
    data=st.dictionaries(WORDS, JSONS, max_size=3),
    key=st.none() | WORDS,
)
st.register_type_strategy(Message, MESSAGES)
st.register_type_strategy(Event, EVENTS)
st.register_type_strategy(int, UINT256)
st.register_type_strategy(str, WORDS)


@dataclass(frozen=True, slots=True)
class Small:
    number: int
    pair: tuple[int, str]
    perhaps: Wad | None = None
    severity: Severity = Severity.S3


@pytest.mark.parametrize(
    "cls", [Status, EstopStatus, JobLine, Recorded, ResumeRequest, ResumeAnswer, tuple[Recorded, ...]]
)
@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None)
@given(data=st.data())
def test_wire__any_record__comes_back_the_same(cls: Any, data: st.DataObject) -> None:
    value = data.draw(st.from_type(cls))
    assert from_json(cls, json.loads(json.dumps(to_json(value)))) == value


def test_wire__a_whole_status__comes_back_the_same() -> None:
    assert from_json(Status, json.loads(json.dumps(to_json(status())))) == status()


@pytest.mark.parametrize(
    ("number", "written"),
    [
        (0, 0),
        (EXACT_IN_DOUBLES, EXACT_IN_DOUBLES),
        (-EXACT_IN_DOUBLES, -EXACT_IN_DOUBLES),
        (EXACT_IN_DOUBLES + 1, "9007199254740993"),
        (2**256 - 1, str(2**256 - 1)),
        (-EXACT_IN_DOUBLES - 1, "-9007199254740993"),
    ],
)
def test_wire__integers__are_text_where_doubles_would_round_them(number: int, written: object) -> None:
    assert to_json(Now(number, 1)) == {"wall_ms": written, "steady_ms": 1}


def test_wire__enums__are_words() -> None:
    assert to_json((Level.ALERT, Severity.S1)) == ["alert", "S1"]


def test_wire__messages__stand_as_everywhere() -> None:
    written = to_json(msg("{a} and {b}", a=1, b=msg("c")))
    assert written == {"text": "{a} and {b}", "args": {"a": 1, "b": {"text": "c", "args": {}}}}


def test_wire__missing_field_with_default__is_the_default() -> None:
    assert from_json(Small, {"number": 1, "pair": [2, "b"]}) == Small(1, (2, "b"))


@pytest.mark.parametrize(
    ("data", "path", "said"),
    [
        ([], "", "must be an object"),
        (None, "", "must be an object"),
        ({"pair": [1, "a"]}, "number", "number: is missing"),
        ({"number": 1, "pair": [1, "a"], "b": 1, "a": 2}, "a", "a: is not known here"),
        ({"number": True, "pair": [1, "a"]}, "number", "number: must be a whole number"),
        ({"number": 1.0, "pair": [1, "a"]}, "number", "number: must be a whole number"),
        ({"number": "0x10", "pair": [1, "a"]}, "number", "number: must be a whole number"),
        ({"number": "9" * 101, "pair": [1, "a"]}, "number", "number: must be a whole number"),
        ({"number": 1, "pair": {}}, "pair", "pair: must be a list"),
        ({"number": 1, "pair": [1]}, "pair", "pair: must have 2 items"),
        ({"number": 1, "pair": [1, 2]}, "pair[1]", "pair[1]: must be text"),
        ({"number": 1, "pair": [1, "a"], "perhaps": "x"}, "perhaps", "perhaps: must be a whole number"),
        (
            {"number": 1, "pair": [1, "a"], "severity": "s1"},
            "severity",
            "severity: must be one of S1, S2, S3",
        ),
    ],
)
def test_from_json__what_does_not_fit__is_refused_with_its_place(data: object, path: str, said: str) -> None:
    with pytest.raises(WireError) as caught:
        from_json(Small, data)
    assert (caught.value.path, str(caught.value)) == (path, said)


def test_from_json__deep_mistake__names_the_whole_path() -> None:
    written = json.loads(json.dumps(to_json((recorded(),))))
    written[0]["event"]["now"]["wall_ms"] = None
    with pytest.raises(WireError, match=r"^\[0\]\.event\.now\.wall_ms: must be a whole number$"):
        from_json(tuple[Recorded, ...], written)


@pytest.mark.parametrize(("name", "bad"), [("message", {"text": 1}), ("message", "text"), ("data", [])])
def test_from_json__bad_message_or_data__is_refused(name: str, bad: object) -> None:
    written = json.loads(json.dumps(to_json(recorded())))
    written["event"][name] = bad
    with pytest.raises(WireError, match=f"^event.{name}: "):
        from_json(Recorded, written)


def test_from_json__truth__is_no_number_and_no_word() -> None:
    for bad in (1, "true", None):
        with pytest.raises(WireError, match=r"^staging: must be true or false$"):
            from_json(ResumeRequest, {"staging": bad})


@pytest.mark.parametrize("value", [1.5, object(), [1], Now])
def test_to_json__what_it_does_not_cover__is_a_fault_of_the_program(value: object) -> None:
    with pytest.raises(TypeError):
        to_json(value)


@pytest.mark.parametrize("hint", [float, int | str, int | str | None, Any, set[int]])
def test_from_json__what_it_does_not_cover__is_a_fault_of_the_program(hint: Any) -> None:
    with pytest.raises(TypeError):
        from_json(hint, 1)


def test_to_json__a_mapping__passes_as_it_is() -> None:
    data: Mapping[str, Any] = {"a": [2**70, None]}
    assert to_json(data) == data
