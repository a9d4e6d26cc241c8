"""Which notices newer ones make needless."""

from tests.core.make import at
from tests.core.make_notices import S1, S2, box, delivery, queued
from ultrad.core import outbox as box_of
from ultrad.core import outbox_events as became
from ultrad.core.events import Event
from ultrad.core.superseding import outdated, settled
from ultrad.core.telling import Why


def gone(*events: Event, seconds: int = 0) -> list[tuple[str, str]]:
    """What the last one makes needless."""
    found = outdated(box(*events), str(events[-1].data["notice"]), at(seconds))
    return [(one.told.notice, one.channel) for one in found]


def test_outdated__became_graver__what_is_held_for_its_hours_is_replaced_where_it_is_told() -> None:
    held = queued("a", "slack", "line", held_s=3_600)
    assert gone(held, queued("b", "slack", severity=S1)) == [("a", "slack")]
    assert gone(held, queued("b", "slack", severity=S1, incident=2)) == []
    assert gone(held, queued("b", "slack", severity=S2, why=Why.BACK)) == []
    assert gone(held, queued("b", "slack", severity=S1, why=Why.TAKEN_ON)) == []
    assert gone(held, queued("b", "slack", severity=S1), seconds=3_600) == []  # on its way by now
    assert gone(queued("a", incident=None, held_s=9), queued("b", incident=None, severity=S1)) == []


def test_outdated__a_reminder__replaces_one_and_never_the_first_notice() -> None:
    waiting = queued("a"), queued("b", why=Why.REMINDER), queued("x", why=Why.REMINDER, incident=2)
    assert gone(*waiting, queued("c", "slack", "line", why=Why.REMINDER)) == [("b", "slack")]


def test_outdated__back__replaces_what_was_said_since_the_beginning() -> None:
    events = [queued(why.value, why=why) for why in (Why.OPENED, Why.REMINDER, Why.RECOVERED)]
    assert gone(*events, queued("b", why=Why.BACK)) == [("reminder", "slack"), ("recovered", "slack")]


def test_outdated__over__replaces_all_and_is_told_where_somebody_heard_of_it() -> None:
    over = queued("z", why=Why.RECOVERED)
    waiting = [queued("a", "slack", "line"), queued("b", why=Why.REMINDER)]
    assert gone(*waiting, over) == [("a", "slack"), ("b", "slack"), ("z", "slack")]
    outbox = box(*waiting)
    outbox = box_of.after(outbox, became.delivered_event(delivery(outbox, "a", "line"), "", at(0)))
    found = outdated(box_of.after(outbox, over), "z", at(0))
    assert [one.told.notice for one in found] == ["a", "b"]
    assert gone(queued("b", why=Why.REMINDER), over) == [("b", "slack")]  # the beginning was told there


def test_outdated__over_and_funds_were_at_risk__is_heard_of_all_the_same() -> None:
    waiting = [queued(why.value, why=why, severity=S1) for why in (Why.OPENED, Why.REMINDER)]
    assert gone(*waiting, queued("z", why=Why.RECOVERED, severity=S1)) == [("reminder", "slack")]


def test_outdated__what_stands_in__goes_with_what_it_stands_in_for() -> None:
    outbox = box(queued("a", why=Why.REMINDER))
    outbox = box_of.after(outbox, became.rerouted_event(delivery(outbox, "a"), "hook", "k", at(0)))
    found = outdated(box_of.after(outbox, queued("b", why=Why.REMINDER)), "b", at(0))
    assert [one.channel for one in found] == ["slack", "hook"]


def test_settled__everything_of_that_incident() -> None:
    outbox = box(queued("a", "slack", "line"), queued("b", incident=2), queued("c", why=Why.RECOVERED))
    assert [one.told.notice for one in settled(outbox, 1)] == ["a", "a", "c"]
