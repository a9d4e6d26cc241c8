import pytest

from tests.core.make import BLOCK, at
from tests.core.make_trades import AGAIN, DONE, TOO_OLD, UNSURE, cancelling, intent, mined, signal, signed
from ultrad.core import intent_events as events
from ultrad.core.admission import Refusal
from ultrad.core.events import Event, Level
from ultrad.core.intents import WRITTEN, Act
from ultrad.core.messages import message_json
from ultrad.core.record import pack, unpack

ONE = intent()
BLOCK_JSON = [BLOCK.number, BLOCK.hash, BLOCK.time_s]

ALL: list[tuple[Event, str, str]] = [
    (events.proposed_event(signal()), Act.PROPOSE, "Signal BUY from notion (80 %): because"),
    (events.held_event(ONE, at(1)), Act.HOLD, "notion:1 is HOLD: nothing to do."),
    (events.admitted_event(ONE, 5, 6, {"supplied": "7"}, at(1)), Act.ADMIT, "notion:1 is admitted."),
    (events.bot_event(Act.BOT_SEND, ONE, at(1)), Act.BOT_SEND, "notion:1 goes to OctoBot."),
    (events.bot_event(Act.BOT_ACCEPT, ONE, at(1)), Act.BOT_ACCEPT, "notion:1: OctoBot has accepted it."),
    (signed(ONE), Act.SIGN, "notion:1: supply signed (own, nonce 7, 0xa)."),
    (cancelling(ONE), Act.SIGN, "notion:1: cancel signed (cancellation, nonce 7, 0xc)."),
    (events.mined_event(ONE, mined(), at(1)), Act.MINE, "notion:1: 0xa is in block 100."),
    (events.unmined_event(ONE, at(1)), Act.UNMINE, "notion:1: its block was replaced; it is pending again."),
    (events.confirmed_event(ONE, mined(), at(1)), Act.CONFIRM, "notion:1: 0xa is confirmed."),
    (events.end_event(Act.SETTLE, ONE, DONE, at(1)), Act.SETTLE, "Done."),
    (events.written_event(ONE, at(1)), WRITTEN, "notion:1: its source is told."),
]


@pytest.mark.parametrize(("event", "kind", "text"), ALL)
def test_events__each__says_what_it_is_and_comes_back_from_the_journal(event: Event, kind: str, text: str) -> None:
    assert (event.kind, str(event.message), event.data["intent"]) == (kind, text, "notion:1")
    assert unpack(pack(event)) == event


@pytest.mark.parametrize(("event", "kind", "_"), ALL)
def test_events__what_can_happen_once__bears_its_key(event: Event, kind: str, _: str) -> None:
    assert event.key == ("notion:1" if kind in {Act.PROPOSE, WRITTEN} else None)


def test_proposed_event__arrival__is_its_time() -> None:
    assert events.proposed_event(signal(arrived=at(9))).now == at(9)


def test_signed_event__version__is_there_in_full() -> None:
    event = signed(ONE, now=at(9))
    assert event.now == at(9)
    assert event.data == {
        "intent": "notion:1",
        "about": "supply",
        "nonce": 7,
        "hash": "0xa",
        "raw": "02a",
        "purpose": "own",
        "max_fee_wei": str(30 * 10**9),
        "tip_wei": str(10**9),
    }


def test_mined_and_confirmed_event__where_it_was_mined__is_there_in_full() -> None:
    for event in (
        events.mined_event(ONE, mined(ok=False), at(1)),
        events.confirmed_event(ONE, mined(ok=False), at(1)),
    ):
        assert event.data == {"intent": "notion:1", "hash": "0xa", "block": BLOCK_JSON, "ok": False}


def test_admitted_event__what_it_was_judged_by__is_there() -> None:
    event = events.admitted_event(ONE, 5, 6, {"supplied": "7"}, at(1))
    assert event.data == {"intent": "notion:1", "amount": "5", "value_e8": "6", "figures": {"supplied": "7"}}


def test_end_event__level__is_as_told() -> None:
    event = events.end_event(Act.FAIL, ONE, DONE, at(1), Level.ALERT)
    assert (event.level, event.data["end"]) == (Level.ALERT, message_json(DONE))


@pytest.mark.parametrize(
    ("refusals", "level", "text"),
    [
        ((UNSURE,), Level.INFO, "notion:1 is skipped (confidence): unsure"),
        ((AGAIN,), Level.WARNING, "notion:1 is skipped (repeated): again"),
        ((UNSURE, AGAIN), Level.WARNING, "notion:1 is skipped (confidence, repeated): unsure"),
        ((TOO_OLD,), Level.WARNING, "notion:1 is rejected (stale): too old"),
        ((UNSURE, TOO_OLD, AGAIN), Level.WARNING, "notion:1 is rejected (confidence, stale, repeated): too old"),
    ],
)
def test_refused_event__any_rules__names_all_and_tells_the_gravest(
    refusals: tuple[Refusal, ...], level: Level, text: str
) -> None:
    event = events.refused_event(ONE, refusals, at(1))
    assert (event.level, str(event.message)) == (level, text)
    assert event.data["rules"] == [
        {"rule": one.rule, "verdict": one.verdict.value, "message": message_json(one.message)} for one in refusals
    ]
    assert unpack(pack(event)) == event
