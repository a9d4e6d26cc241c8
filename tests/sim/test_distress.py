"""What the watch makes of low readings: who must have seen them, and for how long they count."""

from tests.core.make import at, hf, reading
from ultrad.core.crosscheck import Vote
from ultrad.distress import FRESH_MS, Distress

LOW, LOWER, FINE = hf("1.25"), hf("1.2"), hf("1.5")


def _distress() -> Distress:
    return Distress("main", hf("1.3"))


def _vote(endpoint: str, health_factor: int) -> Vote:
    return Vote(endpoint, (reading(health_factor, endpoint=endpoint),), bad=True)


def test_distress__two_see_it__an_alarm_by_the_less_alarming_for_a_while() -> None:
    one = _distress()
    one.heard((_vote("a", LOWER), _vote("b", LOW)), 2, at(0))
    alarm = one.alarm(at(FRESH_MS // 1_000))
    assert alarm is not None
    assert alarm.reading.health_factor == LOW
    assert one.alarm(at(FRESH_MS // 1_000 + 1)) is None


def test_distress__one_of_several_sees_it__no_alarm() -> None:
    one = _distress()
    one.heard((_vote("a", LOW), _vote("b", FINE)), 2, at(0))
    assert (one.alarm(at(0)), one.unconfirmed) == (None, True)


def test_distress__the_only_endpoint_sees_it__an_alarm() -> None:
    one = _distress()
    one.heard((_vote("a", LOW),), 1, at(0))
    assert one.alarm(at(0)) is not None


def test_distress__bad_for_other_reasons__nothing_of_it() -> None:
    one = _distress()
    one.heard((_vote("a", FINE), _vote("b", FINE)), 2, at(0))
    assert (one.alarm(at(0)), one.unconfirmed) == (None, False)


def test_distress__recovered_or_disputed__the_alarm_is_over() -> None:
    one = _distress()
    votes = (_vote("a", LOW), _vote("b", LOW))
    one.heard(votes, 2, at(0))
    one.doubted()
    assert one.alarm(at(0)) is None
    one.heard(votes, 2, at(0))
    one.accepted((reading(LOW),))
    assert (one.is_low, one.alarm(at(0)) is not None) == (True, True)
    one.accepted((reading(FINE, position="other"),))
    assert one.is_low is True
    one.accepted((reading(FINE),))
    assert (one.is_low, one.alarm(at(0))) == (False, None)


def test_distress__another_position__does_not_call() -> None:
    assert not _distress().calls((reading(LOW, position="other"), reading(hf("1.3"))))
    assert _distress().calls((reading(LOW),))
