"""What is shown of signals: the newest first, with every rule that stopped one."""

from dataclasses import replace
from decimal import Decimal

import pytest

from ultrad.core.admission import Refusal, Verdict
from ultrad.core.events import Event, Recorded
from ultrad.core.intent_events import admitted_event, held_event, proposed_event, refused_event, signed_event
from ultrad.core.intent_steps import Purpose, Version
from ultrad.core.intents import Blotter, Intent, Stage, after
from ultrad.core.signals import Action, Signal, Source
from ultrad.core.trade_status import end_of, line_of, lines_of, recent_lines
from ultrad.core.wire import from_json, to_json
from ultrad.i18n import msg
from ultrad.units import Now

AT = Now(1_772_452_800_000, 5_000_000)


def _intent(number: int) -> Intent:
    signal = Signal(Source.HTTP, f"s{number}", Action.BUY, Decimal(80), "why", AT.wall_ms, AT)
    return Intent(signal.key, signal, AT)


def _recorded(*events: Event) -> list[Recorded]:
    return [Recorded(seq, "00" * 32, event) for seq, event in enumerate(events, 1)]


REFUSED = refused_event(
    _intent(2),
    (
        Refusal("cooldown", Verdict.SKIPPED, msg("too soon")),
        Refusal("estop", Verdict.REJECTED, msg("the gate is shut")),
    ),
    AT,
)
EVENTS = _recorded(
    held_event(_intent(1), AT),  # of one that was proposed before
    proposed_event(_intent(2).signal),
    proposed_event(_intent(3).signal),
    REFUSED,
)


def test_lines_of__part_of_a_record__those_proposed_in_it_with_all_their_rules() -> None:
    lines = lines_of(EVENTS)
    assert [one.id for one in lines] == ["http:s3", "http:s2"]
    assert [(one.rule, one.verdict) for one in lines[1].rules] == [("cooldown", "skipped"), ("estop", "rejected")]
    assert (lines[0].stage, lines[0].end, lines[0].ended_ms) == (Stage.PROPOSED, None, None)
    assert lines[1].ended_ms == AT.wall_ms


def test_lines_of__over_the_wire__the_same() -> None:
    for line in lines_of(EVENTS):
        assert from_json(type(line), to_json(line)) == line


def test_lines_of__what_does_not_fit_together__raises() -> None:
    with pytest.raises(ValueError, match="event 5"):
        lines_of([*EVENTS, replace(EVENTS[3], seq=5)])


def test_line_of__one_under_way__shows_its_newest_transaction() -> None:
    intent = _intent(1)
    version = Version("0xab", "00", Purpose.OWN, 1, 1, AT)
    blotter = Blotter()
    for event in (
        proposed_event(intent.signal),
        admitted_event(intent, 5, 7, {"supplied": "0"}, AT),
        signed_event(intent, "supply", 3, version),
    ):
        blotter = after(blotter, event)
    (line,) = recent_lines(blotter, 5)
    assert (line.hash, line.value_e8, line.stage) == ("0xab", "7", Stage.UNDER_WAY)
    assert line == line_of(blotter.intents[0])


def test_end_of__some_ends__that_of_the_intent_or_none() -> None:
    ends = [one for one in EVENTS if one.event.kind != "intent.proposed"]
    assert end_of(ends, "http:s2") == REFUSED.message
    assert end_of(ends, "http:s9") is None
