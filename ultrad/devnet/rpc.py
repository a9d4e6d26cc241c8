"""JSON-RPC over one kept-open HTTP connection to a node on this machine."""

import http.client
import json
from collections.abc import Sequence
from typing import Any

from ultrad.errors import Permanent, Transient
from ultrad.i18n import msg

ANSWER_LIMIT_S = 60.0
"""Mining a block of a thousand positions takes seconds on a busy machine; a node that needs longer is stuck."""
Call = tuple[str, tuple[Any, ...]]


class RefusedCallError(Permanent):
    """The node answered with an error. `data`: what the contract reverted with (hex), if anything."""

    def __init__(self, method: str, reason: str, data: str) -> None:
        """Say which call it was."""
        super().__init__(
            msg("the devnet's node refused {method}: {reason}", method=method, reason=reason or "no reason given")
        )
        self.reason = reason
        self.data = data


class Rpc:
    """A client of one node. Not for use by several threads at once."""

    def __init__(self, port: int) -> None:
        """Connects at the first call."""
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_LIMIT_S)
        self._port = port
        self._last_id = 0

    def __call__(self, method: str, *params: Any) -> Any:  # noqa: ANN401 - JSON
        """The result of one call. Raises RefusedCallError, and Transient where the node does not answer."""
        return self._result(method, self._post(self._request(method, params)))

    def batch(self, calls: Sequence[Call]) -> list[Any]:
        """The results of several calls sent together, in their order; errors as for one."""
        if not calls:
            return []
        requests = [self._request(method, params) for method, params in calls]
        answers = {answer.get("id"): answer for answer in self._post(requests)}
        return [
            self._result(method, answers[request["id"]])
            for (method, _), request in zip(calls, requests, strict=True)
        ]

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _request(self, method: str, params: tuple[Any, ...]) -> dict[str, Any]:
        self._last_id += 1
        return {"jsonrpc": "2.0", "id": self._last_id, "method": method, "params": params}

    def _post(self, body: object) -> Any:  # noqa: ANN401 - JSON
        try:
            self._connection.request("POST", "/", json.dumps(body), {"Content-Type": "application/json"})
            return json.loads(self._connection.getresponse().read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._connection.close()
            raise Transient(
                msg(
                    "nothing useful answers on 127.0.0.1:{port}: {reason}",
                    port=self._port,
                    reason=str(error) or type(error).__name__,
                )
            ) from error

    @staticmethod
    def _result(method: str, answer: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
        if "error" in answer:
            error = answer["error"]
            raise RefusedCallError(method, str(error.get("message", "")), str(error.get("data") or ""))
        return answer["result"]
