"""What is worth knowing of a valid configuration: what is loosened, switched off, unused or open to others."""

import os
import pwd
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import combinations
from pathlib import Path
from typing import Literal

from pydantic import BaseModel

from ultrad.config.alerts import words_on_alerts
from ultrad.config.backup import words_on_backup
from ultrad.config.load import Config, load
from ultrad.config.mistakes import ConfigError
from ultrad.config.rescue import words_on_rescue
from ultrad.config.schema import Settings
from ultrad.config.secret import CREDENTIALS_VARIABLE, credential_name
from ultrad.config.secret_rules import loopback, parsed_url, secret_references
from ultrad.config.section import Looser
from ultrad.config.trading_rules import words_on_trading
from ultrad.errors import Permanent
from ultrad.i18n import Message, msg
from ultrad.networks import UNKNOWN_CONFIRMATIONS, UNKNOWN_MAX_LAG_BLOCKS, UNKNOWN_STALE_HEAD_S, by_name

MAX_UNUSED_NAMED = 20
"""A service has a handful of credentials; more names help nobody."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the answer. An error is a fault that does not keep the daemon from starting, but should."""

    level: Literal["ok", "warning", "error"]
    message: Message


def check(config: Config, environ: Mapping[str, str]) -> tuple[Line, ...]:
    """All that can be said of a loaded configuration. environ: where the credentials are looked up."""
    settings = config.settings
    return (
        Line(
            "ok",
            msg(
                "{path} is valid: {environment} on {network} (chain id {chain_id}), positions: {positions},"
                " endpoints: {endpoints}.",
                path=str(config.path),
                environment=settings.environment,
                network=config.network.name,
                chain_id=str(config.network.chain_id),
                positions=len(settings.positions),
                endpoints=len(config.endpoints),
            ),
        ),
        *_file(config.path),
        *loosened(settings),
        *_switched_off(settings),
        *_resumers(settings),
        *_endpoints(config),
        *(Line(level, message) for level, _, message in words_on_alerts(settings)),
        *(Line(level, message) for level, message in words_on_trading(settings)),
        *(Line(level, message) for level, message in words_on_rescue(settings)),
        *(Line(level, message) for level, message in words_on_backup(settings)),
        *_guards(settings),
        *_unused(settings, environ),
    )


def sound(path: Path, environ: Mapping[str, str]) -> Config:
    """As `load`; that others can write the file is a mistake as well. Raises Permanent where it cannot look.

    For a reload, by which whoever can write the file would loosen every limit at once.
    """
    config = load(path, environ)
    try:
        errors = [line.message for line in _file(path)]
    except OSError as error:  # gone or locked away since it was read
        raise Permanent(
            msg("{path} cannot be examined: {reason}", path=str(path), reason=error.strerror or "")
        ) from error
    if errors:
        raise ConfigError(path, errors, config.settings.language)
    return config


def loosened(settings: Settings) -> Iterator[Line]:
    """Each figure that is laxer than its default. Also for the status and the reports."""
    for key, value, default in _laxer(settings, Settings, ""):
        yield _looser(key, value, default)
    network = by_name(settings.chain.network)
    for key, given, own in (
        ("stale_head_s", settings.chain.stale_head_s, network.stale_head_s if network else UNKNOWN_STALE_HEAD_S),
        (
            "max_lag_blocks",
            settings.chain.max_lag_blocks,
            network.max_lag_blocks if network else UNKNOWN_MAX_LAG_BLOCKS,
        ),
    ):
        if given is not None and given > own:
            yield _looser(f"chain.{key}", given, own)
    for symbol, age_s in settings.limits.oracle_max_age.items():
        if age_s > settings.limits.oracle_max_age_s:
            yield _looser(f"limits.oracle_max_age.{symbol}", age_s, settings.limits.oracle_max_age_s)
    if settings.trade and settings.trade.confirmations is not None:
        given, own = settings.trade.confirmations, network.confirmations if network else UNKNOWN_CONFIRMATIONS
        if given < own and settings.environment != "devnet":
            yield _looser("trade.confirmations", given, own)


def backed_up_nowhere(settings: Settings) -> Iterator[Line]:
    """That nothing is backed up: also for the status and the reports."""
    if not settings.backup.targets and settings.environment != "devnet":
        yield from (Line(level, message) for level, message in words_on_backup(settings))


def _looser(key: str, value: object, default: object) -> Line:
    return Line(
        "warning",
        msg(
            "{key} = {value} is looser than the default {default}.",
            key=key,
            value=str(value),
            default=str(default),
        ),
    )


def _laxer(section: BaseModel, model: type[BaseModel], prefix: str) -> Iterator[tuple[str, object, object]]:
    """Keys whose value lies on the looser side of the default: (key, value, default)."""
    for name, field in model.model_fields.items():
        value = getattr(section, name)
        if isinstance(value, BaseModel):
            yield from _laxer(value, type(value), f"{prefix}{name}.")
        extra = field.json_schema_extra
        side: object = extra.get("looser") if isinstance(extra, dict) else None
        if (
            not isinstance(value, int | Decimal)
            or isinstance(value, bool)
            or field.is_required()
            or field.default is None
            or side is None
        ):
            continue  # what is switched on or off is told in other words
        if _beyond(value, field.default, "up" if side == "up" else "down"):
            yield f"{prefix}{name}", value, field.default


def _beyond(value: int | Decimal, default: int | Decimal, side: Looser) -> bool:
    return value > default if side == "up" else value < default


def _file(path: Path) -> Iterator[Line]:
    """Whoever can write the file can loosen every limit in it."""
    status = path.stat()
    if status.st_uid not in (0, os.geteuid()):
        yield Line(
            "error",
            msg("{path} belongs to another user (uid {uid}): give it to root.", path=str(path), uid=status.st_uid),
        )
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        yield Line(
            "error",
            msg(
                "{path} can be written by others (mode {mode}): chmod go-w it.",
                path=str(path),
                mode=f"{stat.S_IMODE(status.st_mode):04o}",
            ),
        )


def _switched_off(settings: Settings) -> Iterator[Line]:
    for position in settings.positions:
        if position.allow_empty:
            yield Line(
                "warning",
                msg(
                    "positions[{name}]: may be empty, so a wrong account is not noticed by that.",
                    name=position.name,
                ),
            )
    for name in type(settings.jobs).model_fields:
        if not getattr(settings.jobs, name).enabled:
            yield Line("warning", msg("jobs.{name} is switched off.", name=name))
    if settings.http.exposed:
        yield Line(
            "warning",
            msg(
                "http.exposed = true: other machines may reach {host} port {port}, unencrypted. Keep a firewall"
                " before it.",
                host=settings.http.host,
                port=str(settings.http.port),
            ),
        )
    if settings.http.estop_token is None:
        yield Line(
            "ok", msg("http.estop_token is not set: nobody can stop over HTTP (file and command still can).")
        )


def _resumers(settings: Settings) -> Iterator[Line]:
    if not settings.estop.resumers and settings.environment == "production":
        yield Line(
            "warning",
            msg(
                "estop.resumers is empty: everybody who may touch the flag may also lift a stop. Name those"
                " who may."
            ),
        )
    for name in settings.estop.resumers:
        try:
            pwd.getpwnam(name)
        except KeyError:
            yield Line("warning", msg("estop.resumers: this machine has no user {name}.", name=name))


def _endpoints(config: Config) -> Iterator[Line]:
    if len(config.endpoints) == 1:
        yield Line(
            "warning",
            msg("chain.endpoints: there is only one. When it lies, nobody notices; when it fails, it trips."),
        )
    urls = [(endpoint, parsed_url(endpoint.http)) for endpoint in config.endpoints]
    for (one, url), (other, other_url) in combinations(urls, 2):
        if url and other_url and url.hostname == other_url.hostname:
            yield Line(
                "warning",
                msg(
                    "chain.endpoints: {one} and {other} are on the same host and may lie or fail together."
                    " Use another provider for one of them.",
                    one=one.name,
                    other=other.name,
                ),
            )
    for endpoint, url in urls:
        if url and url.scheme == "http" and not loopback(url.hostname or ""):
            yield Line(
                "warning",
                msg(
                    "chain.endpoints[{name}]: its URL is not encrypted, so answers can be forged.",
                    name=endpoint.name,
                ),
            )
        if endpoint.ws is None:
            yield Line(
                "ok",
                msg(
                    "chain.endpoints[{name}] has no ws: its blocks are noticed by asking every {interval} ms.",
                    name=endpoint.name,
                    interval=config.settings.chain.poll_interval_ms,
                ),
            )


def _guards(settings: Settings) -> Iterator[Line]:
    guards = settings.guards
    if settings.environment != "devnet" and not (guards.foreign_accounts and guards.foreign_secrets_sha256):
        yield Line(
            "warning",
            msg(
                "[guards] does not name both accounts and secrets of the other environment, so they would be taken"
                " here. Paste what `ultrad check --fingerprints` prints there."
            ),
        )


def _unused(settings: Settings, environ: Mapping[str, str]) -> Iterator[Line]:
    """Credentials that the service was given and nobody asks for: a misspelt name, or a key too many."""
    directory = environ.get(CREDENTIALS_VARIABLE)
    if not directory:
        return
    used = {reference for _, reference in secret_references(settings)}
    used |= {settings.signer.keystore} if settings.signer and settings.signer.keystore else set()
    given = {credential_name(entry.name) for entry in Path(directory).iterdir()}
    unused = sorted(given - used)
    for name in unused[:MAX_UNUSED_NAMED]:
        yield Line(
            "warning",
            msg("the credential {name} is not used. Remove it from the unit, or name it in the file.", name=name),
        )
