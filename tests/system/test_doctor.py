"""`ultrad doctor` on the installed daemon: what surrounds it is broken piece by piece, and each is named."""

import gettext
import io
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest

from tests.fakes.forwarder import Forwarder
from tests.fakes.services import Monitor, Receiver
from tests.fakes.slack import SlackHooks
from tests.system.installation import Installation, wait_for
from ultrad.cli.main import main
from ultrad.devnet.devnet import Devnet

pytestmark = [pytest.mark.system, pytest.mark.chain]

MORE = """
[[chain.endpoints]]
name = "beta"
http = "{at}/beta"
[checks]
disk_warn_free_pct = 1
disk_warn_free_mb = 1
disk_alert_free_pct = 1
disk_alert_free_mb = 1
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
name = "all"
severities = ["S1", "S2"]
channels = ["infra", "desk"]
[deadman]
url = "{at}/deadman"
"""
KNOWN = {("config", "", "warning")}
"""The tests' configuration is looser than the defaults, and both its endpoints are on one host."""
Line = tuple[str, str, str]


@dataclass
class Patient:
    installed: Installation
    beta: Forwarder
    hook: Receiver

    async def told(self, code: int) -> dict[str, Any]:
        """All of it. Within this process: a command of its own takes longer to begin than to look."""
        out, domain = io.StringIO(), gettext.textdomain()
        with redirect_stdout(out):
            argv = ["--config", str(self.installed.config), "doctor", "--json"]
            ended = await anyio.to_thread.run_sync(main, argv, {})
        gettext.textdomain(domain)
        told: dict[str, Any] = json.loads(out.getvalue())
        assert (ended, told["exit"]) == (code, code), told
        return told

    async def doctor(self, code: int) -> dict[Line, dict[str, Any]]:
        """What is wrong besides what is known, where the command ends with that code."""

        told = await self.told(code)
        keyed = {(one["area"], one["subject"], one["level"]): one for one in told["lines"]}
        return {key: one for key, one in keyed.items() if key[2] != "info" and key not in KNOWN}


@asynccontextmanager
async def patient(at: Path, market: Devnet) -> AsyncIterator[Patient]:
    slack, hook, monitor = SlackHooks(), Receiver(), Monitor()
    async with slack.serving(), hook.serving(), monitor.serving(), Forwarder(market.url_http).serving() as beta:
        secrets = {
            "slack": slack.hook,
            "hook": hook.hook,
            "hook-key": Receiver.SECRET,
            "deadman": monitor.check,
            "beta": beta.url,
        }
        yield Patient(Installation.make(at, market, MORE, secrets), beta, hook)


async def test_doctor__broken_piece_by_piece__names_each_with_its_class_and_ends_by_the_worst(
    tmp_path: Path, market: Devnet
) -> None:
    async with patient(tmp_path, market) as it:
        process = await anyio.to_thread.run_sync(it.installed.start)
        try:
            await anyio.to_thread.run_sync(wait_for, it.installed.answers, "the first reading")
            await anyio.to_thread.run_sync(lambda: it.installed.ultrad("doctor", code=1))
            assert await it.doctor(1) == {}

            it.beta.mode = "500"
            found = await it.doctor(4)
            assert found["probes", "beta", "alert"]["origin"] == "outside"
            assert found["probes", "beta", "alert"]["remedy"] is not None
            it.beta.mode = "good"

            await it.hook.close_port()
            assert (await it.doctor(1))["channels", "desk", "warning"]["origin"] == "outside"
            await it.hook.open_port()

            log = it.installed.at / "log" / "broken.log"
            log.write_text("Traceback (most recent call last):\n", encoding="utf-8")
            assert (await it.doctor(1))["logs", "broken.log", "warning"]["origin"] == "code"
            log.unlink()

            it.installed.journal.chmod(0o644)
            assert (await it.doctor(4))["files", "", "alert"]["origin"] == "infrastructure"
            it.installed.journal.chmod(0o600)

            await _file(it)
            assert it.hook.taken == []  # nothing was sent by any of it

            it.installed.flag.touch()
            await anyio.to_thread.run_sync(wait_for, _stopped(it), "the stop")
            assert ("stop", "", "alert") in await it.doctor(4)
        finally:
            process.terminate()
            await anyio.to_thread.run_sync(process.wait)
        found = await it.doctor(5)
        assert {("service", "", "critical"), ("stop", "", "alert"), ("probes", "http", "alert")} <= set(found)
        assert ("probes", "beta", "alert") not in found


async def _file(it: Patient) -> None:
    """The file is changed, and then broken, under the running daemon."""
    text = it.installed.config.read_text(encoding="utf-8")
    it.installed.config.write_text(text + "[limits]\nwarn_hf = 1.9\n", encoding="utf-8")
    it.installed.config.chmod(0o600)
    told = await it.told(1)
    assert any("was changed since" in one["message"]["text"] for one in told["lines"])
    it.installed.config.write_text(text + "[limits]\nwarn_hf = 99\n", encoding="utf-8")
    assert ("config", "", "alert") in await it.doctor(4)
    it.installed.config.write_text(text, encoding="utf-8")


def _stopped(it: Patient) -> Callable[[], bool]:
    return lambda: "ON" in it.installed.ultrad("estop", "status", code=0)
