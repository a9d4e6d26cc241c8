"""`ultrad signal send` and `ultrad signals`."""

import uuid
from decimal import Decimal, InvalidOperation

from ultrad.cli.parser import MAX_LOG_ROWS
from ultrad.cli.screen import View
from ultrad.cli.session import Session
from ultrad.cli.view_trade import signals_section
from ultrad.control_client import Unreachable
from ultrad.core.wire import to_json
from ultrad.errors import EXIT_USAGE
from ultrad.i18n import msg


def send(session: Session) -> int:
    """Hand one in. Where no answer comes it may have been taken: the same id is never taken twice."""
    args, screen = session.args, session.screen
    number = _number(args.confidence)
    if number is None:
        screen.complain(msg("--confidence {given}: give a number from 0 to 100.", given=args.confidence))
        return EXIT_USAGE
    signal_id = args.id or f"op-{uuid.uuid4().hex[:12]}"
    wanted = {"id": signal_id, "action": args.action, "confidence": number, "reason": args.reason}
    try:
        taken = session.client().signal(wanted)
    except Unreachable:
        screen.complain(msg("To send it again without trading twice, add: --id {id}", id=signal_id))
        raise
    if args.json:
        screen.json(to_json(taken))
    else:
        screen.say(msg("Taken: {id}. What becomes of it: ultrad signals", id=taken.intent))
    return 0


def _number(text: str) -> int | float | None:
    """As JSON has it; whether it is in its range, the daemon says."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    if not number.is_finite():
        return None
    return int(number) if number == int(number) else float(number)


def show(session: Session) -> int:
    """What came, the newest first, and what became of each."""
    args, screen = session.args, session.screen
    if not 1 <= args.limit <= MAX_LOG_ROWS:
        screen.complain(msg("--limit {given}: give 1 to {most}.", given=args.limit, most=MAX_LOG_ROWS))
        return EXIT_USAGE
    found = session.client().signals(args.limit)
    if args.json:
        screen.json({"signals": to_json(found)})
    elif found:
        screen.show(View((), "", (signals_section(found, screen.when),)))
    else:
        screen.say(msg("No signal has come yet."))
    return 0
