"""Services that are asked who a secret belongs to, on loopback.

Written from Ethereum JSON-RPC (`eth_chainId`; a provider's gateway answers 401 or 403 to a key that is none),
developers.notion.com ("Retrieve your token's bot user"), docs.slack.dev (`auth.test`), developers.line.biz ("Get
bot info"); never imports ultrad.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NOTION_VERSIONS = {"2025-09-03", "2026-03-11"}


class Doorkeeper:
    """valid: the secrets that are taken (for an RPC the path of its address). mode: "ok", or a status for all."""

    def __init__(self) -> None:
        self.valid: set[str] = set()
        self.mode = "ok"
        self.asked: list[str] = []
        self.url = ""

    def answer(  # noqa: PLR0911 - each service in a few lines
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, object]:
        """Status and JSON of one request."""
        self.asked.append(f"{method} {path}")
        token = headers.get("authorization", "").removeprefix("Bearer ")
        if self.mode != "ok":
            return int(self.mode), {"message": "try later"}
        if (method, path) == ("POST", "/api/auth.test"):
            return 200, {"ok": True} if token in self.valid else {"ok": False, "error": "invalid_auth"}
        if (method, path) == ("GET", "/v1/users/me"):
            if headers.get("notion-version") not in NOTION_VERSIONS:
                return 400, {"code": "missing_version"}
            return (200, {"object": "user"}) if token in self.valid else (401, {"code": "unauthorized"})
        if (method, path) == ("GET", "/v2/bot/info"):
            return (200, {"userId": "U1"}) if token in self.valid else (401, {"message": "Authentication failed"})
        if method == "POST" and path.startswith("/rpc/"):
            if path not in self.valid:
                return 401, {"error": "invalid key"}
            return 200, {"jsonrpc": "2.0", "id": json.loads(body)["id"], "result": "0x7a69"}
        return 404, {}

    @contextmanager
    def serving(self) -> Iterator["Doorkeeper"]:
        """Serve on a free port of 127.0.0.1."""
        keeper = self

        class Handler(BaseHTTPRequestHandler):
            def _do(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                status, said = keeper.answer(self.command, self.path, headers, body)
                told = json.dumps(said).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(told)))
                self.end_headers()
                self.wfile.write(told)

            do_GET = do_POST = _do  # noqa: N815 - http.server's own names

            def log_message(self, *_: object) -> None:
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            server.daemon_threads = True
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            self.url = f"http://127.0.0.1:{server.server_address[1]}"
            try:
                yield self
            finally:
                server.shutdown()
                thread.join()
