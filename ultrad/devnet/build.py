"""Builds what the devnet runs from, once: `python -m ultrad.devnet.build`.

Three stages, each a directory named by the hash of all that went into it: it is there whole, or not at all.
"""

import fcntl
import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ultrad.devnet import anvil
from ultrad.devnet.reference import DevnetAddresses
from ultrad.devnet.rpc import Rpc
from ultrad.devnet.toolchain import (
    COMPILER,
    FEEDS,
    HERE,
    NPM_FILES,
    Say,
    anvil_binary,
    compile_contracts,
    ensure_node,
    fetch_packages,
)
from ultrad.errors import EXIT_FAILED, Permanent, Transient, UltradError
from ultrad.i18n import ENGLISH, Message, msg

_CHECKOUT = HERE.parent.parent
_DIGEST_DIGITS = 16
MACHINE = ("linux", "x86_64")
"""The one that the lock has a node for."""


def cache_dir() -> Path:
    """Where the build is kept: `$ULTRAD_CACHE/devnet`, else `.cache/devnet` in the checkout, else in the home."""
    if chosen := os.environ.get("ULTRAD_CACHE"):
        return Path(chosen).resolve() / "devnet"
    if (_CHECKOUT / "pyproject.toml").exists():
        return _CHECKOUT / ".cache/devnet"
    return Path.home() / ".cache/ultrad/devnet"


@dataclass(frozen=True, slots=True)
class Build:
    """What is built. Its directories may be read and never written."""

    packages: Path
    contracts: Path
    market: Path

    @property
    def anvil(self) -> Path:
        """The EVM node's binary."""
        return anvil_binary(self.packages)

    @property
    def state(self) -> Path:
        """The chain with the market on it, for `--load-state`."""
        return self.market / "state.json"

    @property
    def addresses(self) -> DevnetAddresses:
        """Where everything stands in that state."""
        return DevnetAddresses.load(self.market / "addresses.json")

    def compiled(self) -> dict[str, dict[str, Any]]:
        """What compile.js wrote: `contracts` by name, and the names of custom `errors` by selector."""
        return json.loads((self.contracts / "contracts.json").read_text())  # type: ignore[no-any-return]

    def complete(self) -> bool:
        """Whether all of it is there."""
        return self.packages.is_dir() and self.contracts.is_dir() and self.market.is_dir()


def planned(root: Path) -> Build:
    """The directories that belong to the inputs as they are now."""
    packages = _name(root, "packages", NPM_FILES, "")
    contracts = _name(root, "contracts", (COMPILER, FEEDS), packages.name)
    deployment = (HERE / "market.py", HERE / "reference.py", HERE / "anvil.py", HERE / "toolchain.py")
    return Build(packages, contracts, _name(root, "market", deployment, contracts.name))


def ensure_built(say: Say, root: Path | None = None) -> Build:
    """Build what is missing, and answer where it is. Raises UltradError where it cannot be built."""
    root = root or cache_dir()
    build = planned(root)
    if build.complete():
        return build
    if (sys.platform, os.uname().machine) != MACHINE:
        raise _unsupported()
    root.mkdir(parents=True, exist_ok=True)
    with (root / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ensure_node(say)
        _stage(build.packages, msg("fetching the EVM node, Aave's sources and the compiler"), fetch_packages, say)
        _stage(
            build.contracts,
            msg("compiling Aave V3.6 (about 20 s)"),
            lambda target: compile_contracts(build.packages, target),
            say,
        )
        _stage(build.market, msg("deploying the market"), lambda target: _deploy(build, target), say)
    return build


def _unsupported() -> Permanent:
    return Permanent(
        msg(
            "the devnet runs on Linux on x86-64, and this is {machine}: use such a machine or container",
            machine=f"{sys.platform} {os.uname().machine}",
        )
    )


def _name(root: Path, stage: str, inputs: Sequence[Path], before: str) -> Path:
    """The directory of a stage made from these files and from what came before it."""
    digest = hashlib.sha256(before.encode())
    for path in inputs:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return root / f"{stage}-{digest.hexdigest()[:_DIGEST_DIGITS]}"


def _stage(target: Path, what: Message, make: Callable[[Path], None], say: Say) -> None:
    """Make one directory beside its place, and move it there when it is whole; then drop those it replaces."""
    if target.is_dir():
        return
    started = time.monotonic()
    say(msg("devnet: {step} …", step=what))
    part = target.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    make(part)
    part.rename(target)
    for old in target.parent.glob(f"{target.name.rsplit('-', 1)[0]}-*"):
        if old != target:
            shutil.rmtree(old, ignore_errors=True)
    say(msg("devnet: {step}: done in {elapsed} s", step=what, elapsed=f"{time.monotonic() - started:.1f}"))


def _deploy(build: Build, target: Path) -> None:
    """Deploy onto a fresh node, which writes its state as it ends."""
    # Its ABI library takes longer to import than a built devnet takes to start.
    from ultrad.devnet.market import Contract, deploy_market  # noqa: PLC0415

    state = target / "state.json"
    contracts = {name: Contract(**parts) for name, parts in build.compiled()["contracts"].items()}
    node = anvil.start(build.anvil, f"--dump-state={state.resolve()}")
    rpc = Rpc(node.port)
    try:
        addresses = deploy_market(rpc, contracts, (build.packages / "multicall3.hex").read_text())
    finally:
        rpc.close()
        node.stop()
    if not state.exists():
        raise Transient(msg("the devnet's node ended without writing its state: try again"))
    addresses.save(target / "addresses.json")


def main() -> int:
    """Build, telling each step on standard error."""

    def say(message: Message) -> None:
        print(ENGLISH(message), file=sys.stderr, flush=True)

    try:
        build = ensure_built(say)
    except UltradError as error:
        say(error.message)
        return EXIT_FAILED
    say(msg("devnet: ready in {folder}", folder=str(build.market.parent)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
