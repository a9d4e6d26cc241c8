"""`ultrad status`: once, as JSON, or live."""

import time
from collections.abc import Callable, Sequence

from ultrad import __version__
from ultrad.cli.screen import BAD, Cell, Screen, View
from ultrad.cli.session import Session
from ultrad.cli.view import status_view
from ultrad.control_client import Client
from ultrad.core.status import Status
from ultrad.core.wire import to_json
from ultrad.errors import UltradError
from ultrad.i18n import Message, msg

REDRAW_S = 1.0


def show(session: Session) -> int:
    """Show it, once or until Ctrl-C."""
    client, screen = session.client(), session.screen
    if session.args.watch:
        return watch(client, screen)
    status = client.status()
    if session.args.json:
        screen.json(to_json(status))
        return 0
    if (other := _other_version(status)) is not None:
        screen.complain(other)
    screen.show(status_view(status, screen.when))
    return 0


def watch(
    client: Client, screen: Screen, hints: Sequence[str] = (), pause: Callable[[float], None] = time.sleep
) -> int:
    """Show it anew each second until Ctrl-C, through restarts of the daemon. hints: what to try next, by lines."""
    try:
        if screen.is_terminal:
            _draw_live(client, screen, hints, pause)
        while True:
            screen.say(*screen.plain(_look(client, screen, hints)), "")
            screen.out.flush()
            pause(REDRAW_S)
    except KeyboardInterrupt:
        return 0


def _draw_live(client: Client, screen: Screen, hints: Sequence[str], pause: Callable[[float], None]) -> None:
    from rich.console import Console  # noqa: PLC0415 - only where it is used: it is slow to import
    from rich.live import Live  # noqa: PLC0415

    with Live(console=Console(file=screen.out), screen=True, auto_refresh=False) as live:
        while True:
            live.update(screen.drawn(_look(client, screen, hints)), refresh=True)
            pause(REDRAW_S)


def _look(client: Client, screen: Screen, hints: Sequence[str]) -> View:
    """The status now, or why there is none: the next look may find it again."""
    try:
        return status_view(client.status(), screen.when, hints)
    except UltradError as error:
        at = screen.when(round(time.time() * 1_000))
        told = msg("{time} {problem} Looking again each second.", time=at, problem=error.message)
        return View((Cell(told, BAD),), "red", ())


def _other_version(status: Status) -> Message | None:
    if status.version == __version__:
        return None
    return msg(
        "The daemon runs version {theirs}, this command is version {ours}: restart the daemon to have it run the "
        "same.",
        theirs=status.version,
        ours=__version__,
    )
