"""Where daemons are killed at the steps of a trade: a chain, installations, and what is asked of them later."""

import json
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any, Self

from tests.fakes.notion import NotionApi
from tests.fakes.octobot import Webhook
from tests.system.crash_scenes import (
    SECRETS,
    Course,
    Scene,
    add_row,
    has_offered_more,
    row_of,
)
from tests.system.crashing import Order
from tests.system.installation import Installation, wait_for
from tests.system.launcher import Child, Launcher
from ultrad import offline
from ultrad.adapters.journal.reader import open_reader
from ultrad.control_client import Client
from ultrad.core import intents as life
from ultrad.core.events import Recorded
from ultrad.core.intent_steps import Purpose
from ultrad.core.intents import ENDS, Intent
from ultrad.core.status import Status
from ultrad.core.trade_status import IntentLine
from ultrad.devnet.abi import keccak256
from ultrad.devnet.devnet import Devnet
from ultrad.errors import Duplicate, UltradError
from ultrad.paths import Paths
from ultrad.ports import EventFilter

LIMIT_S = 60.0
"""For anything that is waited for. On a busy machine a trade takes seconds."""
LOOK_S = 0.02
STUCK_MS = 300
SUPPLY = "0x" + keccak256(b"Supply(address,address,address,uint256,uint16)").hex()
WITHDRAW = "0x" + keccak256(b"Withdraw(address,address,address,uint256)").hex()


@dataclass
class Told:
    """What is there after a trade has ended: the journal, the chain, OctoBot, and the daemon's own word.

    steps: what each daemon came through, with what was sent; the last of them ended the trade. row: Status and
    Result of the row that it came from.
    """

    scene: Scene
    at: tuple[str, ...]
    steps: list[list[tuple[str, str]]]
    line: IntentLine
    intent: Intent
    events: tuple[Recorded, ...]
    used_e8: int
    incidents: list[tuple[str, str]]
    orders: int
    nonces: int
    moved: list[tuple[str, int, str]]
    mined: dict[str, bool]
    sound: bool
    row: tuple[str, str] | None = None
    kills: int = 0

    @property
    def kinds(self) -> list[str]:
        """The acts of the journal, in order."""
        return [one.event.kind for one in self.events]


@dataclass
class Place:
    """For one thread: a chain with one account, a workspace in Notion, an installation for each configuration."""

    at: Path
    market: Devnet
    launcher: Launcher
    bot: Webhook
    notion: NotionApi
    ids: "count[int]"
    installations: dict[str, Installation] = field(default_factory=dict)
    _snapshot: str = ""
    _mined_for: int = 0
    _is_replaced: bool = False
    _steps: list[Path] = field(default_factory=list)

    @classmethod
    def make(
        cls, at: Path, market: Devnet, launcher: Launcher, services: tuple[Webhook, NotionApi], ids: "count[int]"
    ) -> Self:
        market.mint("WETH", Decimal(1))
        market.rpc("evm_setAutomine", False)
        return cls(at, market, launcher, *services, ids, _snapshot=market.snapshot())

    def _installation(self, scene: Scene) -> Installation:
        """Made when it is needed first."""
        if scene.place not in self.installations:
            place = self.at / scene.place
            place.mkdir()
            config = scene.config(self.market.addresses.token("WETH"), self.bot.url)
            made = Installation.make(place, self.market, config, SECRETS)
            (place / "state").rename(place / "fresh")
            self.installations[scene.place] = made
        return self.installations[scene.place]

    # ------------------------------------------------------------ one trade

    def trade(self, scene: Scene, *at: str, touch: bool = False) -> Told:
        """One trade from the signal to its end, through a daemon for each of `at` and, killed there, one more.

        touch: the daemon is stopped there instead (the flag comes to be), and goes on.
        """
        installation = self._fresh(scene)
        number, first_nonce = next(self.ids), self._nonce()
        first_block = self.market.block_number()
        decision = {"id": f"n{number}", "action": scene.action, "confidence": 80, "reason": "a test"}
        by_row = scene.course is Course.ROW
        intent_id = add_row(self.notion, scene.action) if by_row else f"operator:n{number}"
        kills = 0
        for place in (*at, ""):
            child = self._start(scene, installation, place, installation.flag if touch else None)
            try:
                line = self._drive(scene, installation, child, None if by_row else decision, intent_id)
                if line is not None:
                    status = _status_of(installation, _due(installation, kills))
                    break
                kills += 1
            finally:
                child.kill()
        else:
            raise AssertionError((scene, at, self._log(installation)))
        events = _events(installation)
        trade = status.trade
        assert trade is not None
        verified, trouble = offline.verify(_paths(installation), ())
        hashes = [version.hash for step in _fold(events).steps for version in step.versions]
        return Told(
            scene=scene,
            at=at,
            steps=[_lines(one) for one in self._steps],
            line=line,
            intent=_fold(events),
            events=events,
            used_e8=trade.used_e8,
            incidents=[(one.severity.value, one.code) for one in status.incidents],
            orders=sum(one["TAG"] == intent_id for one in self.bot.orders),
            nonces=self._nonce() - first_nonce,
            moved=self._moved(first_block),
            mined={one: found for one in hashes if (found := self._succeeded(one)) is not None},
            sound=verified.ok and trouble is None,
            row=row_of(self.notion, intent_id) if by_row else None,
            kills=kills,
        )

    def _fresh(self, scene: Scene) -> Installation:
        installation = self._installation(scene)
        self._is_replaced = False
        state = installation.at / "state"
        shutil.rmtree(state, ignore_errors=True)
        shutil.copytree(installation.at / "fresh", state)
        for one in self._steps:
            one.unlink()
        self._steps.clear()
        self.market.rpc("anvil_dropAllTransactions")
        self.market.revert(self._snapshot)
        self._snapshot = self.market.snapshot()
        self.market.mine(scene.confirmations + 1)  # the states of blocks before a revert are gone
        return installation

    def _start(self, scene: Scene, installation: Installation, at: str, flag: Path | None) -> Child:
        steps = installation.at / f"steps-{len(self._steps)}"
        steps.touch()
        self._steps.append(steps)
        self._mined_for = 0
        order = Order(
            config=str(installation.config),
            steps=str(steps),
            log=str(installation.at / "daemon.log"),
            at=at,
            touch=str(flag) if flag else "",
            notion=self.notion.url,
            stuck_ms=STUCK_MS if scene.course is Course.FEE else 0,
        )
        return self.launcher.start(order)

    def _drive(
        self,
        scene: Scene,
        installation: Installation,
        child: Child,
        decision: dict[str, Any] | None,
        intent_id: str,
    ) -> IntentLine | None:
        """Hand the signal in, as often as it takes; mine, until it has ended or the daemon is gone (None).

        decision: None where a row says it: then the job that takes rows, and tells them, is run again and again.
        """
        client, handed_in = Client(installation.at / "run" / "control.sock"), False
        until_s = time.monotonic() + LIMIT_S
        while time.monotonic() < until_s:
            if child.is_gone():
                return None
            with suppress(UltradError, StopIteration):
                may_begin = handed_in or len(self._steps) > 1 or not client.status().estop.shut_by
                if may_begin and (not handed_in or decision is None):
                    handed_in = _hand_in(client, decision)
                if handed_in:
                    line = next(one for one in client.signals(10) if one.id == intent_id)
                    if line.stage in ENDS and (line.written or decision is not None):
                        return line
            self._mine(scene, installation)
            time.sleep(LOOK_S)
        shut_by = client.status().estop.shut_by
        raise AssertionError(f"no end of {intent_id} in {LIMIT_S} s ({shut_by}): {self._log(installation)}")

    def _mine(self, scene: Scene, installation: Installation) -> None:
        """Some blocks for each time that a transaction was asked after: it is pending when it is first looked at.

        What the stop finds pending stays so until its replacement is there.
        """
        steps = _lines(self._steps[-1])
        asked = sum(name.startswith("after ledger.receipt ") for name, _ in steps)
        if scene.course is Course.REORG:
            self._mine_and_replace(scene, installation)
            return
        if asked == self._mined_for:
            return
        if installation.flag.exists() and not _is_replaced(_events(installation), steps):
            return
        if scene.course is Course.FEE and not has_offered_more(_known(installation), self._sent()):
            return
        self._mined_for = asked
        self.market.mine(scene.confirmations + 1)

    def _mine_and_replace(self, scene: Scene, installation: Installation) -> None:
        """One block; once it was seen in it another one in its place, without it; and then it may end."""
        intent = _known(installation)
        step = intent.in_the_air if intent else None
        if step is None:
            return
        if step.mined is not None and not self._is_replaced:
            self.market.rpc("anvil_reorg", 1, [])
            self._is_replaced = True
        elif step.mined is None:
            found = self.market.rpc("eth_getTransactionByHash", step.newest.hash)
            if found is not None and found["blockHash"] is None:
                self.market.mine(scene.confirmations + 1 if self._is_replaced else 1)

    def _sent(self) -> set[str]:
        """The raw bytes that any of the daemons has sent."""
        lines = (line for one in self._steps for line in _lines(one))
        return {note for name, note in lines if name.startswith("after ledger.send ")}

    # ------------------------------------------------------------ what the chain knows

    def _nonce(self) -> int:
        return int(self.market.rpc("eth_getTransactionCount", self.market.addresses.account, "latest"), 16)

    def _moved(self, first_block: int) -> list[tuple[str, int, str]]:
        """What was supplied and withdrawn since then: which, how much, by which transaction."""
        which = {
            "fromBlock": hex(first_block),
            "toBlock": "latest",
            "address": self.market.addresses.pool,
            "topics": [[SUPPLY, WITHDRAW]],
        }
        return [
            ("BUY", int(one["data"][66:130], 16), one["transactionHash"])
            if one["topics"][0] == SUPPLY
            else ("SELL", int(one["data"], 16), one["transactionHash"])
            for one in self.market.rpc("eth_getLogs", which)
        ]

    def _succeeded(self, tx_hash: str) -> bool | None:
        receipt = self.market.rpc("eth_getTransactionReceipt", tx_hash)
        return None if receipt is None else receipt["status"] == "0x1"

    def _log(self, installation: Installation) -> str:
        names = [name for name, _ in _lines(self._steps[-1])]
        return f"{names[-12:]}\n{(installation.at / 'daemon.log').read_text()[-3_000:]}"


def _hand_in(client: Client, decision: dict[str, Any] | None) -> bool:
    """Whether it is taken, now or before. As those do who send: again, with the same id, until it is."""
    if decision is None:
        client.run_job("trade_cycle")
        return True
    try:
        client.signal(decision)
    except UltradError as error:
        if not isinstance(error, Duplicate) and "came before" not in str(error.message):
            raise
    return True


def _due(installation: Installation, kills: int) -> set[str]:
    """What somebody has to be told of: a process that died, and what became of a leg that nobody is sure of."""
    legs = {str(one.event.data["leg"]) for one in _events(installation) if "leg" in one.event.data}
    return {f"{leg}_leg" for leg in legs} | ({"died"} if kills else set())


def _status_of(installation: Installation, due: set[str]) -> Status:
    """The daemon's status, once these incidents are open."""

    def look() -> Status | None:
        status = Client(installation.at / "run" / "control.sock").status()
        return status if due <= {one.code for one in status.incidents} else None

    found: Status = wait_for(look, f"the incidents {due}")
    return found


def _lines(steps: Path) -> list[tuple[str, str]]:
    return [(name, note) for name, note in map(json.loads, steps.read_text().splitlines())]


def _paths(installation: Installation) -> Paths:
    return Paths.of(_Directories(str(installation.at / "state"), str(installation.at / "run")))


@dataclass(frozen=True)
class _Directories:
    state_dir: str
    runtime_dir: str


def _events(installation: Installation) -> tuple[Recorded, ...]:
    with open_reader(installation.journal) as reader:
        return tuple(reader.events(EventFilter(kinds=("intent",), limit=1_000)))


def _fold(events: tuple[Recorded, ...]) -> Intent:
    (intent,) = life.fold(events).intents
    return intent


def _known(installation: Installation) -> Intent | None:
    """The intent as the journal has it; None before it is proposed."""
    events = _events(installation)
    return _fold(events) if events else None


def _is_replaced(events: tuple[Recorded, ...], steps: list[tuple[str, str]]) -> bool:
    """Whether nothing of the strategy is pending: another one was sent in its place, or none was signed."""
    step = _fold(events).in_the_air if events else None
    if step is None or step.mined is not None:
        return True
    sent = {note for name, note in steps if name.startswith("after ledger.send ")}
    return step.newest.purpose is Purpose.CANCELLATION and step.newest.raw in sent
