from zoneinfo import ZoneInfo

from tests.core.make_notices import box, delivery, queued
from ultrad.core.voice import Voice
from ultrad.i18n import ENGLISH


def test_render__a_notice__says_when_and_where() -> None:
    voice = Voice(ENGLISH, ZoneInfo("Asia/Tokyo"), "staging/sepolia", "1.2.3")
    title, lines = voice.render(delivery(box(queued("n", seconds=60)), "n").told)
    assert title == "It is full."
    assert lines == ("a line", "staging/sepolia, 2023-11-15 07:13:19, ultrad 1.2.3")
