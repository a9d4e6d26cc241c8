"""`ultrad version deny | allow`: works without the daemon, and counts from its next start on."""

import re

from ultrad import __version__
from ultrad.cli.estop import user
from ultrad.cli.session import Session
from ultrad.errors import EXIT_FAILED, EXIT_USAGE
from ultrad.i18n import msg

_VERSION = re.compile(r"[0-9][0-9A-Za-z.+-]{0,39}")


def deny(session: Session) -> int:
    """Have a version start with the stop ON."""
    from ultrad import offline  # noqa: PLC0415 - only here

    args, screen = session.args, session.screen
    if not _VERSION.fullmatch(args.version):
        screen.complain(msg("{given} is no version. `ultrad version` prints one.", given=args.version))
        return EXIT_USAGE
    offline.deny(session.place.paths, args.version, args.reason, user())
    screen.say(msg("Version {version} is denied: it starts with the stop ON.", version=args.version))
    if args.version == __version__:
        screen.say(msg("It is the one that is installed. To stop it now: ultrad estop on"))
    return 0


def allow(session: Session) -> int:
    """Take that back; 1 where it was not denied."""
    from ultrad import offline  # noqa: PLC0415 - only here

    args, screen = session.args, session.screen
    if not offline.allow(session.place.paths, args.version):
        screen.complain(msg("Version {version} is not denied here.", version=args.version))
        return EXIT_FAILED
    screen.say(msg("Version {version} is not denied any more. A stop that is ON stays ON.", version=args.version))
    return 0
