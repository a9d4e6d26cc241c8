"""A gate before a real S3 server, which loses, cuts and spoils what goes through it as it is told.

Bytes are passed on as they come. It knows of S3 no more than where the access key stands in a request.
"""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Self

_FORBIDDEN = (
    b'<?xml version="1.0" encoding="UTF-8"?><Error><Code>InvalidAccessKeyId</Code>'
    b"<Message>The AWS Access Key Id you provided does not exist in our records.</Message></Error>"
)
_REFUSAL = (
    b"HTTP/1.1 403 Forbidden\r\nContent-Type: application/xml\r\nConnection: close\r\nContent-Length: "
    + str(len(_FORBIDDEN)).encode()
    + b"\r\n\r\n"
    + _FORBIDDEN
)
_CHUNK = 65_536


class BucketGate:
    """One gate, in threads of its own.

    key: the access key that is let in. down: every connection is closed at once. cut_in, cut_out: after so many
    more bytes towards the server, or from it, the connection is cut, once. spoil: what becomes of bytes towards
    the server.
    """

    def __init__(self, port: int, key: str) -> None:
        self._behind = port
        self.key = key
        self.down = False
        self.cut_in: int | None = None
        self.cut_out: int | None = None
        self.spoil: Callable[[bytes], bytes] = lambda part: part
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._door.getsockname()[1]
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()

    def calm(self) -> None:
        """From here on everything passes."""
        self.down, self.cut_in, self.cut_out, self.spoil = False, None, None, lambda part: part

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._door.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            if self.down:
                return
            first = client.recv(_CHUNK)
            while b"\r\n\r\n" not in first and (more := client.recv(_CHUNK)):
                first += more
            if f"Credential={self.key}/".encode() not in first:
                client.sendall(_REFUSAL)
                return
            with socket.create_connection(("127.0.0.1", self._behind)) as server:
                back = threading.Thread(target=self._pump, args=(server, client, "cut_out"), daemon=True)
                back.start()
                self._pump(client, server, "cut_in", first)
                back.join()

    def _pump(self, source: socket.socket, target: socket.socket, cut: str, part: bytes = b"") -> None:
        with suppress(OSError):
            while part := part or source.recv(_CHUNK):
                if cut == "cut_in":
                    part = self.spoil(part)
                with self._lock:
                    left = getattr(self, cut)
                    passed = len(part) if left is None else min(left, len(part))
                    if left is not None:
                        setattr(self, cut, None if passed < len(part) else left - passed)
                target.sendall(part[:passed])
                if passed < len(part):
                    break
                part = b""
        for one in (source, target):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
