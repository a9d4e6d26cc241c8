"""Trading in words."""

from dataclasses import replace

import pytest

from tests.core.make_trades import intent
from ultrad.core.intents import Stage
from ultrad.core.trade_status import TradeFigures, TradeStatus
from ultrad.core.trade_words import STAGE_WORDS, not_taken_by_bot, pace, room, state, unknown_to_bot
from ultrad.i18n import msg
from ultrad.units import USD

TRADE = TradeStatus(
    dry_run=False,
    position="main",
    asset="0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48",
    signs=True,
    trouble=None,
    used_e8=100 * USD,
    limit_e8=4_200 * USD,
    in_the_air="",
    waiting=0,
    recent=(),
    figures=TradeFigures(signals=4, settled=7, failed=1),
)


def test_stages__each__has_a_word() -> None:
    assert set(STAGE_WORDS) == set(Stage)


def test_state__what_keeps_trades_off__comes_before_a_dry_run() -> None:
    dry = replace(TRADE, dry_run=True)
    assert str(state(TRADE)) == "transactions are sent"
    assert str(state(dry)) == "DRY RUN: nothing is sent"
    assert str(state(replace(dry, trouble=msg("it is torn")))) == "nothing is traded: it is torn"


@pytest.mark.parametrize(
    ("used_e8", "limit_e8", "said"),
    [
        (100 * USD, 4_200 * USD, "$100.00 of $4,200.00 in 24 hours; $4,100.00 left"),
        (101 * USD, 100 * USD, "$101.00 of $100.00 in 24 hours; $0.00 left"),
        (0, None, "$0.00 in 24 hours; the limit is known after the first signal that is judged"),
    ],
)
def test_room__used_and_left__never_less_than_nothing(used_e8: int, limit_e8: int | None, said: str) -> None:
    assert str(room(replace(TRADE, used_e8=used_e8, limit_e8=limit_e8))) == said


def test_pace__figures__are_named() -> None:
    told = "4 signals in 10 minutes; of the trades that ended within an hour 7 carried out, 1 not"
    assert str(pace(TRADE)) == told


def test_bot__known_and_unknown__say_what_was_not_done() -> None:
    one = intent()
    assert str(not_taken_by_bot(one, msg("Refused."))) == (
        "notion:1: OctoBot did not take it: Refused. Nothing was done on Aave."
    )
    assert "(the daemon ended in between)" in str(unknown_to_bot(one))
    assert "(Cut.)" in str(unknown_to_bot(one, msg("Cut.")))
