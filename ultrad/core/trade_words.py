"""Trading in words, wherever it is shown."""

from collections.abc import Mapping

from ultrad.core.intents import Intent, Stage
from ultrad.core.trade_status import TradeStatus
from ultrad.i18n import Message, msg
from ultrad.units import usd_text

STAGE_WORDS: Mapping[Stage, Message] = {
    Stage.PROPOSED: msg("waits"),
    Stage.ADMITTED: msg("admitted"),
    Stage.BOT_SENDING: msg("goes to OctoBot"),
    Stage.BOT_ACCEPTED: msg("taken by OctoBot"),
    Stage.UNDER_WAY: msg("on its way on chain"),
    Stage.REFUSED: msg("stopped by a rule"),
    Stage.HELD: msg("nothing to do"),
    Stage.REHEARSED: msg("dry run"),
    Stage.FAILED: msg("failed"),
    Stage.CANCELLED: msg("cancelled"),
    Stage.SETTLED: msg("executed"),
}


def state(trade: TradeStatus) -> Message:
    """Whether transactions are sent, and if not, why."""
    if trade.trouble is not None:
        return msg("nothing is traded: {why}", why=trade.trouble)
    if trade.dry_run:
        return msg("DRY RUN: nothing is sent")
    return msg("transactions are sent")


def room(trade: TradeStatus) -> Message:
    """What trades used of the day's limit, and what it leaves."""
    used = usd_text(trade.used_e8)
    if trade.limit_e8 is None:
        return msg("{used} in 24 hours; the limit is known after the first signal that is judged", used=used)
    left = usd_text(max(0, trade.limit_e8 - trade.used_e8))
    return msg("{used} of {limit} in 24 hours; {left} left", used=used, limit=usd_text(trade.limit_e8), left=left)


def pace(trade: TradeStatus) -> Message:
    """How it went lately."""
    figures = trade.figures
    return msg(
        "{signals} signals in 10 minutes; of the trades that ended within an hour {settled} carried out, {failed} "
        "not",
        signals=figures.signals,
        settled=figures.settled,
        failed=figures.failed,
    )


def not_taken_by_bot(intent: Intent, why: Message) -> Message:
    """The end of a trade whose first leg did not come about."""
    return msg("{id}: OctoBot did not take it: {why} Nothing was done on Aave.", id=intent.id, why=why)


def unknown_to_bot(intent: Intent, why: Message | None = None) -> Message:
    """The end of a trade whose first leg may have come about."""
    return msg(
        "{id}: whether OctoBot has it is unknown ({why}). It is not sent again, and nothing was done on Aave. "
        "Look at OctoBot's orders.",
        id=intent.id,
        why=why or msg("the daemon ended in between"),
    )
