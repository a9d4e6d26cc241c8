"""`ultrad simulate`."""

from collections.abc import Iterable

from ultrad.cli.session import Session
from ultrad.cli.view_outlook import supposed_view
from ultrad.core.whatif import Wish
from ultrad.core.wire import to_json
from ultrad.errors import Permanent
from ultrad.i18n import msg
from ultrad.operations import SimulateRequest


def simulate(session: Session) -> int:
    """Show what other prices and rates would make of the positions."""
    args = session.args
    wish = Wish(_named("--price", args.price), tuple(_rate(one) for one in args.borrow_rate))
    if not wish.prices and not wish.rates:
        raise Permanent(msg("Say what is to be supposed: --price SYMBOL=CHANGE, --borrow-rate RATE, or both."))
    if sum(not symbol for symbol, _ in wish.rates) > 1:
        raise Permanent(msg("--borrow-rate for all debts can be said once; others need their SYMBOL=."))
    found = session.client().simulate(SimulateRequest(wish, args.position))
    if args.json:
        session.screen.json({"positions": to_json(found)})
    else:
        session.screen.show(supposed_view(found))
    return 0


def _named(option: str, given: Iterable[str]) -> tuple[tuple[str, str], ...]:
    pairs = []
    for one in given:
        symbol, equals, change = one.partition("=")
        if not equals or not symbol or not change:
            raise Permanent(
                msg("{option} {given}: write SYMBOL=CHANGE, such as WETH=-20%", option=option, given=one)
            )
        pairs.append((symbol, change))
    return tuple(pairs)


def _rate(given: str) -> tuple[str, str]:
    symbol, equals, rate = given.rpartition("=")
    return (symbol, rate) if equals else ("", given)
