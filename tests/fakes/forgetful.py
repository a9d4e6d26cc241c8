"""Before a real node, on loopback: one that forgot the state of old blocks, and takes few blocks of logs at once.

Never imports ultrad.
"""

import json
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@contextmanager
def forgetful(node: str, since: int, most: int) -> Iterator[str]:
    """Its URL. since: the first block whose state it knows. most: blocks of one `eth_getLogs`."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            asked = json.loads(body)
            error = _refuses(asked, since, most)
            if error is None:
                request = urllib.request.Request(node, body, {"Content-Type": "application/json"})  # noqa: S310
                with urllib.request.urlopen(request) as answer:  # noqa: S310 - loopback
                    told = answer.read()
            else:
                said = {"code": -32000, "message": error}
                told = json.dumps({"jsonrpc": "2.0", "id": asked["id"], "error": said}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/"
        finally:
            server.shutdown()
            thread.join()


def _refuses(asked: dict[str, object], since: int, most: int) -> str | None:
    params = asked["params"]
    assert isinstance(params, list)
    if asked["method"] == "eth_getTransactionCount" and int(params[1], 16) < since:
        return "missing trie node"
    if asked["method"] == "eth_getLogs":
        blocks = int(params[0]["toBlock"], 16) - int(params[0]["fromBlock"], 16) + 1
        return "block range is too wide" if blocks > most else None
    return None
