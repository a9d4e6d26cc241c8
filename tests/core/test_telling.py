"""What people are told, when, and by which ways."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

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
    notice,
    only,
    queued,
    raised,
    tripped,
)
from ultrad.core import incidents, signs, telling
from ultrad.core.events import Event, Level, Severity
from ultrad.core.incidents import Act, Book, Incident, Stage
from ultrad.core.telling import QUIET, SETTLE_MS, Notice, Route, Target, TellRules, Why
from ultrad.i18n import msg
from ultrad.units import Now

MINUTE = 60
REPEAT = {S1: 10 * MINUTE, S2: 60 * MINUTE}
QUIET_S = 30 * MINUTE
NIGHT = datetime(2026, 3, 4, 3, 0, tzinfo=UTC)  # a Wednesday
NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


class Told:
    """A book, and what people are told of it, at each event."""

    def __init__(self, book: Book = Book()) -> None:  # noqa: B008 - frozen
        self.book = book
        self.notices: list[Notice] = []

    def hear(self, *events: Event) -> list[Why]:
        """Why people are told because of these."""
        count = len(self.notices)
        for event in events:
            self._tell(telling.notices_of(self.book, self.book, event, RULES, UTC), event.now)
            for follows in incidents.follow(self.book, event):
                self.act(follows)
        return [one.why for one in self.notices[count:]]

    def act(self, event: Event) -> list[Why]:
        count = len(self.notices)
        before, self.book = self.book, incidents.after(self.book, event)
        self._tell(telling.notices_of(before, self.book, event, RULES, UTC), event.now)
        return [one.why for one in self.notices[count:]]

    def _tell(self, notices: tuple[Notice, ...], now: Now) -> None:
        for one in notices:
            self.notices.append(one)
            self.book = incidents.after(
                self.book, queued(f"n{len(self.notices)}", seconds=now.steady_ms // 1_000, incident=one.incident)
            )

    def due(self, seconds: int, unheard: frozenset[int] = frozenset()) -> list[int]:
        return [one.number for one in telling.due(self.book, RULES, unheard, at(seconds))]


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


# ---------------------------------------------------------------- what is due by the clock


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


# ---------------------------------------------------------------- to whom


def to(notice: Notice, local: datetime, *, escalated: bool = False) -> dict[str, int]:
    found = telling.targets(notice, RULES, escalated=escalated, local=local)
    return {one.channel: one.held_ms for one in found}


def test_targets__an_s1__reaches_every_channel_at_any_hour() -> None:
    assert to(notice(severity=S1), NIGHT) == {"slack": 0, "line": 0}
    assert to(notice(severity=S1), NIGHT, escalated=True) == {"slack": 0, "line": 0, "boss": 0}


def test_targets__an_s2_by_night__is_held_until_the_morning() -> None:
    assert to(notice(), NOON, escalated=True) == {"slack": 0, "line": 0}
    assert to(notice(), NIGHT) == {"slack": 6 * 3_600_000, "line": 6 * 3_600_000}


@pytest.mark.parametrize("why", QUIET)
def test_targets__quiet__costs_nothing(why: Why) -> None:
    assert to(notice(why, S1), NIGHT) == {"slack": 0}
    assert not notice(why).loud
    assert notice().loud


def test_targets__noise_or_no_route__reaches_nobody() -> None:
    assert to(notice(severity=S3), NOON) == {}
    assert telling.targets(notice(), TellRules(), escalated=False, local=NOON) == ()


def test_targets__a_channel_of_two_routes__is_told_once_at_the_earlier_time() -> None:
    always = Route("late", frozenset({S2}), ("line", "hook"))
    for routes in ((*RULES.routes, always), (always, *RULES.routes)):
        found = telling.targets(notice(), replace(RULES, routes=routes), escalated=False, local=NIGHT)
        assert {one.channel: one.held_ms for one in found} == {"slack": 6 * 3_600_000, "line": 0, "hook": 0}
        assert len(found) == 3


def test_targets__an_s1_on_a_route_with_hours__is_never_held() -> None:
    rules = replace(RULES, routes=(replace(RULES.routes[1], severities=frozenset({S1})),))
    found = telling.targets(notice(severity=S1), rules, escalated=False, local=NIGHT)
    assert found == (Target("slack", 0), Target("line", 0))


def test_carriers__each_once_and_in_order() -> None:
    assert telling.carriers(S1, TellRules((*RULES.routes, *RULES.routes))) == ("slack", "line")
    assert telling.carriers(S3, RULES) == ()


def test_fallbacks__in_order_and_once_and_not_who_is_told_anyway() -> None:
    rules = TellRules(
        routes=(
            Route("a", frozenset({S1, S2}), ("x",), fallback=("p", "q")),
            Route("b", frozenset({S1}), ("y",), fallback=("r", "q")),
        )
    )
    assert telling.fallbacks(S1, rules, ()) == ("p", "q", "r")
    assert telling.fallbacks(S1, rules, {"q"}) == ("p", "r")
    assert telling.fallbacks(S2, rules, ("p",)) == ("q",)
    assert telling.fallbacks(S3, rules, ()) == ()


def test_queued_event__holds_all_that_a_try_needs() -> None:
    event = queued("n", "slack", "line", seconds=9, held_s=2)
    assert (event.kind, event.key, event.level, event.now) == (telling.QUEUED, "n", Level.INFO, at(9))
    assert str(event.message) == "It is full."
    assert event.data == {
        "notice": "n",
        "why": "opened",
        "severity": "S2",
        "level": "alert",
        "incident": 1,
        "code": "",
        "stop": False,
        "lines": [{"text": "a line", "args": {}}],
        "deliveries": [
            {"channel": "slack", "key": "key of n:slack", "held_ms": 2_000},
            {"channel": "line", "key": "key of n:line", "held_ms": 2_000},
        ],
    }


def test_local_text__is_the_wall_time_of_the_zone() -> None:
    later = Now(at(0).wall_ms + timedelta(hours=1) // timedelta(milliseconds=1), 0)
    assert telling.local_text(later, UTC) == "2023-11-14 23:13:20"
