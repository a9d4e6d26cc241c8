"""Aave V3 and its neighbours: calldata, and what their answers mean.

Selectors are the first four bytes of keccak256(signature), the signature standing behind each. Sources:
aave-v3-origin `IPool.sol`, `IAaveOracle.sol`, `IPoolAddressesProvider.sol`, `IPoolDataProvider.sol`,
`ReserveConfiguration.sol`; aave-capo `IPriceCapAdapter.sol`, `IPriceCapAdapterStable.sol`;
cl-synchronicity-price-adapter; Chainlink `AggregatorV3Interface.sol`.
"""

from dataclasses import dataclass

from ultrad.adapters.chain.abi import WORD, Malformed, address_word, uint, word
from ultrad.adapters.chain.multicall import Call
from ultrad.units import ALL_BPS, INFINITE_HF, Address, UsdE8, Wad

GET_USER_ACCOUNT_DATA = "bf92857c"  # getUserAccountData(address)
GET_USER_CONFIGURATION = "4417a583"  # getUserConfiguration(address)
GET_CONFIGURATION = "c44b11f7"  # getConfiguration(address)
GET_RESERVE_ADDRESS_BY_ID = "52751797"  # getReserveAddressById(uint16)
GET_VIRTUAL_UNDERLYING_BALANCE = "6fb07f96"  # getVirtualUnderlyingBalance(address)
GET_RESERVE_TOKENS_ADDRESSES = "d2493b6c"  # getReserveTokensAddresses(address)
GET_ASSET_PRICE = "b3596f07"  # getAssetPrice(address)
GET_SOURCE_OF_ASSET = "92bf2be0"  # getSourceOfAsset(address)
GET_POOL = "026b1d5f"  # getPool()
GET_PRICE_ORACLE = "fca513a8"  # getPriceOracle()
GET_POOL_DATA_PROVIDER = "e860accb"  # getPoolDataProvider()
SYMBOL = "95d89b41"  # symbol()
DECIMALS = "313ce567"  # decimals()
TOTAL_SUPPLY = "18160ddd"  # totalSupply()
BALANCE_OF = "70a08231"  # balanceOf(address)
LATEST_ROUND_DATA = "feaf968c"  # latestRoundData()
ASSET_TO_USD_AGGREGATOR = "4ebdc284"  # ASSET_TO_USD_AGGREGATOR()
BASE_TO_USD_AGGREGATOR = "d221087c"  # BASE_TO_USD_AGGREGATOR()
ASSET_TO_PEG = "910bb70c"  # ASSET_TO_PEG()
PEG_TO_BASE = "de4aedab"  # PEG_TO_BASE()

FEED_GETTERS = (ASSET_TO_USD_AGGREGATOR, BASE_TO_USD_AGGREGATOR, ASSET_TO_PEG, PEG_TO_BASE)
"""What a price adapter without `latestRoundData` may offer: the feeds that it reads."""


def call(target: Address, selector: str, *words: bytes) -> Call:
    """One call with static arguments."""
    return Call(target, bytes.fromhex(selector) + b"".join(words))


def of(target: Address, selector: str, subject: Address) -> Call:
    """One call whose only argument is an address."""
    return call(target, selector, address_word(subject))


def reserve_by_id(pool: Address, reserve_id: int) -> Call:
    """`Pool.getReserveAddressById`: unlike a place in `getReservesList` it outlives the dropping of a reserve."""
    return call(pool, GET_RESERVE_ADDRESS_BY_ID, word(reserve_id))


@dataclass(frozen=True, slots=True)
class Account:
    """What `Pool.getUserAccountData` says, as far as it is used."""

    health_factor: Wad
    collateral_e8: UsdE8
    debt_e8: UsdE8


def account(data: bytes) -> Account:
    """Decode `getUserAccountData`. Raises Malformed for what the pool cannot return.

    `GenericLogic.calculateUserAccountData` returns the infinite health factor for exactly the accounts without
    debt, and averages (liquidation threshold, loan to value) of at most 100 %.
    """
    if len(data) != 6 * WORD:
        raise Malformed
    collateral, debt, health_factor = uint(data, 0), uint(data, 1), uint(data, 5)
    if (debt == 0) != (health_factor == INFINITE_HF) or max(uint(data, 3), uint(data, 4)) > ALL_BPS:
        raise Malformed
    if collateral == 0 and debt and health_factor:
        raise Malformed
    return Account(Wad(health_factor), UsdE8(collateral), UsdE8(debt))


def reserve_ids(bitmap: int) -> frozenset[int]:
    """The reserves that an account borrows or uses as collateral.

    `UserConfiguration.sol`: two bits for each reserve, the lower one for borrowing, the upper one for collateral.
    """
    return frozenset(at // 2 for at in range(bitmap.bit_length()) if bitmap >> at & 1)


@dataclass(frozen=True, slots=True)
class Configuration:
    """A reserve's bitmap, decoded. supply_cap: in the token's smallest unit; 0 means none."""

    decimals: int
    active: bool
    frozen: bool
    paused: bool
    supply_cap: int


def configuration(data: bytes) -> Configuration:
    """Decode `Pool.getConfiguration` (`ReserveConfiguration.sol`: bit positions; the cap is in whole tokens)."""
    bits = uint(data)
    decimals = bits >> 48 & 0xFF
    return Configuration(
        decimals=decimals,
        active=bool(bits >> 56 & 1),
        frozen=bool(bits >> 57 & 1),
        paused=bool(bits >> 60 & 1),
        supply_cap=(bits >> 116 & (1 << 36) - 1) * 10**decimals,
    )
