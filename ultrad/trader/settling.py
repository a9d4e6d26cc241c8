"""What becomes of a transaction in the air: the chain decides, at the confirmed depth, and is asked till then."""

from ultrad.core import estop_rules as stop
from ultrad.core import intent_events as events
from ultrad.core.estop import Mode
from ultrad.core.events import Event, Level
from ultrad.core.intent_steps import Mined, Purpose, Step, Version
from ultrad.core.intents import Act, Intent
from ultrad.core.signals import Action
from ultrad.errors import Permanent
from ultrad.gate import GateShutError, Passage
from ultrad.i18n import Message, msg
from ultrad.trade_ports import Fees, Receipt, Unsigned
from ultrad.trader import deeds
from ultrad.trader.book import TradeBook
from ultrad.trader.ports import TraderPorts, TradeSettings
from ultrad.trader.sending import Sending
from ultrad.units import ALL_BPS, Now, hf_text

REPEAT_MS = 30_000
"""How often the same bytes are handed to the node again while nobody has mined them: nodes forget."""
RESCUE_STUCK_MS = 24_000
"""A rescue that two blocks of Ethereum have passed by offers more: time is what it has not."""


class Settling:
    """Looks after the one intent whose nonce is not consumed for good."""

    def __init__(self, ports: TraderPorts, settings: TradeSettings, book: TradeBook, sending: Sending) -> None:
        self._ports, self._settings = ports, settings
        self._book, self._sending = book, sending
        self._sent_ms = 0

    async def look(self, intent: Intent) -> None:
        """Ask the chain once, and do what follows."""
        step = intent.in_the_air
        if step is None:
            raise AssertionError("nothing in the air")
        receipt = await self._receipt(step)
        consumed = receipt is None and (await self._ports.ledger.nonces()).confirmed > step.nonce
        if consumed:  # perhaps by our own, mined between the two questions
            receipt = await self._receipt(step)
        if receipt is not None:
            await self._mined(intent, step, receipt)
        elif step.mined is not None:
            await self._book.record(events.unmined_event(intent, self._ports.clock.now()))
        elif consumed:
            await self._consumed_elsewhere(intent, step)
        else:
            await self._pending(intent, step)

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
        else:
            return False
        return True

    async def _reverted(self, intent: Intent, step: Step, mined: Mined) -> None:
        if intent.is_rescue and self._ports.rescue is None:
            message = msg("{id} failed on chain ({hash}).", id=intent.id, hash=mined.hash)
            await self._end(Act.FAIL, intent, message, Level.ALERT)
            return
        call = deeds.call_of(self._ports, intent, step.about)
        reason = await self._ports.ledger.revert_reason(call, mined.block)
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
        off = await self._how_far_off(intent)
        message = msg(
            "{id} executed: {action} of {amount} smallest units ({hash}).",
            id=intent.id,
            action=intent.signal.action.value,
            amount=str(intent.amount),
            hash=mined.hash,
        )
        if off is not None:  # before its end is recorded: nobody would look again after a crash in between
            await self._ports.estop.trip(stop.trade_cause("outcome_off", off, self._ports.clock.now()))
        await self._end(Act.SETTLE, intent, message, Level.INFO)

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

    async def _how_far_off(self, intent: Intent) -> Message | None:
        """What is missing of the outcome. More than was wanted is interest, or somebody else's gift: no harm."""
        moved = (await self._ports.market.quote()).room.supplied - intent.supplied_before
        wanted = intent.amount if intent.signal.action is Action.BUY else -intent.amount
        if (wanted - moved) * ALL_BPS <= intent.amount * self._settings.limits.tolerance_bps:
            return None
        return msg(
            "{id}: the supply moved by {moved}, not by {wanted} (smallest units). Find out what else moved it.",
            id=intent.id,
            moved=str(moved),
            wanted=str(wanted),
        )

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
        message = msg(
            "Nonce {nonce} was consumed by a transaction that ultrad did not sign. Somebody else has the key.",
            nonce=step.nonce,
        )
        await self._ports.estop.trip(stop.trade_cause("intrusion", message, self._ports.clock.now()))
        await self._end(Act.USURP, intent, message, Level.EMERGENCY)

    async def _pending(self, intent: Intent, step: Step) -> None:
        now, newest = self._ports.clock.now(), step.newest
        stopped = self._ports.estop.state.mode is Mode.ON
        rival = self._book.blotter.rival(intent)
        if not intent.is_rescue and rival is not None and rival.is_flying:
            return  # a rescue is taking its place: whatever were sent now would be sent against that
        if intent.is_rescue and (self._ports.rescue is None or self._ports.gate.beside.shut_by(Passage.RESCUE)):
            return  # nothing more is signed or sent of it; the chain decides about what was
        if stopped and newest.purpose is Purpose.OWN:
            await self._cancel(intent, step)
        elif now.steady_ms - newest.signed.steady_ms >= self._stuck_ms(intent):
            await self._raise_fee(intent, step)
        elif now.steady_ms - max(self._sent_ms, newest.signed.steady_ms) >= REPEAT_MS:
            await self._send(newest, now)

    def _stuck_ms(self, intent: Intent) -> int:
        return min(RESCUE_STUCK_MS, self._settings.stuck_ms) if intent.is_rescue else self._settings.stuck_ms

    def _most_fee_wei(self, intent: Intent) -> int:
        """What a gas may cost at most, when it is raised."""
        if intent.is_rescue:
            return deeds.means(self._ports).limits.max_fee_wei
        return 2 * self._settings.limits.max_fee_wei

    async def _cancel(self, intent: Intent, step: Step) -> None:
        """Take its place with a transfer of nothing; whichever is mined first consumes the nonce."""
        fees = await self._ports.ledger.fees()
        what = self._sending.cancellation(step.nonce, step.newest, fees)
        _, version = await self._sending.sign(intent, what, Purpose.CANCELLATION)
        await self._send(version, self._ports.clock.now())

    async def _raise_fee(self, intent: Intent, step: Step) -> None:
        """The same again at a higher fee, within the cap for what is of the strategy."""
        now, newest = self._ports.clock.now(), step.newest
        fees = await self._ports.ledger.fees()
        if newest.purpose is Purpose.CANCELLATION:
            what = self._sending.cancellation(step.nonce, newest, fees)
        else:
            what = self._sending.outbid(await self._same_again(intent, step, fees), newest)
            too_dear = what.max_fee_wei > self._most_fee_wei(intent)
            if too_dear or len(step.versions) > self._settings.raises:
                await self._send(newest, now)
                return
        try:
            _, version = await self._sending.sign(intent, what, newest.purpose)
        except GateShutError:
            return  # the next look cancels it
        await self._send(version, now)

    async def _same_again(self, intent: Intent, step: Step, fees: Fees) -> Unsigned:
        call = deeds.call_of(self._ports, intent, step.about)
        simulated = await self._ports.market.simulate(call)
        if simulated.gas is None:
            raise Permanent(simulated.error or msg("its simulation failed"))
        return Unsigned(
            chain_id=self._settings.chain_id,
            nonce=step.nonce,
            call=call,
            gas=simulated.gas * (100 + self._settings.gas_margin_pct) // 100,
            max_fee_wei=self._fee_again_wei(intent, step, fees),
            tip_wei=fees.tip_wei,
        )

    def _fee_again_wei(self, intent: Intent, step: Step, fees: Fees) -> int:
        """What is outbid: for a rescue at once what blocks cost by now, up to its cap."""
        if not intent.is_rescue:
            return step.newest.max_fee_wei
        return max(step.newest.max_fee_wei, min(self._most_fee_wei(intent), self._sending.max_fee_wei(fees)))

    async def _send(self, version: Version, now: Now) -> None:
        self._sent_ms = now.steady_ms
        await self._sending.send(version)

    async def _end(self, act: Act, intent: Intent, message: Message, level: Level) -> None:
        event: Event = events.end_event(act, intent, message, self._ports.clock.now(), level)
        await self._book.record(event)
