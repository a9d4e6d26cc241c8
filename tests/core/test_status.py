from tests.core.make import at
from ultrad.core.estop import Mode
from ultrad.core.status import Counts, EstopStatus, JournalStatus, PartStatus, Status


def status(*parts: PartStatus) -> Status:
    return Status(
        version="0",
        environment="devnet",
        network="devnet",
        now=at(0),
        started_ms=0,
        estop=EstopStatus(Mode.OFF, None, (), None, None, ()),
        positions=(),
        reading_age_ms=None,
        lowest_hf=None,
        reserves=(),
        sequencer_up=None,
        endpoints=(),
        findings=(),
        parts=parts,
        jobs=(),
        journal=JournalStatus(0, "", 0, None),
        counts=Counts(0, 0),
        last_level="info",
        loosened=(),
        recent=(),
    )


def test_late_parts__some_late__names_just_those_in_order() -> None:
    parts = [PartStatus(name, late, 1, 2, 0) for name, late in (("a", True), ("b", False), ("c", True))]
    assert status(*parts).late_parts() == ("a", "c")


def test_late_parts__none_late__is_empty() -> None:
    assert status(PartStatus("a", late=False, age_ms=1, limit_ms=2, restarts=9)).late_parts() == ()
    assert status().late_parts() == ()
