"""For all tests: who may use the network, and on which loop they run."""

from pathlib import Path

import pytest
import pytest_socket

HERE = Path(__file__).parent
LOCAL = ("adapters", "bench", "chain", "cli", "system", "web")
"""Tests that talk to real servers on this machine. All others, and every other host, are cut off."""


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.path.relative_to(HERE).parts[0] in LOCAL:
        pytest_socket.socket_allow_hosts(["127.0.0.1", "::1"], allow_unix_socket=True)
    else:
        pytest_socket.disable_socket(allow_unix_socket=True)


def pytest_runtest_teardown() -> None:
    pytest_socket.enable_socket()
    pytest_socket._remove_restrictions()
