import sys
from collections import Counter
from dataclasses import replace

import pytest

from tests.core.make import at, recorded
from tests.core.make_trades import (
    ACTS,
    DONE,
    TOO_OLD,
    VALUE_E8,
    Deed,
    acted,
    admitted,
    cancelling,
    ending,
    intent,
    mined,
    ms,
    named,
    played,
    signed,
)
from ultrad.core import intent_events as events
from ultrad.core.events import Event
from ultrad.core.intent_steps import Purpose
from ultrad.core.intents import NEWEST_KEPT, Act, Blotter, Intent, Stage, fold, forget
from ultrad.core.limits import HOUR_MS
from ultrad.core.signals import Action, Source

BUY, SELL, HOLD = Action
ONE = intent(arrived=ms(0))


def approving(one: Intent) -> Event:
    return signed(one, about="approve")


def supplying(one: Intent) -> Event:
    return signed(one, "0xb", 8)


def confirming(tx_hash: str, *, ok: bool = True) -> Deed:
    return lambda one: events.confirmed_event(one, mined(tx_hash, ok=ok), at(1))


APPROVED: tuple[Deed, ...] = (admitted, approving, confirming("0xa"))
CANCELLED: tuple[Deed, ...] = (admitted, signed, cancelling, confirming("0xc"))


# ---------------------------------------------------------------- what is used


@pytest.mark.parametrize(
    "deeds",
    [
        (admitted,),
        (admitted, Act.BOT_SEND),
        (admitted, Act.BOT_SEND, Act.BOT_ACCEPT),
        (admitted, Act.BOT_SEND, Act.BOT_ACCEPT, Act.FAIL),  # its order stands
        (admitted, Act.BOT_SEND, lambda one: events.bot_failed_event(one, DONE, at(1), known=False)),
        (admitted, signed),
        (admitted, signed, Act.MINE),
        APPROVED,
        (*APPROVED, supplying),
        (admitted, signed, Act.CONFIRM),
        CANCELLED,  # until it has ended
        (admitted, signed, Act.CONFIRM, Act.SETTLE),
        (admitted, signed, Act.CONFIRM, Act.FAIL),  # it traded, whatever it is called
        (*APPROVED, supplying, confirming("0xb"), Act.SETTLE),
        (
            admitted,
            signed,
            cancelling,
            confirming("0xa"),
            Act.SETTLE,
        ),  # the trade was faster than its cancellation
    ],
)
def test_used_e8__reserved_or_traded__is_all_of_it(deeds: tuple[Deed, ...]) -> None:
    assert acted(ONE, deeds).used_e8 == VALUE_E8


@pytest.mark.parametrize(
    "deeds",
    [
        (),
        (Act.REFUSE,),
        (Act.FAIL,),
        (admitted, Act.REFUSE),
        (admitted, Act.FAIL),
        (admitted, Act.REHEARSE),
        (admitted, Act.BOT_SEND, lambda one: events.bot_failed_event(one, DONE, at(1), known=True)),
        (admitted, signed, confirming("0xa", ok=False), Act.FAIL),
        (admitted, signed, Act.USURP),
        (*APPROVED, Act.FAIL),
        (*APPROVED, supplying, confirming("0xb", ok=False), Act.FAIL),
        (*CANCELLED, Act.CANCEL),
        (*APPROVED, supplying, lambda one: cancelling(one, nonce=8), confirming("0xc"), Act.CANCEL),
    ],
)
def test_used_e8__ended_without_a_trade__is_nothing(deeds: tuple[Deed, ...]) -> None:
    one = acted(ONE, deeds)
    assert one.used_e8 == 0
    assert Blotter((one,)).last_trade_ms() is None


def settled(name: str, when_ms: int, action: Action = BUY) -> Intent:
    """Proposed, admitted, signed and mined at that time, and told."""
    one = intent(name, action, arrived=ms(when_ms))
    deeds: list[Deed] = [
        lambda one: admitted(one, ms(when_ms)),
        lambda one: signed(one, now=ms(when_ms)),
        lambda one: events.confirmed_event(one, mined(), ms(when_ms)),
        ending(Act.SETTLE, ms(when_ms)),
        lambda one: events.written_event(one, ms(when_ms)),
    ]
    return acted(one, deeds)


@pytest.mark.parametrize(("since_ms", "used"), [(0, 2), (1, 2), (2, 1), (5, 1), (6, 0)])
def test_used_e8__since__counts_from_that_millisecond_on(since_ms: int, used: int) -> None:
    assert Blotter((settled("1", 1), settled("2", 5))).used_e8(since_ms) == used * VALUE_E8


def test_used_e8__still_open__counts_however_old_it_is() -> None:
    assert Blotter((acted(ONE, (admitted, signed)),)).used_e8(99 * HOUR_MS) == VALUE_E8


@pytest.mark.parametrize(
    ("deeds", "counts_from_ms"),
    [
        ((), 0),
        ((lambda one: admitted(one, ms(2)),), 2),
        ((admitted, lambda one: signed(one, now=ms(3))), 3),
        ((admitted, signed, lambda one: events.mined_event(one, mined(), ms(4))), 4),
        ((admitted, signed, lambda one: events.confirmed_event(one, mined(), ms(5))), 5),
        # What was known to be mined was a trade then already; that it is beyond reorgs makes it no younger.
        ((admitted, signed, Act.MINE, lambda one: events.confirmed_event(one, mined(), ms(6_000))), 1_000),
        ((admitted, signed, Act.MINE, lambda one: events.unmined_event(one, ms(6_000))), 1_000),
        ((admitted, signed, Act.MINE, Act.UNMINE, lambda one: events.mined_event(one, mined(), ms(7_000))), 7_000),
    ],
)
def test_last_trade_ms__wait_for_gas_or_a_block__begins_when_it_was_last_used(
    deeds: tuple[Deed, ...], counts_from_ms: int
) -> None:
    one = acted(ONE, deeds)
    assert one.counts_from_ms == counts_from_ms
    assert Blotter((one,)).last_trade_ms() == (counts_from_ms if deeds else None)


def test_last_trade_ms__several__is_the_latest() -> None:
    assert Blotter().last_trade_ms() is None
    assert Blotter((settled("1", 9), settled("2", 5), intent("3", arrived=ms(99)))).last_trade_ms() == 9


# ---------------------------------------------------------------- repeats, bursts, runs


@pytest.mark.parametrize(("since_ms", "count"), [(0, 2), (1, 2), (2, 1), (5, 1), (6, 0)])
def test_same_action__since__counts_from_that_millisecond_on(since_ms: int, count: int) -> None:
    blotter = Blotter((settled("1", 1), settled("2", 3, SELL), settled("3", 5), intent("4", arrived=ms(9))))
    assert blotter.same_action(BUY, since_ms) == count
    assert blotter.same_action(HOLD, since_ms) == 0


def test_same_action__failed_was_taken__refused_after_all_was_not() -> None:
    failed, refused = acted(ONE, (admitted, Act.FAIL)), acted(ONE, (admitted, Act.REFUSE))
    assert Blotter((failed,)).same_action(BUY, 0) == 1
    assert Blotter((refused,)).same_action(BUY, 0) == 0


@pytest.mark.parametrize(
    ("since_ms", "until_ms", "count"),
    [(0, None, 3), (1, None, 3), (2, None, 2), (10, None, 0), (0, 8, 2), (0, 9, 3), (5, 5, 1), (6, 8, 0)],
)
def test_arrivals__within__counts_both_milliseconds(since_ms: int, until_ms: int | None, count: int) -> None:
    refused = acted(intent("2", HOLD, ms(5)), (Act.REFUSE,))
    blotter = Blotter((intent("1", arrived=ms(1)), refused, intent("3", arrived=ms(9))))
    assert blotter.arrivals(since_ms, until_ms) == count


@pytest.mark.parametrize(
    ("actions", "run"),
    [
        ([BUY], 1),
        ([BUY] * 5, 5),
        ([SELL, BUY, BUY], 2),
        ([BUY, HOLD, BUY], 1),
        ([BUY, BUY, SELL], 1),
        ([HOLD, HOLD], 2),
    ],
)
def test_run__same_action__counts_back_to_another(actions: list[Action], run: int) -> None:
    many = tuple(intent(str(place), action, ms(place)) for place, action in enumerate(actions))
    later = intent("later", actions[-1], ms(99))
    assert Blotter((*many, later)).run(many[-1], 0) == run


@pytest.mark.parametrize(("since_ms", "run"), [(0, 3), (1, 2), (2, 1), (3, 0)])
def test_run__since_a_resume__begins_anew(since_ms: int, run: int) -> None:
    many = tuple(intent(str(place), BUY, ms(place)) for place in range(3))
    assert Blotter(many).run(many[-1], since_ms) == run


@pytest.mark.parametrize(
    ("source", "name", "is_trial"),
    [
        (Source.OPERATOR, "release-3-0badcafe", True),
        (Source.OPERATOR, "lunch", False),
        (Source.HTTP, "release-3-0badcafe", False),
    ],
)
def test_trial__of_a_release__neither_counts_nor_ends_a_run(source: Source, name: str, *, is_trial: bool) -> None:
    many = [intent(str(place), BUY, ms(place)) for place in range(4)]
    hold = replace(intent("x", HOLD, ms(5)).signal, source=source, id=name)
    last = intent("later", BUY, ms(6))
    blotter = Blotter((*many, Intent(hold.key, hold, hold.arrived), last))
    assert (blotter.run(last, 0), blotter.arrivals(0)) == ((5, 5) if is_trial else (1, 6))
    assert not replace(hold, action=BUY).is_trial


# ---------------------------------------------------------------- forget


def pad(*many: Intent) -> Blotter:
    """With so many newer ones that none of these stays for its place alone."""
    return Blotter((*many, *(named(settled("x", 10), f"x{place}") for place in range(NEWEST_KEPT))))


def test_forget__told_and_old__is_gone_at_that_millisecond() -> None:
    one = settled("1", 5)
    assert forget(pad(one), 5).get(one.id) == one
    assert forget(pad(one), 6).get(one.id) is None


@pytest.mark.parametrize(
    "one",
    [
        ONE,
        acted(ONE, (admitted,)),
        acted(ONE, (admitted, signed, Act.CONFIRM)),
        acted(ONE, (Act.REFUSE,)),
        acted(ONE, (admitted, signed, Act.CONFIRM, Act.SETTLE)),
    ],
    ids=lambda one: one.stage.value,
)
def test_forget__open_or_not_told__stays(one: Intent) -> None:
    assert forget(pad(one), 10**12).get(one.id) == one


def test_forget__came_before_and_was_used_within__still_counts() -> None:
    waited = acted(
        ONE,
        (
            lambda one: admitted(one, ms(5)),
            lambda one: signed(one, now=ms(6)),
            lambda one: events.confirmed_event(one, mined(), ms(7)),
            Act.SETTLE,
            lambda one: events.written_event(one, ms(8)),
        ),
    )
    assert forget(pad(waited), 7).used_e8(7) == (1 + NEWEST_KEPT) * VALUE_E8
    assert forget(pad(waited), 8).get(waited.id) is None


def test_forget__one_signal_a_day__a_run_is_still_a_run() -> None:
    blotter = Blotter()
    for day in range(5):
        one = settled(str(day), day * 24 * HOUR_MS)
        blotter = forget(Blotter((*blotter.intents, one)), (day - 1) * 24 * HOUR_MS - HOUR_MS)
    assert blotter.run(one, 0) == 5


def test_forget__many__keeps_the_newest() -> None:
    blotter = Blotter(tuple(settled(str(place), 0) for place in range(NEWEST_KEPT + 5)))
    assert forget(blotter, 1).intents == blotter.intents[5:]
    assert forget(Blotter(blotter.intents[:3]), 1).intents == blotter.intents[:3]


# ---------------------------------------------------------------- fold


def test_fold__a_refused_signal_is_seen_again__is_found_by_its_id() -> None:
    blotter = fold(recorded(events.proposed_event(ONE.signal), events.refused_event(ONE, (TOO_OLD,), at(1))))
    found = blotter.get(ONE.id)
    assert found is not None
    assert (found.stage, blotter.open(), blotter.get("notion:2")) == (Stage.REFUSED, (), None)


def test_fold__many_intents__takes_a_time_in_proportion() -> None:
    def life(count: int) -> tuple[Event, ...]:
        many = [named(ONE, str(place)) for place in range(count)]
        return tuple(
            event
            for nonce, one in enumerate(many)
            for event in (
                events.proposed_event(one.signal),
                admitted(one),
                signed(one, nonce=nonce),
                ACTS[Act.CONFIRM](one),
                ending(Act.SETTLE)(one),
            )
        )

    def calls(count: int) -> int:
        """How many functions are entered (a generator: for each of its values). Seconds vary, this does not."""
        history, entered = recorded(*life(count)), Counter[str]()
        sys.setprofile(lambda _frame, event, _of: entered.update([event]))
        try:
            fold(history)
        finally:
            sys.setprofile(None)
        return entered["call"]

    assert calls(500) < 11 * calls(50)


def test_in_the_air__ended_ones__are_not() -> None:
    flying = acted(ONE, (admitted, signed))
    assert Blotter((settled("2", 1), flying)).in_the_air() == flying
    assert Blotter((settled("2", 1), intent("3"))).in_the_air() is None
    assert flying.steps[0].newest.purpose is Purpose.OWN
    assert played(Blotter((flying,)), ACTS[Act.CONFIRM](ONE)).in_the_air() is None
