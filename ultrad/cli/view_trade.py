"""Trading as sections: what `ultrad status` and `ultrad signals` show."""

from ultrad.cli.screen import BAD, DIM, GOOD, NOTHING, Cell, Section, When
from ultrad.core.allowances import Allowance, amount_text, spender_text
from ultrad.core.intents import Stage
from ultrad.core.signals import Source
from ultrad.core.status import ExpectedLine
from ultrad.core.trade_status import IntentLine, RescueStatus, TradeStatus
from ultrad.core.trade_words import STAGE_WORDS, pace, room, state
from ultrad.i18n import Message, msg
from ultrad.units import hf_text, short_address, usd_text


def trade_section(trade: TradeStatus) -> Section:
    """Trading, in a few rows."""
    style = BAD if trade.trouble is not None else "bold yellow" if trade.dry_run else GOOD
    rows = [
        (Cell(msg("State")), Cell(state(trade), style)),
        (Cell(msg("Position")), Cell(f"{trade.position} · {short_address(trade.asset)}")),
        (Cell(msg("Used")), Cell(room(trade))),
        (Cell(msg("Lately")), Cell(pace(trade))),
        (Cell(msg("In the air")), Cell(trade.in_the_air) if trade.in_the_air else NOTHING),
        (Cell(msg("Waiting")), Cell(str(trade.waiting))),
    ]
    if trade.rescue is not None:
        rows.append((Cell(msg("Rescue")), _rescue(trade.rescue)))
    rows += [(Cell(msg("Left over")), Cell(_allowed(one), "yellow")) for one in trade.left]
    rows += [(Cell(one.id, DIM), signal_outcome(one)) for one in trade.recent]
    return Section(msg("Trading"), (), tuple(rows))


def _rescue(rescue: RescueStatus) -> Cell:
    used = msg(
        "{hour} of {hour_cap} in an hour, {day} of {day_cap} in 24 hours",
        hour=usd_text(rescue.hour_used_e8),
        hour_cap=usd_text(rescue.hour_limit_e8),
        day=usd_text(rescue.day_used_e8),
        day_cap=usd_text(rescue.day_limit_e8),
    )
    if rescue.obstacles:
        return Cell(msg("not possible: {why}", why=rescue.obstacles[0]), BAD)
    if rescue.is_low:
        return Cell(msg("under way ({used})", used=used), "bold yellow")
    return Cell(msg("ready under {hf} ({used})", hf=hf_text(rescue.rescue_hf, 2), used=used), GOOD)


def _allowed(one: Allowance) -> Message:
    return msg(
        "{symbol}: {spender} may take {amount} (ultrad allowances)",
        symbol=one.symbol,
        spender=spender_text(one),
        amount=amount_text(one),
    )


def allowances_section(allowances: tuple[Allowance, ...]) -> Section:
    """What each contract may take of each asset."""
    rows = tuple(
        (Cell(one.symbol), Cell(one.asset, DIM), Cell(amount_text(one), "yellow"), Cell(spender_text(one)))
        for one in allowances
    )
    return Section(msg("Allowances"), (msg("Asset"), msg("Address"), msg("Amount"), msg("May be taken by")), rows)


def expected_section(expected: tuple[ExpectedLine, ...]) -> Section:
    """The manual acts that were announced, and how long each may still take."""
    rows: list[tuple[Cell, ...]] = []
    for one in expected:
        most = Cell(usd_text(one.max_e8)) if one.max_e8 is not None else NOTHING
        left = Cell(msg("{minutes} min", minutes=-(-one.left_ms // 60_000)))
        rows.append((Cell(one.kind), most, left, Cell(one.by), Cell(one.reason)))
    head = (msg("Act"), msg("At most"), msg("Time left"), msg("By"), msg("Reason"))
    return Section(msg("Announced acts"), head, tuple(rows))


def signal_outcome(one: IntentLine) -> Cell:
    """What became of a signal; every rule that stopped it."""
    if one.rules:
        told = ", ".join(line.rule for line in one.rules)
        return Cell(msg("{action}: stopped by {rules}", action=one.action.value, rules=told), "yellow")
    if one.end is None and one.source is Source.REVOCATION:
        return Cell(msg("revocation: {stage}", stage=STAGE_WORDS[one.stage]), "cyan")
    if one.end is None and one.source is Source.RESCUE:
        return Cell(msg("rescue: {stage}", stage=STAGE_WORDS[one.stage]), "cyan")
    if one.end is None:
        return Cell(msg("{action}: {stage}", action=one.action.value, stage=STAGE_WORDS[one.stage]), "cyan")
    return Cell(one.end, BAD if one.stage is Stage.FAILED else "")


def signals_section(signals: tuple[IntentLine, ...], when: When) -> Section:
    """Signals, the newest first; each rule that stopped one on a row of its own."""
    head = (
        msg("Arrived"),
        msg("Signal"),
        msg("Action"),
        msg("Confidence"),
        msg("Stage"),
        msg("Value"),
        msg("Reason"),
        msg("What became of it"),
    )
    rows: list[tuple[Cell, ...]] = []
    for one in signals:
        value = Cell(usd_text(int(one.value_e8))) if one.value_e8 != "0" else NOTHING
        rows.append(
            (
                Cell(when(one.arrived_ms), DIM),
                Cell(one.id),
                Cell(one.action.value),
                Cell(one.confidence),
                Cell(STAGE_WORDS[one.stage]),
                value,
                Cell(one.reason),
                signal_outcome(one),
            )
        )
        rows += [(*((Cell(""),) * 6), Cell(line.rule, DIM), Cell(line.message)) for line in one.rules]
    return Section(msg("Signals"), head, tuple(rows))
