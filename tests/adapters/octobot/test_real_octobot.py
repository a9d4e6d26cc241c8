"""Against a real OctoBot on this machine, where one is named. What is sent there trades nothing.

    ULTRAD_TEST_OCTOBOT_URL=http://127.0.0.1:9000   its webhook server; in its configuration, `webhook` is enabled
    ULTRAD_TEST_OCTOBOT_TOKEN=…                     of its TradingView service
    ULTRAD_TEST_OCTOBOT_WEB=http://127.0.0.1:5001   its web interface (may be left out)

It needs a profile with the trading mode "TradingView signals", or its webhook knows no feed and answers 400 to
all. Use a simulated one. `pytest tests/adapters/octobot/test_real_octobot.py` then runs what is skipped otherwise.
"""

import os
from dataclasses import replace

import pytest

from tests.adapters.octobot.rig import BUY
from ultrad.adapters.notify.http import open_session
from ultrad.adapters.octobot import OctoBotHttp, OctoBotSettings
from ultrad.ports import Refused

URL = os.environ.get("ULTRAD_TEST_OCTOBOT_URL", "")
WEB = os.environ.get("ULTRAD_TEST_OCTOBOT_WEB", "")
NOTHING = "NOSUCHCOINUSDT"
"""It takes an order for a symbol that it does not trade, and does nothing."""
GIVEN = OctoBotSettings(URL, os.environ.get("ULTRAD_TEST_OCTOBOT_TOKEN", ""), "binance", NOTHING, "1%", WEB)

pytestmark = pytest.mark.skipif(not URL, reason="ULTRAD_TEST_OCTOBOT_URL names no real OctoBot")


async def test_real_octobot__order_for_a_symbol_that_it_does_not_trade__accepted() -> None:
    async with open_session() as session:
        await OctoBotHttp(GIVEN, session).send(BUY)


async def test_real_octobot__wrong_token__refused() -> None:
    async with open_session() as session:
        with pytest.raises(Refused, match="invalid or missing input parameters"):
            await OctoBotHttp(replace(GIVEN, token="no-token-of-yours"), session).send(BUY)


async def test_real_octobot__probed__both_ports_are_well() -> None:
    async with open_session() as session:
        bot = OctoBotHttp(GIVEN, session)
        assert [one.error for one in await bot.probe()] == [None] * (2 if WEB else 1)
        assert not WEB or (bot.version or "").startswith("OctoBot")


async def test_real_octobot__asked_for_its_trades__told_or_a_login_is_needed() -> None:
    async with open_session() as session:
        trades = await OctoBotHttp(GIVEN, session).trades()
        assert trades is None or all(one.symbol for one in trades)
