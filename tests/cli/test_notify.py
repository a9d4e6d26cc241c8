"""`ultrad notify`: with a daemon at the other end, and without one where that is the point."""

import json
import os
from collections.abc import Mapping
from dataclasses import replace

import pytest

from tests.cli.conftest import Desk
from tests.fakes.daemon import FakeDaemon
from tests.fakes.operations import NOW, FakeOperations
from ultrad import last_word
from ultrad.config import Ways
from ultrad.core.status import ChannelLine
from ultrad.core.wire import from_json
from ultrad.errors import Permanent
from ultrad.i18n import Message, msg
from ultrad.operations import ChannelTest, Person, QueueLine

WAITING = (
    QueueLine("n1", "line", 3, "S2", msg("The channel {name} is down", name="x"), NOW.wall_ms, 0, 4, "infra"),
    QueueLine("n2", "line", None, "S1", msg("resumed"), NOW.wall_ms, 3_600_000, 0, ""),
)

# ---------------------------------------------------------------- test


def test_test__one_fails__each_is_shown_and_the_command_fails(desk: Desk, daemon: FakeDaemon) -> None:
    ran = desk.ultrad("notify", "test")

    assert ran.code == 1
    assert daemon.operations.tested == [(Person(os.getuid(), f"uid {os.getuid()}"), "")]
    infra, line = (one.split() for one in ran.out.splitlines()[-2:])
    assert infra == ["infra", "works", "120", "ms"]
    assert line[:4] == ["line", "failed", "15000", "ms"]
    assert "no answer in 15 s" in ran.out


def test_test__all_work__ends_well(desk: Desk, daemon: FakeDaemon) -> None:
    class Working(FakeOperations):
        async def test_channels(self, person: Person, name: str) -> tuple[ChannelTest, ...]:
            return (await super().test_channels(person, name))[:1]

    daemon.stop()
    daemon.operations = Working()
    daemon.start()

    assert desk.ultrad("notify", "test", "infra").code == 0
    assert daemon.operations.tested[0][1] == "infra"


def test_test__no_such_channel__says_which_there_are(desk: Desk, daemon: FakeDaemon) -> None:
    daemon.operations.error = Permanent(msg("There is no channel {name}; there are: {names}", name="x", names="a"))

    ran = desk.ultrad("notify", "test", "x")

    assert (ran.code, ran.err) == (1, "There is no channel x; there are: a\n")


# ---------------------------------------------------------------- queue


def test_queue__notices_wait__channels_and_notices_with_what_they_wait_for(desk: Desk, daemon: FakeDaemon) -> None:
    daemon.operations.waiting = WAITING

    ran = desk.ultrad("notify", "queue")

    assert ran.code == 0
    assert "takes nothing" in ran.out
    late, held = (one.split() for one in ran.out.splitlines()[-2:])
    assert late[:6] == ["2026-03-02", "21:00:00", "line", "S2", "3", "4"]
    assert held[:6] == ["2026-03-02", "21:00:00", "line", "S1", "0", "2026-03-02"]
    assert held[6:] == ["22:00:00", "resumed"]


def test_queue__nothing_waits__says_so(desk: Desk, daemon: FakeDaemon) -> None:
    assert desk.ultrad("notify", "queue").out.endswith("No notice waits.\n")
    assert daemon.operations.waiting == ()


def test_queue__no_channel__says_that_nobody_is_told(desk: Desk, daemon: FakeDaemon) -> None:
    daemon.operations.shown = replace(daemon.operations.shown, channels=())

    assert desk.ultrad("notify", "queue").out == "No channel is configured: nobody is told of anything.\n"


def test_queue__json__is_as_the_daemon_has_it(desk: Desk, daemon: FakeDaemon) -> None:
    daemon.operations.waiting = WAITING

    shown = json.loads(desk.ultrad("notify", "queue", "--json").out)

    assert from_json(tuple[QueueLine, ...], shown["waiting"]) == WAITING
    assert from_json(tuple[ChannelLine, ...], shown["channels"]) == daemon.operations.shown.channels


# ---------------------------------------------------------------- failure


def _with_a_route(desk: Desk) -> None:
    url = desk.home / "hook"
    url.write_text("http://127.0.0.1:9/hook\n", encoding="utf-8")
    url.chmod(0o600)
    with desk.config.open("a", encoding="utf-8") as file:
        file.write(
            f'[[notify.channels]]\nname = "dev"\nkind = "slack-webhook"\nurl = "{url}"\n'
            '[[notify.routes]]\nname = "all"\nseverities = ["S1"]\nchannels = ["dev"]\n'
        )


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        ({"dev": None, "oncall": None}, 0),
        ({"dev": None, "oncall": msg("no answer")}, 0),
        ({"dev": msg("no answer"), "oncall": msg("no answer")}, 1),
    ],
)
def test_failure__some_or_none_told__says_of_each_and_fails_where_nobody_was(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, outcomes: dict[str, Message | None], code: int
) -> None:
    asked: list[tuple[str, str]] = []

    def tell(found: Ways, unit: str, _: Mapping[str, str], __: str) -> dict[str, Message | None]:
        asked.append((found.place, unit))
        return outcomes

    monkeypatch.setattr(last_word, "tell", tell)

    ran = desk.ultrad("notify", "failure", "ultrad.service")

    assert asked == [("devnet/devnet", "ultrad.service")]
    assert ran.code == code
    assert ran.out.splitlines() == [f"{name} was told." for name, why in outcomes.items() if why is None]
    assert ran.err.splitlines() == [f"{name} was not told: {why}" for name, why in outcomes.items() if why]


def test_failure__no_route__fails_and_says_so(desk: Desk) -> None:
    ran = desk.ultrad("notify", "failure", "ultrad.service")

    assert (ran.code, ran.out) == (1, "")
    assert ran.err == "No channel carries S1: nobody could be told that ultrad.service failed.\n"


def test_failure__nobody_listens__ends_by_itself_and_shows_no_secret(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(last_word, "PAUSE_S", 0.01)
    _with_a_route(desk)

    ran = desk.ultrad("notify", "failure", "ultrad.service")

    assert ran.code == 1
    assert ran.err.startswith("dev was not told: ")
    assert "127.0.0.1:9" not in ran.err


# ---------------------------------------------------------------- all of them


@pytest.mark.parametrize("argv", [("test",), ("test", "line"), ("queue",)])
def test_notify__no_daemon__ends_with_the_code_for_that(desk: Desk, argv: tuple[str, ...]) -> None:
    assert desk.ultrad("notify", *argv).code == 3


@pytest.mark.parametrize("argv", [(), ("test", "a", "b"), ("failure",), ("queue", "x")])
def test_notify__cannot_be_meant__is_a_usage_error(desk: Desk, argv: tuple[str, ...]) -> None:
    assert desk.ultrad("notify", *argv).code == 2


def test_notify__in_japanese__speaks_it(desk: Desk, daemon: FakeDaemon) -> None:
    desk.write("ja")
    daemon.operations.waiting = WAITING

    assert "# チャンネルのテスト" in desk.ultrad("notify", "test").out
    assert "# 配信待ちの通知" in desk.ultrad("notify", "queue").out
    assert "誰にも通知できませんでした" in desk.ultrad("notify", "failure", "ultrad.service").err
    assert "通知の手段を扱う" in desk.ultrad("--help").out
