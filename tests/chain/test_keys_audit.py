"""`ultrad keys audit` on a real Aave: our trades are explained, and what others did with the key is listed."""

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import anyio
import pytest

from tests.chain.account_rig import ETHER, STRANGER
from tests.cli.conftest import Desk, apart
from tests.core.test_audit import announced, expected, signed
from tests.fakes.daemon import FakeDaemon
from tests.fakes.forgetful import forgetful
from ultrad import offline
from ultrad.adapters.journal import open_journal
from ultrad.core.events import Event, Recorded
from ultrad.devnet.build import Build
from ultrad.devnet.devnet import Devnet
from ultrad.paths import Directories, Paths
from ultrad.ports import EventFilter

CONFIG = """
environment = "devnet"
language = "en"
state_dir = "{home}/state"
log_dir = "{home}/log"
runtime_dir = "{home}/run"
[chain]
network = "devnet"
addresses_provider = "{provider}"
stale_head_s = 600
[[chain.endpoints]]
name = "a"
http = "{home}/url"
[[positions]]
name = "main"
account = "{account}"
"""
APPROVE = "approve(address,uint256)"


class Scene:
    """A market, a journal, and the command."""

    def __init__(self, devnet: Devnet, desk: Desk) -> None:
        self.devnet, self.desk = devnet, desk
        self.account = devnet.addresses.account
        addresses = devnet.addresses
        text = CONFIG.format(home=desk.home, provider=addresses.addresses_provider, account=addresses.account)
        desk.config.write_text(text, encoding="utf-8")
        self.point(devnet.url_http)
        assert desk.ultrad("init").code == 0
        self.begin = self.head() + 1

    def point(self, url: str) -> None:
        (self.desk.home / "url").write_text(url + "\n", encoding="utf-8")

    def head(self) -> int:
        return int(self.devnet.rpc("eth_blockNumber"), 16)

    def nonce(self) -> int:
        return int(self.devnet.rpc("eth_getTransactionCount", self.account, "latest"), 16)

    def token(self, symbol: str) -> str:
        return self.devnet.addresses.token(symbol)

    def by(self, sender: str, target: str, signature: str, *args: str | int) -> str:
        """Mine a call; its hash."""
        self.devnet.fund(sender)
        return str(self.devnet.call(target, signature, *args, sender=sender)["transactionHash"])

    def record(self, *events: Event) -> None:
        async def append() -> None:
            journal = open_journal(self.desk.home / "state/journal.db", thin_after_hours=24)
            await journal.append(*events)
            await journal.close()

        apart(anyio.run, append)

    def ours(self, target: str, signature: str, *args: str | int) -> str:
        """A call that the journal knows."""
        nonce = self.nonce()
        tx = self.by(self.account, target, signature, *args)
        self.record(signed(tx, nonce))
        return tx

    def audit(self, *argv: str) -> tuple[int, dict[str, Any], str]:
        ran = self.desk.ultrad("keys", "audit", "--json", "--from-block", str(self.begin), *argv)
        return ran.code, json.loads(ran.out) if ran.out else {}, ran.err


@pytest.fixture
def scene(
    devnet_build: Build,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Scene]:
    monkeypatch.setenv("LANGUAGE", "en")
    for name in ("run", "log"):
        (tmp_path / name).mkdir()
    (tmp_path / "url").touch(0o600)
    devnet = Devnet.start(devnet_build)
    devnet.mint("USDC", Decimal(1000))
    devnet.mint("WETH", Decimal(5))
    yield Scene(devnet, Desk(tmp_path, capsys))
    devnet.stop()


def trade(scene: Scene) -> None:
    pool, weth = scene.devnet.addresses.pool, scene.token("WETH")
    scene.ours(weth, APPROVE, pool, ETHER)
    scene.ours(pool, "supply(address,uint256,address,uint16)", weth, ETHER, scene.account, 0)
    scene.ours(pool, "withdraw(address,uint256,address)", weth, ETHER // 2, scene.account)


def test_audit__own_trades_and_an_inflow__clean_with_and_without_the_daemon(scene: Scene) -> None:
    trade(scene)
    scene.devnet.mint("USDC", Decimal(100), STRANGER)
    scene.by(STRANGER, scene.token("USDC"), "transfer(address,uint256)", scene.account, 20 * 10**6)
    code, found, err = scene.audit()
    assert (code, found["strangers"], found["own"], found["inflows"]) == (0, 0, 3, 1), found
    assert found["nonces"][1] - found["nonces"][0] == 3
    assert "journal's file" in err
    assert "(100 %)" in err
    running = FakeDaemon(scene.desk.socket)
    running.operations.journal = _recorded(scene)
    running.start()
    try:
        code, found, err = scene.audit()
    finally:
        running.stop()
    assert (code, found["own"]) == (0, 3)
    assert "journal's file" not in err


def _recorded(scene: Scene) -> tuple[Recorded, ...]:
    home = scene.desk.home
    directories = cast(
        "Directories", SimpleNamespace(state_dir=str(home / "state"), runtime_dir=str(home / "run"))
    )
    return offline.events(Paths.of(directories), EventFilter(limit=1000))


def test_audit__foreign_transfer_approval_nonce_and_use_of_a_leave__each_is_listed(scene: Scene) -> None:
    trade(scene)
    usdc = scene.token("USDC")
    transfer = scene.by(scene.account, usdc, "transfer(address,uint256)", STRANGER, 7 * 10**6)
    approval = scene.by(scene.account, usdc, APPROVE, STRANGER, 10 * 10**6)
    use = scene.by(STRANGER, usdc, "transferFrom(address,address,uint256)", scene.account, STRANGER, 10**6)
    coin = str(
        scene.devnet.send({"from": scene.account, "to": STRANGER, "value": hex(ETHER), "gas": hex(21_000)})[
            "transactionHash"
        ]
    )
    code, found, _ = scene.audit()
    assert code == 1
    listed = {one["hash"]: one for one in found["transactions"]}
    assert set(listed) == {transfer, approval, use, coin}
    assert {one["standing"] for one in listed.values()} == {"new"}
    assert [one["act"] for one in listed[transfer]["deeds"]] == ["transfer"]
    assert [one["act"] for one in listed[approval]["deeds"]] == ["approve"]
    assert (listed[use]["nonce"], listed[use]["sender"]) == (None, STRANGER)
    assert listed[coin]["deeds"][0]["amount"] == str(ETHER)
    for one in listed.values():
        block = scene.devnet.rpc("eth_getBlockByNumber", hex(one["block"]), False)
        assert one["time_s"] == int(block["timestamp"], 16)
    (leave,) = [one for one in found["allowances"] if not one["explained"]]
    assert (leave["spender"], leave["amount"]) == (STRANGER, str(9 * 10**6))
    assert leave["hash"] == use  # this token tells of what is left, too
    assert found["strangers"] == 5
    plain = scene.desk.ultrad("keys", "audit", "--from-block", str(scene.begin))
    assert plain.code == 1
    for tx in listed:
        assert tx in plain.out
    assert "NOT OURS: 5" in plain.out


def test_audit__announced_act__is_named_and_counts_as_clean(scene: Scene) -> None:
    tx = scene.by(scene.account, scene.token("USDC"), "transfer(address,uint256)", STRANGER, 5)
    scene.record(announced("e-1"), expected(tx, scene.head(), "e-1"))
    code, found, _ = scene.audit()
    assert code == 0, found
    (one,) = found["transactions"]
    assert (one["standing"], one["announced_by"]) == ("announced", "taro: to the cold wallet")


def test_audit__no_node_or_an_open_file__says_why(scene: Scene, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.write_text("http://127.0.0.1:1\n", encoding="utf-8")
    gone.chmod(0o644)
    assert "chmod 600" in scene.desk.ultrad("keys", "audit", "--rpc", str(gone)).err
    gone.chmod(0o600)
    ran = scene.desk.ultrad("keys", "audit", "--position", "nobody", "--rpc", str(gone))
    assert (ran.code, "There are: main." in ran.err) == (1, True)


def test_audit__node_that_forgot_the_past__is_incomplete_and_names_what_was_not_looked_at(scene: Scene) -> None:
    scene.by(scene.account, scene.token("USDC"), "transfer(address,uint256)", STRANGER, 5)
    scene.devnet.mine(30)
    scene.begin = scene.head() + 1
    trade(scene)
    with forgetful(scene.devnet.url_http, scene.head(), 2) as url:
        scene.point(url)
        code, found, _ = scene.audit()
        assert (code, found["strangers"], found["own"]) == (4, 0, 3), found
        (gap,) = found["not_looked_at"]
        assert f"before block {scene.begin}" in gap
    coin = {"from": scene.account, "to": STRANGER, "value": hex(ETHER), "gas": hex(21_000)}
    scene.devnet.send(coin)
    scene.devnet.mine(2)
    trade(scene)
    with forgetful(scene.devnet.url_http, scene.head(), 2) as url:
        scene.point(url)
        code, found, _ = scene.audit()
    assert (code, found["strangers"]) == (1, 1)
    (one,) = found["transactions"]
    assert (one["hash"], one["nonce"]) == ("", scene.nonce() - 4)  # it left no log, and nobody remembers its block
    assert "1 nonces" in found["not_looked_at"][-1]
