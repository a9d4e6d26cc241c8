"""The pool's arithmetic against the pool itself: random positions on a real Aave v3.6, equal to the wei."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ultrad.core import pool
from ultrad.core.pool import RAY, WHOLE, AccountData, Holding
from ultrad.devnet.abi import call_data, words
from ultrad.devnet.devnet import VARIABLE_RATE, Devnet
from ultrad.devnet.reference import ASSETS, Asset
from ultrad.errors import Permanent
from ultrad.units import Bps, UsdE8, Wad

CATEGORY = 1
EMODE_BPS = (9000, 9300, 10100)
EMODE_ASSETS = ("WETH",)
OTHERS_BORROW = {"WETH": 5_000 * 10**18, "USDC": 6_000_000 * 10**6, "WBTC": 500 * 10**8}
"""What somebody else owes, so that supplies earn: about half of each."""
SUPPLY = "supply(address,uint256,address,uint16)"
BORROW = "borrow(address,uint256,uint256,uint16,address)"
REPAY = "repay(address,uint256,uint256,address)"
REPAY_WITH_ATOKENS = "repayWithATokens(address,uint256,uint256)"
YEAR_S = 365 * 24 * 3600


@dataclass(frozen=True)
class Part:
    """One asset of a random position. supply: in USD cents; borrow_bps: of what may still be borrowed."""

    supply_cents: int
    collateral: bool
    borrow_bps: int


@dataclass(frozen=True)
class Plan:
    prices_e8: tuple[int, ...]
    parts: tuple[Part, ...]
    emode: bool
    elapsed_s: int


@dataclass(frozen=True)
class Act:
    """What is done at last: of which asset, and how much (10^9ths of what there is, and a few units more)."""

    kind: str
    which: int
    share: int
    more: int


PRICES_USD = tuple(int(one.price_usd) for one in ASSETS)
PARTS = st.builds(
    Part,
    supply_cents=st.one_of(st.just(0), st.integers(1, 10**8)),
    collateral=st.booleans() | st.just(True),
    borrow_bps=st.one_of(st.just(0), st.integers(0, 6_000)),
)
PLANS = st.builds(
    Plan,
    prices_e8=st.tuples(*(st.integers(usd * 10**8 // 2, usd * 10**8 * 2) for usd in PRICES_USD)),
    parts=st.tuples(PARTS, PARTS, PARTS),
    emode=st.booleans(),
    elapsed_s=st.one_of(st.integers(0, 60), st.integers(0, 5 * YEAR_S)),
)
ACTS = st.builds(
    Act,
    kind=st.sampled_from(("supply", "withdraw", "repay", "repay_with_atokens")),
    which=st.integers(0, 2),
    share=st.one_of(st.sampled_from((0, 10**9)), st.integers(0, 10**9)),
    more=st.integers(-2, 2),
)
QUIET = (HealthCheck.function_scoped_fixture, HealthCheck.too_slow)
FEW = settings(max_examples=60, suppress_health_check=QUIET, phases=(Phase.explicit, Phase.generate))
MANY = settings(max_examples=400, suppress_health_check=QUIET)


@pytest.fixture(scope="module")
def busy(devnet: Devnet) -> Iterator[Devnet]:
    """A market in which others borrow, with an e-mode category."""
    snapshot = devnet.snapshot()
    where = devnet.addresses
    label = (0xA0, 1, ord("e") << 248)  # where the string begins, its length, its bytes
    signature = "setEModeCategory(uint8,uint16,uint16,uint16,string)"
    devnet.call(where.configurator, signature, CATEGORY, *EMODE_BPS, *label)
    for listed in ASSETS:
        token = where.token(listed.symbol)
        if listed.symbol in EMODE_ASSETS:
            signature = "setAssetCollateralInEMode(address,uint8,bool)"
            devnet.call(where.configurator, signature, token, CATEGORY, True)
        devnet.call(where.configurator, "setAssetBorrowableInEMode(address,uint8,bool)", token, CATEGORY, True)
        devnet.call(where.pool, BORROW, token, OTHERS_BORROW[listed.symbol], VARIABLE_RATE, 0, where.deployer)
    try:
        yield devnet
    finally:
        devnet.revert(snapshot)


class Position:
    """A fresh account on the devnet, and what the chain says of it."""

    def __init__(self, devnet: Devnet, plan: Plan) -> None:
        self.devnet = devnet
        self.where = devnet.addresses
        self.account = "0x" + "4e" * 20
        self.tokens = [self.where.token(one.symbol) for one in ASSETS]
        self._open(plan)

    def act(self, signature: str, *arguments: Any) -> None:
        self.devnet.call(self.where.pool, signature, *arguments, sender=self.account)

    def _open(self, plan: Plan) -> None:
        self.devnet.fund(self.account)
        for listed, price in zip(ASSETS, plan.prices_e8, strict=True):
            self.devnet.set_answer(listed.symbol, price, 1)
        for token in self.tokens:
            self.devnet.call(token, "mint(address,uint256)", self.account, 10**30)
            self.devnet.call(token, "approve(address,uint256)", self.where.pool, WHOLE, sender=self.account)
        if plan.emode:
            self.act("setUserEMode(uint8)", CATEGORY)
        for round_ in range(2):  # the second after a while, so that indices are no round numbers
            for listed, token, part, price in zip(ASSETS, self.tokens, plan.parts, plan.prices_e8, strict=True):
                amount = _units(listed, part.supply_cents, price) // (3 if round_ else 1)
                if amount:
                    self.try_(SUPPLY, token, amount, self.account, 0)
                if amount and not round_ and not part.collateral:
                    self.act("setUserUseReserveAsCollateral(address,bool)", token, False)
            for listed, token, part, price in zip(ASSETS, self.tokens, plan.parts, plan.prices_e8, strict=True):
                available_e8 = self.devnet.account_data(self.account).available_e8
                amount = available_e8 * part.borrow_bps // 10_000 * 10**listed.decimals // price
                if amount:
                    self.try_(BORROW, token, amount, VARIABLE_RATE, 0, self.account)
            self.devnet.increase_time(plan.elapsed_s)

    def try_(self, signature: str, *arguments: Any) -> bool:
        """Whether the pool took it: too small an amount it refuses."""
        try:
            self.act(signature, *arguments)
        except Permanent:
            return False
        return True

    def at(self, block: str) -> tuple[tuple[Holding, ...], AccountData]:
        """The holdings, and the pool's own word, as of a block; read by other means than the daemon's."""

        def ask(target: str, signature: str, *arguments: Any) -> tuple[int, ...]:
            data = call_data(signature, *arguments)
            return words(self.devnet.rpc("eth_call", {"to": target, "data": data}, block))

        (bits,) = ask(self.where.pool, "getUserConfiguration(address)", self.account)
        (emode,) = ask(self.where.pool, "getUserEMode(address)", self.account)
        holdings = []
        for listed, token in zip(ASSETS, self.tokens, strict=True):
            data = ask(self.where.pool, "getReserveData(address)", token)
            in_emode = emode == CATEGORY and listed.symbol in EMODE_ASSETS
            holdings.append(
                Holding(
                    asset=token,
                    symbol=listed.symbol,
                    unit=10**listed.decimals,
                    price_e8=UsdE8(ask(self.where.oracle, "getAssetPrice(address)", token)[0]),
                    threshold_bps=Bps(EMODE_BPS[1] if in_emode else data[0] >> 16 & 0xFFFF),
                    as_collateral=bool(bits >> 2 * data[7] + 1 & 1),
                    scaled_supply=ask(f"0x{data[8]:040x}", "scaledBalanceOf(address)", self.account)[0],
                    scaled_debt=ask(f"0x{data[10]:040x}", "scaledBalanceOf(address)", self.account)[0],
                    supply_index=ask(self.where.pool, "getReserveNormalizedIncome(address)", token)[0],
                    debt_index=ask(self.where.pool, "getReserveNormalizedVariableDebt(address)", token)[0],
                    becomes_collateral=True,
                )
            )
        data = ask(self.where.pool, "getUserAccountData(address)", self.account)
        return tuple(holdings), AccountData(UsdE8(data[0]), UsdE8(data[1]), Bps(data[3]), Wad(data[5]))


def _units(listed: Asset, cents: int, price_e8: int) -> int:
    unit: int = 10**listed.decimals
    return cents * 10**6 * unit // price_e8


def _check(devnet: Devnet, plan: Plan, act: Act) -> None:
    """The whole story of one random position."""
    (revision,) = devnet.read(devnet.addresses.pool, "POOL_REVISION()")
    assert pool.known(revision)
    snapshot = devnet.snapshot()
    try:
        position = Position(devnet, plan)
        before, said = position.at("latest")
        assert pool.account_data(before, revision) == said
        _act(position, before, act, revision)
    finally:
        devnet.revert(snapshot)


def _act(position: Position, before: tuple[Holding, ...], act: Act, revision: int) -> None:
    held, token = before[act.which], position.tokens[act.which]
    there = {
        "supply": held.unit * 10,
        "withdraw": pool.supplied(held, revision),
        "repay": pool.owed(held, revision),
        "repay_with_atokens": min(pool.owed(held, revision), pool.supplied(held, revision)),
    }[act.kind]
    amount = max(0, there * act.share // 10**9 + act.more)
    if act.share == 10**9 and act.more == 2 and act.kind != "supply":
        amount = WHOLE
    taken = {
        "supply": lambda: position.try_(SUPPLY, token, amount, position.account, 0),
        "withdraw": lambda: position.try_("withdraw(address,uint256,address)", token, amount, position.account),
        "repay": lambda: position.try_(REPAY, token, amount, VARIABLE_RATE, position.account),
        "repay_with_atokens": lambda: position.try_(REPAY_WITH_ATOKENS, token, amount, VARIABLE_RATE),
    }[act.kind]()
    after, said = position.at("latest")
    # What was before, as of the block that the call is in: interest goes on till then.
    then = tuple(
        replace(old, supply_index=new.supply_index, debt_index=new.debt_index)
        for old, new in zip(before, after, strict=True)
    )
    change = {
        "supply": pool.after_supply,
        "withdraw": pool.after_withdraw,
        "repay": pool.after_repay,
        "repay_with_atokens": pool.after_repay_with_atokens,
    }[act.kind]
    if taken:
        computed = change(then, held.asset, amount, revision)
        assert computed == after
        assert pool.account_data(computed, revision) == said
        assert pool.health_factor(computed, revision) == said.health_factor
        return
    try:
        computed = change(then, held.asset, amount, revision)
    except Permanent:
        return
    # The pool's other reason to refuse: it would be liquidated.
    assert act.kind in {"withdraw", "repay_with_atokens"}
    assert pool.health_factor(computed, revision) < 10**18


@FEW
@given(PLANS, ACTS)
def test_account_data__random_position_and_act__equal_to_the_wei(busy: Devnet, plan: Plan, act: Act) -> None:
    _check(busy, plan, act)


@pytest.mark.prove
@MANY
@given(PLANS, ACTS)
def test_account_data__many_random_positions__equal_to_the_wei(busy: Devnet, plan: Plan, act: Act) -> None:
    _check(busy, plan, act)


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("kind", ["supply", "withdraw", "repay", "repay_with_atokens"])
@pytest.mark.parametrize(("share", "more"), [(0, 1), (333_333_333, 1), (10**9, -1), (10**9, 0), (10**9, 2)])
def test_after__each_kind_at_its_edges__equal_to_the_wei(
    busy: Devnet, kind: str, share: int, more: int, which: int
) -> None:
    parts = (Part(2_500_000, True, 3_000), Part(7, True, 0), Part(0, True, 0))
    plan = Plan((250_012_345_678, 99_987_654, 6_000_011_111_111), parts, emode=True, elapsed_s=YEAR_S // 3)
    _check(busy, plan, Act(kind, which, share, more))


def test_indices__in_these_tests__have_grown(busy: Devnet) -> None:
    """Else rounding would never be seen."""
    snapshot = busy.snapshot()
    try:
        part = Part(1_000_000, True, 1_000)
        plan = Plan((250_000_000_000, 100_000_000, 6_000_000_000_000), (part, part, part), False, YEAR_S)
        before, _ = Position(busy, plan).at("latest")
        assert all(one.supply_index > RAY * 101 // 100 and one.debt_index > one.supply_index for one in before)
        assert all(one.supply_index % 10**6 for one in before)
    finally:
        busy.revert(snapshot)
