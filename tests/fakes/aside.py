"""Heavy work that is done at once, by what a test says."""

from collections.abc import Awaitable, Callable, Mapping

import anyio

from ultrad.core.events import Json
from ultrad.errors import Permanent, Transient
from ultrad.i18n import Message, msg

FakeWork = Callable[[Mapping[str, Json], Callable[[Message], None]], Awaitable[Mapping[str, Json]]]


class FakeAside:
    """Implements `Aside`. `asked` holds each work with its arguments, in order."""

    def __init__(self, works: Mapping[str, FakeWork] | None = None) -> None:
        self.works = dict(works or {})
        self.asked: list[tuple[str, Mapping[str, Json]]] = []

    async def run(
        self,
        work: str,
        arguments: Mapping[str, Json],
        timeout_s: float,
        told: Callable[[Message], None] = lambda _: None,
    ) -> Mapping[str, Json]:
        self.asked.append((work, arguments))
        if work not in self.works:
            raise Permanent(msg("There is no such work."))
        try:
            with anyio.fail_after(timeout_s):
                return await self.works[work](arguments, told)
        except TimeoutError:
            raise Transient(msg("It took too long.")) from None
