"""What `ultrad keys rotate` looks at: each secret's file, and what its service says to it. Shows none of them.

A composition root beside ultrad.app: it knows adapters.
"""

import hashlib
import os
import stat
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import aiohttp
import anyio

from ultrad import config as configuration
from ultrad.adapters import keyprobe
from ultrad.adapters.keyprobe import Places, Service
from ultrad.config.facts import TAG_CHARACTERS, tag_of
from ultrad.config.schema import Settings
from ultrad.config.secret import CREDENTIALS_VARIABLE, PASSPHRASE, Secret, place_of, read_secret, read_secret_file
from ultrad.config.secret_rules import secret_references
from ultrad.config.trading_rules import MAX_KEYSTORE_BYTES, traded_account
from ultrad.core.rotation import WALLET, Reply, SecretLook, what_of
from ultrad.errors import Permanent
from ultrad.i18n import msg

CREDENTIALS = Path("/etc/ultrad/credentials")
"""Where the unit has systemd load them from; a command of an administrator's finds them there."""


@dataclass(frozen=True, slots=True)
class Care:
    """Every secret that the configuration names, and the account that trades."""

    settings: Settings
    looks: tuple[SecretLook, ...]
    account: str | None

    def keys(self) -> tuple[str, ...]:
        """Their keys."""
        return tuple(one.key for one in self.looks)


def surroundings(environ: Mapping[str, str]) -> Mapping[str, str]:
    """The environment, with the unit's own credentials where the service manager gave none."""
    try:
        given = bool(environ.get(CREDENTIALS_VARIABLE)) or not CREDENTIALS.is_dir()
    except PermissionError:
        given = False
    if given:
        return environ
    return {**environ, CREDENTIALS_VARIABLE: str(CREDENTIALS)}


def look(
    path: Path, environ: Mapping[str, str], old: Mapping[str, str], *, ask: bool, places: Places | None = None
) -> Care:
    """Look at each. old: key → the file that holds the one before. ask: whether the services are asked.

    Raises ConfigError, and Permanent where an old one cannot be read or is not known here.
    """
    settings = configuration.read(path)
    references = dict(secret_references(settings))
    if settings.signer is not None and settings.signer.keystore is not None:
        references = {WALLET: settings.signer.keystore, **references}
    if unknown := sorted(old.keys() - references.keys()):
        raise Permanent(
            msg(
                "--old {key}: there is no such secret. There are: {keys}.",
                key=unknown[0],
                keys=", ".join(references),
            )
        )
    before = {key: _old(key, file, environ) for key, file in old.items()}
    looks: list[SecretLook] = []
    values: dict[str, Secret] = {}
    for key, reference in references.items():
        one, secret = _look(key, reference, environ, settings)
        looks.append(one)
        if secret is not None:
            values[key] = secret
    asked = anyio.run(_ask_all, settings, values, before, places or Places()) if ask else {}
    told = tuple(replace(one, new=asked.get((one.key, False)), old=asked.get((one.key, True))) for one in looks)
    return Care(settings, told, traded_account(settings))


def _look(
    key: str, reference: str, environ: Mapping[str, str], settings: Settings
) -> tuple[SecretLook, Secret | None]:
    one = SecretLook(key, what_of(key), reference)
    if _is_hidden(reference, environ):
        return replace(one, hidden=True), None
    secret: Secret | None = None
    try:
        if key == WALLET:
            path, content = read_secret_file(reference, environ, MAX_KEYSTORE_BYTES)
            tag = hashlib.sha256(content).hexdigest()[:TAG_CHARACTERS]
        else:
            secret = read_secret(reference, environ, phrase=key == PASSPHRASE)
            path = place_of(reference, environ)
            tag = tag_of(secret)
            _must_be_ours(secret, settings)
    except Permanent as error:
        return replace(one, problem=msg("{key} {problem}.", key=key, problem=error.message)), None
    found = path.stat()
    return (
        replace(
            one,
            place=str(path),
            mode=f"{stat.S_IMODE(found.st_mode):04o}",
            age_h=max(0, int(time.time() - found.st_mtime)) // 3_600,
            tag=None if key == PASSPHRASE else tag,
        ),
        secret,
    )


def _is_hidden(reference: str, environ: Mapping[str, str]) -> bool:
    """Whether it is only that this user may not look: no fault of the secret's."""
    try:
        path = place_of(reference, environ)
        return path.exists() and not os.access(path, os.R_OK)
    except PermissionError:
        return True
    except Permanent:  # a credential, and none are here: only the service and root have them
        return os.geteuid() != 0


def any_hidden(settings: Settings, environ: Mapping[str, str]) -> bool:
    """Whether there is a secret that this user may not look at."""
    return any(_is_hidden(reference, environ) for _, reference in secret_references(settings))


def _must_be_ours(secret: Secret, settings: Settings) -> None:
    if secret.fingerprint() in settings.guards.foreign_secrets_sha256:
        raise Permanent(msg("belongs to the other environment, by guards.foreign_secrets_sha256"))


def _old(key: str, file: str, environ: Mapping[str, str]) -> Secret:
    try:
        return read_secret(str(Path(file).absolute()), environ)
    except Permanent as error:
        raise Permanent(msg("--old {key} {problem}.", key=key, problem=error.message)) from error


# ---------------------------------------------------------------- the services


async def _ask_all(
    settings: Settings, new: Mapping[str, Secret], old: Mapping[str, Secret], places: Places
) -> dict[tuple[str, bool], Reply]:
    """What each service says, where there is one that can be asked: (key, whether it is the one before)."""
    replies: dict[tuple[str, bool], Reply] = {}
    asked = [(key, False, one) for key, one in new.items()] + [(key, True, one) for key, one in old.items()]

    async def one(key: str, is_old: bool, secret: Secret, session: aiohttp.ClientSession) -> None:  # noqa: FBT001
        service = _service(key, settings)
        if service is not None:
            replies[key, is_old] = await keyprobe.ask(service, secret.reveal(), places, session)
        elif is_old:
            replies[key, is_old] = Reply.UNKNOWN

    async with aiohttp.ClientSession() as session, anyio.create_task_group() as group:
        for key, is_old, secret in asked:
            group.start_soon(one, key, is_old, secret, session)
    return replies


def _service(key: str, settings: Settings) -> Service | None:
    if (key.startswith("chain.endpoints[") and key.endswith(".http")) or key == "trade.send_url":
        return Service.RPC
    if key == "notion.token":
        return Service.NOTION
    for channel in settings.notify.channels:
        if key == f"notify.channels[{channel.name}].token":
            return {"slack-app": Service.SLACK, "line": Service.LINE}.get(channel.kind)
    return None
