"""Incidents: the table, what opens them and ends them, and the fold over what the journal holds."""

from dataclasses import replace

import pytest

from tests.core.make import at, recorded
from tests.core.make_notices import (
    KEY,
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
    sign,
    tripped,
)
from ultrad.core import incidents
from ultrad.core.events import Event, Level, Severity
from ultrad.core.incidents import BACK, MAX_KEPT, NOTE, OVER, REOPEN_MS, TABLE, Act, Book, IllegalActError, Stage
from ultrad.i18n import msg

DAY_S = REOPEN_MS // 1_000


def kinds(events: tuple[Event, ...]) -> list[str]:
    return [str(one.kind) for one in events]


# ---------------------------------------------------------------- the table


@pytest.mark.parametrize(("stage", "act"), TABLE)
def test_table__every_row__moves_the_incident(stage: Stage, act: Act) -> None:
    book = book_at(stage)
    after = only(incidents.after(book, act_event(act, only(book), at(20))))
    assert after.stage is TABLE[stage, act]
    assert (after.number, after.key, after.opened, after.changed) == (1, KEY, at(0), at(20))


MOVES = [act for act in Act if act is not Act.OPEN]


@pytest.mark.parametrize(
    ("stage", "act"), [(stage, act) for stage in Stage for act in MOVES if (stage, act) not in TABLE]
)
def test_table__everything_else__is_illegal(stage: Stage, act: Act) -> None:
    book = book_at(stage)
    with pytest.raises(IllegalActError, match=f"{act.value} while {stage.value}"):
        incidents.after(book, act_event(act, only(book), at(20)))


@pytest.mark.parametrize("act", MOVES)
def test_after__an_incident_that_is_not_there__is_illegal(act: Act) -> None:
    with pytest.raises(IllegalActError, match="not there"):
        incidents.after(Book(), act_event(act, only(book_at(Stage.OPEN)), at(20)))


def test_after__a_number_a_second_time__is_illegal() -> None:
    book = book_at(Stage.OPEN)
    with pytest.raises(IllegalActError, match="second"):
        incidents.after(book, act_event(Act.OPEN, only(book), at(20)))


@pytest.mark.parametrize(
    ("act", "by"),
    [(Act.ACKNOWLEDGE, "taro"), (Act.RESOLVE, "taro"), (Act.ESCALATE, "")],
)
def test_after__an_act__keeps_who_it_was(act: Act, by: str) -> None:
    book = book_at(Stage.OPEN)
    assert only(incidents.after(book, act_event(act, only(book), at(20)))).by == by


def test_after__told__is_counted_until_it_is_escalated_or_opened_again() -> None:
    book = book_at(Stage.OPEN)
    for seconds in (1, 2):
        book = incidents.after(book, queued(f"n{seconds}", seconds=seconds))
    assert (only(book).told, only(book).told_at) == (2, at(2))
    escalated = only(incidents.after(book, act_event(Act.ESCALATE, only(book), at(3))))
    assert (escalated.told, escalated.told_at) == (0, at(2))
    resolved = incidents.after(book, act_event(Act.RESOLVE, only(book), at(3)))
    again = only(incidents.after(resolved, act_event(Act.REOPEN, only(resolved), at(4))))
    assert (again.told, again.told_at, again.aired, again.by) == (0, None, False, "")


@pytest.mark.parametrize("number", [None, 7])
def test_after__a_notice_about_nothing_in_the_book__changes_nothing(number: int | None) -> None:
    book = book_at(Stage.OPEN)
    assert incidents.after(book, queued("n", incident=number)) == book


def test_after__a_note__leaves_it_as_it_is() -> None:
    book = book_at(Stage.RESOLVED)
    event = incidents.note_event(only(book), "hanako", "a disk of 1990", at(20))
    assert incidents.after(book, event) == book
    assert (event.kind, event.data) == (NOTE, {"incident": 1, "by": "hanako", "text": "a disk of 1990"})


# ---------------------------------------------------------------- what opens and ends them


def test_follow__a_finding__opens_one_that_ends_by_itself() -> None:
    incident = only(live(Book(), raised(5)))
    assert (incident.key, incident.severity, incident.stage) == (KEY, S2, Stage.OPEN)
    assert (incident.found, incident.stop, incident.stands, incident.opened) == (True, False, True, at(5))
    over = only(live(Book(), raised(5), cleared(9)))
    assert (over.stage, over.stands, over.found, over.over_at) == (Stage.OPEN, False, False, at(9))


@pytest.mark.parametrize(
    "event",
    [
        raised(severity=S3),
        cleared(severity=S3),
        cleared(),
        Event("job.finished", Level.INFO, at(0), msg("x")),
        Event("estop.override", Level.CRITICAL, at(0), msg("x")),
    ],
)
def test_follow__noise_or_something_else__opens_nothing(event: Event) -> None:
    assert incidents.follow(Book(), event) == ()


def test_follow__a_stop__opens_one_that_says_so() -> None:
    incident = only(live(Book(), tripped(5)))
    assert (incident.key, incident.severity, incident.level) == (("hf_low", "main"), S1, Level.EMERGENCY)
    assert (incident.found, incident.stop) == (False, True)
    assert str(incident.message) == "EMERGENCY STOP: Because of hf_low."


def test_follow__a_notice_given_up__opens_one_for_the_channel() -> None:
    event = Event("notice.given_up", Level.ALERT, at(0), msg("x"), {"notice": "n", "channel": "line"})
    incident = only(live(Book(), event))
    assert (incident.key, incident.severity) == (("notice_given_up", "line"), S2)
    assert incidents.follow(live(Book(), event), event) == ()


def test_follow__a_stop_and_the_finding_behind_it__are_one_incident() -> None:
    finding = raised(6, ("hf_low", "main"), S1)
    book = live(Book(), tripped(5), finding)
    assert (only(book).stop, only(book).found, only(book).returns) == (True, True, 0)
    assert incidents.follow(book, finding) == ()
    other = live(Book(), finding, tripped(7))
    assert (only(other).stop, only(other).found, only(other).returns) == (True, True, 0)


def test_follow__the_same_again__changes_nothing() -> None:
    book = live(Book(), raised(5))
    assert incidents.follow(book, raised(6, level=Level.CRITICAL)) == ()
    assert incidents.follow(live(book, cleared(7)), cleared(8)) == ()
    resolved = incidents.after(live(book, cleared(7)), act_event(Act.RESOLVE, only(book), at(8)))
    assert incidents.follow(resolved, cleared(9)) == ()


def test_follow__back_while_open__is_counted() -> None:
    incident = only(live(Book(), raised(5), cleared(6), raised(7), cleared(8), raised(9)))
    assert (incident.returns, incident.stands, incident.found, incident.over_at) == (2, True, True, None)
    assert incident.opened == at(5)


@pytest.mark.parametrize("stage", [Stage.OPEN, Stage.ESCALATED])
def test_follow__graver_while_open__is_graver_and_never_less_so(stage: Stage) -> None:
    book = live(book_at(stage, found=True), raised(20, severity=S1, level=Level.EMERGENCY))
    assert (only(book).severity, only(book).level, only(book).stage) == (S1, Level.EMERGENCY, stage)
    lesser = live(book, cleared(21), raised(22, severity=S2, level=Level.WARNING))
    assert (only(lesser).severity, only(lesser).level) == (S1, Level.EMERGENCY)


def test_follow__graver_once_taken_on__is_open_again() -> None:
    book = book_at(Stage.ACKNOWLEDGED, found=True)
    assert incidents.follow(book, raised(20)) == ()
    after = only(live(book, raised(20, severity=S1)))
    assert (after.stage, after.severity, after.by, after.returns) == (Stage.OPEN, S1, "", 0)


def test_follow__back_once_taken_on__stays_taken_on() -> None:
    after = only(live(book_at(Stage.ACKNOWLEDGED, found=True), cleared(20), raised(21)))
    assert (after.stage, after.by, after.returns) == (Stage.ACKNOWLEDGED, "taro", 1)


def test_follow__back_within_a_day__is_the_same_incident() -> None:
    book = live(book_at(Stage.RESOLVED), raised(10 + DAY_S - 1, severity=S1))
    assert (only(book).number, only(book).stage, only(book).severity) == (1, Stage.OPEN, S1)


def test_follow__back_after_a_day__is_a_new_one_and_the_old_one_is_let_go() -> None:
    book = live(book_at(Stage.RESOLVED), raised(10 + DAY_S))
    assert (only(book).number, only(book).stage, book.last_number) == (2, Stage.OPEN, 2)


def test_follow__opened_again__may_be_less_grave_and_is_no_stop_any_more() -> None:
    book = live(book_at(Stage.RESOLVED, S1, stop=True), raised(20, level=Level.WARNING))
    assert (only(book).severity, only(book).level, only(book).stop) == (S2, Level.WARNING, False)


def test_follow__opened_again_by_a_stop_alone__is_not_found_because_it_once_was() -> None:
    opened = incidents.opened_event(1, sign(KEY, S1, found=True), at(0))
    before = incidents.fold(recorded(opened))
    resolved = incidents.after(before, act_event(Act.RESOLVE, only(before), at(10)))
    assert only(resolved).stage is Stage.RESOLVED
    book = live(resolved, tripped(20, *KEY))
    assert (only(book).stage, only(book).found, only(book).stop, only(book).unconfirmed) == (
        Stage.OPEN, False, True, False,
    )  # fmt: skip


def test_follow__an_open_one_however_old__is_kept() -> None:
    book = live(book_at(Stage.OPEN), raised(100 * DAY_S, ("other", "")))
    assert [one.number for one in book.incidents] == [1, 2]


def test_with_new__more_than_are_told_apart__lets_the_resolved_go_first_and_then_the_oldest() -> None:
    book = book_at(Stage.RESOLVED)
    for number in range(2, MAX_KEPT + 2):
        book = live(book, raised(20, ("x", str(number))))
    assert len(book.incidents) == MAX_KEPT + 1
    book = live(book, raised(20, ("x", "one more")))
    assert [one.number for one in book.incidents] == list(range(2, MAX_KEPT + 3))
    book = live(book, raised(20, ("x", "and another")))
    assert [one.number for one in book.incidents] == list(range(3, MAX_KEPT + 4))


# ---------------------------------------------------------------- when the stop is lifted


def test_with_new__more_than_are_told_apart__funds_at_risk_and_stops_are_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(incidents, "MAX_KEPT", 3)
    book = Book()
    for number, (severity, stop) in enumerate([(S1, False), (S2, True), (S2, False), (S3, False), (S2, False)], 1):
        fresh = sign((f"code-{number}", ""), severity, stop=stop)
        book = incidents.after(book, incidents.opened_event(number, fresh, at(number)))
    assert [one.number for one in book.incidents] == [1, 2, 3, 5]
    for number in (6, 7, 8):
        fresh = sign((f"code-{number}", ""), S1)
        book = incidents.after(book, incidents.opened_event(number, fresh, at(number)))
    assert [one.number for one in book.incidents] == [1, 2, 6, 7, 8]


def test_follow__again_once_resolved_while_it_stood__is_counted() -> None:
    book = live(book_at(Stage.RESOLVED, found=True), raised(20))
    assert only(book).returns == 1


def resumed(severity: Severity, by: str, *, found: bool = False) -> list[str]:
    book = book_at(Stage.OPEN, severity, found=found, stop=True)
    events = incidents.after_resume(book, by, at(30))
    for event in events:
        book = incidents.after(book, event)
    return kinds(events)


def test_after_resume__a_cause_that_is_no_finding__is_over_and_an_s2_is_dealt_with() -> None:
    assert resumed(S2, "taro") == [OVER, Act.RESOLVE]
    assert resumed(S1, "taro") == [OVER]


def test_after_resume__nobody_lifted_it__is_over_only() -> None:
    assert resumed(S2, "") == [OVER]


def test_after_resume__still_found__stays() -> None:
    assert resumed(S2, "taro", found=True) == []


def test_after_resume__what_is_over_already_or_no_cause_or_resolved__is_told_apart() -> None:
    over = live(book_at(Stage.OPEN, found=True, stop=True), cleared(20))
    assert kinds(incidents.after_resume(over, "taro", at(30))) == [Act.RESOLVE]
    assert incidents.after_resume(book_at(Stage.OPEN), "taro", at(30)) == ()
    assert incidents.after_resume(book_at(Stage.RESOLVED, stop=True), "taro", at(30)) == ()


# ---------------------------------------------------------------- the book


def test_book__open__are_the_gravest_first_then_the_oldest() -> None:
    book = live(Book(), raised(1, ("a", "")), raised(2, ("b", ""), S1), raised(3, ("c", "")), raised(4, ("d", "")))
    fourth = book.numbered(4)
    assert fourth is not None
    book = incidents.after(book, act_event(Act.RESOLVE, fourth, at(5)))
    assert [one.number for one in book.open()] == [2, 1, 3]
    assert (book.numbered(9), book.about(("z", ""))) == (None, None)
    assert book.about(("d", "")) == book.numbered(4)


# ---------------------------------------------------------------- the fold


def test_fold__what_was_found_and_is_open__is_unconfirmed_until_seen() -> None:
    opened = incidents.opened_event(1, sign(found=True), at(0))
    book = incidents.fold(recorded(opened))
    assert only(book).unconfirmed
    seen = live(book, raised(20))
    assert (only(seen).unconfirmed, only(seen).returns) == (False, 0)
    assert incidents.follow(seen, raised(21)) == ()
    over = live(book, cleared(20))
    assert (only(over).unconfirmed, only(over).stands) == (False, False)


def test_fold__stop_is_told_late_of_what_was_found_before__does_not_confirm_it() -> None:
    opened = incidents.opened_event(1, sign(KEY, S1, found=True), at(0))
    book = live(incidents.fold(recorded(opened)), tripped(20, *KEY))
    assert (only(book).stop, only(book).unconfirmed) == (True, True)
    assert incidents.follow(book, tripped(21, *KEY)) == ()
    seen = live(book, raised(22, KEY, S1))
    assert not only(seen).unconfirmed


@pytest.mark.parametrize("stage", Stage)
def test_fold__what_does_not_end_by_itself_or_is_resolved__needs_no_confirmation(stage: Stage) -> None:
    found = incidents.opened_event(1, sign(found=stage is Stage.RESOLVED), at(0))
    incident = only(incidents.after(Book(), found))
    acts = {Stage.ACKNOWLEDGED: Act.ACKNOWLEDGE, Stage.ESCALATED: Act.ESCALATE, Stage.RESOLVED: Act.RESOLVE}
    events = (found, *((act_event(acts[stage], incident, at(1)),) if stage in acts else ()))
    book = incidents.fold(recorded(*events))
    assert (only(book).unconfirmed, only(book).stage) == (False, stage)


OPENED = incidents.opened_event(1, sign(), at(0))


@pytest.mark.parametrize(
    "event",
    [
        replace(OPENED, data={}),
        replace(OPENED, data={**OPENED.data, "incident": True}),
        replace(OPENED, data={**OPENED.data, "incident": "2"}),
        replace(OPENED, data={**OPENED.data, "incident": 2, "severity": "S9"}),
        replace(OPENED, data={**OPENED.data, "incident": 2, "level": "loud"}),
        replace(OPENED, data={**OPENED.data, "incident": 2, "what": "text"}),
        replace(OPENED, kind="incident.unheard_of"),
        replace(OPENED, kind=Act.ACKNOWLEDGE, data={"incident": 1}),
        replace(OPENED, kind=Act.REOPEN),
        replace(OPENED, kind=OVER, data={"incident": 3}),
        replace(OPENED, kind=BACK, data={"incident": 1}),
        replace(queued("n"), data={"incident": "x"}),
        OPENED,
    ],
)
def test_fold__what_does_not_fit__is_passed_over(event: Event) -> None:
    whole = incidents.fold(recorded(OPENED, event, act_event(Act.ACKNOWLEDGE, only(book_at(Stage.OPEN)), at(9))))
    assert only(whole).stage is Stage.ACKNOWLEDGED
