"""`POST /signals`: decisions of others, by a bearer token or signed, each taken once."""

import hashlib
import hmac
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import web

from ultrad.core.decisions import DecisionError, decision_of
from ultrad.core.events import Json
from ultrad.core.signals import Source
from ultrad.i18n import msg
from ultrad.operations import Operations
from ultrad.web.answers import Refused, Tell, answer, encoded, numbers, read_body

TIMESTAMP, SIGNATURE = "X-Ultrad-Timestamp", "X-Ultrad-Signature"
VERSION = "v1="
SKEW_S = 300
"""How far a signed timestamp may be from our clock; what comes again within it is told by the signal's id."""
_SECONDS = re.compile(r"[0-9]{1,12}")
_DIGEST = re.compile(r"v1=[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class SignalDoor:
    """token: what a bearer shows. key: what requests are signed with. At least one of them. wall_s: the clock."""

    token: bytes | None = field(default=None, repr=False)
    key: bytes | None = field(default=None, repr=False)
    most_bytes: int = 4_096
    wall_s: Callable[[], float] = time.time


class SignalTaker:
    """Answers the requests."""

    def __init__(self, operations: Operations, door: SignalDoor, tell: Tell) -> None:
        self._operations, self._door, self._tell = operations, door, tell

    async def take(self, request: web.Request) -> web.Response:
        """202 once the signal is durable; what becomes of it is told by `ultrad signals`."""
        if request.content_type != "application/json":
            raise Refused(415, msg("The body must be JSON: send Content-Type: application/json."))
        bearer = self._bears(request)
        if not bearer and SIGNATURE not in request.headers:
            raise self._stranger()
        self._measure(request.content_length or 0)
        body = await read_body(request)
        self._measure(len(body))
        if not bearer:
            self._check_signature(request, body)
        try:
            decision = decision_of(numbers(body), Source.HTTP)
        except DecisionError as error:
            return self._unusable(error)
        taken = await self._operations.signal(decision)
        return answer(encoded({"intent": taken.intent, "stage": taken.stage.value}), status=202)

    # ------------------------------------------------------------ who asks

    def _bears(self, request: web.Request) -> bool:
        token, given = self._door.token, request.headers.get("Authorization", "")
        if token is None:
            return False
        return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), b"Bearer " + token)

    def _check_signature(self, request: web.Request, body: bytes) -> None:
        key = self._door.key
        at, signature = request.headers.get(TIMESTAMP, ""), request.headers.get(SIGNATURE, "")
        if key is None or not _SECONDS.fullmatch(at) or not _DIGEST.fullmatch(signature):
            raise self._stranger()
        right = VERSION + hmac.new(key, at.encode() + b"." + body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(signature, right):
            raise self._stranger()
        away_s = abs(int(at) - int(self._door.wall_s()))
        if away_s > SKEW_S:
            raise Refused(
                401,
                msg(
                    "{header} is {away} s from the time here (limit {limit} s): check the clocks, and sign anew.",
                    header=TIMESTAMP,
                    away=away_s,
                    limit=SKEW_S,
                ),
            )

    def _stranger(self) -> Refused:
        """One answer for all that is wrong with it, which tells a stranger nothing."""
        return Refused(
            401,
            msg(
                "This needs the header Authorization: Bearer with the token of [signals], or {timestamp} and "
                "{signature}: v1= and the HMAC-SHA256 of timestamp, a dot and the body, in hex.",
                timestamp=TIMESTAMP,
                signature=SIGNATURE,
            ),
        )

    # ------------------------------------------------------------ what is asked

    def _measure(self, length: int) -> None:
        if length > self._door.most_bytes:
            raise Refused(413, msg("The body is longer than {limit} bytes.", limit=self._door.most_bytes))

    def _unusable(self, error: DecisionError) -> web.Response:
        """Every field that is wrong, at once."""
        fields: dict[str, Json] = {name: self._tell(message) for name, message in error.mistakes}
        body: Json = {
            "error": {"message": self._tell(error.message), "fields": fields},
            "kind": "permanent",
        }
        return answer(encoded(body), status=422)
