"""The audit's judgement: what of a span the journal explains."""

import pytest

from ultrad.core import audit
from ultrad.core.account_book import (
    ANY,
    Announcement,
    announced_event,
    expected_event,
    explained_event,
    inflow_event,
    intrusion_event,
)
from ultrad.core.audit import Allowance, Gap, Known, Line, Span, Standing
from ultrad.core.events import Event, Level, Recorded
from ultrad.core.intents import Act as IntentAct
from ultrad.core.intrusion import Act, Deed, Kind, Log, Position, Sent, Strange
from ultrad.core.position import Block
from ultrad.i18n import msg
from ultrad.units import Address, Now

NOW = Now(wall_ms=1_772_452_800_000, steady_ms=5_000_000)

ME, OTHER, ASSET, POOL = (Address("0x" + two * 20) for two in ("e5", "70", "11", "44"))


def signed(tx: str, nonce: int) -> Event:
    return Event(IntentAct.SIGN, Level.INFO, NOW, msg("signed"), {"hash": tx, "nonce": nonce, "intent": "i"})


def announced(name: str) -> Event:
    return announced_event(
        Announcement(name, ANY, None, "taro", "to the cold wallet", NOW, NOW.steady_ms + 60_000, 1)
    )


def strange(tx: str, block: int = 5) -> Strange:
    return Strange(tx, tx, block, 3, ME, ())


def expected(tx: str, block: int, name: str) -> Event:
    told = Announcement(name, ANY, None, "taro", "to the cold wallet", NOW, 0, 1)
    return expected_event(strange(tx, block), told, NOW)


def recorded(*events: Event) -> list[Recorded]:
    return [Recorded(at, "", one) for at, one in enumerate(events, 1)]


def log(kind: Kind, tx: str, block: int = 5, index: int = 0, other: Address = OTHER) -> Log:
    return Log(kind, tx, block, index, ASSET, other, 10)


def span(nonces: tuple[int, int] = (0, 0), sent: tuple[Sent, ...] = (), *logs: Log) -> Span:
    return Span(
        Block(1, "0x1", 100), Block(9, "0x9", 900), nonces, POOL, sent, logs, ((("0xf0"), OTHER),), {5: 500}
    )


def test_known__every_kind__is_told_apart() -> None:
    position = Position(Block(7, "0x7", 700), 4)
    came = (log(Kind.IN, "0xc0"),)
    events = recorded(
        signed("0xAA", 3),
        explained_event(position, NOW),
        announced("e-1"),
        expected("0xb0", 5, "e-1"),
        expected("0xb1", 5, "e-2"),
        intrusion_event(strange("0xd0"), msg("!"), NOW),
        inflow_event(came, Position(Block(8, "0x8", 800), 5), NOW),
        Event("account.other", Level.INFO, NOW, msg("x")),
    )
    found = audit.known(events)
    assert found.own == {"0xaa": 3}
    assert found.announced == {"0xb0": "taro: to the cold wallet", "0xb1": "?"}
    assert found.told == {"0xd0": 6}
    assert found.nonces == ((7, 4), (8, 5))
    assert [audit.first_nonce(found, below) for below in (7, 8, 9)] == [None, 4, 5]


def test_known__what_was_never_written__raises() -> None:
    with pytest.raises(KeyError):
        audit.known(recorded(Event(IntentAct.SIGN, Level.INFO, NOW, msg("x"))))


def test_result__ours_inflows_and_liquidations__are_counted_and_nothing_is_strange() -> None:
    seen = span(
        (3, 4),
        (Sent(3, "0xaa", 5),),
        log(Kind.OUT, "0xaa"),
        log(Kind.IN, "0xc0", index=1),
        log(Kind.REPAID, "0xc1", index=2),
        log(Kind.LIQUIDATION, "0xc2", index=3),
    )
    found = audit.result(seen, Known({"0xaa": 3}), ME)
    assert (found.lines, found.own, found.inflows, found.liquidations, found.strangers) == ((), 1, 2, 1, 0)


def test_result__what_is_not_ours__new_told_or_announced() -> None:
    seen = span(
        (3, 6),
        (Sent(3, "0xa1", 6), Sent(4, "0xa2", 5), Sent(5, "", 9)),
        log(Kind.OUT, "0xa2"),
        log(Kind.OUT, "0xf0", 8, 1),
    )
    by = Known({}, {"0xa2": "taro: why"}, {"0xa1": 12})
    lines = audit.result(seen, by, ME).lines
    assert [(one.what.tx, one.standing, one.told_seq, one.time_s, one.says) for one in lines] == [
        ("0xa2", Standing.ANNOUNCED, None, 500, "taro: why"),
        ("0xa1", Standing.TOLD, 12, None, ""),
        ("0xf0", Standing.NEW, None, None, ""),
        ("", Standing.NEW, None, None, ""),
    ]
    assert lines[2].what.sender == OTHER
    assert audit.result(seen, by, ME).strangers == 3


def test_result__more_nonces_than_one_look__every_one_is_judged() -> None:
    sent = tuple(Sent(at, f"0x{at:x}", 5) for at in range(2500) if at != 2100)
    own = {one.tx: one.nonce for one in sent}
    (line,) = audit.result(span((0, 2500), sent), Known(own), ME).lines
    assert isinstance(line, Line)
    assert line.what.nonce == 2100


def test_result__allowances__explained_are_the_pools_ours_and_announced() -> None:
    seen = span()
    leaves = tuple(
        Allowance(ASSET, ASSET, to, 5, tx)
        for to, tx in ((POOL, ""), (OTHER, "0xaa"), (OTHER, "0xb0"), (OTHER, "0xcc"))
    )
    gaps = (Gap(msg("not looked at")),)
    whole = Span(seen.first, seen.last, seen.nonces, seen.pool, allowances=leaves, gaps=gaps)
    found = audit.result(whole, Known({"0xaa": 1}, {"0xb0": "x"}), ME)
    assert [one.explained for one in found.leaves] == [True, True, True, False]
    assert (found.strangers, found.gaps) == (1, gaps)


def test_deed_text__whole_addresses() -> None:
    assert audit.deed_text(Deed(Act.OTHER)) == "other"
    assert audit.deed_text(Deed(Act.TRANSFER, None, 7)) == "transfer 7 coin"
    assert audit.deed_text(Deed(Act.APPROVE, ASSET, 7, OTHER)) == f"approve 7 {ASSET} → {OTHER}"
