"""`ultrad reload`."""

from ultrad.cli.session import Session
from ultrad.control_client import Unreachable
from ultrad.core.changes import Change
from ultrad.errors import EXIT_CONFIG, EXIT_FAILED
from ultrad.i18n import Message, msg


def reload(session: Session) -> int:
    """Have the daemon go by the file as it is now; all of it or nothing, and said so."""
    screen = session.screen
    try:
        answer = session.client().reload()
    except Unreachable:
        session.place.must_be_sound()  # of a file that cannot be read, the socket's place is a guess
        raise
    if not answer.done:
        lines = (msg("- {mistake}", mistake=one) for one in answer.mistakes)
        screen.complain(answer.message, *lines, *(msg("- {mistake}", mistake=key) for key in answer.restart))
        return EXIT_CONFIG if answer.mistakes else EXIT_FAILED
    screen.say(answer.message, *map(_line, answer.changes))
    return 0


def _line(one: Change) -> Message:
    figures = {"key": one.key, "old": one.old or "–", "new": one.new or "–"}
    if one.looser:
        return msg("- {key}: {old} → {new} (looser than before)", **figures)
    return msg("- {key}: {old} → {new}", **figures)
