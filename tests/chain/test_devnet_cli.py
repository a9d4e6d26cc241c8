"""`ultrad devnet` as an operator uses it: `up` in one process, `price` and `reset` in others."""

import argparse
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ultrad.devnet import cli
from ultrad.devnet.build import Build
from ultrad.devnet.devnet import Devnet
from ultrad.errors import EXIT_FAILED, EXIT_USAGE
from ultrad.i18n import ENGLISH

SCRIPT = """
import argparse, sys
from ultrad.devnet import cli
from ultrad.i18n import ENGLISH
parser = argparse.ArgumentParser()
cli.add_arguments(parser.add_subparsers(required=True))
sys.exit(cli.run(parser.parse_args(), ENGLISH))
"""
LIMIT_S = 30


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    cli.add_arguments(parser.add_subparsers(required=True))
    return cli.run(parser.parse_args(["devnet", *arguments]), ENGLISH)


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "ultrad/devnet.json"


@pytest.fixture
def up(devnet_build: Build, state: Path) -> Iterator[subprocess.Popen[str]]:
    """A running `ultrad devnet up`, with all that it said first in `state`'s neighbour `said`."""
    assert devnet_build.complete()
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT, "devnet", "up"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            said.append(line)
            if line.startswith("Ctrl-C"):
                break
        (state.parent / "said").write_text("".join(said))
        try:
            yield process
        finally:
            process.kill()


def test_up__started__says_what_runs_and_what_to_try(up: subprocess.Popen[str], state: Path) -> None:
    said = (state.parent / "said").read_text()
    written = json.loads(state.read_text())
    assert written["pid"] == up.pid
    for expected in (
        *(written["url_http"], written["url_ws"], written["addresses_provider"], written["account"]),
        *("health factor: 1.8863", "ultrad devnet price WETH 2100", "ultrad devnet reset"),
    ):
        assert expected in said


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_up__told_to_end__leaves_nothing(
    up: subprocess.Popen[str], state: Path, devnet_build: Build, end: signal.Signals
) -> None:
    port = json.loads(state.read_text())["port"]
    up.send_signal(end)
    up.send_signal(end)
    assert up.wait(LIMIT_S) == 0
    assert not state.exists()
    # Only when nobody listens there any more can another.
    Devnet.start(devnet_build, port=port).stop()


def test_up__killed__takes_its_node_along_and_its_file_misleads_nobody(
    up: subprocess.Popen[str], state: Path, devnet_build: Build, capsys: pytest.CaptureFixture[str]
) -> None:
    port = json.loads(state.read_text())["port"]
    (node,) = map(int, Path(f"/proc/{up.pid}/task/{up.pid}/children").read_text().split())
    descriptor = os.pidfd_open(node)
    up.kill()
    up.wait(LIMIT_S)
    ended, _, _ = select.select([descriptor], [], [], LIMIT_S)
    os.close(descriptor)
    assert ended
    assert state.exists()
    assert run("reset") == EXIT_FAILED
    assert "no devnet is running: start one with" in capsys.readouterr().err
    Devnet.start(devnet_build, port=port).stop()


def test_price_and_reset__while_up__move_the_health_factor(
    up: subprocess.Popen[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert up.poll() is None
    assert run("price", "weth", "2100") == 0
    assert "WETH is at $2100 now" in (out := capsys.readouterr().out)
    assert "went from 1.8863 to 1.5845" in out
    assert run("reset") == 0
    assert capsys.readouterr().out.strip().endswith("is 1.8863")


def test_up__while_another_is__is_refused(up: subprocess.Popen[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run("up") == EXIT_FAILED
    assert "a devnet runs already on http://127.0.0.1:" in capsys.readouterr().err
    assert up.poll() is None


@pytest.mark.parametrize(
    ("arguments", "code", "answer"),
    [
        (("price", "DOGE", "1"), EXIT_FAILED, "the devnet has no asset DOGE; it has WETH, USDC, WBTC"),
        (("price", "WETH", "cheap"), EXIT_USAGE, "cheap is not a number"),
        (("price", "WETH", "2100"), EXIT_FAILED, "no devnet is running"),
        (("reset",), EXIT_FAILED, "no devnet is running"),
        (("up", "--port", "65536"), EXIT_USAGE, "--port 65536 is not a port"),
        (("up", "--port", "x"), EXIT_USAGE, "--port x is not a port"),
        (("up", "--block-time", "0"), EXIT_USAGE, "--block-time 0 is out of range"),
        (("up", "--block-time", "NaN"), EXIT_USAGE, "--block-time NaN is out of range"),
    ],
)
def test_command__with_bad_input__answers_what_is_wrong(
    arguments: tuple[str, ...], code: int, answer: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments) == code
    assert answer in capsys.readouterr().err


def test_price__negative__is_refused(up: subprocess.Popen[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert up.poll() is None
    assert run("price", "WETH", "-5") == EXIT_FAILED
    assert "-5 is not a price" in capsys.readouterr().err


def test_up__port_taken__is_refused(devnet: Devnet, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("up", "--port", str(devnet.port)) == EXIT_FAILED
    assert f"port {devnet.port} on 127.0.0.1 is taken" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"port": 1}'])
def test_run_file__of_another_make__counts_as_none(
    state: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    state.parent.mkdir(parents=True)
    state.write_text(text)
    assert run("reset") == EXIT_FAILED
    assert "no devnet is running" in capsys.readouterr().err
