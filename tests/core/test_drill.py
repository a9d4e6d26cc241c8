"""What a drill amounts to."""

from dataclasses import replace

import pytest

from ultrad.core.assess import reading_findings
from ultrad.core.drill import (
    ESTOP,
    NOTIFY,
    DrillRules,
    EstopDrill,
    Heard,
    bad_reading,
    estop_event,
    estop_findings,
    estop_text,
    notify_event,
    notify_findings,
    passed,
)
from ultrad.core.events import Effect, Level, Severity
from ultrad.core.limits import Limits
from ultrad.i18n import msg
from ultrad.units import Now, Wad

RULES = DrillRules(("slack", "hook"), 2_000, 60_000)
WELL = EstopDrill(1, 2, 30, 35, (Heard("slack", 400), Heard("hook", 900)))
NOW = Now(1_772_452_800_000, 5_000_000)


@pytest.mark.parametrize("trip_hf", [Limits().trip_hf, Wad(11 * 10**17), Wad(5 * 10**18)])
def test_bad_reading__by_any_limit__is_one_that_trips(trip_hf: Wad) -> None:
    limits = replace(Limits(), trip_hf=trip_hf, warn_hf=max(trip_hf, Limits().warn_hf))
    found = reading_findings(bad_reading(limits), None, limits)
    assert "hf_low" in {one.code for one in found if one.effect is Effect.TRIP}


def test_estop_drill__well__is_recorded_with_each_figure() -> None:
    event = estop_event(WELL, RULES, NOW)
    assert (event.kind, event.level, estop_findings(WELL, RULES)) == (ESTOP, Level.INFO, ())
    assert event.data == {
        "ok": True,
        "slow": False,
        "broken_off": False,
        "detect_ms": 1,
        "gate_ms": 2,
        "flag_ms": 30,
        "journal_ms": 35,
        "notice_ms": 900,
        "channels": {"slack": 400, "hook": 900},
    }
    assert passed(event.data)
    assert str(event.message).endswith(
        "detected 1 ms, gate shut 2 ms, flag durable 30 ms, recorded 35 ms, told 900 ms."
    )


@pytest.mark.parametrize(
    ("drill", "codes"),
    [
        (replace(WELL, flag_ms=2_000), []),
        (replace(WELL, flag_ms=2_001), ["drill_slow"]),
        (replace(WELL, flag_ms=None, failure=msg("no disk")), ["drill_failed"]),
        (replace(WELL, heard=(Heard("slack", 60_001), Heard("hook", 1))), ["drill_slow"]),
        (replace(WELL, heard=(Heard("slack", None), Heard("hook", 1))), ["drill_untold"]),
        (replace(WELL, heard=(Heard("slack", None, spared=True), Heard("hook", 1))), []),
        (replace(WELL, flag_ms=3_000, heard=(Heard("slack", None, msg("gone")),)), ["drill_slow", "drill_untold"]),
        (replace(WELL, heard=(Heard("slack", None),), broken_off=True), []),
        (EstopDrill(), []),
    ],
)
def test_estop_findings__each_fault__is_an_s2(drill: EstopDrill, codes: list[str]) -> None:
    found = estop_findings(drill, RULES)
    assert [one.code for one in found] == codes
    assert {one.severity for one in found} <= {Severity.S2}
    event = estop_event(drill, RULES, NOW)
    assert passed(event.data) == (not codes and not drill.broken_off)
    assert event.level is (Level.WARNING if codes else Level.INFO)
    assert event.data["slow"] == ("drill_slow" in codes)


def test_estop_text__broken_off_or_told_to_nobody__in_words() -> None:
    assert "a real stop came" in str(estop_text(replace(WELL, broken_off=True), ()))
    assert "nobody was to be told" in str(estop_text(replace(WELL, heard=()), ()))
    assert "detected 0 ms" in str(estop_text(EstopDrill(), ()))


def test_notify_event__well_slow_and_refused__is_recorded() -> None:
    heard = (Heard("slack", 400), Heard("line", 700))
    event = notify_event(heard, RULES, NOW)
    assert (event.kind, event.level) == (NOTIFY, Level.INFO)
    assert event.data == {"ok": True, "slow": False, "notice_ms": 700, "channels": {"slack": 400, "line": 700}}
    assert str(event.message) == "Drill of the channels: each was told (slack 400 ms, line 700 ms)."
    bad = (Heard("slack", 60_001), Heard("line", None, msg("Refused.")))
    event = notify_event(bad, RULES, NOW)
    assert [one.code for one in notify_findings(bad, RULES)] == ["drill_slow", "drill_untold"]
    assert (event.level, event.data["ok"], event.data["slow"]) == (Level.WARNING, False, True)
    assert "none is configured" in str(notify_event((), RULES, NOW).message)
