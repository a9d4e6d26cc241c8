"""What people are told, and in which words."""

from dataclasses import replace
from datetime import UTC

import pytest

from tests.core.make import at
from tests.core.make_notices import (
    RULES,
    S1,
    S2,
    S3,
    act_event,
    book_at,
    cleared,
    live,
    only,
    queued,
    raised,
    tripped,
)
from tests.core.told import MINUTE, QUIET_S, Told
from ultrad.core import incidents, signs, telling
from ultrad.core.events import Event, Level, Severity
from ultrad.core.incidents import Act, Book, Incident, Stage
from ultrad.core.telling import Why
from ultrad.i18n import msg

# ---------------------------------------------------------------- what is worth telling


def test_notices_of__a_life_of_an_incident__is_told_at_each_turn() -> None:
    told = Told()
    assert told.hear(raised(0)) == [Why.OPENED]
    assert told.hear(raised(5, level=Level.CRITICAL)) == []
    assert told.act(act_event(Act.ESCALATE, only(told.book), at(6))) == [Why.ESCALATED]
    assert told.act(act_event(Act.ACKNOWLEDGE, only(told.book), at(7))) == [Why.TAKEN_ON]
    assert told.act(incidents.note_event(only(told.book), "taro", "x", at(8))) == []
    assert told.hear(cleared(9)) == [Why.RECOVERED]
    assert told.act(act_event(Act.RESOLVE, only(told.book), at(10))) == [Why.RESOLVED]
    assert told.hear(raised(11)) == [Why.REOPENED]


def test_notices_of__comes_and_goes__is_told_once_and_again_only_after_a_quiet_time() -> None:
    told = Told()
    assert told.hear(raised(0)) == [Why.OPENED]
    assert told.hear(cleared(60)) == [Why.RECOVERED]
    for minute in range(2, 31, 2):
        assert told.hear(raised(minute * MINUTE), cleared(minute * MINUTE + 1)) == []
    assert told.hear(raised(60 + QUIET_S - 1), cleared(60 + QUIET_S - 1)) == []
    assert told.hear(raised(60 + QUIET_S)) == [Why.BACK]
    assert str(told.notices[-1].title) == "Again (18 times by now): It is full."
    assert told.hear(cleared(61 + QUIET_S)) == [Why.RECOVERED]


def test_notices_of__back_before_anybody_was_told__is_told() -> None:
    book = live(Book(), raised(0), cleared(1))
    assert Told(book).hear(raised(2)) == [Why.BACK]


def test_notices_of__over_before_anybody_was_told__is_not() -> None:
    assert Told(live(Book(), raised(0))).hear(cleared(1)) == []


def test_notices_of__graver__is_told_at_once() -> None:
    told = Told()
    told.hear(raised(0))
    assert told.hear(raised(1, severity=S1)) == [Why.BACK]
    assert told.notices[-1].severity is S1
    assert [str(one.title) for one in told.notices][-1] == "Now S1: It is full."


def test_notices_of__graver_once_taken_on__is_told_as_if_new() -> None:
    told = Told(book_at(Stage.ACKNOWLEDGED, found=True))
    assert told.hear(raised(20, severity=S1)) == [Why.REOPENED]


def test_notices_of__seen_again_after_a_restart__is_not_told_again() -> None:
    told = Told()
    told.hear(raised(0))
    told.book = replace(told.book, incidents=(replace(only(told.book), unconfirmed=True),))
    assert told.hear(raised(9_999)) == []
    assert not only(told.book).unconfirmed


def test_notices_of__an_act_on_what_is_not_in_the_book__is_not_told() -> None:
    event = act_event(Act.ESCALATE, only(book_at(Stage.OPEN)), at(1))
    assert telling.notices_of(Book(), Book(), event, RULES, UTC) == ()
    back = incidents.back_event(only(book_at(Stage.OPEN)), signs.signs_of(raised(1))[0], at(1))
    assert [one.why for one in telling.notices_of(Book(), book_at(Stage.OPEN), back, RULES, UTC)] == [Why.BACK]


def test_notices_of__noise__is_told_only_to_those_who_follow_it() -> None:
    told = Told(book_at(Stage.OPEN, S3))
    assert told.act(act_event(Act.ESCALATE, only(told.book), at(1))) == []
    assert told.act(act_event(Act.ACKNOWLEDGE, only(told.book), at(2))) == [Why.TAKEN_ON]
    assert told.act(act_event(Act.RESOLVE, only(told.book), at(3))) == [Why.RESOLVED]


@pytest.mark.parametrize(
    ("kind", "severity"), [("estop.override", S1), ("estop.override_end", S2), ("estop.resume", S1)]
)
def test_notices_of__what_becomes_of_the_stop__is_told_as_it_is(kind: str, severity: Severity) -> None:
    event = Event(kind, Level.CRITICAL, at(0), msg("so it is"))
    (one,) = telling.notices_of(Book(), Book(), event, RULES, UTC)
    assert (one.why, one.severity, one.level, one.incident) == (Why.STOP, severity, Level.CRITICAL, None)
    assert str(one.title) == "so it is"


# ---------------------------------------------------------------- in which words


def said(incident: Incident, act: Act) -> tuple[str, list[str], Level]:
    """Title, lines and level of the notice of an act."""
    told = Told(Book((incident,), 1))
    told.act(act_event(act, incident, at(30)))
    (one,) = told.notices
    return str(one.title), [str(line) for line in one.lines], one.level


SINCE = "2023-11-14 22:13:20"
HEAD = f"Incident 1 (S2), since {SINCE}."


@pytest.mark.parametrize(
    ("stage", "act", "expected"),
    [
        (Stage.OPEN, Act.ESCALATE, (f"Nobody has answered since {SINCE}: It is full.", Level.ALERT)),
        (Stage.OPEN, Act.ACKNOWLEDGE, ("Incident 1 is taken on by taro.", Level.INFO)),
        (Stage.OPEN, Act.RESOLVE, ("Incident 1 is resolved by taro: emptied", Level.INFO)),
        (Stage.RESOLVED, Act.REOPEN, ("Again: It is full.", Level.ALERT)),
    ],
)
def test_notices_of__each_act__in_these_words(stage: Stage, act: Act, expected: tuple[str, Level]) -> None:
    title, lines, level = said(only(book_at(stage)), act)
    assert (title, level) == expected
    answer = ["Take it on: ultrad incident ack 1"] if act in {Act.ESCALATE, Act.REOPEN} else []
    assert lines == [HEAD, *answer]


def test_notices_of__taken_on_or_over__says_what_is_left_to_do() -> None:
    told = Told()
    told.hear(raised(0))
    told.act(act_event(Act.ACKNOWLEDGE, only(told.book), at(1)))
    told.hear(cleared(2), raised(QUIET_S + 2))
    recovered, back = told.notices[-2:]
    assert (str(recovered.title), recovered.level) == ("Recovered: It is full.", Level.INFO)
    assert "ultrad incident resolve 1" in str(recovered.lines[1])
    assert (back.level, [str(one) for one in back.lines[1:]]) == (Level.ALERT, ["Taken on by taro."])


def test_reminder__stands_or_is_over__says_which() -> None:
    book = book_at(Stage.OPEN, S1, found=True)
    one = telling.reminder(only(book), UTC)
    assert (one.why, one.level, one.incident) == (Why.REMINDER, Level.ALERT, 1)
    assert str(one.title) == f"Still so since {SINCE}: It is full."
    over = telling.reminder(only(live(book, cleared(5))), UTC)
    assert str(over.title) == f"Over, but nobody has answered since {SINCE}: It is full."
    assert "ultrad incident resolve 1" in str(over.lines[1])


def test_notices_of__funds_at_risk_again__is_told_however_often() -> None:
    told = Told()
    told.hear(raised(0, severity=S1), cleared(60, severity=S1))
    assert told.hear(raised(61, severity=S1)) == [Why.BACK]
    assert str(told.notices[-1].title) == "Again (2 times by now): It is full."


def test_notices_of__taken_on_and_funds_at_risk_again__is_open_and_told() -> None:
    told = Told()
    told.hear(raised(0, severity=S1))
    told.act(act_event(Act.ACKNOWLEDGE, only(told.book), at(1)))
    told.hear(cleared(2, severity=S1))
    assert told.hear(raised(3, severity=S1)) == [Why.REOPENED]
    assert only(told.book).stage is Stage.OPEN


def test_notices_of__the_stop_on_anew_or_because_of_what_stood__is_told() -> None:
    told = Told()
    key = ("hf_low", "main")
    told.hear(raised(0, key), cleared(1, key))
    stop = signs.Sign(key, S2, Level.ALERT, msg(signs.EMERGENCY_STOP, cause=msg("Low.")), stop=True)
    assert told.act(incidents.back_event(only(told.book), stop, at(2))) == [Why.BACK]
    found = Told()
    found.hear(raised(0, key))
    assert found.act(incidents.back_event(only(found.book), stop, at(59))) == []  # in the same breath
    found = Told()
    found.hear(raised(0, key))
    assert found.act(incidents.back_event(only(found.book), stop, at(60))) == [Why.BACK]
    assert str(found.notices[-1].title) == "EMERGENCY STOP: Low."
    assert found.act(incidents.back_event(only(found.book), stop, at(200))) == []


def test_notices_of__the_finding_behind_a_stop_is_over__is_said_in_its_words_and_that_the_stop_stays() -> None:
    book = live(Book(), tripped(0), raised(0, ("hf_low", "main"), S1))
    book = incidents.after(book, queued("n", incident=1))
    stopped = live(Book(), tripped(0))
    stopped = incidents.after(stopped, queued("n", incident=1))
    for before, causes in ((book, frozenset({("hf_low", "main")})), (stopped, frozenset[tuple[str, str]]())):
        over = incidents.over_event(only(before), at(9))
        (notice,) = telling.notices_of(before, incidents.after(before, over), over, RULES, UTC, causes)
        assert str(notice.title).startswith("Recovered: ")
        assert "EMERGENCY" not in str(notice.title)
        assert ("stays ON" in str(notice.lines[-1])) is bool(causes)
