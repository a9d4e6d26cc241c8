"""Readiness in a report: backups, drills, and distances to the limits."""

from dataclasses import replace
from datetime import date

import pytest

from tests.core.test_report import DAY, EMPTY, TOKYO, event, lines, span, told
from tests.fakes.foresight import situation
from tests.fakes.trade_market import REFERENCE
from ultrad.core import periods
from ultrad.core.drill import DrillRules, EstopDrill, Heard, estop_event, notify_event
from ultrad.core.events import Event, Json
from ultrad.core.outlook import Outlook, outlook
from ultrad.core.report import Facts, compose
from ultrad.core.report_care import DRILLS_KEPT, drills, outlook_event
from ultrad.units import Now, UsdE8, Wad

WEEK = periods.week(date(2026, 11, 22), TOKYO)
RULES = DrillRules()
TRIP, SAFE = Wad(16 * 10**17), Wad(9 * 10**18)
UNTOLD = notify_event((Heard("slack", None),), RULES, Now(DAY.since_ms + 3_600_000, 1_000))
HOUR_MS = 3_600_000


def at(hours: int = 1, since_ms: int = DAY.since_ms) -> Now:
    return Now(since_ms + hours * HOUR_MS, 1_000 + hours * HOUR_MS)


def tried(hours: int = 1, flag_ms: int = 5) -> Event:
    drill = EstopDrill(1, 2, flag_ms, flag_ms + 1, (Heard("slack", 90),))
    return estop_event(drill, RULES, at(hours))


def restored(target: str = "disk", hours: int = 1, **more: Json) -> Event:
    data: dict[str, Json] = {"target": target, "ok": True, "opened": True, "elapsed_ms": 700, **more}
    return replace(event(f"backup.drilled.{target}", data), now=at(hours))


def weekly(facts: Facts) -> str:
    return lines(compose(replace(facts, period=WEEK)))


# ---------------------------------------------------------------- backups


def test_backups__two_targets_and_one_is_behind__each_has_its_own_line() -> None:
    made = told(
        event("backup.made.disk", {"target": "disk", "bytes": 2_048}),
        replace(event("backup.made.cloud", {"target": "cloud", "bytes": 1_024}), now=at(-200)),
        replace(event("backup.made.cloud", {"target": "cloud", "bytes": 1_024}), now=at(-300)),
    )
    text = lines(compose(replace(EMPTY, backups=made)))
    assert "Backup at disk: 2026-11-22 01:00 (23 h old at the end of the period, 2.0 KiB)" in text
    assert "Backup at cloud: 2026-11-13 16:00 (224 h old at the end of the period, 1.0 KiB)" in text


def test_backups__something_is_missing_in_it__is_not_shown_as_whole() -> None:
    made = told(event("backup.made.disk", {"target": "disk", "bytes": 2_048, "partial": True}))
    assert "2.0 KiB); NOT WHOLE" in lines(compose(replace(EMPTY, backups=made)))


# ---------------------------------------------------------------- drills


def test_drills__weekly__each_with_its_times_and_the_time_before() -> None:
    facts = replace(
        EMPTY,
        drills=told(tried(-100, flag_ms=9), tried(), event("drill.trip")),
        backups=told(restored(), event("backup.made.disk", {"target": "disk"})),
    )
    text = weekly(facts)
    assert (
        "Drill: drill of the stop, 2026-11-22 01:00: passed; detected 1 ms, gate shut 2 ms, flag durable 5 ms, "
        "recorded 6 ms, told 90 ms (the time before: detected 1 ms, gate shut 2 ms, flag durable 9 ms, recorded "
        "10 ms, told 90 ms)"
    ) in text
    assert "Drill: restore drill of disk, 2026-11-22 01:00: passed; restored 700 ms" in text
    assert "Drill: drill of the channels: never run" in text
    assert "Drill: restore drill: never run" not in text


def test_drills__weekly_and_none_was_ever_run__says_so() -> None:
    assert weekly(EMPTY).count("never run") == 2
    assert weekly(replace(EMPTY, backups=told(event("backup.made.disk")))).count("never run") == 3


def test_drills__daily__only_those_of_the_day() -> None:
    assert "Drill:" not in lines(compose(EMPTY))
    assert "Drill:" not in lines(compose(replace(EMPTY, drills=told(tried(-2)))))
    assert "Drill: drill of the stop" in lines(compose(replace(EMPTY, drills=told(tried()))))


@pytest.mark.parametrize(
    ("run", "said"),
    [
        (restored(ok=False), "restore drill of disk, 2026-11-22 01:00: NOT PASSED; restored 700 ms"),
        (restored(opened=False), "compared only, not opened (no key here); restored 700 ms"),
        (
            notify_event((Heard("slack", None),), RULES, at()),
            "drill of the channels, 2026-11-22 01:00: NOT PASSED; not timed",
        ),
    ],
)
def test_drills__not_passed_or_not_opened__is_not_shown_as_passed(run: Event, said: str) -> None:
    assert said in weekly(replace(EMPTY, drills=told(run)))


def test_drills__of_a_year__the_newest_are_kept() -> None:
    runs = drills(told(*(tried(hours, flag_ms=hours) for hours in range(1, 30))))
    assert [dict(one.times)["flag"] for one in runs] == list(range(29, 29 - DRILLS_KEPT, -1))


# ---------------------------------------------------------------- distances


def seen(price_usd: int = 2_500) -> Outlook:
    weth, *others = REFERENCE.holdings
    moved = replace(weth, price_e8=UsdE8(price_usd * 10**8))
    return outlook(situation((moved, *others)), TRIP, at())


def test_distances__read_twice__the_newest_with_the_nearest_of_the_period() -> None:
    events = told(outlook_event("main", seen(2_200), at(1)), outlook_event("main", seen(), at(2)))
    report = compose(replace(EMPTY, outlooks=events, positions=(span(),)))
    text = lines(report)
    assert "main: WETH $2,500.00; stop at $" in text
    assert "liquidation at $1,325.30 (-46.98%)" in text
    assert "(as of 2026-11-22 02:00)" in text
    (one,) = report.distances
    nearest = seen(2_200).prices[0].trip.distance_bps
    assert nearest is not None
    assert one.nearest_bps == -nearest
    assert compose(replace(EMPTY, outlooks=tuple(reversed(events)))).distances[0].nearest_bps == one.nearest_bps


def test_distances__at_the_limit_already__the_nearest_is_nothing() -> None:
    (one,) = compose(replace(EMPTY, outlooks=told(outlook_event("main", seen(1_000), at())))).distances
    assert one.nearest_bps == 0


def test_distances__no_price_gets_there__none_is_named() -> None:
    safe = Outlook(seen().block, at(), SAFE)
    first, then = outlook_event("main", safe, at(1)), outlook_event("main", seen(), at(2))
    report = compose(replace(EMPTY, outlooks=told(first)))
    assert "to the stop ∞, to liquidation ∞; nearest in the period: – of a price" in lines(report)
    for order in ((first, then), (then, first)):
        assert compose(replace(EMPTY, outlooks=told(*order))).distances[0].nearest_bps is not None


def test_distances__not_read_or_written_by_another_version__said_so() -> None:
    broken = event("outlook.main", {"position": "main", "outlook": {"new": 1}})
    nameless = outlook_event("main", seen(), at())
    nameless = replace(nameless, data={**nameless.data, "position": None})
    report = compose(replace(EMPTY, outlooks=told(broken, nameless), positions=(span(),)))
    assert report.distances == ()
    assert "main: its distances to the limits were not read in this period." in lines(report)
