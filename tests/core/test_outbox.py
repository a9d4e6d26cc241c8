"""The outbox: what is next, what becomes of it, and the fold."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.make import at, recorded
from tests.core.make_notices import S1, S2, box, delivery, queued
from ultrad.core import outbox as box_of
from ultrad.core import outbox_events as became
from ultrad.core.events import Event, Level, Severity
from ultrad.core.outbox import KEPT_THREADS, TRIES_IN_A_ROW, Outbox
from ultrad.core.telling import Why
from ultrad.i18n import msg

LATER = at(10**6)
HOUR_MS = 3_600_000


def order(outbox: Outbox, channel: str = "slack") -> list[str]:
    """In which order a channel that takes everything is given it."""
    names = []
    while (one := box_of.next_for(outbox, channel, LATER)) is not None:
        names.append(one.told.notice)
        outbox = box_of.after(outbox, became.delivered_event(one, "", LATER))
    return names


# ---------------------------------------------------------------- what is next


def test_next_for__one_incident__in_the_order_it_was_told() -> None:
    graver = queued("c", severity=S1)
    assert order(box(queued("a"), queued("b"), graver)) == ["a", "b", "c"]


def test_next_for__several__the_gravest_first_then_the_oldest() -> None:
    outbox = box(
        queued("a", incident=1),
        queued("b", incident=2, severity=S1),
        queued("c", incident=None),
        queued("d", incident=None, severity=S1),
        queued("e", incident=3),
    )
    assert order(outbox) == ["b", "d", "a", "c", "e"]


def test_next_for__other_channels_and_what_is_held__are_left_alone() -> None:
    outbox = box(queued("a", "line"), queued("b", held_s=5, incident=2), queued("c", incident=3))
    assert order(outbox, "line") == ["a"]
    assert order(outbox, "hook") == []
    first = box_of.next_for(outbox, "slack", at(4))
    assert first is not None
    assert first.told.notice == "c"
    closed = box_of.after(outbox, became.delivered_event(first, "", at(4)))
    assert box_of.next_for(closed, "slack", at(4)) is None
    assert box_of.next_for(closed, "slack", at(5)) == delivery(outbox, "b")


def test_next_for__held_until_the_morning__holds_nothing_graver_of_its_incident() -> None:
    outbox = box(queued("a", held_s=5), queued("b", severity=S1))
    first = box_of.next_for(outbox, "slack", at(4))
    assert first is not None
    assert first.told.notice == "b"


def test_next_for__never_taken__gives_way_and_has_its_turn_again() -> None:
    outbox = box(queued("poison", incident=1, severity=S1), queued("a", incident=2), queued("b", incident=3))
    tries = []
    for _ in range(4 * TRIES_IN_A_ROW):
        one = box_of.next_for(outbox, "slack", LATER)
        assert one is not None
        tries.append(one.told.notice)
        if one.told.notice == "poison":
            outbox = box_of.tried(outbox, one)
        else:
            outbox = box_of.after(outbox, became.delivered_event(one, "", LATER))
    assert tries == [*["poison"] * TRIES_IN_A_ROW, "a", "b", *["poison"] * (3 * TRIES_IN_A_ROW - 2)]


def test_next_for__never_taken__holds_up_only_its_own_incident() -> None:
    outbox = box(queued("poison", incident=1), queued("behind it", incident=1), queued("a", incident=2))
    for _ in range(TRIES_IN_A_ROW):
        outbox = box_of.tried(outbox, delivery(outbox, "poison"))
    first = box_of.next_for(outbox, "slack", LATER)
    assert first is not None
    assert first.told.notice == "a"


def test_next_for__only_some_may_go__passes_over_the_others() -> None:
    outbox = box(queued("a"), queued("b", severity=S1), queued("c", incident=2))
    one = box_of.next_for(outbox, "slack", LATER, lambda told: told.pressing)
    assert one is not None
    assert one.told.notice == "b"
    assert box_of.next_for(outbox, "slack", LATER, lambda told: told.stop) is None


def test_next_due_ms__the_earliest_of_the_channel() -> None:
    outbox = box(queued("a", held_s=9), queued("b", held_s=5), queued("c", "line", held_s=1))
    assert box_of.next_due_ms(outbox, "slack") == 5_000
    assert box_of.next_due_ms(outbox, "hook") is None


notices = st.lists(
    st.tuples(st.none() | st.integers(1, 3), st.sampled_from([S1, S2]), st.integers(0, 30)), max_size=12
)


@given(notices)
def test_next_for__any_queue__is_in_order_within_an_incident_and_by_severity(
    rows: list[tuple[int | None, Severity, int]],
) -> None:
    events = [queued(str(place), incident=row[0], severity=row[1]) for place, row in enumerate(rows)]
    outbox = box(*events)
    for place, row in enumerate(rows):
        for _ in range(row[2]):
            outbox = box_of.tried(outbox, delivery(outbox, str(place)))
    out = [int(name) for name in order(outbox)]
    assert sorted(out) == list(range(len(rows)))
    for number in {row[0] for row in rows if row[0] is not None}:
        own = [place for place in out if rows[place][0] == number]
        assert own == sorted(own)
    waiting = set(out)
    for place in out:  # nothing graver, tried no more often, of which nothing stands in front, was passed over
        waiting.remove(place)
        for other in waiting:
            in_front = any(rows[one][0] == rows[other][0] is not None and one < other for one in {*waiting, place})
            if not in_front and rows[other][2] <= rows[place][2]:
                assert rows[other][1] >= rows[place][1]


# ---------------------------------------------------------------- what becomes of it


def test_delivered__the_first_of_an_incident__is_the_thread_of_the_next() -> None:
    outbox = box(queued("a"), queued("b"), queued("c", incident=2), queued("d", incident=None))
    for name, ref in (("a", "ts-1"), ("b", "ts-2"), ("c", ""), ("d", "ts-4")):
        outbox = box_of.after(outbox, became.delivered_event(delivery(outbox, name), ref, at(1)))
    assert outbox.thread("slack", 1) == "ts-1"
    assert (outbox.thread("line", 1), outbox.thread("slack", 2), outbox.thread("slack", None)) == ("", "", "")
    assert outbox.threads == (("slack", 1, "ts-1"),)


def test_delivered__more_incidents_than_are_kept__the_oldest_thread_is_let_go() -> None:
    many = tuple(("slack", number, "ts") for number in range(KEPT_THREADS))
    outbox = replace(box(queued("a", incident=KEPT_THREADS)), threads=many)
    after = box_of.after(outbox, became.delivered_event(delivery(outbox, "a"), "ts", at(1)))
    assert len(after.threads) == KEPT_THREADS
    assert after.threads[0] == ("slack", 1, "ts")


def test_delivered__to_one_of_two__is_heard_of_until_nobody_waits_for_it() -> None:
    outbox = box(queued("a", "slack", "line"))
    assert outbox.unheard() == {1}
    half = box_of.after(outbox, became.delivered_event(delivery(outbox, "a"), "", at(1)))
    assert half.unheard() == frozenset()
    assert half.heard == half.done == (("a", "slack"),)
    whole = box_of.after(half, became.delivered_event(delivery(half, "a", "line"), "", at(1)))
    assert whole == Outbox(places=2)


@pytest.mark.parametrize("close", ["given_up", "spared"])
def test_given_up_or_spared__by_one_of_two__is_not_heard_of(close: str) -> None:
    outbox = box(queued("a", "slack", "line"))
    one = delivery(outbox, "a")
    event = (
        became.given_up_event(one, msg("No."), at(1)) if close == "given_up" else became.spared_event(one, at(1))
    )
    after = box_of.after(outbox, event)
    assert after.unheard() == {1}
    assert after.heard == ()
    assert after.done == (("a", "slack"),)
    assert box_of.addressed(after) == {"a": {"slack", "line"}}
    assert not box_of.is_waiting(after, one)
    assert box_of.is_waiting(after, delivery(after, "a", "line"))


def test_unheard__what_is_not_meant_to_be_heard_or_about_no_incident__does_not_count() -> None:
    outbox = box(queued("a", why=Why.TAKEN_ON), queued("b", incident=None))
    assert outbox.unheard() == frozenset()
    assert [one.told.loud for one in outbox.waiting] == [False, True]


def test_unheard__told_of_anew__only_the_newest_counts() -> None:
    held = queued("a", held_s=3_600)
    assert box(held).unheard() == {1}
    outbox = box(held, queued("b", severity=S1))
    assert outbox.unheard() == {1}
    heard = box_of.after(outbox, became.delivered_event(delivery(outbox, "b"), "", at(1)))
    assert heard.unheard() == frozenset()
    assert heard.overtaken == ("a",)
    assert box_of.after(heard, became.superseded_event(delivery(heard, "a"), at(1))) == Outbox(places=2)
    assert box(held, queued("c", why=Why.TAKEN_ON)).unheard() == {1}  # a quiet word replaces nothing


def test_given_up__says_so_loudly() -> None:
    one = delivery(box(queued("a")), "a")
    event = became.given_up_event(one, msg("It is not configured any more."), at(1))
    assert (event.level, event.key) == (Level.ALERT, "a:slack")
    assert event.data == {"notice": "a", "channel": "slack", "incident": 1}
    assert "slack did not take it: It is not configured any more. It said: It is full." in str(event.message)


def test_unsure__is_remembered_from_when() -> None:
    outbox = box(queued("a", "slack", "line"))
    after = box_of.after(outbox, became.unsure_event(delivery(outbox, "a"), at(7)))
    assert (delivery(after, "a").unsure_ms, delivery(after, "a").marked) == (7_000, True)
    assert delivery(after, "a", "line") == delivery(outbox, "a", "line")
    undone = box_of.in_doubt(after, delivery(after, "a"), None)
    assert (delivery(undone, "a").unsure_ms, delivery(undone, "a").marked) == (None, True)


# ---------------------------------------------------------------- what waits too long


def test_expired__from_when_it_might_have_gone__exactly() -> None:
    outbox = box(queued("a", held_s=10), queued("b", held_s=11))
    assert box_of.expired(outbox, 60_000, at(69)) == ()
    assert box_of.expired(outbox, 60_000, at(70)) == (delivery(outbox, "a"),)


def test_unrepeatable__from_when_it_may_have_been_taken__exactly() -> None:
    outbox = box(queued("a", "line"), queued("b", "line"), queued("c", "slack"))
    for name, channel in (("a", "line"), ("c", "slack")):
        outbox = box_of.in_doubt(outbox, delivery(outbox, name, channel), 10_000)
    assert box_of.unrepeatable(outbox, "line", 23 * HOUR_MS, at(10 + 23 * 3_600 - 1)) == ()
    assert box_of.unrepeatable(outbox, "line", 23 * HOUR_MS, at(10 + 23 * 3_600)) == (
        delivery(outbox, "a", "line"),
    )


@pytest.mark.parametrize(
    ("failing_ms", "now_s", "expected"),
    [
        (200_000, 299, []),  # it fails for less long than this waits
        (200_000, 300, ["a"]),
        (-400_000, 0, ["a"]),  # it was down before: what is new does not wait in vain
        (-400_000, 9, ["a"]),
        (-400_000, 10, ["a", "held"]),
    ],
)
def test_stranded__down_for_so_long__exactly(failing_ms: int, now_s: int, expected: list[str]) -> None:
    outbox = box(queued("a"), queued("held", held_s=10, incident=2), queued("b", "line"))
    found = box_of.stranded(outbox, "slack", failing_ms, 300_000, at(now_s))
    assert [one.told.notice for one in found] == expected


def reroute(outbox: Outbox, to: str, seconds: int, why: became.Instead = became.Instead.DOWN) -> Outbox:
    event = became.rerouted_event(delivery(outbox, "a"), to, f"key of a:{to}", at(seconds), why)
    return box_of.after(outbox, event)


def stranded(outbox: Outbox, seconds: int) -> list[str]:
    return [one.channel for one in box_of.stranded(outbox, "slack", 0, 300_000, at(seconds))]


def test_rerouted__another_stands_in__keeps_its_place_and_starts_afresh() -> None:
    outbox = box(queued("a"), queued("b"))
    outbox = box_of.tried(box_of.in_doubt(outbox, delivery(outbox, "a"), 1), delivery(outbox, "a"))
    after = reroute(outbox, "hook", 300)
    assert [(one.told.notice, one.channel) for one in after.waiting] == [
        ("a", "slack"),
        ("a", "hook"),
        ("b", "slack"),
    ]
    other = delivery(after, "a", "hook")
    assert (other.instead_of, other.key, other.due_ms, other.tries) == ("slack", "key of a:hook", 300_000, 0)
    assert (other.unsure_ms, other.marked, other.stand_ins) == (None, False, ())
    assert delivery(after, "a").stand_ins == ("hook",)
    assert box_of.addressed(after)["a"] == {"slack", "hook"}


def test_stranded__somebody_stands_in__only_while_that_one_works() -> None:
    after = reroute(box(queued("a")), "hook", 300)
    assert stranded(after, 301) == []
    assert stranded(after, 599) == []
    assert stranded(after, 600) == ["slack"]  # it takes nothing either
    heard = box_of.after(after, became.delivered_event(delivery(after, "a", "hook"), "", at(301)))
    assert stranded(heard, 10**6) == []
    refused = box_of.after(after, became.given_up_event(delivery(after, "a", "hook"), msg("No."), at(301)))
    assert stranded(refused, 302) == ["slack"]
    assert box_of.addressed(refused)["a"] == {"slack", "hook"}


def test_stranded__a_stand_in__has_none_itself() -> None:
    after = reroute(box(queued("a")), "hook", 300)
    assert box_of.stranded(after, "hook", 0, 300_000, at(10**6)) == ()


def test_stranded__a_stand_in_whose_own_is_out_of_it__has_one_again() -> None:
    after = reroute(box(queued("a")), "hook", 300)
    alone = box_of.after(after, became.given_up_event(delivery(after, "a"), msg("No."), at(301)))
    assert [one.channel for one in box_of.stranded(alone, "hook", 0, 300_000, at(601))] == ["hook"]


def test_rerouted__held__waits_for_its_hour_elsewhere_too() -> None:
    after = reroute(box(queued("a", held_s=900)), "hook", 300)
    assert delivery(after, "a", "hook").due_ms == 900_000


def test_rerouted_event__says_why() -> None:
    one = delivery(box(queued("a")), "a")
    down = became.rerouted_event(one, "hook", "k", at(1))
    spared = became.rerouted_event(one, "hook", "k", at(1), became.Instead.SPARED)
    assert "slack is down; hook is told instead: It is full." in str(down.message)
    assert "slack is spared; hook is told instead: It is full." in str(spared.message)
    refused = became.rerouted_event(one, "hook", "k", at(1), became.Instead.REFUSED)
    assert "slack did not take it; hook is told instead: It is full." in str(refused.message)
    gone = became.rerouted_event(one, "hook", "k", at(1), became.Instead.GONE)
    assert "slack is not configured any more; hook is told instead: It is full." in str(gone.message)
    assert (down.key, down.level) == ("a:slack:hook", Level.WARNING)
    assert down.data == spared.data


# ---------------------------------------------------------------- the fold

QUEUED = queued("b")
GONE = became.rerouted_event(delivery(box(queued("gone")), "gone"), "hook", "k", at(1))


@pytest.mark.parametrize(
    "event",
    [
        Event("notice.queued", Level.INFO, at(0), msg("x")),
        replace(QUEUED, data={**QUEUED.data, "why": "because"}),
        replace(QUEUED, data={**QUEUED.data, "severity": "S9"}),
        replace(QUEUED, data={**QUEUED.data, "level": 1}),
        replace(QUEUED, data={**QUEUED.data, "lines": None}),
        replace(QUEUED, data={**QUEUED.data, "lines": ["x"]}),
        replace(QUEUED, data={**QUEUED.data, "deliveries": None}),
        replace(QUEUED, data={**QUEUED.data, "deliveries": [1]}),
        replace(QUEUED, data={**QUEUED.data, "deliveries": [{"channel": "slack", "key": "k", "held_ms": "1"}]}),
        Event("notice.delivered", Level.INFO, at(0), msg("x"), {"notice": "a"}),
        Event("notice.unsure", Level.INFO, at(0), msg("x"), {"notice": "a"}),
        GONE,
        Event("notice.tested", Level.INFO, at(0), msg("x")),
    ],
)
def test_fold__what_does_not_fit__is_passed_over(event: Event) -> None:
    assert box_of.fold(recorded(queued("a"), event)) == box(queued("a"))


def test_after__rerouted_and_not_waiting__is_a_key_error() -> None:
    with pytest.raises(KeyError):
        box_of.after(box(queued("a")), GONE)
