"""Checklists of people: what can be said of them, and that the journal tells them again."""

from dataclasses import replace

import pytest

from ultrad.core import procedure as of
from ultrad.core.events import Event, Json, Level, Recorded
from ultrad.core.procedure import Answer, Kind, Opening, Procedure, Procedures, Verdict
from ultrad.errors import Permanent
from ultrad.i18n import msg
from ultrad.units import Now

OPENING = Opening(Kind.ROTATION, "the key was  pasted\nin a chat", ("a", "b"), (("a", "tag"),), 7)


def at(second: int) -> Now:
    return Now(wall_ms=1_772_452_800_000 + second * 1_000, steady_ms=second * 1_000)


class Book:
    """Events one after the other, and the book after them."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.book = Procedures()

    def hear(self, event: Event) -> Procedure:
        self.events.append(event)
        self.book = of.after(self.book, event)
        assert of.fold(recorded(self.events)) == self.book
        return self.book.known[-1]

    def begin(self, opening: Opening = OPENING, second: int = 1) -> Procedure:
        return self.hear(of.begun_event(self.book, opening, "taro", at(second)))

    def say(self, item: str, answer: Answer, text: str = "", second: int = 2) -> Procedure:
        return self.hear(of.answered_event(self.book.known[-1], item, answer, "hanako", text, at(second)))

    def end(self, verdict: Verdict, text: str = "", second: int = 3) -> Procedure:
        return self.hear(of.ended_event(self.book.known[-1], verdict, "taro", text, at(second)))


def recorded(events: list[Event]) -> list[Recorded]:
    return [Recorded(seq, "", one) for seq, one in enumerate(events, 1)]


def test_procedure__from_begin_to_end__stands_in_the_journal() -> None:
    book = Book()
    one = book.begin()
    assert (one.number, one.reason, one.incident, one.base) == (
        1,
        "the key was pasted in a chat",
        7,
        (("a", "tag"),),
    )
    assert one.left() == ("a", "b")
    one = book.say("a", Answer.FAILED, "it is still taken")
    assert one.left() == ("a", "b")
    one = book.say("a", Answer.CHECKED)
    answered = one.answered("a")
    assert answered is not None
    assert (answered.answer, answered.by, one.answered("b")) == (Answer.CHECKED, "hanako", None)
    with pytest.raises(Permanent, match="Left: b"):
        book.end(Verdict.COMPLETE)
    book.say("b", Answer.NOT_NEEDED, "there is none")
    one = book.end(Verdict.COMPLETE)
    assert (one.is_open, one.verdict, one.ended_by) == (False, Verdict.COMPLETE, "taro")
    assert book.book.numbered(1) == one
    assert book.book.numbered(2) is None
    with pytest.raises(Permanent, match="has ended"):
        book.say("a", Answer.DONE)
    assert book.begin().number == 2
    assert [one.level for one in book.events] == [
        Level.WARNING,
        Level.ALERT,
        Level.INFO,
        Level.INFO,
        Level.WARNING,
        Level.WARNING,
    ]


def test_procedure__second_of_the_kind__is_refused_and_another_kind_is_not() -> None:
    book = Book()
    book.begin()
    with pytest.raises(Permanent, match="number 1, begun by taro"):
        book.begin()
    book.begin(Opening(Kind.RELEASE, "1.2.0", ("x",)))
    newest = book.book.newest(Kind.RELEASE)
    assert newest is not None
    assert newest.incident is None


@pytest.mark.parametrize(
    "opening",
    [
        replace(OPENING, reason=" "),
        replace(OPENING, reason="x" * 501),
        replace(OPENING, items=()),
        replace(OPENING, items=("a", "a")),
        replace(OPENING, items=tuple(map(str, range(201)))),
    ],
)
def test_begin__what_cannot_be_meant__is_refused(opening: Opening) -> None:
    with pytest.raises(Permanent):
        Book().begin(opening)


def test_answer__unknown_item_or_no_reason__is_refused() -> None:
    book = Book()
    book.begin()
    with pytest.raises(Permanent, match="no item c"):
        book.say("c", Answer.DONE)
    for answer in (Answer.NOT_NEEDED, Answer.FAILED):
        with pytest.raises(Permanent, match="Say it in words"):
            book.say("a", answer)
    with pytest.raises(Permanent, match="Say it in words"):
        book.end(Verdict.ABANDONED)


def test_fold__what_does_not_fit__is_passed_over() -> None:
    begun = of.begun_event(Procedures(), OPENING, "taro", at(1))
    foreign: dict[str, Json] = {"number": 9, "item": "a", "answer": "done", "by": "x", "text": ""}
    events = [
        Event(of.ANSWERED, Level.INFO, at(1), msg("x"), foreign),
        Event(of.BEGUN, Level.INFO, at(1), msg("x")),
        begun,
        begun,
        Event(of.ENDED, Level.INFO, at(2), msg("x"), {"number": 1, "verdict": "?", "by": "x", "text": ""}),
    ]
    (one,) = of.fold(recorded(events)).known
    assert one.is_open


def test_fold__many__keeps_the_newest() -> None:
    book = Book()
    for _ in range(of.KEPT + 3):
        book.begin()
        book.end(Verdict.FAILED, "a try")
    assert [one.number for one in book.book.known] == list(range(4, of.KEPT + 4))


def test_after_leak__open_complete_and_abandoned() -> None:
    book = Book()
    leak = at(2)
    assert of.after_leak(book.book, leak)[0] is False
    book.begin(second=1)
    done, message = of.after_leak(book.book, leak)
    assert (done, "2 items left" in str(message)) == (False, True)
    book.end(Verdict.ABANDONED, "a false alarm", second=1)
    assert of.after_leak(book.book, leak)[0] is False  # it was about a leak before
    done, message = of.after_leak(book.book, at(1))
    assert (done, "a false alarm" in str(message)) == (True, True)
    book.begin(Opening(Kind.ROTATION, "again", ("a",)), second=2)
    book.end(Verdict.FAILED, "no time", second=2)  # anybody may say so: nothing was replaced
    assert of.after_leak(book.book, leak)[0] is False
    book.begin(Opening(Kind.ROTATION, "again", ("a",)), second=3)
    book.say("a", Answer.DONE)
    book.end(Verdict.COMPLETE, second=4)
    done, message = of.after_leak(book.book, leak)
    assert (done, str(message)) == (True, "Every key was replaced (rotation 3, taro).")
    book.begin(Opening(Kind.ROTATION, "again", ("a",)), second=5)
    book.say("a", Answer.NOT_NEEDED, "it is none", second=5)
    book.end(Verdict.COMPLETE, second=6)
    assert str(of.after_leak(book.book, leak)[1]).endswith("Said not to be needed: a")
