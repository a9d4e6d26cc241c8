"""The daemon with a word on every step of a trade, and an end, or a stop, at any of them: `python -m`, from tests.

Nothing of ultrad knows of this. What the trader has of the world is wrapped from outside, each port with each of
its methods, and the journal by the kinds of its events: a new one is a boundary though nobody names it here.

It reads one order a line (JSON, see `Order`) and forks a process for each, whose pid it answers: Python's imports
are most of a start, and a matrix has hundreds of them. Each is a daemon of its own; it ends with this process.
"""

import contextlib
import ctypes
import dataclasses
import inspect
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict, dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from ultrad import app, trading
from ultrad.adapters.journal.journal import open_journal
from ultrad.adapters.notion import settings as notion
from ultrad.cli.main import main
from ultrad.core.events import Event
from ultrad.core.intents import Intent
from ultrad.outside import TradeOutside
from ultrad.trader import pipeline, settling

TICK_S = 0.05
AGAIN_MS = 500
REPEAT_MS = 1_000
FOR_EVER_MS = 3_600_000
"""The trader's pace is made for people and for chains with seconds between blocks. Its order is the same."""
ASIDE = frozenset(
    {"rows.check", "rows.probe", "bot.probe", "bot.trades", "history.begin", "history.look", "allowances.read"}
)
"""Questions of others than the trader: when they come is the clock's matter."""
BEFOREHAND = ("eth_account", "ultrad.adapters.signer", "ultrad.config", "ultrad.cli.setup")
"""What the daemon imports only when it needs it."""
_PR_SET_PDEATHSIG = 1
"""prctl(2): the signal that comes when the parent ends."""


@dataclass(frozen=True)
class Order:
    """One daemon. at: the step ("before intent.signed 2"), or the n-th of all ("#17"), where it is killed, or,
    with `touch`, where that file comes to be; empty for nowhere. steps, log: where steps and log are written.
    notion: where Notion is. stuck_ms: after how long what is signed once offers more, and then never again."""

    config: str
    steps: str
    log: str
    at: str = ""
    touch: str = ""
    notion: str = ""
    stuck_ms: int = 0


class Steps:
    """What the trader comes through, in order, each written down before anything else happens."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._file = os.open(order.steps, os.O_APPEND | os.O_CREAT | os.O_WRONLY)
        self._seen: Counter[str] = Counter()

    def come_to(self, step: str, note: str = "") -> None:
        self._seen[step] += 1
        name = f"{step} {self._seen[step]}"
        os.write(self._file, (json.dumps([name, note]) + "\n").encode())
        if self._order.at in (name, f"#{self._seen.total()}"):
            if self._order.touch:
                Path(self._order.touch).touch()
            else:
                os.kill(os.getpid(), signal.SIGKILL)


class Watched:
    """A port whose every call is two steps."""

    def __init__(self, inner: Any, name: str, steps: Steps) -> None:
        self._inner, self._name, self._steps = inner, name, steps

    def __getattr__(self, attribute: str) -> Any:
        found = getattr(self._inner, attribute)
        if f"{self._name}.{attribute}" in ASIDE or not inspect.iscoroutinefunction(found):
            return found
        return self._stepping(found, f"{self._name}.{attribute}")

    def _stepping(self, found: Callable[..., Awaitable[Any]], name: str) -> Callable[..., Awaitable[Any]]:
        async def call(*args: Any, **kwargs: Any) -> Any:
            note = args[0].hex() if args and isinstance(args[0], bytes) else ""
            self._steps.come_to(f"before {name}", note)
            try:
                return await found(*args, **kwargs)
            finally:
                self._steps.come_to(f"after {name}", note)

        return call


class WatchedJournal:
    """A journal in which each step of an intent is two steps more: before it, and once it is handed over."""

    def __init__(self, inner: Any, steps: Steps) -> None:
        self._inner, self._steps = inner, steps

    def __getattr__(self, attribute: str) -> Any:
        return getattr(self._inner, attribute)

    async def append(self, *events: Event) -> Any:
        self._come_to("before", events)
        recorded = await self._inner.append(*events)
        self._come_to("after", events)
        return recorded

    def post(self, *events: Event) -> None:
        self._come_to("before", events)
        self._inner.post(*events)
        self._come_to("after", events)

    def _come_to(self, side: str, events: tuple[Event, ...]) -> None:
        for event in events:
            if event.kind.startswith("intent."):
                self._steps.come_to(f"{side} {event.kind}")


def _stuck_once(stuck_ms: int) -> Callable[[settling.Settling, Intent], int]:
    """How long a transaction may be pending: the first version so long, every later one for ever."""

    def stuck(_self: settling.Settling, intent: Intent) -> int:
        step = intent.in_the_air
        return stuck_ms if step is not None and len(step.versions) == 1 else FOR_EVER_MS

    return stuck


def _wrap(steps: Steps, order: Order) -> None:
    opened = trading.opened

    def open_watched(path: Path, **options: Any) -> Any:
        return WatchedJournal(open_journal(path, **options), steps)

    @contextlib.asynccontextmanager
    async def opened_watched(*args: Any) -> AsyncIterator[TradeOutside | None]:
        async with opened(*args) as means:
            if means is None:
                raise LookupError("nothing is traded: there is nothing to watch")
            ports = {field.name: getattr(means, field.name) for field in dataclasses.fields(means)}
            yield TradeOutside(**{name: port and Watched(port, name, steps) for name, port in ports.items()})

    for module, name, value in (
        (app, "open_journal", open_watched),
        (trading, "opened", opened_watched),
        (pipeline, "TICK_S", TICK_S),
        (pipeline, "AGAIN_MS", AGAIN_MS),
        (settling, "REPEAT_MS", REPEAT_MS),
        (notion, "NotionSettings", partial(notion.NotionSettings, base_url=order.notion, pace_s=0.0)),
        *(((settling.Settling, "_stuck_ms", _stuck_once(order.stuck_ms)),) if order.stuck_ms else ()),
    ):
        if not hasattr(module, name):
            raise LookupError(f"{module} has no {name} any more")
        setattr(module, name, value)


def _daemon(order: Order) -> int:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    log = os.open(order.log, os.O_APPEND | os.O_CREAT | os.O_WRONLY)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    _wrap(Steps(order), order)
    return main(["--config", order.config, "run"])


def serve() -> None:
    """Fork a daemon for each order, until no more come."""
    for module in BEFOREHAND:
        import_module(module)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody here waits for them: the one who ordered does
    for line in sys.stdin:
        order = Order(**json.loads(line))
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                code = _daemon(order)
            finally:
                sys.stdout.flush()
                os._exit(code)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


def order_line(order: Order) -> str:
    """An order as `serve` reads it."""
    return json.dumps(asdict(order)) + "\n"


if __name__ == "__main__":
    serve()
