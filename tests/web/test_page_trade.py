"""Trading on the status page."""

from dataclasses import replace

import pytest

from tests.fakes.operations import NOW, status
from tests.web.test_page import EVIL, read
from ultrad.core.intents import Stage
from ultrad.core.signals import Action, Source
from ultrad.core.trade_status import IntentLine, RescueStatus, TradeFigures, TradeStatus
from ultrad.i18n import LANGUAGES, Language, Message, msg
from ultrad.units import USD, WAD, Wad

ASSET = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"
RESCUE = RescueStatus(Wad(13 * WAD // 10), Wad(15 * WAD // 10), False, 0, 3_000 * USD, 500 * USD, 10_000 * USD)


def _line(number: int, stage: Stage, end: str | None, source: Source = Source.NOTION) -> IntentLine:
    return IntentLine(
        id=f"{source.value}:{number}",
        source=source,
        action=Action.SELL,
        confidence="80",
        reason="a rate cut",
        arrived_ms=NOW.wall_ms,
        stage=stage,
        value_e8=str(50 * USD),
        hash="0x" + "ab" * 32,
        end=None if end is None else msg("{id} {what}", id=number, what=end),
        ended_ms=NOW.wall_ms,
        written=True,
    )


def trade(trouble: Message | None = None, *, dry_run: bool = False) -> TradeStatus:
    return TradeStatus(
        dry_run=dry_run,
        position="main",
        asset=ASSET,
        signs=True,
        trouble=trouble,
        used_e8=100 * USD,
        limit_e8=4_200 * USD,
        in_the_air="notion:9",
        waiting=3,
        recent=(
            _line(9, Stage.UNDER_WAY, None),
            _line(8, Stage.SETTLED, "executed"),
            _line(7, Stage.FAILED, "failed"),
        ),
        figures=TradeFigures(signals=4, settled=7, failed=1),
    )


def test_page__nothing_is_traded__has_no_section() -> None:
    assert "Trading" not in read(replace(status(), trade=None)).text


@pytest.mark.parametrize(
    ("shown", "said", "colour"),
    [
        (trade(), "transactions are sent", "good"),
        (trade(dry_run=True), "DRY RUN: nothing is sent", "warn"),
        (trade(msg("the record is torn")), "nothing is traded: the record is torn", "bad"),
    ],
)
def test_page__trading__says_whether_anything_is_sent(shown: TradeStatus, said: str, colour: str) -> None:
    reader = read(replace(status(), trade=shown))
    assert said in reader.text
    assert ("class", colour) in reader.attributes


def test_page__trading__shows_limits_what_is_in_the_air_and_what_became_of_signals() -> None:
    reader = read(replace(status(), trade=trade()))
    for said in (
        "$100.00 of $4,200.00 in 24 hours; $4,100.00 left",
        "4 signals in 10 minutes; of the trades that ended within an hour 7 carried out, 1 not",
        "notion:9",
        "notion:9 0x" + "ab" * 32,
        "8 executed",
        "7 failed",
        "on its way on chain",
        "main · 0xA0b8…eB48",
    ):
        assert said in reader.text, said
    assert ASSET not in reader.all


def test_page__nothing_judged_yet__says_why_there_is_no_limit() -> None:
    shown = replace(trade(), limit_e8=None, in_the_air="", recent=())
    assert "the limit is known after the first signal" in read(replace(status(), trade=shown)).all


@pytest.mark.parametrize(
    ("rescue", "said"),
    [
        (RESCUE, "ready under 1.30; $3,000.00 left"),
        (replace(RESCUE, is_low=True, day_used_e8=9_999 * USD), "under way; $1.00 left"),
        (replace(RESCUE, obstacles=(msg("no means"),)), "not possible: no means"),
    ],
)
def test_page__rescue__says_how_it_stands(rescue: RescueStatus, said: str) -> None:
    shown = replace(trade(), rescue=rescue, recent=(_line(1, Stage.SETTLED, "executed", Source.RESCUE),))
    reader = read(replace(status(), trade=shown))
    assert said in reader.text
    assert reader.text.count("Rescue") == 2


@pytest.mark.parametrize("language", LANGUAGES)
def test_page__hostile_text_in_trading__stays_text(language: Language) -> None:
    line = replace(_line(1, Stage.FAILED, EVIL), id=EVIL, hash=EVIL)
    shown = replace(
        trade(msg("{text}", text=EVIL)), position=EVIL, in_the_air=EVIL, recent=(line, replace(line, end=None))
    )
    reader = read(replace(status(), trade=shown), language)
    assert not {"script", "img"} & set(reader.tags)
