"""What the daemon needs of the world, as `ultrad.assembly` takes it: fakes in tests, adapters in `ultrad.app`."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from ultrad.aside import Aside
from ultrad.checks import Backups, Disks, Logs, TimeTellers
from ultrad.config import Config
from ultrad.outlook import Situations
from ultrad.ports import Chain, Channel, Clock, Deadman, EstopFlag, Host, JobLog, Journal, JournalHead, Probe
from ultrad.report_ports import ReportMaker
from ultrad.trade_ports import Allowances, History, Ledger, Market, OctoBot, RescueMarket, Rows, Signer


@dataclass(frozen=True, slots=True)
class TradeOutside:
    """What trading needs of the world. signer, bot, rows, rescue: each None where it is not configured.

    history: None where the account is not looked after; allowances: where nobody looks at them.
    """

    market: Market
    ledger: Ledger
    signer: Signer | None = None
    bot: OctoBot | None = None
    rows: Rows | None = None
    rescue: RescueMarket | None = None
    history: History | None = None
    allowances: Allowances | None = None


@dataclass(frozen=True, slots=True)
class CheckMeans:
    """What `health_check` looks at besides the services. backups: None where none are made."""

    disks: Disks
    tellers: TimeTellers
    logs: Logs
    backups: Backups | None = None


@dataclass(frozen=True, slots=True)
class Outside:
    """Everything that the daemon needs and is not itself. See `ultrad.ports` and `ultrad.supervisor.Around`.

    keep_mark: writes the end of the chain down beside the journal; raises Transient. new_id: a fresh UUID; key_of:
    a UUID made of a text, the same each time. read_config: reads the configuration again, as at the start; raises
    ConfigError, Transient or Permanent. log_level: sets the log's. checks: None where nothing else is looked at.
    scratch: makes a flag for a drill, in a directory of its own that is gone afterwards; raises Transient.
    situations: positions in detail.
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
    scratch: Callable[[], AbstractAsyncContextManager[EstopFlag]]
    situations: Situations
    trade: TradeOutside | None = None
    deadman: Deadman | None = None
    aside: Aside | None = None
    watchdog_s: float | None = None
    reports: ReportMaker | None = None
    checks: CheckMeans | None = None
