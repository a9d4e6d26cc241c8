"""What the commands around checklists share: saying something of an item, and showing how all of them stand."""

import os

from ultrad.cli.resume import mark_cell
from ultrad.cli.screen import Cell, Section
from ultrad.cli.session import Session
from ultrad.core.checklist import Mark
from ultrad.core.events import Json
from ultrad.core.items import ItemLine
from ultrad.core.procedure import Answer
from ultrad.i18n import msg
from ultrad.operations import ProcedureAnswer, ProcedureRequest


def answer(session: Session, kind: str, told: ProcedureAnswer) -> ProcedureAnswer:
    """Say what the options say."""
    args = session.args
    for items, meant in (
        (args.done, Answer.DONE),
        (args.not_needed, Answer.NOT_NEEDED),
        (args.failed, Answer.FAILED),
    ):
        for item in items:
            told = say(session, kind, item, meant, args.text)
    return told


def say(session: Session, kind: str, item: str, meant: Answer, text: str) -> ProcedureAnswer:
    """Say something of one item."""
    said = signed(session, text)
    return session.client().procedure(ProcedureRequest("answer", kind, item=item, answer=meant.value, text=said))


def signed(session: Session, text: str) -> str:
    """With whom sudo names: to the kernel, and so to the daemon, it is root."""
    user = session.environ.get("SUDO_USER") if os.geteuid() == 0 else None
    return f"{text} (sudo: {user})".strip() if user else text


def checked(session: Session, kind: str, told: ProcedureAnswer, lines: tuple[ItemLine, ...]) -> ProcedureAnswer:
    """Record what was found to be so, and what no longer is."""
    for line in lines:
        text = session.screen.text(line.message)
        if line.mark is Mark.PASS and not line.is_settled:
            told = say(session, kind, line.name, Answer.CHECKED, text)
        elif line.mark is Mark.FAIL and line.is_settled:
            told = say(session, kind, line.name, Answer.FAILED, text)
    return told


def section(lines: tuple[ItemLine, ...]) -> Section:
    """All of them, for people."""
    head = (msg("Item"), msg("Stands"), msg("What it says"))
    rows = tuple((Cell(line.name), mark_cell(line.mark), Cell(line.message)) for line in lines)
    return Section(msg("Checklist"), head, rows)


def items_json(lines: tuple[ItemLine, ...]) -> list[Json]:
    """The same for programs."""
    return [{"name": one.name, "mark": one.mark.value, "says": str(one.message)} for one in lines]
