"""The installed daemon trades on a real Aave: by command and over HTTP, with a real key."""

import json
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.system.installation import Installation, wait_for
from ultrad import __version__
from ultrad.control_client import Client
from ultrad.core.estop import Mode
from ultrad.core.intents import ENDS, Stage
from ultrad.core.trade_status import IntentLine
from ultrad.devnet.devnet import Devnet
from ultrad.networks import DEVNET_KEY

TOKEN = "correct-horse-battery-staple-2"
TRADE = """\
[trade]
position = "main"
asset = "{asset}"
trade_usd = 50
cooldown_minutes = 1
[signer]
kind = "devnet"
[signals]
token = "{{at}}/signals-token"
"""


@pytest.fixture
def installation(tmp_path: Path, market: Devnet) -> Installation:
    more = TRADE.format(asset=market.addresses.token("WETH")).replace("{{at}}", "{at}")
    return Installation.make(tmp_path, market, more, {"signals-token": TOKEN})


def _client(installation: Installation) -> Client:
    return Client(installation.at / "run" / "control.sock")


def _ended(installation: Installation, market: Devnet, intent: str) -> IntentLine:
    def look() -> IntentLine | None:
        market.mine()  # the devnet makes no blocks by itself, and a depth needs some
        lines = {one.id: one for one in _client(installation).signals(10)}
        return lines[intent] if lines[intent].stage in ENDS else None

    found: IntentLine = wait_for(look, f"the end of {intent}", 40)
    return found


def _posted(installation: Installation, body: dict[str, Any]) -> tuple[int, Any]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{installation.port}/signals",
        json.dumps(body).encode(),
        {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - our own daemon
        return answer.status, json.load(answer)


def test_trading__sell_by_command_and_hold_over_http__on_chain_and_told(
    installation: Installation, market: Devnet
) -> None:
    with installation.running():
        wait_for(lambda: not _client(installation).status().estop.shut_by, "an open gate")
        installation.ultrad("signal", "send", "SELL", "--confidence", "80", "--reason", "a test", "--id", "one")
        line = _ended(installation, market, "operator:one")
        assert line.stage is Stage.SETTLED, (line, (installation.at / "daemon.log").read_text()[-3_000:])
        assert "operator:one executed" in installation.ultrad("signals")
        body = {"id": "n1", "action": "HOLD", "confidence": 80, "timestamp": int(time.time())}
        assert _posted(installation, body) == (202, {"intent": "http:n1", "stage": "proposed"})
        assert _ended(installation, market, "http:n1").stage is Stage.HELD
        status = _client(installation).status().trade
        assert status is not None
        assert (status.dry_run, status.signs, status.in_the_air) == (False, True, "")
    installation.ultrad("audit", "verify")
    key = DEVNET_KEY.removeprefix("0x")
    written = [one for one in installation.at.rglob("*") if one.is_file() and key.encode() in one.read_bytes()]
    assert written == []


def test_trading__a_denied_version__starts_with_the_stop_on_until_it_is_allowed(
    installation: Installation,
) -> None:
    installation.ultrad("version", "deny", __version__, "--reason", "it rounds up")
    with installation.running():
        (cause,) = _client(installation).status().estop.causes
        assert cause.code == "version_denied"
        assert "it rounds up" in str(cause.message)
    installation.ultrad("version", "allow", __version__)
    with installation.running():
        assert _client(installation).status().estop.mode is Mode.ON  # only a resume lifts it
