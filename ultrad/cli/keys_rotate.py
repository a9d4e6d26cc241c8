"""`ultrad keys rotate`: leads through the replacement of every key, and records who did what."""

import sys
from collections.abc import Callable

from ultrad import keycare
from ultrad.cli import procedures, record
from ultrad.cli.screen import BAD, NOTHING, Cell, Section, View
from ultrad.cli.session import Session
from ultrad.control_client import Unreachable
from ultrad.core import procedure as of
from ultrad.core import rotation
from ultrad.core.checklist import Mark
from ultrad.core.events import Json
from ultrad.core.items import ItemLine
from ultrad.core.procedure import Answer, Kind, Procedure, Verdict
from ultrad.core.rotation import SecretLook
from ultrad.errors import EXIT_FAILED, EXIT_USAGE, Permanent
from ultrad.i18n import Message, msg
from ultrad.operations import ProcedureAnswer, ProcedureRequest

KIND = Kind.ROTATION.value
Ask = Callable[[str], str]


def rotate(session: Session, ask: Ask = input) -> int:
    """0 where nothing is left to do, 1 where something is. ask: reads one answer; only where a person is there."""
    args, screen = session.args, session.screen
    try:
        old = dict(map(_pair, args.old))
    except ValueError:
        screen.complain(msg("--old takes KEY=FILE, as notion.token=/root/old-notion-token."))
        return EXIT_USAGE
    if args.status:
        return _status(session)
    client = session.client()
    if args.abandon:
        told = client.procedure(ProcedureRequest("end", KIND, answer=Verdict.ABANDONED.value, text=args.text))
        return _ended(session, told)
    care = _care(session, old)
    told = client.procedure(ProcedureRequest("show", KIND))
    if not (told.procedure and told.procedure.is_open):
        told = _begin(session, care)
    elif args.reason and not args.goes_on:
        raise Permanent(
            msg("A replacement goes on already (number {number}): --continue it.", number=told.procedure.number)
        )
    told = procedures.answer(session, KIND, told)
    told = procedures.checked(session, KIND, told, _lines(told, care))
    if sys.stdin.isatty() and not (args.done or args.not_needed or args.failed or args.json):
        told = _talk(session, told, care, ask)
    open_one = told.procedure
    if open_one is not None and open_one.is_open and not open_one.left():
        told = client.procedure(ProcedureRequest("end", KIND, answer=Verdict.COMPLETE.value))
        return _ended(session, told)
    return _show(session, told, care)


def _pair(given: str) -> tuple[str, str]:
    key, sign, file = given.partition("=")
    if not (key and sign and file):
        raise ValueError(given)
    return key, file


def _care(session: Session, old: dict[str, str]) -> keycare.Care:
    environ = keycare.surroundings(session.environ)
    return keycare.look(session.place.config, environ, old, ask=not session.args.offline)


def _begin(session: Session, care: keycare.Care) -> ProcedureAnswer:
    args = session.args
    if args.goes_on or not args.reason:
        raise Permanent(msg("No replacement goes on. Begin one: ultrad keys rotate --reason TEXT"))
    account = () if care.account is None else ((rotation.ACCOUNT, care.account),)
    return session.client().procedure(
        ProcedureRequest(
            "begin",
            KIND,
            items=rotation.items_of(care.keys()),
            base=account,
            incident=args.incident,
            text=procedures.signed(session, args.reason),
        )
    )


# ---------------------------------------------------------------- what is said


def _talk(session: Session, told: ProcedureAnswer, care: keycare.Care, ask: Ask) -> ProcedureAnswer:
    """Ask for each item that only a person can tell. Whoever breaks off goes on later."""
    screen = session.screen
    screen.say(msg("d: done · n: not needed · f: failed · Enter: later · q: enough for now"))
    for line in _lines(told, care):
        if line.mark is Mark.PASS:
            continue
        screen.say("", f"{line.name}", line.message)
        answer = _one_answer(screen.text(msg("Your answer:")), ask)
        if answer == "q":
            break
        meant = {"d": Answer.DONE, "n": Answer.NOT_NEEDED, "f": Answer.FAILED}.get(answer)
        if meant is None:
            continue
        text = "" if meant is Answer.DONE else ask(f"{screen.text(msg('Why:'))} ")
        try:
            told = procedures.say(session, KIND, line.name, meant, text)
        except Permanent as error:
            screen.complain(error.message)
    return told


def _one_answer(question: str, ask: Ask) -> str:
    try:
        return ask(f"{question} ").strip().lower()[:1]
    except EOFError:
        return "q"


# ---------------------------------------------------------------- what is shown


def _lines(told: ProcedureAnswer, care: keycare.Care) -> tuple[ItemLine, ...]:
    if told.procedure is None:
        return ()
    looks = {one.key: one for one in care.looks}
    return rotation.lines(told.procedure, looks, dict(told.running), care.account)


def _ended(session: Session, told: ProcedureAnswer) -> int:
    one = told.procedure
    if one is None:
        raise AssertionError("what has ended is known")
    if session.args.json:
        session.screen.json(_json(one, (), ()))
    else:
        session.screen.say(_summary(one, session))
    return 0


def _status(session: Session) -> int:
    """Without any look at a secret, and from the journal's file where the daemon is down."""
    try:
        one = session.client().procedure(ProcedureRequest("show", KIND)).procedure
    except Unreachable as error:
        session.screen.complain(error.message, msg("What follows is from the journal's file."))
        one = of.fold(record.from_file(session, ("procedure",))).newest(Kind.ROTATION)
    if one is None:
        session.screen.say(msg("No keys were replaced by this command yet."))
        return 0
    lines = rotation.lines(one, rotation.unseen(one), {}, None) if one.is_open else ()
    if session.args.json:
        session.screen.json(_json(one, lines, ()))
    else:
        _print(session, one, lines, ())
    return EXIT_FAILED if one.is_open else 0


def _show(session: Session, told: ProcedureAnswer, care: keycare.Care) -> int:
    one, lines = told.procedure, _lines(told, care)
    if one is None:
        raise AssertionError("it was begun")
    if session.args.json:
        session.screen.json(_json(one, lines, care.looks))
    else:
        _print(session, one, lines, care.looks)
        session.screen.say(
            "",
            msg("Next: do what is open, then `ultrad keys rotate --continue`; what only you know: --done ITEM"),
        )
    return EXIT_FAILED


def _print(session: Session, one: Procedure, lines: tuple[ItemLine, ...], looks: tuple[SecretLook, ...]) -> None:
    sections: list[Section] = []
    head: tuple[Message, ...]
    if looks:
        head = (msg("Secret"), msg("What it is"), msg("Where"), msg("Mode"), msg("Age"), msg("In order"))
        sections.append(Section(msg("Secrets"), head, tuple(map(_look, looks))))
    if lines:
        sections.append(procedures.section(lines))
    session.screen.show(View((Cell(_summary(one, session)),), "", tuple(sections)))


def _look(one: SecretLook) -> tuple[Cell, ...]:
    age = NOTHING if one.age_h is None else Cell(msg("{hours} h", hours=one.age_h))
    order = Cell(msg("yes")) if one.problem is None else Cell(one.problem, BAD)
    if one.hidden:
        order = NOTHING
    mode = Cell(one.mode) if one.mode else NOTHING
    return Cell(one.key), Cell(one.what), Cell(one.place), mode, age, order


def _summary(one: Procedure, session: Session) -> Message:
    begun = session.screen.when(one.begun.wall_ms)
    if one.ended is None:
        return msg(
            "Replacement {number}, begun by {by} at {time} ({reason}): {left} of {count} items are open.",
            number=one.number,
            by=one.by,
            time=begun,
            reason=one.reason,
            left=len(one.left()),
            count=len(one.items),
        )
    if one.verdict is Verdict.COMPLETE:
        return msg(
            "Replacement {number}, begun by {by} at {time}, is complete ({ended_by}, {ended}).",
            number=one.number,
            by=one.by,
            time=begun,
            ended_by=one.ended_by,
            ended=session.screen.when(one.ended.wall_ms),
        )
    return msg(
        "Replacement {number}, begun by {by} at {time}, was abandoned by {ended_by}: {text}",
        number=one.number,
        by=one.by,
        time=begun,
        ended_by=one.ended_by,
        text=one.text,
    )


def _json(one: Procedure, lines: tuple[ItemLine, ...], looks: tuple[SecretLook, ...]) -> Json:
    return {
        "number": one.number,
        "by": one.by,
        "reason": one.reason,
        "incident": one.incident,
        "open": one.is_open,
        "verdict": None if one.verdict is None else one.verdict.value,
        "left": list(one.left()),
        "items": procedures.items_json(lines),
        "secrets": [
            {
                "key": each.key,
                "place": each.place,
                "mode": each.mode,
                "age_h": each.age_h,
                "problem": None if each.problem is None else str(each.problem),
                "new": None if each.new is None else each.new.value,
                "old": None if each.old is None else each.old.value,
            }
            for each in looks
        ],
    }
