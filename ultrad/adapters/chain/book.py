"""A market's contracts: read from its PoolAddressesProvider, kept in a file for the next start."""

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import anyio
import orjson

from ultrad.adapters.chain import aave, abi
from ultrad.adapters.chain.abi import Malformed
from ultrad.adapters.chain.endpoint import Endpoint, payloads
from ultrad.adapters.chain.rpc import NodeFailed
from ultrad.addresses import ZERO, checksum, is_address
from ultrad.core.position import Block
from ultrad.errors import Transient
from ultrad.i18n import Message, msg
from ultrad.units import Address

MAX_BOOK_BYTES = 4096
"""The file holds five short values."""


@dataclass(frozen=True, slots=True)
class Book:
    """The contracts of one Aave V3 market."""

    pool: Address
    oracle: Address
    data_provider: Address


async def fetch(endpoint: Endpoint, block: Block, provider: Address) -> Book:
    """What `PoolAddressesProvider` says at that block. Raises Transient."""
    selectors = (aave.GET_POOL, aave.GET_PRICE_ORACLE, aave.GET_POOL_DATA_PROVIDER)
    answers = await endpoint.aggregate(block, payloads([aave.call(provider, selector) for selector in selectors]))
    try:
        found = [abi.address(answer or b"") for answer in answers]
    except Malformed:
        found = []
    if not found or ZERO in found:
        raise NodeFailed(
            msg(
                "Endpoint {endpoint} finds no Aave market at the PoolAddressesProvider {address}. Check the"
                " network's settings.",
                endpoint=endpoint.name,
                address=provider,
            )
        )
    return Book(*found)


async def confirm(
    first: Endpoint, found: Book, others: Sequence[Endpoint], provider: Address, wall_s: float
) -> None:
    """Ask the first of the others that can say for the same. Raises Transient where it says otherwise.

    One lying endpoint must not point all the others at contracts of its own.
    """
    for endpoint in others:
        try:
            other = await fetch(endpoint, await endpoint.fresh_head(wall_s), provider)
        except Transient:
            continue  # whoever cannot say does not contradict
        if other != found:
            raise Transient(
                msg(
                    "Endpoints {first} and {second} name different Aave contracts for the same market; neither"
                    " is believed. One of them lies: compare with Aave's published addresses.",
                    first=first.name,
                    second=endpoint.name,
                )
            )
        return


class BookFile:
    """The book's copy on disk. It is a cache: lost or unusable, it is read from the chain again."""

    def __init__(self, path: Path, chain_id: int, provider: Address) -> None:
        """The chain and the provider that the copy must be of."""
        self._path = path
        self._of = {"chain_id": chain_id, "addresses_provider": provider}

    def load(self) -> Book | None:
        """The copy, or None where there is none that is whole and of this market."""
        try:
            with self._path.open("rb") as file:
                content = orjson.loads(file.read(MAX_BOOK_BYTES))
        except (OSError, orjson.JSONDecodeError):
            return None
        if not isinstance(content, dict) or any(content.get(key) != value for key, value in self._of.items()):
            return None
        found = [content.get(key) for key in Book.__dataclass_fields__]
        if not all(isinstance(one, str) and is_address(one) for one in found):
            return None
        return Book(*(checksum(str(one)) for one in found))

    async def save(self, book: Book) -> None:
        """Replace the copy as a whole. Raises Transient where the disk refuses."""
        content = orjson.dumps(self._of | asdict(book), option=orjson.OPT_INDENT_2)
        try:
            await anyio.to_thread.run_sync(_replace, self._path, content)  # a slow disk must delay no reading
        except OSError as error:
            raise Transient(
                msg(
                    "The contracts' addresses could not be kept in {path}: {reason}. Without it a start needs the"
                    " chain. Check the disk and the directory's owner.",
                    path=str(self._path),
                    reason=error.strerror or type(error).__name__,
                )
            ) from error


def _replace(path: Path, content: bytes) -> None:
    draft = path.with_name(path.name + ".new")
    with draft.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def changed(book: Book) -> Message:
    """What operators are told where a market's contracts are others than before."""
    return msg(
        "The Aave market's contracts changed: pool {pool}, oracle {oracle}, data provider {data_provider}. They "
        "are used from now on. Compare them with Aave's published addresses.",
        pool=book.pool,
        oracle=book.oracle,
        data_provider=book.data_provider,
    )
