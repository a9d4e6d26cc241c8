"""What the chain adapter is told. URLs are secrets (they carry keys): no `repr`, message or log shows them."""

from dataclasses import dataclass, field

from ultrad.units import Address

MULTICALL3 = Address("0xcA11bde05977b3631167028862bE2a173976CA11")
"""The same on every network that it is deployed to (https://www.multicall3.com/deployments)."""


@dataclass(frozen=True, slots=True)
class EndpointSettings:
    """One RPC endpoint. Without `ws_url` its heads are polled over HTTP."""

    name: str
    http_url: str = field(repr=False)
    ws_url: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class ChainSettings:
    """One chain and what is watched on it.

    positions: (name, account) in the order of the readings. assets: reserves to read besides those in use.
    feeds: (symbol, Chainlink feed) where a price source does not say itself how old it is.
    stale_head_s: a head older than this by the host's clock is refused. max_lag_blocks: so is one further behind.
    quiet_s: how long a subscription may say nothing while blocks go by (at most half of stale_head_s counts).
    """

    chain_id: int
    addresses_provider: Address
    positions: tuple[tuple[str, Address], ...]
    assets: tuple[Address, ...] = ()
    sequencer_feed: Address | None = None
    feeds: tuple[tuple[str, Address], ...] = ()
    call_timeout_s: float = 3.0
    stale_head_s: int = 60
    max_lag_blocks: int = 5
    poll_interval_s: float = 2.0
    quiet_s: float = 30.0
    static_refresh_s: float = 3600.0
    max_response_bytes: int = 16 * 1024 * 1024
    multicall: Address = MULTICALL3
