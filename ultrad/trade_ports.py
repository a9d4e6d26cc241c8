"""What the trader needs from the world: where decisions come from, where they go, and the chain as one who sends.

Each port has one contract suite that runs against the fake and the real adapter alike. Errors are those of
`ultrad.ports`: Throttled, Refused and Unreached (nothing was done), other Transients (nobody can say), Permanent.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from ultrad.core.signals import Action
from ultrad.i18n import Message
from ultrad.ports import Probe

# ---------------------------------------------------------------- Notion


@dataclass(frozen=True, slots=True)
class Row:
    """One open row with an action. at_ms: its Timestamp, or when it was last edited where it has none."""

    page_id: str
    url: str
    summary: str
    action: Action
    confidence: Decimal
    at_ms: int
    edited_ms: int


@dataclass(frozen=True, slots=True)
class BadRow:
    """One open row that cannot be taken: which, and what is wrong with which property."""

    page_id: str
    edited_ms: int
    message: Message


class Rows(Protocol):
    """The database of decisions."""

    async def check(self) -> tuple[Message, ...]:
        """What is wrong with its schema: each property that is missing or of a wrong type. Raises as above."""
        ...

    async def open_rows(self) -> tuple[Row | BadRow, ...]:
        """Every row whose Status is open and that has an Action, the oldest edit first; all pages of them.

        Raises as above, and Transient where the answer was incomplete.
        """
        ...

    async def finish(self, page_id: str, result: str) -> None:
        """Write the outcome, and set the Status to done. Doing it again changes nothing."""
        ...

    async def complain(self, page_id: str, result: str) -> None:
        """Write what is wrong into Result, and leave the row open."""
        ...

    def export(self) -> AsyncIterator[Mapping[str, object]]:
        """Every row of the database as the API gives it, for a backup."""
        ...

    async def probe(self) -> Probe:
        """One timed question that changes nothing."""
        ...


# ---------------------------------------------------------------- OctoBot


@dataclass(frozen=True, slots=True)
class Order:
    """One signal for OctoBot. tag: our own name for it; it stands in OctoBot's orders where it keeps tags."""

    action: Action
    tag: str


@dataclass(frozen=True, slots=True)
class OctoTrade:
    """One trade that OctoBot says it has made; as far as its web interface tells."""

    id: str
    symbol: str
    side: str
    at_ms: int


class OctoBot(Protocol):
    """The trading bot. It has no idempotency: the same order twice trades twice."""

    async def send(self, order: Order) -> None:
        """Hand over one BUY or SELL, once. On return it is accepted (HTTP 200), which is not executed.

        Raises Refused (it took nothing: a wrong token, feed or parameter), Unreached (nothing was handed over);
        any other Transient means that nobody knows. Never tries again by itself.
        """
        ...

    async def probe(self) -> tuple[Probe, ...]:
        """Both of its ports, timed: the webhook server, and the web interface where one is configured."""
        ...

    async def trades(self) -> tuple[OctoTrade, ...] | None:
        """What it has traded lately; None where the web interface is not configured or asks for a login."""
        ...
