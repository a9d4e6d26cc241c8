"""The market watch: reserves, prices and sequencer, at an easier pace than the positions."""

import anyio

from ultrad.core import assess
from ultrad.core.position import Market
from ultrad.errors import Transient
from ultrad.estop import Estop
from ultrad.live import Live
from ultrad.ports import Chain, Clock, FindingSink, Turned
from ultrad.watchdog import findings_of
from ultrad.watchdog.positions import WatchSettings, watches_closer

CLOSER_INTERVAL_S = 2.0
"""How often the market is read during the closer watch after a resume, and while it cannot be read."""
FAILED_RUNS = 2
"""So many readings in a row that fail are no hiccup, as where a block went while it was read."""


class MarketWatch:
    """Reads the market and says what stands against a new trade. It never trips."""

    def __init__(
        self, chain: Chain, estop: Estop, clock: Clock, sink: FindingSink, live: Live[WatchSettings]
    ) -> None:
        """Nothing is known at first."""
        self._chain, self._estop, self._clock, self._sink = chain, estop, clock, sink
        self._live = live
        self._tracks: dict[str, assess.PriceTrack] = {}
        self._failed = 0
        self.market: Market | None = None

    async def run(self, turned: Turned) -> None:
        """Read the market, for ever."""
        if self.market is None:
            self._sink.observe("market", (findings_of.market_unread(),), self._clock.now())
        while True:
            await self.round()
            turned()
            closer = self._failed > 0 or watches_closer(self._estop, self._clock.now())
            interval_s = self._live.now.market_interval_s
            with anyio.move_on_after(min(CLOSER_INTERVAL_S, interval_s) if closer else interval_s):
                await self._live.changed()

    async def round(self) -> None:
        """One reading of the market, and what follows from it."""
        try:
            market = await self._chain.market()
        except Transient as error:
            self._failed += 1
            found = findings_of.market_unreadable(error, lasting=self._failed >= FAILED_RUNS)
            self._sink.observe("market", (found,), self._clock.now())
            return
        self._failed = 0
        tracks = []
        for reserve in market.reserves:
            answer = (reserve.price_e8, reserve.price_updated_s)
            known = self._tracks.get(reserve.symbol, assess.PriceTrack(reserve.symbol, *answer))
            tracks.append(known.then(*answer))
        self._tracks = {track.symbol: track for track in tracks}
        self.market = market
        # Ages are taken on the chain's own time; that its head is not stale is looked at apart.
        findings = assess.market_findings(market, tuple(tracks), self._live.now.limits, market.block.time_s)
        self._sink.observe("market", findings, self._clock.now())
