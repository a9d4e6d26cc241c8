"""What is told of intents that nobody goes on with."""

import pytest

from tests.core.make import at
from tests.core.make_trades import acted, intent
from ultrad.core.events import Severity
from ultrad.core.intents import Act, Blotter
from ultrad.core.trade_troubles import UNSETTLED_MS, left_behind, only_watched, stuck, unsettled
from ultrad.i18n import Message, msg


@pytest.mark.parametrize(
    ("acts", "says"),
    [
        ((Act.ADMIT, Act.SIGN), "is in the air (supply, 0xa)"),
        ((Act.ADMIT, Act.SIGN, Act.MINE, Act.CONFIRM), "was under way (supply is mined)"),
        ((Act.ADMIT, Act.BOT_SEND), "went to OctoBot"),
        ((Act.ADMIT, Act.BOT_SEND, Act.BOT_ACCEPT), "went to OctoBot"),
    ],
)
def test_left_behind__begun__each_is_an_s2_of_its_own(acts: tuple[Act, ...], says: str) -> None:
    (one,) = left_behind(Blotter((acted(intent(), acts),)), None)
    assert (one.code, one.subject, one.severity) == ("left_behind", "notion:1", Severity.S2)
    assert str(one.message).startswith(f"notion:1 {says}")


def test_left_behind__never_sent__one_line_for_all() -> None:
    blotter = Blotter((acted(intent("1"), ()), acted(intent("2"), (Act.ADMIT,))))
    (one,) = left_behind(blotter, None)
    assert (one.code, one.severity) == ("signals_left_behind", Severity.S3)
    assert str(one.message).startswith("2 signals wait")


def test_left_behind__ended__nothing() -> None:
    assert left_behind(Blotter((acted(intent(), (Act.ADMIT, Act.FAIL)),)), None) == ()


def test_left_behind__record_unread__an_s2() -> None:
    (one,) = left_behind(Blotter(), msg("it does not fit"))
    assert (one.severity, "it does not fit" in str(one.message)) == (Severity.S2, True)


def test_only_watched__in_the_air__named_with_its_hash() -> None:
    one = only_watched(acted(intent(), (Act.ADMIT, Act.SIGN)))
    assert (one.code, one.subject, "0xa" in str(one.message)) == ("dry_run_in_the_air", "notion:1", True)


def test_stuck__of_an_intent_or_of_none__says_what_and_why() -> None:
    for what in ("notion:1", ""):
        one = stuck(what, 130, Message("No answer."))
        assert (one.code, one.severity) == ("trade_stuck", Severity.S2)
        assert "130 s now: No answer." in str(one.message)
        assert what in str(one.message)


@pytest.mark.parametrize(("more_s", "told"), [(0, False), (60, True)])
def test_unsettled__in_the_air_for_long__told_with_its_nonce(more_s: int, *, told: bool) -> None:
    blotter = Blotter((acted(intent(), (Act.ADMIT, Act.SIGN)),))
    found = unsettled(blotter, "main", at(UNSETTLED_MS // 1_000 + more_s))
    assert (found is not None) is told
    if found is not None:
        assert (found.code, found.subject) == ("unsettled", "main")
        assert "(nonce 7) has not settled within 31 minutes" in str(found.message)


def test_unsettled__nothing_in_the_air__nothing() -> None:
    assert unsettled(Blotter(), "main", at(10**6)) is None
