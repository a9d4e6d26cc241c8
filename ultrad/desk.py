"""Incidents at work: what the journal hears becomes incidents, and these become notices.

It works on what was handed to the journal, after it: a trip waits for nothing here.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import cast

import anyio

from ultrad.core import incidents as book_of
from ultrad.core import telling
from ultrad.core.estop import Cause, Mode, Step
from ultrad.core.events import Event, Level, Severity
from ultrad.core.incidents import Act, Book, Incident, Stage
from ultrad.core.signs import Sign
from ultrad.core.status import IncidentLine
from ultrad.core.telling import Notice, Target, TellRules, Why
from ultrad.errors import Permanent
from ultrad.estop import Estop
from ultrad.i18n import msg
from ultrad.ports import Clock, Journal, Turned
from ultrad.postman import Postman
from ultrad.units import Now

TICK_S = 1.0
BREATH_S = 0.05
"""What was heard is looked at only so much later: a trip under way has the loop to itself until then."""
MAX_HEARD = 20_000
"""More events than the journal itself lets wait."""
MAX_TEXT = 2_000
"""What an operator says at once: as much as fits into a notice."""
_HEARD = ("finding.", "estop.", "notice.given_up")
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
        self._reported = 0
        self.book = book

    # -------------------------------------------------------- in

    def take(self, event: Event) -> None:
        """Hear of an event. Never waits, never fails."""
        if event.kind.startswith(_HEARD) and event.kind not in _NOT_TOLD:
            self._heard.append(event)
            self._wake.set()

    async def run(self, turned: Turned) -> None:
        """Make incidents of what was heard, and tell again what nobody has answered, for ever."""
        while True:
            with anyio.move_on_after(TICK_S):
                await self._wake.wait()
            self._wake = anyio.Event()
            await anyio.sleep(BREATH_S)
            self.work()
            turned()

    def work(self) -> None:
        """Everything that is to be done now."""
        while self._heard:
            event = self._heard.popleft()
            for follows in (*book_of.follow(self.book, event), *self._after_stop(event)):
                self._record(follows)
            self._tell_all(telling.notices_of(self.book, self.book, event, self._rules, self._zone), event.now)
        self._by_the_clock()

    def _after_stop(self, event: Event) -> tuple[Event, ...]:
        if event.kind not in {Step.RESUME, Step.OVERRIDE_END}:
            return ()
        people = event.data.get("by")
        by = ", ".join(str(one) for one in people) if isinstance(people, list) else ""
        return book_of.after_resume(self.book, by, event.now)

    def _by_the_clock(self) -> None:
        now = self._ports.clock.now()
        self._started = self._started or now
        for incident in telling.forgotten(self.book, now.steady_ms - self._started.steady_ms):
            self._record(book_of.over_event(incident, now))
        for incident in telling.due(self.book, self._rules, self._ports.postman.outbox.unheard(), now):
            if telling.escalates(incident, self._rules):
                self._record(book_of.escalated_event(incident, now))
            else:
                self._tell(telling.reminder(incident, self._zone), now)

    # -------------------------------------------------------- what follows

    def _record(self, event: Event) -> None:
        before, self.book = self.book, book_of.after(self.book, event)
        self._ports.journal.post(event)
        if event.kind == Act.RESOLVE:
            self._ports.postman.settle(cast("int", event.data["incident"]), event.now)
        stop = self._ports.estop.state
        causes = frozenset((one.code, one.subject) for one in stop.causes if stop.mode is Mode.ON)
        self._tell_all(telling.notices_of(before, self.book, event, self._rules, self._zone, causes), event.now)

    def _tell_all(self, notices: tuple[Notice, ...], now: Now) -> None:
        for notice in notices:
            self._tell(notice, now)

    def _tell(self, notice: Notice, now: Now) -> None:
        incident = None if notice.incident is None else self.book.numbered(notice.incident)
        to = telling.targets(
            notice,
            self._rules,
            escalated=incident is not None and incident.stage is Stage.ESCALATED,
            local=datetime.fromtimestamp(now.wall_ms / 1_000, self._zone),
        )
        if notice.why is Why.REMINDER and incident is not None:
            pays = telling.worth_a_message(incident, self._rules, now)
            to = tuple(one for one in to if pays or one.channel not in self._rules.costly)
            to = self._not_behind(notice.incident, to)
        if not to:
            return
        notice_id = self._ports.new_id()
        keys = {one.channel: self._ports.key_of(f"{notice_id}:{one.channel}") for one in to}
        event = telling.queued_event(notice, notice_id, keys, to, now)
        self.book = book_of.after(self.book, event)
        self._ports.journal.post(event)
        self._ports.postman.take(event)

    def _not_behind(self, incident: int | None, to: tuple[Target, ...]) -> tuple[Target, ...]:
        """Less those that have yet to take an earlier notice of the same: else they are flooded once they can."""
        waiting = self._ports.postman.outbox.waiting
        behind = {one.channel for one in waiting if one.told.incident == incident}
        return tuple(one for one in to if one.channel not in behind) or to

    # -------------------------------------------------------- what operators say

    def lines(self) -> tuple[IncidentLine, ...]:
        """Every open incident, for the status."""
        return tuple(_line(one) for one in self.book.open())

    async def open(self, by: str, severity: Severity, text: str, code: str = "") -> IncidentLine:
        """Open an incident by an operator's word. An S1 stops first; on return no send can begin.

        code: one of STOP_CODES, where it is a leaked key or an intrusion. Raises Permanent, and Transient where
        the journal refuses (the stop stands all the same).
        """
        said = _said(text)
        now = self._ports.clock.now()
        what = msg("Reported by {by}: {text}", by=by, text=said)
        if code and severity is not Severity.S1:
            raise Permanent(msg("A leaked key or an intrusion is an S1: funds are at risk."))
        # Two may report at once, and a stop takes a moment: each is a cause of its own.
        self._reported = max(self._reported, self.book.last_number) + 1
        sign = Sign((code or book_of.REPORTED, str(self._reported)), severity, _LEVELS[severity], what)
        if severity is Severity.S1:
            await self._ports.estop.trip(Cause(sign.key[0], sign.key[1], now, by, what))
            self.work()  # the stop itself has opened it by now
            incident = self.book.about(sign.key)
        else:
            incident = None
        if incident is None:
            self._record(book_of.opened_event(self.book.last_number + 1, sign, now, by))
            incident = self.book.about(sign.key)
        await self._ports.journal.flush()
        return _line(incident)

    async def acknowledge(self, number: int, by: str) -> IncidentLine:
        """Take an incident on: it is told no more while it is cared for. Raises Permanent, Transient."""
        incident = self._open_one(number)
        if incident.stage is Stage.ACKNOWLEDGED and incident.by == by:
            return _line(incident)
        if incident.stage is Stage.ACKNOWLEDGED:
            raise Permanent(msg("Incident {number} is taken on by {by} already.", number=number, by=incident.by))
        return await self._say(book_of.acknowledged_event(incident, by, self._ports.clock.now()), number)

    async def note(self, number: int, by: str, text: str) -> IncidentLine:
        """Leave a word. Raises Permanent, Transient."""
        incident = self.book.numbered(number)
        if incident is None:
            raise _unknown(number)
        return await self._say(book_of.note_event(incident, by, _said(text), self._ports.clock.now()), number)

    async def resolve(self, number: int, by: str, text: str) -> IncidentLine:
        """Close an incident. Raises Permanent where its condition is still found, Transient."""
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
        return await self._say(book_of.resolved_event(incident, by, _said(text), self._ports.clock.now()), number)

    async def _say(self, event: Event, number: int) -> IncidentLine:
        """Record what an operator said, durably: they are told only then that it counts."""
        self._record(event)
        await self._ports.journal.flush()
        return _line(self.book.numbered(number))

    def _open_one(self, number: int) -> Incident:
        incident = self.book.numbered(number)
        if incident is None:
            raise _unknown(number)
        if not incident.is_open:
            raise Permanent(msg("Incident {number} is resolved by {by} already.", number=number, by=incident.by))
        return incident


_LEVELS = {Severity.S1: Level.EMERGENCY, Severity.S2: Level.ALERT, Severity.S3: Level.WARNING}


def _line(incident: Incident | None) -> IncidentLine:
    if incident is None:
        raise AssertionError("an incident that was just recorded is not in the book")
    return IncidentLine(
        number=incident.number,
        severity=incident.severity,
        stage=incident.stage,
        code=incident.key[0],
        subject=incident.key[1],
        since_ms=incident.opened.wall_ms,
        message=incident.message,
        stands=incident.stands and not incident.unconfirmed,
        by=incident.by,
    )


def _said(text: str) -> str:
    said = " ".join(text.split())
    if not said:
        raise Permanent(msg("Say it in words: --text TEXT. It stands in the journal for those who come after."))
    if len(said) > MAX_TEXT:
        raise Permanent(msg("Say it in at most {limit} characters.", limit=MAX_TEXT))
    return said


def _unknown(number: int) -> Permanent:
    return Permanent(msg("There is no incident {number}. `ultrad incident list` shows them.", number=number))
