"""The hand-over: which events stand in which chapter, and what is counted."""

from ultrad.core import handover as core
from ultrad.core.estop import Mode
from ultrad.core.events import Event, Json, Level, Recorded
from ultrad.core.handover import MOST_LINES, Handover, Standing
from ultrad.i18n import msg
from ultrad.units import Now

NOW = Now(wall_ms=1_772_452_800_000, steady_ms=5_000_000)
STANDING = Standing(
    live=True,
    version="1",
    mode=Mode.OFF,
    since_ms=None,
    causes=(),
    flag=None,
    positions=(),
    dry_run=None,
    incidents=(),
    waiting=(),
)


def page(*events: tuple[str, dict[str, Json]]) -> Handover:
    recorded = [
        Recorded(seq, "", Event(kind, Level.INFO, NOW, msg("x"), data))
        for seq, (kind, data) in enumerate(events, 1)
    ]
    return core.handover(recorded, STANDING, NOW.wall_ms - 1, NOW)


def chapters(of: Handover) -> dict[str, list[str]]:
    return {one.name: [each.event.kind for each in one.events] for one in of.chapters if one.events}


def test_handover__each_kind__in_its_chapter_and_nothing_else() -> None:
    rules: list[Json] = [{"rule": "cooldown"}, {"rule": "confidence"}, "odd", {}]
    found = page(
        ("note", {}),
        ("notebook", {}),
        ("incident.note", {}),
        ("estop.on", {}),
        ("resume.refused", {}),
        ("job.failed.backup_daily", {}),
        ("job.finished.backup_daily", {}),
        ("config.changed", {}),
        ("version.changed", {}),
        ("daemon.started", {}),
        ("procedure.begun", {}),
        ("procedure.answered", {}),
        ("drill.done", {}),
        ("account.intrusion", {}),
        ("intent.settled", {}),
        ("intent.settled", {}),
        ("intent.failed", {}),
        ("intent.refused", {"rules": rules}),
        ("intent.refused", {"rules": [{"rule": "cooldown"}]}),
        ("intent.refused", {"rules": None}),
    )
    assert chapters(found) == {
        "notes": ["note", "incident.note"],
        "stops": ["estop.on", "resume.refused"],
        "account": ["account.intrusion"],
        "trades": ["intent.settled", "intent.settled", "intent.failed"],
        "jobs": ["job.failed.backup_daily"],
        "changes": ["config.changed", "version.changed"],
        "starts": ["daemon.started"],
        "checklists": ["procedure.begun"],
        "care": ["drill.done"],
    }
    assert found.traded == (("intent.failed", 1), ("intent.settled", 2))
    assert found.skipped == (("confidence", 1), ("cooldown", 2))


def test_handover__more_than_a_page_holds__the_newest_and_how_many_before() -> None:
    events: list[tuple[str, dict[str, Json]]] = [("note", {"n": at}) for at in range(MOST_LINES + 5)]
    found = page(*events)
    notes = found.chapters[0]
    assert (len(notes.events), notes.earlier, notes.events[0].event.data["n"]) == (MOST_LINES, 5, 5)


def test_changed_keys__of_a_change_alone() -> None:
    change: dict[str, Json] = {"key": "limits.trip_hf", "old": "1.6", "new": None, "looser": True}

    def keys(kind: str, data: dict[str, Json]) -> tuple[tuple[str, str | None, str | None, bool], ...]:
        return core.changed_keys(Recorded(1, "", Event(kind, Level.INFO, NOW, msg("x"), data)))

    assert keys("config.changed", {"changes": [change]}) == (("limits.trip_hf", "1.6", None, True),)
    assert keys("config.loaded", {}) == ()
    assert keys("config.refused", {"changes": [change]}) == ()
