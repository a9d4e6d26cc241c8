"""What only OctoBot's own ports say."""

import socket
import time
import traceback
import tracemalloc
from contextlib import suppress
from dataclasses import replace

import pytest

from tests.adapters.octobot.rig import BUY, SHORT_S, octobot, settings
from tests.fakes.octobot import Web, Webhook
from ultrad.adapters.notify.http import open_session
from ultrad.adapters.octobot import MAX_TRADES, OctoBotHttp, OctoBotSettings
from ultrad.core.signals import Action
from ultrad.errors import EXIT_CONFIG, Fatal, Transient, UltradError
from ultrad.i18n import catalogue
from ultrad.ports import Refused, Unreached
from ultrad.trade_ports import OctoTrade, Order

GIVEN = OctoBotSettings("http://127.0.0.1:9000", "t0ken-t0ken", "binance", "BTCUSDT", "2%")


def assert_no_secret(error: UltradError, webhook: Webhook) -> None:
    whole = "".join(traceback.format_exception(error))
    whole += catalogue("ja")(error.message) + catalogue("en")(error.message)
    chained: BaseException | None = error
    while chained is not None:
        whole += repr(chained)
        chained = chained.__context__
    for secret in (webhook.TOKEN, webhook.url.removeprefix("http://")):
        assert secret not in whole


async def test_send__an_order__exactly_this_text_with_the_token_last() -> None:
    async with octobot() as (bot, webhook, web):
        await bot.send(BUY)
        fields = "EXCHANGE=binance;SYMBOL=BTCUSDT;SIGNAL=BUY;ORDER_TYPE=MARKET;VOLUME=2%;TAG=sig-42"
        assert webhook.taken == [f"{fields};TOKEN={webhook.TOKEN}"]
        assert webhook.faults == web.faults == []


async def test_send__symbol_that_it_does_not_know__accepted_and_not_traded() -> None:
    async with Webhook().serving() as webhook, open_session() as session:
        await OctoBotHttp(replace(settings(webhook), symbol="NOSUCH"), session).send(BUY)
        assert (len(webhook.taken), webhook.orders) == (1, [])


async def test_send__wrong_token__refused_without_it() -> None:
    async with Webhook().serving() as webhook, open_session() as session:
        bot = OctoBotHttp(replace(settings(webhook), token="wr0ng-t0ken-77"), session)
        with pytest.raises(Refused, match="invalid or missing input parameters") as caught:
            await bot.send(BUY)
        assert "wr0ng" not in str(caught.value)
        assert webhook.taken == []


async def test_send__port_of_the_web_interface__refused_with_what_to_do() -> None:
    async with Web().serving() as web, open_session() as session:
        bot = OctoBotHttp(replace(GIVEN, url=web.url), session)
        with pytest.raises(Refused, match="9000 unless changed"):
            await bot.send(BUY)
        assert web.faults == []
        (probe,) = await bot.probe()
        assert probe.error is not None
        assert "Another server" in str(probe.error)


@pytest.mark.parametrize("mode", ["401", "403", "404", "405"])
async def test_send__nothing_was_taken__refused(mode: str) -> None:
    async with octobot() as (bot, webhook, _):
        webhook.mode = mode
        with pytest.raises(Refused, match="sig-42") as caught:
            await bot.send(BUY)
        assert webhook.tries == 1
        assert_no_secret(caught.value, webhook)


@pytest.mark.parametrize(
    "mode",
    [
        "408",
        "429",
        "500",
        "502",
        "503",
        "503 later",
        "201",
        "redirect",
        "noise",
        "cut",
        "cut within",
        "html",
        "huge",
    ],
)
async def test_send__nobody_can_say__plain_transient_and_one_try(mode: str) -> None:
    async with octobot() as (bot, webhook, _):
        webhook.mode = mode
        with pytest.raises(Transient, match="sig-42 is not known") as caught:
            await bot.send(BUY)
        assert type(caught.value) is Transient
        assert (webhook.tries, webhook.followed) == (1, 0)
        assert len(webhook.taken) == (mode in ("cut", "cut within", "huge"))
        assert_no_secret(caught.value, webhook)


@pytest.mark.parametrize("mode", ["hang", "hang after"])
async def test_send__hangs__given_up_within_the_limit_and_not_known(mode: str) -> None:
    async with octobot(SHORT_S) as (bot, webhook, _):
        webhook.mode = mode
        begun_s = time.monotonic()
        with pytest.raises(Transient, match="within 150 ms") as caught:
            await bot.send(BUY)
        assert time.monotonic() - begun_s < SHORT_S + 0.5
        assert type(caught.value) is Transient
        assert len(webhook.taken) == (mode == "hang after")


async def test_send__port_closed__unreached_then_taken_once_it_is_open() -> None:
    async with octobot() as (bot, webhook, _):
        await webhook.close_port()
        with pytest.raises(Unreached) as caught:
            await bot.send(BUY)
        assert_no_secret(caught.value, webhook)
        await webhook.open_port()
        await bot.send(BUY)
        assert (webhook.tries, len(webhook.taken)) == (1, 1)


async def test_send__name_that_does_not_resolve__unreached(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    async with open_session() as session:
        monkeypatch.setattr(socket, "getaddrinfo", unknown)
        with pytest.raises(Unreached):
            await OctoBotHttp(replace(GIVEN, url="http://octobot.invalid:9000"), session).send(BUY)


@pytest.mark.parametrize("tag", ["", "a;b", "a=b", "a\nb", "a\\nb", " a", "a\0"])
async def test_send__tag_that_would_part_fields__a_fault_of_ours_and_nothing_sent(tag: str) -> None:
    async with octobot() as (bot, webhook, _):
        with pytest.raises(ValueError, match="tag"):
            await bot.send(Order(Action.BUY, tag))
        assert webhook.tries == 0


@pytest.mark.parametrize("name", ["exchange", "symbol", "volume", "token"])
@pytest.mark.parametrize("value", ["", "a;SIGNAL=SELL", "a=b", "a\nb", "a\rb", "a\\nb", " a", "a "])
async def test_settings__value_that_octobot_would_read_otherwise__fatal_and_not_shown(
    name: str, value: str
) -> None:
    async with open_session() as session:
        with pytest.raises(Fatal, match=f"{name} must not") as caught:
            OctoBotHttp(replace(GIVEN, **{name: value}), session)  # type: ignore[arg-type]
        assert caught.value.exit_code == EXIT_CONFIG
        assert "SELL" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["", "127.0.0.1:9000", "ftp://x", "http://", "http://[::1", "http://x/?a=b", "http://x:99999"]
)
async def test_settings__address_is_none__fatal(url: str) -> None:
    async with open_session() as session:
        with pytest.raises(Fatal, match="address of OctoBot"):
            OctoBotHttp(replace(GIVEN, url=url), session)


def test_settings__shown__without_the_token() -> None:
    assert GIVEN.token not in repr(GIVEN)


async def test_probe__webhook_server_never_came_up__one_fault_beside_a_good_ping() -> None:
    async with octobot() as (bot, webhook, _):
        await webhook.close_port()
        server, web = await bot.probe()
        assert server.error is not None
        assert web.error is None
        assert bot.version == "OctoBot 2.1.1"


async def test_probe__web_interface_is_not_configured__the_webhook_server_alone() -> None:
    async with Webhook().serving() as webhook, open_session() as session:
        bot = OctoBotHttp(settings(webhook), session)
        assert [one.name for one in await bot.probe()] == ["octobot webhook"]
        assert bot.version is None
        assert await bot.trades() is None


async def test_probe__one_hangs__neither_waits_for_the_other() -> None:
    async with octobot(SHORT_S) as (bot, webhook, web):
        webhook.mode = web.mode = "hang"
        begun_s = time.monotonic()
        probes = await bot.probe()
        assert time.monotonic() - begun_s < 2 * SHORT_S
        assert all(one.error is not None and one.elapsed_ms >= 140 for one in probes)


@pytest.mark.parametrize("mode", ["500", "html", "redirect", "huge"])
async def test_probe__answers_as_it_should_not__told(mode: str) -> None:
    async with octobot() as (bot, webhook, web):
        webhook.mode = web.mode = mode
        assert all(one.error is not None for one in await bot.probe())
        assert bot.version is None


@pytest.mark.parametrize("version", [None, 5, {"a": 1}])
async def test_version__is_no_text__not_known(version: object) -> None:
    async with octobot() as (bot, _, web):
        web.version = version
        await bot.probe()
        assert bot.version is None


async def test_version__connection_breaks__not_known_and_the_probe_stays_good() -> None:
    async with octobot() as (bot, _, web):
        web.script.extend(["ok", "noise"])
        assert [one.error for one in await bot.probe()] == [None, None]
        assert bot.version is None


async def test_trades__asks_for_a_login__none_and_not_followed() -> None:
    async with octobot() as (bot, _, web):
        web.password = True
        assert await bot.trades() is None
        assert web.followed == 0


@pytest.mark.parametrize(
    ("mode", "expected"), [("500", Transient), ("404", Refused), ("html", Transient), ("garbage", Transient)]
)
async def test_trades__cannot_be_read__kind_of_error(mode: str, expected: type[Transient]) -> None:
    async with octobot() as (bot, _, web):
        web.mode = mode
        with pytest.raises(expected):
            await bot.trades()


async def test_trades__strange_entries_among_them__the_others_are_told() -> None:
    async with octobot() as (bot, _, web):
        good = web.made("7", "STOP LOSS", 1_795_000_000)
        strange: list[object] = [None, 5, {}, {**good, "time": "noon"}, {**good, "time": 1e300}]
        strange += [{**good, "time": True}, {**good, "symbol": None}, {**good, "time": -1}]
        bare = {"symbol": "ETH/USDT", "time": 1_795_000_001.5, "id": 8, "side": "SELL"}
        web.trades = [bare, *strange, good]
        assert await bot.trades() == (
            OctoTrade("7", "BTC/USDT", "", 1_795_000_000_000),
            OctoTrade("8", "ETH/USDT", "sell", 1_795_000_001_500),
        )


async def test_trades__more_than_are_handed_on__the_newest() -> None:
    async with octobot() as (bot, _, web):
        web.trades = [web.made(str(n), "BUY MARKET", 1_795_000_000 + n) for n in range(MAX_TRADES + 5)]
        trades = await bot.trades()
        assert trades is not None
        assert (len(trades), trades[0].id) == (MAX_TRADES, "5")


@pytest.mark.parametrize("trades", [{}, "x", None])
async def test_trades__no_list__transient(trades: object) -> None:
    async with octobot() as (bot, _, web):
        web.trades = trades
        with pytest.raises(Transient, match="not understood"):
            await bot.trades()


async def test_send__answer_of_ten_megabytes__little_memory() -> None:
    async with octobot() as (bot, webhook, _):
        await bot.send(BUY)
        webhook.mode = "huge"
        tracemalloc.start()
        try:
            with suppress(Transient):
                await bot.send(BUY)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 2_000_000
        assert webhook.sent_bytes < 9_000_000
