"""Drills, distances and suppositions of the installed daemon: a real disk, a real market, and who is told."""

import json
from decimal import Decimal
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from tests.system.installation import wait_for
from tests.system.test_told import People, people
from ultrad.devnet.devnet import Devnet
from ultrad.units import WAD

pytestmark = [pytest.mark.system, pytest.mark.chain]


async def run(them: People, *arguments: str, code: int = 0) -> str:
    return await anyio.to_thread.run_sync(lambda: them.installed.ultrad(*arguments, code=code))


async def test_installed__drills_distances_what_if__as_the_chain_has_it(tmp_path: Path, market: Devnet) -> None:
    async with people(tmp_path, market) as them:
        process = await anyio.to_thread.run_sync(them.installed.start)
        try:
            await anyio.to_thread.run_sync(wait_for, them.installed.answers, "the first reading")
            (drill,) = json.loads(await run(them, "drill", "estop", "--json"))["drills"]
            data = drill["event"]["data"]
            assert data["ok"] is True
            times = [data[name] for name in ("detect_ms", "gate_ms", "flag_ms", "journal_ms", "notice_ms")]
            assert times == sorted(times)
            assert set(data["channels"]) == {"infra", "desk"}
            await them.heard(them.slack, "DRILL, nothing to do")
            assert not them.installed.flag.exists()
            assert not (tmp_path / "state" / "drill").exists()
            assert json.loads(await run(them, "drill", "notify", "--json"))["drills"][0]["event"]["data"]["ok"]
            assert "estop" in await run(them, "drill", "list")

            (position,) = json.loads(await run(them, "status", "--json"))["positions"]
            assert [one["symbol"] for one in position["outlook"]["prices"]] == ["WETH", "USDC"]
            (found,) = json.loads(await run(them, "simulate", "--price", "WETH=2100", "--json"))["positions"]
            assert found["after"]["trips"] is True
            await anyio.to_thread.run_sync(market.set_price, "WETH", Decimal(2100))
            await them.heard(them.slack, "EMERGENCY STOP", "1.5845")
            said = (await anyio.to_thread.run_sync(market.account_data)).health_factor
            assert abs(said - int(found["after"]["health_factor"])) < WAD // 10**6, "a few seconds' interest"
            assert them.installed.flag.exists()
            (drill,) = json.loads(await run(them, "drill", "estop", "--json"))["drills"]
            assert drill["event"]["data"]["ok"] is True
            assert them.installed.flag.exists()
        finally:
            process.terminate()
            assert await anyio.to_thread.run_sync(process.wait, 10) == 0
        await run(them, "audit", "verify")
