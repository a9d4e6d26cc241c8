"""No daemon at the other end, or none that can be understood."""

import os
from pathlib import Path

import pytest

from tests.cli.conftest import Desk
from tests.fakes.daemon import FakeDaemon, rubbish
from ultrad import control_client

NEED_THE_DAEMON = (
    ("status",),
    ("status", "--json"),
    ("estop", "status"),
    ("resume",),
    ("jobs",),
    ("job", "run", "health_check"),
    ("log", "--follow"),
)


@pytest.mark.parametrize("argv", NEED_THE_DAEMON)
def test_commands__daemon_is_down__say_what_to_do_and_end_with_3(desk: Desk, argv: tuple[str, ...]) -> None:
    ran = desk.ultrad(*argv)

    assert ran.code == 3
    assert "systemctl start ultrad" in ran.err
    assert "Traceback" not in ran.err


def test_commands__dead_socket_file__is_a_daemon_that_is_down(desk: Desk, daemon: FakeDaemon) -> None:
    daemon.stop()
    with rubbish(desk.socket, b""):
        kept = desk.socket.with_name("kept")
        os.link(desk.socket, kept)
    kept.rename(desk.socket)

    assert desk.ultrad("status").code == 3


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
def test_commands__not_in_the_group__say_so(desk: Desk, daemon: FakeDaemon) -> None:
    assert daemon.path.exists()
    for path in (desk.home, *desk.home.parents):
        if path.stat().st_uid == os.getuid() and len(path.parts) > 2:
            path.chmod(0o755)
    child = os.fork()
    if child == 0:
        code = 99
        try:
            with (desk.home / "said").open("w") as said:
                os.dup2(said.fileno(), 2)
            os.setgroups([])
            os.setgid(65_534)
            os.setuid(65_534)
            code = control_code(desk.socket)
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 3
    assert "group ultrad" in (desk.home / "said").read_text(encoding="utf-8")


def control_code(path: Path) -> int:
    """What a status of a client without rights ends with; its message goes to standard error."""
    try:
        control_client.Client(path).status()
    except control_client.Unreachable as error:
        os.write(2, str(error).encode())  # read by the parent
        return error.exit_code
    return 0


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"", 3),
        (b"SSH-2.0-OpenSSH_9.2\r\n", 3),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{}", 3),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>", 3),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n\xff\xfe", 3),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", 1),
        (b'HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{"version":"9"}', 1),
        (b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n", 1),
        (b'HTTP/1.1 409 No\r\nContent-Length: 37\r\n\r\n{"kind":"x","error":{"message":"no"}}', 1),
    ],
)
def test_status__something_else_answers__no_traceback(desk: Desk, answer: bytes, code: int) -> None:
    with rubbish(desk.socket, answer):
        ran = desk.ultrad("status")

    assert ran.code == code
    assert ran.err
    assert "Traceback" not in ran.err


def test_status__daemon_hangs__is_given_up(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_client.Client._ask, "__defaults__", (None, 0.1))

    with rubbish(desk.socket, b"", hang=True):
        ran = desk.ultrad("status")

    assert ran.code == 3
    assert "did not answer" in ran.err


def test_status__answer_without_end__is_not_taken_in(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_client, "MAX_ANSWER_BYTES", 100)

    with rubbish(desk.socket, b"HTTP/1.1 200 OK\r\n\r\n" + b" " * 500):
        ran = desk.ultrad("status")

    assert ran.code == 1
    assert "longer than 100" in ran.err


def test_refusal__names_a_field__the_field_is_told(desk: Desk) -> None:
    body = b'{"error":{"message":{"text":"is missing","args":{}},"field":"reason"},"kind":"permanent"}'

    with rubbish(desk.socket, b"HTTP/1.1 400 No\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)):
        ran = desk.ultrad("status")

    assert (ran.code, ran.err) == (1, "reason: is missing\n")
