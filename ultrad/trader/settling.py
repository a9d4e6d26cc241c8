"""What becomes of a transaction in the air: the chain decides, at the confirmed depth, and is asked till then."""

from ultrad.core import estop_rules as stop
from ultrad.core import intent_events as events
from ultrad.core.events import Effect, Event, Finding, Level, Origin, Severity
from ultrad.core.intent_steps import Mined, Purpose, Step, Version
from ultrad.core.intents import Act, Intent
from ultrad.core.signals import Action
from ultrad.errors import Transient
from ultrad.gate import GateShutError, Passage
from ultrad.i18n import Message, msg
from ultrad.trade_ports import Nonces, Quote, Receipt
from ultrad.trader import deeds
from ultrad.trader.book import TradeBook
from ultrad.trader.doubt import Doubt
from ultrad.trader.ports import TraderPorts, TradeSettings
from ultrad.trader.revoking import end_of_revocation
from ultrad.trader.sending import Sending
from ultrad.units import ALL_BPS, Now, hf_text

REPEAT_MS = 30_000
"""How often the same bytes are handed to the node again while nobody has mined them: nodes forget."""
RESCUE_STUCK_MS = 24_000
"""A rescue that two blocks of Ethereum have passed by offers more: time is what it has not."""
USURPED_MS = 60_000
"""How long a nonce must look consumed by others before it counts: a node that lags or lies shows that for a while.
What really was others' is found on chain, with its hash, at the next head (`ultrad.watchdog.account`)."""


class Settling:
    """Looks after the one intent whose nonce is not consumed for good."""

    def __init__(self, ports: TraderPorts, settings: TradeSettings, book: TradeBook, sending: Sending) -> None:
        self._ports, self._settings = ports, settings
        self._book, self._sending = book, sending
        self._sent_ms = 0
        self._usurper, self._gap = Doubt(USURPED_MS), Doubt(USURPED_MS)
        self.gap: Finding | None = None

    async def look(self, intent: Intent) -> None:
        """Ask the chain once, and do what follows."""
        step = intent.in_the_air
        if step is None:
            raise AssertionError("nothing in the air")
        receipt = await self._receipt(step)
        nonces = None if receipt else await self._ports.ledger.nonces()
        consumed = nonces is not None and nonces.confirmed > step.nonce
        self._see_gap(intent, step, nonces)
        if consumed:  # perhaps by our own, mined between the two questions
            receipt = await self._receipt(step)
        if not consumed or receipt is not None:
            self._usurper.dispelled()
        if receipt is not None:
            await self._mined(intent, step, receipt)
        elif step.mined is not None:
            await self._book.record(events.unmined_event(intent, self._ports.clock.now()))
        elif consumed:
            await self._consumed_elsewhere(intent, step)
        else:
            await self._pending(intent, step)

    def _see_gap(self, intent: Intent, step: Step, nonces: Nonces | None) -> None:
        """A nonce that the chain is not at yet: whatever node told us to use it, no block can take it now."""
        if nonces is None or nonces.latest >= step.nonce:
            self._gap.dispelled()
            self.gap = None
        elif self._gap.seen(self._ports.clock.now()):
            self.gap = _gap(self._settings.position, intent, step, nonces)

    async def _receipt(self, step: Step) -> Receipt | None:
        for version in reversed(step.versions):
            receipt = await self._ports.ledger.receipt(version.hash)
            if receipt is not None:
                return receipt
        return None

    # -------------------------------------------------------- in a block

    async def _mined(self, intent: Intent, step: Step, receipt: Receipt) -> None:
        mined = Mined(receipt.hash, receipt.block, receipt.ok)
        now = self._ports.clock.now()
        if step.mined != mined:
            intent = await self._book.record(events.mined_event(intent, mined, now))
        confirmed = await self._ports.ledger.confirmed()
        if receipt.block.number > confirmed.number:
            return
        if (await self._ports.ledger.nonces()).confirmed <= step.nonce:
            return  # a receipt alone may be of blocks that only one node has
        again = await self._ports.ledger.receipt(receipt.hash)
        if again is None or again.block != receipt.block:
            return  # the chain changed between two questions: ask anew
        await self.conclude(await self._book.record(events.confirmed_event(intent, mined, now)))

    async def conclude(self, intent: Intent) -> bool:
        """What follows from a nonce that is consumed for good: its end (True), or else its next step is due.

        Raises Transient where the chain cannot be read: nothing is over then, and it is asked again.
        """
        step = intent.steps[-1]
        mined = step.mined
        if mined is None:
            raise AssertionError("consumed, and by nothing")
        version = step.version(mined.hash)
        if version is not None and version.purpose is Purpose.CANCELLATION:
            message = msg("{id} was cancelled on chain ({hash}).", id=intent.id, hash=mined.hash)
            await self._end(Act.CANCEL, intent, message, Level.WARNING)
        elif not mined.ok:
            await self._reverted(intent, step, mined)
        elif intent.is_rescue and step.about == intent.measure:
            await self._settle_rescue(intent, mined)
        elif step.about in {"supply", "withdraw"}:
            await self._settle(intent, mined)
        elif intent.spender:
            await self._end(Act.SETTLE, intent, *await end_of_revocation(self._ports, intent, mined))
        else:
            return False
        return True

    async def _reverted(self, intent: Intent, step: Step, mined: Mined) -> None:
        version = step.version(mined.hash)
        call = None if version is None else self._sending.call_of(version)
        reason = None if call is None else await self._ports.ledger.revert_reason(call, mined.block)
        message = msg(
            "{id} failed on chain ({about}, {hash}): {why}",
            id=intent.id,
            about=step.about,
            hash=mined.hash,
            why=reason or msg("no reason is known"),
        )
        await self._end(Act.FAIL, intent, message, Level.ALERT)

    async def _settle(self, intent: Intent, mined: Mined) -> None:
        """Hold what the chain shows against what was admitted; what is off by more than the tolerance trips."""
        off = await self._how_far_off(intent, mined)
        message = msg(
            "{id} executed: {action} of {amount} smallest units ({hash}).",
            id=intent.id,
            action=intent.signal.action.value,
            amount=str(intent.amount),
            hash=mined.hash,
        )
        too_late = any(one.purpose is Purpose.CANCELLATION for one in intent.steps[-1].versions)
        if too_late:
            message = msg("{told} It was mined before its cancellation.", told=message)
        if off is not None:  # before its end is recorded: nobody would look again after a crash in between
            await self._ports.estop.trip(stop.trade_cause("outcome_off", off, self._ports.clock.now()))
        await self._end(Act.SETTLE, intent, message, Level.WARNING if too_late else Level.INFO)

    async def _settle_rescue(self, intent: Intent, mined: Mined) -> None:
        """Verify it on chain: a rescue that did something else is the last one."""
        if self._ports.rescue is None:  # switched off since it was sent
            message = msg("{id} executed ({hash}). Rescues are disabled now.", id=intent.id, hash=mined.hash)
            await self._end(Act.SETTLE, intent, message, Level.ALERT)
            return
        found = await self._ports.rescue.market.patient()
        off = deeds.rescue_off(intent, found, self._settings.limits.tolerance_bps)
        message = msg(
            "{id} executed: {measure} of {amount} smallest units of {asset} ({hash}). The health factor is {hf}.",
            id=intent.id,
            measure=intent.measure,
            amount=str(intent.amount),
            asset=intent.asset,
            hash=mined.hash,
            hf=hf_text(found.patient.health_factor),
        )
        if off is not None:
            await self._ports.estop.trip(stop.trade_cause("rescue_off", off, self._ports.clock.now()))
        await self._end(Act.SETTLE, intent, message, Level.ALERT)

    async def quote_after(self, mined: Mined) -> Quote:
        """The account as it is after that transaction. Raises Transient where the node is not so far yet."""
        quote = await self._ports.market.quote()
        if quote.block.number < mined.block.number:
            raise Transient(
                msg("{endpoint} has not got block {block} yet", endpoint=quote.endpoint, block=mined.block.number)
            )
        return quote

    async def _how_far_off(self, intent: Intent, mined: Mined) -> Message | None:
        """What is missing of the outcome. More than was wanted is interest, or somebody else's gift: no harm.

        A sale is seen in the wallet as well: what is left of the supply cannot tell that nothing came out of it.
        """
        room = (await self.quote_after(mined)).room
        supplied, held = room.supplied - intent.supplied_before, room.wallet - intent.wallet_before
        wanted = intent.amount if intent.signal.action is Action.BUY else -intent.amount
        tolerated = intent.amount * self._settings.limits.tolerance_bps
        if (wanted - supplied) * ALL_BPS > tolerated:
            return msg(
                "{id}: the supply moved by {moved}, not by {wanted} (smallest units). Find out what else moved "
                "it.",
                id=intent.id,
                moved=str(supplied),
                wanted=str(wanted),
            )
        if intent.signal.action is Action.SELL and (intent.amount - held) * ALL_BPS > tolerated:
            return msg(
                "{id}: {moved} came into the wallet, not {wanted} (smallest units). Find out where the rest went.",
                id=intent.id,
                moved=str(held),
                wanted=str(intent.amount),
            )
        return None

    # -------------------------------------------------------- pending

    async def _consumed_elsewhere(self, intent: Intent, step: Step) -> None:
        """By a rescue that took a trade's place, or the trade that was faster; else by somebody else."""
        rival = self._book.blotter.rival(intent)
        other = None if rival is None else next(one for one in rival.steps if one.nonce == step.nonce)
        if rival is None or other is None or await self._receipt(other) is None:
            await self._usurped(intent, step)
        elif other.confirmed:
            message = msg("{id}: nonce {nonce} went to {other}.", id=intent.id, nonce=step.nonce, other=rival.id)
            await self._end(Act.YIELD, intent, message, Level.WARNING)

    async def _usurped(self, intent: Intent, step: Step) -> None:
        if not self._usurper.seen(self._ports.clock.now()):
            return
        self._usurper.dispelled()
        if self._ports.hands.used(step.nonce):
            message = msg(
                "{id} was not executed: its nonce {nonce} was used by hand, as announced.",
                id=intent.id,
                nonce=step.nonce,
            )
            await self._end(Act.USURP, intent, message, Level.ALERT)
            return
        message = msg(
            "Nonce {nonce} was consumed by a transaction that ultrad did not sign. Somebody else has the key.",
            nonce=step.nonce,
        )
        await self._ports.estop.trip(stop.trade_cause("intrusion", message, self._ports.clock.now()))
        await self._end(Act.USURP, intent, message, Level.EMERGENCY)

    async def _pending(self, intent: Intent, step: Step) -> None:
        now, newest = self._ports.clock.now(), step.newest
        rival = self._book.blotter.rival(intent)
        if self._settings.dry_run or (not intent.is_rescue and rival is not None and rival.is_flying):
            return  # of the two, a rescue is taking the place: whatever were sent now would be sent against that
        if intent.is_rescue and (self._ports.rescue is None or self._ports.gate.beside.shut_by(Passage.RESCUE)):
            return  # nothing more is signed or sent of it; the chain decides about what was
        if newest.purpose is Purpose.OWN:
            if self._sending.was_stopped_since(newest.signed):
                await self._cancel(intent, step)
                return
            if self._ports.gate.shut_by():
                return  # held for a while: nothing may be signed or sent
        stuck_ms = self._stuck_ms(intent)
        if now.steady_ms - max(self._sent_ms, newest.signed.steady_ms) < min(REPEAT_MS, stuck_ms):
            return
        if newest.purpose is Purpose.OWN and self._is_stale(intent, now):
            await self._cancel(intent, step)
        elif now.steady_ms - newest.signed.steady_ms >= stuck_ms:
            await self._raise_fee(intent, step)
        else:
            await self._send(newest, now)

    def _stuck_ms(self, intent: Intent) -> int:
        return min(RESCUE_STUCK_MS, self._settings.stuck_ms) if intent.is_rescue else self._settings.stuck_ms

    def _most_fee_wei(self, intent: Intent) -> int:
        """What a gas may cost at most, when it is raised."""
        if intent.is_rescue:
            return deeds.means(self._ports).limits.max_fee_wei
        return self._settings.limits.max_fee_wei

    def _is_stale(self, intent: Intent, now: Now) -> bool:
        """A trade that waits for its block, or was perhaps never sent, must not be made long after its signal."""
        return now.steady_ms - intent.signal.arrived.steady_ms > self._settings.limits.fresh_ms

    async def _cancel(self, intent: Intent, step: Step) -> None:
        """Take its place with a transfer of nothing; whichever is mined first consumes the nonce."""
        fees = await self._ports.ledger.fees()
        what = self._sending.cancellation(step.nonce, step.newest, fees)
        _, version = await self._sending.sign(intent, what, Purpose.CANCELLATION)
        await self._send(version, self._ports.clock.now())

    async def _raise_fee(self, intent: Intent, step: Step) -> None:
        """The very same at a higher fee, within the cap for what is of the strategy."""
        now, newest = self._ports.clock.now(), step.newest
        fees = await self._ports.ledger.fees()
        if newest.purpose is Purpose.CANCELLATION:
            if self._sending.cancels_dearly_enough(newest, fees):
                await self._send(newest, now)
                return
            what = self._sending.cancellation(step.nonce, newest, fees)
        else:
            most_wei = self._most_fee_wei(intent)
            what = self._sending.again(step, fees, most_wei)
            if what.max_fee_wei > most_wei or len(step.versions) > self._settings.raises:
                await self._send(newest, now)
                return
        try:
            _, version = await self._sending.sign(intent, what, newest.purpose)
        except GateShutError:
            return  # the next look cancels it
        await self._send(version, now)

    async def _send(self, version: Version, now: Now) -> None:
        self._sent_ms = now.steady_ms
        await self._sending.send(version)

    async def _end(self, act: Act, intent: Intent, message: Message, level: Level) -> None:
        event: Event = events.end_event(act, intent, message, self._ports.clock.now(), level)
        await self._book.record(event)


def _gap(position: str, intent: Intent, step: Step, nonces: Nonces) -> Finding:
    return Finding(
        code="nonce_gap",
        subject=position,
        level=Level.ALERT,
        origin=Origin.OUTSIDE,
        severity=Severity.S2,
        effect=Effect.NO_TRADE,
        message=msg(
            "{id}: its transaction has the nonce {nonce}, and the account's next one is {next}: an endpoint told "
            "another. No block can take it before those between are used. For each of them announce an act by "
            "hand (`ultrad expect --kind any`), and send a transfer of nothing to the account itself.",
            id=intent.id,
            nonce=step.nonce,
            next=nonces.latest,
        ),
    )
