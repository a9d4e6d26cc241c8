"""`ultrad devnet up | price | reset`."""

import argparse
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

from ultrad.devnet.build import ensure_built
from ultrad.devnet.devnet import Devnet
from ultrad.devnet.reference import ASSETS, CHAIN_ID, REFERENCE_KEY, asset
from ultrad.devnet.toolchain import Say
from ultrad.errors import EXIT_FAILED, EXIT_USAGE, Permanent, UltradError
from ultrad.i18n import ENGLISH, Catalogue, Message, msg
from ultrad.units import hf_text

BLOCK_TIME_S = Decimal(2)
"""Base's and Optimism's."""
BLOCK_TIME_LEAST_S, BLOCK_TIME_MOST_S = Decimal("0.1"), Decimal(3600)
MAX_PORT = 65_535
HEARTBEAT_S = 20.0
"""Prices are told anew this often: they never get old, and a jump is soon followed by the next answer."""
_LOOK_EVERY_S = 0.5
_STOPS = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}


class _UsageError(Permanent):
    """What was typed cannot be meant."""


class _NoneRunningError(Permanent):
    """There is no devnet to talk to."""


@dataclass(frozen=True, slots=True)
class Run:
    """The devnet that `up` keeps running, as `price` and `reset` find it."""

    pid: int
    port: int
    url_http: str
    url_ws: str
    addresses_provider: str
    account: str

    @classmethod
    def read(cls) -> "Run | None":
        """The devnet that is written down; None where none is. It may have been killed since."""
        try:
            return cls(**json.loads(run_file().read_text()))
        except (OSError, ValueError, TypeError):
            return None


def run_file() -> Path:
    """Where a running devnet is written down: under the user's state directory (XDG_STATE_HOME)."""
    state = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local/state")
    return Path(state) / "ultrad/devnet.json"


def add_arguments(
    subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]", catalogue: Catalogue = ENGLISH
) -> None:
    """Add `devnet` and its commands."""
    about = catalogue(msg("run a real Aave V3 market on this machine, to try ultrad on"))
    commands = subparsers.add_parser("devnet", help=about, description=about).add_subparsers(
        dest="devnet_command", required=True, metavar="COMMAND"
    )
    about = catalogue(msg("start the devnet, and keep it running until Ctrl-C"))
    up = commands.add_parser("up", help=about, description=about)
    up.add_argument("--port", metavar="N", default="0", help=catalogue(msg("the port (default: a free one)")))
    up.add_argument(
        "--block-time",
        metavar="S",
        default=str(BLOCK_TIME_S),
        help=catalogue(msg("seconds between blocks (default: {default})", default=str(BLOCK_TIME_S))),
    )
    about = catalogue(msg("set an asset's price in US dollars on the running devnet"))
    price = commands.add_parser("price", help=about, description=about)
    price.add_argument("symbol", metavar="SYMBOL", help=", ".join(listed.symbol for listed in ASSETS))
    price.add_argument("usd", metavar="USD", help=catalogue(msg("for example {price}", price="2100")))
    about = catalogue(msg("bring the running devnet back to the reference state"))
    commands.add_parser("reset", help=about, description=about)


def run(args: argparse.Namespace, catalogue: Catalogue) -> int:
    """Run the command that was parsed; the exit code."""

    def say(message: Message) -> None:
        print(catalogue(message), flush=True)

    try:
        if args.devnet_command == "up":
            _up(_port(args.port), _block_time_s(args.block_time), say)
        elif args.devnet_command == "price":
            _price(args.symbol, _decimal(args.usd), say)
        else:
            _reset(say)
    except UltradError as error:
        print(catalogue(error.message), file=sys.stderr, flush=True)
        return EXIT_USAGE if isinstance(error, _UsageError) else EXIT_FAILED
    except KeyboardInterrupt:
        return EXIT_FAILED
    return 0


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= MAX_PORT):
        raise _UsageError(msg("--port {value} is not a port: give a number from 0 to 65535", value=text))
    return int(text)


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise _UsageError(msg("{value} is not a number: write it like 2100 or 2100.50", value=text)) from None


def _block_time_s(text: str) -> Decimal:
    seconds = _decimal(text)
    if not (seconds.is_finite() and BLOCK_TIME_LEAST_S <= seconds <= BLOCK_TIME_MOST_S):
        raise _UsageError(
            msg(
                "--block-time {value} is out of range: give {least} to {most} seconds",
                value=text,
                least=str(BLOCK_TIME_LEAST_S),
                most=str(BLOCK_TIME_MOST_S),
            )
        )
    return seconds


def _up(port: int, block_time_s: Decimal, say: Say) -> None:
    """Keep a devnet running until a signal. Raises UltradError where it does not start, or ends by itself."""
    with contextlib.suppress(_NoneRunningError), _running(say) as other:
        raise Permanent(msg("a devnet runs already on {url}: use that one, or end it first", url=other.url_http))
    build = ensure_built(say)
    started = time.monotonic()
    devnet = Devnet.start(build, port, block_time_s)
    with _signals_held():
        try:
            with _written_down(devnet):
                _introduce(devnet, block_time_s, time.monotonic() - started, say)
                _keep_up(devnet)
        finally:
            devnet.stop()
        say(msg("devnet: ended"))


def _keep_up(devnet: Devnet) -> None:
    """Until a signal: see that the node runs, and tell prices anew in time."""
    told = time.monotonic()
    while not signal.sigtimedwait(_STOPS, _LOOK_EVERY_S):
        if devnet.process is not None and not devnet.process.alive():
            raise Permanent(msg("the devnet's node ended by itself: start it again with `ultrad devnet up`"))
        if time.monotonic() - told >= HEARTBEAT_S:
            devnet.refresh_prices()
            told = time.monotonic()


def _introduce(devnet: Devnet, block_time_s: Decimal, elapsed_s: float, say: Say) -> None:
    """What runs, and what to try."""
    addresses = devnet.addresses
    say(
        msg(
            "devnet: Aave V3.6, up in {elapsed} s, a block each {s} s",
            elapsed=f"{elapsed_s:.2f}",
            s=str(block_time_s),
        )
    )
    for name, value in (
        (msg("chain id"), str(CHAIN_ID)),
        (msg("RPC endpoint"), devnet.url_http),
        (msg("WebSocket endpoint"), devnet.url_ws),
        (msg("addresses provider"), addresses.addresses_provider),
        (msg("pool"), addresses.pool),
        (msg("oracle"), addresses.oracle),
        *((msg("token {symbol}", symbol=listed.symbol), addresses.token(listed.symbol)) for listed in ASSETS),
        (msg("account"), addresses.account),
        (msg("its key (public: for the devnet alone)"), REFERENCE_KEY),
        (msg("its health factor"), hf_text(devnet.account_data().health_factor)),
    ):
        say(msg("  {name}: {value}", name=name, value=value))
    say(msg("Try, in another terminal:"))
    for command, effect in (
        ("ultrad devnet price WETH 2380", msg("health factor {hf}: a warning", hf="1.7958")),
        ("ultrad devnet price WETH 2100", msg("health factor {hf}: the emergency stop", hf="1.5845")),
        ("ultrad devnet reset", msg("back to the beginning")),
    ):
        say(msg("  {command}   ({effect})", command=command, effect=effect))
    say(msg("Ctrl-C ends it."))


def _price(symbol: str, usd: Decimal, say: Say) -> None:
    """Set a price, and tell what it does to the reference position."""
    symbol = asset(symbol).symbol
    with _running(say) as devnet:
        before = hf_text(devnet.account_data().health_factor)
        devnet.set_price(symbol, usd)
        say(
            msg(
                "{symbol} is at ${price} now: the health factor of {account} went from {before} to {after}",
                symbol=symbol,
                price=f"{devnet.price(symbol).normalize():f}",
                account=devnet.addresses.account,
                before=before,
                after=hf_text(devnet.account_data().health_factor),
            )
        )


def _reset(say: Say) -> None:
    """Reference prices, reserves and position again."""
    with _running(say) as devnet:
        devnet.reset()
        say(
            msg(
                "the devnet is in its reference state again: the health factor of {account} is {hf}",
                account=devnet.addresses.account,
                hf=hf_text(devnet.account_data().health_factor),
            )
        )


@contextlib.contextmanager
def _running(say: Say) -> Iterator[Devnet]:
    """The devnet that `up` keeps running. Raises _NoneRunningError where none does."""
    build = ensure_built(say)
    none = _NoneRunningError(msg("no devnet is running: start one with `ultrad devnet up`"))
    run = Run.read()
    if run is None:
        raise none
    try:
        devnet = Devnet.attach(run.port, build)
    except UltradError as error:  # left over from a devnet that was killed; others may use its port by now
        raise none from error
    try:
        yield devnet
    finally:
        devnet.stop()


@contextlib.contextmanager
def _written_down(devnet: Devnet) -> Iterator[None]:
    """Let the other commands find it, as long as it runs."""
    path = run_file()
    run = Run(
        pid=os.getpid(),
        port=devnet.port,
        url_http=devnet.url_http,
        url_ws=devnet.url_ws,
        addresses_provider=devnet.addresses.addresses_provider,
        account=devnet.addresses.account,
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(run), indent=2) + "\n")
    except OSError as error:
        raise Permanent(
            msg("cannot write {path}: {reason}", path=str(path), reason=error.strerror or str(error))
        ) from error
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def _signals_held() -> Iterator[None]:
    """Within it the signals that end a run wait to be asked for, so that it always ends in order."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
    try:
        yield
    finally:
        # The process is about to end: a second Ctrl-C must not strike on its last steps, and change how it ended.
        for one in _STOPS:
            signal.signal(one, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
