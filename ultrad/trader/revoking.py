"""Allowances that are left over: looked for, told of, and taken back by the same way as every transaction.

A revocation is an intent without a leg to OctoBot and without a size. It lowers risk, and yet it passes the gate
as a trade does, and is refused while the stop is ON: the side door is for what cannot wait, and the pool, which
takes what it was allowed only by the account's own calls, can. One is in the air at a time, as of all.
"""

from collections.abc import Callable

import anyio

from ultrad.core import revocations as told
from ultrad.core.allowances import Allowance, AllowancesAt, chosen, left_over
from ultrad.core.events import Level
from ultrad.core.intent_steps import Mined
from ultrad.core.intents import Intent
from ultrad.errors import Permanent, Transient
from ultrad.gate import STOPS
from ultrad.i18n import Message, msg
from ultrad.ports import Turned
from ultrad.trade_ports import Allowances, Call
from ultrad.trader.book import TradeBook
from ultrad.trader.ports import TraderPorts, TradeSettings
from ultrad.units import Address

SOURCE = "allowances"
TICK_S = 5.0
LOOK_MS = 300_000
"""How often they are read while nothing ends; what ends is looked at after it."""
MOST = 20
"""Revocations that may be open at once."""


class Revoking:
    """What looks after allowances; a part of the supervisor as well. wake: has the trader look at what is new."""

    def __init__(
        self,
        ports: TraderPorts,
        settings: TradeSettings,
        allowances: Allowances,
        book: TradeBook,
        wake: Callable[[], None],
    ) -> None:
        """allowances: the ports' own, which are there."""
        self._ports, self._settings = ports, settings
        self._allowances, self._book, self._wake = allowances, book, wake
        self._looked: tuple[int, int] | None = None
        self._beginning: set[str] = set()
        self.left: tuple[Allowance, ...] = ()

    # -------------------------------------------------------- what is left over

    async def run(self, turned: Turned) -> None:
        """Look for what is left over, for ever. What cannot be read now is read later: others tell of that."""
        while True:
            now = self._ports.clock.now()
            ended_ms = max((one.ended.steady_ms for one in self._book.blotter.intents if one.ended), default=0)
            if self._looked is None or self._looked[1] != ended_ms or now.steady_ms - self._looked[0] >= LOOK_MS:
                try:
                    looked = await self._look()
                except (Transient, Permanent):
                    looked = False
                if looked:
                    self._looked = (now.steady_ms, ended_ms)
            turned()
            await anyio.sleep(TICK_S)

    async def _look(self) -> bool:
        """Whether what was read says what is left over."""
        found = await self.read()
        if self.busy() or found.block.number < self._newest_block():
            return False
        self.left = found.standing()
        self._ports.conditions.observe(SOURCE, (left_over(one) for one in self.left), self._ports.clock.now())
        return True

    async def read(self) -> AllowancesAt:
        """Every allowance, also of what rescues have used. Raises Transient."""
        used = (Address(one.asset) for one in self._book.blotter.intents if one.asset)
        return await self._allowances.read(frozenset(used))

    def busy(self) -> tuple[str, ...]:
        """What may be using an allowance just now."""
        return told.standing_in_its_way(self._book.blotter)

    def _newest_block(self) -> int:
        """Of what is known to be mined: a node that is not so far yet shows what was before."""
        steps = (step for one in self._book.blotter.intents for step in one.steps)
        return max((step.mined.block.number for step in steps if step.mined), default=0)

    # -------------------------------------------------------- taking it back

    async def revoke(self, by: str, asset: str) -> tuple[Intent, ...]:
        """Take back what stands of one asset (a symbol or an address), or all (empty); durable on return.

        Raises Permanent where nothing can be sent, or nothing stands; Transient where it must wait, cannot be
        read, or the journal refuses.
        """
        self._may_begin()
        found = await self.read()
        wanted = chosen(found, asset)
        if not wanted and asset:
            raise Permanent(msg("Nothing is allowed of {asset}. See: ultrad allowances", asset=asset))
        if not wanted:
            raise Permanent(msg("Nothing is allowed to anybody: there is nothing to revoke."))
        self._may_begin()  # reading took a while
        begun = [await self._begin(by, one, found) for one in wanted[:MOST]]
        self._wake()
        return tuple(begun)

    def _may_begin(self) -> None:
        if self._ports.signer is None:
            raise Permanent(msg("There is no key to sign with."))
        if self._settings.dry_run:
            raise Permanent(msg("trade.dry_run is set: nothing is sent"))
        if not STOPS.isdisjoint(self._ports.gate.shut_by()):
            raise Permanent(
                msg(
                    "The emergency stop is ON: a revocation is a transaction like any other. First: ultrad "
                    "resume. If the key may have leaked, revoking with it helps nobody: move the funds."
                )
            )
        if busy := self.busy():
            raise Transient(
                msg(
                    "{names} is under way and may be using its allowance: wait for its end.", names=", ".join(busy)
                )
            )

    async def _begin(self, by: str, one: Allowance, found: AllowancesAt) -> Intent:
        known = told.under_way(self._book.blotter, one)
        if known is not None:
            return known
        now = self._ports.clock.now()
        signal = told.revocation_signal(by, one, now)
        self._beginning.add(signal.key)
        try:
            proposed = await self._book.record(told.revocation_proposed(signal, one))
            return await self._book.record(told.revocation_admitted(proposed, one, found, now))
        finally:
            self._beginning.discard(signal.key)

    def must_wait(self, intent: Intent) -> bool:
        """Whether it is not its turn: a trade that came between may need what it would take back."""
        in_its_way = told.standing_in_its_way(self._book.blotter, intent.id)
        return bool(in_its_way) or intent.id in self._beginning

    def call_of(self, intent: Intent) -> Call:
        """Its one transaction."""
        return self._allowances.revoke(Address(intent.asset), Address(intent.spender))


async def end_of_revocation(ports: TraderPorts, intent: Intent, mined: Mined) -> tuple[Message, Level]:
    """What is told of one that is through, as the chain shows it. Raises Transient where nobody can say yet."""
    if ports.allowances is None:
        raise AssertionError("a revocation without means")
    found = await ports.allowances.read(frozenset((Address(intent.asset),)))
    if found.block.number < mined.block.number:
        raise Transient(
            msg("{endpoint} has not got block {block} yet", endpoint=found.endpoint, block=mined.block.number)
        )
    left = any((one.asset, one.spender) == (intent.asset, intent.spender) for one in found.standing())
    if left:
        message = msg(
            "{id}: the token took the revocation and still allows something ({hash}). Look at the token.",
            id=intent.id,
            hash=mined.hash,
        )
        return message, Level.ALERT
    return msg("{id} executed: nothing is allowed any more ({hash}).", id=intent.id, hash=mined.hash), Level.INFO
