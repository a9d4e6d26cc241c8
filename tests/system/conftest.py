"""All of this is marked `system`; the machine is booted once for all modules that ask for it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.machine import why_not
from tests.system.service import Service, installed
from ultrad.devnet.build import Build

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.system)
            if "installed_service" in getattr(item, "fixturenames", ()):
                item.add_marker(pytest.mark.xdist_group("machine"))  # booted once, by one of the workers


@pytest.fixture(scope="session")
def installed_service(devnet_build: Build) -> Iterator[Service]:
    if reason := why_not():
        if os.environ.get("CI") == "true" and os.geteuid() == 0:
            pytest.fail(reason)
        pytest.skip(reason)
    with installed(devnet_build) as service:
        yield service


@pytest.fixture
def service(installed_service: Service) -> Service:
    """Stopped, freshly installed, with the devnet's configuration and nothing that answers."""
    installed_service.prepare(reachable=False)
    return installed_service
