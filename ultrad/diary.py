"""What people write into the journal by hand: notes, and how far their checklists are."""

from collections.abc import Callable, Mapping

import anyio

from ultrad.core import procedure as of
from ultrad.core.events import Event, Json, Level
from ultrad.core.procedure import Answer, Kind, Opening, Procedure, Procedures, Verdict, words
from ultrad.desk import Desk
from ultrad.errors import Permanent, Transient
from ultrad.i18n import Message, msg
from ultrad.operations import Person, ProcedureAnswer, ProcedureRequest
from ultrad.ports import Clock, Journal
from ultrad.units import Now

NOTE = "note"
KEEP_S = 10.0
"""How long whoever says something waits for the disk."""


class Diary:
    """Notes and procedures."""

    def __init__(
        self,
        journal: Journal,
        clock: Clock,
        desk: Callable[[], Desk],
        book: Procedures,
        running: Mapping[str, str],
    ) -> None:
        """book: as the journal tells it. running: tags of the secrets that this process runs with."""
        self._journal, self._clock, self._desk = journal, clock, desk
        self._running = running
        self.book = book

    async def note(self, person: Person, text: str) -> None:
        """Leave a word for the others. Raises Permanent, Transient."""
        said = words(text)
        message = msg("Note of {by}: {text}", by=person.name, text=said)
        data: dict[str, Json] = {"by": person.name, "uid": person.uid, "text": said}
        await self._keep(Event(NOTE, Level.INFO, self._clock.now(), message, data))

    async def ask(self, person: Person, request: ProcedureRequest) -> ProcedureAnswer:
        """Begin, answer, end or show a procedure; on return it is durable. Raises Permanent, Transient."""
        try:
            kind = Kind(request.kind)
        except ValueError:
            raise Permanent(msg("There is no checklist of that name: {name}", name=request.kind)) from None
        match request.act:
            case "show":
                pass
            case "begin":
                await self._begin(person, kind, request)
            case "answer":
                await self._record(self._answer(person, self._open(kind), request))
            case "end":
                await self._end(person, self._open(kind), request)
            case _:
                raise Permanent(msg("A checklist can be begun, answered, ended and shown."))
        return ProcedureAnswer(self.book.newest(kind), tuple(sorted(self._running.items())))

    def after_leak(self, leak: Now) -> tuple[bool, Message]:
        """See `ultrad.core.procedure.after_leak`."""
        return of.after_leak(self.book, leak)

    # -------------------------------------------------------- what is said

    async def _begin(self, person: Person, kind: Kind, request: ProcedureRequest) -> None:
        base = (*request.base, *sorted(self._running.items()))
        opening = Opening(kind, request.text, request.items, base, request.incident)
        event = of.begun_event(self.book, opening, person.name, self._clock.now())
        if request.incident is not None:  # refused before anything is recorded, where there is no such incident
            text = str(event.message)[: of.MOST_TEXT]
            await self._desk().note(request.incident, person.name, text)
        await self._record(event)

    def _answer(self, person: Person, one: Procedure, request: ProcedureRequest) -> Event:
        try:
            answer = Answer(request.answer)
        except ValueError:
            known = ", ".join(each.value for each in Answer)
            raise Permanent(msg("An answer is one of: {answers}", answers=known)) from None
        return of.answered_event(one, request.item, answer, person.name, request.text, self._clock.now())

    async def _end(self, person: Person, one: Procedure, request: ProcedureRequest) -> None:
        try:
            verdict = Verdict(request.answer)
        except ValueError:
            raise Permanent(msg("It ends as complete, abandoned or failed.")) from None
        event = of.ended_event(one, verdict, person.name, request.text, self._clock.now())
        await self._record(event)
        if one.incident is not None:
            await self._desk().note(one.incident, person.name, str(event.message)[: of.MOST_TEXT])

    def _open(self, kind: Kind) -> Procedure:
        newest = self.book.newest(kind)
        if newest is None or not newest.is_open:
            raise Permanent(msg("No {kind} goes on: begin one.", kind=of.KIND_WORDS[kind]))
        return newest

    async def _record(self, event: Event) -> None:
        self.book = of.after(self.book, event)
        await self._keep(event)

    async def _keep(self, event: Event) -> None:
        """Write it down, and wait for the disk. Raises Transient where that hangs: it counts all the same."""
        self._journal.post(event)
        reason = msg("it did not answer within {seconds} s.", seconds=round(KEEP_S))
        with anyio.move_on_after(KEEP_S):
            try:
                await self._journal.flush()
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
