"""`http_load.py PORT CONNECTIONS REQUESTS`: ask for /health over keep-alive connections, so many times."""

import json
import selectors
import socket
import sys
import time

REQUEST = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
WAIT_S = 10.0


def main(port: int, connections: int, requests: int) -> None:
    chosen = selectors.DefaultSelector()
    sent_s: dict[socket.socket, float] = {}
    took_s: list[float] = []
    begun_s = time.perf_counter()
    for _ in range(connections):
        one = socket.create_connection(("127.0.0.1", port))
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        chosen.register(one, selectors.EVENT_READ, one)
        sent_s[one] = time.perf_counter()
        one.sendall(REQUEST)
    while len(took_s) < requests:
        ready = chosen.select(WAIT_S)
        if not ready:
            raise SystemExit("no answer")
        for key, _ in ready:
            one = key.data
            if not one.recv(65_536).startswith(b"HTTP/1.1 200 "):
                raise SystemExit("not 200")
            now_s = time.perf_counter()
            took_s.append(now_s - sent_s[one])
            sent_s[one] = now_s
            one.sendall(REQUEST)
    elapsed_s = time.perf_counter() - begun_s
    for one in sent_s:
        one.close()
    took_s.sort()
    p99_ms = took_s[len(took_s) * 99 // 100] * 1000
    print(json.dumps({"rate": len(took_s) / elapsed_s, "p99_ms": p99_ms}))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
