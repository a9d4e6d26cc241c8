"""From the command line to a command, and from its errors to an exit code."""

import io
import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module

from ultrad.cli import parser
from ultrad.cli.place import config_path, find
from ultrad.cli.screen import Screen
from ultrad.cli.session import Session
from ultrad.errors import EXIT_FAILED, EXIT_USAGE, Fatal, UltradError
from ultrad.i18n import catalogue, msg

EXIT_INTERRUPTED = 130
"""128 + SIGINT, as shells have it."""
COMMANDS: Mapping[tuple[str, str | None], str] = {
    ("status", None): "status.show",
    ("doctor", None): "doctor.show",
    ("jobs", None): "jobs.show",
    ("job", "run"): "jobs.run",
    ("estop", "on"): "estop.on",
    ("estop", "status"): "estop.status",
    ("incident", "list"): "incident.listed",
    ("incident", "show"): "incident.show",
    ("incident", "open"): "incident.opened",
    ("incident", "ack"): "incident.acknowledge",
    ("incident", "note"): "incident.note",
    ("incident", "resolve"): "incident.resolve",
    ("notify", "test"): "notify.test",
    ("notify", "queue"): "notify.queue",
    ("notify", "failure"): "notify.failure",
    ("resume", None): "resume.resume",
    ("reload", None): "reload.reload",
    ("log", None): "log.log",
    ("audit", "verify"): "audit.verify",
    ("keys", "audit"): "keys_audit.audit",
    ("keys", "rotate"): "keys_rotate.rotate",
    ("release", "check"): "release.check",
    ("release", "verify"): "release.verify",
    ("release", "abandon"): "release.abandon",
    ("note", None): "notes.note",
    ("notes", None): "notes.listed",
    ("handover", None): "handover.handover",
    ("backup", "now"): "backup.now",
    ("backup", "list"): "backup.listed",
    ("backup", "verify"): "backup.verify",
    ("backup", "restore"): "backup.restore",
    ("check", None): "setup.check",
    ("init", None): "setup.init",
    ("run", None): "setup.run",
    ("expect", None): "expect.expect",
    ("simulate", None): "simulate.simulate",
    ("drill", "estop"): "drill.estop",
    ("drill", "notify"): "drill.notify",
    ("drill", "list"): "drill.listed",
    ("allowances", "revoke"): "allowances.revoke",
    ("allowances", None): "allowances.show",
    ("signal", "send"): "signals.send",
    ("signals", None): "signals.show",
    ("version", None): "setup.version",
    ("version", "deny"): "versions.deny",
    ("version", "allow"): "versions.allow",
    ("devnet", None): "setup.devnet",
    ("aside", None): "aside.serve",
}
"""Each command's module and function here; imported only when it is called."""
WITH_ANY_CONFIG = frozenset(
    {
        ("aside", None),
        ("doctor", None),
        ("estop", "on"),
        ("notify", "failure"),
        ("reload", None),
        ("run", None),
        ("version", None),
        ("devnet", None),
    }
)
"""What works without a sound configuration, stopping above all, or says by itself what is wrong with it."""


def main(argv: Sequence[str] | None = None, environ: Mapping[str, str] | None = None) -> int:
    """Run one command; answers the exit code. Usage errors leave by SystemExit(2), as argparse has it."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that cannot show a sign must not cost the command
            stream.reconfigure(errors="replace")
    argv = sys.argv[1:] if argv is None else argv
    environ = os.environ if environ is None else environ
    place = find(config_path(_config_option(argv), environ), environ)
    words = catalogue(place.language)
    options = parser.build(words, argv)
    args = options.parse_args(argv)
    if args.command is None:
        options.print_help(sys.stderr)
        return EXIT_USAGE
    screen = Screen(words, place.zone, sys.stdout, sys.stderr)
    return _guarded(Session(args, place, screen, environ))


def _config_option(argv: Sequence[str]) -> str | None:
    """`--config` before the real parsing, which wants to know the language already."""
    for place, one in enumerate(argv):
        if one.startswith("--config="):
            return one.removeprefix("--config=")
        if one == "--config" and place + 1 < len(argv):
            return argv[place + 1]
    return None


def _guarded(session: Session) -> int:
    """The one place that turns errors into sentences and exit codes."""
    try:
        code = _call(session)
        sys.stdout.flush()
    except Fatal as error:
        session.screen.complain(error.message)
        return error.exit_code
    except UltradError as error:
        session.screen.complain(error.message)
        return EXIT_FAILED
    except KeyboardInterrupt:
        session.screen.complain(msg("Interrupted."))
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has seen enough (`| head`). Python's own flush at exit must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED
    return code


def _call(session: Session) -> int:
    key = (session.args.command, getattr(session.args, "subcommand", None))
    key = key if key in COMMANDS else (session.args.command, None)
    if key not in WITH_ANY_CONFIG:
        session.place.must_be_sound()
    module, function = COMMANDS[key].split(".")
    code: int = getattr(import_module(f"ultrad.cli.{module}"), function)(session)
    return code
