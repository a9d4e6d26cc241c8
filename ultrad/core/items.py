"""How an item of a checklist stands, by what was said of it and by what is seen."""

from dataclasses import dataclass

from ultrad.core.checklist import Mark
from ultrad.core.procedure import ANSWER_WORDS, SETTLED, Answer, Answered, Procedure
from ultrad.i18n import Message, msg


@dataclass(frozen=True, slots=True)
class ItemLine:
    """One item of the checklist, for people. answered: what was said of it, if anything."""

    name: str
    mark: Mark
    message: Message
    answered: Answered | None = None

    @property
    def is_settled(self) -> bool:
        """Whether it was settled before this look."""
        return self.answered is not None and self.answered.answer in SETTLED


def stand(procedure: Procedure, name: str, mark: Mark, message: Message) -> ItemLine:
    """mark, message: as it is seen now.

    What a person said stands; what was checked stands until it is seen to be otherwise.
    """
    answered = procedure.answered(name)
    line = ItemLine(name, mark, message, answered)
    if answered is None:
        return line
    if line.is_settled and answered.answer is not Answer.CHECKED:
        return ItemLine(name, Mark.PASS, _said(answered), answered)
    if mark is Mark.PASS or (line.is_settled and mark is Mark.FAIL):
        return line
    return ItemLine(name, Mark.PASS if line.is_settled else Mark.FAIL, _said(answered), answered)


def _said(one: Answered) -> Message:
    said = msg("{answer} ({by})", answer=ANSWER_WORDS[one.answer], by=one.by)
    return msg("{said}: {text}", said=said, text=one.text) if one.text else said
