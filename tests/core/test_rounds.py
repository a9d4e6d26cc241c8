import pytest

from tests.core.make import at
from ultrad.core.events import Effect, Level, Severity
from ultrad.core.rounds import ChainUnavailable, Refused, Silence, share_s, silence_finding, unavailable_finding
from ultrad.i18n import msg
from ultrad.units import Now

NOTHING = msg("no answer")


def silence(*seconds: int) -> Silence:
    found = Silence()
    for second in seconds:
        found = found.longer(at(second))
    return found


@pytest.mark.parametrize(
    ("failed_at_s", "now_s", "trips"),
    [
        ((0, 30, 60), 60, True),
        ((0, 30, 59), 59, False),
        ((0, 60), 60, False),
        ((0, 1, 2), 2, False),
        ((0, 1, 2), 60, True),
        ((0, 600), 600, False),
        ((), 1_000, False),
    ],
)
def test_silence__three_rounds_and_sixty_seconds__both_are_needed(
    failed_at_s: tuple[int, ...], now_s: int, *, trips: bool
) -> None:
    found = silence_finding(silence(*failed_at_s), 3, 60, at(now_s))
    assert (found is not None) is trips


def test_share__of_what_is_left__lets_each_be_asked() -> None:
    assert [share_s(30, 10), share_s(27, 9), share_s(-1, 2)] == [3, 3, 0]


def test_silence__a_millisecond_short__does_not_trip() -> None:
    started = Silence().longer(Now(0, 1)).longer(Now(0, 2)).longer(Now(0, 3))
    assert silence_finding(started, 3, 60, Now(0, 60_000)) is None
    assert silence_finding(started, 3, 60, Now(0, 60_001)) is not None


def test_silence__found__trips_as_an_s2_with_its_figures() -> None:
    found = silence_finding(silence(0, 30, 90), 3, 60, at(90))
    assert found is not None
    assert (found.code, found.level, found.severity, found.effect) == (
        "aave_silent",
        Level.EMERGENCY,
        Severity.S2,
        Effect.TRIP,
    )
    assert found.figures == (("rounds", "3"), ("seconds", "90"))
    assert "3 rounds over 90 s" in str(found.message)


def test_silence__wall_clock_set__counts_steady_time() -> None:
    started = Silence().longer(Now(10**15, 0))
    assert started.seconds(Now(0, 61_000)) == 61


def test_silence__before_any_round__has_lasted_no_time() -> None:
    assert Silence().seconds(at(99)) == 0


def test_unavailable__one_answered_with_an_old_head__is_not_silence() -> None:
    failed, stale = Refused("a", stale=False, message=NOTHING), Refused("b", stale=True, message=NOTHING)
    assert ChainUnavailable(NOTHING, (failed, failed)).silent
    assert ChainUnavailable(NOTHING, ()).silent
    assert not ChainUnavailable(NOTHING, (failed, stale)).silent


def test_unavailable__found__allows_no_trade_and_does_not_trip() -> None:
    found = unavailable_finding(ChainUnavailable(NOTHING, ()))
    assert (found.level, found.effect, found.message) == (Level.ALERT, Effect.NO_TRADE, NOTHING)
