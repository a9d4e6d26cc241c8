"""What the daemon does with checklists, without its journal."""

from ultrad.core import procedure as of
from ultrad.core.events import Event
from ultrad.core.procedure import Answer, Kind, Opening, Procedures, Verdict
from ultrad.operations import Person, ProcedureAnswer, ProcedureRequest
from ultrad.units import Now


class Keeper:
    """Stands behind `FakeOperations.follow`. running: the tags that the daemon says it runs with."""

    def __init__(self, now: Now) -> None:
        self.now = now
        self.book = Procedures()
        self.events: list[Event] = []
        self.running: tuple[tuple[str, str], ...] = ()

    def __call__(self, person: Person, request: ProcedureRequest) -> ProcedureAnswer:
        kind = Kind(request.kind)
        newest = self.book.newest(kind)
        if request.act == "begin":
            base = (*request.base, *self.running)
            opening = Opening(kind, request.text, request.items, base, request.incident)
            self._hear(of.begun_event(self.book, opening, person.name, self.now))
        elif request.act != "show":
            assert newest is not None
            said = Answer(request.answer) if request.act == "answer" else Verdict(request.answer)
            self._hear(
                of.answered_event(newest, request.item, said, person.name, request.text, self.now)
                if isinstance(said, Answer)
                else of.ended_event(newest, said, person.name, request.text, self.now)
            )
        return ProcedureAnswer(self.book.newest(kind), self.running)

    def _hear(self, event: Event) -> None:
        self.events.append(event)
        self.book = of.after(self.book, event)
