"""The devnet against web3 as an independent client: it is a real Aave, and shows the figures that are known."""

import time
from collections.abc import Callable, Iterator
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import pytest
from eth_account import Account
from eth_utils.crypto import keccak
from web3 import HTTPProvider, Web3
from web3.contract import Contract
from web3.exceptions import ContractLogicError, Web3RPCError

from ultrad.devnet.build import Build
from ultrad.devnet.devnet import Devnet
from ultrad.devnet.reference import ASSETS, REFERENCE_ACCOUNT, REFERENCE_KEY, exactly
from ultrad.errors import Permanent

INFINITE = 2**256 - 1


def view(name: str, inputs: tuple[str, ...], outputs: tuple[str, ...]) -> dict[str, Any]:
    return {
        "type": "function",
        "name": name,
        "stateMutability": "view",
        "inputs": [{"name": f"i{at}", "type": kind} for at, kind in enumerate(inputs)],
        "outputs": [{"name": f"o{at}", "type": kind} for at, kind in enumerate(outputs)],
    }


ABI = [
    view("getUserAccountData", ("address",), ("uint256",) * 6),
    view("latestRoundData", (), ("uint80", "int256", "uint256", "uint256", "uint80")),
    view("getAssetPrice", ("address",), ("uint256",)),
    view("getSourceOfAsset", ("address",), ("address",)),
    view("getReserveConfigurationData", ("address",), ("uint256",) * 5 + ("bool",) * 5),
    view("getPaused", ("address",), ("bool",)),
    view("getPool", (), ("address",)),
    view("getPriceOracle", (), ("address",)),
    view("getPoolDataProvider", (), ("address",)),
    view("getBlockNumber", (), ("uint256",)),
]
At = Callable[[str], Contract]


@pytest.fixture
def w3(devnet: Devnet) -> Iterator[Web3]:
    provider = HTTPProvider(devnet.url_http)
    yield Web3(provider)
    for session in provider._request_session_manager.session_cache._data.values():
        session.close()


@pytest.fixture
def at(w3: Web3) -> At:
    def contract(address: str) -> Contract:
        return w3.eth.contract(Web3.to_checksum_address(address), abi=ABI)

    return contract


@pytest.fixture
def hf(at: At, market: Devnet) -> Callable[[], str]:
    """The reference account's health factor as web3 reads it, to four digits."""

    def read() -> str:
        value = at(market.addresses.pool).functions.getUserAccountData(market.addresses.account).call()[5]
        if value == INFINITE:
            return "infinite"
        return str(Decimal(value).scaleb(-18).quantize(Decimal("0.0001"), ROUND_HALF_EVEN))

    return read


def test_reference__as_started__health_factor_is_the_known_one(hf: Callable[[], str]) -> None:
    assert hf() == "1.8864"


@pytest.mark.parametrize(
    ("price", "expected"), [(2400, "1.8109"), (2380, "1.7958"), (2100, "1.5845"), (1400, "1.0564")]
)
def test_reference__price_set__health_factor_follows(
    market: Devnet, hf: Callable[[], str], price: int, expected: str
) -> None:
    market.set_price("WETH", Decimal(price))
    assert hf() == expected


def test_reference__repaid_and_withdrawn__health_factor_follows(market: Devnet, hf: Callable[[], str]) -> None:
    market.set_price("WETH", Decimal(2100))
    market.repay("USDC", Decimal(4000))
    assert hf() == "2.4900"
    market.withdraw("WETH", Decimal(1))
    assert hf() == "2.2410"
    market.repay("USDC")
    assert hf() == "infinite"


def test_reference__its_key__is_that_of_the_account() -> None:
    assert "0x" + keccak(text="ultrad devnet reference account").hex().removeprefix("0x") == REFERENCE_KEY
    assert Account.from_key(REFERENCE_KEY).address == REFERENCE_ACCOUNT


def test_reference__transaction_signed_with_its_key__is_mined(market: Devnet, w3: Web3) -> None:
    transaction = {
        "to": REFERENCE_ACCOUNT,
        "value": 0,
        "gas": 21_000,
        "chainId": 31337,
        "nonce": w3.eth.get_transaction_count(Web3.to_checksum_address(market.addresses.account)),
        "maxFeePerGas": 10**11,
        "maxPriorityFeePerGas": 1,
    }
    signed = Account.sign_transaction(transaction, REFERENCE_KEY)
    receipt = w3.eth.wait_for_transaction_receipt(
        w3.eth.send_raw_transaction(signed.raw_transaction), poll_latency=0.01
    )
    assert receipt["status"] == 1


def test_market__addresses__are_those_that_the_provider_names(devnet: Devnet, at: At) -> None:
    named = at(devnet.addresses.addresses_provider).functions
    addresses = devnet.addresses
    assert named.getPool().call() == addresses.pool
    assert named.getPriceOracle().call() == addresses.oracle
    assert named.getPoolDataProvider().call() == addresses.data_provider


def test_market__multicall3__is_at_its_usual_address(devnet: Devnet, at: At) -> None:
    assert (
        at("0xcA11bde05977b3631167028862bE2a173976CA11").functions.getBlockNumber().call() == devnet.block_number()
    )


def test_start__state_built_earlier__head_and_prices_are_of_now(devnet_build: Build) -> None:
    devnet = Devnet.start(devnet_build)
    try:
        head = devnet.rpc("eth_getBlockByNumber", "latest", False)
        assert abs(int(head["timestamp"], 16) - time.time()) < 5
        for listed in ASSETS:
            updated_s = devnet.read(devnet.addresses.feed(listed.symbol), "latestRoundData()")[3]
            assert abs(updated_s - time.time()) < 5
    finally:
        devnet.stop()
    assert not devnet.process or not devnet.process.alive()


def test_start__with_a_block_time__blocks_come_also_without_transactions(devnet_build: Build) -> None:
    devnet = Devnet.start(devnet_build, block_time_s=Decimal("0.1"))
    try:
        first, until = devnet.block_number(), time.monotonic() + 10
        while devnet.block_number() < first + 2 and time.monotonic() < until:
            pass
        assert devnet.block_number() >= first + 2
    finally:
        devnet.stop()


def test_start__port_taken__says_so(devnet: Devnet, devnet_build: Build) -> None:
    with pytest.raises(Permanent, match=f"port {devnet.port} .* is taken"):
        Devnet.start(devnet_build, port=devnet.port)


def test_snapshot__reverted__state_is_back_and_time_goes_on(market: Devnet, hf: Callable[[], str]) -> None:
    snapshot, number = market.snapshot(), market.block_number()
    market.set_price("WETH", Decimal(1400))
    market.increase_time(7200)
    market.revert(snapshot)
    assert market.block_number() == number
    assert (market.price("WETH"), hf()) == (Decimal(2500), "1.8864")
    market.mine()
    assert abs(int(market.rpc("eth_getBlockByNumber", "latest", False)["timestamp"], 16) - time.time()) < 5


def test_snapshot__reverted_twice__is_refused(market: Devnet) -> None:
    snapshot = market.snapshot()
    market.revert(snapshot)
    with pytest.raises(Permanent, match="each serves once"):
        market.revert(snapshot)


def test_price__set__oracle_shows_it_as_of_its_block(market: Devnet, at: At) -> None:
    market.set_feed_time("WETH", 1)
    feed = at(market.addresses.feed("WETH")).functions
    assert feed.latestRoundData().call()[3] == 1
    receipt = market.set_price("WETH", Decimal("2345.67"))
    block = market.rpc("eth_getBlockByNumber", receipt["blockNumber"], False)
    assert feed.latestRoundData().call()[1:4] == [234567000000, *[int(block["timestamp"], 16)] * 2]
    asset_price = at(market.addresses.oracle).functions.getAssetPrice(market.addresses.token("WETH")).call()
    assert asset_price == 234567000000
    assert market.block_number() == int(receipt["blockNumber"], 16)


@pytest.mark.parametrize(
    "usd", ["0", "-1", "NaN", "Infinity", "1e80", "1e-999999999", "1e999999999", "0.000000001"]
)
def test_price__that_is_none__is_refused_and_nothing_mined(market: Devnet, usd: str) -> None:
    number = market.block_number()
    with pytest.raises(Permanent, match="is not a price"):
        market.set_price("WETH", Decimal(usd))
    assert market.block_number() == number


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2500", 250_000_000_000),
        ("0.00000001", 1),
        ("1.10", 110_000_000),
        ("25e2", 250_000_000_000),
        ("-1", -100_000_000),
        ("123456789012345678901234567890.00000001", 12345678901234567890123456789000000001),
        ("1.000000001", None),
    ],
)
def test_exactly__decimal__is_scaled_without_rounding(text: str, expected: int | None) -> None:
    assert exactly(Decimal(text), 8) == expected


def test_source__bare__answers_a_price_and_no_time(market: Devnet, at: At, hf: Callable[[], str]) -> None:
    source = market.use_bare_source("WETH")
    oracle = at(market.addresses.oracle).functions
    assert oracle.getSourceOfAsset(market.addresses.token("WETH")).call() == source
    assert hf() == "1.8864"
    with pytest.raises((ContractLogicError, Web3RPCError)):
        at(source).functions.latestRoundData().call()


@pytest.mark.parametrize("symbol", ["WETH", "USDC"])
def test_reserve__each_state__is_seen_and_undone(market: Devnet, at: At, symbol: str) -> None:
    token = market.addresses.token(symbol)
    data = at(market.addresses.data_provider).functions

    def state() -> tuple[bool, bool, bool]:
        configuration = data.getReserveConfigurationData(token).call()
        return configuration[8], configuration[9], data.getPaused(token).call()

    before = data.getReserveConfigurationData(token).call()
    assert state() == (True, False, False)
    market.set_reserve(symbol, frozen=True)
    assert state() == (True, True, False)
    market.set_reserve(symbol, frozen=False, paused=True)
    assert state() == (True, False, True)
    market.set_reserve(symbol, paused=False, active=False)
    assert state() == (False, False, False)
    market.set_reserve(symbol, active=True)
    assert data.getReserveConfigurationData(token).call() == before


def test_sequencer_feed__down__says_since_when(market: Devnet, at: At) -> None:
    feed = market.deploy_sequencer_feed(up=False, since_s=1_700_000_000)
    assert at(feed).functions.latestRoundData().call()[1:3] == [1, 1_700_000_000]
    market.set_sequencer(feed, up=True, since_s=1_700_000_600)
    assert at(feed).functions.latestRoundData().call()[1:3] == [0, 1_700_000_600]


def test_call__that_aave_refuses__names_its_error(market: Devnet) -> None:
    with pytest.raises(Permanent, match="HealthFactorLowerThanLiquidationThreshold"):
        market.withdraw("WETH", Decimal(6))


def test_positions__many__are_all_open(market: Devnet, at: At) -> None:
    accounts = market.open_positions(3)
    pool = at(market.addresses.pool).functions
    assert len(set(accounts)) == 3
    for account in accounts:
        collateral, debt, *_, health_factor = pool.getUserAccountData(account).call()
        # A token's smallest unit more than borrowed: Aave rounds debt up.
        assert (collateral, health_factor // 10**14) == (250_000_000_000, 18863)
        assert 110_000_000_000 <= debt <= 110_000_000_100


def test_reset__after_much_was_changed__goes_forward_to_the_reference(
    market: Devnet, hf: Callable[[], str], at: At
) -> None:
    market.supply("WBTC", Decimal("0.5"))
    market.borrow("WBTC", Decimal("0.1"))
    market.withdraw("WETH", Decimal(2))
    market.repay("USDC", Decimal(1000))
    market.set_price("WETH", Decimal(900))
    market.use_bare_source("WETH")
    market.set_reserve("USDC", frozen=True)
    market.set_reserve("WBTC", paused=True)
    number = market.block_number()
    market.reset()
    assert hf() == "1.8864"
    data = at(market.addresses.pool).functions.getUserAccountData(market.addresses.account).call()
    assert data[0] == 2_500_000_000_000
    assert 1_100_000_000_000 <= data[1] <= 1_100_000_000_000 + 100 * 10
    assert market.block_number() > number


def test_reset__on_the_way__is_never_worse_than_before(market: Devnet) -> None:
    market.supply("WETH", Decimal(5))
    market.borrow("USDC", Decimal(6000))
    first = market.block_number()
    market.reset()
    pool, account = market.addresses.pool, market.addresses.account
    data = "0x" + keccak(text="getUserAccountData(address)").hex()[:8] + account[2:].rjust(64, "0")
    answers = [
        market.rpc("eth_call", {"to": pool, "data": data}, hex(number))
        for number in range(first, market.block_number() + 1)
    ]
    assert len(answers) > 3
    worst = min(int(answer[-64:], 16) for answer in answers)
    assert worst > 1_830 * 10**15  # the one before it, 15 WETH against 17,000 USDC; withdrawing first gives 1.22
