"""The replacement of every key after a suspected leak: what has to be done of each, and what can be checked."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from ultrad.core.checklist import Mark
from ultrad.core.items import ItemLine, stand
from ultrad.core.procedure import Procedure
from ultrad.i18n import Message, msg
from ultrad.units import short_address

NEW, OLD = "new:", "old:"
"""Of each secret two items: that a new one is in its place, and that the old one is disabled at its issuer."""
WALLET = "signer.keystore"
PASSPHRASE = "signer.passphrase"  # noqa: S105 - a key's name
ACCOUNT = "account"
"""In a procedure's base: the account that the leaked key signs for."""
IN_USE, GUARDS, LOGS, CHAIN, JOURNAL, CHANNELS = "in_use", "guards", "logs", "chain", "journal", "channels"
QUESTIONS: Mapping[str, Message] = {
    IN_USE: msg("The daemon runs with the new ones: systemctl restart ultrad"),
    CHANNELS: msg("Every channel works with its new one: ultrad notify test"),
    GUARDS: msg("The other environment refuses the new ones: paste what ultrad check --fingerprints prints there"),
    LOGS: msg("The logs of the machine and of each service were looked through for use that was not yours"),
    CHAIN: msg("The chain was looked through: ultrad keys audit; what is not yours is dealt with"),
    JOURNAL: msg("The journal is sound, by a head from a report: ultrad audit verify --head SEQ:HASH"),
}
"""What is asked once, after the secrets."""


class Reply(StrEnum):
    """What a service said to a secret."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class SecretLook:
    """One secret, looked at without being shown.

    what: the kind of thing it is. place: the credential's name or the file. mode: as chmod takes it. age_h: of
    the file. problem: why it cannot be used as it is. hidden: whether this user may not look at it. tag: tells it
    apart from others; nothing can be read from it. new, old: what the service said to it, and to the one before;
    None where nobody asked.
    """

    key: str
    what: Message
    place: str
    mode: str = ""
    age_h: int | None = None
    problem: Message | None = None
    hidden: bool = False
    tag: str | None = None
    new: Reply | None = None
    old: Reply | None = None


_WHATS = (
    ("chain.endpoints", msg("RPC address")),
    ("trade.send_url", msg("address that transactions are sent to")),
    (WALLET, msg("trading key")),
    (PASSPHRASE, msg("passphrase of the trading key")),
    ("notion.", msg("Notion token")),
    ("octobot.", msg("OctoBot token")),
    ("signals.", msg("key of POST /signals")),
    ("http.estop_token", msg("token of the stop over HTTP")),
    ("notify.", msg("channel's token or address")),
    ("deadman.", msg("monitor's address")),
    ("backup", msg("backup key")),
)


def what_of(key: str) -> Message:
    """What a secret is, by its key."""
    return next((what for prefix, what in _WHATS if key.startswith(prefix)), msg("secret"))


def items_of(keys: Iterable[str]) -> tuple[str, ...]:
    """Everything that has to be done."""
    every = tuple(keys)
    old = tuple(
        OLD + key for key in every if key != PASSPHRASE
    )  # the old keystore goes, and its passphrase with it
    return (*(NEW + key for key in every), *old, *QUESTIONS)


def unseen(procedure: Procedure) -> dict[str, SecretLook]:
    """Each secret as one that nobody looked at."""
    keys = [name.removeprefix(NEW) for name in procedure.items if name.startswith(NEW)]
    return {key: SecretLook(key, what_of(key), "", hidden=True) for key in keys}


def lines(
    procedure: Procedure,
    looks: Mapping[str, SecretLook],
    running: Mapping[str, str],
    account: str | None,
) -> tuple[ItemLine, ...]:
    """Each item as it stands. running: the tags that the daemon runs with. account: the one that trades now."""
    base = dict(procedure.base)

    def line(name: str) -> ItemLine:
        mark, message = _judged(name, looks, base, running, account)
        if name == IN_USE and mark is Mark.PASS and _still(procedure, looks, base):
            mark, message = Mark.ASK, msg("First put the new ones into their places.")
        return stand(procedure, name, mark, message)

    return tuple(map(line, procedure.items))


def _still(procedure: Procedure, looks: Mapping[str, SecretLook], base: Mapping[str, str]) -> bool:
    """Whether a secret is in place that was there when this began, and that nobody said need not go."""
    same = (key for key, one in looks.items() if one.tag is not None and one.tag == base.get(key))
    return any(NEW + key in procedure.left() for key in same)


def _judged(
    name: str,
    looks: Mapping[str, SecretLook],
    base: Mapping[str, str],
    running: Mapping[str, str],
    account: str | None,
) -> tuple[Mark, Message]:
    if name == IN_USE:
        return _in_use(looks, running)
    if name in QUESTIONS:
        return Mark.ASK, QUESTIONS[name]
    key = name.partition(":")[2]
    look = looks.get(key)
    if name.startswith(NEW):
        return _new(key, look, base, account)
    return _old(key, look, base, account)


def _new(key: str, look: SecretLook | None, base: Mapping[str, str], account: str | None) -> tuple[Mark, Message]:
    """Whether another one is in its place."""
    if look is None:
        return Mark.ASK, msg("The configuration does not name it any more. Say whether that is meant.")
    if look.hidden:
        return Mark.ASK, msg("Not looked at: sudo ultrad keys rotate --continue")
    if look.problem is not None:
        return Mark.FAIL, look.problem
    if look.new is Reply.REFUSED:
        return Mark.FAIL, msg("The service refuses the one that is in place.")
    if key == WALLET:
        return _wallet(base, account)
    return _replaced(look, base.get(key))


def _replaced(look: SecretLook, was: str | None) -> tuple[Mark, Message]:
    if look.tag is None or was is None:
        return Mark.ASK, msg("Make a new one, put it into its place, and say so.")
    if look.tag == was:
        return Mark.ASK, msg("It is the same as when this began: make a new one, and put it into its place.")
    if look.new is Reply.ACCEPTED:
        return Mark.PASS, msg("It is another one, and the service takes it.")
    return Mark.PASS, msg("It is another one than when this began.")


def _wallet(base: Mapping[str, str], account: str | None) -> tuple[Mark, Message]:
    """A leaked key stays leaked, whatever passphrase is put before it: only another account helps."""
    was = base.get(ACCOUNT)
    if was is None or account is None:
        return Mark.ASK, msg("Use the key of a new account, and say so.")
    if was == account:
        return Mark.ASK, msg(
            "It still trades for {account}. Make a new account, move the position to it, and name it in "
            "[[positions]].",
            account=short_address(account),
        )
    return Mark.PASS, msg("It trades for another account now: {account}", account=short_address(account))


def _old(key: str, look: SecretLook | None, base: Mapping[str, str], account: str | None) -> tuple[Mark, Message]:
    """Whether the one before is of no use to anybody."""
    if key == WALLET:
        old = base.get(ACCOUNT) or account
        return Mark.ASK, msg(
            "Leave nothing in the reach of the old key: move what {account} holds, repay, revoke its allowances.",
            account="?" if old is None else short_address(old),
        )
    if look is not None and look.old is Reply.REFUSED:
        return Mark.PASS, msg("The service refuses the old one.")
    if look is not None and look.old is Reply.ACCEPTED:
        return Mark.FAIL, msg("The service still takes the old one: disable it where it was issued.")
    if look is not None and look.old is Reply.UNKNOWN:
        return Mark.ASK, msg("The service said neither yes nor no to the old one: look there, and say so.")
    return Mark.ASK, msg(
        "Disable the old one where it was issued, and say so; or have it tried: --old {key}=FILE", key=key
    )


def _in_use(looks: Mapping[str, SecretLook], running: Mapping[str, str]) -> tuple[Mark, Message]:
    tagged = {key: one.tag for key, one in looks.items() if one.tag is not None}
    if not running or not tagged:
        return Mark.ASK, QUESTIONS[IN_USE]
    others = sorted(key for key, tag in tagged.items() if running.get(key) != tag)
    if others:
        return Mark.FAIL, msg(
            "The daemon still runs with others than are in place: {keys}. systemctl restart ultrad",
            keys=", ".join(others),
        )
    return Mark.PASS, msg("The daemon runs with what is in place.")
