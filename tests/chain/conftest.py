"""The devnet for tests: built if need be, started once, and given to each test in the reference state."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ultrad.devnet.build import Build, ensure_built
from ultrad.devnet.devnet import Devnet
from ultrad.i18n import Message

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.chain)
            item.add_marker(pytest.mark.allow_hosts(["127.0.0.1"]))


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
