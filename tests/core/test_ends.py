"""How the process ended before, from what the journal tells."""

from tests.core.make import recorded
from ultrad.core.ends import DAY_MS, MOST_COUNTED, STARTED, STOPPED, Ends, fold
from ultrad.core.events import Event, Level
from ultrad.i18n import msg
from ultrad.units import Now


def at(ms: int) -> Now:
    return Now(ms, ms)


def event(kind: str, ms: int) -> Event:
    return Event(kind, Level.INFO, at(ms), msg("said"))


def test_fold__nothing_or_stopped_in_order__is_no_death() -> None:
    assert fold((), None) == Ends()
    assert fold(recorded(event("daemon.init", 0)), at(5)) == Ends()
    assert fold(recorded(event(STARTED, 0), event(STOPPED, 1)), at(1)) == Ends()


def test_fold__started_and_never_stopped__died_when_it_was_last_heard_of() -> None:
    found = fold(recorded(event(STARTED, 0)), at(7))
    assert found == Ends(died=True, last=at(7))
    assert found.count(at(8)) == 1


def test_fold__a_loop_of_deaths__counts_those_of_the_last_day() -> None:
    found = fold(recorded(*(event(STARTED, ms) for ms in (0, 1, 2)), event(STOPPED, 3), event(STARTED, 4)), at(5))
    assert found == Ends(died=True, last=at(5), deaths=(at(1), at(2)))
    assert found.count(at(DAY_MS)) == 3
    assert found.count(at(DAY_MS + 1)) == 2
    assert found.count(at(DAY_MS + 2)) == 1


def test_fold__more_deaths_than_are_counted__keeps_the_newest() -> None:
    found = fold(recorded(*(event(STARTED, ms) for ms in range(MOST_COUNTED + 10))), at(9))
    assert len(found.deaths) == MOST_COUNTED
    assert found.deaths[-1] == at(MOST_COUNTED + 9)
