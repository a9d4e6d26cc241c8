"""An installation with a journal, and the places its backups go to."""

import http.client
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

import anyio
import pyrage

from tests.system.installation import _free_port, wait_for
from ultrad import backups, restores
from ultrad.adapters.journal import create, open_journal
from ultrad.config import Vaults, vaults
from ultrad.core.backup_runs import BackupRun, Drilled, Restored
from ultrad.core.backups import Backup
from ultrad.core.events import Event, Level
from ultrad.i18n import Message, msg
from ultrad.units import Now

NOON_MS = 1_792_000_000_000
DAY_MS = 86_400_000
BUCKET = "ultrad-backups"
ACCESS, SECRET = "AKIAULTRADTEST", "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY"
LEAKED = "https://node.example/v3/0123456789abcdef0123456789abcdef"
_CONFIG = """\
environment = "staging"
language = "en"
state_dir = "{at}/state"
log_dir = "{at}/log"
runtime_dir = "{at}/run"
[chain]
network = "sepolia"
[[chain.endpoints]]
name = "a"
http = "{at}/rpc"
[[positions]]
name = "main"
account = "0x8626f6940E2eb28930eFb4CeF49B2d1F2C9C1199"
{more}
[backup]
recipients = ["{recipient}"]
{drill}
"""
DIRECTORY = '[[backup.targets]]\nname = "local"\nkind = "directory"\npath = "{at}/vault"\n'
S3 = (
    '[[backup.targets]]\nname = "outside"\nkind = "s3"\nbucket = "{bucket}"\nprefix = "team/staging"\n'
    'endpoint = "http://127.0.0.1:{port}"\naccess_key = "{at}/access"\nsecret_key = "{at}/secret"\n'
)


def silent(_: Message) -> None:
    """Progress that nobody reads."""


@dataclass
class House:
    """One installation. identity: who can open what is encrypted."""

    at: Path
    targets: str
    more: str = ""
    with_key: bool = True
    identity: pyrage.x25519.Identity = field(default_factory=pyrage.x25519.Identity.generate)

    def __post_init__(self) -> None:
        for name in ("state", "state/flag", "vault", "log", "run"):
            (self.at / name).mkdir(mode=0o700)
        for name, text in (("rpc", LEAKED), ("access", ACCESS), ("secret", SECRET), ("key", str(self.identity))):
            self.secret(name, text)
        create(self.journal)
        self.write()
        self.record(20)

    @property
    def journal(self) -> Path:
        return self.at / "state" / "journal.db"

    @property
    def config(self) -> Path:
        return self.at / "ultrad.toml"

    def secret(self, name: str, text: str) -> None:
        (self.at / name).write_text(text, encoding="ascii")
        (self.at / name).chmod(0o600)

    def write(self) -> None:
        self.config.write_text(
            _CONFIG.format(
                at=self.at,
                recipient=self.identity.to_public(),
                drill=f'drill_key = "{self.at}/key"' if self.with_key else "",
                more=self.more.format(at=self.at),
            )
            + self.targets.format(at=self.at),
            encoding="utf-8",
        )

    def record(self, count: int) -> None:
        """Let so many more events happen, each of some hundred bytes that do not compress."""

        async def go() -> None:
            journal = open_journal(self.journal, thin_after_hours=24)
            now = Now(NOON_MS, 1)
            for _ in range(count):
                text = os.urandom(200).hex()
                await journal.append(Event("test.noise", Level.INFO, now, msg("noise"), {"text": text}))
            await journal.close()

        anyio.run(go)

    def vaults(self) -> Vaults:
        return vaults(self.config, {})

    def back_up(self, at_ms: int = NOON_MS) -> BackupRun:
        return backups.make(self.vaults(), at_ms, silent)

    def lying(self, target: str = "local") -> tuple[Backup, ...]:
        """What one target has."""
        chosen = next(one for one in self.vaults().targets if one.section.name == target)
        return backups.store_of(chosen).backups("staging")

    def good(self, target: str = "local") -> list[str]:
        return [one.name for one in self.lying(target) if one.good]

    def drill(self, target: str = "local", name: str = "") -> Drilled:
        (drilled,) = restores.drill(self.vaults(), silent, target, name).drilled
        return drilled

    def restore(self, to: str, target: str = "", name: str = "", identity: str | None = None) -> Restored:
        wanted = restores.Wanted(self.at / to, target, name, identity)
        return restores.restore(self.vaults(), wanted, silent)


def events_in(journal: Path) -> int:
    """How many events a journal has, by SQLite alone."""
    db = sqlite3.connect(f"file:{journal}?mode=ro", uri=True)
    try:
        count: int = db.execute("SELECT count(*) FROM events").fetchone()[0]
    finally:
        db.close()
    return count


def told(path: Path) -> Mapping[str, object]:
    """A JSON file."""
    found: Mapping[str, object] = json.loads(path.read_text(encoding="utf-8"))
    return found


@contextmanager
def s3_server() -> Iterator[int]:
    """A real S3 server, as a process; its port."""
    port = _free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:

            def there() -> bool:
                try:
                    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
                    connection.request("PUT", f"/{BUCKET}")
                    return connection.getresponse().status == HTTPStatus.OK
                except OSError:
                    return False

            wait_for(there, "the S3 server", 60.0)
            yield port
        finally:
            server.kill()
