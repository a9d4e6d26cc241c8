"""The commands and their options, in the operator's language."""

import argparse
import gettext
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import ultrad
from ultrad.cli import options_doctor, options_foresight, options_keys, options_release, options_shift
from ultrad.cli.options_allowances import add_allowances
from ultrad.cli.options_backup import add_backup
from ultrad.cli.place import CONFIG_VARIABLE, DEFAULT_CONFIG
from ultrad.core.account_book import KINDS
from ultrad.core.events import Level
from ultrad.core.incidents import STOP_CODES
from ultrad.core.signals import Action
from ultrad.i18n import Catalogue, Message, msg

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - argparse names it nowhere else

MAX_LOG_ROWS = 1_000
"""What the daemon gives in one answer."""
ROLLBACK_ANSWERS = ("done", "not-needed")
"""As the checklist takes them."""
_ARGPARSE_TEXTS = (
    msg("usage: "),
    msg("options"),
    msg("positional arguments"),
    msg("show this help message and exit"),
    msg("%(prog)s: error: %(message)s\n"),
    msg("argument %(argument_name)s: %(message)s"),
    msg("the following arguments are required: %s"),
    msg("unrecognized arguments: %s"),
    msg("expected one argument"),
    msg("invalid choice: %(value)r (choose from %(choices)s)"),
    msg("ambiguous option: %(option)s could match %(matches)s"),
)
"""argparse's own sentences (CPython's Lib/argparse.py), named here so that they are translated."""


def build(catalogue: Catalogue, argv: Sequence[str]) -> argparse.ArgumentParser:
    """The parser. argv: only where it names the devnet are its options built, which take long to import."""
    _speak(catalogue)
    parser = argparse.ArgumentParser(
        prog="ultrad",
        description=catalogue(msg("Guards an Aave V3 position: watches it at every block, and stops in time.")),
        allow_abbrev=False,
    )
    parser.add_argument(
        "--config",
        metavar="PATH",
        help=catalogue(
            msg(
                "the configuration file (default: the variable {variable}, else {path})",
                variable=CONFIG_VARIABLE,
                path=DEFAULT_CONFIG,
            )
        ),
    )
    commands = parser.add_subparsers(
        dest="command", metavar=catalogue(msg("COMMAND")), title=catalogue(msg("commands"))
    )
    build = Builder(commands, catalogue)
    _daily(build)
    _stopping(build)
    _trading(build)
    add_allowances(build)
    _telling(build)
    options_foresight.add(build)
    _records(build)
    add_backup(build)
    _installing(build)
    options_keys.add(build)
    options_shift.add(build)
    options_release.add(build)
    if "devnet" in argv:
        from ultrad.devnet.cli import add_arguments  # noqa: PLC0415 - imports web3

        add_arguments(commands, catalogue)
    else:
        build.command("devnet", msg("a real Aave V3 market on this machine, for trying things out"))
    return parser


class Builder:
    """Adds commands with their help."""

    def __init__(self, commands: "Subparsers", catalogue: Catalogue) -> None:
        self._commands = commands
        self.text = catalogue

    def command(self, name: str, about: Message) -> argparse.ArgumentParser:
        """A command of the first level."""
        text = self.text(about)
        return self._commands.add_parser(name, help=text, description=text, allow_abbrev=False)

    def hidden(self, name: str) -> None:
        """A command that is not for people, and stands in no list."""
        self._commands.add_parser(name, allow_abbrev=False)

    def group(self, name: str, about: Message, *, required: bool = True) -> "Builder":
        """A command that has commands of its own. required: it does nothing without one of them."""
        inner = self.command(name, about)
        metavar = self.text(msg("COMMAND"))
        return Builder(inner.add_subparsers(dest="subcommand", metavar=metavar, required=required), self.text)


def _daily(build: Builder) -> None:
    status = build.command("status", msg("how everything is: stop, positions, endpoints, parts, jobs, findings"))
    status.add_argument(
        "--watch", action="store_true", help=build.text(msg("show it anew each second, until Ctrl-C"))
    )
    status.add_argument("--json", action="store_true", help=build.text(msg("for programs: one JSON object")))
    options_doctor.add(
        build.command("doctor", msg("look at everything now, and say what to do about each fault")), build.text
    )
    jobs = build.command("jobs", msg("the cron jobs: when they run next, how they went"))
    jobs.add_argument("--json", action="store_true", help=build.text(msg("for programs: one JSON object")))
    job = build.group("job", msg("one job"))
    job.command("run", msg("run a job now, and wait for its end")).add_argument("name", metavar="NAME")


def _stopping(build: Builder) -> None:
    estop = build.group("estop", msg("the emergency stop"))
    on = estop.command("on", msg("stop now: no transaction is signed or sent until `ultrad resume`"))
    on.add_argument("--reason", default="", metavar="TEXT", help=build.text(msg("why, for the record")))
    estop.command("status", msg("whether the stop is ON, why, and since when")).add_argument(
        "--json", action="store_true", help=build.text(msg("for programs: one JSON object"))
    )
    resume = build.command(
        "resume", msg("lift the stop: shows the checklist, and lifts it where all of it passes")
    )
    resume.add_argument("--cause", default="", metavar="TEXT", help=build.text(msg("what caused the stop")))
    resume.add_argument(
        "--rollback",
        default="",
        choices=ROLLBACK_ANSWERS,
        help=build.text(msg("whether a rollback or redeployment was needed and is done")),
    )
    resume.add_argument(
        "--staging-passed", action="store_true", help=build.text(msg("staging has passed its test flow"))
    )
    resume.add_argument(
        "--backups-sound", action="store_true", help=build.text(msg("the backups were looked at and are sound"))
    )
    resume.add_argument(
        "--confirm", default="", metavar="ID", help=build.text(msg("as the second person: confirm this request"))
    )
    resume.add_argument(
        "--waive",
        action="append",
        default=[],
        metavar="NAME",
        help=build.text(msg("waive a line of the checklist by its name; each needs its --reason after it")),
    )
    resume.add_argument(
        "--reason", action="append", default=[], metavar="TEXT", help=build.text(msg("why the line is waived"))
    )


def _trading(build: Builder) -> None:
    signal = build.group("signal", msg("one decision to trade"))
    send = signal.command("send", msg("hand in a decision; it goes through every rule, as all others do"))
    send.add_argument("action", choices=tuple(Action), help=build.text(msg("BUY supplies, SELL withdraws")))
    send.add_argument(
        "--confidence", required=True, metavar="N", help=build.text(msg("how sure it is, from 0 to 100"))
    )
    send.add_argument("--reason", required=True, metavar="TEXT", help=build.text(msg("why, for the record")))
    send.add_argument(
        "--id", metavar="ID", help=build.text(msg("its name, to send it again without trading twice"))
    )
    signals = build.command("signals", msg("what signals came, what became of each, and which rules stopped it"))
    signals.add_argument(
        "--limit",
        type=int,
        default=20,
        metavar="N",
        help=build.text(msg("at most so many, the newest (1 to {most})", most=MAX_LOG_ROWS)),
    )
    expect = build.command("expect", msg("announce one act by hand on the account, so that it is no intrusion"))
    expect.add_argument(
        "--kind",
        required=True,
        choices=KINDS,
        help=build.text(
            msg(
                "what it does: transfer is also a supply or a repayment; any is also what moves none of the assets"
            )
        ),
    )
    expect.add_argument("--max-usd", metavar="N", help=build.text(msg("what it moves at most, in US dollars")))
    expect.add_argument(
        "--minutes",
        type=int,
        default=30,
        metavar="N",
        help=build.text(msg("within how many minutes (default: 30)")),
    )
    expect.add_argument("--reason", required=True, metavar="TEXT", help=build.text(msg("why, for the record")))
    for one in (send, signals, expect):
        one.add_argument("--json", action="store_true", help=build.text(msg("for programs: one JSON object")))


def _telling(build: Builder) -> None:
    as_json = build.text(msg("for programs: one JSON object"))
    words = build.text(msg("in your words; it stands in the journal"))
    incident = build.group("incident", msg("what is wrong, until someone resolves it"))
    listed = incident.command("list", msg("the open incidents"))
    shown = incident.command("show", msg("everything about one incident: its notices, notes and turns"))
    opened = incident.command("open", msg("report something that ultrad cannot see; an S1 stops at once"))
    opened.add_argument(
        "severity", choices=("S1", "S2", "S3"), help=build.text(msg("S1: funds at risk; it stops"))
    )
    opened.add_argument(
        "--code",
        choices=sorted(STOP_CODES),
        help=build.text(msg("a leaked key or an intrusion: no removal of the flag ever overrides it")),
    )
    acknowledged = incident.command("ack", msg("take an incident on: it is told no more"))
    noted = incident.command("note", msg("leave a word with an incident"))
    resolved = incident.command("resolve", msg("close an incident whose cause is known and dealt with"))
    for one in (shown, acknowledged, noted, resolved):
        one.add_argument("number", type=int, metavar="N", help=build.text(msg("the incident's number")))
    for one in (opened, noted, resolved):
        one.add_argument("--text", required=True, metavar="TEXT", help=words)
    for one in (listed, shown, opened, acknowledged, noted, resolved):
        one.add_argument("--json", action="store_true", help=as_json)
    notify = build.group("notify", msg("the ways to people"))
    notify.command("test", msg("send a test to one channel, or to all")).add_argument(
        "channel", nargs="?", metavar="CHANNEL", help=build.text(msg("only this one"))
    )
    notify.command(
        "queue", msg("the notices that no channel has taken yet, and how the channels are")
    ).add_argument("--json", action="store_true", help=as_json)
    notify.command("failure", msg("tell that a unit has failed; systemd does this")).add_argument(
        "unit", metavar="UNIT"
    )


def _records(build: Builder) -> None:
    log = build.command("log", msg("what happened: the events of the journal"))
    log.add_argument(
        "--follow", action="store_true", help=build.text(msg("go on showing new events, until Ctrl-C"))
    )
    log.add_argument(
        "--kind",
        action="append",
        default=[],
        metavar="KIND",
        help=build.text(msg("only this kind of event, or those under it (estop, job.failed); may be repeated")),
    )
    log.add_argument(
        "--level",
        default="info",
        choices=[level.label for level in Level],
        help=build.text(msg("only events of this level or above")),
    )
    when = build.text(msg("a time (2026-11-24, 2026-11-24T09:30) or how long ago (90s, 30m, 2h, 7d)"))
    log.add_argument("--since", metavar="TIME", help=when)
    log.add_argument("--until", metavar="TIME", help=when)
    log.add_argument(
        "--limit",
        type=int,
        default=50,
        metavar="N",
        help=build.text(msg("at most so many, the newest (1 to {most})", most=MAX_LOG_ROWS)),
    )
    log.add_argument("--json", action="store_true", help=build.text(msg("for programs: one JSON object a line")))
    audit = build.group("audit", msg("the journal's honesty"))
    verify = audit.command(
        "verify", msg("check every event of the journal: changed, removed or inserted ones show")
    )
    verify.add_argument(
        "--head",
        action="append",
        default=[],
        metavar="SEQ:HASH",
        help=build.text(msg("a head of the chain that was kept elsewhere, from a report; may be repeated")),
    )


def _installing(build: Builder) -> None:
    check = build.command("check", msg("whether configuration, files and directories are in order"))
    check.add_argument(
        "--fingerprints",
        action="store_true",
        help=build.text(msg("print what the other environment's [guards] should refuse")),
    )
    build.command("init", msg("prepare the state directory, once, before the first start"))
    build.command(
        "reload", msg("have the running daemon read the configuration again; systemctl reload does this")
    )
    build.command("run", msg("run the daemon; systemd does this"))
    build.hidden("aside")
    version = build.group("version", msg("print the version; or deny one"), required=False)
    denied = version.command("deny", msg("have a version start with the stop ON, wherever it is installed here"))
    denied.add_argument("--reason", required=True, metavar="TEXT", help=build.text(msg("why, for the record")))
    allowed = version.command("allow", msg("take that back"))
    for one in (denied, allowed):
        one.add_argument("version", metavar="VERSION")


def _speak(catalogue: Catalogue) -> None:
    """Have argparse's own sentences looked up in our catalogue (the `gettext` module's global domain)."""
    os.environ["LANGUAGE"] = catalogue.language
    gettext.bindtextdomain("ultrad", str(Path(ultrad.__file__).parent / "locale"))
    gettext.textdomain("ultrad")
