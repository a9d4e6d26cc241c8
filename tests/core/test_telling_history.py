"""Random histories: what the journal holds folds to what is in memory, at every moment."""

import itertools
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.core.make import at, recorded
from tests.core.make_notices import OFFICE, S1, S2, S3, cleared, raised, tripped
from ultrad.core import incidents, signs, telling
from ultrad.core import outbox as box_of
from ultrad.core import outbox_events as became
from ultrad.core.events import Event, Level, Recorded, Severity
from ultrad.core.incidents import Book, Incident, Stage
from ultrad.core.outbox import Delivery, Outbox
from ultrad.core.record import pack, unpack
from ultrad.core.superseding import outdated
from ultrad.core.superseding import settled as settled_of
from ultrad.core.telling import Notice, Route, TellRules
from ultrad.i18n import msg
from ultrad.units import Now

RULES = TellRules(
    routes=(
        Route("always", frozenset({S1}), ("slack", "line"), fallback=("hook", "mail"), escalate=("mail",)),
        Route("office", frozenset({S2}), ("slack",), fallback=("line",), hours=OFFICE),
    ),
    costly=frozenset({"line"}),
    escalate_after=2,
)
DOWN_MS = 300_000
CODES = st.sampled_from([("disk_full", "/var"), ("hf_low", "main"), ("job_failed", "backup")])


class Telling(RuleBasedStateMachine):
    """What desk and postman do, one event at a time, with restarts."""

    @initialize()
    def begin(self) -> None:
        self.book, self.outbox = Book(), Outbox()
        self.rows: list[Event] = []
        self.clock_s = 1_000
        self.ids = itertools.count(1)

    def now(self) -> Now:
        self.clock_s += 1
        return at(self.clock_s)

    # -------------------------------------------------------- what is written

    def keep(self, event: Event) -> None:
        self.rows.append(unpack(pack(event)))

    def record(self, event: Event) -> None:
        before, self.book = self.book, incidents.after(self.book, event)
        self.keep(event)
        if event.kind == incidents.Act.RESOLVE:
            for old in settled_of(self.outbox, int(str(event.data["incident"]))):
                self.post(became.superseded_event(old, event.now))
        self.tell(telling.notices_of(before, self.book, event, RULES, UTC), event.now)

    def tell(self, notices: tuple[Notice, ...], now: Now) -> None:
        for notice in notices:
            incident = None if notice.incident is None else self.book.numbered(notice.incident)
            escalated = incident is not None and incident.stage is Stage.ESCALATED
            local = datetime.fromtimestamp(now.wall_ms / 1_000, UTC)
            to = telling.targets(notice, RULES, escalated=escalated, local=local)
            if to:
                name = f"n{next(self.ids)}"
                event = telling.queued_event(
                    notice, name, {one.channel: f"{name}:{one.channel}" for one in to}, to, now
                )
                self.book = incidents.after(self.book, event)
                self.post(event)

    def post(self, event: Event) -> None:
        self.outbox = box_of.after(self.outbox, event)
        self.keep(event)
        if event.kind == telling.QUEUED:
            for old in outdated(self.outbox, str(event.data["notice"]), event.now):
                self.post(became.superseded_event(old, event.now))

    def hear(self, event: Event) -> None:
        for follows in incidents.follow(self.book, event):
            self.record(follows)
        self.tell(telling.notices_of(self.book, self.book, event, RULES, UTC), event.now)

    # -------------------------------------------------------- what happens

    @rule(seconds=st.sampled_from([60, 3_600, 86_400, 200_000]))
    def time_passes(self, seconds: int) -> None:
        self.clock_s += seconds

    @rule(key=CODES, severity=st.sampled_from([S1, S2, S3]), level=st.sampled_from([Level.ALERT, Level.CRITICAL]))
    def find(self, key: tuple[str, str], severity: Severity, level: Level) -> None:
        self.now()
        self.hear(raised(self.clock_s, key, severity, level=level))

    @rule(key=CODES, severity=st.sampled_from([S1, S2, S3]))
    def clear(self, key: tuple[str, str], severity: Severity) -> None:
        self.now()
        self.hear(cleared(self.clock_s, key, severity))

    @rule(key=CODES)
    def trip(self, key: tuple[str, str]) -> None:
        self.now()
        self.hear(tripped(self.clock_s, *key))

    @rule(by=st.sampled_from(["", "taro"]))
    def lift(self, by: str) -> None:
        now = self.now()
        for event in incidents.after_resume(self.book, by, now):
            self.record(event)
        self.hear(Event("estop.resume", Level.CRITICAL, now, msg("lifted")))

    @rule(severity=st.sampled_from([S1, S2, S3]))
    def report(self, severity: Severity) -> None:
        number = self.book.last_number + 1
        sign = signs.Sign(
            (incidents.REPORTED, str(number)), severity, Level.ALERT, msg("It smells of {what}.", what="ash")
        )
        self.record(incidents.opened_event(number, sign, self.now(), "taro"))

    def pick(self, data: st.DataObject) -> Incident:
        return data.draw(st.sampled_from(self.book.incidents))

    @precondition(lambda self: self.book.incidents)
    @rule(data=st.data(), act=st.sampled_from(["ack", "note", "resolve", "escalate"]))
    def say(self, data: st.DataObject, act: str) -> None:
        one, now = self.pick(data), self.now()
        event = {
            "ack": incidents.acknowledged_event(one, "taro", now),
            "note": incidents.note_event(one, "taro", "{braces}", now),
            "resolve": incidents.resolved_event(one, "taro", "emptied", now),
            "escalate": incidents.escalated_event(one, now),
        }[act]
        before = self.book
        try:
            self.record(event)
        except incidents.IllegalActError:
            assert self.book == before

    @rule()
    def the_clock_strikes(self) -> None:
        now = self.now()
        for one in telling.due(self.book, RULES, self.outbox.unheard(), now):
            if telling.escalates(one, RULES):
                self.record(incidents.escalated_event(one, now))
            else:
                self.tell((telling.reminder(one, UTC),), now)

    @rule()
    def forget(self) -> None:
        for one in telling.forgotten(self.book, telling.SETTLE_MS):
            self.record(incidents.over_event(one, self.now()))

    # -------------------------------------------------------- what becomes of it

    def waiting(self, data: st.DataObject) -> Delivery:
        return data.draw(st.sampled_from(self.outbox.waiting))

    @precondition(lambda self: self.outbox.waiting)
    @rule(channel=st.sampled_from(["slack", "line", "hook", "mail"]), ref=st.sampled_from(["", "ts-1", "ts-2"]))
    def deliver(self, channel: str, ref: str) -> None:
        one = box_of.next_for(self.outbox, channel, at(self.clock_s))
        if one is not None:
            self.post(became.delivered_event(one, ref, self.now()))

    @precondition(lambda self: self.outbox.waiting)
    @rule(data=st.data(), what=st.sampled_from(["given_up", "spared", "unsure"]))
    def become(self, data: st.DataObject, what: str) -> None:
        one, now = self.waiting(data), self.now()
        if what == "unsure" and not one.marked:
            self.post(became.unsure_event(one, now))
        elif what == "spared":
            self.post(became.spared_event(one, now))
        elif what == "given_up":
            event = became.given_up_event(one, msg("No."), now)
            self.post(event)
            self.hear(event)

    @rule(channel=st.sampled_from(["slack", "line", "hook"]), failing=st.integers(0, 10**6))
    def stand_in(self, channel: str, failing: int) -> None:
        now = self.now()
        for one in box_of.stranded(self.outbox, channel, failing, DOWN_MS, now):
            taken = box_of.addressed(self.outbox)[one.told.notice]
            for other in telling.fallbacks(one.told.severity, RULES, taken)[:1]:
                self.post(became.rerouted_event(one, other, f"{one.told.notice}:{other}", now))

    @precondition(lambda self: self.outbox.waiting)
    @rule(data=st.data())
    def try_in_vain(self, data: st.DataObject) -> None:
        self.outbox = box_of.tried(self.outbox, self.waiting(data))

    @rule()
    def restart(self) -> None:
        self.book, self.outbox = incidents.fold(self.about_incidents()), box_of.fold(recorded(*self.rows))

    # -------------------------------------------------------- what holds

    def about_incidents(self) -> tuple[Recorded, ...]:
        return tuple(
            one for one in recorded(*self.rows) if one.event.kind.startswith(("incident.", "notice.queued"))
        )

    @invariant()
    def folds_to_what_is_in_memory(self) -> None:
        folded = incidents.fold(self.about_incidents())
        assert settled(folded) == settled(self.book)
        waiting = tuple(replace(one, tries=0) for one in self.outbox.waiting)
        assert box_of.fold(recorded(*self.rows)) == replace(self.outbox, waiting=waiting)

    @invariant()
    def the_book_holds_together(self) -> None:
        numbers = [one.number for one in self.book.incidents]
        assert numbers == sorted(set(numbers))
        assert max(numbers, default=0) <= self.book.last_number
        still_open = [one.key for one in self.book.open()]
        assert len(set(still_open)) == len(still_open)
        for one in self.book.incidents:
            assert (one.over_at is None) is one.stands
            assert one.stands or not one.found

    @invariant()
    def the_outbox_holds_together(self) -> None:
        outbox = self.outbox
        assert [one.place for one in outbox.waiting] == sorted(one.place for one in outbox.waiting)
        assert set(outbox.heard) <= set(outbox.done)
        under_way = {one.told.notice for one in outbox.waiting}
        assert {notice for notice, _ in outbox.done} <= under_way
        assert set(outbox.overtaken) <= under_way

    @invariant()
    def nobody_is_told_twice(self) -> None:
        claims = Counter((one.kind, one.key) for one in self.rows if one.key)
        assert [claim for claim, times in claims.items() if times > 1] == []
        keys = [one.key for one in self.outbox.waiting]
        assert len(set(keys)) == len(keys)


def settled(book: Book) -> Book:
    """Less what only the next look at the world can tell."""
    return replace(book, incidents=tuple(replace(one, unconfirmed=False) for one in book.incidents))


Telling.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestTelling = Telling.TestCase
