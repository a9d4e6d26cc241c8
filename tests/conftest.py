"""For all tests: who may use the network; and the devnet, for those that need one.

The devnet is built if need be, started once, and given to each test in the reference state.
"""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
import pytest_socket

from ultrad.devnet.build import Build, ensure_built
from ultrad.devnet.devnet import Devnet
from ultrad.i18n import Message

HERE = Path(__file__).parent
LOCAL = ("adapters", "bench", "chain", "cli", "system", "web")
"""Tests that talk to real servers on this machine. All others, and every other host, are cut off."""

RECURSION = sys.getrecursionlimit()
"""As Python has it. py_ecc, which signing brings along, raises it beyond any stack; the daemon undoes that."""

# `make test` asks the same questions each time, so that it fails for a change and not for chance; `make prove`
# asks new ones. A machine that is busy elsewhere breaks no promise.
hypothesis.settings.register_profile("same", derandomize=True, deadline=None)
hypothesis.settings.register_profile("fresh", derandomize=False, deadline=None, max_examples=500)
hypothesis.settings.load_profile("same")


def pytest_sessionstart() -> None:
    # Said once, no loop is made on demand: pytest-asyncio asks for one around async tests, and leaves it unclosed.
    asyncio.set_event_loop(None)


def pytest_runtest_setup(item: pytest.Item) -> None:
    sys.setrecursionlimit(RECURSION)
    if item.path.relative_to(HERE).parts[0] in LOCAL:
        pytest_socket.socket_allow_hosts(["127.0.0.1", "::1"], allow_unix_socket=True)
    else:
        pytest_socket.disable_socket(allow_unix_socket=True)


def pytest_runtest_teardown() -> None:
    pytest_socket.enable_socket()
    pytest_socket._remove_restrictions()


@pytest.fixture(scope="session")
def devnet_build(pytestconfig: pytest.Config) -> Build:
    """What the devnet runs from; the first time it takes half a minute, so its progress is shown."""
    reporter = pytestconfig.pluginmanager.get_plugin("terminalreporter")

    def say(message: Message) -> None:
        if reporter is not None:
            reporter.write_line(str(message))

    return ensure_built(say)


@pytest.fixture(scope="session")
def devnet(devnet_build: Build) -> Iterator[Devnet]:
    """One chain for all tests. A test that changes it asks for `market` instead."""
    devnet = Devnet.start(devnet_build)
    try:
        yield devnet
    finally:
        devnet.stop()


@pytest.fixture
def market(devnet: Devnet) -> Iterator[Devnet]:
    """The chain in the reference state with fresh prices, brought back to it afterwards."""
    snapshot = devnet.snapshot()
    devnet.refresh_prices()
    try:
        yield devnet
    finally:
        devnet.rpc("evm_setAutomine", True)
        devnet.rpc("anvil_dropAllTransactions")
        devnet.revert(snapshot)
