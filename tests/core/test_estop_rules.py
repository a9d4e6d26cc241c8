from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.make import at, cause, hf
from ultrad.core import estop_rules as decide
from ultrad.core.estop import NEVER_COVERED, Cause, EstopState, Mode, Override
from ultrad.core.events import Effect, Finding, Level, Origin
from ultrad.core.limits import EstopRules
from ultrad.i18n import msg
from ultrad.units import WAD, Now, Wad

RULES = EstopRules()
OFF = EstopState()


def finding(
    code: str = "hf_low", subject: str = "main", health: int | None = hf("1.5"), effect: Effect = Effect.TRIP
) -> Finding:
    return Finding(
        code,
        subject,
        Level.EMERGENCY,
        Origin.OUTSIDE,
        msg("So it is."),
        effect=effect,
        figures=(("block", "7"),),
        health_factor=None if health is None else Wad(health),
    )


def on(*causes: Cause) -> EstopState:
    return EstopState(Mode.ON, causes or (cause(),))


def overridden(*covered: tuple[str, str, Wad | None]) -> EstopState:
    return EstopState(Mode.OVERRIDDEN, (cause(),), Override(at(0), "unknown", covered))


# ---------------------------------------------------------------- must_trip


@pytest.mark.parametrize("effect", [Effect.NONE, Effect.NO_TRADE])
def test_must_trip__finding_that_does_not_trip__never_does(effect: Effect) -> None:
    for state in (OFF, on(), overridden()):
        assert not decide.must_trip(state, finding(effect=effect), RULES)


def test_must_trip__off__does() -> None:
    assert decide.must_trip(OFF, finding(), RULES)


def test_must_trip__on__only_a_cause_that_is_not_named_yet() -> None:
    assert not decide.must_trip(on(), finding(), RULES)
    assert decide.must_trip(on(), finding(subject="second"), RULES)
    assert decide.must_trip(on(), finding(code="value_moved"), RULES)


def test_must_trip__overridden__what_is_covered_is_held_off() -> None:
    state = overridden(("hf_low", "main", hf("1.5")))
    assert not decide.must_trip(state, finding(), RULES)
    assert decide.must_trip(state, finding(subject="second"), RULES)
    assert decide.must_trip(state, finding(code="value_moved"), RULES)


# ---------------------------------------------------------------- held_off


@pytest.mark.parametrize(
    ("then", "now", "held"),
    [
        (hf("1.5"), hf("1.5"), True),
        (hf("1.5"), hf("1.59"), True),
        (hf("1.5"), hf("1.45") + 1, True),
        (hf("1.5"), hf("1.45"), False),  # worse by the step
        (hf("1.5"), hf("1.45") - 1, False),
        (hf("1.12"), hf("1.1"), True),  # at the floor
        (hf("1.12"), hf("1.1") - 1, False),  # under it
        (None, hf("1.1"), True),
        (None, hf("1.1") - 1, False),
        (hf("1.5"), None, True),
        (None, None, True),
    ],
)
def test_held_off__health_factor_falls__until_it_is_worse_by_the_step_or_under_the_floor(
    then: Wad | None, now: int | None, *, held: bool
) -> None:
    override = Override(at(0), "unknown", (("hf_low", "main", then),))
    assert decide.held_off(override, finding(health=now), RULES) is held


@given(st.integers(0, 2 * WAD), st.integers(0, 2 * WAD))
def test_held_off__any_health_factors__exactly_by_both_bounds(then: int, now: int) -> None:
    override = Override(at(0), "unknown", (("hf_low", "main", Wad(then)),))
    expected = now > then - RULES.override_step and now >= RULES.hard_floor_hf
    assert decide.held_off(override, finding(health=now), RULES) is expected


@pytest.mark.parametrize("code", sorted(NEVER_COVERED))
def test_held_off__what_is_never_covered__never(code: str) -> None:
    override = Override(at(0), "unknown", ((code, "", None),))
    assert not decide.held_off(override, finding(code, "", None), RULES)


def test_held_off__no_override__nothing_is() -> None:
    assert not decide.held_off(None, finding(), RULES)


# ---------------------------------------------------------------- uncovered


@pytest.mark.parametrize(("age_ms", "stands"), [(0, True), (59_999, True), (60_000, False)])
def test_uncovered__age__sixty_seconds_exactly_are_covered(age_ms: int, *, stands: bool) -> None:
    state = on(cause(health=hf("1.5")))
    found = decide.uncovered(state, {}, RULES, Now(10**15, age_ms))
    assert bool(found) is stands


@pytest.mark.parametrize(
    ("known", "in_cause", "stands"),
    [
        (hf("1.1"), hf("1.0"), False),  # the newest reading counts
        (hf("1.1") - 1, hf("1.5"), True),
        (None, hf("1.1") - 1, True),
        (None, hf("1.1"), False),
        (None, None, False),
    ],
)
def test_uncovered__under_the_hard_floor__stands(known: Wad | None, in_cause: int | None, *, stands: bool) -> None:
    newest = {} if known is None else {"main": known}
    assert bool(decide.uncovered(on(cause(health=in_cause)), newest, RULES, at(61))) is stands


def test_uncovered__key_leak__stands_however_old() -> None:
    leak = cause("key_leak", "")
    assert decide.uncovered(on(cause(), leak), {}, RULES, at(10**6)) == (leak,)


def test_override_of__causes__are_covered_at_their_newest_health_factor() -> None:
    state = on(cause(health=hf("1.5")), cause("hf_low", "second", health=hf("1.4")), cause("operator", "hanako"))
    override = decide.override_of(state, {"main": hf("1.3")}, "unknown", at(90))
    assert override.covered == (
        ("hf_low", "main", hf("1.3")),
        ("hf_low", "second", hf("1.4")),
        ("operator", "hanako", None),
    )
    assert (override.since, override.by) == (at(90), "unknown")


@given(st.integers(hf("1.1"), 2 * WAD), st.integers(0, 10**6))
def test_override_of__anything_covered__is_held_off_at_the_same_figures(health: int, age_s: int) -> None:
    state = on(cause(health=health))
    if not decide.uncovered(state, {}, RULES, at(age_s)):
        override = decide.override_of(state, {}, "unknown", at(age_s))
        assert decide.held_off(override, finding(health=health), RULES)


# ---------------------------------------------------------------- the end of an override


@pytest.mark.parametrize(("age_ms", "over"), [(0, False), (30 * 60_000 - 1, False), (30 * 60_000, True)])
def test_override_is_over__thirty_minutes__exactly(age_ms: int, *, over: bool) -> None:
    assert decide.override_is_over(overridden(), RULES, Now(0, age_ms)) is over


def test_override_is_over__without_an_override__never() -> None:
    assert not decide.override_is_over(on(), RULES, at(10**9))


# ---------------------------------------------------------------- causes


def test_cause_of__finding__keeps_what_it_says() -> None:
    found = decide.cause_of(finding(), at(5))
    assert (found.key, found.at, found.by) == (("hf_low", "main"), at(5), "ultrad")
    assert (found.figures, found.health_factor) == ((("block", "7"),), hf("1.5"))


def test_still_standing_cause__again_and_again__keeps_its_age_and_does_not_nest() -> None:
    first = cause(when=at(7))
    again = decide.still_standing_cause(decide.still_standing_cause(first, RULES), RULES)
    assert replace(again, message=first.message) == first
    assert str(again.message).count("The flag was removed, and is back") == 1
    assert str(again.message).endswith(str(first.message))


@pytest.mark.parametrize(
    ("made", "code", "by", "says"),
    [
        (decide.operator_cause("hanako", "maintenance", at(1)), "operator", "hanako", "by hanako: maintenance"),
        (decide.operator_cause("hanako", "", at(1)), "operator", "hanako", "Stopped by hanako."),
        (decide.touched_cause("taro", at(1)), "flag", "taro", "made by taro"),
        (decide.unreadable_cause("EIO", at(1)), "flag_unreadable", "ultrad", "(EIO)"),
        (decide.journal_hung_cause(at(1), 10), "journal_hung", "ultrad", "for 10 s"),
        (decide.lapse_cause(at(1), RULES), "override_lapsed", "ultrad", "30 minutes"),
        (decide.resume_undone_cause(msg("Too low."), at(1)), "resume_undone", "ultrad", "Too low."),
    ],
)
def test_causes__each__says_who_and_why(made: Cause, code: str, by: str, says: str) -> None:
    assert (made.code, made.by, made.at) == (code, by, at(1))
    assert says in str(made.message)
    assert Cause.from_json(made.json()) == made


def test_operator_cause__reason_with_braces__is_said_as_it_is() -> None:
    made = decide.operator_cause("hanako", "{x} {0} }{", at(1))
    assert "{x} {0} }{" in str(made.message)
    assert Cause.from_json(made.json()) == made
