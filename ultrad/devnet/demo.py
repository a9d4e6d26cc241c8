"""`make run`: the devnet, the daemon on it, and a live status, until Ctrl-C."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

from ultrad.cli.screen import Screen
from ultrad.cli.status import watch
from ultrad.control_client import Client
from ultrad.devnet.build import ensure_built
from ultrad.devnet.cli import Run, run_file
from ultrad.errors import EXIT_FAILED, Permanent, UltradError
from ultrad.i18n import Catalogue, Language, Message, catalogue, msg

T = TypeVar("T")
START_S = 20.0
"""A child that has not come up by then never will."""
STOP_S = 10.0
PORT = 8000
_LOOK_EVERY_S = 0.05
_CONFIG = """\
# Made by `make run`, anew each time. Your own configuration starts from etc/ultrad.toml.
environment = "devnet"
language = "{language}"
state_dir = "{home}/state"
log_dir = "{home}/log"
runtime_dir = "{home}/run"

[chain]
network = "devnet"
addresses_provider = "{provider}"
market_interval_s = 5

[[chain.endpoints]]
name = "anvil"
http = "{home}/secrets/rpc-http"
ws = "{home}/secrets/rpc-ws"

[[positions]]
name = "main"
account = "{account}"

[http]
port = {port}
estop_token = "{home}/secrets/estop-token"
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the demonstration keeps its files, and how it speaks."""

    home: Path
    language: Language
    words: Catalogue

    @property
    def config(self) -> Path:
        """The configuration that is written anew each time."""
        return self.home / "ultrad.toml"

    def say(self, message: Message) -> None:
        """Tell, before the live status takes the screen."""
        print(self.words(message), flush=True)


def place() -> Place:
    """Under the user's state directory (XDG_STATE_HOME), in the language of the terminal."""
    spoken = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or ""
    language: Language = "ja" if spoken.startswith("ja") else "en"
    return Place(run_file().parent / "demo", language, catalogue(language))


def main() -> int:
    """Set up, start, show, and end in order."""
    here = place()
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, signal.default_int_handler)  # as by Ctrl-C: in order, with the children
    try:
        ensure_built(here.say)
        return _show(here)
    except UltradError as error:
        print(here.words(error.message), file=sys.stderr, flush=True)
        return EXIT_FAILED
    except KeyboardInterrupt:
        return 0


def _show(here: Place) -> int:
    _fresh(here.home)
    with _child(here, "devnet", [sys.executable, "-m", "ultrad", "devnet", "up"]) as devnet:
        run = _await(here, devnet, lambda: _written_by(devnet.pid), msg("the devnet"))
        port = _free_port()
        _write(here, run, port)
        command = [sys.executable, "-m", "ultrad", "--config", str(here.config)]
        subprocess.run([*command, "init"], check=True, stdout=subprocess.DEVNULL)
        with _child(here, "daemon", [*command, "run"]) as daemon:
            client = Client(here.home / "run" / "control.sock")
            _await(here, daemon, lambda: _answers(client), msg("the daemon"))
            screen = Screen(here.words, ZoneInfo("Asia/Tokyo"), sys.stdout, sys.stderr)
            watch(client, screen, _hints(here, port))
    here.say(msg("Ended. What it wrote stands in {home} until the next run.", home=str(here.home)))
    return 0


# ------------------------------------------------------------ files


def _fresh(home: Path) -> None:
    """Nothing of the run before: its chain is gone, and with it what its journal speaks of."""
    shutil.rmtree(home, ignore_errors=True)
    for name in ("log", "run", "secrets"):
        (home / name).mkdir(parents=True, mode=0o700)


def _write(here: Place, run: Run, port: int) -> None:
    values = {"rpc-http": run.url_http, "rpc-ws": run.url_ws, "estop-token": secrets.token_urlsafe(32)}
    for name, value in values.items():
        path = here.home / "secrets" / name
        path.touch(mode=0o600)
        path.write_text(value)
    here.config.write_text(
        _CONFIG.format(
            language=here.language,
            home=here.home,
            provider=run.addresses_provider,
            account=run.account,
            port=port,
        )
    )


def _free_port() -> int:
    """8000, or any free one where somebody else has it."""
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):
            trial.bind(("127.0.0.1", PORT))
            return PORT
        trial.bind(("127.0.0.1", 0))
        port: int = trial.getsockname()[1]
        return port


# ------------------------------------------------------------ children


@contextmanager
def _child(here: Place, name: str, command: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    """A process of ours with its output in a file, ended in order."""
    log = here.home / "log" / f"{name}.log"
    with log.open("wb") as out:
        # In a session of its own, so that Ctrl-C reaches it through us alone, and in order.
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await(here: Place, process: subprocess.Popen[bytes], look: Callable[[], T | None], what: Message) -> T:
    """What `look` finds, as soon as it does. Raises Permanent where the process ends or time runs out."""
    deadline_s = time.monotonic() + START_S
    while process.poll() is None and time.monotonic() < deadline_s:
        found = look()
        if found is not None:
            return found
        time.sleep(_LOOK_EVERY_S)
    raise Permanent(
        msg("{what} did not start; its output stands in {logs}", what=what, logs=str(here.home / "log"))
    )


def _written_by(pid: int) -> Run | None:
    run = Run.read()
    return run if run is not None and run.pid == pid else None


def _answers(client: Client) -> bool | None:
    try:
        return client.status().reading_age_ms is not None or None
    except UltradError:
        return None


# ------------------------------------------------------------ words


def _hints(here: Place, port: int) -> tuple[str, ...]:
    """What to try from a second terminal."""
    ultrad = f"{Path(sys.executable).parent / 'ultrad'}"
    with_config = f"{ultrad} --config {here.config}"
    flag = here.home / "state" / "flag" / "estop"
    lines = (
        (f"{ultrad} devnet price WETH 2380", msg("a warning: health factor {hf}", hf="1.7958")),
        (f"{ultrad} devnet price WETH 2100", msg("the emergency stop: health factor {hf}", hf="1.5845")),
        (f"{ultrad} devnet reset", msg("back to the beginning")),
        (f"touch {flag}", msg("stop by hand")),
        (f"rm {flag}", msg("override the stop, for a while, once its cause is a minute old")),
        (f"{with_config} resume --help", msg("lift the stop properly")),
        (f"{with_config} log --follow", msg("what happens, as the journal has it")),
        (f"curl http://127.0.0.1:{port}/health", msg("what monitors ask; the page is at {path}", path="/")),
    )
    title = here.words(msg("Try, in another terminal (Ctrl-C here ends it):"))
    return (title, *(f"  {command}   # {here.words(effect)}" for command, effect in lines))


if __name__ == "__main__":
    sys.exit(main())
