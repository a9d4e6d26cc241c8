"""What `ultrad keys audit` works with: connections of its own to the chain, beside the daemon's or without it.

A composition root beside ultrad.app: it knows adapters.
"""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import anyio

from ultrad import config as configuration
from ultrad.adapters.chain.auditor import Auditor, Progress
from ultrad.adapters.chain.book import BookFile
from ultrad.adapters.chain.pool import RpcChain
from ultrad.adapters.chain.settings import ChainSettings, EndpointSettings
from ultrad.config.load import network_of
from ultrad.config.schema import Settings
from ultrad.config.secret import read_secret
from ultrad.config.trading_rules import traded_account
from ultrad.core.audit import Known, Range, Span
from ultrad.errors import Permanent
from ultrad.i18n import msg
from ultrad.networks import Network
from ultrad.units import Address, Now

GIVEN = "given"
"""What an endpoint is called that the command names itself."""


@dataclass(frozen=True, slots=True)
class Account:
    """Whose history it is, on which chain, and who is asked."""

    settings: Settings
    network: Network
    account: Address
    confirmations: int
    endpoints: tuple[EndpointSettings, ...]


def account_of(path: Path, environ: Mapping[str, str], position: str | None, rpc: str | None) -> Account:
    """From the configuration. position: its name; None for the one that trades, else the first.

    rpc: a file with the URL to ask instead of the configured endpoints, whose secrets are not read then.
    Raises ConfigError, Permanent.
    """
    if rpc is None:
        loaded = configuration.load(path, environ)
        settings, network = loaded.settings, loaded.network
        endpoints = tuple(EndpointSettings(one.name, one.http.reveal()) for one in loaded.endpoints)
    else:
        settings = configuration.read(path)
        network = network_of(settings)
        endpoints = (EndpointSettings(GIVEN, _url(rpc, environ)),)
    named = next((one.account for one in settings.positions if one.name == position), None)
    if position is not None and named is None:
        names = ", ".join(one.name for one in settings.positions)
        raise Permanent(msg("There is no position {name}. There are: {names}.", name=position, names=names))
    account = named or traded_account(settings) or settings.positions[0].account
    trade = settings.trade
    confirmations = (trade.confirmations if trade else None) or network.confirmations
    return Account(settings, network, Address(account), confirmations, endpoints)


def _url(path: str, environ: Mapping[str, str]) -> str:
    try:
        url = read_secret(str(Path(path).absolute()), environ).reveal()
    except Permanent as error:
        raise Permanent(msg("--rpc {problem}.", problem=error.message)) from error
    if not url.startswith(("http://", "https://")):
        raise Permanent(msg("--rpc {path}: put an http(s) URL into the file, and nothing else.", path=path))
    return url


def audit(of: Account, known: Known, asked: Range, progress: Progress) -> Span:
    """Read the account's history. Raises Transient where no endpoint serves at all."""
    return anyio.run(_audit, of, known, asked, progress)


async def _audit(of: Account, known: Known, asked: Range, progress: Progress) -> Span:
    section = of.settings.chain
    settings = ChainSettings(
        chain_id=of.network.chain_id,
        addresses_provider=of.network.addresses_provider,
        positions=(("audited", of.account),),
        call_timeout_s=section.call_timeout_s,
        stale_head_s=of.network.stale_head_s,
        max_lag_blocks=of.network.max_lag_blocks,
        multicall=section.multicall,
    )
    chain = RpcChain(
        settings,
        of.endpoints,
        clock=_WallClock(),
        pauses=lambda _: 1.0,
        book_file=BookFile(Path(os.devnull), of.network.chain_id, of.network.addresses_provider),
        tell=lambda _: None,  # its book is read once, and kept nowhere
    )
    async with chain:
        return await Auditor(chain, of.account, of.confirmations, known).read(asked, progress)


class _WallClock:
    """The host's clock alone: no window hangs on it here."""

    def now(self) -> Now:
        """Wall and steady time."""
        return Now(wall_ms=time.time_ns() // 1_000_000, steady_ms=time.monotonic_ns() // 1_000_000)
