from tests.core.test_backups import NOW_MS, backup
from ultrad.core.backup_runs import (
    BackupRun,
    Brought,
    Drilled,
    DrillRun,
    Look,
    TargetLook,
    brought_sentence,
    drill_findings,
    drill_sentence,
    listed,
    look_findings,
    look_of,
    run_findings,
)
from ultrad.core.events import Finding, Level, Severity
from ultrad.core.wire import from_json, to_json
from ultrad.i18n import msg

HOUR_MS = 3_600_000
WHY = msg("the disk is full")


def _look(*targets: TargetLook) -> Look:
    return Look(configured=True, max_age_ms=26 * HOUR_MS, targets=targets)


def _found(findings: tuple[Finding, ...]) -> list[tuple[str, str, Severity]]:
    return [(one.code, one.subject, one.severity) for one in findings]


def test_look__of_what_lies_there__tells_the_newest_good_one() -> None:
    good, bad = backup(NOW_MS - HOUR_MS), backup(NOW_MS, good=False)
    found = look_of("local", (good, bad), 1_000)
    assert (found.good, found.newest_name, found.newest_at_ms) == (1, good.name, good.at_ms)
    assert (found.newest_bytes, found.total_bytes, found.free_bytes) == (10, 20, 1_000)
    assert look_of("local", (bad,), None).newest_at_ms is None
    assert look_findings(_look(found), NOW_MS, {}) == ()


def test_look__newest_too_old_or_none__is_an_s2() -> None:
    old = look_of("a", (backup(NOW_MS - 26 * HOUR_MS - 1),), None)
    fresh = look_of("b", (backup(NOW_MS - 26 * HOUR_MS),), None)
    none = look_of("c", (), None)
    found = look_findings(_look(old, fresh, none), NOW_MS, {})
    assert _found(found) == [("backup_old", "a", Severity.S2), ("backup_old", "c", Severity.S2)]
    assert "26 hours" in str(found[0].message)


def test_look__newest_is_dated_ahead__is_an_s2_and_no_proof_of_freshness() -> None:
    ahead = look_of("a", (backup(NOW_MS - 90 * HOUR_MS), backup(NOW_MS + 2 * HOUR_MS)), None)
    slightly = look_of("b", (backup(NOW_MS + HOUR_MS),), None)
    found = look_findings(_look(ahead, slightly), NOW_MS, {})
    assert _found(found) == [("backup_ahead", "a", Severity.S2)]
    assert "2 hours ahead" in str(found[0].message)


def test_look__no_room_for_three_more__is_an_s2() -> None:
    backups = (backup(NOW_MS),)
    found = look_findings(_look(look_of("a", backups, 29), look_of("b", backups, 30)), NOW_MS, {})
    assert _found(found) == [("backup_room", "a", Severity.S2)]


def test_look__target_unseen__is_noise_until_it_lasts() -> None:
    look = _look(TargetLook("a", WHY))
    assert [one.level for one in look_findings(look, NOW_MS, {"a": 2})] == [Level.WARNING]
    assert _found(look_findings(look, NOW_MS, {"a": 3})) == [("backup_unseen", "a", Severity.S2)]
    assert _found(look_findings(look, NOW_MS, {})) == [("backup_unseen", "a", Severity.S3)]


def test_run__what_failed__is_an_s2_for_each_target_and_a_missing_part_is_told() -> None:
    run = BackupRun(
        _look(),
        brought=(
            Brought("a", "x", 1, kept=True),
            Brought("b", "x", 1, kept=False, error=WHY),
            Brought("c", "x", 1, kept=True, error=WHY),
        ),
        missing=(msg("Notion"), msg("more")),
    )
    found = run_findings(run)
    assert _found(found) == [
        ("backup_failed", "b", Severity.S2),
        ("backup_failed", "c", Severity.S2),
        ("backup_partial", "", Severity.S3),
    ]
    assert "did not get to b" in str(found[0].message)
    assert "not let go" in str(found[1].message)
    assert from_json(BackupRun, to_json(run)) == run


def test_drill__what_failed__is_an_s2() -> None:
    run = DrillRun(
        configured=True,
        drilled=(
            Drilled("a", "x", events=7, readings=3, elapsed_ms=5),
            Drilled("b", "y", WHY),
            Drilled("c", "", WHY),
            Drilled("d", "z", opened=False),
        ),
    )
    assert _found(drill_findings(run)) == [
        ("restore_failed", "b", Severity.S2),
        ("restore_failed", "c", Severity.S2),
    ]
    said = [str(drill_sentence(one)) for one in run.drilled]
    assert "7 events" in said[0]
    assert "y cannot be restored: the disk is full" in said[1]
    assert "–" in said[2]
    assert "not opened" in said[3]
    assert from_json(DrillRun, to_json(run)) == run


def test_listed__good_or_not__tells_what_is_known() -> None:
    good, bad = listed("a", backup(NOW_MS)), listed("a", backup(NOW_MS, good=False))
    assert (good.good, good.events, good.readings, good.rows, len(good.missing)) == (True, 7, 3, 2, 1)
    assert (bad.good, bad.events, bad.rows) == (False, 0, None)


def test_brought__for_people__names_place_and_size() -> None:
    assert str(brought_sentence(Brought("a", "x", 9, kept=True))) == "x is at a, read back (9 bytes)."
