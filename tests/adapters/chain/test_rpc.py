"""An endpoint's answers, each wrong in its own way: one clear error, and never the URL."""

import traceback
from dataclasses import replace
from pathlib import Path

import pytest

from tests.adapters.chain import rig as rigs
from tests.fakes.rpc_server import SECRET, RpcServer
from ultrad.adapters.chain.rpc import (
    DEFAULT_REST_S,
    HttpRpc,
    NodeFailed,
    NodeLimits,
    NodeRefused,
)
from ultrad.adapters.chain.settings import EndpointSettings
from ultrad.adapters.outside import Scrubber, retry_after_s
from ultrad.core.rounds import ChainUnavailable
from ultrad.errors import Transient
from ultrad.ports import EndpointFault

FAULTS = {
    "html": "not a JSON-RPC answer",
    "truncated": "not a JSON-RPC answer",
    "list": "not a JSON-RPC answer",
    "cut": "No connection",
    "500": "HTTP 500",
    "401": "does not accept our key",
    "redirect": "redirects elsewhere",
    "huge": "more than 200000 bytes",
    "wrong id": "another question",
    "no result": "without a result",
    "hang": "did not answer within 150 ms",
    "429": "rests for 7 s",
    "error": "internal trouble",
    "400": "internal trouble",
}


async def answer(server: RpcServer, mode: str) -> object:
    server.mode = mode
    settings = EndpointSettings("alpha", server.http)
    async with HttpRpc(settings, timeout_s=0.15 if mode == "hang" else 2, max_bytes=200_000) as rpc:
        return await rpc.call("eth_chainId")


@pytest.mark.parametrize("mode", FAULTS)
async def test_call__answer_is_wrong__one_error_that_names_the_endpoint(mode: str) -> None:
    async with RpcServer().serving() as server:
        with pytest.raises(Transient, match=FAULTS[mode]) as caught:
            await answer(server, mode)
        assert "alpha" in str(caught.value)
        assert_no_secret(caught.value, server)


async def test_call__nobody_listens__no_connection() -> None:
    async with RpcServer().serving() as server:
        pass
    with pytest.raises(NodeFailed, match="No connection") as caught:
        await answer(server, "good")
    assert_no_secret(caught.value, server)


async def test_call__kept_connection_was_closed_meanwhile__asked_again() -> None:
    async with (
        RpcServer().serving() as server,
        HttpRpc(EndpointSettings("alpha", server.http), timeout_s=2, max_bytes=10_000) as rpc,
    ):
        assert await rpc.call("eth_chainId") == "0x7a69"
        server.mode = "close once"
        assert await rpc.call("eth_chainId") == "0x7a69"
        assert rpc.connections == 2


async def test_call__error_object_repeats_the_url__it_is_scrubbed() -> None:
    async with RpcServer().serving() as server:
        server.error = {"code": -32000, "message": f"no access for {server.http}\n{SECRET} on {server.ws}"}
        with pytest.raises(NodeRefused) as caught:
            await answer(server, "error")
        assert_no_secret(caught.value, server)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "error", [{}, {"code": "x"}, "down", 7, {"code": -1, "message": ["x"]}, {"message": "z" * 9_000}]
)
async def test_call__error_object_of_any_shape__refused_in_few_words(error: object) -> None:
    async with RpcServer().serving() as server:
        server.error = error  # type: ignore[assignment]
        with pytest.raises(NodeRefused) as caught:
            await answer(server, "error")
        assert len(str(caught.value)) < 300


@pytest.mark.parametrize("code", [429, -32005])
async def test_call__error_object_means_too_many__it_rests(code: int) -> None:
    async with RpcServer().serving() as server:
        server.error = {"code": code, "message": "slow down"}
        with pytest.raises(NodeLimits) as caught:
            await answer(server, "error")
        assert caught.value.rest_s == DEFAULT_REST_S


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [("7", 7), (None, DEFAULT_REST_S), ("soon", DEFAULT_REST_S), ("99999", 300), ("-4", DEFAULT_REST_S)],
)
async def test_call__retry_after__kept_within_limits(retry_after: str | None, seconds: float) -> None:
    async with RpcServer().serving() as server:
        server.retry_after = retry_after
        with pytest.raises(NodeLimits) as caught:
            await answer(server, "429")
        assert caught.value.rest_s == seconds


def test_retry_after__a_date__is_taken_against_the_answers_own() -> None:
    assert retry_after_s("Wed, 21 Oct 2026 07:28:30 GMT", "Wed, 21 Oct 2026 07:28:00 GMT", 5) == 30
    assert retry_after_s("Wed, 21 Oct 2026 07:28:30 GMT", None, 5) == 5


@pytest.mark.parametrize("mode", ["wrong type", "null", "odd hex", "no hex"])
async def test_read__result_of_the_wrong_kind__impossible_answer(mode: str, tmp_path: Path) -> None:
    async with rigs.nodes("alpha") as rig, rigs.chain_of(rig, tmp_path, running=False) as chain:
        await chain.read()
        rig["alpha"].mode = mode
        with pytest.raises(ChainUnavailable, match=r"impossible answer|other block"):
            await chain.read()


@pytest.mark.parametrize("mode", [*FAULTS, "wrong type", "null", "hang on calls"])
async def test_chain__whatever_fails__no_message_shows_the_url(
    mode: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with rigs.nodes("alpha") as rig, rigs.chain_of(rig, tmp_path) as chain:
        server = rig["alpha"]
        server.error = {"code": -32000, "message": f"bad project at {server.http}"}
        await chain.read()
        server.mode = mode
        with pytest.raises(ChainUnavailable) as caught:
            await chain.read()
        shown = [str(one.message) for one in caught.value.refused]
        shown += [str(one.reason) for one in chain.endpoints()] + [str(one.error) for one in await chain.probe(5)]
        shown += [
            repr(chain.endpoints()),
            repr(rigs.SETTINGS),
            caplog.text,
            repr(EndpointSettings("a", server.http)),
        ]
        assert_no_secret(caught.value, server, *shown)


@pytest.mark.parametrize("ws_mode", ["refuse", "redirect", "hang", "html", "wrong chain"])
async def test_subscription__whatever_fails__polled_instead_and_told_without_the_url(
    ws_mode: str, tmp_path: Path
) -> None:
    async with rigs.nodes("alpha") as rig:
        rig["alpha"].ws_mode = ws_mode
        async with rigs.chain_of(rig, tmp_path) as chain:
            await rig.until(lambda: chain.endpoints()[0].usable)
            block = await rig.mine()
            await rig.until(lambda: chain.endpoints()[0].head_number == block.number)
            await rig.until(lambda: chain.endpoints()[0].reason is not None)
            status = chain.endpoints()[0]
            assert status.fault is None
            assert "alpha" in str(status.reason)
            assert SECRET not in str(status.reason)
            assert (await chain.read()).block == block


async def test_read__rest_asked_for__nobody_asks_until_it_is_over(tmp_path: Path) -> None:
    async with rigs.nodes("alpha") as rig, rigs.chain_of(rig, tmp_path, running=False) as chain:
        await chain.read()
        server = rig["alpha"]
        server.mode, server.retry_after = "429", "1"
        with pytest.raises(ChainUnavailable):
            await chain.read()
        server.mode = "good"
        asked = len(server.calls)
        with pytest.raises(ChainUnavailable):
            await chain.read()
        assert (await chain.probe(5))[0].error is not None
        assert chain.endpoints()[0].fault is EndpointFault.LIMITED
        assert len(server.calls) == asked


async def test_probe__slower_than_other_calls_may_be__is_timed_to_its_own_limit(tmp_path: Path) -> None:
    settings = replace(rigs.SETTINGS, call_timeout_s=0.05)
    async with (
        rigs.nodes("alpha") as rig,
        rigs.chain_of(rig, tmp_path, running=False, settings=settings) as chain,
    ):
        rig["alpha"].mode = "hang"
        probe = (await chain.probe(0.3))[0]
    assert probe.elapsed_ms >= 300
    assert "did not answer within 300 ms" in str(probe.error)


def test_scrubber__each_part_of_a_url__is_taken_out() -> None:
    scrub = Scrubber("https://user:passw0rd@node.example.org:8545/v3/abcdef123456?apikey=zyx%2Bw9876543", None)
    text = scrub(
        "user passw0rd node.example.org abcdef123456 zyx%2Bw9876543 zyx+w9876543 APIKEY=ZYX%2BW9876543 v3"
    )
    for part in ("passw0rd", "example", "abcdef", "zyx", "ZYX"):
        assert part not in text
    assert text.endswith("v3")


def assert_no_secret(error: BaseException, server: RpcServer, *shown: str) -> None:
    whole = "".join(traceback.format_exception(error)) + "".join(shown)
    chained: BaseException | None = error
    while chained is not None:  # also what a traceback would leave out
        whole += repr(chained)
        chained = chained.__context__
    for secret in (SECRET, server.http, server.ws, server.http.split("/")[2]):
        assert secret not in whole
