"""`ultrad keys rotate`: what it looks at, what it asks, and that it shows no secret."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Desk
from tests.fakes.daemon import FakeDaemon
from tests.fakes.doorkeeper import Doorkeeper
from tests.fakes.keeper import Keeper
from tests.fakes.operations import NOW
from ultrad.cli.keys_rotate import rotate
from ultrad.config.facts import TAG_CHARACTERS
from ultrad.config.secret import Secret

KEY = "chain.endpoints[a].http"
QUESTIONS = ("in_use", "channels", "guards", "logs", "chain", "journal")


def tag(value: str) -> str:
    return Secret("x", value).fingerprint()[:TAG_CHARACTERS]


@pytest.fixture
def door() -> Iterator[Doorkeeper]:
    with Doorkeeper().serving() as made:
        yield made


@pytest.fixture
def keeper(daemon: FakeDaemon) -> Keeper:
    made = Keeper(NOW)
    daemon.operations.follow = made
    return made


def put(desk: Desk, url: str) -> None:
    (desk.home / "url").write_text(url + "\n", encoding="utf-8")


def told(desk: Desk, *argv: str) -> tuple[int, dict[str, Any]]:
    ran = desk.ultrad("keys", "rotate", "--json", *argv)
    assert ran.err == ""
    return ran.code, json.loads(ran.out)


def marks(found: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: one["mark"] for one in found["items"]}


def test_rotate__from_leak_to_complete__checks_what_it_can_and_asks_the_rest(
    desk: Desk, keeper: Keeper, door: Doorkeeper
) -> None:
    old, new = f"{door.url}/rpc/old-secret", f"{door.url}/rpc/new-secret"
    door.valid = {"/rpc/old-secret", "/rpc/new-secret"}
    put(desk, old)
    keeper.running = ((KEY, tag(old)),)
    code, found = told(desk, "--reason", "pasted in a chat")
    assert (code, found["open"]) == (1, True)
    assert marks(found)[f"new:{KEY}"] == "ask"
    (secret,) = found["secrets"]
    assert (secret["key"], secret["mode"], secret["age_h"], secret["new"]) == (KEY, "0600", 0, "accepted")
    put(desk, new)
    was = desk.home / "was"
    was.touch(0o600)
    was.write_text(old + "\n", encoding="utf-8")
    _, found = told(desk, "--continue", "--old", f"{KEY}={was}")
    assert marks(found) == {f"new:{KEY}": "pass", f"old:{KEY}": "fail", **dict.fromkeys(QUESTIONS, "ask")} | {
        "in_use": "fail"
    }
    door.valid = {"/rpc/new-secret"}
    keeper.running = ((KEY, tag(new)),)
    _, found = told(desk, "--continue", "--old", f"{KEY}={was}")
    assert set(found["left"]) == set(QUESTIONS) - {"in_use"}
    _, found = told(
        desk, "--continue", "--done", "logs", "--done", "chain", "--done", "journal", "--text", "by two"
    )
    code, found = told(desk, "--continue", "--not-needed", "guards", "--not-needed", "channels", "--text", "none")
    assert (code, found["open"], found["verdict"]) == (0, False, "complete")
    everything = json.dumps([one.data for one in keeper.events], default=str) + json.dumps(found)
    assert "old-secret" not in everything
    assert "new-secret" not in everything


def test_rotate__plain__shows_secrets_and_items_and_no_value(desk: Desk, keeper: Keeper, door: Doorkeeper) -> None:
    put(desk, f"{door.url}/rpc/old-secret")
    ran = desk.ultrad("keys", "rotate", "--reason", "a leak", "--incident", "3")
    assert ran.code == 1
    assert "Replacement 1, begun by" in ran.out
    assert "RPC address" in ran.out
    assert "The service refuses the one that is in place." in ran.out
    assert "old-secret" not in ran.out + ran.err
    (desk.home / "url").chmod(0o644)
    ran = desk.ultrad("keys", "rotate", "--continue", "--offline")
    assert "chmod 600" in ran.out
    assert keeper.book.known[0].incident == 3
    assert "old-secret" not in ran.out + ran.err


def test_rotate__asked_at_a_terminal__takes_each_answer(
    desk: Desk, keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(desk, "http://127.0.0.1:1/")
    answers = iter(["d", "n", "it was never issued", "", "f", "LINE is down", "x", "q"])
    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr(rotate, "__defaults__", (lambda _: next(answers),))
    assert desk.ultrad("keys", "rotate", "--reason", "a leak", "--offline").code == 1
    said = {one.item: (one.answer.value, one.text) for one in keeper.book.known[0].answers}
    assert said == {
        f"new:{KEY}": ("done", ""),
        f"old:{KEY}": ("not_needed", "it was never issued"),
        "channels": ("failed", "LINE is down"),
    }


class Terminal:
    """Standard input with a person at it."""

    def isatty(self) -> bool:
        return True


@pytest.mark.usefixtures("keeper")
def test_rotate__abandon_and_status__say_how_it_stands(desk: Desk) -> None:
    put(desk, "http://127.0.0.1:1/")
    assert desk.ultrad("keys", "rotate", "--status").code == 0
    assert desk.ultrad("keys", "rotate", "--continue", "--offline").code == 1
    assert desk.ultrad("keys", "rotate", "--reason", "a leak", "--offline").code == 1
    again = desk.ultrad("keys", "rotate", "--reason", "a leak", "--offline")
    assert (again.code, "number 1" in again.err) == (1, True)
    assert desk.ultrad("keys", "rotate", "--status").code == 1
    assert desk.ultrad("keys", "rotate", "--abandon").code == 1
    ran = desk.ultrad("keys", "rotate", "--abandon", "--text", "the public key")
    assert (ran.code, "was abandoned by" in ran.out) == (0, True)
    assert desk.ultrad("keys", "rotate", "--status", "--json").code == 0


def test_rotate__daemon_down__status_reads_the_file_and_the_rest_says_so(desk: Desk) -> None:
    assert desk.ultrad("init").code == 0
    ran = desk.ultrad("keys", "rotate", "--status")
    assert (ran.code, "journal's file" in ran.err) == (0, True)
    ran = desk.ultrad("keys", "rotate", "--reason", "a leak", "--offline")
    assert (ran.code, "systemctl start ultrad" in ran.err) == (3, True)


@pytest.mark.parametrize("old", ["notion.token", "=x", "x=", "nothing=/etc/hostname", f"{KEY}=/nowhere"])
def test_rotate__odd_old__is_refused(desk: Desk, keeper: Keeper, old: str) -> None:
    assert keeper.events == []
    assert desk.ultrad("keys", "rotate", "--reason", "x", "--offline", f"--old={old}").code in {1, 2}
    assert keeper.events == []


def test_rotate__secret_of_the_other_environment__is_said(desk: Desk, keeper: Keeper) -> None:
    put(desk, "http://127.0.0.1:1/")
    with desk.config.open("a", encoding="utf-8") as file:
        shared = Secret("x", "http://127.0.0.1:1/").fingerprint()
        file.write(f'[guards]\nforeign_secrets_sha256 = ["{shared}"]\n')
    _, found = told(desk, "--reason", "a leak", "--offline")
    assert "other environment" in found["secrets"][0]["problem"]
    assert keeper.book.last_number == 1


@pytest.mark.usefixtures("keeper")
def test_rotate__keystore_and_new_account__are_told_apart(desk: Desk, tmp_path: Path) -> None:
    put(desk, "http://127.0.0.1:1/")
    for name in ("key", "pass"):
        (tmp_path / name).touch(0o600)
    (tmp_path / "key").write_text('{"version": 3}', encoding="utf-8")
    (tmp_path / "pass").write_text("tell-nobody\n", encoding="utf-8")
    text = desk.config.read_text(encoding="utf-8")
    trade = (
        '[trade]\nposition = "main"\nasset = "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2"\ntrade_usd = 50\n'
        f'[signer]\nkind = "keystore"\nkeystore = "{tmp_path}/key"\npassphrase = "{tmp_path}/pass"\n'
    )
    desk.config.write_text(text + trade, encoding="utf-8")
    _, found = told(desk, "--reason", "a leak", "--offline")
    assert marks(found)["new:signer.keystore"] == "ask"
    moved = desk.config.read_text(encoding="utf-8").replace(
        "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266", "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
    )
    desk.config.write_text(moved, encoding="utf-8")
    _, found = told(desk, "--continue", "--offline")
    assert marks(found)["new:signer.keystore"] == "pass"
    assert "tell-nobody" not in json.dumps(found)
