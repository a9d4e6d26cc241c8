"""A configuration on disk, commands run in this process, and a daemon to talk to."""

import gettext
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec, TypeVar

import pytest

from tests.fakes.daemon import FakeDaemon
from ultrad.cli.main import main

P = ParamSpec("P")
T = TypeVar("T")
CONFIG = """
environment = "{environment}"
language = "{language}"
state_dir = "{home}/state"
log_dir = "{home}/log"
runtime_dir = "{home}/run"
[chain]
network = "devnet"
addresses_provider = "0xa97684ead0e402dC232d5A977953DF7ECBaB3CDb"
[[chain.endpoints]]
name = "a"
http = "{home}/url"
[[positions]]
name = "main"
account = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
"""


def apart(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call in a thread: some commands run an event loop of their own, which must not touch that of the tests."""
    with ThreadPoolExecutor(1) as shell:
        return shell.submit(call, *args, **kwargs).result()


@dataclass
class Ran:
    """How a command went."""

    code: int
    out: str
    err: str


@dataclass
class Desk:
    """An operator's desk: a configuration under `home`, and a shell."""

    home: Path
    capture: pytest.CaptureFixture[str]

    @property
    def config(self) -> Path:
        return self.home / "ultrad.toml"

    @property
    def socket(self) -> Path:
        return self.home / "run/control.sock"

    @property
    def flag(self) -> Path:
        return self.home / "state/flag/estop"

    def write(self, language: str = "en", environment: str = "devnet") -> None:
        text = CONFIG.format(home=self.home, language=language, environment=environment)
        self.config.write_text(text, encoding="utf-8")

    def ultrad(self, *argv: str) -> Ran:
        self.capture.readouterr()
        environ = {"ULTRAD_CONFIG": str(self.config), "LANG": "C.UTF-8"}
        try:
            code = apart(main, argv, environ)
        except SystemExit as left:
            code = left.code if isinstance(left.code, int) else -1
        sys.stdout.flush()
        said = self.capture.readouterr()
        return Ran(code, said.out, said.err)


@pytest.fixture(autouse=True)
def _own_gettext(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The commands set the process's own language."""
    monkeypatch.setenv("LANGUAGE", "en")
    before = gettext.textdomain()
    yield
    gettext.textdomain(before)


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    (tmp_path / "run").mkdir()
    (tmp_path / "log").mkdir()
    url = tmp_path / "url"
    url.write_text("http://127.0.0.1:8545\n", encoding="utf-8")
    url.chmod(0o600)
    made = Desk(tmp_path, capsys)
    made.write()
    return made


@pytest.fixture
def daemon(desk: Desk) -> Iterator[FakeDaemon]:
    running = FakeDaemon(desk.socket)
    running.start()
    yield running
    running.stop()
