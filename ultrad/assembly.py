"""Puts the daemon together from a Config and what it needs from the world. Knows no adapter: tests use fakes."""

from collections.abc import Awaitable
from dataclasses import dataclass, field, replace

from ultrad import __version__, foresight, operating, pressroom, startup
from ultrad.byhand import ByHand
from ultrad.conditions import Conditions
from ultrad.config import Config
from ultrad.config.facts import fingerprint, secret_tags, texts
from ultrad.core import ends
from ultrad.core.estop import Cause
from ultrad.core.estop_rules import rescue_forbidden
from ultrad.core.events import Event, Finding, Json, Level
from ultrad.core.rounds import READ_LIMIT_S
from ultrad.core.trade_troubles import left_behind
from ultrad.core.voice import Voice
from ultrad.daemon import Daemon
from ultrad.deadman import AFTER_DEATH_S, FIRST_S, DeadmanPart
from ultrad.desk import Desk, DeskPorts
from ultrad.diary import Diary
from ultrad.distress import Distress
from ultrad.doctor import Doctor
from ultrad.estop import Estop
from ultrad.estop import Ports as EstopPorts
from ultrad.gate import Gate
from ultrad.heard import HeardJournal
from ultrad.i18n import Catalogue, Message, catalogue, msg
from ultrad.jobs.notion_schema import NotionSchema
from ultrad.jobs.scheduler import Scheduler
from ultrad.live import Holder
from ultrad.measures import Measures
from ultrad.organs import Facts, Organs
from ultrad.outside import Outside
from ultrad.ports import Clock, Journal
from ultrad.postman import Postman, PostPorts
from ultrad.reload import Reload, ReloadPorts, compare
from ultrad.resume import People, Resume, ResumePorts, random_id
from ultrad.rules import rules_of
from ultrad.startup import Past
from ultrad.supervisor import Around, Part, Supervisor, contained
from ultrad.trader import Reception, RescueMeans, Trader, TraderPorts, TradeSettings
from ultrad.upkeep import Upkeep
from ultrad.watchdog import AccountPorts, AccountWatch, MarketWatch, ReadingAge, Watchdog, WatchPorts

STOPPING = "stopping"
"""What holds the gate shut from the moment that the daemon is told to stop."""
WATCH_MARGIN_S = 30.0
"""What a round may take besides waiting for a head and for endpoints: its cross-check (at most 10 s), and trips on
a slow disk. Silence beyond that is a hang."""
TRADER_LIMIT_S = 180.0
"""One intent asks the chain six questions or so, each of which may fail over through every endpoint."""
PART_LIMIT_S = 30.0
POLL_CALLS = 3
"""So many calls make one poll of an endpoint, on a new connection."""
SLOW_PART_LIMIT_S = 900.0
"""For parts whose pace is a configured interval of up to ten minutes."""


@dataclass(frozen=True, slots=True)
class PartLimits:
    """How long parts may be silent that wait for endpoints, from how long the configuration lets them wait.

    What no outage can bring about is a hang: only that may withhold the heartbeat.
    """

    chain_s: float
    watch_s: float


@dataclass(frozen=True, slots=True)
class Assembly:
    """The daemon, put together and not yet running."""

    outside: Outside
    daemon: Daemon
    organs: Organs
    age: ReadingAge
    deadman: DeadmanPart | None
    upkeep: Upkeep
    config: Config
    trader: Trader | None = None
    unread: Message | None = None
    account: AccountWatch | None = None
    left_behind: tuple[Finding, ...] = ()

    async def start(self, causes: tuple[Cause, ...]) -> None:
        """Record the start and bring flag, journal and gate in step. causes: what stands against trading."""
        facts, journal = self.daemon.facts, self.organs.journal
        message = msg(
            "ultrad {version} started: {environment} on {network}.",
            version=facts.version,
            environment=facts.environment,
            network=facts.network,
        )
        data: dict[str, Json] = {
            "version": facts.version,
            "environment": facts.environment,
            "network": facts.network,
            "config": fingerprint(texts(self.config)),
        }
        journal.post(Event(ends.STARTED, Level.INFO, facts.started, message, data))
        self.organs.conditions.observe("left_behind", self.left_behind, facts.started)
        if self.unread is not None:
            causes = (*causes, startup.intents_unread(self.unread, facts.started))
        await self.organs.estop.start(causes)
        await compare(journal, self.config, facts.version, facts.started)

    async def run(self, doors: tuple[Part, ...], words: Catalogue, shutdown: Awaitable[None]) -> None:
        """Run until `shutdown` is done. doors: the ways in. Raises the Fatal of a part that gave up."""
        outside, organs, limits = self.outside, self.organs, _part_limits(self.config)
        around = Around(
            clock=outside.clock,
            host=outside.host,
            journal=organs.journal,
            sink=organs.conditions,
            shut=lambda: organs.gate.hold(STOPPING),
            status=lambda: self.daemon.status_line(words),
            report=outside.report,
            abandon=outside.abandon,
            fraction=outside.fraction,
            watchdog_s=outside.watchdog_s,
        )
        parts = (
            Part("journal", organs.journal.run, PART_LIMIT_S),
            Part("estop", organs.estop.run, PART_LIMIT_S),
            Part("chain", outside.chain.run, limits.chain_s),
            Part("age", self.age.run, PART_LIMIT_S),
            Part("watch", organs.watch.run, limits.watch_s),
            Part("crosscheck", organs.watch.run_crosscheck, limits.watch_s),
            Part("market", organs.market.run, SLOW_PART_LIMIT_S),
            Part("history", organs.watch.run_history, SLOW_PART_LIMIT_S, critical=False),
            Part("jobs", organs.scheduler.run, PART_LIMIT_S),
            Part("incidents", organs.desk.run, PART_LIMIT_S),
            Part("notices", organs.postman.run, PART_LIMIT_S),
            *doors,
            Part("view", self.daemon.run_view, PART_LIMIT_S, critical=False),
            Part("upkeep", self.upkeep.run, PART_LIMIT_S),
            Part("outlook", organs.outlook.run, SLOW_PART_LIMIT_S, critical=False),
        )
        if self.trader is not None:
            parts = (*parts, Part("trader", self.trader.run, TRADER_LIMIT_S))
        if self.trader is not None and self.trader.revoking is not None:
            parts = (*parts, Part("allowances", self.trader.revoking.run, TRADER_LIMIT_S, critical=False))
        if outside.trade is not None and outside.trade.rows is not None:
            schema = NotionSchema(outside.trade.rows, outside.clock, organs.conditions, contained)
            parts = (*parts, Part("notion", schema.run, SLOW_PART_LIMIT_S, critical=False))
        if self.account is not None:
            parts = (*parts, Part("account", self.account.run, TRADER_LIMIT_S))
        if self.daemon.measures is not None:
            parts = (*parts, Part("metrics", self.daemon.measures.run, PART_LIMIT_S, critical=False))
        if organs.reporter is not None:
            parts = (*parts, Part("reports", organs.reporter.run, SLOW_PART_LIMIT_S, critical=False))
        if self.deadman is not None:
            parts = (*parts, Part("deadman", self.deadman.run, SLOW_PART_LIMIT_S, critical=False))
        supervisor = Supervisor(
            parts,
            (self.organs.estop.finish, self._say_goodbye, self.daemon.mark_end, organs.journal.close),
            around,
        )
        self.daemon.supervisor = supervisor
        await supervisor.run(shutdown)

    async def _say_goodbye(self) -> None:
        now = self.outside.clock.now()
        if self.account is not None:
            self.account.keep()
        if self.daemon.measures is not None:
            self.daemon.measures.keep(now)
        self.organs.journal.post(Event(ends.STOPPED, Level.INFO, now, msg("ultrad stopped in order.")))


def assemble(config: Config, outside: Outside, past: Past) -> Assembly:
    """Put the daemon together. past: what the journal tells of the time before."""
    clock, chain = outside.clock, outside.chain
    journal = HeardJournal(outside.journal)
    conditions = Conditions(journal)
    gate = Gate(outside.flag)
    rules = Holder(rules_of(config))
    watched = rules.part(lambda now: now.watch)
    estop = Estop(
        EstopPorts(gate, outside.flag, journal, clock, conditions, outside.name_of),
        rules.part(lambda now: now.watch.rules),
        past.stop,
    )
    rescue = _rescue(config, outside)
    if rescue is not None:
        gate.beside.admit_rescues(lambda: rescue_forbidden(estop.state))
    distress = rescue.distress if rescue else None
    watch = Watchdog(WatchPorts(chain, estop, gate, journal, clock, conditions, distress), watched)
    age = ReadingAge(lambda: watch.batch_at, gate, clock, conditions, limit_s=config.network.stale_head_s)
    market = MarketWatch(chain, estop, clock, conditions, watched)
    base = TradeBase(journal, gate, estop, conditions, rescue)
    trader, reception = _trading(config, outside, past, base)
    postman = _postman(config, outside, past, journal, conditions)
    reporter = pressroom.reporter(config, outside, journal, conditions, postman, rules)
    ahead = foresight.foresight(config, outside, journal, postman, rules)
    context = operating.job_context(config, outside, journal, estop.trip, reception, ahead)
    context = replace(context, reports=reporter)
    scheduler = Scheduler(rules.part(lambda now: now.plans), context, conditions, contained, outside.report)
    desk_ports = DeskPorts(journal, clock, estop, postman, outside.new_id, outside.key_of)
    desk = Desk(desk_ports, config.tell, config.zone, past.book, past.missed)
    journal.listen(desk.take)
    organs = Organs(
        clock,
        chain,
        journal,
        gate,
        estop,
        watch,
        market,
        conditions,
        scheduler,
        desk,
        postman,
        outside.new_id,
        rules,
        ahead.outlook,
        reception,
        reporter,
    )
    daemon = Daemon(_facts(config, clock), organs, outside.keep_mark)
    daemon.measures = Measures(journal, clock, daemon.status, config.reports.look_back_ms)
    daemon.doctor = Doctor(context, daemon.status)
    resuming = ResumePorts(estop, journal, clock, daemon.resume_facts, random_id)
    daemon.resumes = Resume(resuming, _people(config, outside))
    reloading = ReloadPorts(outside.read_config, rules, journal, clock, outside.host, outside.log_level)
    daemon.reloads = Reload(reloading, config, outside.service_uid)
    daemon.diary = Diary(journal, clock, lambda: desk, past.procedures, secret_tags(config))
    deadman = _deadman(config, outside, past, daemon, conditions)
    unread = past.unread if config.trade else None
    account = daemon.account = _account(config, outside, past, trader, base)
    upkeep = Upkeep(journal, clock, conditions, past.ends, config.zone)
    left = () if config.trade else left_behind(past.blotter, past.unread)
    return Assembly(outside, daemon, organs, age, deadman, upkeep, config, trader, unread, account, left)


def _people(config: Config, outside: Outside) -> People:
    """Who may lift a stop, and how many it takes."""
    settings = config.settings
    return People(
        two=settings.environment == "production",
        identified=settings.environment != "devnet",
        service_uid=outside.service_uid,
        resumers=frozenset(settings.estop.resumers),
        login_of=outside.login_of,
    )


def _deadman(
    config: Config, outside: Outside, past: Past, daemon: Daemon, conditions: Conditions
) -> DeadmanPart | None:
    """What pings the monitor outside, where there is one."""
    if outside.deadman is None:
        return None
    return DeadmanPart(
        outside.deadman,
        daemon.late_parts,
        outside.clock,
        conditions,
        config.settings.deadman.interval_s,
        AFTER_DEATH_S if past.ends.died else FIRST_S,
    )


@dataclass(frozen=True, slots=True)
class TradeBase:
    """What the trader shares with the watch."""

    journal: Journal
    gate: Gate
    estop: Estop
    conditions: Conditions
    rescue: RescueMeans | None
    hands: ByHand = field(default_factory=ByHand)


def _rescue(config: Config, outside: Outside) -> RescueMeans | None:
    """What rescues the position, where the operators have enabled it."""
    limits, means = config.rescue, outside.trade
    if limits is None or config.trade is None or means is None or means.rescue is None:
        return None
    return RescueMeans(means.rescue, Distress(config.trade.section.position, limits.rescue_hf), limits)


def _trading(
    config: Config, outside: Outside, past: Past, base: TradeBase
) -> tuple[Trader | None, Reception | None]:
    """The trader and what stands before it; no trader where nobody knows what is in the air."""
    trade, means = config.trade, outside.trade
    if trade is None or means is None:
        return None, None
    settings = TradeSettings(
        position=trade.section.position,
        limits=trade.limits,
        chain_id=config.network.chain_id,
        dry_run=trade.dry_run,
        stuck_ms=trade.section.stuck_s * 1_000,
    )
    ports = TraderPorts(
        journal=base.journal,
        clock=outside.clock,
        gate=base.gate,
        estop=base.estop,
        conditions=base.conditions,
        market=means.market,
        ledger=means.ledger,
        signer=means.signer,
        bot=means.bot,
        fraction=outside.fraction,
        rescue=base.rescue,
        hands=base.hands,
        allowances=means.allowances,
    )
    trader = Trader(ports, settings, past.blotter) if past.unread is None else None
    return trader, Reception(trader, base.journal, settings, trade.section.asset, past.unread)


def _account(
    config: Config, outside: Outside, past: Past, trader: Trader | None, base: TradeBase
) -> AccountWatch | None:
    """What looks after the account's history. Where nobody knows what we signed, everything would look strange."""
    trade, means = config.trade, outside.trade
    if trade is None or means is None or means.history is None or trader is None:
        return None
    ports = AccountPorts(
        history=means.history,
        gate=base.gate,
        estop=base.estop,
        journal=base.journal,
        clock=outside.clock,
        sink=base.conditions,
        blotter=lambda: trader.blotter,
        new_id=outside.new_id,
    )
    watch = AccountWatch(ports, trade.section.position, past.account)
    base.hands.told_by(lambda: watch.book)
    return watch


def _postman(config: Config, outside: Outside, past: Past, journal: Journal, conditions: Conditions) -> Postman:
    voice = Voice(
        words=catalogue(config.settings.language),
        zone=config.zone,
        place=f"{config.settings.environment}/{config.network.name}",
        version=__version__,
    )
    ports = PostPorts(
        journal=journal,
        clock=outside.clock,
        sink=conditions,
        contain=contained,
        report=outside.report,
        fraction=outside.fraction,
        key_of=outside.key_of,
        render=voice.render,
    )
    return Postman(ports, outside.channels, config.post, config.tell, past.outbox)


def _facts(config: Config, clock: Clock) -> Facts:
    settings = config.settings
    return Facts(
        version=__version__,
        environment=settings.environment,
        network=config.network.name,
        positions=tuple((one.name, one.account) for one in settings.positions),
        started=clock.now(),
    )


def _part_limits(config: Config) -> PartLimits:
    return PartLimits(
        chain_s=PART_LIMIT_S + POLL_CALLS * config.settings.chain.call_timeout_s,
        watch_s=rules_of(config).watch.round_s + READ_LIMIT_S + WATCH_MARGIN_S,
    )
