"""The situation report: what happened, what was stopped, and what to check next, in order."""

from collections.abc import Iterable
from datetime import datetime, tzinfo

from ultrad.core.estop import Cause
from ultrad.core.report import Report
from ultrad.i18n import Message, msg

_KEYS = frozenset({"key_leak", "intrusion"})
_STATE = frozenset(
    {
        "state_unusable",
        "marker_missing",
        "marker_damaged",
        "journal_new",
        "journal_restored",
        "journal_inconsistent",
        "journal_hung",
        "flag_unreadable",
        "denied_unreadable",
        "intents_unread",
    }
)
_SIGNALS = frozenset({"signal_burst", "signal_run"})
_POSITION = frozenset({"hf_low", "hf_floor", "value_moved", "rescue_off"})
_CHAIN = frozenset({"aave_silent", "chain_unreadable", "endpoints_disagree", "gas_errors", "outcome_off"})


def what(report: Report) -> Message:
    """The newest cause, in its own words."""
    causes = report.stop.causes
    return causes[-1].message if causes else msg("the emergency stop is not ON any more")


def lines(report: Report, zone: tzinfo) -> tuple[Message, ...]:
    """What happened, figures, what was stopped, what to check next."""
    causes = report.stop.causes
    return (
        *(line for cause in causes for line in _cause(cause, zone)),
        msg(
            "Stopped: nothing of the strategy is signed or sent; signals are rejected (estop). Going on: "
            "watch, journal, notices, reports, backups; cancelling what is pending; a rescue where it is enabled."
        ),
        msg("Next, in this order:"),
        *(
            msg("{number}. {step}", number=number, step=step)
            for number, step in enumerate(next_steps(one.code for one in causes), 1)
        ),
    )


def next_steps(codes: Iterable[str]) -> tuple[Message, ...]:
    """What to check, in order, for these causes together."""
    known = frozenset(codes)
    steps = [msg("See how it is now: ultrad status; take the incident on: ultrad incident ack N")]
    if known & _KEYS:
        steps += [
            msg("Treat the key as lost: move the funds with another key, then rotate every key; disable the old."),
            msg("Look through the account's history on chain, and through ultrad log --kind account."),
        ]
    if known & _STATE:
        steps += [
            msg("Look at the disk of the state directory: df, dmesg, journalctl -u ultrad"),
            msg("Check the journal: ultrad audit verify --head with a head from the last report"),
        ]
    if known & _POSITION:
        steps += [
            msg("Look at the position and its prices on chain by yourself (a block explorer, Aave's own page)."),
            msg("Below the limit: repay or add collateral by hand; announce it first: ultrad expect"),
        ]
    if known & _SIGNALS:
        steps.append(msg("Find out who sent the signals (ultrad signals), and stop that source."))
    if known & _CHAIN:
        steps.append(msg("Look at the endpoints and at the chain itself: ultrad status, the providers' pages"))
    if "octobot_silent" in known:
        steps.append(msg("Look at OctoBot: its service, its webhook server, its web interface."))
    steps += [
        msg("See what became of what was under way: ultrad signals, ultrad log --kind intent"),
        msg("Once the cause is known and dealt with: ultrad resume (in production two people)"),
    ]
    return tuple(steps)


def _cause(cause: Cause, zone: tzinfo) -> tuple[Message, ...]:
    at = f"{datetime.fromtimestamp(cause.at.wall_ms / 1_000, zone):%Y-%m-%d %H:%M:%S}"
    said = msg(
        "What happened: {what} ({code}, {severity}, {time}, by {by})",
        what=cause.message,
        code=cause.code,
        severity=cause.severity.value,
        time=at,
        by=cause.by,
    )
    if not cause.figures:
        return (said,)
    figures = ", ".join(f"{name} {figure}" for name, figure in cause.figures)
    return (said, msg("Figures: {figures}", figures=figures))
