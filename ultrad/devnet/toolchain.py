"""Node.js and npm, which are needed once: to fetch the EVM node and Aave's sources, and to compile these."""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from ultrad.devnet.abi import keccak256
from ultrad.errors import Permanent
from ultrad.i18n import Message, msg

HERE = Path(__file__).parent
NPM_FILES = (HERE / "npm/package.json", HERE / "npm/package-lock.json", HERE / "npm/.npmrc")
COMPILER = HERE / "contracts/compile.js"
FEEDS = HERE / "contracts/MockFeed.sol"

Say = Callable[[Message], None]
"""Tells the one who waits how far it is."""

NODE_AT_LEAST = 18
"""Debian 12's own; older ones were not tried."""
APT_LIMIT_S = 900.0
NPM_LIMIT_S = 900.0
"""60 MB over a slow line; npm itself gives up on a dead one sooner."""
COMPILE_LIMIT_S = 600.0
"""15 s on two quiet cores."""
_TOLD_CHARACTERS = 1500

_PREINSTALLS = Path("@eth-optimism/contracts-bedrock/src/libraries/Preinstalls.sol")
_MULTICALL3 = re.compile(r'MultiCall3Code\s*=\s*hex"([0-9a-f]+)"')
MULTICALL3_HASH = "d5c15df687b16f2ff992fc8d767b4216323184a2bbc6ee2f9c398c318e770891"
"""keccak256 of Multicall3's runtime code on Ethereum (eth_getCode at 0xcA11…CA11)."""


def ensure_node(say: Say) -> None:
    """See that node and npm are there; on Debian as root, install them.

    Raises Permanent where they are missing or too old.
    """
    if not _found() and os.geteuid() == 0 and shutil.which("apt-get"):
        started = time.monotonic()
        say(msg("devnet: Node.js or npm is missing: installing both with apt-get (about 30 s) …"))
        _run(["apt-get", "update", "-q"], APT_LIMIT_S)
        _run(["apt-get", "install", "-q", "-y", "--no-install-recommends", "nodejs", "npm"], APT_LIMIT_S)
        say(msg("devnet: installed in {elapsed} s", elapsed=f"{time.monotonic() - started:.1f}"))
    if not _found():
        raise Permanent(
            msg(
                "Node.js and npm are needed once, to fetch and compile the devnet's contracts, and were not found:"
                " install them (on Debian: sudo apt-get install nodejs npm), then try again"
            )
        )
    version = _run(["node", "--version"], APT_LIMIT_S).strip()
    if int(re.sub(r"^v(\d+).*$", r"\1", version)) < NODE_AT_LEAST:
        raise Permanent(
            msg("Node.js {version} is too old: install {least} or newer", version=version, least=NODE_AT_LEAST)
        )


def _found() -> bool:
    return bool(shutil.which("node") and shutil.which("npm"))


def fetch_packages(target: Path) -> None:
    """Put what the lock names into `target`/node_modules, and Multicall3's runtime into `target`/multicall3.hex.

    No install script of any package is run. Raises Permanent where npm fails or the code is not the known one.
    """
    for file in NPM_FILES:
        shutil.copy(file, target)
    _run(["npm", "ci", "--ignore-scripts"], NPM_LIMIT_S, target)
    modules = target / "node_modules"
    found = _MULTICALL3.search((modules / _PREINSTALLS).read_text())
    runtime = found[1] if found else ""
    if keccak256(bytes.fromhex(runtime)).hex() != MULTICALL3_HASH:
        raise Permanent(msg("the Multicall3 code in the fetched packages is not the one that is known"))
    (target / "multicall3.hex").write_text(runtime)
    # 126 MB, of which that one constant was wanted.
    shutil.rmtree(modules / "@eth-optimism")


def anvil_binary(packages: Path) -> Path:
    """The EVM node within the fetched packages."""
    return packages / "node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil"


def compile_contracts(packages: Path, target: Path) -> None:
    """Compile Aave and the feeds to `target`/contracts.json. Raises Permanent where the compiler fails."""
    out = target / "contracts.json"
    _run(["node", str(COMPILER), str(packages / "node_modules"), str(out)], COMPILE_LIMIT_S)


def _run(command: list[str], limit_s: float, folder: Path | None = None) -> str:
    """What it printed. Raises Permanent, with the end of its output, where it fails."""
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=limit_s,
            check=False,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        )
    except subprocess.TimeoutExpired as error:
        raise Permanent(
            msg("`{command}` took longer than {limit} s", command=" ".join(command), limit=int(limit_s))
        ) from error
    if done.returncode != 0:
        raise Permanent(
            msg(
                "`{command}` failed with code {code} and said: {output}",
                command=" ".join(command),
                code=done.returncode,
                output=(done.stdout + done.stderr)[-_TOLD_CHARACTERS:].strip(),
            )
        )
    return done.stdout
