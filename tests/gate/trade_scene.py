"""The same gate with a transaction of the strategy in the air, and the real code that replaces it.

Its key, its disk and its wire answer when the explorer lets them; whatever is only read answers at once.
"""

import json
from dataclasses import dataclass, field
from decimal import Decimal
from typing import cast

from tests.fakes.ledger import CHAIN_ID, FakeSigner, digest
from tests.fakes.trade_market import ACCOUNT
from tests.gate.explorer import Actor, Steps
from tests.gate.scene import AT_ONCE, EARLIER, Scene
from ultrad.conditions import Conditions
from ultrad.core import intent_events as events
from ultrad.core.estop import Mode
from ultrad.core.estop_rules import rescue_forbidden
from ultrad.core.events import Event, Recorded
from ultrad.core.intent_steps import Purpose, Step, Version
from ultrad.core.intents import Act, Blotter, fold
from ultrad.core.limits import EstopRules
from ultrad.core.position import Block
from ultrad.core.signals import Action, Signal, Source
from ultrad.core.trade_limits import TradeLimits
from ultrad.gate import GateShutError, MaybeSentError, Passage
from ultrad.i18n import Message
from ultrad.ports import Journal
from ultrad.trade_ports import Call, Fees, Market, Nonces, Receipt, Signed, Unsigned
from ultrad.trader.book import TradeBook
from ultrad.trader.ports import TraderPorts, TradeSettings
from ultrad.trader.sending import Sending
from ultrad.trader.settling import Settling
from ultrad.units import USD, Now, UsdE8

NONCE = 7
BEFORE = Now(-10, -10)
"""When what is in the air was signed: before anything that stood at the beginning."""
SETTINGS = TradeSettings(
    position="main", limits=TradeLimits(UsdE8(50 * USD)), chain_id=CHAIN_ID, dry_run=False, stuck_ms=0
)
"""Everything that is pending is stuck, so that each look replaces it or hands it over again."""


@dataclass
class StepSigner(FakeSigner):
    """A key that takes its time."""

    steps: Steps = field(default_factory=Steps)

    async def sign(self, what: Unsigned) -> Signed:
        made = self.made_of(what)
        name = _name(made)
        self.steps.log.append(f"{name} asked for")
        await self.steps.at(f"{name}: signed")
        return made


class StepLedger:
    """Nothing is ever mined, and fees stay as they are; a send takes its time."""

    def __init__(self, scene: "TradeScene") -> None:
        self._scene = scene

    async def fees(self) -> Fees:
        return Fees(10**9, 10**8)

    async def nonces(self) -> Nonces:
        return Nonces(NONCE, NONCE, NONCE + 1)

    async def receipt(self, _: str) -> Receipt | None:
        return None

    async def confirmed(self) -> Block:
        return Block(100, digest("100"), 0)

    async def revert_reason(self, call: Call, block: Block) -> Message | None:
        raise AssertionError(f"{call} did not fail in {block}")

    async def send(self, raw: bytes) -> None:
        await self._scene.on_the_wire(raw)


class TradeScene(Scene):
    """A scene with one pending trade, and what looks after it."""

    def __init__(self, mode: Mode, rules: EstopRules = AT_ONCE) -> None:
        super().__init__(mode, rules)
        self.gate.beside.admit_rescues(lambda: rescue_forbidden(self.estop.state))
        signer = StepSigner(steps=self.steps)
        first = self._first(signer)
        self.journal.post(*first)
        self.book = TradeBook(cast("Journal", self.journal), self._blotter())
        ports = TraderPorts(
            journal=cast("Journal", self.journal),
            clock=self.clock,
            gate=self.gate,
            estop=self.estop,
            conditions=Conditions(cast("Journal", self.journal)),
            market=cast("Market", None),
            ledger=StepLedger(self),
            signer=signer,
            bot=None,
            fraction=lambda: 0.0,
        )
        self.journal.on_append = self._on_append
        self.sending = Sending(ports, SETTINGS, self.book)
        self.settling = Settling(ports, SETTINGS, self.book, self.sending)

    def _first(self, signer: StepSigner) -> tuple[Event, ...]:
        """A withdrawal that was signed, and is pending."""
        signal = Signal(Source.HTTP, "one", Action.SELL, Decimal(80), "", 0, self.clock.now())
        blotter = fold([Recorded(1, "", events.proposed_event(signal))])
        intent = blotter.intents[0]
        figures = {"supplied": "1", "wallet": "0", "funds_e8": "1"}
        what = Unsigned(CHAIN_ID, NONCE, Call("withdraw", ACCOUNT, b"\x01"), 100_000, 10**9, 10**8)
        signed = signer.made_of(what)
        then = BEFORE if self.estop.state.mode is Mode.ON else EARLIER
        version = Version(signed.hash, signed.raw.hex(), Purpose.OWN, what.max_fee_wei, what.tip_wei, then)
        return (
            events.proposed_event(signal),
            events.admitted_event(intent, 1, 50 * USD, dict(figures), BEFORE),
            events.signed_event(intent, "withdraw", NONCE, version),
        )

    def _blotter(self) -> Blotter:
        told = (one for one in self.journal.events_ if one.kind.startswith("intent."))
        return fold(Recorded(n, "", one) for n, one in enumerate(told, 1))

    @property
    def step(self) -> Step:
        return self.book.blotter.intents[0].steps[-1]

    # ---- actors

    def keeper(self, looks: int) -> Actor:
        """Looks after what is in the air, as the trader does."""

        async def keep() -> None:
            for _ in range(looks):
                await self.steps.at("look after it")
                self.steps.log.append("looked after")
                await self.settling.look(self.book.blotter.intents[0])
                self.steps.log.append("looked over")

        return keep

    def rescuer(self) -> Actor:
        """A rescue that is on its way through the door beside the gate."""

        async def call() -> None:
            assert not rescue_forbidden(self.estop.state), self.steps.log
            self.steps.log.append("rescue leaves")
            await self.steps.at("rescue: on the wire")
            self.steps.log.append("rescue arrives" + (" while ON" if self.estop.state.mode is Mode.ON else ""))

        async def rescue() -> None:
            await self.steps.at("rescue: journalled")
            try:
                await self.gate.beside.send(Passage.RESCUE, call)
            except GateShutError:
                self.steps.log.append("rescue refused")
            except MaybeSentError:
                self.steps.log.append("rescue cut off")

        return rescue

    async def on_the_wire(self, raw: bytes) -> None:
        version = next((one for one in self.step.versions if one.raw == raw.hex()), None)
        assert version is not None, "not in the journal's memory"
        durable = 1 + self.steps.log.count("recorded intent.signed")
        assert self.step.versions.index(version) < durable, self.steps.log
        name = _name(Signed(raw, version.hash))
        if version.purpose is Purpose.OWN:
            self._must_be_open()
            self._must_not_be_stopped_since(name, version.signed)
        words = (" begins", " ends") if version.purpose is Purpose.OWN else (" leaves", " arrives")
        self.steps.log.append(name + words[0])
        await self.steps.at(f"{name}: on the wire")
        self.steps.log.append(name + words[1])

    # ---- what must hold

    def _on_append(self, event: Event) -> None:
        """What was signed while a stop came is forgotten, not recorded."""
        if event.kind == Act.SIGN and event.data["purpose"] == Purpose.OWN:
            self._must_be_open()

    def _must_not_be_stopped_since(self, name: str, signed: Now) -> None:
        """No stop came after it was asked for, whether it was lifted or not."""
        log = self.steps.log
        asked = max((at for at, line in enumerate(log) if line == f"{name} asked for"), default=0)
        assert not {"tripped", "seen"} & set(log[asked:]), log
        stops = [one.now.steady_ms for one in self.journal.events_ if one.kind == "estop.on"]
        assert max(stops, default=-1_000) < signed.steady_ms, log

    def check(self) -> None:
        super().check()
        log = self.steps.log
        assert self.book.blotter == self._blotter(), log
        # What was cancelled once stays so: sorted, since "cancellation" comes before "own".
        purposes = [one.purpose.value for one in self.step.versions]
        assert purposes == sorted(purposes, reverse=True), purposes
        self._check_fees()
        self._check_cancelled()
        self._check_rescues()

    def _check_fees(self) -> None:
        offers = [(one.max_fee_wei, one.tip_wei) for one in self.step.versions]
        for place in range(1, len(offers)):
            before, after = offers[place - 1], offers[place]
            assert all(new * 8 >= old * 9 for old, new in zip(before, after, strict=True)), offers

    def _check_cancelled(self) -> None:
        """Whoever looks after a stop cancels, also where it was lifted meanwhile."""
        log = self.steps.log
        if "tripped" in log and "looked after" in log[log.index("tripped") :]:
            assert self.step.newest.purpose is Purpose.CANCELLATION, log

    def _check_rescues(self) -> None:
        """None leaves or arrives after a stop that forbids it, until a resume is in the journal."""
        log = self.steps.log
        if not self.forbids or "tripped" not in log:
            return
        after = log[log.index("tripped") :]
        lifted = next((at for at, line in enumerate(after) if line == "recorded estop.resume"), len(after))
        assert not [one for one in after[:lifted] if one.startswith(("rescue leaves", "rescue arrives"))], log
        assert log.count("rescue refused") + log.count("rescue cut off") <= 1

    @property
    def forbids(self) -> bool:
        return any(
            one.kind == "estop.on" and cast("dict[str, str]", one.data["cause"])["code"] == "intrusion"
            for one in self.journal.events_
        )


def _name(signed: Signed) -> str:
    """As the log calls it: what it does, and what it offers."""
    _, max_fee_wei, about, *_ = json.loads(signed.raw)
    return f"{about or 'own'} at {max_fee_wei}"
