"""A fall of the price that would liquidate is survived: the daemon's own process against a real liquidator."""

import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from tests.system.installation import Installation, wait_for
from ultrad.control_client import Client
from ultrad.core.estop import Mode
from ultrad.core.intents import Stage
from ultrad.core.signals import Source
from ultrad.core.trade_status import IntentLine
from ultrad.devnet.abi import UINT256_MAX
from ultrad.devnet.devnet import Devnet
from ultrad.errors import Permanent
from ultrad.units import WAD, hf_text

LIQUIDATOR = "0x" + "1d" * 20
LIQUIDATE = "liquidationCall(address,address,address,uint256,bool)"
SHARP, DEEP = Decimal(1_640), Decimal(1_300)
"""Of 10 WETH against 11,000 USDC: health factors of 1.2374 and, without help, 0.9809."""
TARGET, CLOSE = 15 * WAD // 10, WAD // 10_000
"""Interest goes on between a reading and the block that the step is in."""
SECTIONS = """\
[trade]
position = "main"
asset = "{asset}"
trade_usd = 50
[signer]
kind = "devnet"
[rescue]
enabled = {enabled}
max_step_usd = 5000
max_hour_usd = 10000
[limits]
trip_hf = 1.6
"""


def _installed(at: Path, devnet: Devnet, *, enabled: bool = True) -> Installation:
    more = SECTIONS.format(asset=devnet.addresses.token("WETH"), enabled=str(enabled).lower())
    return Installation.make(at, devnet, more)


def _client(there: Installation) -> Client:
    return Client(there.at / "run" / "control.sock")


def _rescues(there: Installation) -> list[IntentLine]:
    lines = [one for one in _client(there).signals(50) if one.source is Source.RESCUE]
    return lines[::-1]


def _liquidate(devnet: Devnet) -> bool:
    """What every liquidator does at each block."""
    where = devnet.addresses
    figures = (where.token("WETH"), where.token("USDC"), where.account, UINT256_MAX, False)
    try:
        devnet.call(where.pool, LIQUIDATE, *figures, sender=LIQUIDATOR)
    except Permanent as error:
        if "HealthFactorNotBelowThreshold" not in str(error):
            raise
        return False
    return True


@pytest.fixture
def hunted(market: Devnet) -> Devnet:
    """Somebody waits with a million for the position to fall."""
    market.fund(LIQUIDATOR)
    market.mint("USDC", Decimal(1_000_000), LIQUIDATOR)
    token = market.addresses.token("USDC")
    market.call(token, "approve(address,uint256)", market.addresses.pool, UINT256_MAX, sender=LIQUIDATOR)
    return market


def _until(there: Installation, devnet: Devnet, seen: Callable[[], bool], what: str) -> int:
    """Blocks go by, and the liquidator tries at each; how often it tried."""
    tries = 0

    def look() -> bool:
        nonlocal tries
        tries += 1
        assert not _liquidate(devnet)
        devnet.mine()
        time.sleep(0.2)
        return seen()

    wait_for(look, f"{what}; {(there.at / 'daemon.log').read_text()[-3_000:]}", 60)
    return tries


def _settled(there: Installation, count: int) -> Callable[[], bool]:
    return lambda: [one.stage for one in _rescues(there)] == [Stage.SETTLED] * count


def test_rescue__price_that_would_liquidate__survived_with_the_stop_on(
    tmp_path: Path, hunted: Devnet, record_property: Callable[[str, object], None]
) -> None:
    hunted.mint("USDC", Decimal(4_000))
    there = _installed(tmp_path, hunted)
    with there.running():
        wait_for(lambda: not _client(there).status().estop.shut_by, "an open gate")
        hunted.set_price("WETH", SHARP)
        began = time.monotonic()
        fallen = hunted.account_data().health_factor
        tries = _until(there, hunted, _settled(there, 1), "the first rescue")
        took_s = time.monotonic() - began
        first = hunted.account_data()
        hunted.set_price("WETH", DEEP)
        at_the_bottom = hunted.account_data().health_factor
        tries += _until(there, hunted, _settled(there, 2), "the second rescue")
        last = hunted.account_data()
        assert _client(there).status().estop.mode is Mode.ON
        tried = _client(there).status().trade
        assert tried is not None
        assert tried.rescue is not None
    # 10 · 1640 · 0.83 / 1.5 = 9,074.67 may be owed; then 10 · 1300 · 0.83 / 1.5 = 7,193.33.
    assert abs(first.health_factor - TARGET) < CLOSE
    assert first.debt_e8 // 10**8 in {9_074, 9_075}
    assert 1.18 * WAD < at_the_bottom < 1.2 * WAD
    assert abs(last.health_factor - TARGET) < CLOSE
    assert tried.rescue.day_used_e8 // 10**8 in {3_806, 3_807}
    figures = {
        "fallen": hf_text(fallen),
        "rescued": hf_text(first.health_factor),
        "seconds": round(took_s, 1),
        "deeper": hf_text(at_the_bottom),
        "rescued again": hf_text(last.health_factor),
        "liquidations tried": tries,
    }
    for name, figure in figures.items():
        record_property(name, figure)
    there.ultrad("audit", "verify")


def test_rescue__not_enabled__the_same_price_liquidates(tmp_path: Path, hunted: Devnet) -> None:
    """Else the test above would show nothing."""
    hunted.mint("USDC", Decimal(4_000))
    there = _installed(tmp_path, hunted, enabled=False)
    with there.running():
        wait_for(lambda: not _client(there).status().estop.shut_by, "an open gate")
        hunted.set_price("WETH", SHARP)
        wait_for(lambda: _client(there).status().estop.mode is Mode.ON, "the stop")
        hunted.set_price("WETH", DEEP)
        assert hunted.account_data().health_factor < WAD
        assert _liquidate(hunted)
        assert _rescues(there) == []


def test_rescue__nothing_to_repay_with__atokens_then_collateral(tmp_path: Path, hunted: Devnet) -> None:
    """What is supplied of the debt's own asset first, then what the wallet holds of the collateral."""
    hunted.supply("USDC", Decimal(500))
    hunted.mint("WETH", Decimal(3))
    where, token, weth = hunted.addresses, hunted.addresses.token("USDC"), hunted.addresses.token("WETH")
    hunted.call(weth, "approve(address,uint256)", where.pool, 0, sender=where.account)
    (left,) = hunted.read(token, "balanceOf(address)", where.account)
    hunted.call(token, "transfer(address,uint256)", LIQUIDATOR, left, sender=where.account)
    for _ in range(3):  # what the account did by hand is before the daemon's time only at the confirmed depth
        hunted.mine()
    there = _installed(tmp_path, hunted)
    with there.running():
        wait_for(lambda: not _client(there).status().estop.shut_by, "an open gate")
        hunted.set_price("WETH", Decimal(1_600))
        before = hunted.account_data()
        _until(there, hunted, _settled(there, 2), "both measures")
        told = [str(one.end) for one in _rescues(there)]
    after = hunted.account_data()
    assert ["repay_with_atokens of" in told[0], "add_collateral of" in told[1]] == [True, True], told
    assert before.debt_e8 - after.debt_e8 in range(499 * 10**8, 501 * 10**8)
    assert abs(after.health_factor - TARGET) < CLOSE
    (allowance,) = hunted.read(weth, "allowance(address,address)", where.account, where.pool)
    assert allowance == 0
