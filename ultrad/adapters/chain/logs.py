"""The logs that tell of an account: which to ask for, and what each means.

Topics are keccak256 of the signatures beside them. Sources: ERC-20; aave-v3-origin `IPool.sol`,
`ICreditDelegationToken.sol`. An aToken and a debt token are ERC-20 tokens whose mints and burns are transfers from
and to the zero address (`IncentivizedERC20.sol`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ultrad.adapters.chain import abi
from ultrad.adapters.chain.abi import Malformed
from ultrad.addresses import ZERO, checksum
from ultrad.core.intrusion import Kind, Log
from ultrad.units import Address

TRANSFER = "ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
"""Transfer(address indexed from, address indexed to, uint256 value)"""
APPROVAL = "8c5be1e5ebec7d5bd14f71427d1e84f3dd0314c0f7b2291e5b200ac8c7c3b925"
"""Approval(address indexed owner, address indexed spender, uint256 value)"""
DELEGATION = "da919360433220e13b51e8c211e490d148e61a3bd53de8c097194e458b97f3e1"
"""BorrowAllowanceDelegated(address indexed fromUser, address indexed toUser, address indexed asset, uint256)"""
WITHDRAW = "3115d1449a7b732c986cba18244e897a450f61e1bb8d589cd2e69e6c8924f9f7"
"""Withdraw(address indexed reserve, address indexed user, address indexed to, uint256 amount)"""
BORROW = "b3d084820fb1a9decffb176436bd02558d15fac9b0ddfed8c465bc7359d7dce0"
"""Borrow(address indexed reserve, address user, address indexed onBehalfOf, uint256, uint8, uint256, uint16)"""
REPAY = "a534c8dbe71f871f9f3530e97a74601fea17b426cae02e1c5aee42c96c784051"
"""Repay(address indexed reserve, address indexed user, address indexed repayer, uint256, bool)"""
LIQUIDATION = "e413a321e8681d831f4dbccbca790d2952b56f977908e45be37335533e005286"
"""LiquidationCall(address indexed collateralAsset, address indexed debtAsset, address indexed user, uint256
debtToCover, uint256 liquidatedCollateralAmount, address liquidator, bool receiveAToken)"""

MOST_RESERVES = 128
"""`ReserveConfiguration.sol`, MAX_RESERVES_COUNT."""
ASSET, RECEIPT, DEBT = "asset", "receipt", "debt"


@dataclass(frozen=True, slots=True)
class Watched:
    """One market's contracts, in lower case. of: each asset, aToken and debt token → (reserve, which it is)."""

    pool: str
    of: Mapping[str, tuple[Address, str]]


def queries(watched: Watched, account: Address) -> tuple[dict[str, object], ...]:
    """The filters of `eth_getLogs`, without their range. An account stands where a signature has it as indexed."""
    who = "0x" + abi.address_word(account).hex()
    tokens = sorted(watched.of)
    first = _topics(TRANSFER, APPROVAL, DELEGATION)
    second = _topics(TRANSFER, WITHDRAW, BORROW, REPAY)
    return (
        {"address": tokens, "topics": [first, who]},
        {"address": [watched.pool, *tokens], "topics": [second, None, who]},
        {"address": [watched.pool], "topics": [_topics(LIQUIDATION), None, None, who]},
    )


def _topics(*names: str) -> list[str]:
    return ["0x" + name for name in names]


@dataclass(frozen=True, slots=True)
class Raw:
    """One log as a node gives it, checked for its form. topics: without 0x."""

    address: str
    topics: tuple[str, ...]
    data: bytes
    tx: str
    block: int
    index: int


def raw(value: object) -> Raw:
    """Raises Malformed for anything that is no mined log."""
    if not isinstance(value, dict) or value.get("removed"):
        raise Malformed
    topics, address, tx = value.get("topics"), value.get("address"), value.get("transactionHash")
    if not isinstance(topics, list) or not isinstance(address, str) or not isinstance(tx, str):
        raise Malformed
    try:
        number, index = int(str(value.get("blockNumber")), 16), int(str(value.get("logIndex")), 16)
    except ValueError:
        raise Malformed from None
    words = tuple(str(one).lower().removeprefix("0x") for one in topics)
    return Raw(address.lower(), words, abi.data(value.get("data")), tx.lower(), number, index)


def decoded(one: Raw, watched: Watched, account: Address) -> Log | None:
    """What it tells; None for what does not matter here. Raises Malformed for what these contracts never say."""
    if not one.topics or (one.address != watched.pool and one.address not in watched.of):
        raise Malformed
    return _of_pool(one) if one.address == watched.pool else _of_token(one, *watched.of[one.address], account)


def _of_pool(one: Raw) -> Log | None:
    """Of Repay the third topic is who repays; of the others whom it is for, or where it goes."""
    name, asset = one.topics[0], _address(one, 1)
    if name == WITHDRAW:
        return _log(one, Kind.WITHDRAW, asset, _address(one, 3), abi.uint(one.data))
    if name == BORROW:
        return _log(one, Kind.BORROW, asset, abi.address(one.data), abi.uint(one.data, 1))
    if name == REPAY:
        return _log(one, Kind.REPAID, asset, _address(one, 3), abi.uint(one.data))
    if name == LIQUIDATION:
        return _log(one, Kind.LIQUIDATION, asset, abi.address(one.data, 2), abi.uint(one.data, 1))
    raise Malformed


def _of_token(one: Raw, asset: Address, what: str, account: Address) -> Log | None:
    name, source, target = one.topics[0], _address(one, 1), _address(one, 2)
    amount, receipt = abi.uint(one.data), what == RECEIPT
    if name in {APPROVAL, DELEGATION}:
        return _log(one, Kind.APPROVAL, asset, target, amount)
    if name != TRANSFER:
        raise Malformed
    if what == DEBT:
        return None  # the pool's own events tell of it
    if source == account:
        kind = Kind.BURN if receipt and target == ZERO else Kind.OUT
        return _log(one, kind, asset, target, amount, receipt=receipt)
    return _log(one, Kind.IN, asset, source, amount, receipt=receipt)


def _address(one: Raw, at: int) -> Address:
    if len(one.topics) <= at:
        raise Malformed
    return checksum("0x" + one.topics[at][-40:])


def _log(one: Raw, kind: Kind, asset: Address, other: Address, amount: int, *, receipt: bool = False) -> Log:
    return Log(kind, one.tx, one.block, one.index, asset, other, amount, receipt)


def reserves(data: bytes) -> tuple[Address, ...]:
    """Decode `Pool.getReservesList`. Raises Malformed."""
    if abi.uint(data) != abi.WORD:
        raise Malformed
    return tuple(abi.address(data, 2 + at) for at in range(min(abi.uint(data, 1), MOST_RESERVES)))


def watched_of(pool: Address, found: Sequence[tuple[Address, Address, Address]]) -> Watched:
    """From each reserve with its aToken and its variable debt token."""
    of: dict[str, tuple[Address, str]] = {}
    for asset, a_token, debt_token in found:
        of[asset.lower()] = (asset, ASSET)
        of[a_token.lower()] = (asset, RECEIPT)
        of[debt_token.lower()] = (asset, DEBT)
    return Watched(pool.lower(), of)
