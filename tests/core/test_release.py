"""A release's checklist: each item in every way it can stand."""

from dataclasses import replace
from typing import Any

import pytest

from ultrad.core import release as core
from ultrad.core.checklist import Mark
from ultrad.core.estop import Mode
from ultrad.core.intents import Stage
from ultrad.core.procedure import Answer, Answered, Kind, Procedure
from ultrad.core.release import AfterFacts, BeforeFacts
from ultrad.units import Now

NOW = Now(wall_ms=1_772_452_800_000, steady_ms=5_000_000)
ONE = Procedure(
    1, Kind.RELEASE, "taro", "faster", NOW, core.ITEMS, (("version", "2.0.0"), ("watch_minutes", "60"))
)
BEFORE = BeforeFacts(config_errors=0, journal_sound=True, backup_age_h=3, grave=(), stop=Mode.OFF)
AFTER = AfterFacts(
    version="2.0.0",
    late=(),
    services_ok=True,
    trading=True,
    decision=Stage.HELD,
    severe=0,
    watched_min=60,
    alerts=0,
)


@pytest.mark.parametrize(
    ("item", "facts", "mark"),
    [
        ("config", {}, Mark.PASS),
        ("config", {"config_errors": 2}, Mark.FAIL),
        ("config", {"config_errors": None}, Mark.ASK),
        ("journal", {}, Mark.PASS),
        ("journal", {"journal_sound": False}, Mark.FAIL),
        ("journal", {"journal_sound": None}, Mark.ASK),
        ("backup", {}, Mark.PASS),
        ("backup", {"backup_age_h": 27}, Mark.FAIL),
        ("backup", {"backup_age_h": None}, Mark.ASK),
        ("incidents", {}, Mark.PASS),
        ("incidents", {"grave": (3, 4)}, Mark.FAIL),
        ("stop", {}, Mark.PASS),
        ("stop", {"stop": Mode.ON}, Mark.ASK),
        ("tests", {}, Mark.ASK),
        ("rollback", {}, Mark.ASK),
    ],
)
def test_before__by_what_is_seen(item: str, facts: dict[str, Any], mark: Mark) -> None:
    lines = {one.name: one for one in core.before_lines(ONE, replace(BEFORE, **facts))}
    assert tuple(lines) == core.BEFORE
    assert lines[item].mark is mark


@pytest.mark.parametrize(
    ("item", "facts", "mark"),
    [
        ("up", {}, Mark.PASS),
        ("up", {"late": ("watch",)}, Mark.FAIL),
        ("is_version", {}, Mark.PASS),
        ("is_version", {"version": "1.0.0"}, Mark.FAIL),
        ("services", {}, Mark.PASS),
        ("services", {"services_ok": False}, Mark.FAIL),
        ("services", {"services_ok": None}, Mark.ASK),
        ("decision", {}, Mark.PASS),
        ("decision", {"trading": False, "decision": None}, Mark.PASS),
        ("decision", {"decision": None}, Mark.FAIL),
        ("decision", {"decision": Stage.FAILED}, Mark.FAIL),
        ("decision", {"decision": Stage.REFUSED}, Mark.PASS),
        ("logs", {}, Mark.PASS),
        ("logs", {"severe": 1}, Mark.FAIL),
        ("watch", {}, Mark.PASS),
        ("watch", {"watched_min": 59}, Mark.ASK),
        ("watch", {"watched_min": None}, Mark.ASK),
        ("watch", {"alerts": 1}, Mark.FAIL),
    ],
)
def test_after__by_what_is_seen(item: str, facts: dict[str, Any], mark: Mark) -> None:
    lines = {one.name: one for one in core.after_lines(ONE, replace(AFTER, **facts))}
    assert tuple(lines) == core.AFTER
    assert lines[item].mark is mark


def test_has_failed__alerts_in_a_watch_that_nobody_has_settled() -> None:
    assert not core.has_failed(ONE, AFTER)
    assert not core.has_failed(ONE, replace(AFTER, watched_min=None, alerts=3))
    assert core.has_failed(ONE, replace(AFTER, alerts=1))
    said = Answered("watch", Answer.DONE, "hanako", "it was the drill", NOW)
    assert not core.has_failed(replace(ONE, answers=(said,)), replace(AFTER, alerts=1))
