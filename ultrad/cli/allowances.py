"""`ultrad allowances` and `ultrad allowances revoke`."""

from ultrad.cli.screen import View
from ultrad.cli.session import Session
from ultrad.cli.view_trade import allowances_section
from ultrad.core.wire import to_json
from ultrad.i18n import msg
from ultrad.operations import RevokeRequest


def show(session: Session) -> int:
    """What is allowed now, as the chain says."""
    screen, told = session.screen, session.client().allowances()
    if session.args.json:
        screen.json(to_json(told))
        return 0
    standing, block = told.found.standing(), told.found.block.number
    if standing:
        screen.show(View((), "", (allowances_section(standing),)))
    else:
        assets = ", ".join(dict.fromkeys(one.symbol for one in told.found.allowances))
        screen.say(msg("Nothing is allowed to anybody (block {block}, {assets}).", block=block, assets=assets))
    if told.busy:
        screen.say(msg("{names} is under way: what it uses is not left over.", names=", ".join(told.busy)))
    elif standing:
        screen.say(msg("Nothing needs it (block {block}). Take it back: ultrad allowances revoke", block=block))
    return 0


def revoke(session: Session) -> int:
    """Take it back. What becomes of it is told by `ultrad signals`."""
    screen = session.screen
    begun = session.client().revoke(RevokeRequest(session.args.asset))
    if session.args.json:
        screen.json({"revocations": to_json(begun)})
        return 0
    for one in begun:
        screen.say(msg("Taken: {id}. What becomes of it: ultrad signals", id=one.intent))
    return 0
