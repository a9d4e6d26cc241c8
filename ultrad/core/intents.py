"""Intents: one wanted on-chain action and its life, as a table and a fold over the journal's `intent.*` events.

An intent has steps (an approval, then a supply), each with one nonce. A step has versions: the transaction itself,
the same at a higher fee, a cancellation. All are in the journal, durable, before they are sent, so that whatever
happens the chain can be asked what became of each. A step is over only when its nonce is consumed at the confirmed
depth: "dropped" is never final.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import cast

from ultrad.core.events import Event, Json, Recorded
from ultrad.core.intent_steps import Mined, Purpose, Step, Version
from ultrad.core.position import Block
from ultrad.core.signals import Action, Signal, Source
from ultrad.i18n import Message
from ultrad.units import Now, UsdE8


class Stage(StrEnum):
    """Where an intent stands. Those from REFUSED on are ends."""

    PROPOSED = "proposed"
    ADMITTED = "admitted"
    BOT_SENDING = "bot_sending"
    BOT_ACCEPTED = "bot_accepted"
    UNDER_WAY = "under_way"
    REFUSED = "refused"
    HELD = "held"
    REHEARSED = "rehearsed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SETTLED = "settled"


ENDS = frozenset({Stage.REFUSED, Stage.HELD, Stage.REHEARSED, Stage.FAILED, Stage.CANCELLED, Stage.SETTLED})


class Act(StrEnum):
    """What moves it. The value is the kind of the journal's event."""

    PROPOSE = "intent.proposed"
    REFUSE = "intent.refused"
    HOLD = "intent.held"
    ADMIT = "intent.admitted"
    BOT_SEND = "intent.bot_sending"
    BOT_ACCEPT = "intent.bot_accepted"
    SIGN = "intent.signed"
    MINE = "intent.mined"
    UNMINE = "intent.unmined"
    CONFIRM = "intent.confirmed"
    REHEARSE = "intent.rehearsed"
    FAIL = "intent.failed"
    CANCEL = "intent.cancelled"
    SETTLE = "intent.settled"
    USURP = "intent.usurped"
    YIELD = "intent.yielded"


TABLE: dict[tuple[Stage, Act], Stage] = {
    (Stage.PROPOSED, Act.REFUSE): Stage.REFUSED,
    (Stage.PROPOSED, Act.HOLD): Stage.HELD,
    (Stage.PROPOSED, Act.ADMIT): Stage.ADMITTED,
    (Stage.PROPOSED, Act.FAIL): Stage.FAILED,
    (Stage.ADMITTED, Act.ADMIT): Stage.ADMITTED,  # judged anew after a restart, before anything was sent
    (Stage.ADMITTED, Act.REFUSE): Stage.REFUSED,
    (Stage.ADMITTED, Act.BOT_SEND): Stage.BOT_SENDING,
    (Stage.ADMITTED, Act.SIGN): Stage.UNDER_WAY,
    (Stage.ADMITTED, Act.REHEARSE): Stage.REHEARSED,
    (Stage.ADMITTED, Act.FAIL): Stage.FAILED,
    (Stage.BOT_SENDING, Act.BOT_ACCEPT): Stage.BOT_ACCEPTED,
    (Stage.BOT_SENDING, Act.FAIL): Stage.FAILED,  # refused, or unknown: no leg on Aave
    (Stage.BOT_ACCEPTED, Act.SIGN): Stage.UNDER_WAY,
    (Stage.BOT_ACCEPTED, Act.REHEARSE): Stage.REHEARSED,
    (Stage.BOT_ACCEPTED, Act.FAIL): Stage.FAILED,
    (Stage.UNDER_WAY, Act.SIGN): Stage.UNDER_WAY,
    (Stage.UNDER_WAY, Act.MINE): Stage.UNDER_WAY,
    (Stage.UNDER_WAY, Act.UNMINE): Stage.UNDER_WAY,
    (Stage.UNDER_WAY, Act.CONFIRM): Stage.UNDER_WAY,
    (Stage.UNDER_WAY, Act.SETTLE): Stage.SETTLED,
    (Stage.UNDER_WAY, Act.CANCEL): Stage.CANCELLED,
    (Stage.UNDER_WAY, Act.FAIL): Stage.FAILED,
    (Stage.UNDER_WAY, Act.USURP): Stage.FAILED,  # its nonce was consumed by a transaction that is not ours
    (Stage.UNDER_WAY, Act.YIELD): Stage.CANCELLED,  # its nonce was consumed by another intent: see `_may_fly`
}
_CLOSING = frozenset({Act.SETTLE, Act.CANCEL, Act.FAIL})  # only possible with no nonce in the air
WRITTEN = "intent.written"
"""The source was told what became of it. Not a stage: it happens beside, once there is an end."""
OCTOBOT = "octobot"  # the leg that failed, in the record of an end on the way to the bot
NEWEST_KEPT = 100
"""So many of the newest stay known however old they are: a run is counted over signals, not over time."""


class IllegalActError(Exception):
    """An act that the table does not have, or that the steps do not allow."""


@dataclass(frozen=True, slots=True)
class Intent:
    """One intent. `id` is its signal's key.

    amount: in the asset's smallest units; value_e8: what it is worth, reserved from admission on. admitted: when;
    last_use: when it was last admitted, signed or found in a block, so that a wait shortens no window.
    funds_e8: total funds at admission. supplied_before, wallet_before: what was supplied and held then.
    end: what became of it, for people. written: whether its source was told.
    measure, asset: what a rescue does, and with what; supplied_before is then the scaled balance that it changes.
    spender: who may take the asset no more, once a revocation is through. ordered: whether OctoBot may have it.
    """

    id: str
    signal: Signal
    proposed: Now
    stage: Stage = Stage.PROPOSED
    amount: int = 0
    value_e8: UsdE8 = UsdE8(0)  # noqa: RUF009 - a NewType over int
    admitted: Now | None = None
    last_use: Now | None = None
    funds_e8: int = 0
    supplied_before: int = 0
    wallet_before: int = 0
    steps: tuple[Step, ...] = ()
    end: Message | None = None
    ended: Now | None = None
    rules: tuple[str, ...] = ()
    written: bool = False
    measure: str = ""
    asset: str = ""
    spender: str = ""
    ordered: bool = False

    @property
    def is_trade(self) -> bool:
        """Whether it is of the strategy, and counts where trades do."""
        return self.signal.source not in {Source.RESCUE, Source.REVOCATION} and not self.signal.is_trial

    @property
    def is_rescue(self) -> bool:
        """Whether it lowers the risk of the position, and is none of the strategy's."""
        return self.signal.source is Source.RESCUE

    @property
    def is_open(self) -> bool:
        """Whether something is left to do."""
        return self.stage not in ENDS

    @property
    def in_the_air(self) -> Step | None:
        """The step whose nonce is not consumed for good, if any."""
        return self.steps[-1] if self.steps and not self.steps[-1].confirmed else None

    @property
    def is_untold(self) -> bool:
        """Whether it has ended, and its source still has to be told. Only rows of Notion are written back to."""
        return self.ended is not None and not self.written and self.signal.source is Source.NOTION

    @property
    def is_flying(self) -> bool:
        """Whether it has an unsettled transaction that somebody still looks after."""
        return self.is_open and self.in_the_air is not None

    @property
    def used_e8(self) -> int:
        """What it takes from the day's limit: all of it from admission on, nothing if it ended without a trade."""
        has_traded = self.ordered or any(step.has_traded for step in self.steps)
        return self.value_e8 if self.admitted and (self.is_open or has_traded) else 0

    @property
    def counts_from_ms(self) -> int:
        """When it last took something from a limit, or else came (steady time)."""
        return (self.last_use or self.proposed).steady_ms


@dataclass(frozen=True, slots=True)
class Blotter:
    """All intents that are open or still count, the oldest first."""

    intents: tuple[Intent, ...] = ()

    def get(self, intent_id: str) -> Intent | None:
        """The intent of that id."""
        return next((one for one in self.intents if one.id == intent_id), None)

    def open(self) -> tuple[Intent, ...]:
        """Those with something left to do."""
        return tuple(one for one in self.intents if one.is_open)

    def in_the_air(self) -> Intent | None:
        """The one with an unsettled transaction: never more than one an account."""
        return next(iter(self.flying()), None)

    def flying(self) -> tuple[Intent, ...]:
        """All with an unsettled transaction, a rescue first: two only where it takes the other's place."""
        return tuple(sorted((one for one in self.intents if one.is_flying), key=lambda one: not one.is_rescue))

    def rival(self, intent: Intent) -> Intent | None:
        """Another intent with a transaction of the nonce that this one has in the air: only one of them counts."""
        step = intent.in_the_air
        if step is None:
            return None
        others = (one for one in reversed(self.intents) if one.id != intent.id)
        return next((one for one in others if any(other.nonce == step.nonce for other in one.steps)), None)

    def used_e8(self, since_ms: int, *, rescue: bool = False) -> int:
        """What was used gross since then (steady time); what is reserved counts however long ago that was.

        rescue: by rescues, which have limits of their own; else by trades.
        """
        return sum(
            one.used_e8
            for one in self.intents
            if one.is_rescue is rescue and (one.is_open or one.counts_from_ms >= since_ms)
        )

    def last_trade_ms(self) -> int | None:
        """When anything that is or may become a trade was last admitted, signed or mined (steady time)."""
        return max((one.counts_from_ms for one in self.intents if one.used_e8 and not one.is_rescue), default=None)

    def same_action(self, action: Action, since_ms: int) -> int:
        """How many of an action were taken since then; one that was refused after all was not."""
        return sum(
            one.admitted is not None
            and not one.is_rescue
            and one.admitted.steady_ms >= since_ms
            and one.signal.action is action
            and one.stage is not Stage.REFUSED
            for one in self.intents
        )

    def arrivals(self, since_ms: int, until_ms: int | None = None) -> int:
        """How many signals arrived since then, and no later than `until_ms`; both ends are within."""
        return sum(
            since_ms <= one.proposed.steady_ms and (until_ms is None or one.proposed.steady_ms <= until_ms)
            for one in self.intents
            if one.is_trade
        )

    def run(self, upto: Intent, since_ms: int) -> int:
        """How many of its action came in a row since then, it included; HOLD or the other action ends a run."""
        count = 0
        trades = tuple(one for one in self.intents if one.is_trade)
        for one in reversed(trades[: trades.index(upto) + 1]):
            if one.signal.action is not upto.signal.action or one.proposed.steady_ms < since_ms:
                break
            count += 1
        return count


# ---------------------------------------------------------------- the fold


def fold(events: Iterable[Recorded]) -> Blotter:
    """All intents as the journal tells them, oldest event first, in a time in proportion to the events.

    Raises ValueError on what does not fit together: whoever trades must know what is in the air.
    """
    intents: dict[str, Intent] = {}
    flying: dict[str, Intent] = {}
    for recorded in events:
        event = recorded.event
        try:
            moved = _stepped(intents.get(str(event.data["intent"])), tuple(flying.values()), event)
        except (IllegalActError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"event {recorded.seq} ({event.kind}): {error}") from error
        intents[moved.id] = moved
        flying.pop(moved.id, None)
        if moved.is_flying:
            flying[moved.id] = moved
    return Blotter(tuple(intents.values()))


def after(blotter: Blotter, event: Event) -> Blotter:
    """The blotter after one event. Raises IllegalActError, KeyError, TypeError or ValueError if it cannot be."""
    before = blotter.get(str(event.data["intent"]))
    moved = _stepped(before, blotter.flying(), event)
    if before is None:
        return Blotter((*blotter.intents, moved))
    return Blotter(tuple(moved if one.id == moved.id else one for one in blotter.intents))


def forget(blotter: Blotter, since_ms: int, newest: int = NEWEST_KEPT) -> Blotter:
    """Without those of before then (steady time) that no limit counts any more.

    Open ones always stay, and those whose source was not told, and the newest, which make a run.
    """
    older = len(blotter.intents) - newest
    kept = (
        one
        for place, one in enumerate(blotter.intents)
        if place >= older or one.is_open or one.is_untold or one.counts_from_ms >= since_ms
    )
    return Blotter(tuple(kept))


def _stepped(intent: Intent | None, flying: tuple[Intent, ...], event: Event) -> Intent:
    """The intent after one event of its own; flying: those in the air before it, of all."""
    intent_id = str(event.data["intent"])
    if event.kind == Act.PROPOSE:
        if intent is not None:
            raise IllegalActError(f"a second intent {intent_id}")
        return Intent(intent_id, Signal.from_json(event.data["signal"]), event.now)
    if intent is None:
        raise IllegalActError(f"{event.kind} of an intent {intent_id} that is not there")
    if event.kind == WRITTEN:
        if intent.is_open:
            raise IllegalActError(f"{WRITTEN} while {intent.stage.value}")
        return replace(intent, written=True)
    if event.kind == Act.SIGN:
        _may_fly(intent, tuple(one for one in flying if one.id != intent_id), event)
    return _moved(intent, Act(event.kind), event)


def _may_fly(intent: Intent, others: tuple[Intent, ...], event: Event) -> None:
    """One unsettled transaction an account; but a rescue may take the place of a trade: with its very nonce.

    A rescue is signed as one and as nothing else: no cancellation ever targets it.
    """
    purpose, nonce = event.data["purpose"], event.data["nonce"]
    if intent.is_rescue != (purpose == Purpose.RESCUE):
        raise IllegalActError(f"{event.kind} of {intent.id} as {purpose}")
    for other in others:
        taken = other.in_the_air
        if other.is_rescue or not intent.is_rescue or taken is None or taken.nonce != nonce:
            raise IllegalActError(f"{event.kind} while {other.id} is in the air")


def _moved(intent: Intent, act: Act, event: Event) -> Intent:
    stage = TABLE.get((intent.stage, act))
    if stage is None:
        raise IllegalActError(f"{act.value} while {intent.stage.value}")
    if act in _CLOSING and intent.in_the_air is not None:
        raise IllegalActError(f"{act.value} with nonce {intent.in_the_air.nonce} in the air")
    data = cast("dict[str, Json]", event.data)
    match act:
        case Act.ADMIT:
            figures = cast("dict[str, Json]", data["figures"])
            return replace(
                intent,
                stage=stage,
                amount=int(str(data["amount"])),
                value_e8=UsdE8(int(str(data["value_e8"]))),
                admitted=event.now,
                last_use=event.now,
                funds_e8=int(str(figures["funds_e8"])) if "funds_e8" in figures else 0,
                supplied_before=int(str(figures["supplied"])),
                measure=str(figures.get("measure", "")),
                asset=str(figures.get("asset", "")),
                spender=str(figures.get("spender", "")),
                wallet_before=int(str(figures.get("wallet", 0))),
            )
        case Act.SIGN:
            return replace(intent, stage=stage, steps=_signed(intent.steps, data, event.now), last_use=event.now)
        case Act.MINE | Act.UNMINE | Act.CONFIRM:
            steps = _on_chain(intent.steps, act, data)
            is_news = steps[-1].mined not in {None, intent.steps[-1].mined}
            return replace(intent, stage=stage, steps=steps, last_use=event.now if is_news else intent.last_use)
        case Act.REFUSE:
            rules = cast("list[dict[str, Json]]", data["rules"])
            names = tuple(str(one["rule"]) for one in rules)
            return replace(intent, stage=stage, end=event.message, ended=event.now, rules=names)
        case Act.HOLD | Act.REHEARSE | Act.FAIL | Act.CANCEL | Act.SETTLE | Act.USURP | Act.YIELD:
            ordered = intent.ordered and data.get("not_taken") is not True
            return replace(intent, stage=stage, end=event.message, ended=event.now, ordered=ordered)
        case _:  # to OctoBot
            return replace(intent, stage=stage, ordered=True)


def _signed(steps: tuple[Step, ...], data: dict[str, Json], now: Now) -> tuple[Step, ...]:
    """A further version of the step in the air, or the first of the next one, with the next nonce."""
    nonce = int(cast("int", data["nonce"]))
    version = Version(
        hash=str(data["hash"]),
        raw=str(data["raw"]),
        purpose=Purpose(str(data["purpose"])),
        max_fee_wei=int(str(data["max_fee_wei"])),
        tip_wei=int(str(data["tip_wei"])),
        signed=now,
    )
    if steps and not steps[-1].confirmed:
        last = steps[-1]
        if nonce != last.nonce:
            raise IllegalActError(f"nonce {nonce} while {last.nonce} is in the air")
        return (*steps[:-1], replace(last, versions=(*last.versions, version)))
    if steps and nonce <= steps[-1].nonce:
        raise IllegalActError(f"nonce {nonce} after {steps[-1].nonce}")
    return (*steps, Step(str(data["about"]), nonce, (version,)))


def _on_chain(steps: tuple[Step, ...], act: Act, data: dict[str, Json]) -> tuple[Step, ...]:
    if not steps or steps[-1].confirmed:
        raise IllegalActError(f"{act.value} with nothing in the air")
    last = steps[-1]
    if act is Act.UNMINE:
        return (*steps[:-1], replace(last, mined=None))
    mined = Mined(str(data["hash"]), Block(*cast("tuple[int, str, int]", data["block"])), data["ok"] is True)
    if last.version(mined.hash) is None:
        raise IllegalActError(f"{mined.hash} is none of its transactions")
    return (*steps[:-1], replace(last, mined=mined, confirmed=act is Act.CONFIRM))
