"""What goes on until Ctrl-C: the live status and the followed log; and what a terminal is shown."""

import argparse
import io
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from tests.cli.conftest import Desk
from tests.fakes.daemon import FakeDaemon
from tests.fakes.operations import ON, recorded
from ultrad.cli import log, status
from ultrad.cli.place import find
from ultrad.cli.screen import Cell, Screen, Section, View
from ultrad.cli.session import Session
from ultrad.cli.view import status_view
from ultrad.control_client import Client
from ultrad.i18n import Catalogue, Message, msg
from ultrad.ports import EventFilter


class Terminal(io.StringIO):
    """A terminal that keeps what it was shown."""

    def isatty(self) -> bool:
        return True


class Upper(Catalogue):
    """A language in which every sentence is wide: each letter takes two places, as kanji do."""

    def __call__(self, message: Message | str) -> str:
        rendered = super().__call__(message)
        if isinstance(message, str):
            return rendered
        return "".join(chr(ord(one) + 0xFEE0) if "!" <= one <= "~" else one for one in rendered)


def screen(desk: Desk, out: io.StringIO, words: Catalogue | None = None) -> Screen:
    return Screen(words or Catalogue("en"), find(desk.config, {}).zone, out, io.StringIO())


def after(*steps: Callable[[], Any]) -> Callable[[float], None]:
    """A pause that takes one step at a time, and is Ctrl-C at the end."""
    left = list(steps)

    def pause(_: float) -> None:
        if not left:
            raise KeyboardInterrupt
        left.pop(0)()

    return pause


def test_watch__daemon_restarts__shows_that_and_goes_on_until_ctrl_c(desk: Desk, daemon: FakeDaemon) -> None:
    out = io.StringIO()

    code = status.watch(
        Client(desk.socket), screen(desk, out), ("drop the price",), after(daemon.stop, daemon.start)
    )

    assert code == 0
    looks = out.getvalue().split("EMERGENCY STOP: OFF")
    assert len(looks) == 3
    assert "The daemon is not running" in looks[1]
    assert "drop the price" in looks[2]


def test_watch__terminal__redraws_the_whole_screen_and_gives_it_back(
    desk: Desk, daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "140")
    monkeypatch.setenv("LINES", "60")
    out = Terminal()

    def stop() -> None:
        daemon.operations.shown = replace(daemon.operations.shown, estop=ON)

    assert status.watch(Client(desk.socket), screen(desk, out), (), after(stop)) == 0

    assert "EMERGENCY STOP: OFF" in out.getvalue()
    assert "EMERGENCY STOP: ON" in out.getvalue()
    assert out.getvalue().count("\x1b[?1049h") == out.getvalue().count("\x1b[?1049l") == 1


def test_follow__new_events__each_once_and_through_a_restart(desk: Desk, daemon: FakeDaemon) -> None:
    out = io.StringIO()
    shown = screen(desk, out)
    session = Session(argparse.Namespace(json=False, follow=True), find(desk.config, {}), shown, {})

    def record(seq: int) -> Callable[[], None]:
        def step() -> None:
            daemon.operations.journal = (recorded(seq, message=msg("event {n}", n=seq)),)

        return step

    daemon.operations.journal = (recorded(7, message=msg("event {n}", n=7)),)
    steps = (record(8), daemon.stop, lambda: None, daemon.start)

    assert (
        log.follow(session, Client(desk.socket), EventFilter(after_seq=6, newest_first=True), after(*steps)) == 0
    )

    assert [one.after_seq for one in daemon.operations.asked] == [6, 7, 8]
    assert not any(one.newest_first for one in daemon.operations.asked)
    assert isinstance(shown.err, io.StringIO)
    assert shown.err.getvalue().count("Waiting for the daemon") == 1


@pytest.mark.parametrize(("found", "start"), [((), 42), ((50, 49), 50)])
def test_log_follow__begins_after_what_was_shown(
    desk: Desk, daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch, found: tuple[int, ...], start: int
) -> None:
    daemon.operations.journal = tuple(recorded(seq) for seq in found)
    followed: list[EventFilter] = []

    def follow(_: Session, __: Client, which: EventFilter) -> int:
        followed.append(which)
        return 0

    monkeypatch.setattr(log, "follow", follow)

    assert desk.ultrad("log", "--follow", "--kind", "estop").code == 0
    assert [(one.after_seq, one.kinds) for one in followed] == [(start, ("estop",))]


@pytest.mark.parametrize("words", [Catalogue("en"), Upper("en")])
def test_plain__columns_of_wide_letters__stand_under_each_other(desk: Desk, words: Catalogue) -> None:
    rows = (
        (Cell(msg("wide")), Cell("1")),
        (Cell("narrow as it is"), Cell("22")),
        (Cell(""), Cell("333")),
    )
    view = View((), "", (Section(msg("title"), (msg("first"), msg("second")), rows),))

    lines = screen(desk, io.StringIO(), words).plain(view)[2:]

    starts = {cell_len(line) - cell_len(line.split(" ")[-1]) for line in lines}
    assert len(starts) == 1


@pytest.mark.parametrize("width", [60, 100, 200])
def test_drawn__any_width__no_line_is_wider_than_the_terminal(desk: Desk, daemon: FakeDaemon, width: int) -> None:
    out = Terminal()
    shown = screen(desk, out, Upper("en"))
    view = status_view(replace(daemon.operations.shown, estop=ON), shown.when)

    Console(file=out, width=width, color_system=None, legacy_windows=False).print(shown.drawn(view))

    assert max(cell_len(line) for line in out.getvalue().splitlines()) <= width


def test_drawn__square_brackets_of_others__are_text_and_no_markup(desk: Desk) -> None:
    out = Terminal()
    shown = screen(desk, out)

    shown.show(View((Cell("[red]a[/red]"),), "red", (Section(msg("t"), (), ((Cell("[bold]"),),)),)))

    assert "[red]a[/red]" in out.getvalue()
    assert "[bold]" in out.getvalue()


def test_watch__interrupted_at_once__ends_cleanly(desk: Desk) -> None:
    started = time.monotonic()

    assert status.watch(Client(desk.socket), screen(desk, io.StringIO()), (), after()) == 0
    assert time.monotonic() - started < 1
