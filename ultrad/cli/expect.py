"""`ultrad expect`."""

from decimal import Decimal, InvalidOperation

from ultrad.cli.session import Session
from ultrad.core.wire import to_json
from ultrad.errors import EXIT_USAGE
from ultrad.i18n import msg
from ultrad.operations import ExpectRequest
from ultrad.units import USD

MOST_USD = Decimal(10**12)


def expect(session: Session) -> int:
    """Announce one act by hand. It covers one transaction, mined from now on."""
    args, screen = session.args, session.screen
    most = None
    if args.max_usd is not None and (most := _e8(args.max_usd)) is None:
        screen.complain(msg("--max-usd {given}: give an amount of US dollars, 0 or more.", given=args.max_usd))
        return EXIT_USAGE
    told = session.client().expect(ExpectRequest(args.kind, args.reason, args.minutes, most))
    if args.json:
        screen.json(to_json(told))
    else:
        minutes = told.left_ms // 60_000
        screen.say(
            msg(
                "Announced: the first act that fits ({kind}) within {minutes} minutes.",
                kind=told.kind,
                minutes=minutes,
            ),
            msg("A second one trips the stop: announce each transaction by itself, an approval too."),
        )
    return 0


def _e8(text: str) -> int | None:
    """Dollars as USD × 10^8, cut to what that can hold."""
    try:
        amount = Decimal(text)
    except InvalidOperation:
        return None
    return int(amount * USD) if amount.is_finite() and 0 <= amount <= MOST_USD else None
