"""Rescue: lowers the risk of a position near its liquidation, where the operators enabled it; the stop may be ON.

It begins from a reading that the watch had confirmed, and from nothing else. One step at a time; each goes through
the journal as a trade does, and settles at depth before the next is planned. It passes beside the gate, by the
door that `ultrad.gate` shows. A trade's transaction that is still pending gives way to it: the same nonce, a
higher fee.
"""

from dataclasses import replace

from ultrad.core import estop_rules as stop
from ultrad.core import intent_events as events
from ultrad.core import rescue
from ultrad.core import rescue_events as told
from ultrad.core.events import Finding, Json, Level
from ultrad.core.intent_steps import Purpose, Step
from ultrad.core.intents import Act, Intent, Stage
from ultrad.core.limits import HOUR_MS
from ultrad.core.rescue import DAY_MS, FROM_WALLET, Measure, Obstacle, Plan, Used
from ultrad.core.trade_status import RescueStatus
from ultrad.errors import Permanent, Transient
from ultrad.gate import Passage
from ultrad.i18n import Message, msg
from ultrad.trade_ports import Call, PatientAt, Simulated, Unsigned
from ultrad.trader.book import TradeBook
from ultrad.trader.doubt import Doubt
from ultrad.trader.ports import RescueMeans, TraderPorts, TradeSettings
from ultrad.trader.sending import FOREIGN_MS, Outcome, Sending, foreign_pending
from ultrad.trader.settling import Settling
from ultrad.units import Address, Now, Wad

AGAIN_MS = 3_000
"""How long what stood against it is left alone: a quarter of a block of Ethereum."""
TIPS = 2
"""Times the usual tip: it may outbid."""
QUIET = frozenset({"not_needed"})
"""What is no obstacle: there is nothing to do any more."""


class Rescuer:
    """A part of the trader: it has the first word at each turn."""

    def __init__(
        self,
        ports: TraderPorts,
        settings: TradeSettings,
        means: RescueMeans,
        book: TradeBook,
        sending: Sending,
        settling: Settling,
    ) -> None:
        """means: the ports' own, which are there."""
        self._ports, self._settings, self._means = ports, settings, means
        self._book, self._sending, self._settling = book, sending, settling
        self._obstacles: tuple[Obstacle, ...] = ()
        self._not_before_ms = 0
        self._foreigner = Doubt(FOREIGN_MS)

    async def turn(self) -> bool:
        """One look. Whether it has done something, so that all else waits for the next turn."""
        now = self._ports.clock.now()
        acted = False
        if now.steady_ms >= self._not_before_ms:
            self._obstacles = ()
            try:
                acted = await self._turn(now)
            except (Transient, Permanent) as error:
                self._obstacles = (Obstacle("failed", error.message),)
            if self._obstacles:
                self._not_before_ms = now.steady_ms + AGAIN_MS
        self._ports.conditions.observe(told.SOURCE, self._findings(), now)
        return acted

    def status(self) -> RescueStatus:
        """Rescue as it stands."""
        used, limits = self._used(self._ports.clock.now()), self._means.limits
        return RescueStatus(
            rescue_hf=limits.rescue_hf,
            target_hf=limits.target_hf,
            is_low=self._means.distress.is_low is True,
            hour_used_e8=used.hour_e8,
            hour_limit_e8=limits.hour_e8,
            day_used_e8=used.day_e8,
            day_limit_e8=limits.day_e8,
            obstacles=tuple(one.message for one in self._obstacles),
        )

    def _findings(self) -> tuple[Finding, ...]:
        distress = self._means.distress
        found = [told.step_under_way(one) for one in self._book.blotter.open() if one.is_rescue and one.measure]
        if not distress.is_low:
            return tuple(found)
        if self._obstacles:
            return (*found, told.impossible(distress.position, self._obstacles))
        alarm = distress.alarm(self._ports.clock.now())
        hf = alarm.reading.health_factor if alarm else None
        return (*found, told.begun(distress.position, hf, distress.rescue_hf))

    # -------------------------------------------------------- one look

    async def _turn(self, now: Now) -> bool:
        mine = next((one for one in self._book.blotter.open() if one.is_rescue), None)
        if mine is not None and (mine.is_flying or await self._ended(mine)):
            return False
        if not self._means.distress.is_low:
            return False
        if (against := self._against(now)) is not None:
            self._obstacles = (against,)
            return False
        alarm, taken = self._means.distress.alarm(now), self._taken()
        if alarm is None or (taken is not None and taken.mined is not None):
            return False  # what is mined already settles by itself; its nonce cannot be had any more
        found = await self._means.market.patient()
        if found.block.number < alarm.reading.block.number:
            return False
        return await self._plan(mine, found, taken, now)

    async def _ended(self, mine: Intent) -> bool:
        """Whether a step with nothing in the air is over: done, not needed any more, or never decided on."""
        if mine.steps and await self._settling.conclude(mine):
            return True
        if mine.stage is Stage.PROPOSED:
            await self._give_up(mine, msg("the daemon ended in between"))
        elif self._means.distress.is_low is False:
            await self._give_up(mine, msg("it is not needed any more"))
        else:
            return False
        return True

    def _taken(self) -> Step | None:
        """The nonce of a trade that is in the air, if any: its place is taken."""
        flying = self._book.blotter.in_the_air()
        return None if flying is None else flying.in_the_air

    def _against(self, now: Now) -> Obstacle | None:
        """What stands against any rescue, whatever the account holds."""
        if shut := self._ports.gate.beside.shut_by(Passage.RESCUE):
            return Obstacle("forbidden", msg("it is forbidden while this stands: {codes}", codes=", ".join(shut)))
        if self._ports.signer is None:
            return Obstacle("no_key", msg("there is no key to sign with"))
        if self._settings.dry_run:
            return Obstacle("dry_run", msg("trade.dry_run is set: nothing is sent"))
        distress = self._means.distress
        if distress.unconfirmed and distress.alarm(now) is None:
            return Obstacle("unconfirmed", msg("only one endpoint says so, and no other has confirmed it"))
        return None

    async def _plan(self, mine: Intent | None, found: PatientAt, taken: Step | None, now: Now) -> bool:
        """Decide on the next step, or go on with the one that has its approval."""
        patient = found.patient
        if mine is None:
            planned = rescue.plan(patient, self._means.limits, self._used(now))
        else:
            one = rescue.again(patient, Measure(mine.measure), Address(mine.asset), mine.amount)
            planned = one if isinstance(one, Plan) else (one,)
        if not isinstance(planned, Plan):
            self._obstacles = tuple(one for one in planned if one.rule not in QUIET)
            if mine is not None:
                await self._give_up(mine, planned[0].message)
            return False
        call, simulated = await self._next_call(planned, found)
        if simulated.gas is None:
            raise Permanent(simulated.error or msg("its simulation failed"))
        hf_after = await self._health_after(planned, call)
        if hf_after is None or hf_after <= patient.health_factor:
            self._obstacles = (Obstacle("hf_unknown", msg("nobody can show that it raises the health factor")),)
            return False
        what = await self._unsigned(call, simulated.gas, taken)
        if what is None:
            return False
        if mine is None:
            mine = await self._begin(planned, found, hf_after, now)
        await self._sign_and_send(mine, what)
        return True

    def _used(self, now: Now) -> Used:
        blotter = self._book.blotter
        return Used(
            hour_e8=blotter.used_e8(now.steady_ms - HOUR_MS, rescue=True),
            day_e8=blotter.used_e8(now.steady_ms - DAY_MS, rescue=True),
        )

    # -------------------------------------------------------- what is done

    async def _next_call(self, plan: Plan, found: PatientAt) -> tuple[Call, Simulated]:
        """The transaction that comes next, and what `eth_call` says of just its calldata."""
        market = self._means.market
        allowance = rescue.means_of(found.patient, plan.asset).allowance
        if plan.measure not in FROM_WALLET or allowance >= plan.amount:
            call = market.act(plan.measure, plan.asset, plan.amount)
            return call, await market.simulate(call)
        call = market.approve(plan.asset, plan.amount)
        simulated = await market.simulate(call)
        if simulated.gas is None and allowance > 0:  # USDT refuses to change an allowance that is not zero
            call = market.approve(plan.asset, 0)
            simulated = await market.simulate(call)
        return call, simulated

    async def _health_after(self, plan: Plan, call: Call) -> Wad | None:
        """By the pool's arithmetic where it is known, else run by a node; None where neither can say."""
        if plan.hf_after is not None:
            return plan.hf_after
        if call.about == plan.measure.value:
            return await self._means.market.health_after((call,))
        market = self._means.market
        allowed = (market.approve(plan.asset, plan.amount), market.act(plan.measure, plan.asset, plan.amount))
        return await market.health_after(allowed)

    async def _unsigned(self, call: Call, gas: int, taken: Step | None) -> Unsigned | None:
        """With a fee of its own; None where the nonce cannot be had, or only beyond the cap."""
        fees, nonces = await self._ports.ledger.fees(), await self._ports.ledger.nonces()
        if taken is None:
            self._book.expect_due(nonces)
        nonce = nonces.latest if taken is None else taken.nonce
        if nonces.latest != nonce:
            return None  # it was mined a moment ago: it settles first
        if nonces.pending > nonce + (taken is not None):
            await self._foreign_pending(foreign_pending(nonces.pending))
            return None
        self._foreigner.dispelled()
        cap_wei = self._means.limits.max_fee_wei
        hurried = replace(fees, tip_wei=min(cap_wei, fees.tip_wei * TIPS))
        what = Unsigned(
            chain_id=self._settings.chain_id,
            nonce=nonce,
            call=call,
            gas=gas * (100 + self._settings.gas_margin_pct) // 100,
            max_fee_wei=min(cap_wei, self._sending.max_fee_wei(hurried)),
            tip_wei=hurried.tip_wei,
        )
        if taken is not None:
            what = self._sending.outbid(what, taken.newest)
        if what.max_fee_wei > cap_wei:
            self._obstacles = (Obstacle("fee_cap", msg("it would have to offer more than rescue.max_fee_gwei")),)
            return None
        return what

    async def _foreign_pending(self, message: Message) -> None:
        """Nothing is signed beside it. A stop for it forbids rescues: it takes more than a moment."""
        now = self._ports.clock.now()
        self._obstacles = (Obstacle("foreign_pending", message),)
        if self._ports.hands.is_expected(now):
            self._foreigner.dispelled()
        elif self._foreigner.seen(now):
            self._foreigner.dispelled()
            await self._ports.estop.trip(stop.trade_cause("intrusion", message, now))

    async def _begin(self, plan: Plan, found: PatientAt, hf_after: Wad, now: Now) -> Intent:
        patient = found.patient
        signal = told.rescue_signal(self._means.distress.position, now)
        intent = await self._book.record(told.rescue_proposed(signal, patient.health_factor, found.block))
        figures: dict[str, Json] = {
            "block": found.block.number,
            "block_hash": found.block.hash,
            "endpoint": found.endpoint,
            "hf": str(patient.health_factor),
        }
        return await self._book.record(told.rescue_admitted(intent, plan, figures, hf_after, now))

    async def _sign_and_send(self, intent: Intent, what: Unsigned) -> None:
        _, version = await self._sending.sign(intent, what, Purpose.RESCUE)
        if await self._sending.send(version) is Outcome.GAS:
            self._obstacles = (
                Obstacle("gas", msg("the node did not take it for its gas: look at the account's coins")),
            )

    async def _give_up(self, intent: Intent, why: Message) -> None:
        event = events.end_event(
            Act.FAIL, intent, told.given_up(intent, why), self._ports.clock.now(), Level.ALERT
        )
        await self._book.record(event)
