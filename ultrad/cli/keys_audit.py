"""`ultrad keys audit`: the account's history on chain, held against the journal."""

import time
from collections.abc import Iterator
from dataclasses import replace

from ultrad.cli import record
from ultrad.cli.log import time_of
from ultrad.cli.screen import BAD, DIM, GOOD, NOTHING, Cell, Section, View
from ultrad.cli.session import Session
from ultrad.core import audit as core
from ultrad.core.audit import Leave, Line, Range, Result, Span, Standing
from ultrad.core.events import Json, Recorded
from ultrad.errors import EXIT_FAILED, EXIT_USAGE, Permanent
from ultrad.i18n import Message, msg

EXIT_INCOMPLETE = 4
"""Nothing strange was found, but not everything could be looked at."""
SAY_EVERY_S = 2.0
MOST_ALLOWANCE = 2**255
"""From here on an allowance is without end, for all that anybody owns."""
_STANDINGS = {
    Standing.NEW: Cell(msg("NOT OURS"), BAD),
    Standing.TOLD: Cell(msg("NOT OURS, told before"), BAD),
    Standing.ANNOUNCED: Cell(msg("announced"), GOOD),
}


def audit(session: Session) -> int:
    """0: all of it is ours or was announced. 1: something is not. 4: not everything could be looked at."""
    from ultrad import investigate  # noqa: PLC0415 - imports adapters

    args, screen = session.args, session.screen
    try:
        since_ms = time_of(args.since, session.place.zone, round(time.time() * 1_000))
    except Permanent as error:
        screen.complain(error.message)
        return EXIT_USAGE
    account = investigate.account_of(session.place.config, session.environ, args.position, args.rpc)
    known = _known(record.events(session, core.KINDS))
    if args.from_block is None and since_ms is None:
        since_ms = _beginning(session)
    asked = Range(args.from_block, None if since_ms is None else since_ms // 1_000)
    span = investigate.audit(account, known, asked, _Progress(session))
    # What was signed meanwhile is in the journal before it is on chain: read again, nothing of ours looks strange.
    found = core.result(span, _known(record.events(session, core.KINDS, again=True)), account.account)
    if args.json:
        screen.json(_json(span, found))
    else:
        _show(session, span, found)
    if found.strangers:
        return EXIT_FAILED
    return EXIT_INCOMPLETE if found.gaps else 0


def _known(events: tuple[Recorded, ...]) -> core.Known:
    try:
        return core.known(events)
    except (KeyError, TypeError, ValueError) as error:
        raise Permanent(
            msg(
                "The journal holds what ultrad never wrote ({error}). Run `ultrad audit verify`.",
                error=repr(error),
            )
        ) from error


def _beginning(session: Session) -> int:
    """When the journal begins: what was before is not in it."""
    first = record.first(session)
    if first is None:
        raise Permanent(msg("The journal is empty, so that nothing could be ours. Give --from-block or --since."))
    return first.event.now.wall_ms


class _Progress:
    """Says how far it has read, now and then."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._said_s = float("-inf")

    def __call__(self, at: int, first: int, last: int) -> None:
        now_s = time.monotonic()
        if now_s - self._said_s < SAY_EVERY_S and at < last:
            return
        self._said_s = now_s
        percent = 100 * (at - first + 1) // max(1, last - first + 1)
        self._session.screen.complain(
            msg("Read up to block {at} of {last} ({percent} %).", at=at, last=last, percent=percent)
        )


# ---------------------------------------------------------------- what is shown


def _show(session: Session, span: Span, found: Result) -> None:
    screen = session.screen
    sections: list[Section] = []
    head: tuple[Message, ...]
    if found.lines:
        head = (msg("Time"), msg("Block"), msg("Nonce"), msg("Stands"), msg("Transaction"), msg("What it did"))
        sections.append(
            Section(
                msg("Not sent by ultrad"), head, tuple(row for one in found.lines for row in _rows(session, one))
            )
        )
    if found.leaves:
        head = (msg("Spender"), msg("May take"), msg("Token"), msg("Stands"))
        sections.append(Section(msg("Allowances now"), head, tuple(map(_leave, found.leaves))))
    if found.gaps:
        rows = tuple((Cell(one.message, BAD),) for one in found.gaps)
        sections.append(Section(msg("Not looked at"), (), rows))
    screen.show(View((), "", tuple(sections)))
    screen.say(
        "",
        msg(
            "Blocks {first} ({first_time}) to {last} ({last_time}): {own} transactions of ours, {inflows} "
            "inflows, {liquidations} liquidations.",
            first=span.first.number,
            first_time=screen.when(span.first.time_s * 1_000),
            last=span.last.number,
            last_time=screen.when(span.last.time_s * 1_000),
            own=found.own,
            inflows=found.inflows,
            liquidations=found.liquidations,
        ),
        msg(
            "Looked at: nonces, the chain's own coin, the pool's events, transfers and allowances of the market's "
            "tokens. Not: other tokens, and allowances given before these blocks to others than the pool."
        ),
        _verdict(found),
    )


def _verdict(found: Result) -> Message:
    if found.strangers:
        return msg(
            "NOT OURS: {count}. If nobody of you did it, the key is in other hands: "
            "ultrad incident open S1 --code key_leak --text …",
            count=found.strangers,
        )
    if found.gaps:
        return msg("Nothing strange in what could be looked at. INCOMPLETE: see what was not.")
    return msg("Clean: everything is explained by the journal.")


def _rows(session: Session, one: Line) -> Iterator[tuple[Cell, ...]]:
    what = one.what
    sender = "" if what.nonce is not None else f" ← {what.sender or '?'}"
    deeds = ", ".join(map(core.deed_text, what.deeds)) + sender
    stands = _STANDINGS[one.standing]
    if one.says:
        stands = replace(stands, text=msg("announced by {who}", who=one.says))
    yield (
        Cell(session.screen.when(None if one.time_s is None else one.time_s * 1_000)),
        Cell(str(what.block)),
        NOTHING if what.nonce is None else Cell(str(what.nonce)),
        stands,
        Cell(what.tx or "?"),
        Cell(deeds),
    )


def _leave(one: Leave) -> tuple[Cell, ...]:
    amount: Message | str = str(one.what.amount)
    if one.what.amount >= MOST_ALLOWANCE:
        amount = msg("without limit")
    stands = Cell(msg("explained"), DIM) if one.explained else Cell(msg("NOT OURS"), BAD)
    return Cell(one.what.spender), Cell(amount), Cell(one.what.token), stands


def _json(span: Span, found: Result) -> Json:
    return {
        "from_block": span.first.number,
        "from_time_s": span.first.time_s,
        "to_block": span.last.number,
        "to_time_s": span.last.time_s,
        "nonces": list(span.nonces),
        "own": found.own,
        "inflows": found.inflows,
        "liquidations": found.liquidations,
        "strangers": found.strangers,
        "transactions": [_line_json(one) for one in found.lines],
        "allowances": [
            {
                "token": one.what.token,
                "asset": one.what.asset,
                "spender": one.what.spender,
                "amount": str(one.what.amount),
                "hash": one.what.tx,
                "explained": one.explained,
            }
            for one in found.leaves
        ],
        "not_looked_at": [str(one.message) for one in found.gaps],
    }


def _line_json(one: Line) -> Json:
    return {
        "hash": one.what.tx,
        "block": one.what.block,
        "time_s": one.time_s,
        "nonce": one.what.nonce,
        "sender": one.what.sender,
        "standing": one.standing.value,
        "announced_by": one.says,
        "told_seq": one.told_seq,
        "deeds": [
            {"act": deed.act.value, "asset": deed.asset, "amount": str(deed.amount), "other": deed.other}
            for deed in one.what.deeds
        ],
    }
