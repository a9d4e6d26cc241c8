"""The key in this process: opened once, never shown."""

import copy
import json
import pickle
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Literal

import pytest
from eth_account import Account

from ultrad.adapters.signer import MAX_KEYSTORE_BYTES, KeySigner
from ultrad.errors import Permanent
from ultrad.trade_ports import Call, Unsigned

KEY = "0x" + "4c" * 31 + "9d"
ADDRESS = Account.from_key(KEY).address
PASSPHRASE = "correct-horse-battery"
WRONG = "another-horse-battery"
SHOWN = ("4c4c4c4c", "LLLL", str(int(KEY, 16)))
"""The key as hex, as bytes and as a number."""


Kdf = Literal["scrypt", "pbkdf2"]


def _keystore(at: Path, *, kdf: Kdf = "scrypt") -> Path:
    rounds = 2 if kdf == "scrypt" else 5
    keystore = Account.encrypt(bytes.fromhex(KEY[2:]), PASSPHRASE, kdf=kdf, iterations=rounds)
    path = at / "keystore"
    path.write_text(json.dumps(keystore), encoding="ascii")
    return path


@pytest.mark.parametrize("kdf", ["scrypt", "pbkdf2"])
async def test_keystore__right_passphrase__signs_for_its_account(tmp_path: Path, kdf: Kdf) -> None:
    assert (await KeySigner.from_keystore(_keystore(tmp_path, kdf=kdf), PASSPHRASE)).address == ADDRESS


async def test_keystore__wrong_passphrase__refused_without_showing_anything(tmp_path: Path) -> None:
    with pytest.raises(Permanent, match="another one, or it is damaged") as caught:
        await KeySigner.from_keystore(_keystore(tmp_path), WRONG)
    told = "".join(traceback.format_exception(caught.value))
    assert WRONG not in told
    assert caught.value.__context__ is None


@pytest.mark.parametrize("content", ["", "[]", '{"version": 2}', '{"version": 3}', '{"version": 3, "crypto": 5}'])
async def test_keystore__that_is_none__refused_by_name(tmp_path: Path, content: str) -> None:
    path = tmp_path / "keystore"
    path.write_text(content, encoding="ascii")
    with pytest.raises(Permanent, match=str(path)):
        await KeySigner.from_keystore(path, PASSPHRASE)


@pytest.mark.parametrize(("n", "r", "needed"), [(2**19, 8, 512), (2**18, 9, 288), (2**40, 8, 2**30)])
async def test_keystore__that_takes_more_memory_than_there_is__refused_before_it_is_tried(
    tmp_path: Path, n: int, r: int, needed: int
) -> None:
    path = _keystore(tmp_path)
    keystore = json.loads(path.read_text(encoding="ascii"))
    keystore["crypto"]["kdfparams"] |= {"n": n, "r": r}
    path.write_text(json.dumps(keystore), encoding="ascii")
    with pytest.raises(Permanent, match=f"takes {needed} MB of memory; at most 256 MB"):
        await KeySigner.from_keystore(path, PASSPHRASE)


@pytest.mark.parametrize("params", ['"n"', '{"n": "8", "r": 8}', '{"n": 8}'])
async def test_keystore__with_figures_that_are_none__refused_as_damaged(tmp_path: Path, params: str) -> None:
    path = tmp_path / "keystore"
    path.write_text(f'{{"version": 3, "crypto": {{"kdf": "scrypt", "kdfparams": {params}}}}}', encoding="ascii")
    with pytest.raises(Permanent, match="another one, or it is damaged"):
        await KeySigner.from_keystore(path, PASSPHRASE)


async def test_keystore__that_is_missing_or_far_too_long__refused(tmp_path: Path) -> None:
    with pytest.raises(Permanent, match="cannot be read"):
        await KeySigner.from_keystore(tmp_path / "none", PASSPHRASE)
    path = tmp_path / "long"
    path.write_text("[" * (MAX_KEYSTORE_BYTES + 1), encoding="ascii")
    with pytest.raises(Permanent, match="is no V3 keystore"):
        await KeySigner.from_keystore(path, PASSPHRASE)


def test_signer__its_library__lets_nothing_recurse_deeper_than_the_stack_is() -> None:
    code = (
        "import sys; before = sys.getrecursionlimit(); from ultrad.adapters.signer import KeySigner;"
        f"signer = KeySigner.from_key('{KEY}'); print(before == sys.getrecursionlimit(), 'py_ecc' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert told.stdout == "True True\n"


def test_signer__shown_in_any_way__never_the_key() -> None:
    signer = KeySigner.from_key(KEY)
    shown = (repr(signer), str(signer), f"{signer}", repr([signer]), repr(vars(type(signer))))
    assert [one for one in shown for key in SHOWN if key in one] == []
    for way in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="not copied") as caught:
            way(signer)
        assert not any(key in str(caught.value) for key in SHOWN)
    assert not hasattr(signer, "__dict__")


async def test_signer__transaction_that_cannot_be__its_traceback_does_not_show_the_key() -> None:
    signer = KeySigner.from_key(KEY)
    with pytest.raises(Exception, match=r".") as caught:
        await signer.sign(Unsigned(1, -5, Call("supply", signer.address, b""), 21_000, 5, 5))
    told = "".join(traceback.format_exception(caught.value))
    assert not any(key in told for key in SHOWN)
