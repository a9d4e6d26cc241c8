"""An allowance that nothing needs: the installed daemon finds it and revokes it by a real transaction."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from tests.system.installation import Installation, wait_for
from ultrad.control_client import Client
from ultrad.core.intents import Stage
from ultrad.devnet.devnet import Devnet
from ultrad.units import Address

SECTIONS = """\
[trade]
position = "main"
asset = "{asset}"
trade_usd = 50
spenders = ["0x70997970C51812dc3A010C7d01b50e0d17dc79C8"]
[signer]
kind = "devnet"
[oracle]
assets = ["{asset}", "{other}"]
"""


def _client(there: Installation) -> Client:
    return Client(there.at / "run" / "control.sock")


def _allowance(devnet: Devnet, token: Address, spender: str) -> int:
    (amount,) = devnet.read(token, "allowance(address,address)", devnet.addresses.account, spender)
    return amount


def _codes(there: Installation) -> list[str]:
    return [one.finding.code for one in _client(there).status().findings]


def test_allowances__left_by_hand__found_listed_and_revoked_on_chain(tmp_path: Path, market: Devnet) -> None:
    where = market.addresses
    weth, usdc = where.token("WETH"), where.token("USDC")
    router = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
    for token, spender, amount in ((weth, where.pool, 5 * 10**16), (usdc, where.pool, 0), (usdc, router, 7)):
        market.call(token, "approve(address,uint256)", spender, amount, sender=where.account)
    for _ in range(3):  # what the account did by hand is before the daemon's time only at the confirmed depth
        market.mine()
    there = Installation.make(tmp_path, market, SECTIONS.format(asset=weth, other=usdc))
    with there.running():
        wait_for(lambda: not _client(there).status().estop.shut_by, "an open gate")
        wait_for(lambda: _codes(there).count("allowance_left") == 2, "both findings")
        listed = there.ultrad("allowances")
        assert ("0.05" in listed, "0.000007" in listed, "0x7099…79C8" in listed) == (True, True, True)
        assert "0.05" in there.ultrad("status")
        assert json.loads(there.ultrad("allowances", "--json"))["busy"] == []
        there.ultrad("allowances", "revoke", "weth")
        _settled(there, market, 1)
        assert (_allowance(market, weth, where.pool), _allowance(market, usdc, router)) == (0, 7)
        there.ultrad("allowances", "revoke")
        _settled(there, market, 2)
        assert _allowance(market, usdc, router) == 0
        wait_for(lambda: "allowance_left" not in _codes(there), "the findings to end", 60)
        assert "Nothing is allowed to anybody" in there.ultrad("allowances")
        assert "there is nothing to revoke" in there.ultrad("allowances", "revoke", code=1)
        there.flag.touch()
        wait_for(lambda: "flag" in _client(there).status().estop.shut_by, "the stop")
        market.call(weth, "approve(address,uint256)", where.pool, 1, sender=where.account)
        assert "emergency stop is ON" in there.ultrad("allowances", "revoke", code=1)
        assert _allowance(market, weth, where.pool) == 1
    there.ultrad("audit", "verify")


@pytest.mark.prove
def test_allowances__a_trade_uses_all_that_it_allowed__nothing_is_left(tmp_path: Path, market: Devnet) -> None:
    where = market.addresses
    weth = where.token("WETH")
    market.call(weth, "approve(address,uint256)", where.pool, 0, sender=where.account)
    market.call(where.token("USDC"), "approve(address,uint256)", where.pool, 0, sender=where.account)
    market.mint("WETH", Decimal(1))
    for _ in range(3):
        market.mine()
    there = Installation.make(tmp_path, market, SECTIONS.format(asset=weth, other=where.token("USDC")))
    with there.running():
        wait_for(lambda: not _client(there).status().estop.shut_by, "an open gate")
        there.ultrad("signal", "send", "BUY", "--confidence", "90", "--reason", "a test")
        _settled(there, market, 1)
        assert "Nothing is allowed to anybody" in there.ultrad("allowances")


def _settled(there: Installation, market: Devnet, count: int) -> None:
    def look() -> bool:
        market.mine()
        return [one.stage for one in _client(there).signals(10)] == [Stage.SETTLED] * count

    wait_for(look, f"{count} that are through; {(there.at / 'daemon.log').read_text()[-3_000:]}", 60)
