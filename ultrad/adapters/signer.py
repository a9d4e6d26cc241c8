"""Who signs: a key from a V3 keystore, or the devnet's public one. The key itself never leaves its object.

Source of the format: Ethereum's Web3 Secret Storage (keystore V3). Opening one by scrypt (n = 262144) takes most
of a second and some 300 MB for a moment: once, in a thread.
"""

import ctypes
import sys
from importlib import import_module
from pathlib import Path
from typing import Any, Self

import anyio.to_thread
import orjson

from ultrad.addresses import checksum
from ultrad.errors import Fatal, Permanent
from ultrad.i18n import msg
from ultrad.trade_ports import Call, Signed, Unsigned
from ultrad.units import Address

MAX_KEYSTORE_BYTES = 64 * 1024
"""A keystore has some 500 bytes; a longer file is another one."""
MAX_SCRYPT_BYTES = 256 * 2**20
"""What opening one may take: 128 * n * r (RFC 7914, 5), with n = 262144 and r = 8 as wallets have it. The unit's
MemoryMax would end the daemon at twice that, again at each start."""
_PR_SET_DUMPABLE = 4
"""prctl(2): with 0, no core dump is written, and no other process of this user may look into our memory."""


def _library(name: str) -> Any:  # noqa: ANN401 - a module
    """A part of eth_account: 40 MB, only for those who sign.

    With it comes py_ecc, which lets Python recurse a hundred times as deep as its stack is: after that any deep
    JSON from outside, until then a RecursionError, would end the process.
    """
    limit = sys.getrecursionlimit()
    try:
        return import_module(name)
    finally:
        sys.setrecursionlimit(limit)


class KeySigner:
    """Implements `Signer` with a key in this process. Made by `from_keystore` or `from_key`."""

    __slots__ = ("__account", "_address")

    def __init__(self, account: Any) -> None:  # noqa: ANN401 - eth_account's LocalAccount, imported only where needed
        """account: an `eth_account` account with its key."""
        self.__account = account
        self._address = checksum(account.address)

    @classmethod
    def from_key(cls, key: str) -> Self:
        """From the key itself, 0x and 64 hex digits: on the devnet, where it is public."""
        return cls(_library("eth_account").Account.from_key(key))

    @classmethod
    async def from_keystore(cls, path: Path, passphrase: str) -> Self:
        """Open a keystore, once. Raises Permanent for a file that is none, or another passphrase."""
        return await anyio.to_thread.run_sync(cls._open, path, passphrase)

    @classmethod
    def _open(cls, path: Path, passphrase: str) -> Self:
        account, keystore = _library("eth_account").Account, _read(path)
        failure = None
        try:
            return cls(account.from_key(account.decrypt(keystore, passphrase)))
        except (ValueError, TypeError, KeyError):
            failure = Permanent(
                msg(
                    "The keystore {path} cannot be opened: its passphrase is another one, or it is damaged.",
                    path=str(path),
                )
            )
        raise failure  # outside the handler: the library's error may hold parts of what it was given

    def __repr__(self) -> str:
        return f"KeySigner({self._address})"

    def __reduce__(self) -> str:
        raise TypeError("a key is not copied to anywhere")

    @property
    def address(self) -> Address:
        """The account that it signs for."""
        return self._address

    async def sign(self, what: Unsigned) -> Signed:
        """Sign an EIP-1559 transaction (type 2)."""
        signed = self.__account.sign_transaction(
            {
                "type": 2,
                "chainId": what.chain_id,
                "nonce": what.nonce,
                "to": what.call.to,
                "value": what.call.value_wei,
                "data": what.call.data,
                "gas": what.gas,
                "maxFeePerGas": what.max_fee_wei,
                "maxPriorityFeePerGas": min(what.tip_wei, what.max_fee_wei),
                "accessList": [],
            }
        )
        return Signed(bytes(signed.raw_transaction), "0x" + bytes(signed.hash).hex())

    def opened(self, raw: bytes) -> Unsigned:
        """See the port."""
        typed = _library("eth_account.typed_transactions.typed_transaction").TypedTransaction
        fields = typed.from_bytes(_library("hexbytes").HexBytes(raw)).as_dict()
        return Unsigned(
            chain_id=fields["chainId"],
            nonce=fields["nonce"],
            call=Call("", checksum("0x" + bytes(fields["to"]).hex()), bytes(fields["data"]), fields["value"]),
            gas=fields["gas"],
            max_fee_wei=fields["maxFeePerGas"],
            tip_wei=fields["maxPriorityFeePerGas"],
        )


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            content = orjson.loads(file.read(MAX_KEYSTORE_BYTES))
    except OSError as error:
        raise Permanent(
            msg("The keystore {path} cannot be read: {reason}", path=str(path), reason=error.strerror or "")
        ) from None
    except ValueError:
        content = None
    if not isinstance(content, dict) or content.get("version") != 3:  # noqa: PLR2004 - the format's own number
        raise Permanent(
            msg("{path} is no V3 keystore. Make one with a wallet's export, and give its file.", path=str(path))
        )
    if (needed := _scrypt_bytes(content)) > MAX_SCRYPT_BYTES:
        raise Permanent(
            msg(
                "Opening the keystore {path} takes {needed} MB of memory; at most {most} MB are allowed. Export "
                "it anew with scrypt's n = 262144 and r = 8, as most wallets do.",
                path=str(path),
                needed=needed // 2**20,
                most=MAX_SCRYPT_BYTES // 2**20,
            )
        )
    return content


def _scrypt_bytes(keystore: dict[str, Any]) -> int:
    """What scrypt takes to open it; 0 where it is closed by something else, or cannot be opened at all."""
    crypto = keystore.get("crypto", keystore.get("Crypto"))
    params = crypto.get("kdfparams") if isinstance(crypto, dict) else None
    if not isinstance(params, dict):
        return 0
    n, r = params.get("n"), params.get("r")
    return 128 * n * r if isinstance(n, int) and isinstance(r, int) else 0


def keep_memory_private() -> None:
    """No core dumps, and no look into our memory by others of this user. Raises Fatal where the kernel refuses."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        raise Fatal(msg("The kernel does not let this process keep its memory private (prctl)."))
