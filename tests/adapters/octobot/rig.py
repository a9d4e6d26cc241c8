"""OctoBot behind its port, the real adapter against a stand-in and the fake, driven alike."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.fakes.bot import FakeBot
from tests.fakes.octobot import Web, Webhook
from ultrad.adapters.notify.http import open_session
from ultrad.adapters.octobot import OctoBotHttp, OctoBotSettings
from ultrad.core.signals import Action
from ultrad.trade_ports import OctoBot, OctoTrade, Order

TIMEOUT_S = 2.0
SHORT_S = 0.15
BUY = Order(Action.BUY, "sig-42")


def settings(webhook: Webhook, web: Web | None = None, timeout_s: float = TIMEOUT_S) -> OctoBotSettings:
    return OctoBotSettings(
        url=webhook.url + "/",
        token=webhook.TOKEN,
        exchange="binance",
        symbol="BTCUSDT",
        volume="2%",
        web_url=web.url if web else "",
        timeout_s=timeout_s,
    )


@asynccontextmanager
async def octobot(timeout_s: float = TIMEOUT_S) -> AsyncIterator[tuple[OctoBotHttp, Webhook, Web]]:
    """The adapter with both of OctoBot's ports open."""
    async with Webhook().serving() as webhook, Web().serving() as web, open_session() as session:
        yield OctoBotHttp(settings(webhook, web, timeout_s), session), webhook, web


@dataclass
class Rig:
    """What the contract needs of either: how orders are met, the tags of those taken, and what was traded."""

    bot: OctoBot
    taken: Callable[[], list[str]]
    met: Callable[[str], None]
    trade: Callable[[OctoTrade], None] = field(repr=False)


@asynccontextmanager
async def real(timeout_s: float) -> AsyncIterator[Rig]:
    async with octobot(timeout_s) as (bot, webhook, web):
        trades: list[object] = []
        web.trades = trades
        modes = {"refused": "400", "error": "500"}
        yield Rig(
            bot,
            taken=lambda: [one["TAG"] for one in webhook.orders],
            met=lambda mode: webhook.script.append(modes.get(mode, mode)),
            trade=lambda one: trades.append(
                web.made(one.id, f"{one.side.upper()} MARKET", one.at_ms / 1000, one.symbol)
            ),
        )


@asynccontextmanager
async def fake(_: float) -> AsyncIterator[Rig]:
    bot = FakeBot()

    def trade(one: OctoTrade) -> None:
        bot.traded = (*(bot.traded or ()), one)

    yield Rig(bot, taken=lambda: [one.tag for one in bot.orders], met=bot.script.append, trade=trade)


KINDS = {"octobot": real, "fake": fake}
