"""An OctoBot that a test drives: it takes orders, refuses them, hangs, or takes them without a word."""

import math
from collections import deque
from dataclasses import dataclass, field

import anyio

from ultrad.core.signals import Action
from ultrad.errors import Transient
from ultrad.i18n import Message, msg
from ultrad.ports import Probe, Refused, Unreached
from ultrad.trade_ports import OctoTrade, Order


@dataclass
class FakeBot:
    """Implements `OctoBot`.

    script: how the next orders are met, then mode. ok, down (not reached), hang, hang after, cut (both taken, but
    nobody says so), error (not known), refused, broken (a fault of the adapter's own).

    orders: every order taken, repeats among them: it knows none. traded: what `trades` tells; None: nothing.
    """

    mode: str = "ok"
    script: deque[str] = field(default_factory=deque)
    orders: list[Order] = field(default_factory=list)
    tries: list[tuple[float, Order]] = field(default_factory=list)
    traded: tuple[OctoTrade, ...] | None = ()
    webhook_fault: Message | None = None
    web_fault: Message | None = None
    answers_in_s: float = 0.0

    async def send(self, order: Order) -> None:
        if order.action is Action.HOLD:
            raise ValueError("HOLD is no order")
        self.tries.append((anyio.current_time(), order))
        mode = self.script.popleft() if self.script else self.mode
        if mode == "down":
            raise Unreached(msg("No connection to {who}.", who="OctoBot"))
        await anyio.sleep(self.answers_in_s)
        match mode:
            case "hang":
                await anyio.sleep(math.inf)
            case "error":
                raise Transient(msg("Failure."))
            case "refused":
                raise Refused(msg("Refused."))
            case "broken":
                raise KeyError("a fault of the adapter")
        self.orders.append(order)
        if mode == "hang after":
            await anyio.sleep(math.inf)
        if mode == "cut":
            raise Transient(msg("The connection broke."))

    async def probe(self) -> tuple[Probe, ...]:
        down = msg("No connection to {who}.", who="OctoBot") if self.mode == "down" else None
        await anyio.sleep(self.answers_in_s)
        elapsed_ms = round(self.answers_in_s * 1000)
        return (
            Probe("octobot webhook", elapsed_ms, down or self.webhook_fault),
            Probe("octobot web", elapsed_ms, down or self.web_fault),
        )

    async def trades(self) -> tuple[OctoTrade, ...] | None:
        if self.mode == "down":
            raise Unreached(msg("No connection to {who}.", who="OctoBot"))
        return self.traded

    def repeats(self) -> list[str]:
        """Tags of orders that were taken more than once."""
        tags = [one.tag for one in self.orders]
        return sorted({tag for tag in tags if tags.count(tag) > 1})
