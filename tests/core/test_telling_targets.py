"""Whom a notice goes to, by which ways and when."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.core.make import at
from tests.core.make_notices import RULES, S1, S2, S3, notice, queued
from ultrad.core import telling
from ultrad.core.events import Level
from ultrad.core.telling import QUIET, Notice, Route, Target, TellRules, Why
from ultrad.units import Now

NIGHT = datetime(2026, 3, 4, 3, 0, tzinfo=UTC)  # a Wednesday
NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


def to(notice: Notice, local: datetime, *, escalated: bool = False) -> dict[str, int]:
    found = telling.targets(notice, RULES, escalated=escalated, local=local)
    return {one.channel: one.held_ms for one in found}


def test_targets__an_s1__reaches_every_channel_at_any_hour() -> None:
    assert to(notice(severity=S1), NIGHT) == {"slack": 0, "line": 0}
    assert to(notice(severity=S1), NIGHT, escalated=True) == {"slack": 0, "line": 0, "boss": 0}


def test_targets__an_s2_by_night__is_held_until_the_morning() -> None:
    assert to(notice(), NOON, escalated=True) == {"slack": 0, "line": 0}
    assert to(notice(), NIGHT) == {"slack": 6 * 3_600_000, "line": 6 * 3_600_000}


@pytest.mark.parametrize("why", sorted(QUIET))
def test_targets__quiet__costs_nothing(why: Why) -> None:
    assert to(notice(why, S1), NIGHT) == {"slack": 0}
    assert not notice(why).loud
    assert notice().loud


def test_targets__noise_or_no_route__reaches_nobody() -> None:
    assert to(notice(severity=S3), NOON) == {}
    assert telling.targets(notice(), TellRules(), escalated=False, local=NOON) == ()


def test_targets__a_channel_of_two_routes__is_told_once_at_the_earlier_time() -> None:
    always = Route("late", frozenset({S2}), ("line", "hook"))
    for routes in ((*RULES.routes, always), (always, *RULES.routes)):
        found = telling.targets(notice(), replace(RULES, routes=routes), escalated=False, local=NIGHT)
        assert {one.channel: one.held_ms for one in found} == {"slack": 6 * 3_600_000, "line": 0, "hook": 0}
        assert len(found) == 3


def test_targets__an_s1_on_a_route_with_hours__is_never_held() -> None:
    rules = replace(RULES, routes=(replace(RULES.routes[1], severities=frozenset({S1})),))
    found = telling.targets(notice(severity=S1), rules, escalated=False, local=NIGHT)
    assert found == (Target("slack", 0), Target("line", 0))


def test_carriers__each_once_and_in_order() -> None:
    assert telling.carriers(S1, TellRules((*RULES.routes, *RULES.routes))) == ("slack", "line")
    assert telling.carriers(S3, RULES) == ()


def test_fallbacks__in_order_and_once_and_not_who_is_told_anyway() -> None:
    rules = TellRules(
        routes=(
            Route("a", frozenset({S1, S2}), ("x",), fallback=("p", "q")),
            Route("b", frozenset({S1}), ("y",), fallback=("r", "q")),
        )
    )
    assert telling.fallbacks(S1, rules, ()) == ("p", "q", "r")
    assert telling.fallbacks(S1, rules, {"q"}) == ("p", "r")
    assert telling.fallbacks(S2, rules, ("p",)) == ("q",)
    assert telling.fallbacks(S3, rules, ()) == ()


def test_queued_event__holds_all_that_a_try_needs() -> None:
    event = queued("n", "slack", "line", seconds=9, held_s=2)
    assert (event.kind, event.key, event.level, event.now) == (telling.QUEUED, "n", Level.INFO, at(9))
    assert str(event.message) == "It is full."
    assert event.data == {
        "notice": "n",
        "why": "opened",
        "severity": "S2",
        "level": "alert",
        "incident": 1,
        "code": "",
        "stop": False,
        "lines": [{"text": "a line", "args": {}}],
        "deliveries": [
            {"channel": "slack", "key": "key of n:slack", "held_ms": 2_000},
            {"channel": "line", "key": "key of n:line", "held_ms": 2_000},
        ],
    }


def test_local_text__is_the_wall_time_of_the_zone() -> None:
    later = Now(at(0).wall_ms + timedelta(hours=1) // timedelta(milliseconds=1), 0)
    assert telling.local_text(later, UTC) == "2023-11-14 23:13:20"
