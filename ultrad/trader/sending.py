"""Signing and sending: sign → journal, durable → gate → one transport call."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from enum import Enum

import anyio

from ultrad.core import estop_rules as stop
from ultrad.core import intent_events as events
from ultrad.core.estop import Mode
from ultrad.core.events import Severity
from ultrad.core.intent_steps import Purpose, Step, Version
from ultrad.core.intents import Intent
from ultrad.core.trade_limits import TradeLimits
from ultrad.errors import Transient
from ultrad.gate import GateShutError, MaybeSentError, Passage
from ultrad.i18n import Message, msg
from ultrad.trade_ports import Call, Fees, GasError, Signer, Unsigned
from ultrad.trader.book import TradeBook
from ultrad.trader.ports import TraderPorts, TradeSettings
from ultrad.units import Address, Now

TRANSFER_GAS = 21_000
"""What a transfer without data costs (yellow paper, G_transaction); a cancellation is one to oneself."""
BUMP_PCT = 13
"""Nodes replace a pending transaction for 10 % (geth, `--txpool.pricebump`) to 12.5 % more in both fees."""
BASE_FEE_ROOM = 2
"""Times the next base fee: six full blocks in a row raise it by so much (EIP-1559: 12.5 % a block)."""
CANCEL_TIMES = 10
"""A cancellation waits for no gas price, but offers at most so many times a trade's: fees are what nodes say."""

FOREIGN_MS = 60_000
"""How long something of others must look pending before it counts: nodes that lag or lie show that for a while.
Nothing is signed meanwhile, and what they have mined is found at the next head (`ultrad.watchdog.account`)."""


class Outcome(Enum):
    """How one transport call went, as far as anybody can say."""

    SENT = "sent"
    MAYBE = "maybe"
    GAS = "gas"
    NOT_SENT = "not_sent"


class Sending:
    """The one place that signs and sends."""

    def __init__(self, ports: TraderPorts, settings: TradeSettings, book: TradeBook) -> None:
        self._ports, self._settings, self._book = ports, settings, book
        self._gas_errors = 0

    def max_fee_wei(self, fees: Fees) -> int:
        """The most that a gas may cost, so that the transaction stays good for some blocks."""
        return BASE_FEE_ROOM * fees.base_wei + fees.tip_wei

    def is_dear(self, fees: Fees, limits: TradeLimits) -> bool:
        """Whether gas costs more than is allowed now."""
        return fees.base_wei + fees.tip_wei > limits.max_fee_wei

    async def sign(self, intent: Intent, what: Unsigned, purpose: Purpose) -> tuple[Intent, Version]:
        """Sign and put it into the journal, raw bytes and all.

        Raises GateShutError where it may not be signed (nothing is recorded then), Transient or Permanent from the
        signer or the journal.
        """
        began = self._ports.clock.now()
        self._check(purpose)
        signed = await self._signer().sign(what)
        self._check(purpose)  # a stop during the signature: the bytes are forgotten, the nonce stays free
        if purpose is Purpose.OWN:
            self.must_not_be_stopped_since(began)
        version = Version(
            hash=signed.hash,
            raw=signed.raw.hex(),
            purpose=purpose,
            max_fee_wei=what.max_fee_wei,
            tip_wei=what.tip_wei,
            signed=self._ports.clock.now(),
        )
        recorded = await self._book.record(events.signed_event(intent, what.call.about, what.nonce, version))
        return recorded, version

    async def send(self, version: Version) -> Outcome:
        """One transport call. What is of the strategy passes the gate at each try, all else the door beside it.

        A dry run sends nothing, also of what was in the air before it.
        """
        if self._settings.dry_run:
            return Outcome.NOT_SENT
        outcome = await self._send(version)
        if version.purpose is Purpose.OWN:
            await self._count_gas_errors(outcome)
        return outcome

    async def _send(self, version: Version) -> Outcome:
        async def call() -> None:
            await self._ports.ledger.send(bytes.fromhex(version.raw))

        outcome = Outcome.MAYBE
        with anyio.move_on_after(self._settings.send_s):
            try:
                if version.purpose is Purpose.OWN:
                    self.must_not_be_stopped_since(version.signed)
                await self._through(version.purpose, call)
            except GateShutError:
                return Outcome.NOT_SENT
            except MaybeSentError:
                return Outcome.MAYBE
            except GasError:
                return Outcome.GAS
            except Transient:
                return Outcome.MAYBE
            else:
                outcome = Outcome.SENT
        return outcome

    def was_stopped_since(self, then: Now) -> bool:
        """Whether a stop came after it, also one that was lifted meanwhile."""
        state = self._ports.estop.state
        changed = state.since is not None and state.since.steady_ms > then.steady_ms
        return state.mode is Mode.ON or changed

    def must_not_be_stopped_since(self, then: Now) -> None:
        """Raise GateShutError where it was: whoever lifts a stop does not let go on what it stopped."""
        if self.was_stopped_since(then):
            raise GateShutError("estop")

    def _check(self, purpose: Purpose) -> None:
        if purpose is Purpose.OWN:
            self._ports.gate.check()
        else:
            self._ports.gate.beside.check(Passage(purpose.value))

    async def _through(self, purpose: Purpose, call: Callable[[], Awaitable[None]]) -> None:
        gate = self._ports.gate
        if purpose is Purpose.OWN:
            await gate.send(call)
        else:
            await gate.beside.send(Passage(purpose.value), call)

    async def _count_gas_errors(self, outcome: Outcome) -> None:
        """At each try of each version: the same one is tried again and again. Only what was taken ends a row."""
        if outcome is Outcome.SENT:
            self._gas_errors = 0
        self._gas_errors += outcome is Outcome.GAS
        if self._gas_errors < self._settings.limits.gas_errors:
            return
        message = msg(
            "{count} transactions in a row were not taken for their gas: look at the account's coins and at "
            "the fees.",
            count=self._gas_errors,
        )
        self._gas_errors = 0
        cause = stop.trade_cause("gas_errors", message, self._ports.clock.now(), Severity.S2)
        await self._ports.estop.trip(cause)

    def cancellation(self, nonce: int, replaced: Version, fees: Fees) -> Unsigned:
        """A transfer of nothing to ourselves with the same nonce and higher fees."""
        call, (offered_wei, tip_wei) = Call("cancel", self.address, b""), self._cancelling_fees(fees)
        plain = Unsigned(
            chain_id=self._settings.chain_id,
            nonce=nonce,
            call=call,
            gas=TRANSFER_GAS,
            max_fee_wei=offered_wei,
            tip_wei=tip_wei,
        )
        return self.outbid(plain, replaced)

    def again(self, step: Step, fees: Fees, most_wei: int) -> Unsigned:
        """The very transaction that was signed last, with fees that nodes take in its place and that suit now."""
        before = self._signer().opened(bytes.fromhex(step.newest.raw))
        suits_wei = min(self.max_fee_wei(fees), most_wei)
        what = replace(
            before,
            call=replace(before.call, about=step.about),
            max_fee_wei=max(before.max_fee_wei, suits_wei),
            tip_wei=min(fees.tip_wei, suits_wei),
        )
        return self.outbid(what, step.newest)

    def call_of(self, version: Version) -> Call | None:
        """What it does, by its own bytes; None where there is no key that could open them."""
        signer = self._ports.signer
        return None if signer is None else signer.opened(bytes.fromhex(version.raw)).call

    def cancels_dearly_enough(self, version: Version, fees: Fees) -> bool:
        """Whether it offers what may be offered: then it is not by a higher fee that it comes into a block."""
        offered_wei, tip_wei = self._cancelling_fees(fees)
        return version.max_fee_wei >= offered_wei and version.tip_wei >= tip_wei

    def _cancelling_fees(self, fees: Fees) -> tuple[int, int]:
        most_wei = self._settings.limits.max_fee_wei
        return min(self.max_fee_wei(fees), CANCEL_TIMES * most_wei), min(fees.tip_wei, most_wei)

    def outbid(self, what: Unsigned, replaced: Version) -> Unsigned:
        """With fees that make nodes take it in place of `replaced`."""
        return replace(
            what,
            max_fee_wei=max(what.max_fee_wei, _bumped(replaced.max_fee_wei)),
            tip_wei=max(what.tip_wei, _bumped(replaced.tip_wei)),
        )

    @property
    def address(self) -> Address:
        """The account that signs."""
        return self._signer().address

    def _signer(self) -> Signer:
        if self._ports.signer is None:
            raise Transient(msg("There is no key to sign with."))
        return self._ports.signer


def foreign_pending(pending: int) -> Message:
    """What is pending of this account, and is none of ours."""
    return msg(
        "A transaction of this account is pending that ultrad did not send (pending count {count}). Somebody "
        "else may have the key.",
        count=pending,
    )


def _bumped(wei: int) -> int:
    return -(-wei * (100 + BUMP_PCT) // 100)
