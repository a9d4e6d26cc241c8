"""`ultrad resume`."""

import sys

from ultrad.cli.screen import BAD, DIM, GOOD, Cell, Section, View
from ultrad.cli.session import Session
from ultrad.core.checklist import Line, Mark
from ultrad.errors import EXIT_FAILED, EXIT_USAGE
from ultrad.i18n import Message, msg
from ultrad.operations import ResumeRequest


def resume(session: Session) -> int:
    """Ask, and show the checklist; 0 where the stop is lifted, or now waits for the second person."""
    args, screen = session.args, session.screen
    if len(args.waive) != len(args.reason):
        screen.complain(msg("Each --waive NAME needs its own --reason TEXT after it."))
        return EXIT_USAGE
    answer = session.client().resume(
        ResumeRequest(
            cause=args.cause,
            rollback=args.rollback,
            staging=args.staging_passed,
            backups=args.backups_sound,
            confirm=args.confirm,
            waive=tuple(zip(args.waive, args.reason, strict=True)),
        )
    )
    if answer.lines:
        head = (msg("Line"), msg("Stands"), msg("What it says"))
        rows = tuple((Cell(line.name), _mark(line), Cell(line.message)) for line in answer.lines)
        screen.show(View((), "", (Section(msg("Checklist"), head, rows),)))
        screen.say("")
    if answer.done or answer.confirm_id:
        screen.say(answer.message)
        return 0
    sys.stdout.flush()  # what is refused stands after its checklist, also where both go into one file
    screen.complain(answer.message)
    return EXIT_FAILED


def _mark(line: Line) -> Cell:
    if line.mark is Mark.FAIL and line.waivable:
        return Cell(msg("FAIL (may be waived)"), BAD)
    return mark_cell(line.mark)


def mark_cell(mark: Mark) -> Cell:
    """How a line of a checklist stands, for people."""
    match mark:
        case Mark.PASS:
            return Cell(msg("pass"), GOOD)
        case Mark.FAIL:
            return Cell(msg("FAIL"), BAD)
        case Mark.ASK:
            return Cell(msg("a person must say"), "bold yellow")
        case Mark.WAIVED:
            return Cell(_waived(), DIM)


def _waived() -> Message:
    return msg("waived")
