"""What may stand in the configuration file: every key, its type, its default, its range and the reason for both.

The values are as written (percent, minutes, decimals); `ultrad.config.load` turns them into the exact units of the
core. `looser` names the direction in which a value is laxer than its default, so that `ultrad check` can say so.
`reload` marks what may change while the daemon runs; what is not marked, or lies in no section that is, needs a
restart.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from ultrad.config.backup import BackupSection
from ultrad.config.checks import ChecksSection
from ultrad.config.outlook import DrillSection, OutlookSection
from ultrad.config.reports import ReportsSection
from ultrad.config.rescue import RescueSection
from ultrad.config.section import RELOAD, RESTART, Number, Section
from ultrad.config.section import number as _number
from ultrad.config.section import whole as _whole
from ultrad.config.telling import DeadmanSection, NotifySection, Recipient
from ultrad.config.texts import (
    AbsolutePath,
    AddressText,
    Cron,
    Fingerprint,
    IpAddress,
    SecretRef,
    Slug,
    Symbol,
    TimezoneName,
    UserName,
)
from ultrad.config.trading import (
    DatabaseId,
    NotionSection,
    OctoBotSection,
    SignalsSection,
    SignerSection,
    TradeSection,
    UrlText,
    VersionText,
)
from ultrad.i18n import Language
from ultrad.networks import MULTICALL3, NetworkName

Environment = Literal["staging", "production", "devnet"]

MAX_POSITIONS = 1_000
"""One aggregate call reads as many in well under a block (measured: 76 ms)."""
MAX_ENDPOINTS = 10
"""Each holds two connections; more add load, not safety."""
MAX_RESUMERS = 100
"""More people than ever keep watch in turns."""
MAX_LISTED = 1_000
"""Long enough for any list of addresses or fingerprints; a bound, so that start-up has one."""


class EndpointSection(Section):
    """`[[chain.endpoints]]`: one RPC endpoint."""

    name: Slug = Field(description="Shown wherever the endpoint is meant: its URL never is.")
    http: SecretRef = Field(description="The http(s) URL for calls, as a secret.")
    ws: SecretRef | None = Field(
        default=None,
        description="The ws(s) URL for new heads, as a secret. Without it blocks are noticed by polling.",
    )


class ChainSection(Section):
    """`[chain]`: where the position is and how it is read."""

    network: NetworkName = Field(
        description="A known network, `devnet`, or `custom` for any other Aave V3 market."
    )
    chain_id: int | None = _whole(None, 1, 2**53, "Only for custom and devnet. JSON numbers are exact up to 2^53.")
    addresses_provider: AddressText | None = Field(
        default=None, description="Only for custom and devnet: the market's PoolAddressesProvider."
    )
    sequencer_feed: AddressText | None = Field(
        default=None, description="Only for custom and devnet: the Chainlink uptime feed, where the chain has one."
    )
    testnet: bool | None = Field(
        default=None, description="Only for custom: whether its coins are worthless; decides the environment."
    )
    multicall: AddressText = Field(default=MULTICALL3, description="Multicall3; the same on every known network.")
    endpoints: tuple[EndpointSection, ...] = Field(
        default=(),
        max_length=MAX_ENDPOINTS,
        description="At least one, two in production: one may lie or fall silent.",
    )
    call_timeout_s: int = _whole(
        5, 1, 30, "How long one call may take. A whole reading has 30 s, shared by the endpoints."
    )
    stale_head_s: int | None = _whole(
        None,
        5,
        600,
        "A head older than this is refused. Default by network. Under 5 s clocks disagree; 10 min is blindness.",
        looser="up",
    )
    max_lag_blocks: int | None = _whole(
        None, 1, 2_400, "An endpoint this far behind the others is refused. Default by network.", looser="up"
    )
    poll_interval_ms: int = _whole(
        1_000,
        100,
        12_000,
        "How often heads are asked for without a subscription. 12 s is Ethereum's slot.",
        looser="up",
    )
    crosscheck_blocks: int = _whole(
        20,
        1,
        300,
        "Every so many blocks a good reading is checked by a second endpoint, to find a liar.",
        looser="up",
        reload=True,
    )
    market_interval_s: int = _whole(
        30,
        1,
        600,
        "How often reserves, prices and the sequencer are read; prices age over minutes.",
        looser="up",
        reload=True,
    )
    silence_rounds: int = _whole(
        3,
        2,
        10,
        "So many rounds without any answer are silence. One alone may be a hiccup.",
        looser="up",
        reload=True,
    )
    silence_s: int = _whole(
        60, 10, 300, "Silence lasts at least this long before it trips.", looser="up", reload=True
    )


class PositionSection(Section):
    """`[[positions]]`: one account in the market."""

    name: Slug = Field(description="Unique; stands in reports, metrics and commands.")
    account: AddressText = Field(
        description="The account, in EIP-55 checksum case: a typing error is found by it."
    )
    allow_empty: bool = Field(
        default=False,
        description="Whether neither collateral nor debt is in order; otherwise it is taken for a typo.",
        json_schema_extra={"looser": "up", **RELOAD},
    )


class LimitsSection(Section):
    """`[limits]`: what the position is held against."""

    warn_hf: Number = _number("1.8", "1.1", "10", "A health factor at or under this warns.", looser="down")
    trip_hf: Number = _number(
        "1.6",
        "1.05",
        "5",
        "At or under this it trips. At 1 it is liquidated: 1.05 is the last room.",
        looser="down",
    )
    hard_floor_hf: Number = _number(
        "1.1", "1.02", "2", "Under this no override holds. Liquidation is at 1.", looser="down"
    )
    resume_hf: Number = _number(
        "1.8",
        "1.1",
        "10",
        "Only above this may a stop be lifted; 0.05 above trip_hf, or it trips again.",
        looser="down",
    )
    max_value_change_pct: Number = _number(
        "20", "1", "50", "A net value that moves by more trips. Under 1 % is daily noise.", looser="up"
    )
    value_window_h: int = _whole(
        24,
        1,
        168,
        "The window for it. Longer finds slower losses; the journal keeps a week by the minute.",
        looser="down",
    )
    oracle_max_age_s: int = _whole(
        3_600, 60, 259_200, "How old a price may be. 3 days: a daily heartbeat that missed two.", looser="up"
    )
    oracle_max_age: Annotated[
        Mapping[Symbol, Annotated[int, Field(ge=60, le=259_200)]], AfterValidator(MappingProxyType)
    ] = Field(
        default_factory=dict,
        validate_default=True,
        max_length=MAX_LISTED,
        description="The same for single reserves: many stable coins' feeds answer once a day.",
        json_schema_extra={"looser": "up"},
    )
    oracle_max_jump_pct: Number = _number(
        "10", "0.5", "50", "How far a price may be from the one before. Feeds move in steps of 0.5 %.", looser="up"
    )
    sequencer_grace_s: int = _whole(
        3_600,
        300,
        86_400,
        "How long a sequencer must be up again. Aave's own grace time is an hour.",
        looser="down",
    )


class EstopSection(Section):
    """`[estop]`: how a stop is confirmed, overridden and lifted."""

    override_minutes: int = _whole(
        30,
        1,
        120,
        "How long removing the flag holds off what it covered. Two hours is a shift's attention.",
        looser="up",
    )
    override_step_hf: Number = _number(
        "0.05", "0.01", "0.2", "A covered health factor this much worse trips again.", looser="up"
    )
    crosscheck_wait_s: int = _whole(
        2, 1, 10, "How long other endpoints have to confirm a bad reading before it trips.", looser="up"
    )
    unresolved_s: int = _whole(
        30, 5, 120, "How long two endpoints may contradict each other, gate shut, before it trips.", looser="up"
    )
    resume_id_minutes: int = _whole(15, 1, 60, "How long a resume waits for the second person.", looser="up")
    look_back_hours: int = _whole(
        1, 1, 168, "How far back a resume wants no reading at or under trip_hf.", looser="down"
    )
    resumers: tuple[UserName, ...] = Field(
        default=(),
        max_length=MAX_RESUMERS,
        description="The users who may lift a stop. Without any, everybody who reaches the control socket may.",
        json_schema_extra=RESTART,
    )
    closer_watch_minutes: int = _whole(30, 5, 1_440, "How long the watch is closer after a resume.", looser="down")


class OracleSection(Section):
    """`[oracle]`: reserves and price sources beyond those found on chain."""

    assets: tuple[AddressText, ...] = Field(
        default=(), max_length=MAX_LISTED, description="Reserves to watch although no position uses them yet."
    )
    feeds: Annotated[Mapping[Symbol, AddressText], AfterValidator(MappingProxyType)] = Field(
        default_factory=dict,
        validate_default=True,
        max_length=MAX_LISTED,
        description="Where a reserve's price source does not tell its age: the feed that does.",
    )


class GuardsSection(Section):
    """`[guards]`: what is known to belong to the other environment. Any of it here stops the start."""

    foreign_accounts: tuple[AddressText, ...] = Field(
        default=(), max_length=MAX_LISTED, description="Its accounts."
    )
    foreign_secrets_sha256: tuple[Fingerprint, ...] = Field(
        default=(),
        max_length=MAX_LISTED,
        description="The fingerprints of its secrets; nothing can be read from them.",
    )
    foreign_recipients: tuple[Recipient, ...] = Field(
        default=(), max_length=MAX_LISTED, description="Its channels' recipients (Slack's and LINE's ids)."
    )
    foreign_notion_databases: tuple[DatabaseId, ...] = Field(
        default=(), max_length=MAX_LISTED, description="Its databases of decisions."
    )
    foreign_octobot_urls: tuple[UrlText, ...] = Field(
        default=(), max_length=MAX_LISTED, description="Its OctoBots, by their addresses."
    )


class JournalSection(Section):
    """`[journal]`: the record."""

    thin_after_days: int = _whole(
        30, 8, 3_650, "Readings older than this are thinned. 8 days: the weekly report reads each of them."
    )


class HttpSection(Section):
    """`[http]`: the status page and the probes."""

    host: IpAddress = Field(default="127.0.0.1", description="Loopback, unless `exposed` says that more is meant.")
    exposed: bool = Field(
        default=False,
        description="Whether other machines are meant to reach it. It has no TLS.",
        json_schema_extra={"looser": "up"},
    )
    port: int = _whole(8_000, 0, 65_535, "0 takes any free port, on the devnet only: nobody could find it.")
    estop_token: SecretRef | None = Field(
        default=None, description="The token that may stop over HTTP, as a secret. Without it, that way is closed."
    )
    max_connections: int = _whole(100, 4, 1_000, "More are turned away; systemd gives 1024 file descriptors.")


class JobSection(Section):
    """`[jobs.NAME]`: a job. What is left out is as the job itself says."""

    enabled: bool = Field(
        default=True,
        description="Whether it is scheduled; it can be run by hand all the same.",
        json_schema_extra={"looser": "down"},
    )
    cron: Cron | None = Field(default=None, description="When: minute, hour, day, month, weekday; in `timezone`.")
    timeout_s: int | None = _whole(None, 1, 86_400, "How long one run may take.")
    missed: Literal["skip", "once"] | None = Field(
        default=None, description="Whether a run missed by sleep or downtime is made up for, once."
    )


class JobsSection(Section):
    """`[jobs]`: the jobs there are."""

    backup_daily: JobSection = Field(default_factory=JobSection, description="Makes a backup, at midnight.")
    backup_watch: JobSection = Field(
        default_factory=JobSection, description="Looks how old the newest backups are, and at the room for more."
    )
    health_check: JobSection = Field(default_factory=JobSection, description="Probes each service, every minute.")
    housekeeping: JobSection = Field(
        default_factory=JobSection, description="Seals and thins readings, every hour."
    )
    restore_drill: JobSection = Field(
        default_factory=JobSection, description="Restores the newest backup into a scratch place, every week."
    )
    monitor_daily: JobSection = Field(default_factory=JobSection, description="The daily report, at 00:30.")
    monitor_weekly: JobSection = Field(
        default_factory=JobSection, description="The weekly report, on Monday at 01:00."
    )
    trade_cycle: JobSection = Field(
        default_factory=JobSection,
        description="Takes decisions from Notion, and writes back what became of them, every minute.",
    )
    estop_drill: JobSection = Field(default_factory=JobSection, description="Tries the stop on a flag of its own.")
    notify_drill: JobSection = Field(default_factory=JobSection, description="Sends a test to each channel.")


class LogSection(Section):
    """`[log]`: the daemon's own log."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least level written.", json_schema_extra=RELOAD
    )
    format: Literal["json", "console", "auto"] = Field(
        default="auto", description="auto: readable lines on a terminal, JSON elsewhere."
    )


class Settings(Section):
    """The whole file."""

    environment: Environment = Field(description="Decides which chains, accounts and secrets are refused.")
    language: Language = Field(default="ja", description="Of everything that operators read.")
    timezone: TimezoneName = Field(default="Asia/Tokyo", description="For schedules, reports and times shown.")
    state_dir: AbsolutePath = Field(default="/var/lib/ultrad", description="Journal, lock and flag; a local disk.")
    log_dir: AbsolutePath = Field(default="/var/log/ultra", description="The jobs' log files.")
    runtime_dir: AbsolutePath = Field(default="/run/ultrad", description="The control socket.")
    denied_versions: tuple[VersionText, ...] = Field(
        default=(), max_length=MAX_LISTED, description="Versions of ultrad that start with the stop ON."
    )
    chain: ChainSection
    positions: tuple[PositionSection, ...] = Field(
        default=(), max_length=MAX_POSITIONS, description="What is watched: at least one."
    )
    limits: LimitsSection = Field(default_factory=LimitsSection, json_schema_extra=RELOAD)
    estop: EstopSection = Field(default_factory=EstopSection, json_schema_extra=RELOAD)
    oracle: OracleSection = Field(default_factory=OracleSection)
    guards: GuardsSection = Field(default_factory=GuardsSection)
    trade: TradeSection | None = Field(default=None, description="Trading. Without it, ultrad watches only.")
    signer: SignerSection | None = Field(default=None, description="Who signs what is traded.")
    notion: NotionSection | None = Field(default=None, description="Where decisions are taken from.")
    octobot: OctoBotSection | None = Field(default=None, description="The bot that gets each decision first.")
    signals: SignalsSection | None = Field(default=None, description="Decisions over HTTP.")
    rescue: RescueSection = Field(default_factory=RescueSection)
    journal: JournalSection = Field(default_factory=JournalSection)
    backup: BackupSection = Field(default_factory=BackupSection)
    http: HttpSection = Field(default_factory=HttpSection)
    notify: NotifySection = Field(default_factory=NotifySection)
    reports: ReportsSection = Field(default_factory=ReportsSection)
    deadman: DeadmanSection = Field(default_factory=DeadmanSection)
    checks: ChecksSection = Field(default_factory=ChecksSection)
    outlook: OutlookSection = Field(default_factory=OutlookSection)
    drill: DrillSection = Field(default_factory=DrillSection)
    jobs: JobsSection = Field(default_factory=JobsSection, json_schema_extra=RELOAD)
    log: LogSection = Field(default_factory=LogSection)
