import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.make import cause, recorded
from ultrad.core.estop import Cause, fold, trip_event
from ultrad.core.messages import FOREIGN_DEPTH, MAX_DEPTH, message_from_json, message_json
from ultrad.core.record import pack, unpack
from ultrad.i18n import Message, catalogue, msg

names = st.from_regex(r"[a-z_]{1,8}", fullmatch=True)
plain = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
literal = plain.map(lambda text: text.replace("{", "{{").replace("}", "}}"))


def messages() -> st.SearchStrategy[Message]:
    def said(values: st.SearchStrategy[str | int | Message]) -> st.SearchStrategy[Message]:
        return st.builds(
            lambda text, args: Message(text + "".join(f"{{{name}}}" for name in args), tuple(args.items())),
            literal,
            st.dictionaries(names, values, max_size=3),
        )

    figures = plain | st.integers()
    return said(figures | said(figures | said(figures)))


@given(messages())
def test_message__through_json__is_the_same_and_can_be_rendered(message: Message) -> None:
    back = message_from_json(json.loads(json.dumps(message_json(message))))
    assert back == message
    assert str(back) == str(message)


@pytest.mark.parametrize(
    "data",
    [
        None,
        "text",
        [],
        {},
        {"text": "a"},
        {"text": 1, "args": {}},
        {"text": "a", "args": []},
        {"text": "{x}", "args": {"x": 1.5}},
        {"text": "{x}", "args": {"x": None}},
        {"text": "{x}", "args": {"x": {"text": "a"}}},
        {"text": "{missing}", "args": {}},
        {"text": "{", "args": {}},
        {"text": "}", "args": {}},
        {"text": "{}", "args": {"": 1}},
        {"text": "{0}", "args": {"0": 1}},
        {"text": "{x:>999999999}", "args": {"x": 1}},
        {"text": "{x!r}", "args": {"x": 1}},
        {"text": "{x.__class__}", "args": {"x": 1, "x.__class__": 1}},
        {"text": "{x[0]}", "args": {"x": "a", "x[0]": 1}},
    ],
)
def test_message_from_json__anything_else__raises_value_error(data: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever it says
        message_from_json(data)


def test_message_from_json__nested_without_end__raises_value_error() -> None:
    message = msg("x")
    for _ in range(MAX_DEPTH - 1):
        message = msg("{x}", x=message)
    assert message_from_json(message_json(message)) == message
    with pytest.raises(ValueError, match="not a message"):
        message_from_json(message_json(msg("{x}", x=message)))
    deep: object = "x"
    for _ in range(500):
        deep = {"text": "{x}", "args": {"x": deep}}
    with pytest.raises(ValueError, match="not a message"):
        message_from_json(deep)


@pytest.mark.parametrize("depth", range(1, MAX_DEPTH + 4))
def test_cause__any_message_that_is_accepted__is_recorded_and_read_back(depth: int) -> None:
    message = msg("x")
    for _ in range(depth - 1):
        message = msg("{cause}", cause=message)
    written = replace(cause(), message=message).json()
    try:
        accepted = Cause.from_json(written)
    except ValueError:
        assert depth > MAX_DEPTH
        return
    event = unpack(pack(trip_event(accepted, accepted.at, flag=True)))
    assert fold(recorded(event)).causes == (accepted,)


def test_foreign_cause__deepest_that_is_accepted__leaves_room_for_what_is_said_of_it() -> None:
    assert 2 * FOREIGN_DEPTH <= MAX_DEPTH


def test_catalogue__nested_messages_and_plain_text__are_rendered() -> None:
    english = catalogue("en")
    assert english(msg("{a} and {b}", a=msg("({c})", c=1), b="{c}")) == "(1) and {c}"
    assert english("{plain}") == "{plain}"
    assert english(msg("")) == ""
