"""The real adapter against stand-in nodes, set up alike for all tests here."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import anyio
from eth_abi.abi import encode

from tests.fakes.clock import FakeClock
from tests.fakes.rpc_server import INFINITE, RpcServer
from ultrad.adapters.chain.book import BookFile
from ultrad.adapters.chain.pool import RpcChain
from ultrad.adapters.chain.settings import ChainSettings, EndpointSettings
from ultrad.addresses import checksum
from ultrad.core.position import Block
from ultrad.i18n import Message

PROVIDER = checksum("0x" + "a1" * 20)
POOL = checksum("0x" + "b2" * 20)
ORACLE = checksum("0x" + "c3" * 20)
DATA_PROVIDER = checksum("0x" + "d4" * 20)
ACCOUNTS = (("main", checksum("0x" + "e5" * 20)), ("spare", checksum("0x" + "f6" * 20)))
HF = 1_886_363_636_363_636_363
SETTINGS = ChainSettings(
    chain_id=31337,
    addresses_provider=PROVIDER,
    positions=ACCOUNTS,
    call_timeout_s=0.5,
    poll_interval_s=0.02,
    quiet_s=0.2,
    max_response_bytes=200_000,
)


@dataclass
class Rig:
    """Stand-in nodes, alike unless a test makes them differ, and the chain that reads them."""

    clock: FakeClock
    servers: dict[str, RpcServer]
    told: list[Message] = field(default_factory=list)
    number: int = 100

    def __getitem__(self, name: str) -> RpcServer:
        return self.servers[name]

    def time_s(self) -> int:
        return self.clock.now().wall_ms // 1000

    async def mine(self, number: int | None = None, branch: str = "", only: tuple[str, ...] = ()) -> Block:
        """A block on every node, or on some; announced to those that listen."""
        self.number = number if number is not None else self.number + 1
        block = {}
        for name, server in self.servers.items():
            if not only or name in only:
                block = server.add(self.number, self.time_s(), branch)
                await server.announce(block)
        return Block(self.number, block["hash"], self.time_s())

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for what the loops bring about; fails after five seconds."""
        with anyio.fail_after(5):
            while not condition():  # noqa: ASYNC110 - what is waited for has no event
                await anyio.sleep(0.005)


def furnish(server: RpcServer) -> None:
    """The market's contracts and both accounts."""
    for signature, answer in (
        ("getPool()", POOL),
        ("getPriceOracle()", ORACLE),
        ("getPoolDataProvider()", DATA_PROVIDER),
    ):
        server.set(PROVIDER, signature, b"", encode(["address"], [answer]))
    server.account(POOL, ACCOUNTS[0][1], 25_000 * 10**8, 11_000 * 10**8, HF)
    server.account(POOL, ACCOUNTS[1][1], 0, 0, INFINITE)
    for _, account in ACCOUNTS:
        server.set(POOL, "getUserConfiguration(address)", encode(["address"], [account]), encode(["uint256"], [0]))


@asynccontextmanager
async def nodes(*names: str) -> AsyncIterator[Rig]:
    """Served stand-ins with one block each."""
    async with AsyncExitStack() as stack:
        servers = {name: await stack.enter_async_context(RpcServer().serving()) for name in names}
        for server in servers.values():
            furnish(server)
        rig = Rig(FakeClock(), servers)
        await rig.mine()
        yield rig


@asynccontextmanager
async def chain_of(
    rig: Rig, tmp_path: Path, *, ws: bool = True, running: bool = True, settings: ChainSettings = SETTINGS
) -> AsyncIterator[RpcChain]:
    """The adapter over all nodes of the rig, in the order of their names."""
    endpoints = [
        EndpointSettings(name, server.http, server.ws if ws else None) for name, server in rig.servers.items()
    ]
    book_file = BookFile(tmp_path / "book.json", settings.chain_id, settings.addresses_provider)
    chain = RpcChain(
        settings,
        endpoints,
        clock=rig.clock,
        pauses=lambda failures: 0.01 * failures,
        book_file=book_file,
        tell=rig.told.append,
    )
    async with chain:
        # A task rather than a task group: a fixture's end may run in another task than its start.
        task = asyncio.create_task(chain.run(lambda: None)) if running else None
        try:
            yield chain
        finally:
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)


def with_positions(count: int) -> ChainSettings:
    """The settings with so many positions."""
    return replace(
        SETTINGS, positions=tuple((f"p{index}", checksum(f"0x{index + 1:040x}")) for index in range(count))
    )
