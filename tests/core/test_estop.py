import itertools
import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.core.make import at, cause, hf, recorded
from ultrad.core import estop
from ultrad.core.estop import (
    TABLE,
    Cause,
    EstopState,
    IllegalStepError,
    Mode,
    Override,
    Step,
    describe,
    flag_doubted,
    flag_stood,
    flag_stood_event,
    fold,
    overridden,
    override_end_event,
    override_ended,
    override_event,
    resume_event,
    resumed,
    resumed_in_vain,
    trip_event,
    tripped,
)
from ultrad.core.events import Event, Json, Level
from ultrad.core.limits import EstopRules
from ultrad.i18n import Message, msg
from ultrad.units import Now, Wad

RULES = EstopRules()
OVERRIDE = Override(at(60), "unknown", (("hf_low", "main", hf("1.5")), ("operator", "hanako", None)))

STATES = {
    Mode.OFF: EstopState(),
    Mode.ON: EstopState(Mode.ON, (cause(),), since=at(0)),
    Mode.OVERRIDDEN: EstopState(Mode.OVERRIDDEN, (cause(),), OVERRIDE, since=at(60)),
}
STEPS: dict[Step, Callable[[EstopState], EstopState]] = {
    Step.TRIP: lambda state: tripped(state, cause("other"), flag_stood=True),
    Step.OVERRIDE: lambda state: overridden(state, OVERRIDE),
    Step.OVERRIDE_END: lambda state: override_ended(state, at(99)),
    Step.RESUME: lambda state: resumed(state, at(99)),
    Step.FLAG_STOOD: flag_stood,
}


# ---------------------------------------------------------------- the table


@pytest.mark.parametrize(("mode", "step"), [*itertools.product(Mode, Step)])
def test_table__every_pair__is_a_step_or_raises(mode: Mode, step: Step) -> None:
    if (mode, step) in TABLE:
        assert STEPS[step](STATES[mode]).mode is TABLE[mode, step]
    else:
        with pytest.raises(IllegalStepError, match=f"{step.value} while {mode.value}"):
            STEPS[step](STATES[mode])


def test_table__every_mode__can_be_tripped() -> None:
    assert all(TABLE[mode, Step.TRIP] is Mode.ON for mode in Mode)


def test_table__leaving_on__takes_a_person() -> None:
    out = {step for (mode, step), after in TABLE.items() if mode is Mode.ON and after is not Mode.ON}
    assert out == {Step.OVERRIDE, Step.RESUME}


# ---------------------------------------------------------------- steps


def test_tripped__from_off__has_only_this_cause_and_begins_now() -> None:
    state = tripped(EstopState(resumed_at=at(1)), cause(when=at(5)), flag_stood=False)
    assert state == EstopState(Mode.ON, (cause(when=at(5)),), since=at(5), resumed_at=at(1))


def test_tripped__while_on__keeps_each_cause_once_and_its_beginning() -> None:
    state = tripped(STATES[Mode.ON], cause("operator", "hanako", at(5)), flag_stood=True)
    state = tripped(state, cause(when=at(9)), flag_stood=True)
    assert [one.key for one in state.causes] == [("operator", "hanako"), ("hf_low", "main")]
    assert (state.causes[1].at, state.since) == (at(9), at(0))
    assert state.has(("hf_low", "main"))
    assert not state.has(("hf_low", "second"))


def test_tripped__while_overridden__ends_the_override_and_keeps_the_causes() -> None:
    state = tripped(STATES[Mode.OVERRIDDEN], cause("value_moved", when=at(70)), flag_stood=True)
    assert [one.code for one in state.causes] == ["hf_low", "value_moved"]
    assert (state.override, state.since) == (None, at(70))


def test_tripped__flag_not_durable__is_not_taken_for_removed() -> None:
    stood = tripped(EstopState(), cause(), flag_stood=True)
    assert not tripped(stood, cause("other"), flag_stood=False).flag_stood


def test_flag_doubted__flag_that_stood__is_not_known_to() -> None:
    stood = tripped(EstopState(), cause(), flag_stood=True)
    assert flag_stood(flag_doubted(stood)) == stood
    assert not flag_doubted(stood).flag_stood


def test_overridden__on__keeps_causes_and_forgets_the_flag() -> None:
    state = overridden(tripped(EstopState(), cause(), flag_stood=True), OVERRIDE)
    assert (state.causes, state.override, state.flag_stood, state.since) == ((cause(),), OVERRIDE, False, at(60))


def test_resumed__from_either__leaves_nothing_and_begins_the_baseline() -> None:
    for mode in (Mode.ON, Mode.OVERRIDDEN):
        assert resumed(STATES[mode], at(99)) == EstopState(since=at(99), resumed_at=at(99))


def test_override_ended__keeps_the_baseline_of_the_last_resume() -> None:
    state = tripped(EstopState(resumed_at=at(3)), cause(), flag_stood=True)
    ended = override_ended(overridden(state, OVERRIDE), at(99))
    assert ended == EstopState(since=at(99), resumed_at=at(3))


def test_resumed_in_vain__causes_that_came_meanwhile__stand_alone() -> None:
    before = tripped(EstopState(), cause(), flag_stood=True)
    late = cause("operator", "hanako", at(9))
    after = tripped(before, late, flag_stood=False)
    state = resumed_in_vain(before, after, at(8))
    assert (state.mode, state.causes, state.since, state.resumed_at) == (Mode.ON, (late,), at(9), at(8))
    assert state == fold(
        recorded(
            trip_event(cause(), at(0), flag=True),
            resume_event(("hanako",), [], at(8)),
            trip_event(late, at(9), flag=False),
        )
    )


@pytest.mark.parametrize("again_at", [at(0), at(9)])
def test_resumed_in_vain__a_cause_that_stood_came_again__stands(again_at: Now) -> None:
    before = tripped(EstopState(), cause(), flag_stood=True)
    again = cause(when=again_at)
    state = resumed_in_vain(before, tripped(before, again, flag_stood=False), at(8))
    assert (state.mode, state.causes) == (Mode.ON, (again,))


# ---------------------------------------------------------------- JSON


def rough(data: object) -> dict[str, Json]:
    """Through text, as the flag and the journal keep it."""
    back = json.loads(json.dumps(data))
    assert isinstance(back, dict)
    return back


def causes() -> st.SearchStrategy[Cause]:
    text = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
    return st.builds(
        Cause,
        text,
        text,
        st.builds(Now, st.integers(), st.integers()),
        text,
        st.builds(lambda figure: msg("Said: {figure}", figure=figure), text | st.integers()),
        st.dictionaries(text, text, max_size=3).map(lambda figures: tuple(figures.items())),
        st.none() | st.integers(0, 2**256 - 1).map(Wad),
    )


@given(causes())
def test_cause__through_json__is_the_same(one: Cause) -> None:
    assert Cause.from_json(rough(one.json())) == one
    assert one.json()["reason"] == str(one.message)


WHOLE = cause(health=hf("1.5")).json()
WRONG: list[object] = [
    None,
    [],
    "touched",
    1,
    {},
    *({name: value for name, value in WHOLE.items() if name != gone} for gone in WHOLE if gone != "reason"),
    *(WHOLE | {name: [1]} for name in WHOLE if name != "reason"),
    *(WHOLE | {name: 1.5} for name in WHOLE if name != "reason"),
    WHOLE | {"wall_ms": True},
    WHOLE | {"figures": {"block": 1}},
    WHOLE | {"health_factor": "1.5"},
    WHOLE | {"health_factor": 5},
    WHOLE | {"message": {"text": "{x:>999999999}", "args": {"x": 1}}},
    WHOLE | {"message": {"text": "{x}", "args": {}}},
]


@pytest.mark.parametrize("data", WRONG)
def test_cause_from_json__what_people_write__raises_value_error(data: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever it says
        Cause.from_json(data)


def test_override__through_json__is_the_same() -> None:
    assert Override.from_json(rough(OVERRIDE.json())) == OVERRIDE


@pytest.mark.parametrize(
    "wrong",
    [
        {"covered": None},
        {"covered": [["a", "b"]]},
        {"covered": [["a", "b", 5]]},
        {"covered": [["a", "b", "x"]]},
        {"covered": [[1, "b", None]]},
        {"covered": 7},
        {"by": None},
        {"wall_ms": "1"},
    ],
)
def test_override_from_json__anything_else__raises_value_error(wrong: dict[str, Json]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever it says
        Override.from_json(OVERRIDE.json() | wrong)
    without = {name: value for name, value in OVERRIDE.json().items() if name not in wrong}
    with pytest.raises(ValueError, match="not an override"):
        Override.from_json(without)


# ---------------------------------------------------------------- fold


def test_fold__nothing__is_off() -> None:
    assert fold(()) == EstopState()


@pytest.mark.parametrize(
    "event",
    [
        Event(Step.TRIP, Level.EMERGENCY, at(7), msg("x")),  # no data
        Event(Step.TRIP, Level.EMERGENCY, at(7), msg("x"), {"cause": None, "flag": True}),
        Event(Step.TRIP, Level.EMERGENCY, at(7), msg("x"), {"cause": cause().json()}),
        Event(Step.OVERRIDE, Level.CRITICAL, at(7), msg("x"), {"covered": None}),
        Event("estop.unheard_of", Level.INFO, at(7), msg("x")),
        resume_event(("hanako",), [], at(7)),  # while OFF
        override_event(OVERRIDE, at(7), RULES),
        override_end_event(at(7)),
        flag_stood_event(at(7)),
    ],
)
def test_fold__what_does_not_fit__is_on_and_its_flag_will_be_written(event: Event) -> None:
    state = fold(recorded(event))
    assert (state.mode, state.flag_stood, state.since) == (Mode.ON, False, at(7))
    assert [one.code for one in state.causes] == ["journal_inconsistent"]
    assert "audit verify" in str(state.causes[0].message)


def test_fold__what_does_not_fit_while_overridden__ends_the_override() -> None:
    state = fold(
        recorded(
            trip_event(cause(), at(0), flag=True),
            override_event(OVERRIDE, at(60), RULES),
            flag_stood_event(at(70)),
        )
    )
    assert (state.mode, state.override) == (Mode.ON, None)
    assert [one.code for one in state.causes] == ["hf_low", "journal_inconsistent"]


class History(RuleBasedStateMachine):
    """Random legal steps: what was recorded folds to what is in memory, at every moment."""

    @initialize()
    def begin(self) -> None:
        self.state = EstopState()
        self.events: list[Event] = []
        self.clock_s = 0

    def now(self) -> Now:
        self.clock_s += 1
        return at(self.clock_s)

    def can(self, step: Step) -> bool:
        return (self.state.mode, step) in TABLE

    @rule(
        code=st.sampled_from(["hf_low", "operator", "key_leak"]),
        subject=st.sampled_from(["a", "b"]),
        stood=st.booleans(),
        health=st.none() | st.integers(0, 2**256 - 1),
    )
    def trip(self, code: str, subject: str, health: int | None, *, stood: bool) -> None:
        one = cause(code, subject, self.now(), health)
        self.state = tripped(self.state, one, flag_stood=stood)
        self.events.append(trip_event(one, self.now(), flag=stood))

    @precondition(lambda self: self.can(Step.FLAG_STOOD))
    @rule()
    def stand(self) -> None:
        self.state = flag_stood(self.state)
        self.events.append(flag_stood_event(self.now()))

    @precondition(lambda self: self.can(Step.OVERRIDE))
    @rule(health=st.none() | st.integers(0, 2**256 - 1))
    def override(self, health: int | None) -> None:
        now = self.now()
        hf_then = None if health is None else Wad(health)
        override = Override(now, "unknown", tuple((*one.key, hf_then) for one in self.state.causes))
        self.state = overridden(self.state, override)
        self.events.append(override_event(override, now, RULES))

    @precondition(lambda self: self.can(Step.OVERRIDE_END))
    @rule()
    def end(self) -> None:
        now = self.now()
        self.state = override_ended(self.state, now)
        self.events.append(override_end_event(now))

    @precondition(lambda self: self.can(Step.RESUME))
    @rule()
    def resume(self) -> None:
        now = self.now()
        self.state = resumed(self.state, now)
        self.events.append(resume_event(("hanako", "taro"), [], now))

    @rule(step=st.sampled_from(Step))
    def illegal(self, step: Step) -> None:
        if not self.can(step):
            before = self.state
            with pytest.raises(IllegalStepError):
                STEPS[step](self.state)
            assert self.state == before

    @invariant()
    def folds_to_what_is_in_memory(self) -> None:
        kept = [Event(one.kind, one.level, one.now, one.message, rough(one.data)) for one in self.events]
        assert fold(recorded(*kept)) == self.state

    @invariant()
    def holds_together(self) -> None:
        state = self.state
        assert (state.mode is Mode.OFF) is (state.causes == ())
        assert (state.mode is Mode.OVERRIDDEN) is (state.override is not None)
        assert not state.flag_stood or state.mode is Mode.ON
        assert len({one.key for one in state.causes}) == len(state.causes)


History.TestCase.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)
TestHistory = History.TestCase


# ---------------------------------------------------------------- words


def text(message: Message) -> str:
    return str(message)


def test_describe__each_mode__names_the_causes() -> None:
    state = tripped(STATES[Mode.ON], cause("flag", ""), flag_stood=True)
    assert text(describe(EstopState())) == "OFF"
    assert text(describe(state)) == "ON (hf_low:main, flag)"
    assert "held off: hf_low:main" in text(describe(STATES[Mode.OVERRIDDEN]))


def test_override_event__production__says_that_it_comes_back() -> None:
    lapses = override_event(OVERRIDE, at(1), EstopRules(lapses=True))
    ends = override_event(OVERRIDE, at(1), EstopRules(lapses=False))
    assert "comes back unless `ultrad resume`" in text(lapses.message)
    assert "held off for 30 minutes" in text(ends.message)
    assert lapses.data == ends.data


def test_resume_event__two_people__names_both_and_keeps_the_checklist() -> None:
    event = resume_event(("hanako", "taro"), [{"name": "hf"}], at(1))
    assert "hanako, taro" in text(event.message)
    assert event.data == {"by": ["hanako", "taro"], "checklist": [{"name": "hf"}]}


def test_steps__are_the_kinds_of_the_events() -> None:
    events = (
        trip_event(cause(), at(0), flag=True),
        override_event(OVERRIDE, at(0), RULES),
        override_end_event(at(0)),
        resume_event((), [], at(0)),
        flag_stood_event(at(0)),
    )
    assert [one.kind for one in events] == [*Step]
    unknown = {"state_unusable", "marker_missing", "marker_damaged", "journal_new", "journal_restored"}
    others = {"key_leak", "intrusion", "override_lapsed", "first_start", "journal_inconsistent"}
    assert unknown | others == estop.NEVER_COVERED
