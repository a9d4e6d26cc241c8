"""`ultrad allowances`, and what the status shows of them."""

import json

import pytest

from tests.cli.conftest import Desk
from tests.fakes.daemon import FakeDaemon
from ultrad.core.allowances import Allowance
from ultrad.core.wire import from_json
from ultrad.errors import Permanent
from ultrad.i18n import msg
from ultrad.operations import AllowancesAnswer, RevokeRequest, SignalAnswer
from ultrad.units import Address

WETH, POOL, ROUTER = (Address("0x" + digit * 40) for digit in "123")
LEFT = (
    Allowance(WETH, "WETH", 10**18, POOL, True, 5 * 10**16),
    Allowance(WETH, "WETH", 10**18, ROUTER, False, 2**256 - 1),
)
NONE = Allowance(WETH, "WETH", 10**18, POOL, True, 0)


def _rows(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


def test_allowances__some_left__each_with_what_to_do(desk: Desk, daemon: FakeDaemon) -> None:
    daemon.operations.allowed = (*LEFT, NONE)
    ran = desk.ultrad("allowances")
    assert ran.code == 0
    assert f"WETH {WETH} 0.05 the pool 0x2222…2222" in _rows(ran.out)
    assert f"WETH {WETH} without limit 0x3333…3333" in _rows(ran.out)
    assert "ultrad allowances revoke" in ran.out


def test_allowances__a_trade_is_under_way__not_called_left_over(desk: Desk, daemon: FakeDaemon) -> None:
    daemon.operations.allowed, daemon.operations.busy = LEFT[:1], ("notion:1",)
    ran = desk.ultrad("allowances")
    assert "notion:1 is under way" in ran.out
    assert "allowances revoke" not in ran.out


def test_allowances__none__says_of_which_assets_and_block(desk: Desk, daemon: FakeDaemon) -> None:
    daemon.operations.allowed = (NONE,)
    ran = desk.ultrad("allowances")
    assert (ran.code, ran.out) == (0, "Nothing is allowed to anybody (block 21000000, WETH).\n")


def test_allowances__json__all_of_them_exactly(desk: Desk, daemon: FakeDaemon) -> None:
    daemon.operations.allowed = (*LEFT, NONE)
    told = from_json(AllowancesAnswer, json.loads(desk.ultrad("allowances", "--json").out))
    assert told.found.allowances == (*LEFT, NONE)


@pytest.mark.parametrize(("words", "asset"), [((), ""), (("WETH",), "WETH")])
def test_revoke__of_one_or_all__handed_over(
    desk: Desk, daemon: FakeDaemon, words: tuple[str, ...], asset: str
) -> None:
    ran = desk.ultrad("allowances", "revoke", *words)
    assert (ran.code, ran.out) == (0, "Taken: revocation:1. What becomes of it: ultrad signals\n")
    assert [one for _, one in daemon.operations.revoked] == [RevokeRequest(asset)]


def test_revoke__json__what_was_begun(desk: Desk, daemon: FakeDaemon) -> None:
    told = json.loads(desk.ultrad("allowances", "revoke", "--json").out)["revocations"]
    assert from_json(tuple[SignalAnswer, ...], told)[0].intent == "revocation:1"
    assert len(daemon.operations.revoked) == 1


def test_revoke__refused__says_why(desk: Desk, daemon: FakeDaemon) -> None:
    daemon.operations.error = Permanent(msg("The emergency stop is ON."))
    ran = desk.ultrad("allowances", "revoke")
    assert (ran.code, ran.err) == (1, "The emergency stop is ON.\n")
