"""Which notices newer ones make needless."""

from tests.core.make import at
from tests.core.make_notices import S1, S2, box, queued
from ultrad.core.events import Event
from ultrad.core.superseding import outdated
from ultrad.core.telling import Why


def gone(*events: Event, seconds: int = 0) -> list[tuple[str, str]]:
    """What the last one makes needless."""
    found = outdated(box(*events), str(events[-1].data["notice"]), at(seconds))
    return [(one.told.notice, one.channel) for one in found]


def test_outdated__became_graver__what_is_held_for_its_hours_is_replaced_where_it_is_told() -> None:
    held = queued("a", "slack", "line", held_s=3_600)
    assert gone(held, queued("b", "slack", severity=S1)) == [("a", "slack")]
    assert gone(held, queued("b", "slack", severity=S1, incident=2)) == []
    assert gone(held, queued("b", "slack", severity=S2, why=Why.BACK)) == []
    assert gone(held, queued("b", "slack", severity=S1, why=Why.TAKEN_ON)) == []
    assert gone(held, queued("b", "slack", severity=S1), seconds=3_600) == []  # on its way by now
    assert gone(queued("a", incident=None, held_s=9), queued("b", incident=None, severity=S1)) == []
