"""Incidents at work: what the journal hears becomes incidents, and these become notices.

It works on what was handed to the journal, after it: a trip waits for nothing here.
"""

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import cast

import anyio
import anyio.lowlevel

from ultrad.core import incidents as book_of
from ultrad.core import telling
from ultrad.core.estop import Cause, Mode, Step
from ultrad.core.events import Event, Level, Severity
from ultrad.core.incident_words import line_of, unknown_incident, words_of
from ultrad.core.incidents import Act, Book, Incident, Stage
from ultrad.core.signs import Sign
from ultrad.core.status import IncidentLine
from ultrad.core.telling import Notice, Target, TellRules, Why
from ultrad.errors import Permanent, Transient
from ultrad.estop import Estop
from ultrad.i18n import msg
from ultrad.ports import Clock, Journal, Turned
from ultrad.postman import Postman
from ultrad.units import Now

TICK_S = 1.0
BREATH_S = 0.05
"""What was heard is looked at only so much later: a trip under way has the loop to itself until then."""
NOBODY_MS = 60_000
"""What reaches nobody, having no route, is looked at again only after so long."""
MOST_A_TURN = 20
"""Whatever there is to do: no more at once. With a thousand incidents that takes some milliseconds."""
MOST_APART = 10
"""More things than that at once are told by one notice: nobody reads a thousand."""
NAMED = 4
"""So many of them it names."""
MAX_HEARD = 20_000
"""More events than the journal itself lets wait."""
KEEP_S = 10.0
"""How long an operator waits for the journal's disk."""
_HEARD = ("finding.", "estop.", "intent.failed", "notice.given_up")
_NOT_TOLD = frozenset({"estop.flag_stood"})


@dataclass(frozen=True, slots=True)
class DeskPorts:
    """What the desk works with. new_id: a fresh unique text."""

    journal: Journal
    clock: Clock
    estop: Estop
    postman: Postman
    new_id: Callable[[], str]
    key_of: Callable[[str], str]


class Desk:
    """The one owner of the incidents."""

    def __init__(
        self, ports: DeskPorts, rules: TellRules, zone: tzinfo, book: Book, missed: tuple[Event, ...] = ()
    ) -> None:
        """book: the incidents as the journal tells them. missed: what it holds and nothing followed from yet."""
        self._ports = ports
        self._rules, self._zone = rules, zone
        self._heard: deque[Event] = deque(missed, maxlen=MAX_HEARD)
        self._wake = anyio.Event()
        self._started: Now | None = None
        self._reported = self._lost = 0
        self._untold: list[Notice] = []
        self._about: set[int] = set()
        self._uncounted: dict[int, Notice] = {}
        self._gathered: dict[str, tuple[int, frozenset[int]]] = {}
        self._nobody: dict[int, int] = {}
        self.book = book

    # -------------------------------------------------------- in

    def take(self, event: Event) -> None:
        """Hear of an event. Never waits, never fails."""
        if event.kind.startswith(_HEARD) and event.kind not in _NOT_TOLD:
            self._lost += len(self._heard) == MAX_HEARD  # the oldest gives way
            self._heard.append(event)
            self._wake.set()

    async def run(self, turned: Turned) -> None:
        """Make incidents of what was heard, and tell again what nobody has answered, for ever."""
        while True:
            with anyio.move_on_after(TICK_S):
                await self._wake.wait()
            self._wake = anyio.Event()
            await anyio.sleep(BREATH_S)
            await self.work()
            turned()

    async def work(self) -> None:
        """Everything that is to be done now, in order, and a few things at a time: others share the loop."""
        looked: set[int] = set()
        while self._listen() or self._by_the_clock(looked) or self._tell_all() or self._count_some():
            await anyio.lowlevel.checkpoint()
        if self._wake.is_set():  # all of what it stood for is done, what this made itself included
            self._wake = anyio.Event()

    def _listen(self) -> bool:
        if self._lost:
            lost, self._lost = self._lost, 0
            text = msg("{count} events came too fast, and nobody was told of them: ultrad log", count=lost)
            self._ports.journal.post(
                Event("incidents.lost", Level.ALERT, self._ports.clock.now(), text, {"lost": lost})
            )
        count = min(len(self._heard), MOST_A_TURN)
        for _ in range(count):
            event = self._heard.popleft()
            for follows in (*book_of.follow(self.book, event), *self._after_stop(event)):
                self._record(follows)
            self._note(telling.notices_of(self.book, self.book, event, self._rules, self._zone))
        return count > 0

    def _after_stop(self, event: Event) -> tuple[Event, ...]:
        if event.kind not in {Step.RESUME, Step.OVERRIDE_END}:
            return ()
        people = event.data.get("by")
        by = ", ".join(str(one) for one in people) if isinstance(people, list) else ""
        return book_of.after_resume(self.book, by, event.now)

    def _by_the_clock(self, looked: set[int]) -> bool:
        """looked: whom this was asked of already, so that what reaches nobody is not told for ever."""
        now = self._ports.clock.now()
        self._started = self._started or now
        over = telling.forgotten(self.book, now.steady_ms - self._started.steady_ms)[:MOST_A_TURN]
        for incident in over:
            self._record(book_of.over_event(incident, now))
        self._nobody = {one: at for one, at in self._nobody.items() if now.steady_ms - at < NOBODY_MS}
        told = self._unheard().union(looked, self._about, self._uncounted, self._nobody)
        due = telling.due(self.book, self._rules, told, now)[:MOST_A_TURN]
        for incident in due:
            looked.add(incident.number)
            if telling.escalates(incident, self._rules):
                self._record(book_of.escalated_event(incident, now))
            else:
                self._note((telling.reminder(incident, self._zone),))
        return bool(over or due)

    def _unheard(self) -> frozenset[int]:
        """The incidents that people were told of by a notice that no channel has taken yet."""
        waiting = Counter(one.told.notice for one in self._ports.postman.outbox.waiting)
        self._gathered = {name: one for name, one in self._gathered.items() if waiting[name] >= one[0]}
        gathered = (number for _, numbers in self._gathered.values() for number in numbers)
        return self._ports.postman.outbox.unheard().union(gathered)

    # -------------------------------------------------------- what follows

    def _record(self, event: Event) -> None:
        number = event.data.get("incident")
        if number in self._about:  # whether its end is worth telling hangs on what was told before
            self._tell_all()
        if isinstance(number, int) and number in self._uncounted:
            self._count(number)
        before, self.book = self.book, book_of.after(self.book, event)
        self._ports.journal.post(event)
        if event.kind == Act.RESOLVE:
            self._ports.postman.settle(cast("int", event.data["incident"]), event.now)
        stop = self._ports.estop.state
        causes = frozenset((one.code, one.subject) for one in stop.causes if stop.mode is Mode.ON)
        self._note(telling.notices_of(before, self.book, event, self._rules, self._zone, causes))

    def _note(self, notices: tuple[Notice, ...]) -> None:
        self._untold += notices
        self._about.update(one.incident for one in notices if one.incident is not None)
        self._wake.set()

    def _tell_all(self) -> bool:
        """Tell what is to be told; where it is many things of a kind at once, by one notice."""
        untold, self._untold, self._about = self._untold, [], set()
        kinds: dict[object, list[Notice]] = {}
        for notice in untold:
            alone = notice.incident is None
            kinds.setdefault(id(notice) if alone else (notice.why, notice.severity), []).append(notice)
        now = self._ports.clock.now()
        for notice in untold:
            of_kind = kinds.get(id(notice)) or kinds[notice.why, notice.severity]
            if len(of_kind) <= MOST_APART:
                self._tell(notice, now)
            elif notice is of_kind[0]:
                self._gather(of_kind, now)
        return bool(untold)

    def _gather(self, notices: list[Notice], now: Now) -> None:
        """Tell many things by one notice. Each counts as told, a few at a time."""
        incidents = {one.incident: one for one in notices if one.incident is not None}
        escalated = any(one.number in incidents and _is_escalated(one) for one in self.book.incidents)
        queued = self._queue(_of_many(notices), now, escalated=escalated)
        if queued is not None:
            notice_id, channels = queued
            self._gathered[notice_id] = (channels, frozenset(incidents))
            self._uncounted |= incidents

    def _count_some(self) -> bool:
        numbers = tuple(self._uncounted)[:MOST_A_TURN]
        for number in numbers:
            self._count(number)
        return bool(numbers)

    def _count(self, number: int) -> None:
        """Record that people were told of one incident, by a notice that told of many."""
        notice, now = self._uncounted.pop(number), self._ports.clock.now()
        event = telling.queued_event(notice, self._ports.new_id(), {}, (), now)
        self.book = book_of.after(self.book, event)
        self._ports.journal.post(event)

    def _tell(self, notice: Notice, now: Now) -> None:
        incident = None if notice.incident is None else self.book.numbered(notice.incident)
        queued = self._queue(notice, now, escalated=incident is not None and _is_escalated(incident))
        if queued is None and notice.incident is not None:
            self._nobody[notice.incident] = now.steady_ms

    def _queue(self, notice: Notice, now: Now, *, escalated: bool) -> tuple[str, int] | None:
        """Its id, and by how many channels it goes; None where it goes to nobody."""
        to = telling.targets(
            notice,
            self._rules,
            escalated=escalated,
            local=datetime.fromtimestamp(now.wall_ms / 1_000, self._zone),
        )
        incident = None if notice.incident is None else self.book.numbered(notice.incident)
        if notice.why is Why.REMINDER and incident is not None:
            pays = telling.worth_a_message(incident, self._rules, now)
            to = tuple(one for one in to if pays or one.channel not in self._rules.costly)
            to = self._not_behind(notice.incident, to)
        if not to:
            return None
        notice_id = self._ports.new_id()
        keys = {one.channel: self._ports.key_of(f"{notice_id}:{one.channel}") for one in to}
        event = telling.queued_event(notice, notice_id, keys, to, now)
        self.book = book_of.after(self.book, event)
        self._ports.journal.post(event)
        self._ports.postman.take(event)
        return notice_id, len(to)

    def _not_behind(self, incident: int | None, to: tuple[Target, ...]) -> tuple[Target, ...]:
        """Less those that have yet to take an earlier notice of the same: else they are flooded once they can."""
        waiting = self._ports.postman.outbox.waiting
        behind = {
            one.channel
            for one in waiting
            if one.told.incident == incident and (incident is not None or one.told.why is Why.REMINDER)
        }
        return tuple(one for one in to if one.channel not in behind) or to

    # -------------------------------------------------------- what operators say

    def lines(self) -> tuple[IncidentLine, ...]:
        """Every open incident, for the status."""
        return tuple(line_of(one) for one in self.book.open())

    async def open(self, by: str, severity: Severity, text: str, code: str = "") -> IncidentLine:
        """Open an incident by an operator's word. An S1 stops first; on return no send can begin.

        code: one of STOP_CODES, where it is a leaked key or an intrusion. Raises Permanent, and Transient where
        the journal refuses (the stop stands all the same).
        """
        said = words_of(text)
        now = self._ports.clock.now()
        what = msg("Reported by {by}: {text}", by=by, text=said)
        if code and severity is not Severity.S1:
            raise Permanent(msg("A leaked key or an intrusion is an S1: funds are at risk."))
        await self.work()
        # Two may report at once, and a stop takes a moment: each is a cause of its own.
        self._reported = max(self._reported, self.book.last_number) + 1
        sign = Sign((code or book_of.REPORTED, str(self._reported)), severity, _LEVELS[severity], what)
        if severity is Severity.S1:
            await self._ports.estop.trip(Cause(sign.key[0], sign.key[1], now, by, what))
            await self.work()  # the stop itself has opened it by now
            incident = self.book.about(sign.key)
        else:
            incident = None
        if incident is None:
            self._record(book_of.opened_event(self.book.last_number + 1, sign, now, by))
            incident = self.book.about(sign.key)
            await self.work()
        await self._keep()
        return line_of(_recorded(incident))

    async def acknowledge(self, number: int, by: str) -> IncidentLine:
        """Take an incident on: it is told no more while it is cared for. Raises Permanent, Transient."""
        await self.work()
        incident = self._open_one(number)
        if incident.stage is Stage.ACKNOWLEDGED and incident.by == by:
            await self._keep()  # the first time it may have failed
            return line_of(incident)
        if incident.stage is Stage.ACKNOWLEDGED:
            raise Permanent(msg("Incident {number} is taken on by {by} already.", number=number, by=incident.by))
        return await self._say(book_of.acknowledged_event(incident, by, self._ports.clock.now()), number)

    async def note(self, number: int, by: str, text: str) -> IncidentLine:
        """Leave a word. Raises Permanent, Transient."""
        await self.work()
        incident = self.book.numbered(number)
        if incident is None:
            raise unknown_incident(number)
        return await self._say(book_of.note_event(incident, by, words_of(text), self._ports.clock.now()), number)

    async def resolve(self, number: int, by: str, text: str) -> IncidentLine:
        """Close an incident. Raises Permanent where its condition is still found, Transient."""
        await self.work()
        incident = self._open_one(number)
        if incident.stands and incident.found and not incident.unconfirmed:
            raise Permanent(
                msg(
                    "Incident {number} is not over: {what} Put that right first; take it on meanwhile by: "
                    "ultrad incident ack {number}",
                    number=number,
                    what=incident.message,
                )
            )
        return await self._say(
            book_of.resolved_event(incident, by, words_of(text), self._ports.clock.now()), number
        )

    async def _say(self, event: Event, number: int) -> IncidentLine:
        """Record what an operator said, durably: they are told only then that it counts.

        What came before it was worked on before it: whatever stands behind it in the journal has followed from it.
        """
        self._record(event)
        await self.work()
        await self._keep()
        return line_of(_recorded(self.book.numbered(number)))

    async def _keep(self) -> None:
        """Wait for the disk. Raises Transient where it refuses or hangs: what was said counts all the same."""
        reason = msg("it did not answer within {seconds} s.", seconds=round(KEEP_S))
        with anyio.move_on_after(KEEP_S):
            try:
                await self._ports.journal.flush()
            except Transient as error:
                reason = error.message
            else:
                return
        raise Transient(
            msg(
                "It counts until a restart, and is not on the disk yet: it will be as soon as the journal writes "
                "again. The journal: {reason}",
                reason=reason,
            )
        )

    def _open_one(self, number: int) -> Incident:
        incident = self.book.numbered(number)
        if incident is None:
            raise unknown_incident(number)
        if not incident.is_open:
            raise Permanent(msg("Incident {number} is resolved by {by} already.", number=number, by=incident.by))
        return incident


_LEVELS = {Severity.S1: Level.EMERGENCY, Severity.S2: Level.ALERT, Severity.S3: Level.WARNING}


def _is_escalated(incident: Incident) -> bool:
    return incident.stage is Stage.ESCALATED


def _recorded(incident: Incident | None) -> Incident:
    if incident is None:
        raise AssertionError("an incident that was just recorded is not in the book")
    return incident


def _of_many(notices: list[Notice]) -> Notice:
    """One notice for many things that happened at once."""
    first = notices[0]
    named = tuple(one.title for one in notices[1:NAMED])
    return Notice(
        why=first.why,
        severity=first.severity,
        level=max(one.level for one in notices),
        title=msg("{count} things at once, the first of them: {first}", count=len(notices), first=first.title),
        lines=(*named, msg("All of them: ultrad incident list")),
    )
