"""What is strange on chain, at its edges."""

from hypothesis import given
from hypothesis import strategies as st

from ultrad.core import intrusion
from ultrad.core.intrusion import MOST_NONCES, TAKING, Act, Deed, Kind, Log, Position, Seen, Sent, Strange
from ultrad.core.position import Block
from ultrad.units import Address, UsdE8

ME, OTHER, ASSET = Address("0xme"), Address("0xother"), Address("0xasset")
NOBODY = frozenset[str]()
PRICES = ((ASSET, (UsdE8(2 * 10**8), 10**6)),)


def block(number: int) -> Block:
    return Block(number, f"0x{number}", number)


def seen(*logs: Log, nonce: int | None = 7, sent: tuple[Sent, ...] = (), first: int = 7) -> Seen:
    since, reached = Position(block(100), first), Position(block(105), first)
    return Seen(since, block(110), nonce, reached, sent, logs, (("0xt", OTHER),), PRICES)


def log(
    kind: Kind, tx: str = "0xt", *, at: int = 103, index: int = 0, amount: int = 5, receipt: bool = False
) -> Log:
    return Log(kind, tx, at, index, ASSET, OTHER, amount, receipt)


def found(what: Seen, own: frozenset[str] = NOBODY, known: frozenset[str] = NOBODY) -> tuple[Strange, ...]:
    return intrusion.strange(what, own, known, ME)


def test_strange__log_that_takes_by_nobody_of_ours__is_strange_with_its_sender() -> None:
    (one,) = found(seen(log(Kind.OUT)))
    assert one == Strange("0xt", "0xt", 103, None, OTHER, (Deed(Act.TRANSFER, ASSET, 5, OTHER),))


def test_strange__nonce_by_a_hash_of_ours_or_told__is_explained() -> None:
    what = seen(log(Kind.OUT), nonce=8, sent=(Sent(7, "0xt", 103),))
    assert found(what, own=frozenset({"0xt"})) == ()
    assert found(what, known=frozenset({"0xt"})) == ()
    assert found(seen(log(Kind.OUT)), known=frozenset({"0xt"})) == ()


def test_strange__nonce_without_a_trace__names_what_is_known() -> None:
    (bare,) = found(seen(nonce=8, sent=(Sent(7, "0xn", 104),)))
    assert (bare.key, bare.sender, bare.deeds) == ("0xn", ME, (Deed(Act.OTHER),))
    (coins,) = found(seen(nonce=8, sent=(Sent(7, "0xn", 104, value_wei=3),)))
    assert coins.deeds == (Deed(Act.TRANSFER, None, 3),)
    (lost,) = found(seen(nonce=8))
    assert (lost.key, lost.tx, lost.block) == ("nonce 7", "", 110)
    assert found(seen(nonce=8), known=frozenset({"nonce 7"})) == ()


def test_strange__nonce_with_logs__is_one_transaction() -> None:
    what = seen(log(Kind.APPROVAL, "0xn"), nonce=8, sent=(Sent(7, "0xn", 103),))
    (one,) = found(what)
    assert (one.nonce, one.deeds) == (7, (Deed(Act.APPROVE, ASSET, 5, OTHER),))


def test_strange__nonce_not_known_yet__only_logs_count() -> None:
    what = seen(log(Kind.BORROW), nonce=None)
    assert [one.nonce for one in found(what)] == [None]
    assert not what.is_whole
    assert seen().is_whole


def test_strange__any_count_claimed__is_bounded() -> None:
    assert len(found(seen(nonce=10**12))) == MOST_NONCES


def test_strange__nothing_and_to_oneself__is_no_taking() -> None:
    to_me = Log(Kind.OUT, "0xt", 103, 0, ASSET, ME, 5)
    assert found(seen(to_me, log(Kind.OUT, "0xz", amount=0), log(Kind.APPROVAL, "0xy", amount=0))) == ()
    assert found(seen(log(Kind.IN), log(Kind.REPAID, index=1))) == ()


def test_strange__withdrawal__counts_once_or_by_burnt_tokens_alone() -> None:
    burn, event = log(Kind.BURN, receipt=True), log(Kind.WITHDRAW, index=1)
    assert [len(one.deeds) for one in found(seen(burn, event))] == [1]
    assert [one.deeds[0].act for one in found(seen(burn))] == [Act.WITHDRAW]
    assert [one.deeds[0].act for one in found(seen(event))] == [Act.WITHDRAW]


def test_strange__liquidation__explains_its_collateral_and_no_other_token() -> None:
    event = log(Kind.LIQUIDATION, index=9)
    for taken in (log(Kind.OUT, receipt=True), log(Kind.BURN, receipt=True)):
        assert found(seen(event, taken)) == ()
    assert len(found(seen(event, log(Kind.OUT)))) == 1
    assert len(found(seen(event, log(Kind.OUT, "0xelse", receipt=True)))) == 1


def test_inflows__in_passed_blocks_by_others__worth_a_dollar() -> None:
    dollar = 500_000
    at = [log(Kind.IN, f"0x{number}", at=number, amount=dollar) for number in (100, 101, 105, 106)]
    what = seen(*at, log(Kind.REPAID, "0xr", amount=dollar), log(Kind.IN, "0xd", amount=dollar - 1), log(Kind.OUT))
    assert [one.tx for one in intrusion.inflows(what, NOBODY, NOBODY)] == ["0x101", "0x105", "0xr"]
    assert [one.tx for one in intrusion.inflows(what, frozenset({"0x101"}), frozenset({"0xr"}))] == ["0x105"]
    unpriced = Seen(what.since, what.block, 7, what.reached, (), what.logs)
    assert intrusion.inflows(unpriced, NOBODY, NOBODY) == ()


def test_value__whole_only_where_all_is_priced() -> None:
    prices = dict(PRICES)
    (one,) = found(seen(log(Kind.OUT, amount=3), log(Kind.APPROVAL, index=1, amount=1)))
    assert intrusion.value_e8(one, prices) == 8 * 100
    assert intrusion.value_e8(one, {}) is None
    (bare,) = found(seen(nonce=8))
    assert intrusion.value_e8(bare, prices) is None


LOGS = st.lists(
    st.builds(
        Log,
        kind=st.sampled_from(Kind),
        tx=st.sampled_from(["0xa", "0xb", "0xc"]),
        block=st.integers(101, 110),
        index=st.integers(0, 9),
        asset=st.sampled_from([ASSET, Address("0xasset2")]),
        other=st.sampled_from([ME, OTHER]),
        amount=st.integers(0, 3),
        receipt=st.booleans(),
    ),
    max_size=8,
)


@given(logs=LOGS, count=st.integers(0, 4), own=st.frozensets(st.sampled_from(["0xa", "0xb", "0xn0", "0xn1"])))
def test_strange__whatever_comes__only_what_is_not_ours_and_each_once(
    logs: list[Log], count: int, own: frozenset[str]
) -> None:
    sent = tuple(Sent(7 + at, f"0xn{at}", 105) for at in range(count))
    what = seen(*logs, nonce=7 + count, sent=sent)
    told = found(what, own)
    keys = [one.key for one in told]
    assert len(keys) == len(set(keys))
    assert not own & set(keys)
    assert {one.tx for one in sent} - own <= set(keys)  # no nonce goes unseen
    assert all(one.deeds for one in told)
    assert [one.block for one in told] == sorted(one.block for one in told)
    assert found(what, own, frozenset(keys)) == ()  # what was told is told once
    borrowed = {one.tx for one in logs if one.kind is Kind.BORROW and one.amount}
    assert borrowed - own <= set(keys)  # nothing explains a debt away
    taking = {one.tx for one in logs if one.kind in TAKING and one.amount}
    assert set(keys) <= taking | {one.tx for one in sent}
