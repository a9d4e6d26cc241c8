"""From the file to a frozen Config: every mistake in one answer, and never a traceback."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from zoneinfo import ZoneInfo

from ultrad.config.backup import TargetConfig, targets_of
from ultrad.config.file import Draft, draft
from ultrad.config.mistakes import ConfigError, Mistake
from ultrad.config.reports import report_rules
from ultrad.config.rescue import rescue_limits
from ultrad.config.rules import chain_id_of
from ultrad.config.schema import EstopSection, LimitsSection, Settings
from ultrad.config.secret import PASSPHRASE, Secret, read_secret
from ultrad.config.secret_rules import mistakes_in_secrets, secret_references
from ultrad.config.telling import NEEDS, ChannelConfig, channels_of, post_rules, tell_rules
from ultrad.config.trading import TradeConfig, trade_config
from ultrad.config.trading_rules import find_keystore
from ultrad.core.limits import HOUR_MS, MINUTE_MS, EstopRules, Limits
from ultrad.core.report_rules import ReportRules
from ultrad.core.rescue import RescueLimits
from ultrad.core.telling import TellRules
from ultrad.errors import Permanent
from ultrad.i18n import msg
from ultrad.networks import (
    LOCAL_CHAIN_IDS,
    LOCAL_CONFIRMATIONS,
    UNKNOWN_BLOCK_TIME_MS,
    UNKNOWN_CONFIRMATIONS,
    UNKNOWN_MAX_LAG_BLOCKS,
    UNKNOWN_STALE_HEAD_S,
    Network,
    by_chain_id,
    by_name,
)
from ultrad.postman import PostRules
from ultrad.units import Bps, wad


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One RPC endpoint with its secret URLs."""

    name: str
    http: Secret
    ws: Secret | None


@dataclass(frozen=True, slots=True)
class Config:
    """All that the daemon is told. `settings` is the file as written; the rest is made from it.

    network: with the stale_head_s and max_lag_blocks that hold, be they the file's or the network's own.
    secrets: all of them, by their dotted keys. trade: None where nothing is traded.
    rescue: None where it is not enabled.
    """

    path: Path
    settings: Settings
    zone: ZoneInfo
    network: Network
    endpoints: tuple[Endpoint, ...]
    estop_token: Secret | None
    limits: Limits
    estop: EstopRules
    channels: tuple[ChannelConfig, ...]
    tell: TellRules
    post: PostRules
    deadman_url: Secret | None
    secrets: Mapping[str, Secret]
    trade: TradeConfig | None = None
    rescue: RescueLimits | None = None
    reports: ReportRules = field(default_factory=ReportRules)


def read(path: Path) -> Settings:
    """The file without its secrets: for commands that need to find the daemon, but none of its keys.

    Raises ConfigError with all mistakes.
    """
    found = draft(path)
    return _settled(path, found, found.mistakes)


def load(path: Path, environ: Mapping[str, str]) -> Config:
    """The file with its secrets, ready to run. environ: where `CREDENTIALS_DIRECTORY` is looked up.

    Raises ConfigError with all mistakes of the file and of the secrets.
    """
    found = draft(path)
    secrets: Mapping[str, Secret] = {}
    mistakes = found.mistakes
    keystore = None
    if found.settings:
        secrets, unreadable = _secrets(found.settings, environ)
        keystore, unusable = find_keystore(found.settings, environ)
        more = (*unreadable, *unusable, *mistakes_in_secrets(found.settings, secrets))
        mistakes += tuple(one for one in more if not one.touches(found.left_out))
    settings = _settled(path, found, mistakes)
    network, devnet = network_of(settings), settings.environment == "devnet"
    return Config(
        path=path,
        settings=settings,
        zone=ZoneInfo(settings.timezone),
        network=network,
        endpoints=tuple(
            Endpoint(
                one.name,
                secrets[f"chain.endpoints[{one.name}].http"],
                secrets.get(f"chain.endpoints[{one.name}].ws"),
            )
            for one in settings.chain.endpoints
        ),
        estop_token=secrets.get("http.estop_token"),
        limits=_limits(settings.limits, settings),
        estop=_estop_rules(settings.estop, settings),
        channels=channels_of(settings.notify, secrets),
        tell=tell_rules(settings.notify),
        post=post_rules(settings.notify),
        deadman_url=secrets.get("deadman.url"),
        secrets=secrets,
        trade=trade_config(settings.trade, devnet=devnet, network=network, keystore=keystore)
        if settings.trade
        else None,
        rescue=rescue_limits(settings.rescue),
        reports=report_rules(settings.reports, settings.notify),
    )


@dataclass(frozen=True, slots=True)
class Ways:
    """What is needed to tell people something, and no more. place: environment and network."""

    settings: Settings
    zone: ZoneInfo
    place: str
    channels: tuple[ChannelConfig, ...]
    tell: TellRules


def ways(path: Path, environ: Mapping[str, str]) -> Ways:
    """The ways to people as far as they can be understood: a mistake elsewhere must not keep a last word back.

    A channel whose own section or secret is wrong is left out. Raises ConfigError where nothing can be read.
    """
    found = draft(path)
    settings = _settled(path, found, ()) if found.settings else _settled(path, found, found.mistakes)
    secrets, _ = _secrets(settings, environ)
    whole = tuple(
        one for one in channels_of(settings.notify, secrets) if all(getattr(one, name) for name in NEEDS[one.kind])
    )
    return Ways(
        settings=settings,
        zone=ZoneInfo(settings.timezone),
        place=f"{settings.environment}/{settings.chain.network}",
        channels=whole,
        tell=tell_rules(settings.notify),
    )


@dataclass(frozen=True, slots=True)
class Vaults:
    """What is needed to make backups and to restore them, and no more.

    secrets: all that could be read. faulty: whether other parts have mistakes.
    """

    path: Path
    settings: Settings
    zone: ZoneInfo
    targets: tuple[TargetConfig, ...]
    drill_key: Secret | None
    secrets: Mapping[str, Secret]
    faulty: bool


def vaults(path: Path, environ: Mapping[str, str]) -> Vaults:
    """The targets of backups, whatever else is wrong: on a new machine other secrets are not there yet.

    Raises ConfigError for what is wrong with `[backup]`, and where nothing can be read.
    """
    found = draft(path)
    settings = _settled(path, found, ()) if found.settings else _settled(path, found, found.mistakes)
    secrets, unreadable = _secrets(settings, environ)
    mistakes = (*found.mistakes, *unreadable, *mistakes_in_secrets(settings, secrets))
    _settled(path, found, [one for one in mistakes if one.touches(("backup",))])
    return Vaults(
        path=path,
        settings=settings,
        zone=ZoneInfo(settings.timezone),
        targets=targets_of(settings.backup, secrets),
        drill_key=secrets.get("backup.drill_key"),
        secrets=secrets,
        faulty=bool(mistakes),
    )


def _settled(path: Path, found: Draft, mistakes: Sequence[Mistake]) -> Settings:
    """The settings, if there is nothing to object."""
    if mistakes or found.settings is None:
        raise ConfigError(path, [mistake.message for mistake in mistakes], found.language)
    return found.settings


def _secrets(settings: Settings, environ: Mapping[str, str]) -> tuple[Mapping[str, Secret], tuple[Mistake, ...]]:
    """All secrets by their keys, and what keeps the others from being read."""
    secrets: dict[str, Secret] = {}
    mistakes: list[Mistake] = []
    for key, reference in secret_references(settings):
        try:
            secrets[key] = read_secret(reference, environ, phrase=key == PASSPHRASE)
        except Permanent as error:
            mistakes.append(Mistake((key,), msg("{key} {problem}.", key=key, problem=error.message)))
    return MappingProxyType(secrets), tuple(mistakes)


def network_of(settings: Settings) -> Network:
    """The network with the file's own figures."""
    section = settings.chain
    network = by_name(section.network)
    if network is None:
        chain_id, provider = chain_id_of(settings), section.addresses_provider
        if chain_id is None or provider is None:  # mistakes_between_keys() has asked for both
            raise ValueError("a network without chain id and provider")
        like = by_chain_id(chain_id)
        network = Network(
            name=section.network,
            chain_id=chain_id,
            addresses_provider=provider,
            testnet=True if section.testnet is None else section.testnet,
            block_time_ms=like.block_time_ms if like else UNKNOWN_BLOCK_TIME_MS,
            stale_head_s=like.stale_head_s if like else UNKNOWN_STALE_HEAD_S,
            max_lag_blocks=like.max_lag_blocks if like else UNKNOWN_MAX_LAG_BLOCKS,
            sequencer_feed=section.sequencer_feed or (like.sequencer_feed if like else None),
            confirmations=like.confirmations if like else _unknown_confirmations(chain_id),
        )
    return replace(
        network,
        stale_head_s=section.stale_head_s or network.stale_head_s,
        max_lag_blocks=section.max_lag_blocks or network.max_lag_blocks,
    )


def _unknown_confirmations(chain_id: int) -> int:
    return LOCAL_CONFIRMATIONS if chain_id in LOCAL_CHAIN_IDS else UNKNOWN_CONFIRMATIONS


def _limits(section: LimitsSection, settings: Settings) -> Limits:
    return Limits(
        warn_hf=wad(section.warn_hf),
        trip_hf=wad(section.trip_hf),
        hard_floor_hf=wad(section.hard_floor_hf),
        resume_hf=wad(section.resume_hf),
        max_value_change_bps=_bps(section.max_value_change_pct),
        value_window_ms=section.value_window_h * HOUR_MS,
        oracle_max_age_s=section.oracle_max_age_s,
        oracle_max_age_by_symbol=tuple(sorted(section.oracle_max_age.items())),
        oracle_max_jump_bps=_bps(section.oracle_max_jump_pct),
        sequencer_grace_s=section.sequencer_grace_s,
        allow_empty=frozenset(position.name for position in settings.positions if position.allow_empty),
    )


def _estop_rules(section: EstopSection, settings: Settings) -> EstopRules:
    return EstopRules(
        override_ms=section.override_minutes * MINUTE_MS,
        override_step=wad(section.override_step_hf),
        hard_floor_hf=wad(settings.limits.hard_floor_hf),
        lapses=settings.environment == "production",
        crosscheck_wait_s=section.crosscheck_wait_s,
        unresolved_s=section.unresolved_s,
        resume_id_ms=section.resume_id_minutes * MINUTE_MS,
        look_back_ms=section.look_back_hours * HOUR_MS,
        closer_watch_ms=section.closer_watch_minutes * MINUTE_MS,
    )


def _bps(percent: Decimal) -> Bps:
    """A percentage with at most two digits after the point, exactly."""
    return Bps(int(percent * 100))
