"""What is shown of trading: each signal with what became of it, and how much room is left."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import cast

from ultrad.core import intents as life
from ultrad.core.allowances import Allowance
from ultrad.core.events import Finding, Json, Level, Origin, Recorded, Severity
from ultrad.core.intents import Act, Blotter, Intent, Stage
from ultrad.core.limits import HOUR_MS
from ultrad.core.messages import message_from_json
from ultrad.core.signals import Action, Source
from ultrad.i18n import Message, msg
from ultrad.units import Now, Wad

SIGNALS_MS = 600_000
LEAST_SAMPLES = 20
"""A rate of fewer says nothing."""
LEAST_SUCCESS_PCT = 90


@dataclass(frozen=True, slots=True)
class RuleLine:
    """One rule that stood against a signal, and why."""

    rule: str
    verdict: str
    message: Message


@dataclass(frozen=True, slots=True)
class IntentLine:
    """One signal and what became of it.

    confidence: as a decimal's text. Times are wall milliseconds. value_e8: reserved for it (USD × 10^8), as text.
    hash: of its newest transaction, or empty. end: what became of it; None while it is open.
    """

    id: str
    source: Source
    action: Action
    confidence: str
    reason: str
    arrived_ms: int
    stage: Stage
    value_e8: str
    hash: str
    end: Message | None
    ended_ms: int | None
    written: bool
    rules: tuple[RuleLine, ...] = ()


@dataclass(frozen=True, slots=True)
class RescueStatus:
    """Rescue, where it is enabled. is_low: the position is under rescue_hf. obstacles: why it cannot be rescued.

    What rescues used and may use within the hour and the day, in USD × 10^8.
    """

    rescue_hf: Wad
    target_hf: Wad
    is_low: bool
    hour_used_e8: int
    hour_limit_e8: int
    day_used_e8: int
    day_limit_e8: int
    obstacles: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True)
class TradeFigures:
    """How trading went lately.

    signals: that arrived within ten minutes. settled, failed: of the intents that were admitted and ended within
    an hour, those that did what was wanted, and those that did not.
    """

    signals: int = 0
    settled: int = 0
    failed: int = 0

    @property
    def success_pct(self) -> int | None:
        """The share of what went well, in percent, rounded down; None where nothing ended."""
        ended = self.settled + self.failed
        return self.settled * 100 // ended if ended else None


def figures_of(blotter: Blotter, now: Now) -> TradeFigures:
    """The figures that end now."""
    lately = [
        one
        for one in blotter.intents
        if one.is_trade
        and one.admitted is not None
        and one.ended is not None
        and now.steady_ms - one.ended.steady_ms < HOUR_MS
    ]
    return TradeFigures(
        signals=blotter.arrivals(now.steady_ms - SIGNALS_MS),
        settled=sum(one.stage in {Stage.SETTLED, Stage.REHEARSED} for one in lately),
        failed=sum(one.stage in {Stage.FAILED, Stage.CANCELLED} for one in lately),
    )


def pipeline_failing(figures: TradeFigures) -> Finding | None:
    """Too much of what was admitted came to nothing, of so many that it is no chance."""
    rate, ended = figures.success_pct, figures.settled + figures.failed
    if rate is None or ended < LEAST_SAMPLES or rate >= LEAST_SUCCESS_PCT:
        return None
    return Finding(
        code="pipeline_failing",
        subject="",
        level=Level.ALERT,
        origin=Origin.CODE,
        severity=Severity.S2,
        message=msg(
            "Of {count} trades that were admitted within an hour only {rate} % were carried out (at least {least} "
            "% must be). `ultrad signals` says what became of each.",
            count=ended,
            rate=rate,
            least=LEAST_SUCCESS_PCT,
        ),
        figures=(("settled", str(figures.settled)), ("failed", str(figures.failed))),
    )


@dataclass(frozen=True, slots=True)
class TradeStatus:
    """Trading. trouble: why nothing can be traded at all; None: it can.

    used_e8: what trades of the last 24 hours used, gross; limit_e8: what they may, by the funds as last read, None
    before that (USD × 10^8). in_the_air: the intent whose transaction is not settled, or empty. waiting: how many
    are open. recent: the newest first. rescue: None where it is not enabled. left: allowances that nothing needs.
    """

    dry_run: bool
    position: str
    asset: str
    signs: bool
    trouble: Message | None
    used_e8: int
    limit_e8: int | None
    in_the_air: str
    waiting: int
    recent: tuple[IntentLine, ...]
    rescue: RescueStatus | None = None
    figures: TradeFigures = field(default_factory=TradeFigures)
    left: tuple[Allowance, ...] = ()


def line_of(intent: Intent, rules: tuple[RuleLine, ...] = ()) -> IntentLine:
    """One intent as it is shown. rules: in words, where they are at hand; else by name."""
    signal = intent.signal
    return IntentLine(
        id=intent.id,
        source=signal.source,
        action=signal.action,
        confidence=str(signal.confidence),
        reason=signal.reason,
        arrived_ms=signal.arrived.wall_ms,
        stage=intent.stage,
        value_e8=str(intent.value_e8),
        hash=intent.steps[-1].newest.hash if intent.steps else "",
        end=intent.end,
        ended_ms=intent.ended.wall_ms if intent.ended else None,
        written=intent.written,
        rules=rules,
    )


def recent_lines(blotter: Blotter, count: int) -> tuple[IntentLine, ...]:
    """The newest first."""
    return tuple(line_of(one) for one in reversed(blotter.intents[-count:]))


def lines_of(events: Iterable[Recorded]) -> tuple[IntentLine, ...]:
    """Every intent that was proposed within these events (oldest first), the newest first.

    Steps of intents from before are passed over. Raises ValueError on what does not fit together.
    """
    known: set[str] = set()
    told: list[Recorded] = []
    rules: dict[str, tuple[RuleLine, ...]] = {}
    for one in events:
        intent_id = str(one.event.data.get("intent"))
        if one.event.kind == Act.PROPOSE:
            known.add(intent_id)
        if intent_id in known:
            told.append(one)
            if one.event.kind == Act.REFUSE:
                rules[intent_id] = _rules(one.event.data)
    return tuple(line_of(one, rules.get(one.id, ())) for one in reversed(life.fold(told).intents))


def _rules(data: object) -> tuple[RuleLine, ...]:
    listed = cast("dict[str, list[dict[str, Json]]]", data)["rules"]
    return tuple(
        RuleLine(str(one["rule"]), str(one["verdict"]), message_from_json(one["message"])) for one in listed
    )


def end_of(events: Iterable[Recorded], intent_id: str) -> Message | None:
    """What became of an intent, from events of its end; None where none of them is one of it."""
    return next((one.event.message for one in events if one.event.data.get("intent") == intent_id), None)
