"""What the world is made of: its configuration, people, positions and time."""

import asyncio
import tempfile
from collections.abc import Callable, Coroutine
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import looptime

from tests.fakes.chain import Account
from ultrad.config import Config, load
from ultrad.operations import Person, ResumeRequest

SERVICE_UID = 990
TARO, HANAKO = Person(1000, "taro"), Person(1001, "hanako")
SAID = ResumeRequest(cause="a drop of the price", rollback="not-needed", staging=True, backups=True)

T = TypeVar("T")

FILE = """
environment = "{environment}"
language = "en"
timezone = "{zone}"
[chain]
network = "{network}"
{endpoints}
[[positions]]
name = "main"
account = "0x8626f6940E2eb28930eFb4CeF49B2d1F2C9C1199"
{more}
"""
LIKE: dict[str, dict[str, Any]] = {
    "slack-webhook": {},
    "slack-app": {"threads": True},
    "line": {"key_lives_s": 24 * 3_600.0},
    "webhook": {},
}
NETWORKS = {"production": "ethereum", "staging": "sepolia"}


@cache
def configured(
    environment: str = "staging",
    zone: str = "Asia/Tokyo",
    endpoints: tuple[str, ...] = ("alpha", "beta"),
    more: str = "",
) -> Config:
    """A configuration as from a file, with secrets by names, so that two of them differ in `more` alone."""
    with tempfile.TemporaryDirectory() as name:
        parts = []
        for endpoint in endpoints:
            secret = Path(name) / endpoint
            secret.touch(mode=0o600)
            secret.write_text(f"https://{endpoint}.example/v3/0123456789abcdef\n", encoding="ascii")
            parts.append(f'[[chain.endpoints]]\nname = "{endpoint}"\nhttp = "{endpoint}"\n')
        text = FILE.format(
            environment=environment,
            network=NETWORKS[environment],
            zone=zone,
            endpoints="".join(parts),
            more=more,
        )
        path = Path(name) / "ultrad.toml"
        path.write_text(text, encoding="utf-8")
        return load(path, {"CREDENTIALS_DIRECTORY": name})


def account(hf: str, *, net: int = 14_000) -> Account:
    """A position of that health factor at 11,000 of debt, whatever its net value."""
    return Account((net + 11_000) * 10**8, 11_000 * 10**8, round(float(hf) * 11_000 * 10_000 / (net + 11_000)))


GOOD, NEAR, BAD, WORSE, DEEP = (account(hf) for hf in ("2.0", "1.7", "1.5", "1.4", "1.05"))


def in_virtual_time(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run `main()` on a loop of its own whose time is virtual: for tests that Hypothesis runs many times."""
    loop = looptime.new_event_loop(noop_cycles=0)
    try:
        return loop.run_until_complete(main())
    finally:
        asyncio.set_event_loop(None)
        loop.close()
