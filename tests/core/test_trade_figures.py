"""How trading went lately, at the edges of its windows."""

from dataclasses import replace
from decimal import Decimal

import pytest

from ultrad.core.intents import Blotter, Intent, Stage
from ultrad.core.signals import Action, Signal, Source
from ultrad.core.trade_status import TradeFigures, figures_of, pipeline_failing
from ultrad.units import Now

NOW = Now(10_000_000_000, 10_000_000)


def intent(stage: Stage, ended_ms: int | None, arrived_ms: int = 0, *, admitted: bool = True) -> Intent:
    arrived = Now(0, arrived_ms)
    signal = Signal(Source.HTTP, f"{stage}{ended_ms}{arrived_ms}", Action.BUY, Decimal(80), "", 0, arrived)
    made = Intent(signal.key, signal, arrived, stage=stage, admitted=arrived if admitted else None)
    return replace(made, ended=None if ended_ms is None else Now(0, ended_ms))


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (intent(Stage.SETTLED, NOW.steady_ms - 3_599_999), TradeFigures(settled=1)),
        (intent(Stage.SETTLED, NOW.steady_ms - 3_600_000), TradeFigures()),
        (intent(Stage.REHEARSED, NOW.steady_ms), TradeFigures(settled=1)),
        (intent(Stage.FAILED, NOW.steady_ms), TradeFigures(failed=1)),
        (intent(Stage.CANCELLED, NOW.steady_ms), TradeFigures(failed=1)),
        (intent(Stage.REFUSED, NOW.steady_ms, admitted=False), TradeFigures()),
        (intent(Stage.UNDER_WAY, None), TradeFigures()),
        (intent(Stage.PROPOSED, None, NOW.steady_ms - 600_000, admitted=False), TradeFigures(signals=1)),
        (intent(Stage.PROPOSED, None, NOW.steady_ms - 600_001, admitted=False), TradeFigures()),
    ],
)
def test_figures__one_intent__counts_where_it_should(one: Intent, expected: TradeFigures) -> None:
    assert figures_of(Blotter((one,)), NOW) == expected


@pytest.mark.parametrize(
    ("settled", "failed", "fails"), [(0, 0, False), (16, 3, False), (17, 3, True), (18, 2, False), (0, 20, True)]
)
def test_pipeline__share_of_what_was_carried_out__under_the_least_is_told(
    settled: int, failed: int, *, fails: bool
) -> None:
    found = pipeline_failing(TradeFigures(settled=settled, failed=failed))
    assert (found is not None) is fails
