"""What is due by the clock."""

from dataclasses import replace

import pytest

from tests.core.make import at
from tests.core.make_notices import RULES, S1, S2, S3, act_event, book_at, cleared, live, only, queued, raised
from tests.core.told import MINUTE, QUIET_S, Told
from ultrad.core import incidents, telling
from ultrad.core.events import Severity
from ultrad.core.incidents import Act, Book, Stage
from ultrad.core.telling import SETTLE_MS, Why

REPEAT = {S1: 10 * MINUTE, S2: 60 * MINUTE}


@pytest.mark.parametrize("severity", [S1, S2])
def test_due__nobody_answers__is_due_after_its_time_and_not_before(severity: Severity) -> None:
    told = Told()
    told.hear(raised(0, severity=severity))
    assert told.due(REPEAT[severity] - 1) == []
    assert told.due(REPEAT[severity]) == [1]
    assert told.due(REPEAT[severity], frozenset({1})) == []
    assert told.due(REPEAT[severity], frozenset({2})) == [1]


def test_due__the_gravest__comes_first() -> None:
    told = Told()
    told.hear(raised(0), raised(0, ("b", ""), S1))
    assert told.due(10**6) == [2, 1]


@pytest.mark.parametrize(
    ("stage", "severity", "found", "expected"),
    [
        (Stage.ESCALATED, S2, True, [1]),
        (Stage.ACKNOWLEDGED, S1, True, []),
        (Stage.RESOLVED, S1, False, []),
        (Stage.OPEN, S3, True, []),
    ],
)
def test_due__each_stage_and_severity__is_told_apart(
    stage: Stage, severity: Severity, *, found: bool, expected: list[int]
) -> None:
    told = Told(incidents.after(book_at(stage, severity, found=found), queued("n", seconds=20)))
    assert told.due(10**6) == expected


def test_due__over__an_s1_is_told_until_answered_and_an_s2_no_more() -> None:
    told = Told()
    told.hear(raised(0), raised(0, ("b", ""), S1), cleared(1), cleared(1, ("b", ""), S1))
    assert told.due(10**6) == [2]


def test_due__never_told__is_due_at_once() -> None:
    assert Told(live(Book(), raised(0))).due(0) == [1]


def test_due__back_and_kept_quiet_and_stays__is_due_once_the_quiet_time_is_over() -> None:
    told = Told()
    told.hear(raised(0))
    assert told.hear(cleared(60), raised(120)) == [Why.RECOVERED]
    assert told.due(60 + QUIET_S - 1) == []
    assert told.due(60 + QUIET_S) == [1]


def test_due__taken_on_and_back_without_a_word__is_due_once_quiet_is_over() -> None:
    told = Told()
    told.hear(raised(0))
    told.act(act_event(Act.ACKNOWLEDGE, only(told.book), at(1)))
    told.hear(cleared(2))
    assert told.hear(raised(3)) == []
    assert told.due(2 + QUIET_S - 1) == []
    assert told.due(2 + QUIET_S) == [1]
    told.book = incidents.after(told.book, queued("n", seconds=2 + QUIET_S, why=Why.REMINDER))
    assert told.due(10**6) == []


def test_worth_a_message__an_s1__after_ever_longer_whiles() -> None:
    book = book_at(Stage.OPEN, S1)
    told_at, minutes = 0, []
    for minute in range(0, 1_300, 10):
        book = incidents.after(book, queued(f"n{minute}", seconds=told_at * MINUTE, why=Why.REMINDER))
        if minute and telling.worth_a_message(only(book), RULES, at(minute * MINUTE)):
            minutes.append(minute)
        told_at = minute
    assert minutes == [10, 30, 70, 150, 310, 550, 790, 1_030, 1_270]
    assert telling.worth_a_message(only(book_at(Stage.OPEN, S1)), RULES, at(0))  # never told
    assert telling.worth_a_message(only(book_at(Stage.OPEN)), RULES, at(0))


def test_escalates__told_in_vain_so_often__once() -> None:
    book = book_at(Stage.OPEN)
    assert [telling.escalates(replace(only(book), told=count), RULES) for count in (2, 3, 4)] == [
        False,
        True,
        True,
    ]
    for stage in (Stage.ESCALATED, Stage.ACKNOWLEDGED, Stage.RESOLVED):
        assert not telling.escalates(replace(only(book), told=9, stage=stage), RULES)


def test_forgotten__not_seen_in_the_time_that_every_look_takes__is_named() -> None:
    book = book_at(Stage.OPEN, found=True)
    doubted = Book((replace(only(book), unconfirmed=True),), 1)
    assert telling.forgotten(doubted, SETTLE_MS - 1) == ()
    assert telling.forgotten(doubted, SETTLE_MS) == doubted.incidents
    assert telling.forgotten(book, SETTLE_MS) == ()
