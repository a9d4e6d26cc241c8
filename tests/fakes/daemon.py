"""Something at the other end of the control socket: the real socket before a fake daemon, or plain rubbish."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import anyio
import anyio.from_thread

from tests.fakes.operations import FakeOperations
from ultrad.web.control import ControlPart, ControlSettings

UP_S = 10.0


class FakeDaemon:
    """A control socket with `operations` behind it, served by a thread. May be stopped and started again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.operations = FakeOperations()
        self._portal: anyio.from_thread.BlockingPortal | None = None
        self._scope: anyio.CancelScope | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        up = threading.Event()
        self._thread = threading.Thread(target=anyio.run, args=(self._serve, up))
        self._thread.start()
        assert up.wait(UP_S)

    def stop(self) -> None:
        if self._portal and self._scope and self._thread:
            self._portal.start_task_soon(self._cancel)
            self._thread.join()
        self._thread = None

    async def _cancel(self) -> None:
        assert self._scope
        self._scope.cancel()

    async def _serve(self, up: threading.Event) -> None:
        part = ControlPart(self.operations, ControlSettings(self.path, ""), lambda uid: f"uid {uid}")
        async with anyio.from_thread.BlockingPortal() as self._portal:
            with anyio.CancelScope() as self._scope:
                await part.run(up.set)


@contextmanager
def rubbish(path: Path, answer: bytes, *, hang: bool = False) -> Iterator[None]:
    """A socket that answers every connection with `answer`, whatever it is asked; or accepts and says nothing."""
    done = threading.Event()

    def serve(listener: socket.socket) -> None:
        held: list[socket.socket] = []
        while not done.is_set():
            with suppress(TimeoutError):
                connection, _ = listener.accept()
                connection.settimeout(1)
                if hang:
                    held.append(connection)
                    continue
                with connection, suppress(OSError):
                    connection.recv(65_536)
                    connection.sendall(answer)
        for one in held:
            one.close()

    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen(8)
        listener.settimeout(0.05)
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()
    path.unlink()
