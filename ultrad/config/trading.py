"""`[trade]`, `[signer]`, `[notion]`, `[octobot]` and `[signals]`: from a decision to a transaction.

All of them are optional: without `[trade]`, ultrad watches and trades nothing.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from ultrad.config.secret import Secret
from ultrad.config.section import Number, Section, number, whole
from ultrad.config.texts import (
    AddressText,
    Allowed,
    SecretRef,
    Slug,
    TimezoneName,
    matching,
    refuse,
)
from ultrad.core.limits import MINUTE_MS
from ultrad.core.trade_limits import TradeLimits
from ultrad.i18n import msg
from ultrad.networks import Network
from ultrad.units import USD, Bps, UsdE8, wad

GWEI = 10**9
MAX_URL_CHARACTERS = 2_000
MAX_NAME_CHARACTERS = 100
MOST_SPENDERS = 20
MOST_BODY_BYTES = 16_384
"""What the HTTP server takes in at all."""
_SECRETS = (
    "trade.send_url",
    "signer.passphrase",
    "notion.token",
    "octobot.token",
    "signals.token",
    "signals.hmac_key",
)
_NOTION_ID = re.compile(r"[0-9a-f]{8}(-?)[0-9a-f]{4}(?:\1[0-9a-f]{4}){2}\1[0-9a-f]{12}")
_FIELD = re.compile(r"[^\s;=\\\x00-\x1f\x7f](?:[^;=\\\x00-\x1f\x7f]{0,62}[^\s;=\\\x00-\x1f\x7f])?")
_VERSION = re.compile(r"[0-9][0-9A-Za-z.+-]{0,39}")


def _url(text: str) -> str:
    """The address without a slash at its end."""
    try:
        url = urlsplit(text)
        usable = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
    except ValueError:
        usable = False
    if not usable or url.username or url.password or url.query or url.fragment or len(text) > MAX_URL_CHARACTERS:
        refuse(msg("is no plain address"))
    return text.rstrip("/")


def _notion_id(text: str) -> str:
    if not _NOTION_ID.fullmatch(text):
        if "://" in text:
            refuse(msg("is a link: write only the id in it"))
        if _NOTION_ID.fullmatch(text.lower()):
            refuse(msg("has capital letters: write {right}", right=text.lower()))
        refuse(msg("is no id of Notion's"))
    return text


def _name(text: str) -> str:
    if not text.strip() or len(text) > MAX_NAME_CHARACTERS or not text.isprintable():
        refuse(msg("is not allowed"))
    return text


UrlText = Annotated[
    str,
    AfterValidator(_url),
    Allowed(msg('an address like "http://127.0.0.1:9000": without a user, a password, ? or #')),
]
DatabaseId = Annotated[
    str,
    AfterValidator(_notion_id),
    Allowed(msg("32 lower-case hex digits, with or without hyphens, as in the database's link")),
]
DataSourceId = Annotated[
    str,
    AfterValidator(_notion_id),
    Allowed(msg("32 lower-case hex digits, as Notion copies them under Manage data sources")),
]
Name = Annotated[str, AfterValidator(_name), Allowed(msg("1 to 100 printable characters"))]
OctoField = Annotated[
    str,
    AfterValidator(matching(_FIELD)),
    Allowed(msg("1 to 64 characters without ; = \\ or a line break, and no blank at either end")),
]
VersionText = Annotated[
    str,
    AfterValidator(matching(_VERSION)),
    Allowed(msg('a version as `ultrad version` prints it, such as "0.1.0"')),
]


class TradeSection(Section):
    """`[trade]`: what is traded, and within which limits."""

    position: Slug = Field(description="Whose account trades: the name of one of [[positions]].")
    asset: AddressText = Field(
        description="What is supplied and withdrawn: the reserve's address. Symbols are not unique on a chain."
    )
    trade_usd: Number = number(None, "1", "1000000", "What one trade is worth, before any cap.", looser="up")
    min_trade_usd: Number = number("10", "0.01", "10000", "A trade cut to less is skipped.", looser="down")
    max_trade_usd: Number = number("100", "1", "1000000", "The cap of one trade in USD.", looser="up")
    max_trade_pct: Number = number(
        "10", "0.1", "50", "The cap of one trade as a share of total funds.", looser="up"
    )
    max_day_pct: Number = number(
        "30", "0.1", "100", "The cap of all trades in 24 hours, gross, of the lowest funds.", looser="up"
    )
    min_hf_after: Number = number(
        "1.8", "1.1", "10", "The health factor that a trade must leave; 0.05 above trip_hf.", looser="down"
    )
    cooldown_minutes: int = whole(10, 1, 1_440, "Between two trades. Shorter is no cooling down.", looser="down")
    min_confidence: Number = number("60", "0", "100", "A signal less sure is skipped.", looser="down")
    fresh_minutes: int = whole(15, 1, 1_440, "An older signal is rejected: its reason has passed.", looser="up")
    repeats_per_hour: int = whole(3, 1, 20, "So many of one action are taken in an hour.", looser="up")
    burst: int = whole(10, 2, 100, "More signals than this in 10 minutes trip: a source gone mad.", looser="up")
    run: int = whole(5, 2, 50, "So many BUY or SELL in a row trip.", looser="up")
    max_fee_gwei: Number = number("100", "0.01", "10000", "Dearer gas is waited for.", looser="up")
    gas_wait_minutes: int = whole(5, 1, 60, "How long dear gas is waited for before it is looked at again.")
    outcome_tolerance_pct: Number = number(
        "0.5", "0.01", "5", "How far an outcome may be from what was admitted before it trips.", looser="up"
    )
    confirmations: int | None = whole(
        None, 1, 1_000, "Blocks after which a transaction counts as final. Default by network.", looser="down"
    )
    stuck_s: int = whole(90, 15, 3_600, "A transaction pending for so long gets a higher fee.")
    dry_run: bool | None = Field(
        default=None,
        description="Everything up to the signature, and nothing sent. Default: true, on the devnet false.",
        json_schema_extra={"looser": "down"},
    )
    spenders: tuple[AddressText, ...] = Field(
        default=(),
        max_length=MOST_SPENDERS,
        description="Contracts besides the pool whose allowances are looked at: ultrad allowances.",
    )
    send_url: SecretRef | None = Field(
        default=None,
        description="Where transactions are sent (a private relay), as a secret. Default: the first endpoint.",
    )


class SignerSection(Section):
    """`[signer]`: the key."""

    kind: Literal["keystore", "devnet"] = Field(
        description="keystore: a V3 keystore's file. devnet: the reference position's key, which is public."
    )
    keystore: SecretRef | None = Field(default=None, description="The keystore's file, as secrets are named.")
    passphrase: SecretRef | None = Field(default=None, description="What opens it, as a secret.")


class PropertiesSection(Section):
    """`[notion.names]`: what the database calls its properties and the two values of its status."""

    url: Name = Field(default="URL", description="url or text.")
    summary: Name = Field(default="Summary", description="Text.")
    sentiment: Name = Field(default="Sentiment", description="Select.")
    action: Name = Field(default="Action", description="Select: BUY, SELL or HOLD.")
    confidence: Name = Field(default="Confidence", description="Number, 0 to 100.")
    status: Name = Field(default="Status", description="Select or status.")
    timestamp: Name = Field(default="Timestamp", description="Date.")
    result: Name = Field(default="Result", description="Text; what became of it is written here.")
    open: Name = Field(default="未処理", description="The status of a row that is to be taken.")
    done: Name = Field(default="処理済", description="The status of a row that is dealt with.")


class NotionSection(Section):
    """`[notion]`: the database of decisions."""

    token: SecretRef = Field(description="The integration's token, as a secret.")
    database: DatabaseId = Field(description="The database's id, as in its link.")
    data_source: DataSourceId | None = Field(default=None, description="Which of its data sources, if several.")
    timezone: TimezoneName | None = Field(
        default=None, description="Of times that name none. Default: the file's own timezone."
    )
    names: PropertiesSection = Field(default_factory=PropertiesSection, description="What things are called.")


class OctoBotSection(Section):
    """`[octobot]`: the bot that is told before Aave is touched."""

    url: UrlText = Field(description="Its webhook server, port 9000 unless changed.")
    web_url: UrlText | None = Field(
        default=None, description="Its web interface, port 5001 unless changed; its health is looked at there too."
    )
    token: SecretRef = Field(description="The token of its TradingView service, as a secret.")
    exchange: OctoField = Field(description="As its signals have it: binance.")
    symbol: OctoField = Field(description="As its signals have it: BTCUSDT.")
    volume: OctoField = Field(description="As its signals have it: 2%.")


class SignalsSection(Section):
    """`[signals]`: decisions by `POST /signals`. At least one of token and hmac_key."""

    token: SecretRef | None = Field(default=None, description="The bearer token of those who send, as a secret.")
    hmac_key: SecretRef | None = Field(default=None, description="The key that they sign with, as a secret.")
    max_body_bytes: int = whole(
        4_096, 256, MOST_BODY_BYTES, "The longest body. A reason has 500 characters.", looser="up"
    )


@dataclass(frozen=True, slots=True)
class TradeConfig:
    """[trade] in exact units, with what holds where the file leaves it open. keystore: its file, if any."""

    section: TradeSection
    limits: TradeLimits
    dry_run: bool
    confirmations: int
    keystore: Path | None


# ---------------------------------------------------------------- secrets


def trading_secret_keys(
    trade: TradeSection | None,
    signer: SignerSection | None,
    notion: NotionSection | None,
    octobot: OctoBotSection | None,
    signals: SignalsSection | None,
) -> Iterator[tuple[str, str]]:
    """Each secret that these sections name: its dotted key and its reference. The keystore is no single line."""
    sections = {"trade": trade, "signer": signer, "notion": notion, "octobot": octobot, "signals": signals}
    for key in _SECRETS:
        section, _, name = key.partition(".")
        reference = getattr(sections[section], name, None)
        if reference:
            yield key, reference


def secret_texts(secrets: Mapping[str, Secret]) -> list[str]:
    """The secrets of these sections, so that no log shows one."""
    prefixes = ("trade.", "signer.", "notion.", "octobot.", "signals.")
    return [secret.reveal() for key, secret in secrets.items() if key.startswith(prefixes)]


# ---------------------------------------------------------------- exact units


def trade_limits(section: TradeSection) -> TradeLimits:
    """The section in exact units."""
    return TradeLimits(
        trade_e8=usd(section.trade_usd),
        min_trade_e8=usd(section.min_trade_usd),
        max_trade_e8=usd(section.max_trade_usd),
        max_trade_bps=_bps(section.max_trade_pct),
        max_day_bps=_bps(section.max_day_pct),
        min_hf_after=wad(section.min_hf_after),
        cooldown_ms=section.cooldown_minutes * MINUTE_MS,
        min_confidence=section.min_confidence,
        fresh_ms=section.fresh_minutes * MINUTE_MS,
        repeats=section.repeats_per_hour,
        burst=section.burst,
        run=section.run,
        max_fee_wei=int(section.max_fee_gwei * GWEI),
        gas_wait_ms=section.gas_wait_minutes * MINUTE_MS,
        tolerance_bps=_bps(section.outcome_tolerance_pct),
    )


def trade_config(section: TradeSection, *, devnet: bool, network: Network, keystore: Path | None) -> TradeConfig:
    """What the trader goes by. devnet: the environment is one."""
    return TradeConfig(
        section=section,
        limits=trade_limits(section),
        dry_run=is_dry_run(section, devnet=devnet),
        confirmations=section.confirmations or network.confirmations,
        keystore=keystore,
    )


def is_dry_run(section: TradeSection, *, devnet: bool) -> bool:
    """Whether nothing is sent. On the devnet nothing can be lost."""
    return not devnet if section.dry_run is None else section.dry_run


def plain_id(database: str) -> str:
    """An id of Notion's without its hyphens: both forms are the same."""
    return database.replace("-", "")


def usd(value: Decimal) -> UsdE8:
    """Dollars in exact units."""
    return UsdE8(int(value * USD))


def _bps(percent: Decimal) -> Bps:
    return Bps(int(percent * 100))
