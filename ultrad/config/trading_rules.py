"""What is wrong between the keys of trading, and what is worth knowing of them."""

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ultrad.addresses import checksum, is_address
from ultrad.config.mistakes import Mistake
from ultrad.config.secret import read_secret_file
from ultrad.config.trading import (
    NotionSection,
    OctoBotSection,
    SignalsSection,
    SignerSection,
    TradeSection,
    is_dry_run,
    plain_id,
)
from ultrad.errors import Permanent
from ultrad.i18n import Message, msg
from ultrad.networks import DEVNET_ACCOUNT
from ultrad.units import Address, short_address

if TYPE_CHECKING:
    from ultrad.config.schema import Settings

TRADE_MARGIN_HF = Decimal("0.05")
"""A trade that leaves less above the trip would trip with the next move of the price."""
MAX_KEYSTORE_BYTES = 64 * 1024
"""A keystore has some 500 bytes."""
KEYSTORE_VERSION = 3


def mistakes_in_trading(settings: "Settings") -> Iterator[Mistake]:
    """All that can be said without the secrets."""
    if settings.trade:
        yield from _trade(settings.trade, settings)
    if settings.signer:
        yield from _signer(settings.signer, settings)
    if settings.notion:
        yield from _notion(settings.notion, settings)
    if settings.octobot:
        yield from _octobot(settings.octobot, settings)
    if settings.signals:
        yield from _signals(settings.signals)


def traded_account(settings: "Settings") -> Address | None:
    """The account of the position that is traded; None where nothing is, or no position has that name."""
    if settings.trade is None:
        return None
    named = settings.trade.position
    return next((one.account for one in settings.positions if one.name == named), None)


# ---------------------------------------------------------------- trade


def _trade(trade: TradeSection, settings: "Settings") -> Iterator[Mistake]:
    if traded_account(settings) is None:
        yield Mistake(
            ("trade.position", "positions"),
            msg(
                "trade.position names the position {name}, which is none. There are: {names}.",
                name=trade.position,
                names=", ".join(one.name for one in settings.positions) or "–",
            ),
        )
    trip = settings.limits.trip_hf
    if trade.min_hf_after < trip + TRADE_MARGIN_HF:
        yield Mistake(
            ("trade.min_hf_after", "limits.trip_hf"),
            msg(
                "trade.min_hf_after = {given} must be at least {margin} above limits.trip_hf = {trip}, or a trade"
                " leads to a stop.",
                given=str(trade.min_hf_after),
                margin=str(TRADE_MARGIN_HF),
                trip=str(trip),
            ),
        )
    for low, high in (
        ("min_trade_usd", "trade_usd"),
        ("trade_usd", "max_trade_usd"),
        ("max_trade_pct", "max_day_pct"),
    ):
        if getattr(trade, low) > getattr(trade, high):
            yield Mistake(
                (f"trade.{low}", f"trade.{high}"),
                msg(
                    "trade.{low_key} = {low} must not be over trade.{high_key} = {high}.",
                    low_key=low,
                    low=str(getattr(trade, low)),
                    high_key=high,
                    high=str(getattr(trade, high)),
                ),
            )
    if settings.signer is None and not is_dry_run(trade, devnet=settings.environment == "devnet"):
        yield Mistake(
            ("trade.dry_run", "signer", "environment"),
            msg("trade.dry_run is false, and there is no key. Add [signer], or write dry_run = true."),
        )


# ---------------------------------------------------------------- signer


def _signer(signer: SignerSection, settings: "Settings") -> Iterator[Mistake]:
    needed = ("keystore", "passphrase") if signer.kind == "keystore" else ()
    for name in ("keystore", "passphrase"):
        given = getattr(signer, name) is not None
        if given is (name in needed):
            continue
        key = f"signer.{name}"
        problem = (
            msg('{key} is not used by kind = "{kind}": remove it.', key=key, kind=signer.kind)
            if given
            else msg('{key} is missing: kind = "{kind}" needs it.', key=key, kind=signer.kind)
        )
        yield Mistake((key, "signer.kind"), problem)
    if signer.kind != "devnet":
        return
    if settings.environment != "devnet":
        yield Mistake(
            ("signer.kind", "environment"),
            msg('signer.kind = "devnet": everybody has this key. It is taken on the devnet only.'),
        )
    elif (account := traded_account(settings)) not in (None, DEVNET_ACCOUNT):
        yield _other_account(account, DEVNET_ACCOUNT)


def find_keystore(settings: "Settings", environ: Mapping[str, str]) -> tuple[Path | None, tuple[Mistake, ...]]:
    """The keystore's file, looked at without opening it; and what is wrong with it."""
    signer = settings.signer
    if signer is None or signer.keystore is None or signer.kind != "keystore":
        return None, ()
    key = "signer.keystore"
    try:
        path, content = read_secret_file(signer.keystore, environ, MAX_KEYSTORE_BYTES)
        told = _told_address(path, content)
    except Permanent as error:
        return None, (Mistake((key,), msg("{key} {problem}.", key=key, problem=error.message)),)
    account = traded_account(settings)
    if told is not None and account is not None and told != account:
        return path, (_other_account(account, told),)
    return path, ()


def _told_address(path: Path, content: bytes) -> Address | None:
    """Whose key a V3 keystore says that it holds; the format leaves it open. Raises Permanent for another file."""
    try:
        keystore = json.loads(content)
    except (ValueError, RecursionError):
        keystore = None
    if not isinstance(keystore, dict) or keystore.get("version") != KEYSTORE_VERSION:
        raise Permanent(
            msg("is in {path}, which is no V3 keystore: give the file of a wallet's export", path=str(path))
        )
    told = keystore.get("address")
    text = f"0x{str(told).removeprefix('0x')}"
    return checksum(text) if is_address(text) else None


def _other_account(account: Address | None, signs: Address) -> Mistake:
    return Mistake(
        ("signer.keystore", "signer.kind", "trade.position", "positions"),
        msg(
            "[signer] signs for {signs}, and trade.position is the account {account}. Use the key of that"
            " account.",
            signs=short_address(signs),
            account=short_address(account or ""),
        ),
    )


# ---------------------------------------------------------------- sources and the bot


def _notion(notion: NotionSection, settings: "Settings") -> Iterator[Mistake]:
    if plain_id(notion.database) in {plain_id(one) for one in settings.guards.foreign_notion_databases}:
        yield Mistake(
            ("notion.database", "guards.foreign_notion_databases"),
            msg(
                "notion.database belongs to the other environment, as guards.foreign_notion_databases says. Use"
                " the database of this one."
            ),
        )
    if notion.data_source and plain_id(notion.data_source) == plain_id(notion.database):
        yield Mistake(
            ("notion.data_source", "notion.database"),
            msg(
                "notion.data_source is the database's own id. A data source has another one: copy it in Notion"
                " under Manage data sources, or leave it out where the database has only one."
            ),
        )
    names = [getattr(notion.names, field) for field in type(notion.names).model_fields if field not in _STATUSES]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield Mistake(
            ("notion.names",),
            msg("notion.names: two properties are called {name}. Each has a name of its own.", name=name),
        )
    if notion.names.open == notion.names.done:
        yield Mistake(
            ("notion.names.open", "notion.names.done"),
            msg("notion.names: open and done are the same. A row that is dealt with would be taken again."),
        )


_STATUSES = ("open", "done")


def _octobot(octobot: OctoBotSection, settings: "Settings") -> Iterator[Mistake]:
    for name in ("url", "web_url"):
        url, key = getattr(octobot, name), f"octobot.{name}"
        if url is not None and url.lower() in {one.lower() for one in settings.guards.foreign_octobot_urls}:
            yield Mistake(
                (key, "guards.foreign_octobot_urls"),
                msg(
                    "{key} belongs to the other environment, as guards.foreign_octobot_urls says. Use the OctoBot"
                    " of this one.",
                    key=key,
                ),
            )
    if octobot.web_url == octobot.url:
        yield Mistake(
            ("octobot.web_url", "octobot.url"),
            msg(
                "octobot.web_url is the same as octobot.url. The web interface has a port of its own (5001 unless"
                " changed), and what it takes as a signal does nothing."
            ),
        )


def _signals(signals: SignalsSection) -> Iterator[Mistake]:
    if signals.token is None and signals.hmac_key is None:
        yield Mistake(
            ("signals.token", "signals.hmac_key"),
            msg("[signals] needs token or hmac_key: without one of them anybody could trade."),
        )


# ---------------------------------------------------------------- what is worth knowing


def words_on_trading(settings: "Settings") -> Iterator[tuple[Literal["ok", "warning"], Message]]:
    """For `ultrad check`."""
    trade = settings.trade
    if trade is None:
        yield "ok", msg("[trade] is not there: ultrad watches, and trades nothing.")
        for name in ("signer", "notion", "octobot", "signals"):
            if getattr(settings, name) is not None:
                yield "warning", msg("[{name}] is not used: there is no [trade].", name=name)
        return
    if is_dry_run(trade, devnet=settings.environment == "devnet"):
        yield (
            "warning",
            msg(
                "trade.dry_run: DRY RUN. Every signal goes through all rules up to the signature, and nothing is"
                " sent, to OctoBot neither. Write dry_run = false to trade."
            ),
        )
    else:
        yield (
            "ok",
            msg(
                "[trade] sends transactions: up to {usd} USD each, of {asset}, for the position {position}.",
                usd=str(min(trade.trade_usd, trade.max_trade_usd)),
                asset=short_address(trade.asset),
                position=trade.position,
            ),
        )
    if settings.notion is None and settings.signals is None:
        yield "ok", msg("Neither [notion] nor [signals] is there: only operators can give signals, by command.")
    if settings.octobot is not None and settings.octobot.web_url is None:
        yield (
            "warning",
            msg(
                "octobot.web_url is not set: of OctoBot's two ports only one is looked at, and its trades are not"
                " read."
            ),
        )
    if settings.denied_versions:
        yield (
            "ok",
            msg(
                "denied_versions: {versions} start with the stop ON.", versions=", ".join(settings.denied_versions)
            ),
        )
