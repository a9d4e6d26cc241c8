"""Lifting the stop: the checklist, the waivers, and in production the second person.

A request that a second person has to confirm gets an ID. It lives EstopRules.resume_id_ms of steady time, and dies
with any new cause, change of mode or of the limits: what was looked at then is no longer what stands.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from ultrad.core.checklist import Line, checklist, refused_waiver, unmet, waived
from ultrad.core.estop import Cause, EstopState, Mode
from ultrad.core.events import Event, Json, Level
from ultrad.core.limits import Limits
from ultrad.core.messages import message_json
from ultrad.core.resume_facts import ResumeFacts
from ultrad.errors import Transient
from ultrad.estop import Estop
from ultrad.i18n import Message, msg
from ultrad.operations import Person, ResumeAnswer, ResumeRequest
from ultrad.ports import Clock, Journal
from ultrad.units import Now

MAX_WRONG_IDS = 10
"""So many wrong IDs look like guessing: then every ID dies."""
MAX_PENDING = 20
"""More people than ever wait at once; the oldest request gives way."""
MAX_TEXT = 500
"""Characters of a cause or a reason: a sentence or three; the rest belongs into the incident's report."""
ROOT_UID = 0
_ID_BYTES = 5
"""40 bits: with MAX_WRONG_IDS guesses for each request, out of reach, and still short enough to read out."""


def random_id() -> str:
    """An ID nobody can guess, made to be read out: two groups of five of hex digits."""
    text = secrets.token_hex(_ID_BYTES)
    return f"{text[:5]}-{text[5:]}"


@dataclass(frozen=True, slots=True)
class People:
    """Who may lift the stop.

    two: it takes two different persons (production). identified: root and the service's own user are nobody
    (everywhere but on the devnet). resumers: the login names of those who may; empty where everybody may.
    login_of: a user's login name for a uid, as the host knows it at that moment.
    """

    two: bool
    identified: bool
    service_uid: int
    resumers: frozenset[str] = frozenset()
    login_of: Callable[[int], str | None] = lambda _: None


@dataclass(frozen=True, slots=True)
class ResumePorts:
    """What a resume works on. facts: what the daemon knows at this moment. new_id: see `random_id`."""

    estop: Estop
    journal: Journal
    clock: Clock
    facts: Callable[[], ResumeFacts]
    new_id: Callable[[], str]


@dataclass(frozen=True, slots=True)
class _Pending:
    """A request that waits for its second person, the stop as it was then, and what it was held against."""

    person: Person
    request: ResumeRequest
    at: Now
    mode: Mode
    causes: tuple[Cause, ...]
    measure: tuple[Limits, int]


class Resume:
    """The one way to lift the stop that covers every cause."""

    def __init__(self, ports: ResumePorts, people: People) -> None:
        """Nothing is pending: IDs do not survive a restart."""
        self._ports = ports
        self._estop = ports.estop
        self._people = people
        self._pending: dict[str, _Pending] = {}
        self._wrong_ids = 0

    async def ask(self, person: Person, request: ResumeRequest) -> ResumeAnswer:
        """Go through the checklist and lift the stop where it passes, or say what stands against it.

        Raises Transient where the journal refuses: nothing has changed then.
        """
        self._forget_the_dead()
        refusal = self.refuses(person) or _too_long(request)
        if refusal is None and self._estop.state.mode is Mode.OFF:
            refusal = msg("The stop is OFF already: there is nothing to resume.")
        if refusal is not None:
            return await self._refuse(person, refusal)
        if request.confirm:
            return await self._confirm(person, request)
        if not self._people.two:
            return await self._lift((person,), request, request.waive)
        return await self._ask_for_second(person, request)

    def refuses(self, person: Person) -> Message | None:
        """Why this person may not lift a stop, nor do what is as grave; None where they may."""
        return self._not_a_person(person) or self._not_a_resumer(person)

    # -------------------------------------------------------- the first person

    async def _ask_for_second(self, person: Person, request: ResumeRequest) -> ResumeAnswer:
        lines = self._lines((person,), request)
        if request.waive:
            refusal = msg(
                "Here a waiver counts only from the second person: leave yours out; whoever confirms gives theirs."
            )
            return await self._refuse(person, refusal, lines)
        if any(not line.waivable and line.name != "people" for line in unmet(lines)):
            return await self._refuse(person, _not_passed(), lines)
        new_id = self._ports.new_id()
        state = self._estop.state
        self._drop_for(person)
        now, measure = self._ports.clock.now(), self._measure()
        self._pending[new_id] = _Pending(person, request, now, state.mode, state.causes, measure)
        message = msg(
            "Within {minutes} minutes a second person runs: ultrad resume --confirm {id}. A new cause ends it.",
            minutes=self._estop.rules.resume_id_ms // 60_000,
            id=new_id,
        )
        to_waive = ", ".join(line.name for line in unmet(lines) if line.waivable)
        if to_waive:
            message = msg(
                "{message} They must waive, each with a reason, what still fails then: {names}.",
                message=message,
                names=to_waive,
            )
        try:
            # The ID itself stays out of the record: whoever can read the journal could confirm with it.
            await self._record("resume.requested", person, msg("{who} asks to resume.", who=person.name), lines)
        except Transient:
            self._pending.pop(new_id, None)
            raise
        return ResumeAnswer(done=False, lines=lines, message=message, confirm_id=new_id)

    def _drop_for(self, person: Person) -> None:
        """Make room: a person's new request replaces their own."""
        self._pending = {key: one for key, one in self._pending.items() if one.person.uid != person.uid}
        while len(self._pending) >= MAX_PENDING:
            del self._pending[next(iter(self._pending))]

    # -------------------------------------------------------- the second person

    async def _confirm(self, person: Person, request: ResumeRequest) -> ResumeAnswer:
        pending = self._pending.get(request.confirm.strip())
        if pending is None:
            return await self._refuse(person, self._wrong_id())
        if pending.person.uid == person.uid:
            return await self._refuse(person, msg("This is your own request: another person has to confirm it."))
        return await self._lift((pending.person, person), pending.request, request.waive)

    def _wrong_id(self) -> Message:
        self._wrong_ids += 1
        if self._wrong_ids >= MAX_WRONG_IDS:
            self._wrong_ids = 0
            self._pending.clear()
            return msg(
                "{count} wrong IDs: every ID is void now. Find out who guessed, then run `ultrad resume` anew.",
                count=MAX_WRONG_IDS,
            )
        return msg(
            "There is no such ID: mistyped, older than {minutes} minutes, or ended by a new cause, changed "
            "limits, a newer request or a restart. Run `ultrad resume` anew.",
            minutes=self._estop.rules.resume_id_ms // 60_000,
        )

    # -------------------------------------------------------- lifting

    async def _lift(
        self, people: tuple[Person, ...], said: ResumeRequest, waive: tuple[tuple[str, str], ...]
    ) -> ResumeAnswer:
        """With the last of `people` at the command, whose waivers count."""
        person = people[-1]
        state = self._estop.state
        plain = self._lines(people, said)
        if (refusal := refused_waiver(plain, waive)) is not None:
            return await self._refuse(person, refusal, plain)
        lines = waived(plain, waive, person.name)
        if unmet(lines):
            return await self._refuse(person, _not_passed(), lines)

        def holds() -> Message | None:
            if not _same_stop(self._estop.state, state.mode, state.causes):
                return msg("A new cause came in between: the stop stays ON.")
            now_unmet = unmet(waived(self._lines(people, said), waive, person.name))
            return now_unmet[0].message if now_unmet else None

        by = tuple(one.name for one in people)
        obstacle = await self._estop.resume(by, _json(lines), holds)
        if obstacle is not None:
            return await self._refuse(person, obstacle, self._lines(people, said))
        self._pending.clear()
        self._wrong_ids = 0
        message = msg(
            "The stop is lifted. The watch is closer for {minutes} minutes: stay with it.",
            minutes=self._estop.rules.closer_watch_ms // 60_000,
        )
        return ResumeAnswer(done=True, lines=lines, message=message)

    def _lines(self, people: tuple[Person, ...], said: ResumeRequest) -> tuple[Line, ...]:
        names = tuple(one.name for one in people)
        return checklist(self._ports.facts(), said, names, production=self._people.two)

    # -------------------------------------------------------- refusing

    def _not_a_person(self, person: Person) -> Message | None:
        if not self._people.identified or person.uid not in {ROOT_UID, self._people.service_uid}:
            return None
        return msg(
            "The user {name} (uid {uid}) is nobody in particular: log in under your own name to resume.",
            name=person.name,
            uid=person.uid,
        )

    def _not_a_resumer(self, person: Person) -> Message | None:
        """Anybody who reaches the control socket may stop; both who lift a stop are asked here."""
        resumers = self._people.resumers
        if not resumers or self._people.login_of(person.uid) in resumers:
            return None
        return msg(
            "{name} may stop, but is not among those who may lift a stop (estop.resumers): {resumers}.",
            name=person.name,
            resumers=", ".join(sorted(resumers)),
        )

    def _forget_the_dead(self) -> None:
        """IDs that are too old, or whose stop, or limits, are no longer those that were looked at."""
        if not self._pending:
            return
        now, state, measure = self._ports.clock.now(), self._estop.state, self._measure()
        self._pending = {
            key: one
            for key, one in self._pending.items()
            if now.steady_ms - one.at.steady_ms < self._estop.rules.resume_id_ms
            and _same_stop(state, one.mode, one.causes)
            and one.measure == measure
        }

    def _measure(self) -> tuple[Limits, int]:
        facts = self._ports.facts()
        return facts.limits, facts.look_back_ms

    async def _refuse(self, person: Person, message: Message, lines: tuple[Line, ...] = ()) -> ResumeAnswer:
        await self._record(
            "resume.refused", person, msg("{who} may not resume. {why}", who=person.name, why=message), lines
        )
        return ResumeAnswer(done=False, lines=lines, message=message)

    async def _record(self, kind: str, person: Person, message: Message, lines: tuple[Line, ...]) -> None:
        data: dict[str, Json] = {"by": person.name, "uid": person.uid, "checklist": _json(lines)}
        await self._ports.journal.append(Event(kind, Level.WARNING, self._ports.clock.now(), message, data))


def _same_stop(state: EstopState, mode: Mode, causes: tuple[Cause, ...]) -> bool:
    """Whether nothing tripped since. By identity: a stop in the same millisecond and words is another."""
    return state.mode is mode and state.causes is causes


def _not_passed() -> Message:
    return msg("The stop stays ON: the checklist is not passed. Deal with each line marked fail or ask.")


def _too_long(request: ResumeRequest) -> Message | None:
    texts = (request.cause, request.confirm, *(text for pair in request.waive for text in pair))
    if any(len(text) > MAX_TEXT for text in texts):
        return msg("Say it in at most {limit} characters.", limit=MAX_TEXT)
    return None


def _json(lines: tuple[Line, ...]) -> list[Json]:
    """The checklist as it stands in the journal."""
    return [{"name": line.name, "mark": line.mark.value, "message": message_json(line.message)} for line in lines]
