"""From a proposed intent to an admitted one: every rule asked, on figures of one block."""

from dataclasses import dataclass, replace

from ultrad.core import admission, pool
from ultrad.core import estop_rules as stop
from ultrad.core.admission import Record, Refusal, Size
from ultrad.core.estop import Mode
from ultrad.core.events import Finding, Json
from ultrad.core.intents import Blotter, Intent
from ultrad.core.signals import Action
from ultrad.core.window import RollingExtremes
from ultrad.i18n import Message, msg
from ultrad.trade_ports import Quote
from ultrad.trader.ports import TraderPorts, TradeSettings
from ultrad.units import ALL_BPS, Now, Wad, hf_text, usd_text


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the rules say. refusals: none where it is admitted, with `size` and the figures it was judged by."""

    refusals: tuple[Refusal, ...]
    size: Size | None = None
    hf_after: Wad | None = None
    quote: Quote | None = None

    def figures(self) -> dict[str, Json]:
        """For the journal: what it was judged by, so that the outcome can be held against it."""
        if self.quote is None or self.size is None or self.hf_after is None:
            return {}
        room = self.quote.room
        return {
            "block": self.quote.block.number,
            "block_hash": self.quote.block.hash,
            "endpoint": self.quote.endpoint,
            "value": usd_text(self.size.value_e8),
            "cut_by": self.size.by,
            "hf": hf_text(self.quote.health_factor),
            "hf_after": str(self.hf_after),
            "wallet": str(room.wallet),
            "supplied": str(room.supplied),
            "funds_e8": str(room.funds_e8),
            "used_e8": str(room.used_e8),
        }


class Judge:
    """Asks every rule. funds: the lowest total funds within the window, as it sees them."""

    def __init__(self, ports: TraderPorts, settings: TradeSettings, before: Blotter) -> None:
        """before: what was traded before a restart: the funds that it was held against count as seen."""
        self._ports, self._settings = ports, settings
        self._limits = settings.limits
        self._funds = RollingExtremes(settings.limits.window_ms)
        self._funds.prepend(
            (one.admitted.steady_ms, one.funds_e8, one.funds_e8)
            for one in before.intents
            if one.admitted is not None and one.funds_e8
        )

    def day_limit_e8(self, now: Now) -> int | None:
        """What trades may use within the window, by its lowest funds; None where none were read in it."""
        extremes = self._funds.extremes(now.steady_ms)
        return None if extremes is None else extremes[0] * self._limits.max_day_bps // ALL_BPS

    # -------------------------------------------------------- what trips

    async def watch_for_madness(self, intent: Intent, blotter: Blotter, now: Now) -> None:
        """Trip for a source that has gone mad, once. What it sends is refused then by the stop itself."""
        record = self._record(intent, blotter, now)
        if not self._stands("signal_burst") and admission.is_burst(record, self._limits):
            message = msg(
                "{count} signals within {minutes} minutes: a source has gone mad. Silence it first.",
                count=record.arrivals,
                minutes=self._limits.burst_ms // 60_000,
            )
            await self._ports.estop.trip(stop.trade_cause("signal_burst", message, now))
        if not self._stands("signal_run") and admission.is_run(intent.signal, record, self._limits):
            message = msg(
                "{action} came {count} times in a row: look at what decides so.",
                action=intent.signal.action.value,
                count=record.run,
            )
            await self._ports.estop.trip(stop.trade_cause("signal_run", message, now))

    def _stands(self, code: str) -> bool:
        state = self._ports.estop.state
        return state.mode is Mode.ON and state.has((code, ""))

    # -------------------------------------------------------- the rules

    def before_reading(self, intent: Intent, blotter: Blotter, now: Now) -> tuple[Refusal, ...]:
        """Every rule that needs no figures from the chain."""
        record = self._record(intent, blotter, now)
        # Also one that is admitted and waits: of two at once the second would follow the first without a pause.
        others = tuple(one.id for one in blotter.open() if one.admitted and one.id != intent.id)
        against = (f"{one.code}:{one.subject}" if one.subject else one.code for one in self._against())
        found = (
            admission.estop(self._ports.gate.shut_by()),
            admission.no_trade(against),
            admission.freshness(intent.signal, self._limits, now),
            admission.confidence(intent.signal, self._limits),
            admission.repeated(intent.signal, record, self._limits),
            admission.cooldown(record, self._limits, now),
            admission.unsettled(others),
        )
        return tuple(one for one in found if one is not None)

    def may_wait(self, intent: Intent, now: Now) -> bool:
        """Whether it is not looked at yet, because what stands in its way ends by itself."""
        against = (one.code for one in self._against())
        held = self._ports.gate.is_held()
        return admission.may_wait(intent.signal, against, self._limits, now, held=held)

    async def with_figures(
        self, intent: Intent, blotter: Blotter, before: tuple[Refusal, ...], now: Now
    ) -> Judgement:
        """Every rule. Raises Transient where the chain cannot be read: nothing is decided then."""
        quote = await self._ports.market.quote()
        self._funds.add(now.steady_ms, quote.room.funds_e8, quote.room.funds_e8)
        extremes = self._funds.extremes(now.steady_ms)
        lowest = extremes[0] if extremes else quote.room.funds_e8
        used = blotter.used_e8(now.steady_ms - self._limits.window_ms) - intent.used_e8
        room = replace(quote.room, lowest_funds_e8=min(lowest, quote.room.funds_e8), used_e8=used)
        quote = replace(quote, room=room)
        size = admission.size_of(intent.signal.action, room, self._limits)
        refusals = [*before]
        if (small := admission.too_small(size, self._limits)) is not None:
            return Judgement((*refusals, small), size, None, quote)
        hf_after = await self._health_after(intent.signal.action, size, quote)
        if hf_after is None:
            refusals.append(_unknown_arithmetic(quote.revision))
        elif (unhealthy := admission.health_after(hf_after, self._limits)) is not None:
            refusals.append(unhealthy)
        return Judgement(tuple(refusals), size, hf_after, quote)

    def keeps_off(self) -> bool:
        """Whether a finding keeps trades off now: one that was begun waits as well, for as long as it is fresh."""
        return bool(self._against())

    async def no_longer_fits(self, intent: Intent) -> Message | None:
        """Why a trade that was admitted a while ago would leave too little by now. Raises Transient, Permanent."""
        quote = await self._ports.market.quote()
        size = Size(intent.amount, intent.value_e8, "")
        hf_after = await self._health_after(intent.signal.action, size, quote)
        if hf_after is None:
            return _unknown_arithmetic(quote.revision).message
        unhealthy = admission.health_after(hf_after, self._limits)
        return None if unhealthy is None else unhealthy.message

    async def _health_after(self, action: Action, size: Size, quote: Quote) -> Wad | None:
        """By the pool's own arithmetic where it is known, else run by a node; None where neither can say."""
        asset = self._ports.market.asset
        if quote.known_rounding:
            change = pool.after_supply if action is Action.BUY else pool.after_withdraw
            after = change(quote.holdings, asset, size.amount, quote.revision)
            return pool.health_factor(after, quote.revision)
        market = self._ports.market
        call = market.supply(size.amount) if action is Action.BUY else market.withdraw(size.amount)
        calls = (market.approve(size.amount), call) if action is Action.BUY else (call,)
        return await market.health_after(calls)

    # -------------------------------------------------------- what came before

    def _record(self, intent: Intent, blotter: Blotter, now: Now) -> Record:
        resumed = self._ports.estop.state.resumed_at
        since_ms = resumed.steady_ms if resumed else 0
        before = replace(blotter, intents=tuple(one for one in blotter.intents if one.id != intent.id))
        return Record(
            last_trade_ms=before.last_trade_ms(),
            same_action=before.same_action(intent.signal.action, now.steady_ms - self._limits.repeat_ms),
            # As it was when this one came: one that waited for its turn must not hide a burst, nor make one.
            arrivals=blotter.arrivals(
                max(since_ms, intent.proposed.steady_ms - self._limits.burst_ms), intent.proposed.steady_ms
            ),
            run=blotter.run(intent, since_ms),
        )

    def _against(self) -> tuple[Finding, ...]:
        return self._ports.conditions.no_trade()


def _unknown_arithmetic(revision: int) -> Refusal:
    return Refusal(
        "hf_unknown",
        admission.Verdict.REJECTED,
        msg(
            "the health factor after it cannot be known: this pool (revision {revision}) rounds in a way that is "
            "not known here, and no endpoint can run it (eth_simulateV1)",
            revision=revision,
        ),
    )
