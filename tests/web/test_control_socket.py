"""The control socket as a file: who may connect, who they are, and whose it is."""

import json
import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import anyio
import pytest

from tests.fakes.operations import FakeOperations
from tests.web.rig import Server, control
from ultrad.errors import Transient
from ultrad.operations import Person
from ultrad.web.control import ControlPart, ControlSettings

ASK = """
import os, socket, sys
uid, path, body = int(sys.argv[1]), sys.argv[2], sys.argv[3].encode()
os.setgroups([]); os.setgid(uid); os.setuid(uid)
one = socket.socket(socket.AF_UNIX)
one.connect(path)
head = "POST /resume HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(body)
one.sendall(head.encode() + body)
print(one.recv(100).split()[1].decode())
"""
OTHER_UID = 54_321


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "control.sock"


# ---------------------------------------------------------------- identity


@pytest.mark.skipif(os.getuid() != 0, reason="only root can act as another user")
async def test_peer__another_user__is_known_by_the_kernels_word(path: Path) -> None:
    async with control(path) as server:
        path.parent.chmod(0o755)
        for parent in path.parents[1:-2]:
            parent.chmod(parent.stat().st_mode | 0o011)
        path.chmod(0o666)
        said = json.dumps({"cause": "I am root"})
        done = await anyio.run_process([sys.executable, "-c", ASK, str(OTHER_UID), str(path), said])
    assert done.stdout.strip() == b"200"
    assert [person for person, _ in server.operations.resumes] == [Person(OTHER_UID, f"user {OTHER_UID}")]


@pytest.mark.skipif(os.getuid() != 0, reason="only root can act as another user")
async def test_peer__not_in_the_group__cannot_connect(path: Path) -> None:
    async with control(path) as server:
        for parent in (path.parent, *path.parents[1:-2]):
            parent.chmod(parent.stat().st_mode | 0o011)
        done = await anyio.run_process(
            [sys.executable, "-c", ASK, str(OTHER_UID), str(path), "{}"], check=False, stderr=subprocess.PIPE
        )
    assert b"PermissionError" in done.stderr
    assert not server.operations.resumes


# ---------------------------------------------------------------- the socket file


async def test_socket__while_open__is_for_owner_and_group_only_and_goes_with_the_part(path: Path) -> None:
    async with control(path):
        assert stat.S_IMODE(path.lstat().st_mode) == 0o660
    assert not path.exists()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file to a group that it is not in")
async def test_socket__group_configured__belongs_to_it(path: Path) -> None:
    part = ControlPart(FakeOperations(), ControlSettings(path, "nogroup"), str)
    server = Server(part, FakeOperations(), path)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(part.run, server.turned)
        while not server.turns:  # noqa: ASYNC110 - a part tells only by turning
            await anyio.sleep(0.001)
        assert path.group() == "nogroup"
        tasks.cancel_scope.cancel()


async def test_socket__left_by_a_killed_process__is_replaced(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    async with control(path) as server:
        assert (await server.ask("GET", "/status")).status == 200


async def test_socket__somebody_answers_there__is_refused_and_left(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as alive:
        alive.bind(str(path))
        alive.listen()
        with pytest.raises(Transient, match="Another process answers at the control socket"):
            await _run(path)
    assert path.exists()


async def test_socket__something_else_stands_there__is_refused_and_left(path: Path) -> None:
    path.write_text("mine")
    with pytest.raises(Transient, match="in the place of the control socket"):
        await _run(path)
    assert path.read_text() == "mine"


@pytest.mark.parametrize(
    ("where", "group"), [("missing/control.sock", ""), ("c" * 120, ""), ("control.sock", "no-such-group")]
)
async def test_socket__cannot_be_made__says_where_and_what(where: str, group: str, tmp_path: Path) -> None:
    with pytest.raises(Transient, match=r"The control socket .* cannot be opened: "):
        await _run(tmp_path / where, group)


async def test_socket__replaced_by_another_meanwhile__is_not_removed(path: Path) -> None:
    async with control(path):
        path.unlink()
        path.write_text("another's")
    assert path.read_text() == "another's"


async def _run(path: Path, group: str = "") -> None:
    await ControlPart(FakeOperations(), ControlSettings(path, group), str).run(lambda: None)
