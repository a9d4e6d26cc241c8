"""OctoBot on loopback: its webhook server and its web interface, as version 2.1.1 has them.

Written from its source (webhook_service, trading_view_service_feed, trading_view_signals_trading, web_interface)
and from what a running one answered; never imports ultrad. The two ports are two services: the second is well even
where the first never came up.
"""

import json
from typing import Any

from aiohttp import web

from tests.fakes.services import Service

REFUSAL = "invalid or missing input parameters"


class Webhook(Service):
    """The webhook server (port 9000). It takes any text with the right token, also what it cannot trade.

    taken: every text that was accepted, repeats among them: it knows none. orders: those that it would trade.
    """

    TOKEN = "0ct0-t0ken-b5a1c9"
    EXCHANGE = "binance"
    SYMBOLS = ("BTCUSDT", "BTC/USDT")
    SIGNALS = ("buy", "sell", "cancel")
    secrets = (TOKEN,)

    def __init__(self) -> None:
        super().__init__()
        self.orders: list[dict[str, str]] = []

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/", self._index),
            web.post("/webhook/{feed}", self._webhook),
            web.post("/elsewhere", self._elsewhere),
        ]

    def says(self, status: int) -> web.Response:
        return web.Response(status=status, text=REFUSAL if status == 400 else f"no {self.url} {self.TOKEN}")

    async def _index(self, request: web.Request) -> web.StreamResponse:
        return await self.play(request, lambda: web.Response(text=""))

    async def _webhook(self, request: web.Request) -> web.StreamResponse:
        text = (await request.read()).decode()
        if request.match_info["feed"] != "trading_view" or not self._is_ours(text):
            self.tries += 1
            self.faults.append("feed or token")
            return web.Response(status=400, text=REFUSAL)

        def accept() -> web.Response:
            self.taken.append(text)
            order = self._read(text)
            if self._trades(order):
                self.orders.append(order)
            return web.Response(text="")

        return await self.play(request, accept)

    def _is_ours(self, text: str) -> bool:
        """The token is what stands behind the first `TOKEN=`, to the end of the line."""
        _, found, rest = text.partition("TOKEN=")
        return bool(found) and rest.strip().split("\n")[0] == self.TOKEN

    def _read(self, text: str) -> dict[str, str]:
        order: dict[str, str] = {}
        for line in text.replace("\\n", ";").replace("\n", ";").split(";"):
            parts = line.split("=")
            if len(parts) != 2 or not parts[0].strip():
                self.faults.append(f"line {line!r}")
                continue
            order[parts[0].strip()] = parts[1].strip()
        return order

    def _trades(self, order: dict[str, str]) -> bool:
        if order.get("SIGNAL", "").casefold() not in self.SIGNALS:
            self.faults.append(f"signal {order.get('SIGNAL')}")
        return (
            order.get("EXCHANGE", "?").lower() in self.EXCHANGE
            and order.get("SYMBOL") in self.SYMBOLS
            and order.get("SIGNAL", "").casefold() in self.SIGNALS
        )


class Web(Service):
    """The web interface (port 5001). password: whether what is worth seeing redirects to a login."""

    secrets = ()

    def __init__(self) -> None:
        super().__init__()
        self.password = False
        self.trades: object = []
        self.version: object = "OctoBot 2.1.1"

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/api/ping", self._ping),
            web.get("/api/version", self._version),
            web.get("/api/trades", self._trades),
            web.post("/api/webhook/trading_view", self._trap),
            web.get("/login", self._elsewhere),
            web.get("/", self._home),
        ]

    def made(self, identity: str, kind: str, at_s: float, symbol: str = "BTC/USDT") -> dict[str, Any]:
        """One trade as `/api/trades` lists it (web_interface, models/trading.py)."""
        return {
            "symbol": symbol,
            "type": kind,
            "price": "64000.5",
            "amount": "0.01",
            "exchange": "binance",
            "date": "2026-11-23 09:00:00",
            "time": at_s,
            "cost": "640.005",
            "ref_market_cost": None,
            "market": "USDT",
            "fee_cost": 0,
            "fee_currency": "",
            "SoR": "Simulated",
            "id": identity,
        }

    async def _ping(self, request: web.Request) -> web.StreamResponse:
        return await self.play(request, lambda: _dumped("Running since 2026-11-23 09:00:00."))

    async def _version(self, request: web.Request) -> web.StreamResponse:
        return await self.play(request, lambda: _dumped(self.version))

    async def _trades(self, request: web.Request) -> web.StreamResponse:
        if self.password:
            return web.Response(status=302, headers={"Location": "/login?next=%2Fapi%2Ftrades"})
        return await self.play(request, lambda: web.json_response(self.trades))

    async def _trap(self, _: web.Request) -> web.Response:
        self.faults.append("order to the web interface")
        return web.Response(text="")

    async def _home(self, _: web.Request) -> web.Response:
        return web.Response(text="<html>OctoBot</html>", content_type="text/html")


def _dumped(content: object) -> web.Response:
    """Flask's answer where `json.dumps` made it: JSON that says it is HTML."""
    return web.Response(text=json.dumps(content), content_type="text/html")
