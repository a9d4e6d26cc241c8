"""Where signals are handed in, and where it is told what became of them."""

from ultrad.core.allowances import Allowance, AllowancesAt
from ultrad.core.events import Recorded
from ultrad.core.intents import Act, Intent
from ultrad.core.signals import Signal, Source
from ultrad.core.trade_status import IntentLine, TradeFigures, TradeStatus, end_of, lines_of, recent_lines
from ultrad.errors import Duplicate, Permanent, Transient
from ultrad.i18n import Message, msg
from ultrad.ports import EventFilter, Journal
from ultrad.trader.pipeline import Trader
from ultrad.trader.ports import TradeSettings
from ultrad.trader.revoking import Revoking
from ultrad.units import Address

PAGE = 1_000
RECENT = 5
"""Signals that the status shows; `ultrad signals` has more."""
END_KINDS = tuple(
    act.value
    for act in (Act.REFUSE, Act.HOLD, Act.REHEARSE, Act.FAIL, Act.CANCEL, Act.SETTLE, Act.USURP, Act.YIELD)
)
MOST_PROPOSED = 100
"""Intents that may be open at once: a burst trips long before, and what waits grows stale."""


class Reception:
    """In front of the trader. trader: None where nothing can be traded; trouble says why then."""

    def __init__(
        self,
        trader: Trader | None,
        journal: Journal,
        settings: TradeSettings,
        asset: Address,
        trouble: Message | None = None,
    ) -> None:
        self._trader, self._journal = trader, journal
        self._settings, self._asset = settings, asset
        self._trouble = trouble

    async def take(self, signal: Signal) -> Intent:
        """Take a signal in, durably.

        Raises Duplicate, with what became of the first one; Transient where nothing can be traded, the journal
        refuses, or too many wait.
        """
        trader = self._able()
        if signal.source in {Source.RESCUE, Source.REVOCATION}:
            raise Permanent(msg("A rescue is none of the signals that can be given."))
        self._must_be_writable()
        if trader.blotter.get(signal.key) is None and len(trader.blotter.open()) >= MOST_PROPOSED:
            raise Transient(msg("The signal is not taken: {count} wait already.", count=MOST_PROPOSED))
        try:
            return await trader.propose(signal)
        except Duplicate:
            pass
        raise Duplicate(await self._before(signal.key))

    async def allowances(self) -> tuple[AllowancesAt, tuple[str, ...]]:
        """Every allowance, and what may be using one just now. Raises Transient."""
        revoking = self._revoking()
        return await revoking.read(), revoking.busy()

    async def revoke(self, by: str, asset: str) -> tuple[Intent, ...]:
        """See `Revoking.revoke`."""
        self._must_be_writable()
        return await self._revoking().revoke(by, asset)

    def _revoking(self) -> Revoking:
        revoking = self._able().revoking
        if revoking is None:
            raise Transient(msg("Nobody looks at allowances here."))
        return revoking

    def _must_be_writable(self) -> None:
        _, trouble = self._journal.backlog()
        if trouble is not None:
            raise Transient(msg("The signal is not taken: the journal cannot be written ({why}).", why=trouble))

    async def _before(self, key: str) -> Message:
        end = await self.outcome(key)
        if end is None:
            return msg("The signal {id} came before, and is being worked on.", id=key)
        return msg("The signal {id} came before: {outcome}", id=key, outcome=end)

    async def outcome(self, intent_id: str) -> Message | None:
        """What became of an intent, however long ago; None while it is open. Raises Transient."""
        known = self._able().blotter.get(intent_id)
        if known is not None:
            return known.end
        after = 0
        while page := await self._journal.events(EventFilter(kinds=END_KINDS, after_seq=after, limit=PAGE)):
            if (end := end_of(page, intent_id)) is not None:
                return end
            after = page[-1].seq
        return None

    def untold(self) -> tuple[Intent, ...]:
        """Those that have ended, and whose row in Notion does not say so yet."""
        return () if self._trader is None else tuple(one for one in self._trader.blotter.intents if one.is_untold)

    async def written(self, intent_id: str) -> None:
        """Its row says what became of it."""
        await self._able().written(intent_id)

    async def lines(self, limit: int) -> tuple[IntentLine, ...]:
        """The newest signals and what became of each, every rule that stopped it. Raises Transient."""
        newest = await self._journal.events(EventFilter(kinds=(Act.PROPOSE,), limit=limit, newest_first=True))
        if not newest:
            return ()
        found: list[Recorded] = []
        after = newest[-1].seq - 1
        while page := await self._journal.events(EventFilter(kinds=("intent",), after_seq=after, limit=PAGE)):
            found += page
            after = page[-1].seq
        try:
            return lines_of(found)[:limit]
        except ValueError as error:
            raise Transient(
                msg("The record of signals does not fit together: {error}", error=str(error))
            ) from error

    def status(self) -> TradeStatus:
        """Trading as it stands."""
        trader, settings = self._trader, self._settings
        flying = trader.blotter.in_the_air() if trader else None
        return TradeStatus(
            dry_run=settings.dry_run,
            position=settings.position,
            asset=self._asset,
            signs=trader is not None and trader.signs,
            trouble=self._trouble,
            used_e8=trader.used_e8() if trader else 0,
            limit_e8=trader.day_limit_e8() if trader else None,
            in_the_air=flying.id if flying else "",
            waiting=len(trader.blotter.open()) if trader else 0,
            recent=recent_lines(trader.blotter, RECENT) if trader else (),
            rescue=trader.rescue_status() if trader else None,
            figures=trader.figures() if trader else TradeFigures(),
            left=self._left(),
        )

    def _left(self) -> tuple[Allowance, ...]:
        revoking = self._trader.revoking if self._trader else None
        return revoking.left if revoking else ()

    def _able(self) -> Trader:
        if self._trader is None:
            raise Transient(msg("Nothing can be traded: {why}", why=self._trouble or msg("no trader is there")))
        return self._trader
