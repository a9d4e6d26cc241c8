"""Trading on the status page: whether it sends, what limits leave, what is in the air, what came of signals."""

from ultrad.core.intents import Stage
from ultrad.core.signals import Source
from ultrad.core.trade_status import IntentLine, RescueStatus, TradeStatus
from ultrad.core.trade_words import STAGE_WORDS, pace, room, state
from ultrad.i18n import Message, msg
from ultrad.units import hf_text, short_address, usd_text
from ultrad.web.html import Html, Inside, el
from ultrad.web.table import Cell, section, table
from ultrad.web.words import Words

_LOOKS = {
    Stage.SETTLED: "tight good",
    Stage.FAILED: "tight bad",
    Stage.CANCELLED: "tight warn",
    Stage.REFUSED: "tight warn",
}


def trade_html(trade: TradeStatus | None, words: Words) -> Html | None:
    """The section; nothing where nothing is traded."""
    if trade is None:
        return None
    colour = "bad" if trade.trouble is not None else "warn" if trade.dry_run else "good"
    facts: list[tuple[Message, str]] = [
        (msg("Position"), f"{trade.position} · {short_address(trade.asset)}"),
        (msg("Used"), words(room(trade))),
        (msg("Lately"), words(pace(trade))),
        (msg("In the air"), trade.in_the_air or "–"),
        (msg("Waiting"), str(trade.waiting)),
    ]
    if trade.rescue is not None:
        facts.append((msg("Rescue"), words(_rescue(trade.rescue))))
    listed = (part for label, figure in facts for part in (el("dt", words(label)), el("dd", figure)))
    inside: list[Inside] = [el("p", words(state(trade)), class_=colour), el("dl", *listed)]
    if trade.recent:
        inside.append(_recent(trade.recent, words))
    return section(msg("Trading"), words, *inside)


def _rescue(rescue: RescueStatus) -> Message:
    if rescue.obstacles:
        return msg("not possible: {why}", why=rescue.obstacles[0])
    left = usd_text(
        max(0, min(rescue.hour_limit_e8 - rescue.hour_used_e8, rescue.day_limit_e8 - rescue.day_used_e8))
    )
    if rescue.is_low:
        return msg("under way; {left} left", left=left)
    return msg("ready under {hf}; {left} left", hf=hf_text(rescue.rescue_hf, 2), left=left)


def _recent(recent: tuple[IntentLine, ...], words: Words) -> Html:
    rows = [
        (
            Cell(words.when(one.arrived_ms), "tight dim"),
            Cell(words(msg("Rescue")) if one.source is Source.RESCUE else one.action.value),
            Cell(words(STAGE_WORDS[one.stage]), _LOOKS.get(one.stage, "tight")),
            Cell(usd_text(int(one.value_e8)) if one.value_e8 != "0" else "–"),
            Cell(words(one.end) if one.end is not None else f"{one.id} {one.hash}", "wide"),
        )
        for one in recent
    ]
    heads = (msg("Arrived"), msg("Action"), msg("Stage"), msg("Value"), msg("What became of it"))
    return table(heads, rows, words)
