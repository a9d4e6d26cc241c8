"""The trader's own record: each step is durable before it counts."""

import anyio

from ultrad.core import intents as life
from ultrad.core.events import Event
from ultrad.core.intents import Blotter, Intent
from ultrad.errors import Transient
from ultrad.i18n import msg
from ultrad.ports import Journal
from ultrad.trade_ports import Nonces
from ultrad.units import Now

KEPT_MS = 25 * 3_600_000
"""A little longer than any limit looks back."""


class TradeBook:
    """The blotter and the journal in step. Nothing is in it that is not durable."""

    def __init__(self, journal: Journal, blotter: Blotter) -> None:
        """blotter: as the journal tells it."""
        self._journal = journal
        self.blotter = blotter

    async def record(self, event: Event) -> Intent:
        """Make one step, durably. Raises Transient where the journal refuses (nothing happened), Duplicate."""
        # Who is cancelled in between (a job at its time-out) must not leave an intent that only the disk knows.
        with anyio.CancelScope(shield=True):
            life.after(self.blotter, event)  # what the table refuses must not get into the record
            await self._journal.append(event)
            self.blotter = life.after(self.blotter, event)  # others may have been recorded meanwhile
        intent = self.blotter.get(str(event.data["intent"]))
        if intent is None:
            raise AssertionError("a step of an intent that is not there")
        return intent

    @property
    def due_nonce(self) -> int:
        """With nothing in the air: the lowest nonce that no step of ours has consumed. A lower one is behind."""
        return max((step.nonce + 1 for one in self.blotter.intents for step in one.steps), default=0)

    def expect_due(self, nonces: Nonces) -> None:
        """Raise Transient for a node that is behind: what it calls the next nonce, a step of ours has consumed."""
        if nonces.latest < self.due_nonce:
            raise Transient(
                msg("the node shows nonce {nonce}, and {due} is due", nonce=nonces.latest, due=self.due_nonce)
            )

    def forget(self, now: Now, window_ms: int) -> None:
        """Let go of what no limit counts any more."""
        self.blotter = life.forget(self.blotter, now.steady_ms - max(window_ms, KEPT_MS))
