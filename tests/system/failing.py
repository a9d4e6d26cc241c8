"""The daemon whose first signature fails in the library, with the key in its hands: `python -m`, from tests.

    python -m tests.system.failing CONFIG WORD

WORD: the file that is told whether the kernel would give this process's memory to anybody, once the key is there.
"""

import ctypes
import sys
from dataclasses import replace
from pathlib import Path

from ultrad.adapters import signer
from ultrad.cli.main import main
from ultrad.trade_ports import Signed, Unsigned

_PR_GET_DUMPABLE = 3
"""prctl(2)."""


def _break_the_first(word: Path) -> None:
    sign = signer.KeySigner.sign

    async def sign_once(self: signer.KeySigner, what: Unsigned) -> Signed:
        if not word.exists():
            word.write_text(str(ctypes.CDLL(None).prctl(_PR_GET_DUMPABLE, 0, 0, 0, 0)))
            what = replace(what, gas=-1)
        return await sign(self, what)

    signer.KeySigner.sign = sign_once  # type: ignore[method-assign]


if __name__ == "__main__":
    _break_the_first(Path(sys.argv[2]))
    sys.exit(main(["--config", sys.argv[1], "run"]))
