"""What must hold of a daemon that trades, whatever its chain does: at each step, and once the chain is well."""

import itertools
from collections import Counter
from dataclasses import dataclass, field

import anyio

from tests.fakes.ledger import FakeSigner
from tests.fakes.wild_ledger import FOREIGN, Made, about_of, nonce_of
from tests.sim.promises import assert_journal, assert_now
from tests.sim.settling import GWEI, Wild
from ultrad.core import estop
from ultrad.core.estop import Mode
from ultrad.core.events import Level, Recorded
from ultrad.core.intent_steps import Purpose
from ultrad.core.intents import Act, Intent, Stage, fold
from ultrad.trade_ports import Unsigned
from ultrad.trader import Trader
from ultrad.trader.sending import BUMP_PCT, CANCEL_TIMES
from ultrad.units import USD

COOLDOWN_S = 60
FRESH_S = 120
SLACK_S = 5.0
"""Between the look at a signal's age and the call: what answers at all answers at once here."""
TRADE_E8 = 50 * USD
DAY_E8 = 165 * USD
"""1 % of the funds that the account has at first; they only move from the wallet to the pool and back."""
CAP_WEI = 100 * GWEI
TRADES = frozenset({"supply", "withdraw"})
HARMLESS = frozenset({"flag", "operator", "gas_errors", "signal_run"})
"""What may stop a daemon here, beside somebody who really has the key."""
SETTLE_S = 900.0
"""Once the chain is well: a suspended look, dear gas that is waited for, two steps with their confirmations."""


@dataclass
class Watcher:
    """Looks at each signature and each send as it happens. stolen: somebody else used the key.

    doubt_ends_ms: when the last node that lagged or lied was well again (steady time)."""

    there: Wild
    stolen: bool = False
    doubt_ends_ms: int = -(10**6)
    broken: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.there.ledger.on_send = self._see_send
        self.signer.on_sign = self._see_signature

    @property
    def signer(self) -> FakeSigner:
        means = self.there.bench.made.means
        assert means is not None
        assert isinstance(means.signer, FakeSigner)
        return means.signer

    @property
    def trader(self) -> Trader:
        trader = self.there.bench.made.life.assembly.trader
        assert trader is not None
        return trader

    # ------------------------------------------------------------ as it happens

    def _see_signature(self, what: Unsigned) -> None:
        if what.call.about != "cancel" and (shut := self.there.bench.made.life.shut_by()):
            self.broken.append(f"{what.call.about} was signed while the gate is shut: {shut}")

    def _see_send(self, raw: bytes) -> None:
        life = self.there.bench.made.life
        if life.ended.is_set():
            self.broken.append(f"{raw!r} was sent by a life that is over")
        signed = self.signed().get(raw.hex())
        if signed is None:
            self.broken.append(f"{raw!r} was sent and is not in the journal")
        elif about_of(raw) != "cancel":
            if shut := life.shut_by():
                self.broken.append(f"{raw!r} was sent while the gate is shut: {shut}")
            stops = [one.seq for one in self.there.bench.made.recorded("estop.on") if one.seq > signed.seq]
            if stops:
                self.broken.append(f"{raw!r} was sent though a stop came after it was signed")
            age_s = self._age_s(str(signed.event.data["intent"]))
            if age_s > FRESH_S + SLACK_S:
                self.broken.append(f"{raw!r} was sent {age_s} s after its signal")

    def _age_s(self, intent_id: str) -> float:
        intent = self.trader.blotter.get(intent_id)
        assert intent is not None
        now = self.there.bench.made.clock.now()
        return (now.steady_ms - intent.signal.arrived.steady_ms) / 1_000

    def signed(self) -> dict[str, Recorded]:
        """Every signature that the journal holds, by its raw bytes."""
        return {str(one.event.data["raw"]): one for one in self._events() if one.event.kind == Act.SIGN}

    def _events(self) -> list[Recorded]:
        recorded = self.there.bench.made.life.journal.recorded
        return [one for one in recorded if one.event.kind.startswith("intent.")]

    # ------------------------------------------------------------ after each step

    def check(self) -> None:
        """What holds at any moment."""
        there = self.there
        assert self.broken == []
        assert_now(there.bench.made)
        assert set(there.causes()) <= (HARMLESS | {"intrusion"} if self.stolen else HARMLESS)
        assert sum(one.is_flying for one in self.trader.blotter.intents) <= 1
        in_the_air = {nonce_of(raw) for raw in there.ledger.raws if nonce_of(raw) >= there.ledger.next_nonce}
        assert len(in_the_air) <= 1
        self._check_signatures()
        self._check_nonces()
        self._check_chain()
        # The newest event may be on the disk, and on its way to the memory.
        events = self._events()
        assert self.trader.blotter in (fold(events), fold(events[:-1]))

    def _check_signatures(self) -> None:
        """None of the strategy was made while the stop was ON, by the record itself."""
        changes = self.there.bench.made.recorded("estop")
        for one in self.signed().values():
            if one.event.data["purpose"] == Purpose.OWN:
                before = [each for each in changes if _is_before(each, one)]
                assert estop.fold(before).mode is not Mode.ON, one.event.data["intent"]

    def _check_nonces(self) -> None:
        """A nonce belongs to one step for ever, and no intent trades with two of them."""
        owners: dict[int, set[str]] = {}
        trades: dict[str, set[int]] = {}
        for one in self.signed().values():
            intent, nonce = str(one.event.data["intent"]), int(str(one.event.data["nonce"]))
            owners.setdefault(nonce, set()).add(intent)
            if one.event.data["about"] in TRADES:
                trades.setdefault(intent, set()).add(nonce)
        assert [nonce for nonce, intents in owners.items() if len(intents) > 1] == []
        assert [intent for intent, nonces in trades.items() if len(nonces) > 1] == []

    def mined(self) -> list[Made]:
        """The blocks with a trade of ours in them that went well."""
        blocks = [one for one in self.there.ledger.blocks if one.raw not in {None, FOREIGN} and one.ok]
        return [one for one in blocks if about_of(one.raw or b"") in TRADES]

    def _check_chain(self) -> None:
        """What really was mined: each intent once, never too soon after the last, never more than a day allows."""
        signed, mined = self.signed(), self.mined()
        intents = Counter(str(signed[(one.raw or b"").hex()].event.data["intent"]) for one in mined)
        assert [intent for intent, times in intents.items() if times > 1] == []
        gaps = [after - before for before, after in itertools.pairwise(one.at_ms for one in mined)]
        assert all(gap >= COOLDOWN_S * 1_000 for gap in gaps), gaps
        values = [one.value_e8 for one in fold(self._events()).intents if intents[one.id]]
        assert all(value <= TRADE_E8 for value in values)
        assert sum(values) <= DAY_E8

    # ------------------------------------------------------------ at the end

    async def settled(self) -> None:
        """Once the chain is well, every intent ends, by what the chain says; and what went wrong was told."""
        ledger = self.there.ledger
        ledger.heal()
        self.there.bench.made.heal()
        self.signer.takes_s = 0.0
        with anyio.move_on_after(SETTLE_S):
            while self.trader.blotter.open():
                await anyio.sleep(2)
                ledger.mine()
        self.check()
        assert_journal(self.there.bench.made)
        assert [one.id for one in self.trader.blotter.open()] == []
        raws = {raw.hex() for raw in ledger.canonical()}
        usurped = {str(one.event.data["intent"]) for one in self._events() if one.event.kind == Act.USURP}
        assert self.stolen or not usurped
        for one in self.trader.blotter.intents:
            self._check_end(one, raws, usurped=one.id in usurped)
        self._check_told()

    def _check_end(self, intent: Intent, raws: set[str], *, usurped: bool) -> None:
        """By the chain, and by nothing else."""
        traded = False
        for place, step in enumerate(intent.steps):
            self._check_fees(step.versions[0].max_fee_wei, intent, place)
            if usurped and step is intent.steps[-1]:
                assert not step.confirmed
                assert {one.raw for one in step.versions}.isdisjoint(raws)
                continue
            assert step.confirmed
            assert step.mined is not None
            version = step.version(step.mined.hash)
            assert version is not None
            assert version.raw in raws
            traded |= step.has_traded
        assert traded is (intent.stage is Stage.SETTLED)
        if intent.steps:
            assert intent.stage in {Stage.SETTLED, Stage.CANCELLED, Stage.FAILED}

    def _check_fees(self, first_wei: int, intent: Intent, place: int) -> None:
        versions = intent.steps[place].versions
        assert first_wei <= CAP_WEI
        for before, after in itertools.pairwise(versions):
            assert after.max_fee_wei * 8 >= before.max_fee_wei * 9
            assert after.tip_wei * 8 >= before.tip_wei * 9
        for one in versions:
            most_wei = CAP_WEI if one.purpose is Purpose.OWN else CANCEL_TIMES * CAP_WEI
            assert one.max_fee_wei * 100 <= most_wei * (100 if one.purpose is Purpose.OWN else 100 + BUMP_PCT)

    def _check_told(self) -> None:
        levels = {Act.FAIL: Level.ALERT, Act.USURP: Level.EMERGENCY, Act.CANCEL: Level.WARNING}
        for one in self._events():
            if one.event.kind in levels:
                assert one.event.level >= levels[Act(one.event.kind)]
                assert str(one.event.data["intent"]) in str(one.event.message) or one.event.kind == Act.USURP


def _is_before(change: Recorded, signature: Recorded) -> bool:
    """Within the same millisecond a stop may have come after it, and whatever lifted one came before."""
    changed_ms, signed_ms = change.event.now.steady_ms, signature.event.now.steady_ms
    return changed_ms < signed_ms or (changed_ms == signed_ms and change.event.kind != estop.Step.TRIP)
