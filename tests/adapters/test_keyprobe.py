"""What each service says to a secret, and that nothing but a clear no counts as one."""

from collections.abc import Iterator

import aiohttp
import pytest

from tests.fakes.doorkeeper import Doorkeeper
from ultrad.adapters.keyprobe import Places, Service, ask
from ultrad.core.rotation import Reply

GOOD, BAD = "secret-good", "secret-bad"


@pytest.fixture
def keeper() -> Iterator[Doorkeeper]:
    made = Doorkeeper()
    made.valid = {GOOD, f"/rpc/{GOOD}"}
    with made.serving():
        yield made


async def asked(keeper: Doorkeeper, service: Service, secret: str) -> Reply:
    places = Places(keeper.url, keeper.url, keeper.url)
    given = f"{keeper.url}/rpc/{secret}" if service is Service.RPC else secret
    async with aiohttp.ClientSession() as session:
        return await ask(service, given, places, session)


@pytest.mark.parametrize("service", Service)
async def test_ask__good_bad_and_a_service_that_is_ill(keeper: Doorkeeper, service: Service) -> None:
    assert await asked(keeper, service, GOOD) is Reply.ACCEPTED
    assert await asked(keeper, service, BAD) is Reply.REFUSED
    for status in ("302", "404", "429", "500", "503"):
        keeper.mode = status
        assert await asked(keeper, service, BAD) is Reply.UNKNOWN, status


async def test_ask__nobody_there_or_an_odd_address__is_unknown() -> None:
    async with aiohttp.ClientSession() as session:
        for url in ("http://127.0.0.1:1/", "http://[", "ftp://127.0.0.1/"):
            assert await ask(Service.RPC, url, Places(), session) is Reply.UNKNOWN
