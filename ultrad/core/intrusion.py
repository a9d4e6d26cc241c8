"""What the journal cannot explain on chain: a transaction of the account, or in its name, that ultrad never sent.

Explained is what one of our own transactions did (any version that the journal holds), what somebody announced
beforehand, and what was told already. Everything else that uses the key is strange: a nonce, a transfer out, a new
debt, an allowance. What comes in needs no key; a transfer or an allowance of nothing can be made to appear in
anybody's name (ERC-20 `transferFrom` of 0), and interest leaves no trace of its own.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from ultrad.core.position import Block
from ultrad.units import Address, UsdE8

MOST_NONCES = 1_000
"""Looked at in one go; the rest at the next look. A liar may claim any count."""
DUST_E8 = UsdE8(10**8)
"""What comes in below a dollar is not told: anybody can send as much of it as they like."""

Prices = Mapping[Address, tuple[UsdE8, int]]
"""Asset → (USD × 10^8 of one whole token, its smallest units)."""


class Kind(StrEnum):
    """What one log tells of the account."""

    OUT = "out"
    BURN = "burn"
    IN = "in"
    REPAID = "repaid"
    APPROVAL = "approval"
    BORROW = "borrow"
    WITHDRAW = "withdraw"
    LIQUIDATION = "liquidation"


class Act(StrEnum):
    """What somebody did with the key, as it is announced."""

    TRANSFER = "transfer"
    APPROVE = "approve"
    BORROW = "borrow"
    WITHDRAW = "withdraw"
    OTHER = "other"


TAKING: Mapping[Kind, Act] = {
    Kind.OUT: Act.TRANSFER,
    Kind.BURN: Act.WITHDRAW,
    Kind.WITHDRAW: Act.WITHDRAW,
    Kind.APPROVAL: Act.APPROVE,
    Kind.BORROW: Act.BORROW,
}
"""The logs that tell of something taken, or of the leave to take it."""


@dataclass(frozen=True, slots=True)
class Log:
    """One log about the account.

    asset: the reserve that it is about (the collateral's, of a liquidation). receipt: whether the token is the
    reserve's aToken. other: to whom, or from whom. amount: in the asset's smallest units.
    """

    kind: Kind
    tx: str
    block: int
    index: int
    asset: Address
    other: Address
    amount: int
    receipt: bool = False


@dataclass(frozen=True, slots=True)
class Sent:
    """One consumed nonce. tx: which transaction did it; empty where no endpoint remembers."""

    nonce: int
    tx: str
    block: int
    value_wei: int = 0


@dataclass(frozen=True, slots=True)
class Position:
    """Everything up to this block, and every nonce below this one, is explained or told."""

    block: Block
    nonce: int


@dataclass(frozen=True, slots=True)
class Seen:
    """A span of blocks as one endpoint shows it: those after `since`, up to `block`.

    since: the position that was asked from, or one further back where its block was replaced.
    nonce: how many transactions the account had sent at `block`; None where the span ends so far below the head
    that a node need not know. sent: the nonces consumed since the position, as far as they were found.
    reached: from where the next look may begin (at the confirmed depth). senders: transaction → who sent it, for
    those whose logs take something. prices: of what the logs are about.
    """

    since: Position
    block: Block
    nonce: int | None
    reached: Position
    sent: tuple[Sent, ...] = ()
    logs: tuple[Log, ...] = ()
    senders: tuple[tuple[str, Address], ...] = ()
    prices: tuple[tuple[Address, tuple[UsdE8, int]], ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether the span ends at the head."""
        return self.nonce is not None


@dataclass(frozen=True, slots=True)
class Deed:
    """One thing that a transaction did. asset: None for the chain's own coin and for a bare nonce."""

    act: Act
    asset: Address | None = None
    amount: int = 0
    other: Address | None = None


@dataclass(frozen=True, slots=True)
class Strange:
    """One transaction that nothing explains. key: what it is remembered by: its hash, else its nonce."""

    key: str
    tx: str
    block: int
    nonce: int | None
    sender: Address | None
    deeds: tuple[Deed, ...]


def strange(seen: Seen, own: frozenset[str], known: frozenset[str], account: Address) -> tuple[Strange, ...]:
    """What nothing explains, the oldest first. own: hashes that we signed. known: keys expected or told before."""
    senders = dict(seen.senders)
    sent = nonces(seen)
    by_tx: dict[str, list[Log]] = {}
    for log in sorted(seen.logs, key=lambda one: (one.block, one.index)):
        by_tx.setdefault(log.tx, []).append(log)
    found: list[Strange] = []
    for one in sent:
        key = one.tx or f"nonce {one.nonce}"
        if one.tx not in own and key not in known:
            deeds = (*_deeds(by_tx.get(one.tx, ()), account), *_coins(one)) or (Deed(Act.OTHER),)
            found.append(Strange(key, one.tx, one.block, one.nonce, account, deeds))
    done = own | known | {one.tx for one in sent}
    for tx, logs in by_tx.items():
        if tx not in done and (deeds := _deeds(logs, account)):
            found.append(Strange(tx, tx, logs[0].block, None, senders.get(tx), deeds))
    return tuple(sorted(found, key=lambda one: one.block))


def nonces(seen: Seen) -> tuple[Sent, ...]:
    """Each nonce consumed since, also those that could not be found."""
    if seen.nonce is None:
        return ()
    found = {one.nonce: one for one in seen.sent}
    first = seen.since.nonce
    upto = min(seen.nonce, first + MOST_NONCES)
    return tuple(found.get(nonce) or Sent(nonce, "", seen.block.number) for nonce in range(first, upto))


def _coins(sent: Sent) -> tuple[Deed, ...]:
    return (Deed(Act.TRANSFER, None, sent.value_wei),) if sent.value_wei else ()


def _deeds(logs: Iterable[Log], account: Address) -> tuple[Deed, ...]:
    """What the logs of one transaction amount to.

    A liquidation takes aTokens of the collateral: it is the position's fault, not the key's. A withdrawal shows as
    the pool's event and as burnt aTokens, or as the first alone (where more interest was due than is taken).
    """
    every = tuple(logs)
    liquidated = {one.asset for one in every if one.kind is Kind.LIQUIDATION}
    withdrawn = {one.asset for one in every if one.kind is Kind.WITHDRAW}

    def counts(one: Log) -> bool:
        if one.kind not in TAKING or one.amount == 0 or (one.kind is Kind.OUT and one.other == account):
            return False
        if one.receipt and one.kind in {Kind.OUT, Kind.BURN} and one.asset in liquidated:
            return False
        return not (one.kind is Kind.BURN and one.asset in withdrawn)

    return tuple(Deed(TAKING[one.kind], one.asset, one.amount, one.other) for one in every if counts(one))


def inflows(seen: Seen, own: frozenset[str], besides: frozenset[str]) -> tuple[Log, ...]:
    """What came in by others' transactions, worth telling, in the blocks that the position passes with this look.

    besides: transactions that are told of otherwise.
    """
    prices = dict(seen.prices)
    return tuple(
        one
        for one in seen.logs
        if one.kind in {Kind.IN, Kind.REPAID}
        and seen.since.block.number < one.block <= seen.reached.block.number
        and one.tx not in own | besides
        and (worth_e8(prices, one.asset, one.amount) or 0) >= DUST_E8
    )


def worth_e8(prices: Prices, asset: Address | None, amount: int) -> UsdE8 | None:
    """What an amount is worth, rounded up; None where nobody knows a price."""
    price = None if asset is None else prices.get(asset)
    return None if price is None else UsdE8(-(-amount * price[0] // price[1]))


def value_e8(one: Strange, prices: Prices) -> UsdE8 | None:
    """What a transaction moved, or allows to move, in all; None where a part of it has no price."""
    worths = [worth_e8(prices, deed.asset, deed.amount) for deed in one.deeds]
    known = [worth for worth in worths if worth is not None]
    return UsdE8(sum(known)) if len(known) == len(worths) else None
