"""The installed service on a machine of its own, as its operators have it: program, units, users, commands."""

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_account import Account

from tests.system.installation import wait_for
from tests.system.machine import Machine, booted
from ultrad.devnet.build import Build
from ultrad.networks import DEVNET_KEY

CHECKOUT = Path(__file__).parents[2]
STATE = "/var/lib/ultrad"
FLAG = f"{STATE}/flag/estop"
CONFIG = "/etc/ultrad/ultrad.toml"
PLAIN = "/etc/ultrad/credentials"
ENCRYPTED = f"{PLAIN}.encrypted"
OPERATOR, OTHER_OPERATOR, STRANGER = "haruka", "kenji", "stranger"
DEVNET_PORT = 8545
_DEVNET = {"ULTRAD_CACHE": "/opt/cache", "XDG_STATE_HOME": "/run/devnet", "PYTHONPATH": "/usr/local/lib/ultrad"}
_USERS = f"""\
u {OPERATOR} - "operator" /nonexistent /bin/sh
u {OTHER_OPERATOR} - "operator" /nonexistent /bin/sh
u {STRANGER} - "not an operator" /nonexistent /bin/sh
m {OPERATOR} ultrad
m {OTHER_OPERATOR} ultrad
"""
_DEVNET_UNIT = f"""\
[Service]
Environment={" ".join(f"{name}={value}" for name, value in _DEVNET.items())}
ExecStart=/usr/local/bin/ultrad devnet up --port {DEVNET_PORT} --block-time 0.5
"""
_CONFIG = """\
environment = "{environment}"
language = "en"
[chain]
{chain}
{endpoints}
[[positions]]
name = "main"
account = "{account}"
[http]
port = 8000
"""
_TRADE = """\
[trade]
position = "main"
asset = "{asset}"
trade_usd = 50
[signer]
kind = "keystore"
keystore = "keystore.json"
passphrase = "keystore-passphrase"
"""
_PEAKS = (
    "/sys/fs/cgroup/memory/system.slice/ultrad.service/memory.max_usage_in_bytes",
    "/sys/fs/cgroup/system.slice/ultrad.service/memory.peak",
)
"""Where the kernel keeps it, by the kind of its control groups."""
PASSPHRASE = "correct-horse-battery"
STANDARD_SCRYPT_N = 262_144
"""As geth and most wallets have it; 128 * n * r bytes with r = 8: 256 MiB."""
_ENDPOINT = '[[chain.endpoints]]\nname = "{name}"\nhttp = "rpc-{name}-http"\n'


def staged() -> Path:
    """What `make install` makes, once for each state of the checkout (it takes some ten seconds)."""
    digest = hashlib.sha256()
    for path in sorted(
        one
        for part in ("ultrad", "systemd", "etc", "Makefile", "requirements.lock", "pyproject.toml")
        for one in (CHECKOUT / part, *(CHECKOUT / part).rglob("*"))
        if one.is_file() and one.suffix not in {".pyc", ".mo"}
    ):
        digest.update(f"{path}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    cache = CHECKOUT / ".cache" / "service"
    tree = cache / digest.hexdigest()[:16]
    if not tree.is_dir():
        shutil.rmtree(cache, ignore_errors=True)
        part = tree.with_suffix(".part")
        subprocess.run(
            ["make", "--silent", "install", f"DESTDIR={part}"],
            cwd=CHECKOUT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={name: value for name, value in os.environ.items() if not name.startswith("MAKE")},
        )  # fmt: skip
        for name, text in (
            ("usr/lib/sysusers.d/people.conf", _USERS),
            ("etc/systemd/system/devnet.service", _DEVNET_UNIT),
        ):
            (part / name).parent.mkdir(parents=True, exist_ok=True)
            (part / name).write_text(text)
        part.rename(tree)
    return tree


@dataclass
class Service:
    """ultrad.service on a machine, and the people around it."""

    machine: Machine
    build: Build
    _cursor: str = ""

    # ------------------------------------------------------------ preparing

    def prepare(self, environment: str = "devnet", *, reachable: bool = True) -> None:
        """A fresh installation: configuration, secrets, state. reachable: whether any endpoint is."""
        self.machine.run("systemctl", "stop", "ultrad", "ultrad-failure@ultrad.service.service", code=None)
        self.machine.run("sh", "-c", f"umount -q {STATE}; rm -rf {STATE}/* {STATE}/.[!.]* {PLAIN}/* {ENCRYPTED}/* "
                         "/run/systemd/system/ultrad* /var/log/ultra/*", code=None)  # fmt: skip
        self.machine.run("systemd-tmpfiles", "--create", "ultrad.conf")
        self.machine.run("systemctl", "daemon-reload")
        self.machine.run("systemctl", "reset-failed")
        said = self.machine.run("journalctl", "-n0", "--show-cursor", "--no-pager", "-q")
        self._cursor = said.strip().removeprefix("-- cursor: ")
        names = ("a", "b") if environment == "production" else ("a",)
        self.configure(environment, names)
        for place, name in enumerate(names):
            port = DEVNET_PORT if reachable else 1 + place
            self.secret(f"rpc-{name}-http", f"http://127.0.0.1:{port}/")
        self.machine.run("ultrad", "init", user="ultrad")

    def configure(self, environment: str, names: tuple[str, ...], more: str = "") -> None:
        """Write the configuration."""
        addresses = self.build.addresses
        devnet = f'network = "devnet"\naddresses_provider = "{addresses.addresses_provider}"\nstale_head_s = 600'
        account = addresses.account if environment == "devnet" else "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
        text = _CONFIG.format(
            environment=environment,
            chain=devnet if environment == "devnet" else 'network = "ethereum"',
            endpoints="".join(_ENDPOINT.format(name=name) for name in names),
            account=account,
        )
        self.machine.write(CONFIG, text + more)

    def secret(self, name: str, value: str) -> None:
        """Put a secret into the directory of the plain ones."""
        self.machine.write(f"{PLAIN}/{name}", value, "0600")

    def trade_with_keystore(self) -> None:
        """Trade with the reference position's key, from a keystore as wallets make it."""
        keystore = Account.encrypt(
            bytes.fromhex(DEVNET_KEY[2:]), PASSPHRASE, kdf="scrypt", iterations=STANDARD_SCRYPT_N
        )
        self.secret("keystore.json", json.dumps(keystore))
        self.secret("keystore-passphrase", PASSPHRASE)
        self.configure("devnet", ("a",), _TRADE.format(asset=self.build.addresses.token("WETH")))

    def drop_in(self, text: str, unit: str = "ultrad.service") -> None:
        """Change the unit until the next `prepare`."""
        self.machine.write(f"/run/systemd/system/{unit}.d/test.conf", text)
        self.machine.run("systemctl", "daemon-reload")

    @contextmanager
    def devnet(self) -> Iterator[None]:
        """Aave on the machine."""
        self.machine.run("systemctl", "start", "devnet")
        wait_for(lambda: self.machine.exists("/run/devnet/ultrad/devnet.json"), "the devnet")
        try:
            yield
        finally:
            self.machine.run("systemctl", "stop", "devnet")

    def price(self, symbol: str, usd: str) -> None:
        """Set a price on the devnet."""
        self.machine.run("ultrad", "devnet", "price", symbol, usd, env=_DEVNET)

    # ------------------------------------------------------------ looking

    def show(self, name: str, unit: str = "ultrad") -> str:
        """A property of the unit, as systemd has it."""
        return self.machine.run("systemctl", "show", unit, "--property", name, "--value").strip()

    def peak_bytes(self) -> int | None:
        """The most memory that the unit took since its start; None where this kernel does not say."""
        found = next((path for path in _PEAKS if self.machine.exists(path)), None)
        return int(self.machine.read(found)) if found else None

    @property
    def pid(self) -> int:
        """The daemon's process; 0: none."""
        return int(self.show("MainPID"))

    def status(self, user: str = OPERATOR) -> dict[str, Any]:
        """`ultrad status --json` as an operator."""
        found: dict[str, Any] = json.loads(self.machine.run("ultrad", "status", "--json", user=user))
        return found

    def mode(self) -> str:
        """The stop's mode by the daemon's word."""
        return str(self.status()["estop"]["mode"])

    def causes(self) -> set[str]:
        """The stop's causes by the daemon's word."""
        return {cause["code"] for cause in self.status()["estop"]["causes"]}

    def events(self, kind: str) -> list[dict[str, Any]]:
        """The journal's events of a kind, without the daemon's help."""
        said = self.machine.run("ultrad", "log", "--json", "--limit", "1000", "--kind", kind, user="ultrad")
        return [json.loads(line) for line in said.splitlines()]

    def verify(self) -> None:
        """Nobody changed the journal."""
        self.machine.run("ultrad", "audit", "verify", user="ultrad")

    def log(self) -> list[dict[str, Any]]:
        """What the system's journal has of the unit since `prepare`."""
        said = self.machine.run(
            "journalctl", "-u", "ultrad", "-o", "json", "--no-pager", "--after-cursor", self._cursor
        )
        return [json.loads(line) for line in said.splitlines()]

    # ------------------------------------------------------------ waiting

    def start(self) -> None:
        """Start it, and wait for what systemd waits for."""
        self.machine.run("systemctl", "start", "ultrad")
        assert self.show("ActiveState") == "active"

    def until(self, look: Callable[[], Any], what: str, timeout_s: float = 20.0) -> Any:
        """What `look` answers as soon as it is true."""
        return wait_for(look, what, timeout_s)

    def until_status(self, part: str) -> str:
        """The STATUS= line as soon as it has this in it."""
        wait_for(lambda: part in self.show("StatusText"), f"{part} in the status line")
        return self.show("StatusText")

    def until_back(self, before: int) -> None:
        """Until another process than `before` is READY."""
        wait_for(lambda: self.show("ActiveState") == "active" and self.pid not in {0, before}, "the restart")


@contextmanager
def installed(build: Build) -> Iterator[Service]:
    """A booted machine with the program on it."""
    with booted(staged(), {"/opt/cache": build.market.parent.parent}) as machine:
        yield Service(machine, build)
