"""Random lives of many intents: what is in memory is what the journal folds to, and what the limits count."""

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, precondition, rule

from tests.core.make import BLOCK, recorded
from tests.core.make_trades import TOO_OLD, UNSURE, ending, mined, ms, signal, version
from ultrad.core import intent_events as events
from ultrad.core.events import Event
from ultrad.core.intent_steps import Purpose, Step
from ultrad.core.intents import ENDS, Act, Blotter, IllegalActError, Intent, after, fold, forget
from ultrad.core.record import pack, unpack
from ultrad.core.signals import Action
from ultrad.units import Now

WINDOW_MS = 1_000
"""A day in this world."""
RUN = 3
ABOUT = ["approve", "supply", "withdraw"]
spans = st.integers(0, 400) | st.sampled_from([WINDOW_MS - 1, WINDOW_MS, WINDOW_MS + 1])


@dataclass
class Told:
    """What an onlooker, who knows neither stages nor steps, believes of an intent."""

    value_e8: int = 0
    took_ms: int = 0
    over: bool = False
    abouts: dict[int, str] = field(default_factory=dict)
    own: set[str] = field(default_factory=set)
    trades: dict[int, bool] = field(default_factory=dict)
    ordered: bool = False

    def used_e8(self, since_ms: int) -> int:
        traded = self.ordered or any(self.trades.values())
        counts = not self.over or (traded and self.took_ms >= since_ms)
        return self.value_e8 if counts else 0


class History(RuleBasedStateMachine):
    """Each act is tried on whatever intent, legal or not."""

    ids = Bundle("ids")

    def __init__(self) -> None:
        super().__init__()
        self.blotter = self.forgetful = Blotter()
        self.events: list[Event] = []
        self.now = Now(0, 0)
        self.serial = 0
        self.nonce = 0
        self.told: dict[str, Told] = {}

    def act(self, event: Event) -> bool:
        """Live, and into the journal; what is illegal changes nothing, is not recorded, and does not fold."""
        before = self.blotter
        try:
            self.blotter = after(before, event)
        except IllegalActError:
            with pytest.raises(ValueError, match=f"event {len(self.events) + 1} "):
                fold(recorded(*self.events, unpack(pack(event))))
            return False
        self.events.append(unpack(pack(event)))
        self.forgetful = forget(after(self.forgetful, event), self.since_ms, RUN)
        return True

    def next(self) -> str:
        self.serial += 1
        return f"{self.serial:x}"

    @property
    def since_ms(self) -> int:
        return self.now.steady_ms - WINDOW_MS

    def one(self, intent_id: str) -> Intent:
        found = self.blotter.get(intent_id)
        assert found is not None
        return found

    def flying(self) -> tuple[Intent, Step]:
        one = self.blotter.in_the_air()
        assert one is not None
        assert one.in_the_air is not None
        return one, one.in_the_air

    # ------------------------------------------------ acts

    @rule(span_ms=spans, jump_ms=st.integers(-(10**9), 10**9))
    def wait(self, span_ms: int, jump_ms: int) -> None:
        self.now = ms(self.now.steady_ms + span_ms, self.now.wall_ms + jump_ms)

    @precondition(lambda self: len(self.blotter.open()) < 2)  # few that go far
    @rule(target=ids, action=st.sampled_from(Action))
    def propose(self, action: Action) -> str:
        return self.proposed(action)

    def proposed(self, action: Action) -> str:
        one = signal(self.next(), action, arrived=self.now)
        assert self.act(events.proposed_event(one))
        assert not self.act(events.proposed_event(one))
        self.told[one.key] = Told()
        return one.key

    @rule(intent_id=ids, value_e8=st.integers(1, 10**12))
    def admit(self, intent_id: str, value_e8: int) -> None:
        event = events.admitted_event(self.one(intent_id), 7, value_e8, {"supplied": "3"}, self.now)
        if self.act(event):
            told = self.told[intent_id]
            told.value_e8, told.took_ms = value_e8, self.now.steady_ms

    @rule(intent_id=ids, act=st.sampled_from([Act.BOT_SEND, Act.BOT_ACCEPT]))
    def to_bot(self, intent_id: str, act: Act) -> None:
        if self.act(events.bot_event(act, self.one(intent_id), self.now)):
            self.told[intent_id].ordered = True

    @rule(intent_id=ids, about=st.sampled_from(ABOUT), purpose=st.sampled_from(Purpose), off=st.integers(-1, 1))
    def sign(self, intent_id: str, about: str, purpose: Purpose, off: int) -> None:
        """With the nonce that is next, or one beside it."""
        one = self.one(intent_id)
        before = one.in_the_air
        nonce = (before.nonce if before else self.nonce) + off
        new = version(self.next(), purpose, self.now)
        taken = self.act(events.signed_event(one, about, nonce, new))
        if before is not None and off:
            assert not taken
        if taken:
            told = self.told[intent_id]
            told.took_ms = self.now.steady_ms
            told.abouts.setdefault(nonce, about)
            told.own |= {new.hash} if purpose is Purpose.OWN else set()
            self.nonce = max(self.nonce, nonce + 1)

    @precondition(lambda self: not self.blotter.in_the_air())
    @rule(target=ids, about=st.sampled_from(ABOUT))
    def take_off(self, about: str) -> str:
        """A whole beginning at once, so that there is something in the air to act on."""
        intent_id = self.proposed(Action.BUY)
        self.admit(intent_id, 10**9)
        self.sign(intent_id, about, Purpose.OWN, 0)
        return intent_id

    @precondition(lambda self: self.blotter.in_the_air())
    @rule()
    def cancel(self) -> None:
        self.sign(self.flying()[0].id, "cancel", Purpose.CANCELLATION, 0)

    @precondition(lambda self: self.blotter.in_the_air())
    @rule(which=st.integers(-1, 5), ok=st.booleans(), number=st.integers(1, 2), final=st.booleans())
    def land(self, which: int, number: int, *, ok: bool, final: bool) -> None:
        """One of its versions, or a foreign one, in some block."""
        one, step = self.flying()
        tx_hash = step.versions[which % len(step.versions)].hash if which >= 0 else "foreign"
        found = mined(tx_hash, replace(BLOCK, number=number), ok=ok)
        event = events.confirmed_event if final else events.mined_event
        assert self.act(event(one, found, self.now)) is (tx_hash != "foreign")
        if tx_hash != "foreign":
            told = self.told[one.id]
            told.trades[step.nonce] = ok and tx_hash in told.own and told.abouts[step.nonce] != "approve"
            told.took_ms = self.now.steady_ms if found != step.mined else told.took_ms

    @precondition(lambda self: any(step.mined for one in self.blotter.open() for step in [one.in_the_air] if step))
    @rule()
    def unmine(self) -> None:
        one, step = self.flying()
        assert self.act(events.unmined_event(one, self.now))
        self.told[one.id].trades[step.nonce] = False

    @precondition(lambda self: any(one.steps and not one.in_the_air for one in self.blotter.open()))
    @rule(act=st.sampled_from([Act.FAIL, Act.CANCEL, Act.SETTLE]), written=st.booleans())
    def close(self, act: Act, *, written: bool) -> None:
        one = next(one for one in self.blotter.open() if one.steps and not one.in_the_air)
        assert self.act(ending(act, self.now)(one))
        self.told[one.id].over = True
        if written:
            assert self.act(events.written_event(one, self.now))

    @rule(intent_id=ids, act=st.sampled_from([Act.REHEARSE, Act.FAIL, Act.CANCEL, Act.SETTLE]))
    def end(self, intent_id: str, act: Act) -> None:
        one = self.one(intent_id)
        if self.act(ending(act, self.now)(one)):
            assert one.in_the_air is None
            self.told[intent_id].over = True

    @rule(intent_id=ids, hold=st.booleans())
    def refuse(self, intent_id: str, *, hold: bool) -> None:
        one = self.one(intent_id)
        refused = events.refused_event(one, (UNSURE, TOO_OLD), self.now)
        if self.act(events.held_event(one, self.now) if hold else refused):
            self.told[intent_id].over = True

    @precondition(lambda self: self.blotter.in_the_air() and self.serial % 4 == 0)  # seldom: it ends too much
    @rule()
    def usurp(self) -> None:
        one, step = self.flying()
        if step.mined is None:  # else it is ours that consumed the nonce
            assert self.act(ending(Act.USURP, self.now)(one))
            self.told[one.id].over = True

    @rule(intent_id=consumes(ids))
    def write(self, intent_id: str) -> None:
        """Once for each: the journal's key sees to that."""
        one = self.one(intent_id)
        if not one.written:
            assert self.act(events.written_event(one, self.now)) is (one.stage in ENDS)

    # ------------------------------------------------ what always holds

    @invariant()
    def folds_to_what_is_in_memory(self) -> None:
        assert fold(recorded(*self.events)) == self.blotter

    @invariant()
    def never_two_in_the_air(self) -> None:
        flying = [one for one in self.blotter.open() if one.in_the_air]
        assert flying == [one for one in [self.blotter.in_the_air()] if one]

    @invariant()
    def counts_what_it_should(self) -> None:
        for since_ms in (self.since_ms, self.since_ms + 1, 0):
            assert self.blotter.used_e8(since_ms) == sum(one.used_e8(since_ms) for one in self.told.values())
        took = [one.took_ms for one in self.told.values() if one.used_e8(0)]
        assert self.blotter.last_trade_ms() == max(took, default=None)

    @invariant()
    def forgets_nothing_that_counts(self) -> None:
        whole, part, since_ms = self.blotter, self.forgetful, self.since_ms
        assert part.used_e8(since_ms) == whole.used_e8(since_ms)
        assert part.arrivals(since_ms) == whole.arrivals(since_ms)
        assert (part.open(), part.in_the_air()) == (whole.open(), whole.in_the_air())
        assert [part.same_action(one, since_ms) for one in Action] == [
            whole.same_action(one, since_ms) for one in Action
        ]
        last_ms = whole.last_trade_ms()
        assert part.last_trade_ms() == last_ms or (last_ms or 0) < since_ms
        assert {one.id for one in whole.intents if not one.written} <= {one.id for one in part.intents}
        if whole.intents:
            newest = whole.intents[-1]
            assert min(RUN, part.run(newest, 0)) == min(RUN, whole.run(newest, 0))


History.TestCase.settings = settings(max_examples=100, stateful_step_count=50, deadline=None)
TestHistory = History.TestCase
