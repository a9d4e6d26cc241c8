"""Each line of the checklist, in every way it can stand; and which of them can be waived."""

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.operations import CAUSE, ON, finding, reading
from tests.fakes.operations import status as some_status
from ultrad.core.checklist import (
    NAMED_AT_MOST,
    Line,
    Mark,
    checklist,
    refused_waiver,
    unmet,
    waived,
)
from ultrad.core.checklist_codes import BACKUP_CODES, JUDGED_BY_THEIR_OWN_LINES
from ultrad.core.events import Finding, Level, Origin, Severity
from ultrad.core.limits import Limits
from ultrad.core.resume_facts import PositionFacts, ResumeFacts, Yardstick, facts_of
from ultrad.core.status import StandingLine
from ultrad.i18n import msg
from ultrad.units import INFINITE_HF, WAD, Bps, UsdE8, Wad

LIMITS = Limits()
NEVER_WAIVED = {
    "cause",
    "rollback",
    "staging",
    "backups",
    "watching",
    "readings",
    "health_factor",
    "no_s1",
    "people",
}
WAIVABLE = {"low_readings", "value_change", "probes", "jobs", "deaths"}
TWO = ("taro", "hanako")


@dataclass(frozen=True)
class Said:
    cause: str = "a drop of the price"
    rollback: str = "not-needed"
    staging: bool = True
    backups: bool = True


def position(hf: int | None = 2 * WAD, change: int | None = 0, *, empty: bool = False) -> PositionFacts:
    return PositionFacts("main", None if hf is None else Wad(hf), None if change is None else Bps(change), empty)


GOOD = ResumeFacts(
    late_parts=(),
    findings=(),
    causes=frozenset(),
    positions=(position(),),
    reading_age_ms=1_000,
    reading_limit_ms=30_000,
    lowest_hf=Wad(2 * WAD),
    look_back_ms=3_600_000,
    history_known=True,
    job_failures=0,
    limits=LIMITS,
)


def found(code: str, level: Level = Level.ALERT, severity: Severity = Severity.S2, subject: str = "") -> Finding:
    return Finding(code, subject, level, Origin.OUTSIDE, msg("it is so"), severity)


def lines(facts: ResumeFacts = GOOD, said: Said | None = None, people: tuple[str, ...] = TWO) -> dict[str, Line]:
    return {one.name: one for one in checklist(facts, said or Said(), people, production=True)}


def failing(facts: ResumeFacts) -> set[str]:
    return {one.name for one in unmet(tuple(lines(facts).values()))}


def test_checklist__all_in_order_and_two_people__every_line_passes() -> None:
    found_lines = lines()

    assert {one.mark for one in found_lines.values()} == {Mark.PASS}
    assert {one.name for one in found_lines.values() if one.waivable} == WAIVABLE
    assert {one.name for one in found_lines.values() if not one.waivable} == NEVER_WAIVED


def test_checklist__not_production__asks_neither_for_staging_nor_for_two_people() -> None:
    names = {one.name for one in checklist(GOOD, Said(staging=False), ("taro",), production=False)}

    assert names == (NEVER_WAIVED | WAIVABLE) - {"staging", "people"}
    assert not unmet(checklist(GOOD, Said(staging=False), (), production=False))


@pytest.mark.parametrize(
    ("said", "line"),
    [
        (Said(cause=" \t"), "cause"),
        (Said(rollback=""), "rollback"),
        (Said(rollback="maybe"), "rollback"),
        (Said(staging=False), "staging"),
        (Said(backups=False), "backups"),
    ],
)
def test_asked_lines__not_said__a_person_must_say(said: Said, line: str) -> None:
    marks = {name: one.mark for name, one in lines(said=said).items() if one.mark is not Mark.PASS}

    assert marks == {line: Mark.ASK}


@pytest.mark.parametrize("code", sorted(BACKUP_CODES))
def test_backups__a_fault_stands__fails_whatever_is_said_and_may_be_waived(code: str) -> None:
    facts = replace(GOOD, findings=(found(code, subject="local"),))
    assert failing(facts) == {"backups"}
    assert lines(facts)["backups"].waivable
    assert f"{code}:local" in str(lines(facts)["backups"].message)
    assert failing(replace(GOOD, findings=(found(code, Level.WARNING, Severity.S3),))) == set()


def test_rollback__done__passes_with_other_words() -> None:
    done, not_needed = lines(said=Said(rollback="done")), lines()

    assert done["rollback"].mark is not_needed["rollback"].mark is Mark.PASS
    assert done["rollback"].message != not_needed["rollback"].message


@pytest.mark.parametrize("people", [(), ("taro",)])
def test_people__fewer_than_two__asked(people: tuple[str, ...]) -> None:
    assert lines(people=people)["people"].mark is Mark.ASK


@pytest.mark.parametrize(
    ("facts", "failed"),
    [
        (replace(GOOD, late_parts=("watch",)), {"watching"}),
        (replace(GOOD, findings=(found("channel_down", Level.ALERT, subject="line"),)), set()),
        (replace(GOOD, findings=(found("report_late", Level.ALERT, subject="daily"),)), set()),
        (replace(GOOD, findings=(found("drill_untold", Level.ALERT, subject="slack"),)), set()),
        (replace(GOOD, findings=(found("drill_slow", Level.ALERT, subject="slack"),)), set()),
        (replace(GOOD, findings=(found("drill_failed", Level.ALERT, subject="estop"),)), {"watching"}),
        (replace(GOOD, findings=(found("notion_unread", Level.ALERT),)), set()),
        (replace(GOOD, findings=(found("row_unwritten", Level.ALERT, subject="a page"),)), set()),
        (replace(GOOD, incidents=((3, "hf_low"),)), {"no_s1"}),
        (replace(GOOD, incidents=((3, "value_moved"),)), set()),
        (replace(GOOD, findings=(found("market_unreadable"),)), {"watching"}),
        (replace(GOOD, findings=(found("hf_near", Level.WARNING),)), set()),
        (replace(GOOD, findings=(found("flag_unwritable", Level.EMERGENCY, Severity.S1),)), {"no_s1"}),
        (replace(GOOD, findings=(found("position_gone", Level.WARNING, Severity.S1),)), {"no_s1"}),
        (replace(GOOD, findings=(found("value_moved", Level.ALERT, Severity.S1),)), set()),
        (replace(GOOD, findings=(found("probe_slow", Level.ALERT),)), {"probes"}),
        (replace(GOOD, findings=(found("probe_failed", Level.WARNING, subject="alpha"),)), {"probes"}),
        (replace(GOOD, findings=(found("job_failed", Level.ALERT),)), set()),
        (replace(GOOD, job_failures=1), {"jobs"}),
        (replace(GOOD, findings=(found("died"),)), {"deaths"}),
        (replace(GOOD, reading_age_ms=None), {"readings"}),
        (replace(GOOD, reading_age_ms=30_000), set()),
        (replace(GOOD, reading_age_ms=30_001), {"readings"}),
        (replace(GOOD, positions=(position(None),)), {"readings", "health_factor"}),
        (replace(GOOD, positions=()), {"readings", "health_factor"}),
        (replace(GOOD, positions=(position(LIMITS.resume_hf),)), {"health_factor"}),
        (replace(GOOD, positions=(position(LIMITS.resume_hf + 1),)), set()),
        (replace(GOOD, positions=(position(), position(WAD))), {"health_factor"}),
        (replace(GOOD, positions=(position(INFINITE_HF),)), set()),
        (replace(GOOD, lowest_hf=LIMITS.trip_hf), {"low_readings"}),
        (replace(GOOD, lowest_hf=Wad(LIMITS.trip_hf + 1)), set()),
        (replace(GOOD, lowest_hf=None), {"low_readings"}),
        (replace(GOOD, history_known=False), {"low_readings", "value_change"}),
        (replace(GOOD, positions=(position(change=2_000),)), set()),
        (replace(GOOD, positions=(position(change=-2_001),)), {"value_change"}),
        (replace(GOOD, positions=(position(change=2_001),)), {"value_change"}),
        (replace(GOOD, positions=(position(change=None),)), {"value_change"}),
        (replace(GOOD, positions=(position(INFINITE_HF, None, empty=True),)), set()),
    ],
)
def test_checked_lines__one_fact_is_bad__exactly_its_lines_fail(facts: ResumeFacts, failed: set[str]) -> None:
    assert failing(facts) == failed


def test_watching__finding_is_a_cause_of_the_stop__is_no_fault_of_the_watch() -> None:
    silent = found("aave_silent", Level.EMERGENCY)

    assert failing(replace(GOOD, findings=(silent,))) == {"watching"}
    assert failing(replace(GOOD, findings=(silent,), causes=frozenset({silent.key}))) == set()


def test_no_s1__cause_of_the_stop_that_still_stands__fails_all_the_same() -> None:
    low = found("hf_low", Level.EMERGENCY, Severity.S1, "main")

    assert failing(replace(GOOD, findings=(low,), causes=frozenset({low.key}))) == {"no_s1"}


def test_watching__many_findings__names_some_of_them() -> None:
    many = tuple(found(f"fault{i}", subject="x") for i in range(NAMED_AT_MOST + 1))

    told = str(lines(replace(GOOD, findings=many))["watching"].message)

    assert "fault0:x" in told
    assert f"fault{NAMED_AT_MOST}" not in told
    assert "…" in told


def test_findings__of_waivable_lines__fail_no_line_that_cannot_be_waived() -> None:
    worst = tuple(found(code, Level.EMERGENCY, Severity.S1) for code in JUDGED_BY_THEIR_OWN_LINES)

    assert failing(replace(GOOD, findings=worst)) <= {*WAIVABLE, "backups"}


# ---------------------------------------------------------------- waivers


BAD_RECORD = tuple(
    checklist(
        replace(GOOD, lowest_hf=Wad(WAD), job_failures=3, positions=(position(change=9_000),)),
        Said(),
        TWO,
        production=True,
    )
)


def test_waived__named_line_that_fails__is_waived_with_who_and_why() -> None:
    after = {one.name: one for one in waived(BAD_RECORD, (("jobs", " a known outage "),), "hanako")}

    assert after["jobs"].mark is Mark.WAIVED
    assert str(after["jobs"].message).endswith("Waived by hanako: a known outage")
    assert {one.name for one in unmet(tuple(after.values()))} == {"low_readings", "value_change"}


def test_waived__line_that_passes__stays_passed() -> None:
    assert waived(BAD_RECORD, (("probes", "just in case"),), "hanako") == BAD_RECORD


@given(st.sets(st.sampled_from(sorted(NEVER_WAIVED | WAIVABLE))), st.none() | st.just(0), st.integers(0, 3))
def test_waived__any_names_on_any_failure__never_passes_what_is_never_waived(
    names: set[str], age_ms: int | None, failures: int
) -> None:
    facts = replace(GOOD, reading_age_ms=age_ms, job_failures=failures, late_parts=("watch",))
    before = checklist(facts, Said(cause=""), ("taro",), production=True)

    after = waived(before, tuple((name, "because") for name in names), "hanako")

    assert {one.name for one in unmet(after)} >= {one.name for one in unmet(before)} & NEVER_WAIVED
    assert {one.name for one in after if one.mark is Mark.WAIVED} <= WAIVABLE


@pytest.mark.parametrize("name", sorted(NEVER_WAIVED))
def test_refused_waiver__line_that_is_never_waived__says_so_and_names_those_that_may_be(name: str) -> None:
    refusal = refused_waiver(BAD_RECORD, ((name, "because"),))

    assert refusal is not None
    assert f"{name} is never waived" in str(refusal)
    assert all(one in str(refusal) for one in WAIVABLE)


@pytest.mark.parametrize(
    ("waive", "told"), [((("luck", "because"),), "no line luck"), ((("jobs", "  "),), "needs a reason")]
)
def test_refused_waiver__unknown_name_or_no_reason__says_so(waive: tuple[tuple[str, str], ...], told: str) -> None:
    assert told in str(refused_waiver(BAD_RECORD, waive))


def test_refused_waiver__all_may_be_waived__none() -> None:
    assert refused_waiver(BAD_RECORD, tuple((name, "because") for name in WAIVABLE)) is None


# ---------------------------------------------------------------- facts


def test_facts_of__status__takes_each_figure_from_its_place() -> None:
    empty = replace(reading("gone", INFINITE_HF), collateral_e8=UsdE8(0), debt_e8=UsdE8(0))
    seen = some_status()
    seen = replace(
        seen,
        estop=ON,
        findings=(finding(), StandingLine(found("probe_slow"), seen.now)),
        positions=(
            *seen.positions,
            replace(seen.positions[0], name="gone", reading=empty),
            replace(seen.positions[0], name="new", reading=None, change_bps=None),
        ),
        parts=(replace(seen.parts[0], late=True), seen.parts[1]),
    )

    facts = facts_of(seen, Yardstick(LIMITS, 7_200_000, 24_000), history_known=True)

    assert facts == ResumeFacts(
        late_parts=("watchdog",),
        findings=tuple(line.finding for line in seen.findings),
        causes=frozenset({CAUSE.key}),
        positions=(
            PositionFacts("main", reading().health_factor, Bps(-250), empty=False),
            PositionFacts("savings", INFINITE_HF, None, empty=False),
            PositionFacts("gone", INFINITE_HF, Bps(-250), empty=True),
            PositionFacts("new", None, None, empty=False),
        ),
        reading_age_ms=1_200,
        reading_limit_ms=24_000,
        lowest_hf=seen.lowest_hf,
        look_back_ms=7_200_000,
        history_known=True,
        job_failures=0,
        limits=LIMITS,
    )


def test_rotation__only_after_a_leak__and_never_waived() -> None:
    assert "rotation" not in lines()
    for done, mark in ((True, Mark.PASS), (False, Mark.FAIL)):
        line = lines(replace(GOOD, rotation=(done, msg("the keys"))))["rotation"]
        assert (line.mark, line.waivable, str(line.message)) == (mark, False, "the keys")
