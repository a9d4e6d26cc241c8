"""Checklists that people go through over hours and days, such as the replacement of every key.

What ultrad can check, it checks; what only a person can tell is asked; both stand in the journal, with who said
it. One of a kind at a time, so that whoever continues it, continues the same. A fold over `procedure.*` events.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import cast

from ultrad.core.events import Event, Json, Level, Recorded
from ultrad.errors import Permanent
from ultrad.i18n import Message, msg
from ultrad.units import Now

BEGUN = "procedure.begun"
ANSWERED = "procedure.answered"
ENDED = "procedure.ended"
MOST_ITEMS = 200
"""Two for each secret that a configuration can name, and some."""
MOST_TEXT = 500
MOST_ANSWERS = 1_000
KEPT = 20
"""Procedures that stay known, the newest."""


class Kind(StrEnum):
    """What it is a checklist of."""

    ROTATION = "rotation"
    RELEASE = "release"


class Answer(StrEnum):
    """What was said of an item. CHECKED: the command looked, and found it so."""

    DONE = "done"
    NOT_NEEDED = "not_needed"
    FAILED = "failed"
    CHECKED = "checked"


SETTLED = frozenset({Answer.DONE, Answer.NOT_NEEDED, Answer.CHECKED})


class Verdict(StrEnum):
    """How it ended."""

    COMPLETE = "complete"
    ABANDONED = "abandoned"
    FAILED = "failed"


KIND_WORDS = {Kind.ROTATION: msg("replacement of the keys"), Kind.RELEASE: msg("release")}
_VERDICT_WORDS = {
    Verdict.COMPLETE: msg("complete"),
    Verdict.ABANDONED: msg("abandoned"),
    Verdict.FAILED: msg("failed"),
}
ANSWER_WORDS = {
    Answer.DONE: msg("done"),
    Answer.NOT_NEEDED: msg("not needed"),
    Answer.FAILED: msg("failed"),
    Answer.CHECKED: msg("checked"),
}


@dataclass(frozen=True, slots=True)
class Answered:
    """What was said last of one item, by whom."""

    item: str
    answer: Answer
    by: str
    text: str
    at: Now


@dataclass(frozen=True, slots=True)
class Procedure:
    """One of them. number: counted up over all kinds. incident: which it belongs to.

    base: what was so when it began, as name and short text (the tags of secrets; never a secret).
    """

    number: int
    kind: Kind
    by: str
    reason: str
    begun: Now
    items: tuple[str, ...]
    base: tuple[tuple[str, str], ...] = ()
    incident: int | None = None
    answers: tuple[Answered, ...] = ()
    ended: Now | None = None
    verdict: Verdict | None = None
    ended_by: str = ""
    text: str = ""

    @property
    def is_open(self) -> bool:
        """Whether it goes on."""
        return self.ended is None

    def answered(self, item: str) -> Answered | None:
        """What was said last of an item."""
        return next((one for one in self.answers if one.item == item), None)

    def left(self) -> tuple[str, ...]:
        """The items that nobody has settled yet, in order."""
        settled = {one.item for one in self.answers if one.answer in SETTLED}
        return tuple(one for one in self.items if one not in settled)


@dataclass(frozen=True, slots=True)
class Procedures:
    """The newest of them, the oldest first."""

    known: tuple[Procedure, ...] = ()
    last_number: int = 0

    def newest(self, kind: Kind) -> Procedure | None:
        """The newest of a kind, open or not."""
        return next((one for one in reversed(self.known) if one.kind is kind), None)

    def numbered(self, number: int) -> Procedure | None:
        """The one of that number."""
        return next((one for one in self.known if one.number == number), None)


# ---------------------------------------------------------------- what people do


@dataclass(frozen=True, slots=True)
class Opening:
    """What one is begun with; see `Procedure`."""

    kind: Kind
    reason: str
    items: tuple[str, ...]
    base: tuple[tuple[str, str], ...] = ()
    incident: int | None = None


def begun_event(book: Procedures, opening: Opening, by: str, now: Now) -> Event:
    """The record of a beginning. Raises Permanent where one of the kind goes on, or it cannot be meant."""
    kind, items = opening.kind, opening.items
    newest = book.newest(kind)
    if newest is not None and newest.is_open:
        raise Permanent(
            msg(
                "A {kind} goes on already (number {number}, begun by {by}): continue it, or abandon it.",
                kind=KIND_WORDS[kind],
                number=newest.number,
                by=newest.by,
            )
        )
    said = words(opening.reason)
    if not items or len(items) > MOST_ITEMS or len(set(items)) != len(items):
        raise Permanent(msg("A checklist has from 1 to {most} items, each once.", most=MOST_ITEMS))
    number = book.last_number + 1
    message = msg(
        "{by} begins a {kind} (number {number}): {reason}",
        by=by,
        kind=KIND_WORDS[kind],
        number=number,
        reason=said,
    )
    listed: list[Json] = [*items]
    figures: dict[str, Json] = dict(opening.base)
    data: dict[str, Json] = {
        "number": number,
        "kind": kind.value,
        "by": by,
        "reason": said,
        "items": listed,
        "base": figures,
        "incident": opening.incident,
    }
    return Event(BEGUN, Level.WARNING, now, message, data)


def answered_event(one: Procedure, item: str, answer: Answer, by: str, text: str, now: Now) -> Event:
    """The record of what was said of an item. Raises Permanent for what cannot be said."""
    _must_be_open(one)
    if item not in one.items:
        raise Permanent(msg("There is no item {item} in it: --status shows them.", item=item))
    said = words(text) if text or answer in {Answer.NOT_NEEDED, Answer.FAILED} else ""
    message = msg(
        "{kind} {number}, {item}: {answer} ({by}). {text}",
        kind=KIND_WORDS[one.kind],
        number=one.number,
        item=item,
        answer=ANSWER_WORDS[answer],
        by=by,
        text=said,
    )
    level = Level.ALERT if answer is Answer.FAILED else Level.INFO
    data: dict[str, Json] = {
        "number": one.number,
        "item": item,
        "answer": answer.value,
        "by": by,
        "text": said,
    }
    return Event(ANSWERED, level, now, message, data)


def ended_event(one: Procedure, verdict: Verdict, by: str, text: str, now: Now) -> Event:
    """The record of its end. Raises Permanent where something is left, unless it is abandoned with a reason."""
    _must_be_open(one)
    left = one.left()
    if verdict is Verdict.COMPLETE and left:
        raise Permanent(msg("It is not complete. Left: {items}", items=", ".join(left)))
    said = words(text) if text or verdict is not Verdict.COMPLETE else ""
    message = msg(
        "{by} ends the {kind} (number {number}): {verdict}. {text}",
        by=by,
        kind=KIND_WORDS[one.kind],
        number=one.number,
        verdict=_VERDICT_WORDS[verdict],
        text=said,
    )
    level = Level.WARNING if verdict is Verdict.COMPLETE else Level.ALERT
    data: dict[str, Json] = {"number": one.number, "verdict": verdict.value, "by": by, "text": said}
    return Event(ENDED, level, now, message, data)


def words(text: str) -> str:
    """What a person said, on one line. Raises Permanent where it is empty or too long."""
    said = " ".join(text.split())
    if not said or len(said) > MOST_TEXT:
        raise Permanent(msg("Say it in words, in at most {limit} characters.", limit=MOST_TEXT))
    return said


def _must_be_open(one: Procedure) -> None:
    if not one.is_open:
        raise Permanent(msg("The {kind} {number} has ended.", kind=KIND_WORDS[one.kind], number=one.number))


# ---------------------------------------------------------------- the fold


def fold(events: Iterable[Recorded]) -> Procedures:
    """As the journal's `procedure.*` events tell it. What does not fit is passed over: no guard hangs on it."""
    book = Procedures()
    for recorded in events:
        try:
            book = after(book, recorded.event)
        except (KeyError, TypeError, ValueError):
            continue
    return book


def after(book: Procedures, event: Event) -> Procedures:
    """The book after one event. Raises KeyError, TypeError or ValueError on one that does not fit."""
    data = cast("dict[str, Json]", event.data)
    if event.kind == BEGUN:
        fresh = _begun(data, event.now)
        if fresh.number <= book.last_number:
            raise ValueError(f"a second procedure {fresh.number}")
        return Procedures((*book.known, fresh)[-KEPT:], fresh.number)
    one = book.numbered(int(str(data["number"])))
    if one is None or not one.is_open:
        raise ValueError(f"{event.kind} of a procedure that does not go on")
    if event.kind == ANSWERED:
        told = Answered(
            str(data["item"]), Answer(str(data["answer"])), str(data["by"]), str(data["text"]), event.now
        )
        one = replace(one, answers=(*(each for each in one.answers if each.item != told.item), told))
    else:
        verdict = Verdict(str(data["verdict"]))
        one = replace(one, ended=event.now, verdict=verdict, ended_by=str(data["by"]), text=str(data["text"]))
    return replace(book, known=tuple(one if each.number == one.number else each for each in book.known))


def _begun(data: dict[str, Json], now: Now) -> Procedure:
    incident = data["incident"]
    return Procedure(
        number=int(str(data["number"])),
        kind=Kind(str(data["kind"])),
        by=str(data["by"]),
        reason=str(data["reason"]),
        begun=now,
        items=tuple(str(one) for one in cast("list[Json]", data["items"])),
        base=tuple((name, str(value)) for name, value in cast("dict[str, Json]", data["base"]).items()),
        incident=None if incident is None else int(str(incident)),
    )


def after_leak(book: Procedures, leak: Now) -> tuple[bool, Message]:
    """Whether the keys were replaced since a leak was reported, and what the checklist of a resume says of it."""
    one = book.newest(Kind.ROTATION)
    if one is not None and one.ended is not None and one.ended.steady_ms >= leak.steady_ms:
        if one.verdict is Verdict.COMPLETE:
            return True, _replaced(one)
        if one.verdict is Verdict.ABANDONED:  # a failed one ends nothing: anybody may say that of it
            return True, msg(
                "The replacement of the keys was abandoned by {by}: {text}", by=one.ended_by, text=one.text
            )
    if one is not None and one.is_open:
        return False, msg(
            "A leaked key stands, and the replacement of the keys is not complete ({left} items left): "
            "ultrad keys rotate --continue",
            left=len(one.left()),
        )
    return False, msg(
        "A leaked key stands: replace every key by `ultrad keys rotate --reason TEXT`; a false alarm ends by "
        "--abandon --text TEXT."
    )


def _replaced(one: Procedure) -> Message:
    """What was done, and what was only said not to be needed."""
    done = msg("Every key was replaced (rotation {number}, {by}).", number=one.number, by=one.ended_by)
    spared = ", ".join(each.item for each in one.answers if each.answer is Answer.NOT_NEEDED)
    return msg("{done} Said not to be needed: {items}", done=done, items=spared) if spared else done
