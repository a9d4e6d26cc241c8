"""Who is at the other end of a Unix socket."""

import socket
import struct

from aiohttp import web

_UCRED = struct.Struct("3i")
"""`struct ucred` of unix(7): pid, uid, gid."""


def uid_of(request: web.Request) -> int:
    """The peer's user ID as the kernel noted it when the connection was made (SO_PEERCRED): nobody can claim one.

    Raises ConnectionError where the peer has gone.
    """
    transport = request.transport
    if transport is None:
        raise ConnectionError("the peer has gone")
    held: socket.socket = transport.get_extra_info("socket")
    _, uid, _ = _UCRED.unpack(held.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
    return int(uid)
