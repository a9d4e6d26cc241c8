"""What is kept of the account's history: how far it is explained, what was told, and what somebody announced.

A fold over the journal's `account.*` events. A position is written seldom (each hour, and at the end); what was
told or expected since then is remembered by its transaction, so that a restart reads again without telling again.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import cast

from ultrad.core.events import Event, Json, Level, Recorded
from ultrad.core.intrusion import Act, Log, Position, Prices, Strange, value_e8
from ultrad.core.position import Block
from ultrad.i18n import Message, msg
from ultrad.units import Now, UsdE8, usd_text

KEPT_BLOCKS = 10_000
"""So far behind the position what was told stays known: a reorganisation may have it mined again."""
MOST_ANNOUNCED = 20
"""More manual acts than anybody prepares at once."""
ANY = "any"
KINDS = (Act.TRANSFER.value, Act.APPROVE.value, Act.BORROW.value, Act.WITHDRAW.value, ANY)
"""What can be announced. `transfer` is also a supply or a repayment by hand; `any` also what shows no trace."""

EXPLAINED = "account.explained"
INFLOW = "account.inflow"
INTRUSION = "account.intrusion"
ANNOUNCED = "account.announced"
EXPECTED = "account.expected"


@dataclass(frozen=True, slots=True)
class Announcement:
    """A manual act that somebody will do. It covers one transaction, mined after `after_block`, till `until_ms`.

    max_e8: what it may move at most (USD × 10^8); None: anything. until_ms: steady time.
    """

    id: str
    kind: str
    max_e8: UsdE8 | None
    by: str
    reason: str
    at: Now
    until_ms: int
    after_block: int

    def stands(self, now: Now) -> bool:
        """Whether its time is not over."""
        return now.steady_ms < self.until_ms

    def fits(self, one: Strange, prices: Prices) -> bool:
        """Whether it is this act. What has no price fits only where no maximum was given."""
        if one.block <= self.after_block:
            return False
        if self.kind != ANY and any(deed.act != self.kind for deed in one.deeds):
            return False
        if self.max_e8 is None:
            return True
        worth = value_e8(one, prices)
        return worth is not None and worth <= self.max_e8


@dataclass(frozen=True, slots=True)
class AccountBook:
    """All of it. origin: the block before the first that was looked at; what is older is not our business.

    known: (key, block) of transactions that were told or expected. by_hand: the newest nonces that announced acts
    have consumed.
    """

    position: Position | None = None
    origin: int = 0
    known: tuple[tuple[str, int], ...] = ()
    announced: tuple[Announcement, ...] = ()
    by_hand: tuple[int, ...] = ()

    def keys(self) -> frozenset[str]:
        """What needs no more telling."""
        return frozenset(key for key, _ in self.known)

    def standing(self, now: Now) -> tuple[Announcement, ...]:
        """The announcements whose time is not over, and that nothing was done on yet."""
        return tuple(one for one in self.announced if one.stands(now))


@dataclass(frozen=True, slots=True)
class Sorted:
    """What is strange, told apart: what was announced, and what was not."""

    expected: tuple[tuple[Strange, Announcement], ...]
    unexpected: tuple[Strange, ...]


def sort_out(found: Iterable[Strange], book: AccountBook, prices: Prices, now: Now) -> Sorted:
    """Each announcement covers the first act that fits it, and no other."""
    left = list(book.standing(now))
    expected: list[tuple[Strange, Announcement]] = []
    unexpected: list[Strange] = []
    for one in found:
        fitting = next((told for told in left if told.fits(one, prices)), None)
        if fitting is None:
            unexpected.append(one)
        else:
            left.remove(fitting)
            expected.append((one, fitting))
    return Sorted(tuple(expected), tuple(unexpected))


# ---------------------------------------------------------------- the fold


def fold(events: Iterable[Recorded]) -> AccountBook:
    """The book as the journal tells it. Raises ValueError on what does not fit together."""
    book = AccountBook()
    for recorded in events:
        try:
            book = after(book, recorded.event)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ValueError(f"event {recorded.seq} ({recorded.event.kind}): {error!r}") from error
    return book


def after(book: AccountBook, event: Event) -> AccountBook:
    """The book after one event; others than those above change nothing."""
    data = cast("dict[str, Json]", event.data)
    match event.kind:
        case "account.explained" | "account.inflow":
            return moved(book, _position(data))
        case "account.intrusion" | "account.expected":
            known = (*book.known, (str(data["key"]), cast("int", data["block"])))
            used = data.get("announcement")
            left = tuple(one for one in book.announced if one.id != used)
            nonce = data["nonce"] if used is not None else None
            by_hand = book.by_hand if nonce is None else (*book.by_hand, cast("int", nonce))[-MOST_ANNOUNCED:]
            return replace(book, known=known, announced=left, by_hand=by_hand)
        case "account.announced":
            alive = (one for one in book.announced if one.stands(event.now))
            return replace(book, announced=(*alive, _announcement(data, event.now)))
        case _:
            return book


def moved(book: AccountBook, position: Position) -> AccountBook:
    """The book with another position. What was told far behind it is let go of."""
    least = position.block.number - KEPT_BLOCKS
    return replace(
        book,
        position=position,
        origin=position.block.number if book.position is None else book.origin,
        known=tuple(one for one in book.known if one[1] >= least),
    )


def _position(data: dict[str, Json]) -> Position:
    number, block_hash, time_s = cast("tuple[int, str, int]", data["position"])
    return Position(Block(int(number), str(block_hash), int(time_s)), int(str(data["nonce"])))


def _announcement(data: dict[str, Json], now: Now) -> Announcement:
    most = data["max_e8"]
    return Announcement(
        id=str(data["id"]),
        kind=str(data["kind"]),
        max_e8=None if most is None else UsdE8(int(str(most))),
        by=str(data["by"]),
        reason=str(data["reason"]),
        at=now,
        until_ms=int(str(data["until_ms"])),
        after_block=int(str(data["after_block"])),
    )


# ---------------------------------------------------------------- events


def explained_event(position: Position, now: Now) -> Event:
    """The record of how far the account's history is explained."""
    message = msg(
        "The account's history is explained up to block {block} (nonce {nonce}).",
        block=position.block.number,
        nonce=position.nonce,
    )
    return Event(EXPLAINED, Level.INFO, now, message, _position_json(position))


def inflow_event(came: tuple[Log, ...], position: Position, now: Now) -> Event:
    """The record of what came in: information, and no more. It holds the position too."""
    first = came[0]
    message = msg(
        "{amount} smallest units of {asset} came in ({hash}); {count} such in all. Nobody needs the key for that.",
        amount=str(first.amount),
        asset=first.asset,
        hash=first.tx,
        count=len(came),
    )
    return Event(INFLOW, Level.INFO, now, message, {**_position_json(position), "hash": first.tx})


def intrusion_event(one: Strange, message: Message, now: Now) -> Event:
    """The record of what nothing explains, with the addresses whole that are shortened elsewhere."""
    deeds: list[Json] = [[deed.act.value, deed.asset, str(deed.amount), deed.other] for deed in one.deeds]
    data: dict[str, Json] = {
        "key": one.key,
        "block": one.block,
        "nonce": one.nonce,
        "by": one.sender,
        "deeds": deeds,
    }
    return Event(INTRUSION, Level.EMERGENCY, now, message, data)


def expected_event(one: Strange, told: Announcement, now: Now) -> Event:
    """The record that an announced act was done. The announcement is used up."""
    message = msg(
        "{hash} is what {by} announced ({kind}): {reason}",
        hash=one.key,
        by=told.by,
        kind=told.kind,
        reason=told.reason,
    )
    data: dict[str, Json] = {"key": one.key, "block": one.block, "nonce": one.nonce, "announcement": told.id}
    return Event(EXPECTED, Level.WARNING, now, message, data)


def announced_event(told: Announcement) -> Event:
    """The record of an announcement: durable before it counts."""
    minutes = (told.until_ms - told.at.steady_ms) // 60_000
    what = told.kind if told.max_e8 is None else f"{told.kind} ≤ {usd_text(told.max_e8)}"
    message = msg(
        "{by} announces one act by hand within {minutes} minutes ({what}): {reason}",
        by=told.by,
        minutes=minutes,
        what=what,
        reason=told.reason,
    )
    data: dict[str, Json] = {
        "id": told.id,
        "kind": told.kind,
        "max_e8": None if told.max_e8 is None else str(told.max_e8),
        "by": told.by,
        "reason": told.reason,
        "until_ms": told.until_ms,
        "after_block": told.after_block,
    }
    return Event(ANNOUNCED, Level.WARNING, told.at, message, data)


def _position_json(position: Position) -> dict[str, Json]:
    block: list[Json] = [position.block.number, position.block.hash, position.block.time_s]
    return {"position": block, "nonce": position.nonce}
