import itertools
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.core.make import BLOCK, at, recorded
from tests.core.make_trades import (
    ACTS,
    AMOUNT,
    DONE,
    TOO_OLD,
    UNSURE,
    VALUE_E8,
    Deed,
    acted,
    admitted,
    cancelling,
    ending,
    intent,
    mined,
    played,
    signed,
    version,
)
from ultrad.core import intent_events as events
from ultrad.core.events import Event, Json, Level
from ultrad.core.intent_steps import Purpose, Step
from ultrad.core.intents import ENDS, TABLE, WRITTEN, Act, Blotter, IllegalActError, Intent, Stage, after, fold
from ultrad.core.position import Block
from ultrad.i18n import msg

ONE = intent()
OTHER_BLOCK = Block(101, "0x" + "cd" * 32, BLOCK.time_s + 12)

FLYING: tuple[Deed, ...] = (Act.ADMIT, Act.SIGN)
LANDED: tuple[Deed, ...] = (*FLYING, Act.MINE, Act.CONFIRM)
WAYS: dict[Stage, tuple[Deed, ...]] = {
    Stage.PROPOSED: (),
    Stage.ADMITTED: (Act.ADMIT,),
    Stage.BOT_SENDING: (Act.ADMIT, Act.BOT_SEND),
    Stage.BOT_ACCEPTED: (Act.ADMIT, Act.BOT_SEND, Act.BOT_ACCEPT),
    Stage.UNDER_WAY: FLYING,
    Stage.REFUSED: (Act.REFUSE,),
    Stage.HELD: (Act.HOLD,),
    Stage.REHEARSED: (Act.ADMIT, Act.REHEARSE),
    Stage.FAILED: (Act.FAIL,),
    Stage.CANCELLED: (*LANDED, Act.CANCEL),
    Stage.SETTLED: (*LANDED, Act.SETTLE),
}
"""One way to each stage."""
CLOSING = (Act.SETTLE, Act.CANCEL, Act.FAIL)


def apply(one: Intent, act: Deed) -> Intent:
    event = ACTS[act](one) if isinstance(act, Act) else act(one)
    return after(Blotter((one,)), event).intents[0]


# ---------------------------------------------------------------- the table


@pytest.mark.parametrize(("stage", "act"), [*itertools.product(Stage, Act)])
def test_table__every_pair__is_a_step_or_raises(stage: Stage, act: Act) -> None:
    one = acted(ONE, WAYS[stage])
    assert one.stage is stage
    if stage is Stage.UNDER_WAY and act in CLOSING:
        one = acted(ONE, LANDED)  # elsewhere they are tried with a nonce in the air
    if (stage, act) in TABLE:
        assert apply(one, act).stage is TABLE[stage, act]
    else:
        with pytest.raises(
            IllegalActError, match="a second intent" if act is Act.PROPOSE else f"while {stage.value}"
        ):
            apply(one, act)


def test_table__ends__have_no_way_out_and_every_other_stage_has_one() -> None:
    assert {stage for stage, _ in TABLE} == set(Stage) - ENDS
    assert set(TABLE.values()) == set(Stage) - {Stage.PROPOSED}


def test_table__a_signature__takes_an_admission_first() -> None:
    assert {stage for stage, act in TABLE if act is Act.SIGN} == {
        Stage.ADMITTED,
        Stage.BOT_ACCEPTED,
        Stage.UNDER_WAY,
    }
    assert {stage for stage, act in TABLE if act is Act.BOT_SEND} == {Stage.ADMITTED}


# ---------------------------------------------------------------- what each act leaves


def test_propose__new_signal__is_open_with_nothing_reserved() -> None:
    assert acted(ONE, ()) == ONE == Intent("notion:1", ONE.signal, at(0))
    assert (ONE.is_open, ONE.used_e8, ONE.in_the_air) == (True, 0, None)


def test_admit__size_and_time__are_kept_and_those_of_the_last_count() -> None:
    one = acted(ONE, [admitted, lambda one: admitted(one, at(5), 7)])
    assert (one.amount, one.value_e8, one.admitted, one.last_use, one.supplied_before) == (
        AMOUNT,
        7,
        at(5),
        at(5),
        5,
    )


@pytest.mark.parametrize("first", [(), (Act.ADMIT,)])
def test_refuse__every_rule__is_kept(first: tuple[Act, ...]) -> None:
    one = acted(ONE, [*first, lambda one: events.refused_event(one, (TOO_OLD, UNSURE), at(3))])
    assert (one.rules, one.ended, one.is_open, one.used_e8) == (("stale", "confidence"), at(3), False, 0)
    assert "too old" in str(one.end)


@pytest.mark.parametrize("stage", sorted(ENDS - {Stage.REFUSED, Stage.HELD}))
def test_ends__what_is_told_of_it__is_kept(stage: Stage) -> None:
    one = acted(ONE, WAYS[stage])
    assert (one.end, one.ended, one.is_open, one.written) == (DONE, at(1), False, False)


def test_hold__nothing_to_do__is_an_end() -> None:
    one = acted(ONE, WAYS[Stage.HELD])
    assert (str(one.end), one.ended) == ("notion:1 is HOLD: nothing to do.", at(1))


def test_written__after_the_end__is_kept_and_changes_nothing_else() -> None:
    ended = acted(ONE, WAYS[Stage.SETTLED])
    told = apply(ended, lambda one: events.written_event(one, at(9)))
    assert told == replace(ended, written=True)


@pytest.mark.parametrize("stage", sorted(set(Stage) - ENDS))
def test_written__while_open__raises(stage: Stage) -> None:
    with pytest.raises(IllegalActError, match=f"{WRITTEN} while {stage.value}"):
        apply(acted(ONE, WAYS[stage]), lambda one: events.written_event(one, at(9)))


# ---------------------------------------------------------------- nonces


def test_sign__first__is_a_step_in_the_air() -> None:
    one = acted(ONE, FLYING)
    assert one.in_the_air == Step("supply", 7, (version(),))
    assert one.in_the_air is not None
    assert one.in_the_air.newest == version()


def test_sign__same_nonce__is_a_further_version_and_about_stays() -> None:
    one = acted(ONE, [*FLYING, lambda one: signed(one, "0xb"), cancelling])
    (step,) = one.steps
    assert [each.hash for each in step.versions] == ["0xa", "0xb", "0xc"]
    assert (step.about, step.newest.purpose) == ("supply", Purpose.CANCELLATION)
    assert step.version("0xb") == version("0xb")
    assert step.version("0xd") is None


@pytest.mark.parametrize("nonce", [6, 8])
def test_sign__another_nonce_while_one_is_in_the_air__raises(nonce: int) -> None:
    for way in (FLYING, (*FLYING, Act.MINE)):  # mined is not yet consumed for good
        with pytest.raises(IllegalActError, match=f"nonce {nonce} while 7 is in the air"):
            apply(acted(ONE, way), lambda one: signed(one, "0xb", nonce))


def test_sign__after_the_first_is_confirmed__is_a_step_with_a_higher_nonce() -> None:
    one = acted(ONE, [*LANDED, lambda one: signed(one, "0xb", 8)])
    assert [step.nonce for step in one.steps] == [7, 8]
    assert one.in_the_air == one.steps[1]


@pytest.mark.parametrize("nonce", [6, 7])
def test_sign__a_nonce_that_is_no_higher__raises(nonce: int) -> None:
    with pytest.raises(IllegalActError, match=f"nonce {nonce} after 7"):
        apply(acted(ONE, LANDED), lambda one: signed(one, "0xb", nonce))


@pytest.mark.parametrize("act", CLOSING)
@pytest.mark.parametrize("way", [FLYING, (*FLYING, Act.MINE), (*FLYING, Act.MINE, Act.UNMINE)])
def test_closing__with_a_nonce_in_the_air__raises(way: tuple[Deed, ...], act: Act) -> None:
    with pytest.raises(IllegalActError, match=f"{act.value} with nonce 7 in the air"):
        apply(acted(ONE, way), act)


def test_usurp__with_a_nonce_in_the_air__ends_it_and_lets_others_fly() -> None:
    usurped = acted(ONE, [*FLYING, Act.USURP])
    assert (usurped.stage, usurped.used_e8, usurped.is_flying) == (Stage.FAILED, 0, False)
    assert Blotter((usurped,)).in_the_air() is None


# ---------------------------------------------------------------- the chain


def test_mine_and_confirm__one_of_its_versions__is_kept() -> None:
    one = acted(ONE, [*FLYING, lambda one: signed(one, "0xb"), Act.MINE])
    assert one.steps[0].mined == mined("0xa")
    moved = apply(one, lambda one: events.mined_event(one, mined("0xb", OTHER_BLOCK, ok=False), at(2)))
    assert moved.steps[0].mined == mined("0xb", OTHER_BLOCK, ok=False)
    assert not moved.steps[0].confirmed
    confirmed = apply(moved, lambda one: events.confirmed_event(one, mined("0xb", OTHER_BLOCK), at(3)))
    assert (confirmed.steps[0].mined, confirmed.steps[0].confirmed) == (mined("0xb", OTHER_BLOCK), True)
    assert confirmed.in_the_air is None


def test_unmine__its_block_was_replaced__is_pending_again() -> None:
    one = acted(ONE, [*FLYING, Act.MINE, Act.UNMINE])
    assert one.steps == acted(ONE, FLYING).steps


@pytest.mark.parametrize("event", [events.mined_event, events.confirmed_event])
def test_mine_and_confirm__a_foreign_hash__raises(event: Callable[..., Event]) -> None:
    with pytest.raises(IllegalActError, match="0xf is none of its transactions"):
        apply(acted(ONE, FLYING), lambda one: event(one, mined("0xf"), at(1)))


@pytest.mark.parametrize("act", [Act.MINE, Act.UNMINE, Act.CONFIRM])
def test_mine_and_confirm__nothing_in_the_air__raises(act: Act) -> None:
    with pytest.raises(IllegalActError, match=f"{act.value} with nothing in the air"):
        apply(acted(ONE, LANDED), act)
    bare = replace(acted(ONE, FLYING), steps=())
    with pytest.raises(IllegalActError, match=f"{act.value} with nothing in the air"):
        apply(bare, act)


# ---------------------------------------------------------------- several


def test_sign__another_intent_is_in_the_air__raises() -> None:
    two = intent("2")
    blotter = played(Blotter(), *(events.proposed_event(one.signal) for one in (ONE, two)))
    blotter = played(blotter, admitted(ONE), admitted(two), signed(ONE))
    assert blotter.in_the_air() == blotter.get(ONE.id)
    with pytest.raises(IllegalActError, match="while notion:1 is in the air"):
        after(blotter, signed(two, "0xb", 8))
    landed = played(blotter, ACTS[Act.CONFIRM](ONE))  # consumed for good, though the intent goes on
    assert after(landed, signed(two, "0xb", 8)).in_the_air() is not None


def test_after__the_same_id_again_or_one_that_is_not_there__raises() -> None:
    with pytest.raises(IllegalActError, match="a second intent notion:1"):
        after(Blotter((ONE,)), events.proposed_event(ONE.signal))
    with pytest.raises(IllegalActError, match="an intent notion:1 that is not there"):
        after(Blotter(), admitted(ONE))
    with pytest.raises(IllegalActError, match="an intent notion:1 that is not there"):
        after(Blotter(), events.written_event(ONE, at(1)))


# ---------------------------------------------------------------- what nobody wrote

PROPOSED = events.proposed_event(ONE.signal)
LIFE = [PROPOSED, admitted(ONE), signed(ONE), ACTS[Act.MINE](ONE), ACTS[Act.CONFIRM](ONE)]
BAD_DATA: list[tuple[int, dict[str, Json]]] = [
    (0, {"signal": None}),
    (0, {"signal": ONE.signal.json() | {"confidence": "high"}}),
    (1, {"amount": "much"}),
    (1, {"value_e8": None}),
    (1, {"figures": {}}),
    (1, {"figures": None}),
    (2, {"nonce": None}),
    (2, {"nonce": "seven"}),
    (2, {"purpose": "gift"}),
    (2, {"tip_wei": ""}),
    (3, {"block": [1, "0x"]}),
    (3, {"block": None}),
    (4, {"hash": "0xf"}),
]


def kept(events_: list[Event], upto: int, wrong: dict[str, Json]) -> list[Event]:
    return [*events_[:upto], replace(events_[upto], data={**events_[upto].data, **wrong})]


@pytest.mark.parametrize(("place", "wrong"), BAD_DATA)
def test_fold__data_that_nobody_wrote__value_error_with_its_place(place: int, wrong: dict[str, Json]) -> None:
    with pytest.raises(ValueError, match=rf"^event {place + 1} \({LIFE[place].kind}\): "):
        fold(recorded(*kept(LIFE, place, wrong)))


@pytest.mark.parametrize("place", range(len(LIFE)))
def test_fold__data_that_is_missing__value_error_with_its_place(place: int) -> None:
    for gone in LIFE[place].data:
        data = {name: value for name, value in LIFE[place].data.items() if name != gone}
        with pytest.raises(ValueError, match=rf"^event {place + 1} "):
            fold(recorded(*LIFE[:place], replace(LIFE[place], data=data)))


def test_fold__an_act_that_is_none__value_error() -> None:
    with pytest.raises(ValueError, match=r"event 2 \(intent.sold\)"):
        fold(recorded(PROPOSED, Event("intent.sold", Level.INFO, at(1), msg("x"), {"intent": ONE.id})))


def test_fold__two_in_the_air__value_error() -> None:
    two = intent("2")
    both = [PROPOSED, events.proposed_event(two.signal), admitted(ONE), admitted(two), signed(ONE)]
    with pytest.raises(ValueError, match=r"event 6 \(intent.signed\): .* while notion:1 is in the air"):
        fold(recorded(*both, signed(two, "0xb", 8)))
    ends = [ACTS[Act.CONFIRM](ONE), ending(Act.SETTLE)(ONE)]
    assert fold(recorded(*both, *ends, signed(two, "0xb", 8))).in_the_air() is not None


def test_fold__refused_intent__reads_its_rules() -> None:
    refused = events.refused_event(ONE, (TOO_OLD,), at(1))
    wrong: list[Json] = [None, [{}], ["stale"]]
    for rules in wrong:
        with pytest.raises(ValueError, match="event 2"):
            fold(recorded(*kept([PROPOSED, refused], 1, {"rules": rules})))
    assert fold(recorded(PROPOSED, refused)).intents[0].value_e8 == 0 < VALUE_E8
