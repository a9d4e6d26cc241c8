from dataclasses import replace
from datetime import date
from zoneinfo import ZoneInfo

import pytest

from ultrad.core import periods, report_words, situation
from ultrad.core.chart import MOST_DRAWN, TOP_HF, chart_of, stretches
from ultrad.core.estop import Cause, trip_event
from ultrad.core.events import Event, Json, Level, Recorded, Severity
from ultrad.core.incidents import opened_event
from ultrad.core.intents import Act
from ultrad.core.limits import Limits
from ultrad.core.messages import message_json
from ultrad.core.metrics import Tally, tally_event
from ultrad.core.report import (
    MOST_HIGHLIGHTS,
    MOST_NOTES,
    Facts,
    Point,
    PositionSpan,
    Report,
    compose,
    gravest,
)
from ultrad.core.report_words import About, report_lines, report_title
from ultrad.core.signs import Sign
from ultrad.i18n import Message, msg
from ultrad.units import INFINITE_HF, Now, Wad

TOKYO = ZoneInfo("Asia/Tokyo")
DAY = periods.day(date(2026, 11, 22), TOKYO)
AT = DAY.since_ms + 3_600_000
ABOUT = About(TOKYO, "staging/sepolia", "1", (("main", "0x8626f6940E2eb28930eFb4CeF49B2d1F2C9C1199"),))
HEAD = "ab" * 32


def event(kind: str, data: dict[str, Json] | None = None, level: Level = Level.INFO, text: str = "") -> Event:
    return Event(kind, level, Now(AT, 1_000), Message(text or kind), data or {})


def told(*events: Event) -> tuple[Recorded, ...]:
    return tuple(Recorded(seq, HEAD, one) for seq, one in enumerate(events, 1))


def span(name: str = "main", low: int = 17, **more: object) -> PositionSpan:
    times = range(DAY.since_ms, DAY.until_ms, 300_000)
    points = tuple(Point(at, low * 10**17, 19 * 10**17, 100 * 10**8, 120 * 10**8) for at in times)
    usual = PositionSpan(
        name,
        30,
        Wad(low * 10**17),
        Wad(19 * 10**17),
        Wad(18 * 10**17),
        100 * 10**8,
        110 * 10**8,
        100 * 10**8,
        120 * 10**8,
        points,
    )
    return replace(usual, **more)  # type: ignore[arg-type]


def trip(code: str = "hf_low", *, figures: bool = True) -> Event:
    cause = Cause(code, "main", Now(AT, 1_000), "ultrad", msg("the cause"), (("limit", "1.6"),) if figures else ())
    return trip_event(cause, Now(AT, 1_000), flag=True)


def opened(number: int = 1, severity: Severity = Severity.S2) -> Event:
    sign = Sign((f"code{number}", ""), severity, Level.ALERT, msg("number {number}", number=number))
    return opened_event(number, sign, Now(AT, 1_000))


def lines(report: Report, about: About = ABOUT) -> str:
    return "\n".join(map(str, report_lines(report, about)))


EMPTY = Facts(DAY, seq=9, hash=HEAD)


# ---------------------------------------------------------------- the figures


def test_compose__nothing_happened__says_so() -> None:
    report = compose(EMPTY)
    text = lines(report)
    assert str(report_title(compose(replace(EMPTY, positions=(span(),))), ABOUT)) == (
        "Daily report 2026-11-22: all quiet"
    )
    assert gravest(report) is Level.INFO
    assert report.change_bps is None
    for said in (
        "Open incidents: none",
        "No reading of any position",
        "Jobs: none ran",
        "no backup known",
        "logs –, journal –",
        f"Head of the journal: 9:{HEAD}",
    ):
        assert said in text


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (EMPTY, "nothing was watched in this time"),
        (replace(EMPTY, positions=(span(),), unreadable=1), "something to look at"),
    ],
)
def test_title__not_watched_or_not_readable__is_never_all_quiet(facts: Facts, said: str) -> None:
    assert str(report_title(compose(facts), ABOUT)) == f"Daily report 2026-11-22: {said}"


def watched(*hours: tuple[float, float]) -> Facts:
    whole = span()
    times = tuple((DAY.since_ms + round(a * 3_600_000), DAY.since_ms + round(b * 3_600_000)) for a, b in hours)
    points = tuple(one for one in whole.points if any(a <= one.at_ms < b for a, b in times))
    return replace(EMPTY, positions=(replace(whole, points=points),))


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (watched((0, 3), (9, 24)), "NOT READ from 2026-11-22 02:55 to 2026-11-22 09:00"),
        (watched((5, 24)), "NOT READ from 2026-11-22 00:00 to 2026-11-22 05:00"),
        (watched((0, 20)), "NOT READ from 2026-11-22 19:55 to 2026-11-23 00:00"),
    ],
)
def test_gaps__not_watched_for_hours__said_so_and_not_called_quiet(facts: Facts, said: str) -> None:
    report = compose(facts)
    assert said in lines(report)
    assert str(report_title(report, ABOUT)).endswith("something to look at")


@pytest.mark.parametrize(
    "facts",
    [
        watched((0, 3), (3.25, 24)),
        replace(watched((0, 20)), made_ms=DAY.since_ms + 20 * 3_600_000),
        replace(watched((0, 24)), made_ms=DAY.until_ms + 1_800_000),
        replace(watched((22, 24)), began_ms=DAY.since_ms + 22 * 3_600_000),
    ],
)
def test_gaps__minutes_or_a_day_that_is_not_over__are_none(facts: Facts) -> None:
    assert compose(facts).gaps == ()


def test_highlights__the_same_condition_again__stands_once_with_its_gravest_words() -> None:
    low: dict[str, Json] = {"code": "slow", "subject": "beta"}
    facts = replace(
        EMPTY,
        told=told(
            trip(),
            event("finding.raised", {"code": "hf_low", "subject": "main"}, Level.ALERT, "near"),
            event("finding.raised", low, Level.WARNING, "slow"),
            event("finding.raised", low, Level.ALERT, "very slow"),
            event("finding.raised", low, Level.WARNING, "slow"),
            event("job.failed.x", {"job": "x"}, Level.WARNING, "failed"),
            event("incident.opened", {}, Level.ALERT, "repeats"),
            event("notice.spared", {}, Level.ALERT, "repeats"),
            event("notice.given_up", {}, Level.CRITICAL, "given up"),
        ),
    )
    found = [(one.level, str(one.message), one.count) for one in compose(facts).highlights]
    assert found == [
        (Level.EMERGENCY, "the cause", 2),
        (Level.CRITICAL, "given up", 1),
        (Level.ALERT, "very slow", 3),
        (Level.WARNING, "failed", 1),
    ]


def test_highlights__more_than_are_shown__the_rest_is_counted() -> None:
    many = [event("finding.raised", {"code": f"c{n}", "subject": ""}, Level.WARNING) for n in range(20)]
    report = compose(replace(EMPTY, told=told(*many)))
    assert len(report.highlights) == MOST_HIGHLIGHTS
    assert report.more_highlights == 20 - MOST_HIGHLIGHTS
    assert "and 15 more" in lines(report)


def test_trade__signals_and_a_rescue__counted_apart() -> None:
    def of(act: Act, intent: str, rules: Json = None) -> Event:
        return event(act, {"intent": intent, "rules": rules})

    facts = replace(
        EMPTY,
        intents=told(
            of(Act.PROPOSE, "notion:1"),
            of(Act.ADMIT, "notion:1"),
            of(Act.SETTLE, "notion:1"),
            of(Act.PROPOSE, "notion:2"),
            of(Act.REFUSE, "notion:2", [{"rule": "cooldown"}, {"rule": "estop"}, "broken"]),
            of(Act.REFUSE, "notion:3", [{"rule": "estop"}]),
            of(Act.REFUSE, "notion:4", "broken"),
            of(Act.HOLD, "notion:5"),
            of(Act.REHEARSE, "notion:6"),
            *(of(act, "notion:7") for act in (Act.FAIL, Act.CANCEL, Act.USURP, Act.YIELD)),
            of(Act.PROPOSE, "rescue:1"),
            of(Act.SETTLE, "rescue:1"),
        ),
    )
    trade = compose(facts).trade
    assert (trade.signals, trade.admitted, trade.carried_out, trade.rehearsed) == (2, 1, 1, 1)
    assert (trade.failed, trade.held, trade.refused, trade.rescues) == (4, 1, 3, 1)
    assert trade.skips == (("estop", 2), ("cooldown", 1))
    assert "by rule: estop 2, cooldown 1" in lines(compose(facts))


def test_jobs__some_failed__named_with_their_runs() -> None:
    counts = {
        ("job.finished.health_check", Level.INFO): 1_438,
        ("job.failed.health_check", Level.WARNING): 2,
        ("job.skipped.health_check", Level.WARNING): 1,
        ("job.finished.housekeeping", Level.INFO): 24,
        ("job.stopped.housekeeping", Level.INFO): 1,
        ("estop.on", Level.EMERGENCY): 1,
        ("notice.delivered", Level.INFO): 3,
        ("notice.given_up", Level.ALERT): 1,
    }
    report = compose(replace(EMPTY, counts=counts))
    assert [(one.name, one.finished, one.failed, one.skipped, one.stopped) for one in report.jobs] == [
        ("health_check", 1_438, 2, 1, 0),
        ("housekeeping", 24, 0, 0, 1),
    ]
    text = lines(report)
    assert "1464 runs; 2 failed: health_check 2/1440 (-1)" in text
    assert "delivered 3, given up 1" in text
    assert "emergency 1, critical 0, alert 1, warning 3, info 1466" in text
    assert str(report_title(report, ABOUT)).endswith("something to look at")


def test_jobs__all_succeeded__one_line() -> None:
    assert "5 runs, all succeeded" in lines(compose(replace(EMPTY, counts={("job.finished.x", Level.INFO): 5})))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"bytes": 5_000_000}, "4.8 MiB"),
        ({"bytes": 700}, "700 B"),
        ({"bytes": 3 * 2**40}, "3072.0 GiB"),
        ({"bytes": True}, "size unknown"),
        ({}, "size unknown"),
    ],
)
def test_backup__made__age_and_size(data: dict[str, Json], said: str) -> None:
    report = compose(replace(EMPTY, backups=told(event("backup.made.local", data), event("backup.drilled"))))
    assert f"2026-11-22 01:00 (23 h old at the end of the period, {said})" in lines(report)


def test_backup__only_other_events__none_is_known() -> None:
    assert compose(replace(EMPTY, backups=told(event("backup.drilled"), event("backup.madeup")))).backups == ()


def test_notes__of_operators_and_on_incidents__the_newest_in_order() -> None:
    some = [event("note", {"by": "taro", "text": f"n{n}"}) for n in range(25)]
    on_incident = event("incident.note", {"by": "hanako", "incident": 3, "text": "x"})
    facts = replace(EMPTY, notes=told(*some, on_incident, event("note")))
    report = compose(facts)
    assert len(report.notes) == MOST_NOTES
    assert (report.notes[-2].by, report.notes[-2].text) == ("hanako", "#3 x")
    assert "Note of –, 2026-11-22 01:00: note" in lines(report)
    assert compose(replace(EMPTY, notes=told(event("note.strange")))).notes == ()


def test_incidents__open_ones__the_gravest_first() -> None:
    many = [opened(number) for number in range(1, 9)]
    report = compose(replace(EMPTY, incidents=told(*many, opened(9, Severity.S1))))
    text = lines(report)
    assert "Open incidents: 9 (S1 1, S2 8)" in text
    assert text.index("• 9 (S1) number 9") < text.index("• 1 (S2) number 1")
    assert text.count("(S2)") == 4
    assert "emergency stop or S1" in str(report_title(report, ABOUT))


def test_positions__values_and_changes__with_their_signs() -> None:
    gone = span("gone", net_first_e8=0)
    fell = span("fell", net_last_e8=90 * 10**8)
    report = compose(replace(EMPTY, positions=(span(), gone, fell), log_bytes=2_048, journal_bytes=1))
    text = lines(report)
    assert "main: HF min 1.7000, max 1.9000, last 1.8000; value $100.00 → $110.00 (+10.00%); 30 readings" in text
    assert "$0.00 → $110.00 (–)" in text
    assert "(-10.00%)" in text
    assert "logs 2.0 KiB, journal 1 B" in text
    assert report.change_bps == 5_500
    assert report_words.account_text("main", ABOUT) == "0x8626…1199"
    assert report_words.account_text("other", ABOUT) == ""


def test_compose__tallies_and_loosened_and_unreadable__are_told() -> None:
    tally = tally_event({"signals_per_10min": Tally(1, 2, 2, 2, 2)}, Now(AT, 1))
    report = compose(replace(EMPTY, tallies=told(tally), unreadable=3))
    text = lines(report, replace(ABOUT, loosened=(msg("trip_hf is 1.5"),)))
    assert report.metrics == (("signals_per_10min", Tally(1, 2, 2, 2, 2)),)
    assert "3 events of the journal cannot be read" in text
    assert "Loosened: trip_hf is 1.5" in text


def test_lines__account_in_a_note_or_a_sentence__leaves_the_machine_shortened() -> None:
    account = ABOUT.accounts[0][1]
    nested = replace(
        opened(), data={**opened().data, "what": message_json(msg("see {a}", a=msg("{a}", a=account)))}
    )
    report = compose(
        replace(EMPTY, notes=told(event("note", {"by": "taro", "text": account})), incidents=told(nested))
    )
    text = lines(report)
    assert account not in text
    assert text.count("0x8626…1199") == 2


# ---------------------------------------------------------------- the situation


SITUATION = replace(EMPTY, period=periods.situation(AT))


def test_situation__trip__what_happened_what_stopped_and_what_next() -> None:
    report = compose(replace(SITUATION, stops=told(trip(), trip("operator", figures=False)), positions=(span(),)))
    text = lines(report)
    assert report.paused
    assert str(report_title(report, ABOUT)) == "Situation report 2026-11-22 01:00:00: the cause"
    for earlier, later in (
        ("What happened: the cause (hf_low, S1, 2026-11-22 01:00:00, by ultrad)", "Figures: limit 1.6"),
        ("Figures: limit 1.6", "(operator, S1"),
        ("(operator, S1", "Stopped: nothing of the strategy"),
        ("Stopped: nothing of the strategy", "1. See how it is now"),
        ("1. See how it is now", "2. Look at the position"),
        ("3. Below the limit", "5. Once the cause is known"),
        ("5. Once the cause is known", "main: HF min"),
    ):
        assert text.index(earlier) < text.index(later)


def test_situation__lifted_meanwhile__says_so() -> None:
    assert "not ON any more" in str(report_title(compose(SITUATION), ABOUT))


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("key_leak", "Treat the key as lost"),
        ("journal_restored", "audit verify --head"),
        ("signal_burst", "Find out who sent"),
        ("aave_silent", "Look at the endpoints"),
        ("octobot_silent", "Look at OctoBot"),
        ("value_moved", "Look at the position"),
    ],
)
def test_next_steps__each_cause__says_what_to_look_at_first(code: str, said: str) -> None:
    steps = [str(one) for one in situation.next_steps((code,))]
    assert any(said in one for one in steps[1:3])
    assert steps[0].startswith("See how it is now")
    assert "ultrad resume" in steps[-1]


# ---------------------------------------------------------------- the chart


def test_chart__positions__those_nearest_to_their_limits_within_the_axes() -> None:
    many = tuple(span(f"p{number}", low=10 + number) for number in range(9))
    chart = chart_of(compose(replace(EMPTY, positions=many)), Limits(), TOKYO)
    assert [one.name for one in chart.curves] == [f"p{number}" for number in range(MOST_DRAWN)]
    assert (chart.warn_hf, chart.trip_hf) == (1.8, 1.6)
    assert chart.ticks[0] == (0.0, "00:00")
    assert chart.ticks[-1] == (1.0, "00:00")
    assert chart.curves[0].at[12] == round(1 / 24, 6)
    assert set(chart.curves[0].usd) == {(100.0, 120.0)}


def test_chart__no_debt__drawn_at_the_top() -> None:
    free = span(points=(Point(AT, INFINITE_HF, INFINITE_HF, 1, 1),))
    chart = chart_of(compose(replace(EMPTY, positions=(free,))), Limits(), TOKYO)
    assert chart.curves[0].hf == ((TOP_HF, TOP_HF),)


def test_stretches__readings_are_missing__the_line_is_parted_there() -> None:
    assert stretches((0.0, 0.1, 0.2, 0.6, 0.7)) == [[0, 1, 2], [3, 4]]
    assert stretches((0.5,)) == [[0]]
    assert stretches(()) == []
