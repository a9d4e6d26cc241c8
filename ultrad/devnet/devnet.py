"""The devnet as its users see it: a market to look at, and the hand that moves prices, reserves and positions."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Self

from ultrad.addresses import checksum
from ultrad.devnet.abi import UINT256_MAX, as_address, keccak256, word
from ultrad.devnet.build import Build
from ultrad.devnet.node import Node, Receipt, Transaction
from ultrad.devnet.reference import ASSETS, Asset, asset, exactly
from ultrad.errors import Permanent
from ultrad.i18n import msg
from ultrad.units import Address, Wad

PRICE_DECIMALS = 8
PURSE_WEI = 100 * 10**18
VARIABLE_RATE = 2
NO_REFERRAL = 0
POSITIONS_AT_ONCE = 100
"""Positions opened in one block, whose gas limit takes three times as many."""
DUST = 10
"""Smallest units of a token: what rounding leaves over."""
# Of a reserve's configuration word (Aave V3, ReserveConfiguration.sol).
_ACTIVE_BIT, _FROZEN_BIT, _PAUSED_BIT = 56, 57, 60
_RESERVES_SLOT = 52
"""Of the pool's storage: the mapping of reserves (Aave V3, PoolStorage.sol, after what Pool inherits)."""
_SEQUENCER = b"L2 sequencer uptime"


@dataclass(frozen=True, slots=True)
class AccountData:
    """`Pool.getUserAccountData`: USD scaled by 10^8, basis points, and the health factor scaled by 10^18."""

    collateral_e8: int
    debt_e8: int
    available_e8: int
    threshold_bps: int
    ltv_bps: int
    health_factor: Wad


class Devnet(Node):
    """One running chain with the market on it. Each change is mined at once, in a block of its own.

    What moves a position acts for the reference account, unless another is given.
    """

    @classmethod
    def start(cls, build: Build, port: int = 0, block_time_s: Decimal | None = None) -> Self:
        """A new chain in the reference state as of now: fresh prices, the reference position just opened.

        Without `block_time_s` a block is mined for each transaction only; with it, also each so many seconds.
        Raises UltradError where the node does not start.
        """
        devnet = cls.load(build, port, block_time_s)
        try:
            devnet.reset()
        except BaseException:
            devnet.stop()
            raise
        return devnet

    # ------------------------------------------------------------ prices

    def price(self, symbol: str) -> Decimal:
        """An asset's price in USD, as its feed has it."""
        return Decimal(self._answer(symbol)).scaleb(-PRICE_DECIMALS)

    def set_price(self, symbol: str, usd: Decimal) -> Receipt:
        """Set an asset's price, as of now. Raises Permanent for anything but a positive number of 8 decimals."""
        answer = exactly(usd, PRICE_DECIMALS)
        if answer is None or answer <= 0:
            raise Permanent(
                msg("{price} is not a price: give US dollars above 0 with at most 8 decimals", price=str(usd))
            )
        return self.call(self.addresses.feed(symbol), "set(int256)", answer)

    def set_answer(self, symbol: str, answer: int, updated_s: int) -> Receipt:
        """Let a feed answer anything (USD scaled by 10^8; also nonsense), as of any Unix time."""
        return self.call(self.addresses.feed(symbol), "set(int256,uint256)", answer, updated_s)

    def set_feed_time(self, symbol: str, updated_s: int) -> Receipt:
        """Let a feed's present price be as old as this (Unix seconds)."""
        return self.set_answer(symbol, self._answer(symbol), updated_s)

    def refresh_prices(self) -> None:
        """The same prices again, as of now: what real feeds do at each heartbeat."""
        for feed in self.addresses.feeds:
            self.call(feed, "refresh()")

    def use_bare_source(self, symbol: str) -> Address:
        """Give an asset a price source that tells no time, as Aave's price adapters are; its address."""
        source = self.create("BareFeed", word(self._answer(symbol)))
        self._set_source(self.addresses.token(symbol), source)
        return source

    def _answer(self, symbol: str) -> int:
        (answer,) = self.read(self.addresses.feed(symbol), "latestAnswer()")
        return answer

    def _set_source(self, token: Address, source: Address) -> None:
        (present,) = self.read(self.addresses.oracle, "getSourceOfAsset(address)", token)
        if as_address(present) != source:
            # Two dynamic arrays of one address each: where they begin, then length and element.
            arrays = (0x40, 0x80, 1, token, 1, source)
            self.call(self.addresses.oracle, "setAssetSources(address[],address[])", *arrays)

    # ------------------------------------------------------------ the L2 sequencer

    def deploy_sequencer_feed(self, *, up: bool = True, since_s: int = 0) -> Address:
        """A Chainlink L2 sequencer uptime feed; since_s: when its status began (Unix seconds)."""
        text = word(len(_SEQUENCER)) + _SEQUENCER.hex().ljust(64, "0")
        return self.create("MockFeed", word(0x60) + word(int(not up)) + word(since_s) + text)

    def set_sequencer(self, feed: Address, *, up: bool, since_s: int) -> Receipt:
        """Change what a sequencer feed tells."""
        return self.call(feed, "set(int256,uint256)", int(not up), since_s)

    # ------------------------------------------------------------ reserves

    def set_reserve(
        self, symbol: str, *, frozen: bool | None = None, paused: bool | None = None, active: bool | None = None
    ) -> None:
        """Switch what is given of a reserve's state; what it has already is left alone."""
        token = self.addresses.token(symbol)
        (state,) = self.read(self.addresses.pool, "getConfiguration(address)", token)
        if frozen is not None and frozen != bool(state >> _FROZEN_BIT & 1):
            self.call(self.addresses.configurator, "setReserveFreeze(address,bool)", token, frozen)
            if not frozen:
                # Freezing sets the loan-to-value to 0; unfreezing alone does not bring it back (v3.6).
                self.call(self.addresses.configurator, "setReserveLtvzero(address,bool)", token, False)
        if paused is not None and paused != bool(state >> _PAUSED_BIT & 1):
            self.call(self.addresses.configurator, "setReservePause(address,bool)", token, paused)
        if active is not None and active != bool(state >> _ACTIVE_BIT & 1):
            self._toggle_active(token)

    def _toggle_active(self, token: Address) -> None:
        """Aave lets nobody deactivate a reserve that has suppliers, so the bit is written past its rules."""
        slot = "0x" + keccak256(bytes.fromhex(word(token) + word(_RESERVES_SLOT))).hex()
        stored = int(self.rpc("eth_getStorageAt", self.addresses.pool, slot, "latest"), 16)
        if stored != self.read(self.addresses.pool, "getConfiguration(address)", token)[0]:
            raise Permanent(msg("the pool keeps its reserves elsewhere than the devnet believes"))
        self.rpc("anvil_setStorageAt", self.addresses.pool, slot, "0x" + word(stored ^ 1 << _ACTIVE_BIT))
        self.mine()

    # ------------------------------------------------------------ positions

    def account_data(self, account: str | None = None) -> AccountData:
        """An account's figures in the pool."""
        collateral, debt, available, threshold, ltv, health_factor = self.read(
            self.addresses.pool, "getUserAccountData(address)", self._whose(account)
        )
        return AccountData(collateral, debt, available, threshold, ltv, Wad(health_factor))

    def fund(self, account: str) -> None:
        """Set an account's ether to what its fees will never use up."""
        self.rpc("anvil_setBalance", account, hex(PURSE_WEI))

    def mint(self, symbol: str, tokens: Decimal, account: str | None = None) -> Receipt:
        """Give an account whole tokens out of nothing."""
        amount = asset(symbol).units(tokens)
        return self.call(self.addresses.token(symbol), "mint(address,uint256)", self._whose(account), amount)

    def supply(self, symbol: str, tokens: Decimal, account: str | None = None) -> Receipt:
        """Supply whole tokens; what the account lacks is minted for it."""
        return self._supply(asset(symbol), asset(symbol).units(tokens), self._whose(account))

    def withdraw(self, symbol: str, tokens: Decimal | None = None, account: str | None = None) -> Receipt:
        """Withdraw whole tokens, or all."""
        amount = UINT256_MAX if tokens is None else asset(symbol).units(tokens)
        return self._withdraw(asset(symbol), amount, self._whose(account))

    def borrow(self, symbol: str, tokens: Decimal, account: str | None = None) -> Receipt:
        """Borrow whole tokens."""
        return self.send(self._borrowing(asset(symbol), asset(symbol).units(tokens), self._whose(account)))

    def repay(self, symbol: str, tokens: Decimal | None = None, account: str | None = None) -> Receipt:
        """Repay whole tokens, or all; what the account lacks is minted for it."""
        amount = UINT256_MAX if tokens is None else asset(symbol).units(tokens)
        return self._repay(asset(symbol), amount, self._whose(account))

    def open_positions(
        self, count: int, weth: Decimal = Decimal(1), usdc: Decimal = Decimal(1100)
    ) -> tuple[Address, ...]:
        """New accounts (the same ones each time), each with so much supplied and borrowed.

        Not for a chain with a block time.
        """
        names = [f"ultrad devnet position {index}".encode() for index in range(count)]
        accounts = tuple(checksum("0x" + keccak256(name)[12:].hex()) for name in names)
        supplied, borrowed, payer = asset("WETH").units(weth), asset("USDC").units(usdc), self.addresses.deployer
        self._provide(asset("WETH"), supplied * count, payer)
        for first in range(0, count, POSITIONS_AT_ONCE):
            some = accounts[first : first + POSITIONS_AT_ONCE]
            self.rpc.batch([("anvil_setBalance", (account, hex(PURSE_WEI))) for account in some])
            self.mine_together([self._supplying(asset("WETH"), supplied, payer, account) for account in some])
            self.mine_together([self._borrowing(asset("USDC"), borrowed, account) for account in some])
        return accounts

    def reset(self) -> None:
        """Back to the reference state, going forward: heads keep rising for those who watch.

        First what makes the position safer, then what brings it back down to the reference: no step on the way is
        worse than where it began and where it ends. The chain's clock and other accounts stay as they are.
        """
        for listed in ASSETS:
            self.set_reserve(listed.symbol, frozen=False, paused=False, active=True)
            self._set_source(self.addresses.token(listed.symbol), self.addresses.feed(listed.symbol))
            self.set_price(listed.symbol, listed.price_usd)
        self._reset_position(self.addresses.account)

    def _reset_position(self, account: str) -> None:
        self.fund(account)
        held = [(listed, *self._held(listed, account)) for listed in ASSETS]
        for listed, supplied, _ in held:
            if (more := listed.units(listed.supplied) - supplied) > DUST:
                self._supply(listed, more, account)
        for listed, _, owed in held:
            if (less := owed - listed.units(listed.borrowed)) > DUST:
                self._repay(listed, less if listed.borrowed else UINT256_MAX, account)
        for listed, _, owed in held:
            if (more := listed.units(listed.borrowed) - owed) > DUST:
                self.send(self._borrowing(listed, more, account))
        for listed, supplied, _ in held:
            if (less := supplied - listed.units(listed.supplied)) > DUST:
                self._withdraw(listed, less if listed.supplied else UINT256_MAX, account)

    def _whose(self, account: str | None) -> str:
        return account or self.addresses.account

    def _held(self, listed: Asset, account: str) -> tuple[int, int]:
        """What the account has supplied of an asset, and what it owes, in the smallest unit."""
        token = self.addresses.token(listed.symbol)
        position = self.read(self.addresses.data_provider, "getUserReserveData(address,address)", token, account)
        return position[0], position[2]

    def _provide(self, listed: Asset, amount: int, owner: str) -> None:
        """See that the owner has so much in hand, and lets the pool take it."""
        token = self.addresses.token(listed.symbol)
        (balance,) = self.read(token, "balanceOf(address)", owner)
        if balance < amount:
            self.call(token, "mint(address,uint256)", owner, amount - balance)
        (allowance,) = self.read(token, "allowance(address,address)", owner, self.addresses.pool)
        if allowance < amount:
            self.call(token, "approve(address,uint256)", self.addresses.pool, UINT256_MAX, sender=owner)

    def _supply(self, listed: Asset, amount: int, owner: str) -> Receipt:
        self._provide(listed, amount, owner)
        return self.send(self._supplying(listed, amount, owner, owner))

    def _repay(self, listed: Asset, amount: int, owner: str) -> Receipt:
        # A token's worth more than is owed, for the interest until it is mined.
        owed = self._held(listed, owner)[1] + listed.units(Decimal(1)) if amount == UINT256_MAX else amount
        self._provide(listed, owed, owner)
        token = self.addresses.token(listed.symbol)
        signature = "repay(address,uint256,uint256,address)"
        return self.call(self.addresses.pool, signature, token, amount, VARIABLE_RATE, owner, sender=owner)

    def _withdraw(self, listed: Asset, amount: int, owner: str) -> Receipt:
        token = self.addresses.token(listed.symbol)
        signature = "withdraw(address,uint256,address)"
        return self.call(self.addresses.pool, signature, token, amount, owner, sender=owner)

    def _supplying(self, listed: Asset, amount: int, payer: str, owner: str) -> Transaction:
        token = self.addresses.token(listed.symbol)
        signature = "supply(address,uint256,address,uint16)"
        return self.transaction(payer, self.addresses.pool, signature, token, amount, owner, NO_REFERRAL)

    def _borrowing(self, listed: Asset, amount: int, owner: str) -> Transaction:
        token = self.addresses.token(listed.symbol)
        signature = "borrow(address,uint256,uint256,uint16,address)"
        figures = (token, amount, VARIABLE_RATE, NO_REFERRAL, owner)
        return self.transaction(owner, self.addresses.pool, signature, *figures)
