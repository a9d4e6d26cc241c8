"""A whole run with a real keystore, in which much goes wrong: the key and what opens it appear nowhere."""

import base64
import json
import os
import re
import resource
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
from eth_account import Account

from tests.system.installation import Installation, wait_for
from ultrad.control_client import Client
from ultrad.core.estop import Mode
from ultrad.core.intents import ENDS, Stage
from ultrad.devnet.devnet import Devnet
from ultrad.networks import DEVNET_KEY

PASSPHRASE = 'correct"horse"\\battery/staple+7%'
"""With characters that each way of writing something down writes in a way of its own."""
TOKEN = "correct-horse-battery-staple-2"
MORE = """\
[trade]
position = "main"
asset = "{asset}"
trade_usd = 50
cooldown_minutes = 1
[signer]
kind = "keystore"
keystore = "{{at}}/keystore"
passphrase = "{{at}}/passphrase"
[signals]
token = "{{at}}/signals-token"
"""
KNOWN = {"keystore", "passphrase", "signals-token"}
"""Where secrets are meant to be."""
PAGES = ("/", "/health", "/metrics", "/api/status")
COMMANDS = (
    ("status",), ("status", "--json"), ("signals",), ("log", "--json", "--limit", "1000"), ("incident", "list"),
    ("check",), ("jobs",), ("estop", "status"),
)  # fmt: skip


def forms(secret: bytes) -> set[bytes]:
    """The secret as it may stand: raw, in hex, in base64 in any frame, as a number, as text writes it."""
    found = {secret, secret.hex().encode(), secret.hex().upper().encode(), secret[::-1]}
    for frame in range(3):  # what stands before it moves it within the groups of three bytes
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            coded = encode(b"\0" * frame + secret)
            found.add(coded[-(-frame * 4 // 3) : len(coded) // 4 * 4 - 4])
    found |= {str(int.from_bytes(secret, order)).encode() for order in ("big", "little")}
    found.add(", ".join(map(str, secret)).encode())
    try:
        text = secret.decode()
    except UnicodeDecodeError:
        return found | {repr(secret)[2:-1].encode()}
    for written in (repr(text)[1:-1], repr(secret)[2:-1], quote(text), quote(text, safe="")):
        found.add(written.encode())
    return found | {json.dumps(text, ensure_ascii=ascii_only)[1:-1].encode() for ascii_only in (True, False)}


KEY = bytes.fromhex(DEVNET_KEY[2:])
HUNTED = forms(KEY) | forms(PASSPHRASE.encode())


def leaks(what: bytes) -> list[bytes]:
    """The forms that are in it."""
    return [one for one in HUNTED if one in what]


@pytest.mark.parametrize(
    "written",
    [
        DEVNET_KEY,
        DEVNET_KEY[2:].upper(),
        f'{{"key": "{base64.b64encode(b"x" + KEY + b"yz").decode()}"}}',
        base64.urlsafe_b64encode(KEY).decode().rstrip("="),
        f"private {int(DEVNET_KEY, 16)}",
        repr(KEY),
        str(list(KEY)),
        json.dumps({"passphrase": PASSPHRASE}),
        f"http://a?p={quote(PASSPHRASE, safe='')}",
        base64.b64encode(PASSPHRASE.encode()).decode(),
        PASSPHRASE.encode().hex(),
    ],
)
def test_leaks__a_secret_written_down__is_found(written: str) -> None:
    assert leaks(f"some {written} text".encode())
    assert not leaks(b"some other text")


@dataclass
class Run:
    """A daemon under way, and all that it let others see."""

    installation: Installation
    process: "subprocess.Popen[bytes]"

    @property
    def client(self) -> Client:
        return Client(self.installation.at / "run" / "control.sock")

    def seen(self) -> Iterator[tuple[str, bytes]]:
        """What anybody can ask of it now."""
        for page in PAGES:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.installation.port}{page}", timeout=10) as answer:
                yield page, answer.read()
        for name in ("environ", "cmdline"):
            yield name, Path(f"/proc/{self.process.pid}/{name}").read_bytes()

    def trade(self, market: Devnet, number: str, action: str = "SELL") -> Stage:
        self.installation.ultrad(
            "signal", "send", action, "--confidence", "80", "--reason", "a test", "--id", number
        )

        def look() -> Stage | None:
            market.mine()
            stage = next(one.stage for one in self.client.signals(10) if one.id == f"operator:{number}")
            return stage if stage in ENDS else None

        found: Stage = wait_for(look, f"the end of {number}", 60)
        return found


@pytest.fixture
def installation(tmp_path: Path, market: Devnet) -> Installation:
    keystore = Account.encrypt(KEY, PASSPHRASE, kdf="scrypt", iterations=2)
    secrets = {"keystore": json.dumps(keystore), "passphrase": PASSPHRASE, "signals-token": TOKEN}
    more = MORE.format(asset=market.addresses.token("WETH")).replace("{{at}}", "{at}")
    return Installation.make(tmp_path, market, more, secrets)


@contextmanager
def _started(installation: Installation, *program: str) -> Iterator[Run]:
    """A daemon that would leave a core in its directory, if it could."""
    (installation.at / "cwd").mkdir(exist_ok=True)
    with (installation.at / "daemon.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, *program],
            env={**os.environ, "PYTHONFAULTHANDLER": "1", "PYTHONPATH": str(Path(__file__).parents[2])},
            stdout=log,
            stderr=log,
            cwd=installation.at / "cwd",
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY,) * 2),  # noqa: PLW1509 - one thread
        )
    try:
        wait_for(installation.answers, "the daemon's first reading")
        yield Run(installation, process)
    finally:
        process.kill()
        process.wait()


def _files(at: Path) -> Iterator[tuple[str, bytes]]:
    for path in at.rglob("*"):
        if path.is_file() and path.name not in KNOWN:
            yield str(path.relative_to(at)), path.read_bytes()


def test_daemon__a_whole_run_with_errors_a_trip_and_an_abort__shows_neither_key_nor_passphrase(
    installation: Installation, market: Devnet
) -> None:
    word, config = installation.at / "word", str(installation.config)
    seen: list[tuple[str, bytes]] = []
    with _started(installation, "-m", "tests.system.failing", config, str(word)) as run:
        wait_for(lambda: not run.client.status().estop.shut_by, "an open gate")
        assert run.trade(market, "one") is Stage.SETTLED
        assert word.read_text() == "0"  # prctl: no dump, and nobody else's look
        assert run.trade(market, "two") is Stage.REFUSED
        installation.flag.touch()
        wait_for(lambda: run.client.status().estop.mode is Mode.ON, "the trip")
        assert run.trade(market, "three") is Stage.REFUSED
        installation.ultrad("signal", "send", "SELL", "--confidence", "80", "--reason", "r", "--id", "one", code=1)
        seen += [(" ".join(command), installation.ultrad(*command).encode()) for command in COMMANDS]
        seen += [*run.seen(), *_files(installation.at)]
        run.process.send_signal(signal.SIGABRT)
        assert run.process.wait(20) == -signal.SIGABRT
    assert {"state/journal.db", "state/journal.db-wal"} <= {name for name, _ in seen}
    with _started(installation, "-m", "ultrad", "--config", config, "run") as run:
        seen += run.seen()
        run.process.terminate()
        assert run.process.wait(20) == 0
    seen += _files(installation.at)
    log = (installation.at / "daemon.log").read_text()
    assert "Traceback (most recent call last)" in log  # of the signature that failed
    assert "sign_transaction" in log
    assert "Fatal Python error: Aborted" in log
    assert not list((installation.at / "cwd").iterdir())
    assert [(name, found) for name, what in seen if (found := leaks(what))] == []


def test_daemon__another_passphrase__ends_and_says_so_without_either(installation: Installation) -> None:
    other = "another-" + PASSPHRASE
    (installation.at / "passphrase").write_text(other)
    process = installation.start()
    assert process.wait(20) != 0
    log = (installation.at / "daemon.log").read_text()
    assert re.search(r"keystore .* cannot be opened", log)
    assert "Traceback" not in log
    assert [(name, found) for name, what in _files(installation.at) if (found := leaks(what))] == []
