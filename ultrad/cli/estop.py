"""`ultrad estop on | status`."""

import getpass

from ultrad.cli.screen import View
from ultrad.cli.session import Session
from ultrad.cli.view import estop_banner
from ultrad.control_client import EXIT_UNREACHABLE, Unreachable
from ultrad.core.wire import to_json
from ultrad.errors import EXIT_CONFIG, EXIT_FAILED, Transient, UltradError
from ultrad.i18n import msg
from ultrad.ports import FlagState


def on(session: Session) -> int:
    """Stop: through the daemon where it answers, else by the flag file alone, which counts just as well.

    Where the configuration does not say which daemon is meant, the usual one is stopped: too much rather than too
    little. But it is no success, because the one that was meant may go on.
    """
    if session.place.found:
        return _on(session)
    paths = session.place.paths
    session.screen.complain(
        msg(
            "{path} cannot be read: it does not say which daemon is meant, so the one at the usual place {flag} "
            "is stopped. If another one was meant, it goes on: run the command again with the right --config, or "
            "touch its flag.",
            path=str(session.place.config),
            flag=str(paths.flag),
        )
    )
    return _on(session) or EXIT_CONFIG


def _on(session: Session) -> int:
    reason = session.args.reason
    try:
        session.client().stop(reason)
    except UltradError as error:
        session.screen.complain(error.message)
        return _by_flag(session, reason)
    session.screen.say(msg("Stopped. Nothing is signed or sent until `ultrad resume`."))
    return 0


def _by_flag(session: Session, reason: str) -> int:
    from ultrad import offline  # noqa: PLC0415 - only where the daemon does not answer

    paths = session.place.paths
    try:
        offline.raise_flag(paths, user(), reason)
    except Transient as error:
        session.screen.complain(
            msg(
                "The flag could not be made either: {reason}. As a member of the group ultrad or as root: "
                "touch {flag}",
                reason=error.message,
                flag=str(paths.flag),
            )
        )
        return EXIT_FAILED
    session.screen.say(
        msg(
            "Stopped by the flag {flag}: it counts from now on, also for a daemon that does not answer or starts "
            "later.",
            flag=str(paths.flag),
        )
    )
    return 0


def user() -> str:
    """Who runs the command, as this machine calls them."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a uid without a name (OSError since Python 3.13)
        return "?"


def status(session: Session) -> int:
    """What the daemon says; where it does not answer, what the flag says, and that nothing watches."""
    screen = session.screen
    try:
        estop = session.client().status().estop
    except Unreachable as error:
        screen.complain(error.message)
        _say_flag(session)
        return EXIT_UNREACHABLE
    if session.args.json:
        screen.json(to_json(estop))
        return 0
    banner, style = estop_banner(estop, screen.when)
    screen.show(View(banner, style, ()))
    return 0


def _say_flag(session: Session) -> None:
    from ultrad import offline  # noqa: PLC0415 - only where the daemon does not answer

    flag, look = str(session.place.paths.flag), offline.look_at_flag(session.place.paths)
    match look.state:
        case FlagState.PRESENT:
            told = msg("The flag {flag} stands: the stop is ON. A daemon that is down watches nothing.", flag=flag)
        case FlagState.ABSENT:
            told = msg(
                "The flag {flag} does not stand. A daemon that is down sends nothing, and watches nothing.",
                flag=flag,
            )
        case FlagState.UNREADABLE:
            told = msg(
                "The flag {flag} cannot be examined ({reason}), so the stop counts as ON. A daemon that is down "
                "watches nothing.",
                flag=flag,
                reason=look.error,
            )
    session.screen.complain(told)
