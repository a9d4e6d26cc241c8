"""What is wrong with intents that nobody goes on with: left behind by a configuration, or stuck."""

from ultrad.core.events import Finding, Level, Origin, Severity
from ultrad.core.intents import Blotter, Intent, Stage
from ultrad.i18n import Message, msg
from ultrad.units import Now

BEGUN = frozenset({Stage.BOT_SENDING, Stage.BOT_ACCEPTED, Stage.UNDER_WAY})
"""Something of it may have left the machine."""
UNSETTLED_MS = 1_800_000
"""A stuck transaction is raised, cancelled and confirmed within this where anything works at all."""


def left_behind(blotter: Blotter, unread: Message | None) -> tuple[Finding, ...]:
    """What the journal holds of trading where `[trade]` is not configured: nobody looks after it.

    unread: why nobody knows what is in the air.
    """
    found = [_left_behind(one) for one in blotter.open() if one.stage in BEGUN]
    if unread is not None:
        message = msg(
            "Whether a transaction is in the air is unknown ({why}), and [trade] is not configured: nobody looks "
            "after it. Run `ultrad audit verify`, and look at the account's transactions.",
            why=unread,
        )
        found.append(_finding("left_behind", "", message))
    if waiting := sum(one.stage not in BEGUN for one in blotter.open()):
        message = msg(
            "{count} signals wait, and [trade] is not configured: nothing becomes of them. None was sent.",
            count=waiting,
        )
        found.append(_finding("signals_left_behind", "", message, Severity.S3))
    return tuple(found)


def _left_behind(intent: Intent) -> Finding:
    flying = intent.in_the_air
    if flying is not None:
        message = msg(
            "{id} is in the air ({about}, {hash}), and [trade] is not configured: nobody looks after it, raises "
            "its fee or cancels it. Put [trade] back and restart; with dry_run = true it is only settled, and "
            "nothing new is sent.",
            id=intent.id,
            about=flying.about,
            hash=flying.newest.hash,
        )
    elif intent.stage is Stage.UNDER_WAY:
        message = msg(
            "{id} was under way ({about} is mined), and [trade] is not configured: it is not gone on with, and "
            "what was approved may be left. Put [trade] back and restart, then: ultrad allowances",
            id=intent.id,
            about=intent.steps[-1].about,
        )
    else:
        message = msg(
            "{id} went to OctoBot, and [trade] is not configured: what became of it is not recorded, and nothing "
            "is done on Aave. Look at OctoBot's orders. Put [trade] back and restart, so that it ends.",
            id=intent.id,
        )
    return _finding("left_behind", intent.id, message)


def only_watched(intent: Intent) -> Finding:
    """A dry run found a transaction in the air: it is settled, and that is all."""
    flying = intent.in_the_air
    return _finding(
        "dry_run_in_the_air",
        intent.id,
        msg(
            "{id} is in the air ({about}, {hash}), and trade.dry_run is set: it is settled once it is mined, but "
            "its fee is not raised, and a stop does not cancel it. If it stays: dry_run = false, and restart.",
            id=intent.id,
            about=flying.about if flying else "",
            hash=flying.newest.hash if flying else "",
        ),
    )


def unsettled(blotter: Blotter, position: str, now: Now) -> Finding | None:
    """A transaction that has been in the air for so long that a person must look at it; the oldest."""
    intent = next(iter(blotter.flying()), None)
    if intent is None:
        return None
    step = intent.steps[-1]
    waited_ms = now.steady_ms - step.versions[0].signed.steady_ms
    if waited_ms <= UNSETTLED_MS:
        return None
    message = msg(
        "{id}: its transaction (nonce {nonce}) has not settled within {minutes} minutes, and nothing else is "
        "traded before it has. Look at the account's coins, at the fees and at what the endpoints say of it.",
        id=intent.id,
        nonce=step.nonce,
        minutes=waited_ms // 60_000,
    )
    return _finding("unsettled", position, message)


def stuck(intent_id: str, seconds: int, why: Message) -> Finding:
    """The same cannot be done again and again. intent_id: empty where it is none's own."""
    if intent_id:
        message = msg(
            "{id} cannot be gone on with for {seconds} s now: {why} It is tried again and again, and nothing else "
            "is traded meanwhile.",
            id=intent_id,
            seconds=seconds,
            why=why,
        )
    else:
        message = msg(
            "Trading cannot go on for {seconds} s now: {why} It is tried again.", seconds=seconds, why=why
        )
    return _finding("trade_stuck", "", message)


def _finding(code: str, subject: str, message: Message, severity: Severity = Severity.S2) -> Finding:
    level = Level.ALERT if severity is Severity.S2 else Level.WARNING
    return Finding(code, subject, level, Origin.CODE, message, severity)
