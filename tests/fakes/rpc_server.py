"""A JSON-RPC node on loopback that can misbehave in every way that was met or feared.

Written from the Ethereum JSON-RPC specification, EIP-1898 and geth's pub/sub documentation; never imports ultrad.
Answers to calls are encoded by eth_abi, so that the code under test meets another's encoding.
"""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import WSMsgType, web
from eth_abi.abi import decode, encode
from eth_utils.crypto import keccak

SECRET = "k3y-d0-n0t-sh0w-4f1c9a7e"
MULTICALL = "0xca11bde05977b3631167028862be2a173976ca11"
INFINITE = 2**256 - 1


def selector(signature: str) -> str:
    return keccak(text=signature).hex()[:8]


class RpcServer:
    """One node. `mode` is how it answers over HTTP; the chain of blocks and the contracts' answers are settable.

    answers: (contract, calldata), lower-case hex without 0x for the latter → bytes, or None to revert.
    """

    def __init__(self, chain_id: int = 31337) -> None:
        self.chain_id = chain_id
        self.mode = "good"
        self.ws_mode = "good"
        self.pins = "hash"
        self.retry_after: str | None = "7"
        self.error: dict[str, Any] = {"code": -32000, "message": "internal trouble"}
        self.mangle: Callable[[bytes], bytes] = lambda data: data
        self.answers: dict[tuple[str, str], bytes | None] = {}
        self.blocks: list[dict[str, Any]] = []
        self.shown: int | None = None
        self.calls: list[str] = []
        self.http = ""
        self.ws = ""
        self._state: dict[str, dict[tuple[str, str], bytes | None]] = {}
        self._subscribers: set[web.WebSocketResponse] = set()
        self._waiting: set[asyncio.Event] = set()

    # ------------------------------------------------------------ the chain

    def add(self, number: int, time_s: int, branch: str = "") -> dict[str, Any]:
        """Append a block (on another branch: one of the same number with another hash), without announcing it."""
        digest = "0x" + hashlib.sha256(f"{number}/{branch}".encode()).hexdigest()
        block = {"number": hex(number), "hash": digest, "timestamp": hex(time_s), "parentHash": "0x" + "0" * 64}
        self.blocks.append(block)
        self._state[digest] = dict(self.answers)
        return block

    async def mine(self, number: int, time_s: int, branch: str = "") -> None:
        """A block, announced to all that subscribed."""
        await self.announce(self.add(number, time_s, branch))

    async def announce(self, block: dict[str, Any]) -> None:
        if self.ws_mode == "quiet":
            return
        note = {"jsonrpc": "2.0", "method": "eth_subscription", "params": {"subscription": "0x5", "result": block}}
        for socket in list(self._subscribers):
            await socket.send_str("<html>" if self.ws_mode == "html" else json.dumps(note))

    @property
    def subscribers(self) -> int:
        return len(self._subscribers)

    @property
    def hung(self) -> int:
        """Requests that never got an answer."""
        return len(self._waiting)

    def set(self, contract: str, signature: str, args: bytes, answer: bytes | None) -> None:
        self.answers[contract.lower(), selector(signature) + args.hex()] = answer

    def account(self, pool: str, account: str, collateral: int, debt: int, health_factor: int) -> None:
        args = encode(["address"], [account])
        words = [collateral, debt, 0, 8300, 8000, health_factor]
        self.set(pool, "getUserAccountData(address)", args, encode(["uint256"] * 6, words))

    # ------------------------------------------------------------ answering

    def result(self, method: str, params: list[Any]) -> Any:
        self.calls.append(method)
        if method == "eth_chainId":
            return hex(self.chain_id)
        if method == "eth_getBlockByNumber":
            return self._block(params[0])
        if method == "eth_call":
            return "0x" + self.mangle(self._aggregate(params[0], self._at(params[1]))).hex()
        raise LookupError(-32601, f"the method {method} does not exist")

    def _block(self, which: str) -> dict[str, Any]:
        seen = self.blocks[: self.shown] if self.shown is not None else self.blocks
        if which == "latest":
            return seen[-1]
        return next(block for block in reversed(seen) if block["number"] == which)

    def _at(self, which: Any) -> dict[tuple[str, str], bytes | None]:
        if isinstance(which, dict):
            if self.pins == "ignored":
                return self._state[self.blocks[-1]["hash"]]
            if self.pins == "unsupported":
                raise LookupError(-32602, "invalid argument 1: json: cannot unmarshal object")
            seen = [
                block["hash"] for block in (self.blocks[: self.shown] if self.shown is not None else self.blocks)
            ]
            if which["blockHash"] not in seen:
                raise LookupError(-32000, "header for hash not found")
            return self._state[which["blockHash"]]
        return self._state[self._block(which)["hash"]]

    def _aggregate(self, call: dict[str, str], state: dict[tuple[str, str], bytes | None]) -> bytes:
        if call["to"].lower() != MULTICALL:
            return b""
        if not call["data"].startswith("0x82ad56cb"):
            raise LookupError(3, "execution reverted")
        (inner,) = decode(["(address,bool,bytes)[]"], bytes.fromhex(call["data"][10:]))
        answers = [state.get((target.lower(), data.hex()), b"") for target, _, data in inner]
        results = [(answer is not None, answer or b"") for answer in answers]
        return encode(["(bool,bytes)[]"], [results])

    def _reply(self, request: dict[str, Any]) -> dict[str, Any]:
        reply = {"jsonrpc": "2.0", "id": request["id"]}
        try:
            reply["result"] = self.result(request["method"], request["params"])
        except LookupError as error:
            reply["error"] = {"code": error.args[0], "message": error.args[1]}
        return reply

    # ------------------------------------------------------------ serving

    async def post(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        mode = self.mode
        plain: dict[str, Callable[[], web.StreamResponse]] = {
            "html": lambda: web.Response(text="<html>bad gateway</html>", content_type="text/html"),
            "429": lambda: web.Response(
                status=429, headers={"Retry-After": self.retry_after} if self.retry_after else {}
            ),
            "500": lambda: web.Response(status=500, text=f"failed at {self.http}"),
            "401": lambda: web.Response(status=401),
            "redirect": lambda: web.Response(status=307, headers={"Location": self.http}),
            "huge": lambda: web.Response(body=b'{"result":"0x' + b"0" * 3_000_000 + b'"}'),
            "list": lambda: web.json_response([1, 2, 3]),
            "no result": lambda: web.json_response({"jsonrpc": "2.0", "id": body["id"]}),
            "wrong type": lambda: web.json_response({"jsonrpc": "2.0", "id": body["id"], "result": 17}),
            "odd hex": lambda: web.json_response({"jsonrpc": "2.0", "id": body["id"], "result": "0x123"}),
            "no hex": lambda: web.json_response({"jsonrpc": "2.0", "id": body["id"], "result": "0xzz"}),
            "null": lambda: web.json_response({"jsonrpc": "2.0", "id": body["id"], "result": None}),
            "error": lambda: web.json_response({"jsonrpc": "2.0", "id": body["id"], "error": self.error}),
            "400": lambda: web.json_response({"jsonrpc": "2.0", "id": None, "error": self.error}, status=400),
        }
        if mode == "close once":
            self.mode = "good"
            if request.transport is not None:
                request.transport.close()
            return web.Response()
        if mode in plain:
            return plain[mode]()
        if mode == "hang" or (mode == "hang on calls" and body["method"] == "eth_call"):
            return await self._hang()
        reply = self._reply(body)
        if mode == "wrong id":
            reply["id"] += 1
        text = json.dumps(reply)
        if mode == "truncated":
            return web.Response(text=text[: len(text) // 2], content_type="application/json")
        if mode == "cut":
            return await self._cut(request, text)
        return web.Response(text=text, content_type="application/json")

    async def _hang(self) -> web.Response:
        forever = asyncio.Event()
        self._waiting.add(forever)
        await forever.wait()
        return web.Response(status=503)

    async def _cut(self, request: web.Request, text: str) -> web.StreamResponse:
        """Promise more than is sent, then drop the connection."""
        answer = web.StreamResponse(headers={"Content-Length": str(len(text) * 2)})
        await answer.prepare(request)
        await answer.write(text.encode())
        if request.transport is not None:
            request.transport.abort()
        return answer

    async def socket(self, request: web.Request) -> web.StreamResponse:
        if self.ws_mode == "refuse":
            return web.Response(status=503)
        if self.ws_mode == "redirect":
            return web.Response(status=302, headers={"Location": f"/ws/{SECRET}"})
        if self.ws_mode == "hang":
            return await self._hang()
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                break
            call = json.loads(message.data)
            if call["method"] == "eth_subscribe":
                await socket.send_str(json.dumps({"jsonrpc": "2.0", "id": call["id"], "result": "0x5"}))
                self._subscribers.add(socket)
            else:
                reply = self._reply(call)
                if self.ws_mode == "wrong chain":
                    reply["result"] = hex(self.chain_id + 1)
                await socket.send_str(json.dumps(reply))
        self._subscribers.discard(socket)
        return socket

    async def drop_sockets(self) -> None:
        """Close every subscription."""
        for socket in list(self._subscribers):
            self._subscribers.discard(socket)
            await socket.close()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["RpcServer"]:
        """Serve on a free port of 127.0.0.1."""
        app = web.Application()
        app.router.add_post(f"/v2/{SECRET}", self.post)
        app.router.add_get(f"/ws/{SECRET}", self.socket)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        self.http, self.ws = f"http://{host}:{port}/v2/{SECRET}", f"ws://{host}:{port}/ws/{SECRET}"
        try:
            yield self
        finally:
            for forever in self._waiting:
                forever.set()
            await self.drop_sockets()
            await runner.cleanup()
