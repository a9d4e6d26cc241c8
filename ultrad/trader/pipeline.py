"""The trader: takes intents through rules, OctoBot and Aave, one at a time, and settles what is in the air."""

import anyio

from ultrad.core import estop_rules as stop
from ultrad.core import intent_events as events
from ultrad.core.events import Finding, Level
from ultrad.core.intent_steps import Purpose
from ultrad.core.intents import Act, Blotter, Intent, Stage
from ultrad.core.revocations import is_revocation
from ultrad.core.signals import Action, Signal
from ultrad.core.trade_status import RescueStatus, TradeFigures, figures_of, pipeline_failing
from ultrad.core.trade_troubles import only_watched, unsettled
from ultrad.core.trade_words import not_taken_by_bot, unknown_to_bot
from ultrad.errors import Duplicate, Permanent, Transient
from ultrad.gate import STOPS, GateShutError, MaybeSentError
from ultrad.i18n import Message, msg
from ultrad.ports import Refused, Turned, Unreached
from ultrad.trade_ports import Call, Order, Unsigned
from ultrad.trader.book import TradeBook
from ultrad.trader.doubt import Doubt
from ultrad.trader.judging import Judge
from ultrad.trader.patience import Patience
from ultrad.trader.ports import TraderPorts, TradeSettings
from ultrad.trader.rescue import Rescuer
from ultrad.trader.revoking import Revoking
from ultrad.trader.sending import FOREIGN_MS, Sending, foreign_pending
from ultrad.trader.settling import Settling
from ultrad.units import Now

TICK_S = 1.0
AGAIN_MS = 15_000
"""How long what could not be read, or was not answered, is left alone."""
LOOK_AGAIN_MS = 3_000
"""The same for what is in the air: it may have to be cancelled, and must not bring a limited endpoint down."""


class Trader:
    """A part of the supervisor, and what Notion, HTTP and operators hand signals to."""

    def __init__(self, ports: TraderPorts, settings: TradeSettings, blotter: Blotter) -> None:
        """blotter: as the journal tells it."""
        self._ports, self._settings = ports, settings
        self._book = TradeBook(ports.journal, blotter)
        self._judge = Judge(ports, settings, blotter)
        self._sending = Sending(ports, settings, self._book)
        self._settling = Settling(ports, settings, self._book, self._sending)
        self._rescuer = (
            Rescuer(ports, settings, ports.rescue, self._book, self._sending, self._settling)
            if ports.rescue
            else None
        )
        self.revoking = (
            Revoking(ports, settings, ports.allowances, self._book, self._has_news) if ports.allowances else None
        )
        self._wake = anyio.Event()
        self._not_before_ms = 0
        self._look_not_before_ms = 0
        self._waiting_ms: dict[str, int] = {}
        self._watched: frozenset[str] = frozenset()
        self._foreigner = Doubt(FOREIGN_MS)
        self._patience = Patience()
        self._at = ""

    @property
    def blotter(self) -> Blotter:
        """Every intent that is open or still counts."""
        return self._book.blotter

    @property
    def signs(self) -> bool:
        """Whether there is a key."""
        return self._ports.signer is not None

    def day_limit_e8(self) -> int | None:
        """What trades may use within the window, by the funds as they were last read; None before that."""
        return self._judge.day_limit_e8(self._ports.clock.now())

    def used_e8(self) -> int:
        """What they did use."""
        return self.blotter.used_e8(self._ports.clock.now().steady_ms - self._settings.limits.window_ms)

    def rescue_status(self) -> RescueStatus | None:
        """Rescue as it stands; None where the operators have not enabled it."""
        return self._rescuer.status() if self._rescuer else None

    async def propose(self, signal: Signal) -> Intent:
        """Take a signal in, durably. Raises Duplicate for one that came before, Transient of the journal."""
        if (known := self.blotter.get(signal.key)) is not None:
            raise Duplicate(msg("The signal {id} came before ({stage}).", id=signal.key, stage=known.stage.value))
        intent = await self._book.record(events.proposed_event(signal))
        self._has_news()
        return intent

    def _has_news(self) -> None:
        self._wake.set()

    def figures(self) -> TradeFigures:
        """How trading went lately."""
        return figures_of(self.blotter, self._ports.clock.now())

    async def written(self, intent_id: str) -> None:
        """Its source was told what became of it."""
        intent = self.blotter.get(intent_id)
        if intent is not None and not intent.written:
            await self._book.record(events.written_event(intent, self._ports.clock.now()))

    async def run(self, turned: Turned) -> None:
        """Go on with whatever is open, for ever."""
        await self._after_a_crash()
        while True:
            with anyio.move_on_after(TICK_S):
                await self._wake.wait()
            self._wake = anyio.Event()
            await self.turn(turned)
            turned()

    async def turn(self, turned: Turned = lambda: None) -> None:
        """One look: settle what is in the air, else go on with the oldest that is open."""
        now = self._ports.clock.now()
        self._book.forget(now, self._settings.limits.window_ms)
        self._ports.conditions.observe("trade", self._findings(now), now)
        self._at = ""
        try:
            if await self._turn(now, turned):
                self._patience.went_on()
        except (Transient, Permanent) as error:
            # Whatever did not answer is told of by its own findings; nothing was decided, and it is tried again.
            after = self._ports.clock.now()
            self._not_before_ms = after.steady_ms + AGAIN_MS
            self._look_not_before_ms = after.steady_ms + LOOK_AGAIN_MS
            self._patience.failed(self._at, error.message, after)

    def _findings(self, now: Now) -> tuple[Finding, ...]:
        found = (
            pipeline_failing(self.figures()),
            self._settling.gap,
            unsettled(self.blotter, self._settings.position, now),
        )
        watched = self.blotter.flying() if self._settings.dry_run else ()
        return (
            *(one for one in found if one is not None),
            *(only_watched(one) for one in watched),
            *self._patience.findings(now),
        )

    async def _turn(self, now: Now, turned: Turned) -> bool:
        """Whether all there is to do was looked at; False where it is left alone for now."""
        if self._rescuer is not None and await self._rescuer.turn():
            return False
        await self._watch_for_madness(now)
        flying = self.blotter.flying()
        if flying:
            if now.steady_ms < self._look_not_before_ms:
                return False
            for intent in flying:
                self._at = intent.id
                await self._settling.look(intent)
            return True
        if now.steady_ms < self._not_before_ms:
            return False
        waiting = tuple(one for one in self.blotter.open() if not one.is_rescue)
        self._waiting_ms = {one.id: self._waiting_ms[one.id] for one in waiting if one.id in self._waiting_ms}
        for intent in waiting:
            if now.steady_ms < self._waiting_ms.get(intent.id, 0):
                continue  # and the others go on
            self._at = intent.id
            await self._go_on(intent)
            turned()
            if self.blotter.in_the_air() is not None:
                break
        return True

    async def _watch_for_madness(self, now: Now) -> None:
        """Once for each that came, at once: whatever else is under way."""
        waiting = self.blotter.open()
        for intent in waiting:
            if intent.stage is Stage.PROPOSED and intent.is_trade and intent.id not in self._watched:
                await self._judge.watch_for_madness(intent, self.blotter, now)
        self._watched = frozenset(one.id for one in waiting)

    async def _after_a_crash(self) -> None:
        """What was on its way to OctoBot may have arrived: it is never sent again."""
        for intent in self.blotter.open():
            if intent.stage is Stage.BOT_SENDING:
                await self._bot_failed(intent, unknown_to_bot(intent))
            elif intent.is_rescue and self._rescuer is None and not intent.is_flying:
                await self._fail(intent, msg("rescues are not enabled any more"))

    # -------------------------------------------------------- one intent

    async def _go_on(self, intent: Intent) -> None:
        if is_revocation(intent):
            await self._revoke(intent)
            return
        match intent.stage:
            case Stage.PROPOSED | Stage.ADMITTED:
                if self._judge.may_wait(intent, self._ports.clock.now()):
                    return
                admitted = await self._decide(intent)
                if admitted is not None:
                    await self._both_legs(admitted)
            case Stage.BOT_ACCEPTED:
                await self._next_step(intent, judged=False)
            case Stage.UNDER_WAY:
                # Its last nonce is consumed. What that means may not be in the journal yet: the chain could not be
                # read, or the process ended. Only what is not over goes on to its next transaction.
                if not await self._settling.conclude(intent):
                    await self._next_step(intent)
            case Stage.BOT_SENDING:  # what became of it could not be recorded, and nobody else is at it
                await self._bot_failed(intent, unknown_to_bot(intent, msg("its answer could not be recorded")))
            case _:
                return

    async def _revoke(self, intent: Intent) -> None:
        """Its one transaction, once nothing may be using what it takes back."""
        intent = self.blotter.get(intent.id) or intent  # it may have been admitted since this turn began
        if self.revoking is not None and self.revoking.must_wait(intent):
            return
        if self.revoking is None or not intent.spender:
            await self._fail(intent, msg("what it revokes was not recorded"))
        elif not (intent.steps and await self._settling.conclude(intent)):
            await self._next_step(intent)

    async def _decide(self, intent: Intent) -> Intent | None:
        """Ask every rule; the admitted intent, or None."""
        now = self._ports.clock.now()
        if intent.signal.action is Action.HOLD:
            await self._book.record(events.held_event(intent, now))
            return None
        before = self._judge.before_reading(intent, self.blotter, now)
        if any(one.rule in {"estop", "stale", "from_the_future"} for one in before):
            await self._book.record(events.refused_event(intent, before, now))
            return None
        found = await self._judge.with_figures(intent, self.blotter, before, now)
        now = self._ports.clock.now()
        if found.refusals or found.size is None:
            await self._book.record(events.refused_event(intent, found.refusals, now))
            return None
        size = found.size
        return await self._book.record(
            events.admitted_event(intent, size.amount, size.value_e8, found.figures(), now)
        )

    async def _both_legs(self, intent: Intent) -> None:
        """OctoBot first, where there is one; Aave only after it has accepted."""
        if self._ports.bot is not None and not self._settings.dry_run:
            accepted = await self._to_bot(intent)
            if accepted is None:
                return
            intent = accepted
        await self._next_step(intent)

    # -------------------------------------------------------- OctoBot

    async def _to_bot(self, intent: Intent) -> Intent | None:
        """Hand it over once. It is in the journal before: after a crash in between nobody sends it again."""
        bot = self._ports.bot
        if bot is None:
            raise AssertionError("no bot to send to")
        self._ports.gate.check()
        intent = await self._book.record(events.bot_event(Act.BOT_SEND, intent, self._ports.clock.now()))
        order = Order(intent.signal.action, intent.id)
        failure: Message = msg("OctoBot gave no answer in {seconds} s", seconds=round(self._settings.send_s))
        known = accepted = False
        with anyio.move_on_after(self._settings.send_s):
            try:
                await self._ports.gate.send(lambda: bot.send(order))
            except GateShutError as error:
                failure, known = error.message, True
            except (Refused, Unreached) as error:
                failure, known = error.message, True
            except (MaybeSentError, Transient) as error:
                failure = error.message
            else:
                accepted = True
        if accepted:  # recorded outside the time that OctoBot has: a slow disk is not its fault
            return await self._book.record(events.bot_event(Act.BOT_ACCEPT, intent, self._ports.clock.now()))
        told = not_taken_by_bot(intent, failure) if known else unknown_to_bot(intent, failure)
        await self._bot_failed(intent, told, known=known)
        return None

    async def _bot_failed(self, intent: Intent, message: Message, *, known: bool = False) -> None:
        now = self._ports.clock.now()
        await self._book.record(events.bot_failed_event(intent, message, now, known=known))

    # -------------------------------------------------------- Aave

    async def _next_step(self, intent: Intent, *, judged: bool = True) -> None:
        """Simulate, sign, record and send the next transaction of an intent with nothing in the air.

        judged: whether the rules were asked this moment, and not when OctoBot took it, minutes ago perhaps.
        """
        now = self._ports.clock.now()
        why = self._too_late(intent, now)
        if why is None and self._must_wait(intent):
            return  # it passes by itself, as after each start
        if why is None and not judged:
            why = await self._judge.no_longer_fits(intent)
        if why is not None:
            await self._fail(intent, why)
            return
        call = await self._next_call(intent)
        simulated = await self._ports.market.simulate(call)
        if simulated.gas is None:
            await self._fail(intent, simulated.error or msg("its simulation failed"))
            return
        fees = await self._ports.ledger.fees()
        if self._sending.is_dear(fees, self._settings.limits):
            self._waiting_ms[intent.id] = now.steady_ms + self._settings.limits.gas_wait_ms
            return
        nonces = await self._ports.ledger.nonces()
        self._book.expect_due(nonces)
        if nonces.pending != nonces.latest:
            self._waiting_ms[intent.id] = now.steady_ms + AGAIN_MS
            await self._foreign_pending(nonces.pending, now)
            return
        self._foreigner.dispelled()
        what = Unsigned(
            chain_id=self._settings.chain_id,
            nonce=nonces.latest,
            call=call,
            gas=simulated.gas * (100 + self._settings.gas_margin_pct) // 100,
            max_fee_wei=min(self._sending.max_fee_wei(fees), self._settings.limits.max_fee_wei),
            tip_wei=fees.tip_wei,
        )
        await self._sign_and_send(intent, what)

    async def _sign_and_send(self, intent: Intent, what: Unsigned) -> None:
        if self._settings.dry_run:
            await self._rehearse(intent, what)
            return
        try:
            intent, version = await self._sending.sign(intent, what, Purpose.OWN)
        except GateShutError as error:
            if error.reason in STOPS:
                await self._fail(intent, error.message)
            return
        await self._sending.send(version)

    async def _rehearse(self, intent: Intent, what: Unsigned) -> None:
        """A dry run: signed where there is a key, and thrown away."""
        self._ports.gate.check()
        if self._ports.signer is not None:
            await self._ports.signer.sign(what)
        message = msg(
            "Dry run: {action} of {amount} would have been sent ({about}, gas {gas}, nonce {nonce}).",
            action=intent.signal.action.value,
            amount=str(intent.amount),
            about=what.call.about,
            gas=what.gas,
            nonce=what.nonce,
        )
        await self._book.record(events.end_event(Act.REHEARSE, intent, message, self._ports.clock.now()))

    async def _next_call(self, intent: Intent) -> Call:
        """The transaction that comes next, by what is allowed and done already."""
        if self.revoking is not None and intent.spender:
            return self.revoking.call_of(intent)
        market, amount = self._ports.market, intent.amount
        if intent.signal.action is Action.SELL:
            return market.withdraw(amount)
        last = intent.steps[-1].mined if intent.steps else None
        allowance = (await (self._settling.quote_after(last) if last else market.quote())).allowance
        if allowance == amount or (self._settings.dry_run and allowance >= amount):
            return market.supply(amount)
        # Tokens like USDT refuse to change an allowance that is not zero.
        return market.approve(0 if allowance > 0 else amount)

    def _must_wait(self, intent: Intent) -> bool:
        """A hold, or of a trade that was begun (all else was asked this moment) what keeps trades off."""
        begun = intent.is_trade and intent.stage is not Stage.ADMITTED
        return self._ports.gate.is_held() or (begun and self._judge.keeps_off())

    def _too_late(self, intent: Intent, now: Now) -> Message | None:
        """Why it must not go on: time has passed since it was judged, or nothing may be sent any more."""
        shut = self._ports.gate.shut_by()
        if not STOPS.isdisjoint(shut):
            return msg("the gate is shut ({reasons})", reasons=", ".join(shut))
        waited_ms = now.steady_ms - intent.signal.arrived.steady_ms
        if waited_ms > self._settings.limits.fresh_ms:
            return msg("it grew too old while it waited ({seconds} s)", seconds=waited_ms // 1_000)
        if self._settings.dry_run and intent.stage is not Stage.ADMITTED:
            return msg("trade.dry_run was switched on while it was under way")
        return None

    async def _foreign_pending(self, pending: int, now: Now) -> None:
        if self._ports.hands.is_expected(now):
            self._foreigner.dispelled()  # its history tells whether it was what somebody announced
            return
        if not self._foreigner.seen(now):
            return
        self._foreigner.dispelled()
        cause = stop.trade_cause("intrusion", foreign_pending(pending), self._ports.clock.now())
        await self._ports.estop.trip(cause)

    async def _fail(self, intent: Intent, why: Message) -> None:
        message = msg("{id} was not executed: {why}", id=intent.id, why=why)
        await self._book.record(events.end_event(Act.FAIL, intent, message, self._ports.clock.now(), Level.ALERT))
