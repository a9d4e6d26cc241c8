"""What is told of allowances, and what the journal holds of taking them back."""

from dataclasses import replace

import pytest

from tests.core.make import BLOCK, at, recorded
from tests.core.make_trades import acted, intent, played
from ultrad.core.allowances import ENDLESS, Allowance, AllowancesAt, amount_text, chosen, left_over, spender_text
from ultrad.core.events import Severity
from ultrad.core.intents import Act, Blotter, Intent, fold
from ultrad.core.revocations import (
    is_revocation,
    revocation_admitted,
    revocation_proposed,
    revocation_signal,
    standing_in_its_way,
    under_way,
)
from ultrad.core.signals import Source
from ultrad.core.trade_status import figures_of
from ultrad.units import Address

WETH, USDC, POOL, ROUTER = (Address("0x" + digit * 40) for digit in "1234")
ONE = Allowance(WETH, "WETH", 10**18, POOL, True, 5 * 10**16)
AT = AllowancesAt(BLOCK, "alpha", (ONE, replace(ONE, asset=USDC, symbol="USDC", unit=10**6, amount=0)))


@pytest.mark.parametrize(
    ("amount", "unit", "text"),
    [
        (5 * 10**16, 10**18, "0.05"),
        (1_234_000_000, 10**6, "1,234"),
        (1_234_000_001, 10**6, "1,234.000001"),
        (7, 1, "7"),
        (ENDLESS - 1, 1, f"{ENDLESS - 1:,}"),
        (2**256 - 1, 10**18, "without limit"),
    ],
)
def test_amount_text__any__exact_or_without_limit(amount: int, unit: int, text: str) -> None:
    assert str(amount_text(replace(ONE, amount=amount, unit=unit))) == text


def test_spender_text__pool_or_another__short() -> None:
    assert str(spender_text(ONE)) == "the pool 0x3333…3333"
    assert str(spender_text(replace(ONE, spender=ROUTER, is_pool=False))) == "0x4444…4444"


@pytest.mark.parametrize(
    ("asset", "found"), [("", 1), ("weth", 1), (WETH, 1), (USDC, 0), ("USDC", 0), ("DAI", 0), ("0x", 0)]
)
def test_chosen__by_name__only_what_stands(asset: str, found: int) -> None:
    assert len(chosen(AT, asset)) == found


def test_left_over__one__an_s3_that_says_what_to_do() -> None:
    one = left_over(ONE)
    assert (one.code, one.severity) == ("allowance_left", Severity.S3)
    assert one.subject == "0x1111…1111:0x3333…3333"
    assert str(one.message) == (
        "the pool 0x3333…3333 may still take WETH (0.05) and needs it no more. Revoke it: ultrad allowances "
        "revoke WETH"
    )


def _revoked(*acts: Act) -> Intent:
    signal = revocation_signal("taro", ONE, at(0))
    blotter = played(Blotter(), revocation_proposed(signal, ONE))
    (one,) = blotter.intents
    if acts:
        (one,) = played(blotter, revocation_admitted(one, ONE, AT, at(1))).intents
    return one


def test_revocation__from_proposal_to_admission__known_again_from_the_journal() -> None:
    signal = revocation_signal("taro", ONE, at(0))
    proposed = revocation_proposed(signal, ONE)
    (one,) = played(Blotter(), proposed).intents
    assert str(proposed.message) == "taro revokes what the pool 0x3333…3333 may take of WETH (0.05)."
    assert (one.signal.source, is_revocation(one), one.is_trade, one.is_rescue) == (
        Source.REVOCATION,
        True,
        False,
        False,
    )
    again = fold(recorded(proposed, revocation_admitted(one, ONE, AT, at(1)))).intents[0]
    assert (again.asset, again.spender, again.measure, again.used_e8) == (WETH, POOL, "revoke", 0)


def test_revocation__in_the_blotter__counts_as_no_trade() -> None:
    trade = acted(intent(), (Act.ADMIT, Act.SIGN, Act.MINE, Act.CONFIRM, Act.SETTLE))
    blotter = Blotter((trade, _revoked(Act.ADMIT)))
    assert (blotter.arrivals(-1), blotter.run(trade, -1)) == (1, 1)
    assert figures_of(blotter, at(5)).settled == 1
    assert blotter.last_trade_ms() == trade.counts_from_ms


def test_standing_in_its_way__admitted_trades__and_neither_others_nor_itself() -> None:
    trade, waits, over = (
        acted(intent("1"), (Act.ADMIT,)),
        acted(intent("2"), ()),
        acted(intent("3"), (Act.ADMIT, Act.FAIL)),
    )
    blotter = Blotter((trade, waits, over, _revoked(Act.ADMIT)))
    assert standing_in_its_way(blotter) == (trade.id,)
    assert standing_in_its_way(blotter, trade.id) == ()


def test_under_way__the_same_asset_and_spender__that_one() -> None:
    mine = _revoked(Act.ADMIT)
    blotter = Blotter((acted(intent(), (Act.ADMIT,)), mine))
    assert under_way(blotter, ONE) == mine
    assert under_way(blotter, replace(ONE, spender=ROUTER)) is None
    assert under_way(Blotter(), ONE) is None
