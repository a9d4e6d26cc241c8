import json
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ultrad.core.events import Event, Json, Level
from ultrad.core.record import MAX_CHARS, MAX_DEPTH, Row, clean_text, genesis, link, pack, repeated, unpack
from ultrad.i18n import Message, msg
from ultrad.units import Now

plain_text = st.text(st.characters(codec="utf-8"), max_size=8)
figures = st.one_of(st.none(), st.booleans(), st.integers(-(2**300), 2**300), plain_text)
values: st.SearchStrategy[Json] = st.recursive(
    figures, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(plain_text, inner, max_size=3))
)
templates = plain_text.map(lambda text: text.replace("{", "{{").replace("}", "}}"))
messages = st.recursive(
    st.builds(Message, templates),
    lambda inner: st.builds(
        Message,
        templates,
        st.dictionaries(plain_text, st.one_of(plain_text, st.integers(), inner), max_size=3).map(
            lambda args: tuple(args.items())
        ),
    ),
    max_leaves=4,
)
moments = st.integers(-(2**63), 2**63 - 1)
events = st.builds(
    Event,
    plain_text,
    st.sampled_from(Level),
    st.builds(Now, moments, moments),
    messages,
    st.dictionaries(plain_text, values, max_size=3),
    st.none() | plain_text,
)


def _event(data: dict[str, Json] | None = None, now: Now = Now(1, 2), text: str = "hello") -> Event:  # noqa: B008 - frozen
    return Event("test.event", Level.INFO, now, msg(text), data or {})


@given(events)
def test_pack__any_event__comes_back_the_same(event: Event) -> None:
    assert unpack(pack(event)) == event


@pytest.mark.parametrize(
    "bad",
    [1.5, float("nan"), b"x", {1: 2}, [0.0], {"a": {"b": {1, 2}}}, object()],
    ids=lambda bad: type(bad).__name__,
)
def test_pack__data_that_has_no_one_form__type_error(bad: object) -> None:
    with pytest.raises(TypeError):
        pack(_event({"figure": bad}))  # type: ignore[dict-item]


def test_pack__tuples_and_levels__kept_as_lists_and_integers() -> None:
    row = pack(_event({"a": (1, (2,)), "level": Level.ALERT}))  # type: ignore[dict-item]
    assert row.data == '{"a":[1,[2]],"level":2}'


def test_pack__nested_too_deeply__value_error() -> None:
    nested: Json = []
    for _ in range(MAX_DEPTH - 2):
        nested = [nested]
    pack(_event({"a": nested}))
    with pytest.raises(ValueError, match="deeper"):
        pack(_event({"a": [nested]}))


def test_pack__too_long__value_error() -> None:
    pack(_event(text="x" * (MAX_CHARS - 14)))
    with pytest.raises(ValueError, match="longer"):
        pack(_event(text="x" * (MAX_CHARS - 13)))


@pytest.mark.parametrize("now", [Now(2**63, 0), Now(0, 2**63), Now(-(2**63) - 1, 0)])
def test_pack__time_beyond_any_clock__value_error(now: Now) -> None:
    with pytest.raises(ValueError, match="clock"):
        pack(_event(now=now))


def test_pack__text_that_utf8_cannot_hold__kept_visibly() -> None:
    event = Event(
        "a", Level.INFO, Now(0, 0), msg("file {name}", name="bad\udcff"), {"\ud800": "\udfff"}, "key\udcff"
    )
    row = pack(event)
    assert row.key == "key\\udcff"
    assert unpack(row).data == {"\\ud800": "\\udfff"}
    assert str(unpack(row).message) == "file bad\\udcff"


@pytest.mark.parametrize(
    "row",
    [
        Row("k", 0, 0, 0, None, "t", "{}", "[]"),
        Row("k", 0, 0, 0, None, "t", "[]", "{}"),
        Row("k", 0, 0, 0, None, "t", '{"a":{}}', "{}"),
        Row("k", 0, 0, 0, None, "t", "{", "{}"),
        Row("k", 9, 0, 0, None, "t", "{}", "{}"),
    ],
)
def test_unpack__what_nobody_packed__value_error(row: Row) -> None:
    with pytest.raises(ValueError, match=r"no object|not a message|Expecting|not a valid Level"):
        unpack(row)


def test_link__as_documented__reproduced_by_hand() -> None:
    row = Row("estop.on", 4, 1_700_000_000_000, 5, None, 'HF {hf} "low" 危険', '{"hf":"1.58"}', '{"a":1}')
    record = '[7,"estop.on",4,1700000000000,5,null,"HF {hf} \\"low\\" 危険","{\\"hf\\":\\"1.58\\"}","{\\"a\\":1}"]'
    start = sha256(b"ultrad journal 0123").digest()
    assert genesis("0123") == start
    assert link(start, 7, row) == sha256(start + record.encode()).digest()


rows = st.builds(
    Row,
    plain_text,
    st.integers(0, 4),
    moments,
    moments,
    st.none() | plain_text,
    plain_text,
    plain_text,
    plain_text,
)


@given(rows, rows, st.integers(1, 9), st.integers(1, 9))
def test_link__two_rows__same_hash_only_if_the_same(one: Row, two: Row, seq: int, other: int) -> None:
    start = genesis("x")
    assert (link(start, seq, one) == link(start, other, two)) == ((seq, one) == (other, two))
    assert link(start, seq, one) != link(genesis("y"), seq, one)


@given(st.text(max_size=4), st.text(max_size=4))
def test_link__text_moved_between_columns__another_hash(left: str, right: str) -> None:
    left, right = clean_text(left), clean_text(right)
    whole = Row("k", 0, 0, 0, None, "t", left + right, "")
    split = Row("k", 0, 0, 0, None, "t", left, right)
    assert (link(b"", 1, whole) == link(b"", 1, split)) == (right == "")


def test_link__bytes_that_are_no_utf8__a_hash_of_their_own() -> None:
    escaped = Row("k", 0, 0, 0, None, b"\xff".decode("utf-8", "surrogateescape"), "{}", "{}")
    spelled = Row("k", 0, 0, 0, None, "\\udcff", "{}", "{}")
    assert link(b"", 1, escaped) != link(b"", 1, spelled)
    assert genesis(b"\xff".decode("utf-8", "surrogateescape")) != genesis("\\udcff")


def test_repeated__any_row__keeps_all_of_it_without_the_key() -> None:
    row = pack(Event("notice", Level.INFO, Now(3, 4), msg("n {n}", n=1), {"a": "x" * (MAX_CHARS // 2)}, "id-1"))
    again = unpack(repeated(row))
    assert (again.key, again.now, again.level) == (None, Now(3, 4), Level.WARNING)
    assert json.loads(str(again.data["data"])) == {"a": "x" * (MAX_CHARS // 2)}
    assert "notice" in str(again.message)
