"""The networks an operator can name: where Aave V3 stands on each.

Sources: the Aave address book (github.com/bgd-labs/aave-address-book at f61c9762) for the chain id and the
PoolAddressesProvider of each market (`src/ts/AaveV3<Network>.ts`: CHAIN_ID, POOL_ADDRESSES_PROVIDER) and for the
sequencer uptime feeds (`src/ts/Chainlink<Network>.ts`: L2_Sequencer_Uptime_Status_Feed); Chainlink lists the same
feeds (docs.chain.link/data-feeds/l2-sequencer-feeds). Only rollups have one.
"""

from dataclasses import dataclass
from typing import Literal

from ultrad.units import Address

NetworkName = Literal[
    "ethereum",
    "base",
    "arbitrum",
    "optimism",
    "polygon",
    "avalanche",
    "sepolia",
    "base-sepolia",
    "devnet",
    "custom",
]

MULTICALL3 = Address("0xcA11bde05977b3631167028862bE2a173976CA11")
"""The same on every network listed here (github.com/mds1/multicall3, deployments)."""

LOCAL_CHAIN_IDS = frozenset({1337, 31337})
"""What development nodes answer: ganache and geth --dev 1337, anvil and hardhat 31337."""

DEVNET_CHAIN_ID = 31337

DEVNET_ACCOUNT = Address("0xFe61bF512e5C0eC58CFF0a591683CBE5B46C9f52")
"""The owner of our own devnet's reference position."""
DEVNET_KEY = "0xd78cc2ec3e5e3bf8b02eac648556b1b0e89e08ad9d50b3f0674dbc809281d69e"
"""Its private key: keccak256("ultrad devnet reference account").

PUBLIC. Whoever reads this can take what the account holds: for the devnet alone.
"""


UNKNOWN_CONFIRMATIONS = 12
"""As on Ethereum: where blocks come faster, this is less time, and a file can say more."""


@dataclass(frozen=True, slots=True)
class Network:
    """One Aave V3 market on one chain.

    block_time_ms: the nominal time between blocks. stale_head_s: a head older than this by the clock is stale.
    max_lag_blocks: an endpoint further behind the others is stale. sequencer_feed: the proxy of the uptime feed.
    confirmations: blocks under the newest one at which a transaction counts as final.
    """

    name: NetworkName
    chain_id: int
    addresses_provider: Address
    testnet: bool
    block_time_ms: int
    stale_head_s: int
    max_lag_blocks: int
    sequencer_feed: Address | None = None
    confirmations: int = UNKNOWN_CONFIRMATIONS

    @property
    def local(self) -> bool:
        """Whether this is a development node's chain."""
        return self.chain_id in LOCAL_CHAIN_IDS


_SHARED_PROVIDER = Address("0xa97684ead0e402dC232d5A977953DF7ECBaB3CDb")
"""Aave V3 was deployed with the same address on Arbitrum, Optimism, Polygon and Avalanche."""

# Block times: ethereum.org (12 s slots), docs.optimism.io and docs.base.org (2 s), docs.arbitrum.io (0.25 s),
# docs.polygon.technology (2 s), build.avax.network (2 s or less). A stale head: five slots on Ethereum, as single
# slots are missed each hour; ten blocks or more elsewhere; twice as much on test networks, which miss many.
# A lag: what gossip and load balancing explain, about 10 s of blocks (three slots on Ethereum).
# Confirmations: some two minutes of blocks where blocks are replaced at times (Ethereum has seen seven slots,
# in May 2022), half a minute where one sequencer orders them, or consensus is final at once (avalanche).
NETWORKS: tuple[Network, ...] = (
    Network(
        name="ethereum",
        chain_id=1,
        addresses_provider=Address("0x2f39d218133AFaB8F2B819B1066c7E434Ad94E9e"),
        testnet=False,
        block_time_ms=12_000,
        stale_head_s=60,
        max_lag_blocks=3,
    ),
    Network(
        name="base",
        chain_id=8453,
        addresses_provider=Address("0xe20fCBdBfFC4Dd138cE8b2E6FBb6CB49777ad64D"),
        testnet=False,
        block_time_ms=2_000,
        stale_head_s=20,
        max_lag_blocks=5,
        sequencer_feed=Address("0xBCF85224fc0756B9Fa45aA7892530B47e10b6433"),
        confirmations=15,
    ),
    Network(
        name="arbitrum",
        chain_id=42161,
        addresses_provider=_SHARED_PROVIDER,
        testnet=False,
        block_time_ms=250,
        stale_head_s=20,
        max_lag_blocks=40,
        sequencer_feed=Address("0xFdB631F5EE196F0ed6FAa767959853A9F217697D"),
        confirmations=120,
    ),
    Network(
        name="optimism",
        chain_id=10,
        addresses_provider=_SHARED_PROVIDER,
        testnet=False,
        block_time_ms=2_000,
        stale_head_s=20,
        max_lag_blocks=5,
        sequencer_feed=Address("0x371EAD81c9102C9BF4874A9075FFFf170F2Ee389"),
        confirmations=15,
    ),
    Network(
        name="polygon",
        chain_id=137,
        addresses_provider=_SHARED_PROVIDER,
        testnet=False,
        block_time_ms=2_000,
        stale_head_s=30,
        max_lag_blocks=5,
        confirmations=64,
    ),
    Network(
        name="avalanche",
        chain_id=43114,
        addresses_provider=_SHARED_PROVIDER,
        testnet=False,
        block_time_ms=2_000,
        stale_head_s=30,
        max_lag_blocks=5,
        confirmations=5,
    ),
    Network(
        name="sepolia",
        chain_id=11155111,
        addresses_provider=Address("0x012bAC54348C0E635dCAc9D5FB99f06F24136C9A"),
        testnet=True,
        block_time_ms=12_000,
        stale_head_s=120,
        max_lag_blocks=3,
    ),
    Network(
        name="base-sepolia",
        chain_id=84532,
        addresses_provider=Address("0xE4C23309117Aa30342BFaae6c95c6478e0A4Ad00"),
        testnet=True,
        block_time_ms=2_000,
        stale_head_s=40,
        max_lag_blocks=5,
        confirmations=15,
    ),
)

LOCAL_CONFIRMATIONS = 1
"""A development node has no other chain to change to, and may mine only when something is sent."""
UNKNOWN_BLOCK_TIME_MS = 2_000
UNKNOWN_STALE_HEAD_S = 60
UNKNOWN_MAX_LAG_BLOCKS = 5
"""For a network that is not listed: as most are, with the patience of the slowest."""


def by_name(name: str) -> Network | None:
    """The listed network of this name."""
    return next((network for network in NETWORKS if network.name == name), None)


def by_chain_id(chain_id: int) -> Network | None:
    """The listed network with this chain id."""
    return next((network for network in NETWORKS if network.chain_id == chain_id), None)
