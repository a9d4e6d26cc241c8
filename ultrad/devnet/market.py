"""Deploys an Aave V3.6 market onto a fresh node, with liquidity, and answers where everything stands.

The steps are those of Aave's own deployment (aave-v3-origin, src/deployments), without what a test needs not.
"""

from dataclasses import dataclass, field

from eth_abi.abi import encode

from ultrad.addresses import ZERO, checksum
from ultrad.devnet.abi import UINT256_MAX, as_address, call_data, selector, words
from ultrad.devnet.reference import ASSETS, DevnetAddresses
from ultrad.devnet.rpc import Rpc
from ultrad.errors import Permanent
from ultrad.i18n import msg
from ultrad.networks import MULTICALL3
from ultrad.units import Address

MARKET_ID = "ultrad devnet"
GAS = hex(16_000_000)
"""The pool's implementation needs the most, about 5 M."""
BASE_CURRENCY_UNIT = 10**8
RESERVE_FACTOR_BPS = 1000
INTEREST = (9000, 0, 500, 6000)
"""Optimal usage, base rate, and the slopes below and above it, in basis points: about USDC's on Ethereum."""
RESERVE = "(address,address,address,string,string,string,string,bytes,bytes)"
"""ConfiguratorInputTypes.InitReserveInput of v3.6."""


@dataclass(frozen=True, slots=True)
class Contract:
    """One compiled contract. links: each library and the byte offsets at which its address belongs."""

    bytecode: str
    links: dict[str, list[int]]


@dataclass(frozen=True, slots=True)
class Deployer:
    """Sends as the node's first account, which becomes the market's admin."""

    rpc: Rpc
    contracts: dict[str, Contract]
    me: Address
    libraries: dict[str, Address] = field(default_factory=dict)

    def send(self, data: str, to: str | None = None) -> str:
        """Mine one transaction; the address of the contract it created, if any. Raises Permanent on revert."""
        call = {"from": self.me, "data": data, "gas": GAS} | ({"to": to} if to else {})
        receipt = self.rpc("eth_sendTransactionSync", call)
        if receipt["status"] != "0x1":
            raise Permanent(msg("deploying the market failed at a call of {target}", target=to or "a constructor"))
        return str(receipt["contractAddress"] or ZERO)

    def create(self, name: str, types: str = "", *arguments: object) -> Address:
        """Deploy a contract, and first the libraries that it calls."""
        contract = self.contracts[name]
        code = contract.bytecode
        for library, offsets in contract.links.items():
            if library not in self.libraries:
                self.libraries[library] = self.create(library)
            digits = self.libraries[library][2:].lower()
            for offset in offsets:
                code = code[: 2 * offset] + digits + code[2 * offset + len(digits) :]
        kinds = types.split(",") if types else []
        return checksum(self.send("0x" + code + encode(kinds, arguments).hex()))

    def ask(self, target: str, signature: str) -> Address:
        """An address that a contract answers."""
        answer = self.rpc("eth_call", {"to": target, "data": call_data(signature)}, "latest")
        return as_address(words(answer)[0])


def deploy_market(rpc: Rpc, contracts: dict[str, Contract], multicall3: str) -> DevnetAddresses:
    """Put the whole market on the chain. Raises Permanent where a step reverts."""
    rpc("anvil_setCode", MULTICALL3, "0x" + multicall3)
    me = checksum(rpc("eth_accounts")[0])
    by = Deployer(rpc, contracts, me)
    provider = by.create("PoolAddressesProvider", "string,address", MARKET_ID, me)
    by.send(call_data("setACLAdmin(address)", me), provider)
    acl = by.create("ACLManager", "address", provider)
    by.send(call_data("setACLManager(address)", acl), provider)
    by.send(call_data("addPoolAdmin(address)", me), acl)
    by.send(call_data("addEmergencyAdmin(address)", me), acl)

    rates = by.create("DefaultReserveInterestRateStrategyV2", "address", provider)
    by.send(
        call_data("setPoolImpl(address)", by.create("PoolInstance", "address,address", provider, rates)), provider
    )
    configurator_code = by.create("PoolConfiguratorInstance")
    by.send(call_data("setPoolConfiguratorImpl(address)", configurator_code), provider)
    pool = by.ask(provider, "getPool()")
    configurator = by.ask(provider, "getPoolConfigurator()")

    tokens, feeds = _tokens_and_feeds(by)
    oracle = by.create(
        "AaveOracle",
        "address,address[],address[],address,address,uint256",
        *(provider, tokens, feeds, ZERO, ZERO, BASE_CURRENCY_UNIT),
    )
    by.send(call_data("setPriceOracle(address)", oracle), provider)
    data_provider = by.create("AaveProtocolDataProvider", "address", provider)
    by.send(call_data("setPoolDataProvider(address)", data_provider), provider)

    _list_reserves(by, pool, configurator, tokens)
    _add_liquidity(by, pool, tokens)
    return DevnetAddresses(
        deployer=me,
        addresses_provider=provider,
        pool=pool,
        configurator=configurator,
        acl_manager=acl,
        oracle=oracle,
        data_provider=data_provider,
        multicall3=MULTICALL3,
        tokens=tokens,
        feeds=feeds,
    )


def _tokens_and_feeds(by: Deployer) -> tuple[tuple[Address, ...], tuple[Address, ...]]:
    """A token and a price feed for each asset. The feeds' time is set when the chain is started for use."""
    tokens = tuple(
        by.create("WETH9Mocked")
        if listed.symbol == "WETH"
        else by.create("MintableERC20", "string,string,uint8", listed.symbol, listed.symbol, listed.decimals)
        for listed in ASSETS
    )
    feeds = tuple(
        by.create(
            "MockFeed",
            "string,int256,uint256",
            *(f"{listed.symbol} / USD", int(listed.price_usd * BASE_CURRENCY_UNIT), 0),
        )
        for listed in ASSETS
    )
    return tokens, feeds


def _list_reserves(by: Deployer, pool: Address, configurator: Address, tokens: tuple[Address, ...]) -> None:
    """List each asset as a reserve that can be collateral and can be borrowed."""
    a_token = by.create("ATokenInstance", "address,address,address", pool, ZERO, by.me)
    debt_token = by.create("VariableDebtTokenInstance", "address,address", pool, ZERO)
    interest = encode(["(uint16,uint32,uint32,uint32)"], [INTEREST])
    reserves = [
        (
            *(a_token, debt_token, token),
            *(f"Aave {listed.symbol}", f"a{listed.symbol}"),
            *(f"Aave Variable Debt {listed.symbol}", f"variableDebt{listed.symbol}"),
            *(b"", interest),
        )
        for listed, token in zip(ASSETS, tokens, strict=True)
    ]
    by.send(selector(f"initReserves({RESERVE}[])") + encode([f"{RESERVE}[]"], [reserves]).hex(), configurator)
    for listed, token in zip(ASSETS, tokens, strict=True):
        collateral = "configureReserveAsCollateral(address,uint256,uint256,uint256)"
        figures = (listed.ltv_bps, listed.threshold_bps, listed.bonus_bps)
        by.send(call_data(collateral, token, *figures), configurator)
        by.send(call_data("setReserveBorrowing(address,bool)", token, True), configurator)
        by.send(call_data("setReserveFactor(address,uint256)", token, RESERVE_FACTOR_BPS), configurator)


def _add_liquidity(by: Deployer, pool: Address, tokens: tuple[Address, ...]) -> None:
    """Supply of each asset what others can borrow."""
    for listed, token in zip(ASSETS, tokens, strict=True):
        amount = listed.units(listed.liquidity)
        by.send(call_data("mint(address,uint256)", by.me, amount), token)
        by.send(call_data("approve(address,uint256)", pool, UINT256_MAX), token)
        by.send(call_data("supply(address,uint256,address,uint16)", token, amount, by.me, 0), pool)
