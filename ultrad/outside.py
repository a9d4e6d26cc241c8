"""What the daemon needs of the world, as `ultrad.assembly` takes it: fakes in tests, adapters in `ultrad.app`."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from ultrad.aside import Aside
from ultrad.config import Config
from ultrad.ports import Chain, Channel, Clock, Deadman, EstopFlag, Host, JobLog, Journal, JournalHead, Probe
from ultrad.report_ports import ReportMaker
from ultrad.trade_ports import History, Ledger, Market, OctoBot, RescueMarket, Rows, Signer


@dataclass(frozen=True, slots=True)
class TradeOutside:
    """What trading needs of the world. signer, bot, rows, rescue: each None where it is not configured.

    history: None where the account is not looked after.
    """

    market: Market
    ledger: Ledger
    signer: Signer | None = None
    bot: OctoBot | None = None
    rows: Rows | None = None
    rescue: RescueMarket | None = None
    history: History | None = None


@dataclass(frozen=True, slots=True)
class Outside:
    """Everything that the daemon needs and is not itself. See `ultrad.ports` and `ultrad.supervisor.Around`.

    keep_mark: writes the end of the chain down beside the journal; raises Transient. new_id: a fresh UUID; key_of:
    a UUID made of a text, the same each time. read_config: reads the configuration again, as at the start; raises
    ConfigError, Transient or Permanent. log_level: sets the log's.
    """

    clock: Clock
    chain: Chain
    journal: Journal
    flag: EstopFlag
    host: Host
    job_log: JobLog
    probe_http: Callable[[], Awaitable[Probe]]
    name_of: Callable[[int], str]
    login_of: Callable[[int], str | None]
    report: Callable[[str, Exception], None]
    keep_mark: Callable[[JournalHead], Awaitable[None]]
    abandon: Callable[[tuple[str, ...]], None]
    fraction: Callable[[], float]
    new_id: Callable[[], str]
    key_of: Callable[[str], str]
    service_uid: int
    read_config: Callable[[], Awaitable[Config]]
    log_level: Callable[[str], None]
    channels: Mapping[str, Channel]
    trade: TradeOutside | None = None
    deadman: Deadman | None = None
    aside: Aside | None = None
    watchdog_s: float | None = None
    reports: ReportMaker | None = None
