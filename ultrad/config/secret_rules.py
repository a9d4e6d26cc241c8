"""The rules for secrets: which the file names, and what is wrong with each."""

from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from itertools import combinations
from urllib.parse import SplitResult, urlsplit

from ultrad.config.backup import backup_secret_keys, drill_key_problem
from ultrad.config.mistakes import Mistake
from ultrad.config.schema import Settings
from ultrad.config.secret import PASSPHRASE, Secret
from ultrad.config.telling import secret_keys, secret_problem
from ultrad.config.trading import trading_secret_keys
from ultrad.i18n import Message, msg

MIN_TOKEN_CHARACTERS = 24
"""Random text of this length cannot be guessed; what people think of themselves is shorter."""


def mistakes_in_secrets(settings: Settings, secrets: Mapping[str, Secret]) -> Iterator[Mistake]:
    """What is wrong with the secrets themselves. `secrets`: those that could be read, by dotted key."""
    for key, secret in secrets.items():
        problem = _problem(settings, key, secret)
        if problem:
            yield Mistake(
                (key,), msg("{key} ({reference}) {problem}.", key=key, reference=secret.reference, problem=problem)
            )
        if secret.fingerprint() in settings.guards.foreign_secrets_sha256:
            yield Mistake(
                (key, "guards.foreign_secrets_sha256"),
                msg(
                    "{key} ({reference}) is a secret of the other environment, as guards.foreign_secrets_sha256"
                    " says: give this environment one of its own.",
                    key=key,
                    reference=secret.reference,
                ),
            )
    for (key, secret), (other_key, other) in combinations(
        [item for item in secrets.items() if item[0].startswith("chain.endpoints") and item[0].endswith(".http")],
        2,
    ):
        if _normal(secret) == _normal(other):
            yield Mistake(
                (key, other_key),
                msg(
                    "{key} and {other} are the same URL. A second endpoint must be another node, best of another"
                    " provider: one cannot check itself.",
                    key=key,
                    other=other_key,
                ),
            )


def secret_references(settings: Settings) -> Iterator[tuple[str, str]]:
    """Each secret that the file names: its dotted key and its reference."""
    for endpoint in settings.chain.endpoints:
        yield f"chain.endpoints[{endpoint.name}].http", endpoint.http
        if endpoint.ws:
            yield f"chain.endpoints[{endpoint.name}].ws", endpoint.ws
    if settings.http.estop_token:
        yield "http.estop_token", settings.http.estop_token
    yield from secret_keys(settings.notify, settings.deadman)
    yield from backup_secret_keys(settings.backup)
    yield from trading_secret_keys(
        settings.trade, settings.signer, settings.notion, settings.octobot, settings.signals
    )


def parsed_url(secret: Secret) -> SplitResult | None:
    """The URL in a secret; None where it is none with a host (and a valid port, if any)."""
    try:
        url = urlsplit(secret.reveal())
        usable = bool(url.hostname) and url.port != 0
    except ValueError:
        return None
    return url if usable else None


def loopback(host: str) -> bool:
    """Whether a host is this machine: `localhost` or an address of it."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _problem(settings: Settings, key: str, secret: Secret) -> Message | None:
    if key in {"http.estop_token", "signals.token", "signals.hmac_key"}:
        return _token_problem(secret)
    if key in {PASSPHRASE, "octobot.token"}:  # made by others, by their own rules
        return None
    if key.startswith("backup."):
        return drill_key_problem(key, secret)
    if key.endswith((".token", ".key")):
        return secret_problem(key, secret)
    return _url_problem(settings, key, secret)


def _token_problem(secret: Secret) -> Message | None:
    if len(secret.reveal()) < MIN_TOKEN_CHARACTERS:
        return msg("is too short for a token: use at least {count} random characters", count=MIN_TOKEN_CHARACTERS)
    return None


def _url_problem(settings: Settings, key: str, secret: Secret) -> Message | None:
    plain, encrypted = ("ws", "wss") if key.endswith(".ws") else ("http", "https")
    url = parsed_url(secret)
    if url is None or url.scheme not in (plain, encrypted):
        return msg(
            "must hold a URL that begins with {encrypted}:// (or {plain}://)", encrypted=encrypted, plain=plain
        )
    if url.scheme == plain and settings.environment == "production" and not loopback(url.hostname or ""):
        return msg(
            "must begin with {encrypted}:// in production: what comes unencrypted over a network can be forged",
            encrypted=encrypted,
        )
    return None


def _normal(secret: Secret) -> object:
    """A URL so far as it names a place: without the case of its host, a default port, a slash at the end."""
    url = parsed_url(secret)
    if url is None:
        return secret.reveal()
    port = url.port or {"http": 80, "https": 443}.get(url.scheme)
    return (url.scheme, url.hostname, port, url.path.rstrip("/"), url.query, url.username, url.password)
