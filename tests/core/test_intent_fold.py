"""The fold over `intent.*` events, and what is forgotten of it."""

from dataclasses import replace
from decimal import Decimal

import pytest

from ultrad.core import intents
from ultrad.core.events import Event, Recorded
from ultrad.core.intent_events import held_event, proposed_event, written_event
from ultrad.core.intents import Blotter, Intent, Stage
from ultrad.core.signals import Action, Signal, Source
from ultrad.units import Now

AT = Now(1_772_452_800_000, 5_000_000)
LATER = Now(AT.wall_ms + 90_000_000, AT.steady_ms + 90_000_000)


def _signal(number: int, source: Source = Source.HTTP) -> Signal:
    return Signal(source, f"s{number}", Action.HOLD, Decimal(80), "", AT.wall_ms, AT)


def _recorded(*events: Event) -> list[Recorded]:
    return [Recorded(seq, "00" * 32, event) for seq, event in enumerate(events, 1)]


def _ended(number: int, source: Source) -> list[Event]:
    signal = _signal(number, source)
    return [proposed_event(signal), held_event(Intent(signal.key, signal, AT), AT)]


def test_fold__events_of_several_intents__the_same_as_one_after_the_other() -> None:
    events = [*_ended(1, Source.HTTP), *_ended(2, Source.NOTION), proposed_event(_signal(3))]
    folded, blotter = intents.fold(_recorded(*events)), Blotter()
    for event in events:
        blotter = intents.after(blotter, event)
    assert folded == blotter
    assert [one.stage for one in folded.intents] == [Stage.HELD, Stage.HELD, Stage.PROPOSED]


@pytest.mark.parametrize("broken", ["twice", "unknown", "no id"])
def test_fold__what_does_not_fit_together__names_the_event(broken: str) -> None:
    first = proposed_event(_signal(1))
    other = {
        "twice": first,
        "unknown": held_event(Intent("http:s2", _signal(2), AT), AT),
        "no id": replace(first, data={}),
    }[broken]
    with pytest.raises(ValueError, match="event 2"):
        intents.fold(_recorded(first, other))


def test_fold__tens_of_thousands__within_a_second_or_two() -> None:
    events = [event for number in range(20_000) for event in _ended(number, Source.HTTP)]
    assert len(intents.fold(_recorded(*events)).intents) == 20_000


def test_forget__ended_long_ago__only_a_row_that_was_not_told_stays() -> None:
    events = [*_ended(1, Source.HTTP), *_ended(2, Source.NOTION), *_ended(3, Source.NOTION)]
    told = written_event(Intent("notion:s3", _signal(3, Source.NOTION), AT), AT)
    blotter = intents.fold(_recorded(*events, told))
    assert [one.id for one in intents.forget(blotter, LATER.steady_ms, newest=0).intents] == ["notion:s2"]
    assert intents.forget(blotter, AT.steady_ms) == blotter
