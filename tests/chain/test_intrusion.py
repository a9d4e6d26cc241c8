"""The account on a real Aave: what somebody else does with its key trips with its hash, and nothing else does."""

from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from eth_account import Account

from tests.chain.account_rig import DEPTH, DOLLAR, ETHER, STRANGER, Rig, rig_on
from ultrad.core import account_book
from ultrad.core.events import Level
from ultrad.devnet.abi import call_data
from ultrad.devnet.build import Build
from ultrad.devnet.devnet import Devnet
from ultrad.devnet.reference import REFERENCE_KEY
from ultrad.errors import Permanent
from ultrad.units import UsdE8, short_address


@pytest.fixture
def market(devnet_build: Build) -> Iterator[Devnet]:
    """A chain of its own for each test: the shared one forgets the state of old blocks where it goes back."""
    devnet = Devnet.start(devnet_build)
    yield devnet
    devnet.stop()


@pytest.fixture
async def rig(market: Devnet, tmp_path: Path) -> AsyncIterator[Rig]:
    market.supply("USDC", Decimal(500))  # and the wallet keeps some
    market.mint("USDC", Decimal(1000))
    market.mint("WETH", Decimal(5))
    market.mine(DEPTH + 1)
    async with rig_on(market, tmp_path) as made:
        yield made


# ---------------------------------------------------------------- what trips


async def test_account__plain_transfer_by_the_key__trips_with_its_hash(rig: Rig) -> None:
    receipt = rig.devnet.send({"from": rig.account, "to": STRANGER, "value": hex(ETHER), "gas": hex(21_000)})
    await rig.look()
    assert str(receipt["transactionHash"]) in rig.tripped()
    assert f"transfer {ETHER} coin" in rig.tripped()


async def test_account__failed_transaction_by_the_key__trips_with_its_hash(rig: Rig) -> None:
    transaction = {"from": rig.account, "to": rig.pool, "data": "0x12345678", "gas": hex(100_000)}
    tx = str(rig.devnet.rpc("eth_sendTransaction", transaction))
    await rig.look()
    assert tx in rig.tripped()


@pytest.mark.parametrize(
    ("target", "signature", "args", "what"),
    [
        ("USDC", "transfer(address,uint256)", (STRANGER, 7 * 10**6), "transfer 7000000 "),
        ("USDC", "approve(address,uint256)", (STRANGER, 5), "approve 5 "),
        (
            "pool",
            "borrow(address,uint256,uint256,uint16,address)",
            ("USDC", 10**6, 2, 0, "account"),
            "borrow 1000000 ",
        ),
        ("pool", "withdraw(address,uint256,address)", ("WETH", ETHER, STRANGER), f"withdraw {ETHER} "),
    ],
)
async def test_account__call_by_the_key__trips_with_its_hash_and_figures(
    rig: Rig, target: str, signature: str, args: tuple[str | int, ...], what: str
) -> None:
    names = {"pool": rig.pool, "account": rig.account} | {name: rig.token(name) for name in ("USDC", "WETH")}
    given = [names.get(str(one), one) for one in args]
    tx = rig.by(rig.account, names[target], signature, *given)
    await rig.look()
    assert tx in rig.tripped()
    assert what in rig.tripped()
    assert rig.record.kinds().count(account_book.INTRUSION) == 1
    await rig.look()
    rig.devnet.mine()
    await rig.look()
    assert rig.record.kinds().count(account_book.INTRUSION) == 1  # told once


async def test_account__transfer_by_an_allowance_of_before__trips_with_hash_and_sender(rig: Rig) -> None:
    own = rig.by(rig.account, rig.token("USDC"), "approve(address,uint256)", STRANGER, 10**6)
    rig.own.append((rig.nonce() - 1, own))
    await rig.look()
    assert rig.tripped() == ""
    tx = rig.by(STRANGER, rig.token("USDC"), "transferFrom(address,address,uint256)", rig.account, STRANGER, 10**6)
    await rig.look()
    assert tx in rig.tripped()
    assert short_address(STRANGER) in rig.tripped()
    assert STRANGER not in rig.tripped()
    (told,) = [one for one in rig.record.events if one.kind == account_book.INTRUSION]
    assert told.data["by"] == STRANGER


async def test_account__several_blocks_since_the_last_look__each_is_found(rig: Rig) -> None:
    first = rig.by(rig.account, rig.token("USDC"), "approve(address,uint256)", STRANGER, 5)
    rig.devnet.mine(20)
    second = rig.by(rig.account, rig.token("USDC"), "transfer(address,uint256)", STRANGER, 5)
    await rig.look()
    told = [str(one.message) for one in rig.record.events if one.kind == account_book.INTRUSION]
    assert len(told) == 2
    assert first in told[0]
    assert second in told[1]


# ---------------------------------------------------------------- what does not


async def test_account__supply_on_behalf_and_token_inflow__information_once_confirmed(rig: Rig) -> None:
    rig.devnet.mint("USDC", Decimal(100), STRANGER)
    rig.by(STRANGER, rig.token("USDC"), "approve(address,uint256)", rig.pool, 50 * 10**6)
    supply = "supply(address,uint256,address,uint16)"
    rig.by(STRANGER, rig.pool, supply, rig.token("USDC"), 50 * 10**6, rig.account, 0)
    rig.by(STRANGER, rig.token("USDC"), "transfer(address,uint256)", rig.account, 20 * 10**6)
    for _ in range(DEPTH + 1):
        await rig.look()
        rig.devnet.mine()
    await rig.look()
    assert rig.tripped() == ""
    told = [one for one in rig.record.events if one.kind == account_book.INFLOW]
    assert told
    assert {one.level for one in told} == {Level.INFO}


async def test_account__dust_nothing_from_its_name_and_interest__no_word(rig: Rig) -> None:
    rig.devnet.mint("USDC", Decimal(1), STRANGER)
    usdc = rig.token("USDC")
    rig.by(STRANGER, usdc, "transfer(address,uint256)", rig.account, 1000)
    rig.by(STRANGER, usdc, "transferFrom(address,address,uint256)", rig.account, STRANGER, 0)  # poisoning
    rig.devnet.increase_time(86_400)
    rig.devnet.mine(DEPTH + 1)
    await rig.look()
    assert rig.tripped() == ""
    assert rig.record.kinds() == [account_book.EXPLAINED]


async def test_account__liquidation__is_no_intrusion(rig: Rig) -> None:
    rig.devnet.set_price("WETH", Decimal(1200))
    rig.devnet.mint("USDC", Decimal(20_000), STRANGER)
    rig.by(STRANGER, rig.token("USDC"), "approve(address,uint256)", rig.pool, 20_000 * 10**6)
    signature = "liquidationCall(address,address,address,uint256,bool)"
    for receive_a_tokens in (0, 1):
        args = (rig.token("WETH"), rig.token("USDC"), rig.account, 100 * 10**6, receive_a_tokens)
        rig.by(STRANGER, rig.pool, signature, *args)
    await rig.look()
    assert rig.tripped() == ""


async def test_account__own_trade__explained_also_after_a_restart_and_days(rig: Rig) -> None:
    for signature, target, args in (
        ("approve(address,uint256)", rig.token("WETH"), (rig.pool, ETHER)),
        ("supply(address,uint256,address,uint16)", rig.pool, (rig.token("WETH"), ETHER, rig.account, 0)),
    ):
        nonce = rig.nonce()
        rig.own.append((nonce, rig.by(rig.account, target, signature, *args)))
    await rig.look()
    assert rig.tripped() == ""
    rig.restart()
    rig.own.clear()  # the trader has let go of it by now
    rig.devnet.mine(300)
    await rig.look()
    assert rig.tripped() == ""


async def test_account__intrusion_while_down__found_at_the_next_start(rig: Rig) -> None:
    await rig.look()
    rig.watch.keep()
    tx = rig.by(rig.account, rig.token("USDC"), "transfer(address,uint256)", STRANGER, 5)
    rig.devnet.mine(50)
    rig.restart()
    await rig.look()
    assert tx in rig.tripped()
    rig.restart()  # lifted meanwhile, and told already
    await rig.look()
    assert rig.tripped() == ""


# ---------------------------------------------------------------- announcements


async def test_expect__act_that_fits__covers_it_and_not_the_second(rig: Rig) -> None:
    await rig.watch.announce("taro", "transfer", UsdE8(10 * DOLLAR), 30, "to the cold wallet")
    rig.restart()
    assert [one.kind for one in rig.watch.announced()] == ["transfer"]
    rig.by(rig.account, rig.token("USDC"), "transfer(address,uint256)", STRANGER, 9 * 10**6)
    await rig.look()
    assert rig.tripped() == ""
    assert rig.watch.announced() == ()
    second = rig.by(rig.account, rig.token("USDC"), "transfer(address,uint256)", STRANGER, 9 * 10**6)
    rig.restart()
    await rig.look()
    assert second in rig.tripped()
    assert rig.record.kinds().count(account_book.EXPECTED) == 1


@pytest.mark.parametrize("kind", ["approve", "transfer"])
async def test_expect__other_kind_or_more_than_the_most__trips(rig: Rig, kind: str) -> None:
    await rig.watch.announce("taro", kind, UsdE8(10 * DOLLAR), 30, "a test")
    tx = rig.by(rig.account, rig.token("USDC"), "transfer(address,uint256)", STRANGER, 11 * 10**6)
    await rig.look()
    assert tx in rig.tripped()
    assert [one.kind for one in rig.watch.announced()] == [kind]


async def test_expect__act_from_before_it__trips(rig: Rig) -> None:
    tx = rig.by(rig.account, rig.token("USDC"), "transfer(address,uint256)", STRANGER, 5)
    for endpoint in rig.chain._endpoints:
        await endpoint.poll()
    await rig.watch.announce("taro", "any", None, 30, "too late")
    await rig.watch.turn()
    assert tx in rig.tripped()


async def test_expect__nonsense__is_refused(rig: Rig) -> None:
    for kind, minutes, reason in (("sale", 30, "x"), ("any", 0, "x"), ("any", 2000, "x"), ("any", 30, "  ")):
        with pytest.raises(Permanent):
            await rig.watch.announce("taro", kind, None, minutes, reason)


# ---------------------------------------------------------------- reorganisations


async def test_account__reorg_that_drops_and_mines_anew__explains_itself(rig: Rig) -> None:
    fees = {"maxFeePerGas": 10**11, "maxPriorityFeePerGas": 10**9, "chainId": 31337, "gas": 100_000}
    data = call_data("approve(address,uint256)", rig.pool, 77)
    what = {"nonce": rig.nonce(), "to": rig.token("WETH"), "data": data, "value": 0, "type": 2, **fees}
    raw = "0x" + Account.sign_transaction(what, REFERENCE_KEY).raw_transaction.hex().removeprefix("0x")
    before = rig.devnet.snapshot()
    tx = str(rig.devnet.rpc("eth_sendRawTransaction", raw))
    rig.own.append((int(what["nonce"]), tx))  # type: ignore[call-overload]
    await rig.look()
    rig.devnet.revert(before)
    rig.devnet.mine(2)
    await rig.look()
    assert str(rig.devnet.rpc("eth_sendRawTransaction", raw)) == tx
    rig.devnet.mine()
    await rig.look()
    assert rig.tripped() == ""


async def test_account__confirmed_block_replaced__reads_further_back(rig: Rig) -> None:
    before = rig.devnet.snapshot()
    rig.devnet.mine(DEPTH + 5)
    await rig.look()
    rig.devnet.revert(before)
    tx = rig.by(rig.account, rig.token("USDC"), "transfer(address,uint256)", STRANGER, 5)
    rig.devnet.mine(DEPTH + 20)
    await rig.look()
    assert tx in rig.tripped()
