"""One contract for the fake, a child, and a worker behind a socket, as systemd starts it (Accept=yes)."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from tests.fakes.aside import FakeAside
from tests.system.installation import wait_for
from ultrad.adapters.aside import WorkAside
from ultrad.aside import Aside
from ultrad.core.events import Json
from ultrad.errors import Permanent, Transient
from ultrad.i18n import Message, msg

LONG_S = 60.0
TRIAL = [sys.executable, "-m", "tests.adapters.aside.trial_worker"]


def _fake() -> FakeAside:
    async def echo(arguments: Mapping[str, Json], _: Callable[[Message], None]) -> Mapping[str, Json]:
        return {"got": dict(arguments), "config": "/etc/ultrad/other.toml"}

    async def steps(_: Mapping[str, Json], told: Callable[[Message], None]) -> Mapping[str, Json]:
        for number in range(3):
            told(msg("step {number}", number=number))
        return {}

    async def later(_: Mapping[str, Json], __: Callable[[Message], None]) -> Mapping[str, Json]:
        raise Transient(msg("the disk has {free} bytes", free=7))

    async def never(_: Mapping[str, Json], __: Callable[[Message], None]) -> Mapping[str, Json]:
        raise Permanent(msg("the key is wrong"))

    async def hang(_: Mapping[str, Json], __: Callable[[Message], None]) -> Mapping[str, Json]:
        await anyio.sleep(3_600)
        return {}

    return FakeAside({"echo": echo, "steps": steps, "later": later, "never": never, "hang": hang})


def _real(socket_path: Path, command: Sequence[str] = TRIAL) -> WorkAside:
    return WorkAside(socket_path, command, Path("/etc/ultrad/other.toml"), {**os.environ, "NOTIFY_SOCKET": "/no"})


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[Path]:
    """A socket that gives each connection a worker, as systemd does."""
    path = tmp_path / "aside.sock"
    workers: list[subprocess.Popen[bytes]] = []
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(path))
        door.listen()

        def accept() -> None:
            while True:
                try:
                    connection, _ = door.accept()
                except OSError:
                    return
                with connection:
                    workers.append(subprocess.Popen(TRIAL, stdin=connection.fileno(), stdout=connection.fileno()))

        accepting = threading.Thread(target=accept)
        accepting.start()
        yield path
        door.shutdown(socket.SHUT_RDWR)
        accepting.join()
    for worker in workers:
        worker.wait(LONG_S)


@pytest.fixture(params=["fake", "child", "socket"])
def aside(request: pytest.FixtureRequest, tmp_path: Path) -> Aside:
    match request.param:
        case "fake":
            return _fake()
        case "child":
            return _real(tmp_path / "nothing.sock")
        case _:
            return _real(request.getfixturevalue("listening"))


# ---------------------------------------------------------------- the contract


async def test_aside__work_done__gives_its_result_and_nothing_that_was_printed(aside: Aside) -> None:
    result = await aside.run("echo", {"what": ["a", 1, None], "猫": True}, LONG_S)
    assert result == {"got": {"what": ["a", 1, None], "猫": True}, "config": "/etc/ultrad/other.toml"}


async def test_aside__work_under_way__tells_its_progress_in_order(aside: Aside) -> None:
    heard: list[Message] = []
    await aside.run("steps", {}, LONG_S, heard.append)
    assert heard == [msg("step {number}", number=number) for number in range(3)]


async def test_aside__work_refused__says_whether_it_may_go_well_later(aside: Aside) -> None:
    with pytest.raises(Transient) as later:
        await aside.run("later", {}, LONG_S)
    assert str(later.value) == "the disk has 7 bytes"
    with pytest.raises(Permanent) as never:
        await aside.run("never", {}, LONG_S)
    assert str(never.value) == "the key is wrong"


async def test_aside__unknown_work__is_never_done(aside: Aside) -> None:
    with pytest.raises(Permanent):
        await aside.run("rm", {}, LONG_S)


async def test_aside__several_at_once__do_not_mix(aside: Aside) -> None:
    results: dict[int, Json] = {}

    async def ask(number: int) -> None:
        results[number] = (await aside.run("echo", {"number": number}, LONG_S))["got"]

    async with anyio.create_task_group() as tasks:
        for number in range(3):
            tasks.start_soon(ask, number)
    assert results == {number: {"number": number} for number in range(3)}


async def test_aside__too_slow__is_given_up(aside: Aside, tmp_path: Path) -> None:
    with pytest.raises(Transient):
        await aside.run("hang", {"pid_file": str(tmp_path / "pid")}, 1.0)


# ---------------------------------------------------------------- real processes


@pytest.fixture(params=["child", "socket"])
def real(request: pytest.FixtureRequest, tmp_path: Path) -> WorkAside:
    at = tmp_path / "nothing.sock" if request.param == "child" else request.getfixturevalue("listening")
    return _real(at)


def _gone(pid: int) -> None:
    def ended() -> bool:
        try:
            return " Z " in Path(f"/proc/{pid}/stat").read_text("ascii")
        except OSError:
            return True

    wait_for(ended, "the end of the worker", LONG_S)


def _begun(pid_file: Path) -> int:
    return int(wait_for(lambda: pid_file.exists() and pid_file.read_text("ascii"), "the worker", LONG_S))


async def test_aside__cancelled__its_process_ends(real: WorkAside, tmp_path: Path) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(real.run, "hang", {"pid_file": str(tmp_path / "pid")}, LONG_S)
        pid = await anyio.to_thread.run_sync(_begun, tmp_path / "pid")
        tasks.cancel_scope.cancel()
    await anyio.to_thread.run_sync(_gone, pid)


async def test_aside__process_killed__is_transient_at_once(real: WorkAside, tmp_path: Path) -> None:
    async with anyio.create_task_group() as tasks:

        async def ask() -> None:
            with pytest.raises(Transient, match="its process died"):
                await real.run("hang", {"pid_file": str(tmp_path / "pid")}, LONG_S)

        tasks.start_soon(ask)
        os.kill(await anyio.to_thread.run_sync(_begun, tmp_path / "pid"), signal.SIGKILL)


@pytest.mark.parametrize(("work", "said"), [("die", "its process died"), ("gibberish", "an answer that is none")])
async def test_aside__no_answer__is_transient(real: WorkAside, work: str, said: str) -> None:
    with pytest.raises(Transient, match=said):
        await real.run(work, {}, LONG_S)


async def test_aside__command_not_there__is_transient(tmp_path: Path) -> None:
    with pytest.raises(Transient, match="No worker can be started"):
        await _real(tmp_path / "no.sock", ("/nonexistent/ultrad",)).run("echo", {}, LONG_S)


async def test_aside__socket_that_nobody_serves__is_transient(tmp_path: Path) -> None:
    path = tmp_path / "dead.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with pytest.raises(Transient, match="No worker can be had"):
        await _real(path).run("echo", {}, LONG_S)


def test_worker__daemon_killed_while_it_works__ends_with_it(tmp_path: Path) -> None:
    asking = (
        "import anyio, os, sys; from pathlib import Path; from ultrad.adapters.aside import WorkAside;"
        "aside = WorkAside(Path('/nonexistent'), (sys.executable, *sys.argv[2:]), Path('/'), dict(os.environ));"
        "anyio.run(aside.run, 'hang', {'pid_file': sys.argv[1]}, 600.0)"
    )
    with subprocess.Popen([sys.executable, "-c", asking, str(tmp_path / "pid"), *TRIAL[1:]]) as daemon:
        pid = _begun(tmp_path / "pid")
        daemon.kill()
    _gone(pid)


def test_worker__asked_by_hand__answers_what_is_no_request() -> None:
    command = [sys.executable, "-m", "ultrad", "aside"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as worker:
        assert worker.stdin is not None
        assert worker.stdout is not None
        worker.stdin.write(b"what?\n")
        worker.stdin.flush()  # and not closed: with its end the worker ends, answer or not
        assert b"no request" in worker.stdout.readline()
        assert worker.wait(LONG_S) == 0
    assert subprocess.run(command, input=b"", capture_output=True, check=False, timeout=LONG_S).returncode == 1


async def test_worker__of_the_program__says_which_it_is(tmp_path: Path) -> None:
    found = await _real(tmp_path / "no.sock", (sys.executable, "-m", "ultrad", "aside")).run("about", {}, LONG_S)
    assert isinstance(found["version"], str)
    assert found["pid"] != os.getpid()
