"""`ultrad check`, `init`, `run`, `version`, and the way to `devnet`."""

import os
from pathlib import Path

from ultrad import __version__
from ultrad.cli.session import Session
from ultrad.errors import EXIT_CONFIG, Fatal
from ultrad.i18n import msg


def check(session: Session) -> int:
    """Everything that can be said of configuration and files; EXIT_CONFIG where something is wrong."""
    from ultrad import config, offline  # noqa: PLC0415 - only here

    screen, wrong = session.screen, False
    loaded = config.load(session.place.config, session.environ)
    if session.args.fingerprints:
        screen.say(config.guards_for_others(loaded))
        return 0
    labels = {"ok": msg("ok"), "warning": msg("warning"), "error": msg("ERROR")}
    for line in config.check(loaded, session.environ):
        screen.say(msg("{mark}: {message}", mark=labels[line.level], message=line.message))
        wrong |= line.level == "error"
    for seen in offline.look_at_files(session.place.paths, Path(loaded.settings.log_dir)):
        mark = labels["warning" if seen.good is None else "ok" if seen.good else "error"]
        screen.say(msg("{mark}: {message}", mark=mark, message=seen.message))
        wrong |= seen.good is False
    return EXIT_CONFIG if wrong else 0


def init(session: Session) -> int:
    """Prepare the state directory, once."""
    from ultrad import config, offline  # noqa: PLC0415 - only here

    settings = config.read(session.place.config)
    made = offline.init(session.place.paths, settings.environment, os.geteuid())
    session.screen.say(
        msg("Prepared: {state}", state=settings.state_dir),
        msg(
            "Members of the group {group} may stop by: touch {flag}",
            group=made.group,
            flag=str(session.place.paths.flag),
        ),
        msg("The stop is ON, until the first `ultrad resume`. Next: systemctl start ultrad")
        if made.on
        else msg("The stop is OFF. Next: systemctl start ultrad"),
    )
    return 0


def run(session: Session) -> int:
    """The daemon itself. Whoever looks at the service must find why it does not start: it says so there, too."""
    from ultrad import app, config  # noqa: PLC0415 - the whole daemon

    try:
        loaded = config.load(session.place.config, session.environ)
    except Fatal as error:
        return app.refuse(session.screen.text(error.message), error.exit_code)
    return app.run(loaded)


def version(session: Session) -> int:
    """The version."""
    session.screen.say(f"ultrad {__version__}")
    return 0


def devnet(session: Session) -> int:
    """The devnet's own commands."""
    try:
        from ultrad.devnet import cli  # noqa: PLC0415 - imports web3
    except ImportError as error:
        raise Fatal(msg("The devnet's tools are not installed: {error}", error=str(error))) from error
    return cli.run(session.args, session.screen.catalogue)
