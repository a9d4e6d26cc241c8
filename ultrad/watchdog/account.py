"""The account's history on chain, held against the journal: what nothing explains trips, with its hash.

It runs beside the watch and delays nothing of it. A stop comes first, its record after it; an announcement is used
up in the journal before it counts.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import anyio

from ultrad.core import account_book as book_of
from ultrad.core import intrusion
from ultrad.core.account_book import KINDS, MOST_ANNOUNCED, AccountBook, Announcement
from ultrad.core.estop_rules import trade_cause
from ultrad.core.events import Effect, Event, Finding, Level, Origin, Severity
from ultrad.core.intents import Blotter
from ultrad.core.intrusion import Act, Position, Seen, Strange
from ultrad.errors import Permanent, Transient
from ultrad.estop import Estop
from ultrad.gate import Gate
from ultrad.i18n import Message, msg
from ultrad.ports import Clock, FindingSink, Journal, Turned
from ultrad.trade_ports import History
from ultrad.units import Now, UsdE8, short_address, usd_text

SOURCE = "account"
UNREAD = "account_unread"
"""What holds the gate shut until the first look: somebody may have used the key while nobody watched."""
POLL_S = 1.0
"""How often a new head is looked for. It costs no call."""
AGAIN_S = 5.0
"""How long a history that could not be read is left alone."""
LOOK_S = 60.0
"""How long one look may take at all endpoints together."""
UNREAD_MS = 120_000
"""Ten blocks of Ethereum without a look at the account are too many to trade on."""
KEEP_MS = 3_600_000
"""How often the position is written down: what a restart reads again at most."""
MOST_OWN = 10_000
"""Our own transactions that are remembered: months of them."""
MOST_MINUTES = 24 * 60
MOST_REASON = 500


@dataclass(frozen=True, slots=True)
class AccountPorts:
    """What it works on. blotter: the trader's intents as they are now. new_id: a fresh id for an announcement."""

    history: History
    gate: Gate
    estop: Estop
    journal: Journal
    clock: Clock
    sink: FindingSink
    blotter: Callable[[], Blotter]
    new_id: Callable[[], str]


class AccountWatch:
    """Looks at what happened to the account at each new head, and keeps the announcements of manual acts."""

    def __init__(self, ports: AccountPorts, position: str, book: AccountBook, limit_ms: int = UNREAD_MS) -> None:
        """position: its name. limit_ms: how long its history may be unread. book: as the journal tells it."""
        self._ports = ports
        self._position = position
        self._limit_ms = limit_ms
        self.book = book
        self._own: dict[str, int] = {}
        self._looked_at: int | None = None
        self._read: Now | None = None
        self._began = ports.clock.now()
        self._kept = self._began
        self._why: Message = msg("it has not been read since the start")
        self.own()
        ports.gate.hold(UNREAD)

    # -------------------------------------------------------- the loop

    async def run(self, turned: Turned) -> None:
        """Look at each new head, for ever."""
        while True:
            pause_s = POLL_S
            try:
                await self.turn()
            except Transient as error:
                # At the start it goes on quickly: the first readings of the watch are on their way.
                self._why, pause_s = error.message, AGAIN_S if self._read else POLL_S
            self._observe()
            turned()
            await anyio.sleep(pause_s)

    async def turn(self) -> None:
        """One look where there is a new head. Raises Transient where the history or the journal refuses."""
        newest = self._ports.history.newest()
        if newest is None:
            raise Transient(msg("no endpoint is fit to be asked"))
        if self.book.position is None:
            await self._begin()
        if newest == self._looked_at:
            return
        seen = await self.look()
        if seen.is_whole:  # by an endpoint that may be a block behind the newest: then it is looked at again
            self._looked_at, self._read = seen.block.number, self._ports.clock.now()
            self._ports.gate.release(UNREAD)

    async def _begin(self) -> None:
        """What was before the first look is nobody's business here: it begins at the confirmed block of now."""
        position = await self._ports.history.begin()
        event = book_of.explained_event(position, self._ports.clock.now())
        await self._ports.journal.append(event)
        self.book = book_of.after(self.book, event)

    def keep(self) -> None:
        """Write the position down: at the end."""
        if self.book.position is not None:
            now = self._ports.clock.now()
            self._ports.journal.post(book_of.explained_event(self.book.position, now))
            self._kept = now

    # -------------------------------------------------------- one look

    async def look(self) -> Seen:
        """Read what is new, and do what follows."""
        position = self.book.position
        if position is None:
            raise AssertionError("nothing to begin from")
        seen = await self._seen(position)
        # Ours are asked for after the chain: what was signed meanwhile is in the journal, and so in the blotter.
        own, now = frozenset(self.own()), self._ports.clock.now()
        found = intrusion.strange(seen, own, self.book.keys(), self._ports.history.account)
        prices = dict(seen.prices)
        told = book_of.sort_out(found, self.book, prices, now)
        if told.unexpected:
            await self._trip(told.unexpected, prices, now)
        for one, announcement in told.expected:
            event = book_of.expected_event(one, announcement, now)
            await self._ports.journal.append(event)
            self.book = book_of.after(self.book, event)
        self._move(seen, own, now)
        return seen

    async def _seen(self, since: Position) -> Seen:
        with anyio.move_on_after(LOOK_S):
            return await self._ports.history.look(since, self.book.origin, self.own)
        raise Transient(msg("no endpoint answered within {seconds} s", seconds=round(LOOK_S)))

    async def _trip(self, found: tuple[Strange, ...], prices: intrusion.Prices, now: Now) -> None:
        """Stop once for all of them, by the name of the first; then the record of each."""
        told = [self._message(one, prices) for one in found]
        message = told[0]
        if len(told) > 1:
            message = msg("{first} And {count} more transactions.", first=message, count=len(told) - 1)
        cause = replace(trade_cause("intrusion", message, now), figures=_figures(found[0]))
        await self._ports.estop.trip(cause)
        for one, text in zip(found, told, strict=True):
            event = book_of.intrusion_event(one, text, now)
            self._ports.journal.post(event)
            self.book = book_of.after(self.book, event)

    def _move(self, seen: Seen, own: frozenset[str], now: Now) -> None:
        """The position follows; what came in is told once it is passed."""
        came = intrusion.inflows(seen, own, self.book.keys())
        self.book = book_of.moved(self.book, seen.reached)
        if came:
            self._ports.journal.post(book_of.inflow_event(came, seen.reached, now))
            self._kept = now
        elif now.steady_ms - self._kept.steady_ms >= KEEP_MS:
            self._ports.journal.post(book_of.explained_event(seen.reached, now))
            self._kept = now

    def own(self) -> dict[str, int]:
        """Every hash that we signed, with its nonce: also of intents that the trader has let go of."""
        for intent in self._ports.blotter().intents:
            for step in intent.steps:
                for version in step.versions:
                    self._own.setdefault(version.hash.lower(), step.nonce)
        if len(self._own) > MOST_OWN:
            newest = sorted(self._own.items(), key=lambda one: one[1])[-MOST_OWN:]
            self._own = dict(newest)
        return self._own

    # -------------------------------------------------------- what is told

    def _message(self, one: Strange, prices: intrusion.Prices) -> Message:
        what = ", ".join(_deed(deed) for deed in one.deeds)
        worth = intrusion.value_e8(one, prices)
        facts: dict[str, str | int] = {
            "position": self._position,
            "hash": one.tx or "?",
            "block": one.block,
            "what": what,
            "worth": "?" if worth is None else usd_text(worth),
        }
        if one.nonce is not None:
            return msg(
                "{position}: the transaction {hash} (block {block}, nonce {nonce}) was signed with the account's"
                " key, and not by ultrad: {what} ({worth}). Somebody else has the key: move the funds to a new"
                " account.",
                nonce=one.nonce,
                **facts,
            )
        return msg(
            "{position}: the transaction {hash} (block {block}, from {sender}) takes from the account, or may from"
            " now on, and nothing in the journal explains it: {what} ({worth}). Revoke the account's allowances.",
            sender=short_address(one.sender) if one.sender else "?",
            **facts,
        )

    def _observe(self) -> None:
        """Say so where the history is not read, and let nothing be traded on that."""
        now = self._ports.clock.now()
        since = self._read or self._began
        if now.steady_ms - since.steady_ms <= self._limit_ms:
            self._ports.sink.observe(SOURCE, (), now)
            return
        finding = Finding(
            code=UNREAD,
            subject=self._position,
            level=Level.ALERT,
            origin=Origin.OUTSIDE,
            severity=Severity.S2,
            effect=Effect.NO_TRADE,
            message=msg(
                "{position}: the account's history has not been read for {seconds} s (limit {limit} s), so that a "
                "use of its key by others would go unseen. {reason}",
                position=self._position,
                seconds=(now.steady_ms - since.steady_ms) // 1_000,
                limit=self._limit_ms // 1_000,
                reason=self._why,
            ),
        )
        self._ports.sink.observe(SOURCE, (finding,), now)

    # -------------------------------------------------------- announcements

    def announced(self) -> tuple[Announcement, ...]:
        """The announcements that stand."""
        return self.book.standing(self._ports.clock.now())

    async def announce(self, by: str, kind: str, max_e8: UsdE8 | None, minutes: int, reason: str) -> Announcement:
        """Take an announcement in, durably. Raises Permanent for one that cannot be, Transient."""
        now, said = self._ports.clock.now(), " ".join(reason.split())
        if kind not in KINDS:
            raise Permanent(msg("What can be announced is one of: {kinds}", kinds=", ".join(KINDS)))
        if not 1 <= minutes <= MOST_MINUTES:
            raise Permanent(msg("Give it from 1 to {most} minutes.", most=MOST_MINUTES))
        if not said or len(said) > MOST_REASON:
            raise Permanent(msg("Say why, in at most {limit} characters: --reason TEXT.", limit=MOST_REASON))
        if len(self.announced()) >= MOST_ANNOUNCED:
            raise Permanent(msg("{count} announcements stand already. Wait for one to end.", count=MOST_ANNOUNCED))
        head = self._ports.history.newest()
        if head is None:
            raise Transient(msg("The chain cannot be read now: nobody could tell what comes after. Try again."))
        told = Announcement(
            id=self._ports.new_id(),
            kind=kind,
            max_e8=max_e8,
            by=by,
            reason=said,
            at=now,
            until_ms=now.steady_ms + minutes * 60_000,
            after_block=head,
        )
        event: Event = book_of.announced_event(told)
        await self._ports.journal.append(event)
        self.book = book_of.after(self.book, event)
        return told


def _figures(one: Strange) -> tuple[tuple[str, str], ...]:
    nonce = () if one.nonce is None else (("nonce", str(one.nonce)),)
    deeds = tuple((f"{at}", _deed(deed)) for at, deed in enumerate(one.deeds, 1))
    return (("hash", one.tx), ("block", str(one.block)), *nonce, *deeds)


def _deed(deed: intrusion.Deed) -> str:
    """One deed as figures: what, how much of which asset, to whom. It leaves the machine: addresses are short."""
    if deed.act is Act.OTHER:
        return deed.act.value
    asset = "coin" if deed.asset is None else short_address(deed.asset)
    to = "" if deed.other is None else f" → {short_address(deed.other)}"
    return f"{deed.act.value} {deed.amount} {asset}{to}"
