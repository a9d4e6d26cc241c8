"""A trip of the installed daemon reaches people, whatever becomes of the daemon and of the ways to them."""

import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from tests.fakes.services import Monitor, Receiver
from tests.fakes.slack import SlackHooks
from tests.system.installation import Installation, wait_for
from ultrad.devnet.devnet import Devnet

pytestmark = [pytest.mark.system, pytest.mark.chain]

TOLD = """
[notify]
repeat_s1_minutes = 1

[[notify.channels]]
name = "infra"
kind = "slack-webhook"
url = "{at}/slack"

[[notify.channels]]
name = "desk"
kind = "webhook"
url = "{at}/hook"
key = "{at}/hook-key"

[[notify.routes]]
name = "urgent"
severities = ["S1"]
channels = ["infra", "desk"]

[[notify.routes]]
name = "work"
severities = ["S2"]
channels = ["desk"]

[deadman]
url = "{at}/deadman"
interval_s = 10
"""


async def until(look: Callable[[], object]) -> None:
    with anyio.fail_after(20):
        while not look():  # noqa: ASYNC110 - what is waited for happens in another process
            await anyio.sleep(0.05)


class People:
    """Those who are told, and the machine that tells them."""

    def __init__(self, slack: SlackHooks, hook: Receiver, monitor: Monitor, installed: Installation) -> None:
        self.slack, self.hook, self.monitor, self.installed = slack, hook, monitor, installed

    async def heard(self, service: SlackHooks | Receiver, *texts: str) -> str:
        """Wait until a message with all these texts has arrived; answers it."""

        def found() -> str:
            return next((one for one in service.taken if all(text in one for text in texts)), "")

        await until(found)
        return found()


@asynccontextmanager
async def people(at: Path, market: Devnet) -> AsyncIterator[People]:
    slack, hook, monitor = SlackHooks(), Receiver(), Monitor()
    async with slack.serving(), hook.serving(), monitor.serving():
        secrets = {"slack": slack.hook, "hook": hook.hook, "hook-key": Receiver.SECRET, "deadman": monitor.check}
        yield People(slack, hook, monitor, Installation.make(at, market, TOLD, secrets))


async def test_trip__both_ways_up__told_at_once_and_the_monitor_hears_of_us(
    tmp_path: Path, market: Devnet
) -> None:
    async with people(tmp_path, market) as them:
        process = await anyio.to_thread.run_sync(them.installed.start)
        try:
            await anyio.to_thread.run_sync(wait_for, them.installed.answers, "the first reading")
            await anyio.to_thread.run_sync(market.set_price, "WETH", Decimal(2100))
            told = await them.heard(them.slack, "EMERGENCY STOP", "1.5845", "devnet/devnet")
            assert "ultrad incident ack 1" in told
            await them.heard(them.hook, "EMERGENCY STOP", "1.5845")
            status = await anyio.to_thread.run_sync(them.installed.ultrad, "incident", "ack", "1")
            assert "taken on" in status
            await them.heard(them.slack, "is taken on by")
            await anyio.to_thread.run_sync(market.set_price, "WETH", Decimal(2500))
            await them.heard(them.slack, "Recovered", "1.5845")
            assert them.slack.faults == them.hook.faults == []
            await until(lambda: them.monitor.taken[:2] == ["start", "ok"])
        finally:
            process.terminate()
            assert await anyio.to_thread.run_sync(process.wait, 10) == 0
        await anyio.to_thread.run_sync(them.installed.ultrad, "audit", "verify")


async def test_trip__every_way_down_and_the_daemon_killed__told_once_when_they_are_back(
    tmp_path: Path, market: Devnet
) -> None:
    async with people(tmp_path, market) as them:
        await them.slack.close_port()
        them.hook.mode = "hang"
        process = await anyio.to_thread.run_sync(them.installed.start)
        await anyio.to_thread.run_sync(wait_for, them.installed.answers, "the first reading")
        await anyio.to_thread.run_sync(market.set_price, "WETH", Decimal(2100))
        await until(lambda: them.hook.tries)
        process.send_signal(signal.SIGKILL)
        await anyio.to_thread.run_sync(process.wait, 10)
        await them.slack.open_port()
        them.hook.mode = "ok"
        process = await anyio.to_thread.run_sync(them.installed.start)
        try:
            await them.heard(them.slack, "EMERGENCY STOP", "1.5845")
            await them.heard(them.hook, "EMERGENCY STOP", "1.5845")
            await anyio.sleep(2)
            assert len([one for one in them.slack.taken if "Health factor 1.5845" in one]) == 1
            assert len([one for one in them.hook.taken if "Health factor 1.5845" in one]) == 1
        finally:
            process.terminate()
            assert await anyio.to_thread.run_sync(process.wait, 10) == 0
        await anyio.to_thread.run_sync(them.installed.ultrad, "audit", "verify")
