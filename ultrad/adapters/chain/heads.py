"""Keeping heads coming from one endpoint: by subscription where it has one, by polling besides and instead.

The subscription has a WebSocket connection of its own: on one that also carries calls, a large answer delays the
next head. Calls go over HTTP: a WebSocket saves 0.15 ms on a local node, and HTTP keeps `Retry-After`, limits on
size, and one call's trouble apart from another's.
"""

from collections.abc import Callable
from contextlib import suppress

import aiohttp
import anyio

from ultrad.adapters.chain.endpoint import Endpoint, header
from ultrad.adapters.chain.rpc import NodeFailed, no_connection, parsed, request, result_of, unexpected
from ultrad.adapters.chain.settings import ChainSettings
from ultrad.errors import Transient
from ultrad.i18n import Message, msg
from ultrad.ports import Turned

Pauses = Callable[[int], float]
"""Seconds to wait after so many failures in a row (1 for the first), jitter included."""
CLOSE_S = 1.0
"""How long the other side may take to say goodbye."""
_CHAIN_ID, _SUBSCRIBE = 1, 2


class Follower:
    """Follows one endpoint's heads."""

    def __init__(self, endpoint: Endpoint, settings: ChainSettings, pauses: Pauses) -> None:
        """pauses: how long to wait before the subscription is tried again."""
        self._endpoint = endpoint
        self._settings = settings
        self._pauses = pauses
        # Noticed well before its last head grows stale, also on a chain of quick blocks.
        self._quiet_s = min(settings.quiet_s, settings.stale_head_s / 2)
        self._heard_s = float("-inf")

    async def poll(self, turned: Turned) -> None:
        """Ask for the newest block whenever the subscription does not serve, or calls are in trouble; for ever."""
        while True:
            if self._poll_needed():
                with suppress(Transient):  # it is in the endpoint's health, which status and findings show
                    await self._endpoint.poll()
            turned()
            await anyio.sleep(self._settings.poll_interval_s)

    def _poll_needed(self) -> bool:
        quiet_s = anyio.current_time() - self._heard_s
        health = self._endpoint.health
        in_trouble = health.failure is not None or health.wrong_chain is not None or health.head is None
        # From half of the limit on, so that at the limit it is known whether blocks went by.
        return not self._endpoint.subscribed or quiet_s > self._quiet_s / 2 or in_trouble

    async def subscribe(self) -> None:
        """Listen to `newHeads`, reconnecting after growing pauses; for ever."""
        failures = 0
        while True:
            self._heard_s = float("-inf")
            trouble = await self._listen()
            if self._heard_s > float("-inf"):
                failures = 0
            failures += 1
            self._endpoint.subscription_trouble = trouble
            await anyio.sleep(self._pauses(failures))

    async def _listen(self) -> Message:
        """Listen until it ends; why it ended."""
        try:
            await self._connection()
        except Transient as error:
            return error.message
        except TimeoutError:
            return msg(
                "Endpoint {endpoint} did not open its subscription in time; its heads are polled.",
                endpoint=self._endpoint.name,
            )
        except (aiohttp.ClientError, OSError) as error:
            return no_connection(self._endpoint.name, error)
        finally:
            self._endpoint.subscribed = False
        return msg(
            "The subscription of endpoint {endpoint} went quiet while blocks went by; it is opened again.",
            endpoint=self._endpoint.name,
        )

    async def _connection(self) -> None:
        """One connection's life; returns when it went quiet while blocks went by."""
        with anyio.fail_after(self._settings.call_timeout_s):
            socket = await self._endpoint.rpc.session.ws_connect(
                self._endpoint.ws_url or "",
                max_msg_size=self._settings.max_response_bytes,
                timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_S),
            )
        try:
            with anyio.fail_after(self._settings.call_timeout_s):
                chain_id = await self._first_answer(socket, _CHAIN_ID, "eth_chainId")
                self._endpoint.check_chain(chain_id)
                subscription = await self._first_answer(socket, _SUBSCRIBE, "eth_subscribe", "newHeads")
            self._endpoint.subscribed = True
            while await self._next_head(socket, subscription):
                pass
        finally:
            with anyio.CancelScope(shield=True):  # bounded by CLOSE_S
                await socket.close()

    async def _first_answer(
        self, socket: aiohttp.ClientWebSocketResponse, number: int, method: str, *params: object
    ) -> object:
        await socket.send_str(request(number, method, params).decode())
        answer = await self._receive(socket)
        return result_of(self._endpoint.name, answer, number, self._endpoint.rpc.scrub)

    async def _next_head(self, socket: aiohttp.ClientWebSocketResponse, subscription: object) -> bool:
        """Take one head; False where it was quiet for the limit while polling saw what it did not announce."""
        head = self._endpoint.health.head
        with anyio.move_on_after(self._quiet_s):
            answer = await self._receive(socket)
            params = answer.get("params")
            if not isinstance(params, dict) or params.get("subscription") != subscription:
                raise unexpected(self._endpoint.name, "eth_subscribe")
            block = header(self._endpoint.name, params.get("result"), "eth_subscribe")
            self._heard_s = anyio.current_time()
            self._endpoint.subscription_trouble = None
            self._endpoint.saw(block)
            return True
        return self._endpoint.health.head == head

    async def _receive(self, socket: aiohttp.ClientWebSocketResponse) -> dict[str, object]:
        message = await socket.receive()
        if message.type not in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
            raise NodeFailed(
                msg(
                    "Endpoint {endpoint} closed its subscription; its heads are polled until it is open again.",
                    endpoint=self._endpoint.name,
                )
            )
        return parsed(self._endpoint.name, message.data)
