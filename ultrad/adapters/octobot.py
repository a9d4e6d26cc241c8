"""OctoBot: orders to its webhook server, and what its web interface tells.

Source: OctoBot 2.1.1, run and read: webhook_service (`POST /webhook/trading_view`: 200 with an empty body where it
took the text, 400 for a wrong token or an unknown feed, else 405; `GET /` answers 200 and nothing),
trading_view_service_feed (what stands behind the first `TOKEN=`, to the line's end, is the token),
trading_view_signals_trading (fields are parted by `;`, a newline, or a backslash and an n), web_interface
(`/api/ping` and `/api/version` without, `/api/trades` with a login where a password is set).
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import aiohttp
import anyio
import orjson

from ultrad.adapters.notify.http import Answer, Service
from ultrad.core.signals import Action
from ultrad.errors import EXIT_CONFIG, Fatal, Transient, UltradError
from ultrad.i18n import Message, msg
from ultrad.ports import Probe, Refused, Unreached
from ultrad.trade_ports import OctoTrade, Order

TIMEOUT_S = 10.0
MAX_TRADES_BYTES = 16 * 1024 * 1024
"""Of the history of trades: some 50,000 of them."""
MAX_TRADES = 1000
"""The newest ones, that are handed on."""
MAX_VERSION = 40
_OK, _BAD_REQUEST = 200, 400
_REFUSED = frozenset({401, 403})
_NO_WEBHOOK = frozenset({404, 405})
_LOGIN = frozenset({301, 302, 303, 307, 308, 401, 403})
_VALUE = re.compile(r"[^\s;=\\\x00-\x1f\x7f]([^;=\\\x00-\x1f\x7f]*[^\s;=\\\x00-\x1f\x7f])?")
"""What stands for itself in one field."""
_TEXT = {"Content-Type": "text/plain; charset=utf-8"}
_LATEST_S = 10**11
"""Seconds: what is later is no time in seconds."""
_SIDES = ("buy", "sell")


@dataclass(frozen=True, slots=True)
class OctoBotSettings:
    """One OctoBot.

    url: of its webhook server (port 9000 unless changed). web_url: of its web interface (port 5001), or empty.
    exchange, symbol, volume: as its TradingView signals have them (`binance`, `BTCUSDT`, `2%`). token: of its
    TradingView service.
    """

    url: str
    token: str = field(repr=False)
    exchange: str
    symbol: str
    volume: str
    web_url: str = ""
    timeout_s: float = TIMEOUT_S


class OctoBotHttp:
    """Implements `OctoBot`."""

    def __init__(self, settings: OctoBotSettings, session: aiohttp.ClientSession) -> None:
        """session: of `open_session`. Raises Fatal for a value that OctoBot would read as something else."""
        for name in ("exchange", "symbol", "volume", "token"):
            _check_value(name, getattr(settings, name))
        self._settings = settings
        self._url = _address(settings.url)
        self._web = _address(settings.web_url) if settings.web_url else ""
        secrets = (settings.token, self._url, self._web)
        self._service = Service(session, msg("OctoBot"), settings.timeout_s, secrets)
        self._version: str | None = None

    @property
    def version(self) -> str | None:
        """Its name and version, as the web interface told at the last probe."""
        return self._version

    async def send(self, order: Order) -> None:
        """Hand over one BUY or SELL, once. Raises ValueError for HOLD, or a tag that is no value: our faults."""
        body = self._text(order).encode()
        try:
            answer = await self._service.ask("POST", f"{self._url}/webhook/trading_view", headers=_TEXT, body=body)
        except (Refused, Unreached):
            raise
        except Transient as error:
            raise _unknown(order, error.message) from None
        if answer.status == _OK and answer.whole and not answer.body.strip():
            return
        raise self._failure(order, answer)

    async def probe(self) -> tuple[Probe, ...]:
        """Both ports, at once. The web interface answers well even where the webhook server never came up."""
        asked: dict[str, Callable[[], Awaitable[Message | None]]] = {"octobot webhook": self._webhook_fault}
        if self._web:
            asked["octobot web"] = self._web_fault
        probes: dict[str, Probe] = {}

        async def one(name: str, ask: Callable[[], Awaitable[Message | None]]) -> None:
            begun_s = anyio.current_time()
            try:
                fault = await ask()
            except UltradError as error:
                fault = error.message
            probes[name] = Probe(name, round((anyio.current_time() - begun_s) * 1000), fault)

        async with anyio.create_task_group() as tasks:
            for name, ask in asked.items():
                tasks.start_soon(one, name, ask)
        self._version = await self._told_version() if self._web and probes["octobot web"].error is None else None
        return tuple(probes[name] for name in asked)

    async def trades(self) -> tuple[OctoTrade, ...] | None:
        """What it has traded, the newest last; at most MAX_TRADES. What names no symbol or time is left out."""
        if not self._web:
            return None
        answer = await self._service.ask("GET", f"{self._web}/api/trades", max_bytes=MAX_TRADES_BYTES)
        if answer.status in _LOGIN:
            return None
        if answer.status != _OK:
            raise self._service.failure(answer, rejected=frozenset())
        listed = _json(answer)
        if not isinstance(listed, list):
            raise self._service.garbled()
        found = [trade for trade in map(_trade, listed) if trade is not None]
        return tuple(sorted(found, key=lambda one: one.at_ms)[-MAX_TRADES:])

    # ------------------------------------------------------------ orders

    def _text(self, order: Order) -> str:
        """The order as OctoBot reads it; the token last."""
        if order.action is Action.HOLD:
            raise ValueError("HOLD is no order: OctoBot would read it as a cancellation")
        if not _VALUE.fullmatch(order.tag):
            raise ValueError("the order's tag holds what parts fields")
        settings = self._settings
        fields = {
            "EXCHANGE": settings.exchange,
            "SYMBOL": settings.symbol,
            "SIGNAL": order.action.value,
            "ORDER_TYPE": "MARKET",
            "VOLUME": settings.volume,
            "TAG": order.tag,
            "TOKEN": settings.token,
        }
        return ";".join(f"{name}={value}" for name, value in fields.items())

    def _failure(self, order: Order, answer: Answer) -> UltradError:
        reason = self._reason(answer)
        if answer.status == _BAD_REQUEST or answer.status in _REFUSED:
            return Refused(
                msg(
                    "OctoBot refuses the order {tag} ({reason}). Check the token of its TradingView service, and"
                    " that its trading mode follows TradingView signals.",
                    tag=order.tag,
                    reason=reason,
                )
            )
        if answer.status in _NO_WEBHOOK:
            return Refused(
                msg(
                    "No webhook server of OctoBot's answers for the order {tag} ({reason}). Check its address: the"
                    " port is that of the webhook server (9000 unless changed), not of the web interface.",
                    tag=order.tag,
                    reason=reason,
                )
            )
        return _unknown(order, reason)

    def _reason(self, answer: Answer) -> Message:
        words = self._service.scrub(answer.words())
        if not words:
            return msg("HTTP {status}", status=answer.status)
        return msg("HTTP {status}: {words}", status=answer.status, words=words)

    # ------------------------------------------------------------ health

    async def _webhook_fault(self) -> Message | None:
        answer = await self._service.ask("GET", f"{self._url}/")
        if answer.status == _OK and answer.whole and not answer.body.strip():
            return None
        return msg(
            "Another server than OctoBot's webhook server answers ({reason}). Check its address and port.",
            reason=self._reason(answer),
        )

    async def _web_fault(self) -> Message | None:
        answer = await self._service.ask("GET", f"{self._web}/api/ping")
        if answer.status == _OK and isinstance(_json(answer), str):
            return None
        return msg(
            "Another server than OctoBot's web interface answers ({reason}). Check its address and port.",
            reason=self._reason(answer),
        )

    async def _told_version(self) -> str | None:
        try:
            told = _json(await self._service.ask("GET", f"{self._web}/api/version"))
        except Transient:
            return None
        return self._service.scrub(told)[:MAX_VERSION] if isinstance(told, str) else None


def _unknown(order: Order, reason: Message) -> Transient:
    return Transient(
        msg(
            "Whether OctoBot took the order {tag} is not known ({reason}). It is not sent again: look for it among"
            " OctoBot's orders and trades.",
            tag=order.tag,
            reason=reason,
        )
    )


def _check_value(name: str, value: str) -> None:
    if not _VALUE.fullmatch(value):
        raise Fatal(
            msg(
                "[octobot] {name} must not be empty, begin or end with a blank, or hold ; = \\ or a line break.",
                name=name,
            ),
            EXIT_CONFIG,
        )


def _address(url: str) -> str:
    """The address without its last slash. Raises Fatal where none can be reached by it."""
    try:
        split = urlsplit(url)
        usable = split.scheme in ("http", "https") and split.hostname and split.port != 0
    except ValueError:
        usable = False
    if not usable or split.query or split.fragment:
        raise Fatal(msg("An address of OctoBot cannot be used: write it like http://127.0.0.1:9000."), EXIT_CONFIG)
    return url.rstrip("/")


def _json(answer: Answer) -> object:
    """What an answer of success holds; None where it is none or holds something else than JSON."""
    try:
        return orjson.loads(answer.body) if answer.good and answer.whole else None
    except orjson.JSONDecodeError:
        return None


def _trade(told: object) -> OctoTrade | None:
    """One trade of `/api/trades`; its `time` is in seconds, and the side is the first word of its `type`."""
    if not isinstance(told, dict):
        return None
    at_s, symbol = told.get("time"), told.get("symbol")
    if not isinstance(at_s, int | float) or isinstance(at_s, bool) or not 0 <= at_s < _LATEST_S:
        return None
    if not isinstance(symbol, str) or not symbol:
        return None
    kind = told.get("side") or told.get("type")
    side = kind.split()[0].lower() if isinstance(kind, str) and kind.split() else ""
    identity = told.get("id")
    return OctoTrade(
        id=str(identity) if isinstance(identity, str | int) else "",
        symbol=symbol,
        side=side if side in _SIDES else "",
        at_ms=round(at_s * 1000),
    )
