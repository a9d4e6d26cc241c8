"""The account's history on chain, whole, held against what the journal holds: for `ultrad keys audit`.

Other than the watch it has no memory of its own: what was told before is found again, and said to have been told.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import cast

from ultrad.core import intrusion
from ultrad.core.account_book import ANNOUNCED, EXPECTED, EXPLAINED, INFLOW, INTRUSION
from ultrad.core.events import Json, Recorded
from ultrad.core.intents import Act
from ultrad.core.intrusion import MOST_NONCES, Deed, Kind, Log, Position, Seen, Sent, Strange
from ultrad.core.position import Block
from ultrad.i18n import Message
from ultrad.units import Address

KINDS = (Act.SIGN.value, EXPLAINED, INFLOW, INTRUSION, ANNOUNCED, EXPECTED)
"""What of the journal an audit reads."""


class Standing(StrEnum):
    """How the journal stands to what is not ours."""

    NEW = "new"
    TOLD = "told"
    ANNOUNCED = "announced"


@dataclass(frozen=True, slots=True)
class Known:
    """What the journal knows of the account.

    own: each hash that we signed, in lower case → its nonce. announced: what was found to be announced (its hash,
    else its nonce) → by whom and why. told: what tripped → the event's number. nonces: (block, nonce) of each
    position that was explained.
    """

    own: Mapping[str, int] = field(default_factory=dict)
    announced: Mapping[str, str] = field(default_factory=dict)
    told: Mapping[str, int] = field(default_factory=dict)
    nonces: tuple[tuple[int, int], ...] = ()


def known(events: Iterable[Recorded]) -> Known:
    """From the events of KINDS, oldest first. Raises KeyError, TypeError, ValueError on what was never written."""
    own: dict[str, int] = {}
    announced: dict[str, str] = {}
    told: dict[str, int] = {}
    said: dict[str, str] = {}
    nonces: list[tuple[int, int]] = []
    for one in events:
        data = cast("dict[str, Json]", one.event.data)
        match one.event.kind:
            case Act.SIGN.value:
                own[str(data["hash"]).lower()] = int(str(data["nonce"]))
            case "account.explained" | "account.inflow":
                block = cast("list[Json]", data["position"])
                nonces.append((int(str(block[0])), int(str(data["nonce"]))))
            case "account.intrusion":
                told[str(data["key"])] = one.seq
            case "account.announced":
                said[str(data["id"])] = f"{data['by']}: {data['reason']}"
            case "account.expected":
                announced[str(data["key"])] = said.get(str(data["announcement"]), "?")
            case _:
                continue
    return Known(own, announced, told, tuple(nonces))


# ---------------------------------------------------------------- what the chain showed


@dataclass(frozen=True, slots=True)
class Range:
    """What is asked for: from a block on, or from a time on (seconds); None for both: from the chain's first."""

    block: int | None = None
    time_s: int | None = None


@dataclass(frozen=True, slots=True)
class Gap:
    """What could not be looked at, and why."""

    message: Message


@dataclass(frozen=True, slots=True)
class Allowance:
    """A leave to take that stands now. tx: of the newest log that gave it; empty where none was seen."""

    asset: Address
    token: Address
    spender: Address
    amount: int
    tx: str = ""


@dataclass(frozen=True, slots=True)
class Span:
    """What the chain shows of the account between two blocks, both included.

    nonces: how many transactions it had sent before the first block and at the last. senders: transaction → who
    sent it. times: block → its time in seconds. pool: who may hold allowances.
    """

    first: Block
    last: Block
    nonces: tuple[int, int]
    pool: Address
    sent: tuple[Sent, ...] = ()
    logs: tuple[Log, ...] = ()
    senders: tuple[tuple[str, Address], ...] = ()
    times: Mapping[int, int] = field(default_factory=dict)
    allowances: tuple[Allowance, ...] = ()
    gaps: tuple[Gap, ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """One transaction that is not ours, and how the journal stands to it. says: who announced it, and why."""

    what: Strange
    time_s: int | None
    standing: Standing
    told_seq: int | None = None
    says: str = ""


@dataclass(frozen=True, slots=True)
class Leave:
    """One allowance that stands, and whether the journal explains it."""

    what: Allowance
    explained: bool


@dataclass(frozen=True, slots=True)
class Result:
    """The whole audit. own: our transactions that were found. inflows: transfers in and repayments by others."""

    lines: tuple[Line, ...]
    leaves: tuple[Leave, ...]
    own: int
    inflows: int
    liquidations: int
    gaps: tuple[Gap, ...]

    @property
    def strangers(self) -> int:
        """What nobody announced, and each allowance that nothing explains."""
        unannounced = sum(one.standing is not Standing.ANNOUNCED for one in self.lines)
        return unannounced + sum(not one.explained for one in self.leaves)


def result(span: Span, by: Known, account: Address) -> Result:
    """Hold one against the other."""
    own = frozenset(by.own)
    found = tuple(sorted(_strange(span, own, account), key=lambda one: one.block))
    mined = {one.tx for one in span.sent if one.tx in own} | {one.tx for one in span.logs if one.tx in own}
    strangers = {one.tx for one in found}
    return Result(
        lines=tuple(_line(one, span, by) for one in found),
        leaves=tuple(
            Leave(one, one.spender == span.pool or one.tx in own or one.tx in by.announced)
            for one in span.allowances
        ),
        own=len(mined),
        inflows=sum(
            one.kind in {Kind.IN, Kind.REPAID} and one.tx not in own and one.tx not in strangers
            for one in span.logs
        ),
        liquidations=len({one.tx for one in span.logs if one.kind is Kind.LIQUIDATION}),
        gaps=span.gaps,
    )


def _strange(span: Span, own: frozenset[str], account: Address) -> Iterator[Strange]:
    """As the watch finds it, in as many parts as it looks at nonces in one go; then what others sent."""
    first, upto = span.nonces
    rest = {one.tx for one in span.logs}
    none: frozenset[str] = frozenset()
    for at in range(first, upto, MOST_NONCES):
        end = min(upto, at + MOST_NONCES)
        sent = tuple(one for one in span.sent if at <= one.nonce < end)
        txs = {one.tx for one in sent}
        rest -= txs
        yield from intrusion.strange(_seen(span, at, end, sent, txs), own, none, account)
    yield from intrusion.strange(_seen(span, upto, upto, (), rest), own, none, account)


def _seen(span: Span, first: int, upto: int, sent: tuple[Sent, ...], txs: set[str]) -> Seen:
    return Seen(
        since=Position(span.first, first),
        block=span.last,
        nonce=upto,
        reached=Position(span.last, upto),
        sent=sent,
        logs=tuple(one for one in span.logs if one.tx in txs),
        senders=span.senders,
    )


def _line(one: Strange, span: Span, by: Known) -> Line:
    time_s, told = span.times.get(one.block), by.told.get(one.key)
    if one.key in by.announced:
        return Line(one, time_s, Standing.ANNOUNCED, told, by.announced[one.key])
    return Line(one, time_s, Standing.NEW if told is None else Standing.TOLD, told)


def first_nonce(by: Known, below: int) -> int | None:
    """How many transactions the account had sent by some block under this one, as was explained last."""
    nonces = [nonce for block, nonce in by.nonces if block < below]
    return nonces[-1] if nonces else None


def deed_text(deed: Deed) -> str:
    """One deed as figures, with its addresses whole: it stays on this machine."""
    asset = "coin" if deed.asset is None else deed.asset
    to = "" if deed.other is None else f" → {deed.other}"
    return deed.act.value if deed.act is intrusion.Act.OTHER else f"{deed.act.value} {deed.amount} {asset}{to}"
