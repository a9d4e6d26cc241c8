"""A journal of some days as the daemon leaves it: readings, jobs, signals, findings, a stop, notes, a backup."""

import math
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import anyio

from tests.fakes.foresight import situation
from ultrad.adapters.journal import create, open_journal
from ultrad.adapters.journal.journal import SqliteJournal
from ultrad.core.admission import Refusal, Verdict
from ultrad.core.drill import DrillRules, EstopDrill, Heard, estop_event
from ultrad.core.estop import Cause, resume_event, trip_event
from ultrad.core.events import Event, Json, Level, Severity
from ultrad.core.incidents import opened_event
from ultrad.core.intent_events import end_event, proposed_event, refused_event
from ultrad.core.intents import Act, Intent
from ultrad.core.metrics import Tally, tally_event
from ultrad.core.outlook import outlook
from ultrad.core.position import Block, Reading
from ultrad.core.report_care import outlook_event
from ultrad.core.signals import Action, Signal, Source
from ultrad.core.signs import Sign
from ultrad.i18n import Message, msg
from ultrad.units import INFINITE_HF, Now, UsdE8, Wad

TOKYO = ZoneInfo("Asia/Tokyo")
BEGIN = datetime(2026, 11, 22, tzinfo=TOKYO)
STEADY_MS = 5_000_000
MINUTE = timedelta(minutes=1)
STRANGER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"


def now_at(at: datetime) -> Now:
    return Now(round(at.timestamp() * 1_000), STEADY_MS + round((at - BEGIN).total_seconds() * 1_000))


@dataclass
class Days:
    """Writes events and readings at times of its own."""

    journal: SqliteJournal
    block: int = 20_000_000
    signals: int = 0
    events: list[Event] = field(default_factory=list)

    def put(self, *events: Event) -> None:
        self.events += events
        self.journal.post(*events)

    def read(self, at: datetime, hf: float, net_usd: float, position: str = "main") -> None:
        self.block += 1
        debt = 11_000 * 10**8
        self.journal.telemetry(
            [
                Reading(
                    position,
                    Block(self.block, f"0x{self.block:064x}", round(at.timestamp())),
                    "alpha",
                    INFINITE_HF if math.isinf(hf) else Wad(round(hf * 10**6) * 10**12),
                    UsdE8(debt + round(net_usd * 100) * 10**6),
                    UsdE8(debt),
                )
            ],
            now_at(at),
        )

    def find(self, at: datetime, code: str, level: Level, message: Message, subject: str = "") -> None:
        data: dict[str, Json] = {
            "source": "test",
            "code": code,
            "subject": subject,
            "severity": "S3",
            "figures": {},
        }
        self.put(Event("finding.raised", level, now_at(at), message, data))

    def job(self, at: datetime, name: str, *, ok: bool = True) -> None:
        kind, level = ("job.finished", Level.INFO) if ok else ("job.failed", Level.WARNING)
        message = msg("{job}: {result}", job=name, result=msg("done") if ok else msg("it did not answer"))
        self.put(Event(f"{kind}.{name}", level, now_at(at), message, {"job": name, "ok": ok, "duration_ms": 12}))

    def signal(self, at: datetime, *rules: str, end: Act | None = None, source: Source = Source.NOTION) -> None:
        self.signals += 1
        signal = Signal(source, f"row-{self.signals}", Action.BUY, Decimal(80), "good news", 0, now_at(at))
        intent = Intent(signal.key, signal, signal.arrived)
        self.put(proposed_event(signal))
        if rules:
            refusals = tuple(Refusal(rule, Verdict.SKIPPED, msg("no")) for rule in rules)
            self.put(refused_event(intent, refusals, now_at(at)))
        if end is not None:
            self.put(end_event(end, intent, msg("done"), now_at(at)))

    def trip(self, at: datetime) -> None:
        what = msg(
            "The health factor of {position} is {hf}, at or under {limit}.",
            position="main",
            hf="1.5902",
            limit="1.6",
        )
        cause = Cause(
            "hf_low", "main", now_at(at), "ultrad", what, (("health_factor", "1.5902"), ("limit", "1.6"))
        )
        self.put(trip_event(cause, now_at(at), flag=True))
        self.put(
            opened_event(1, Sign(("hf_low", "main"), Severity.S1, Level.EMERGENCY, what, stop=True), now_at(at))
        )


async def write_days(path: Path, days: int = 1) -> Days:
    """So many days from BEGIN on, all in one journal at that path. The caller closes it."""
    create(path)
    made = Days(open_journal(path, thin_after_hours=10_000))
    for minute in range(days * 24 * 60):
        at = BEGIN + minute * MINUTE
        wave = math.sin(minute / 229)
        if not 600 <= minute < 640:  # nothing could be read
            made.read(at, 1.86 + 0.09 * wave - (0.3 if 900 <= minute < 915 else 0), 14_000 + 700 * wave)
            made.read(at, math.inf, 2_500 + minute / 10, "spare")
        if minute % 1_000 == 0:
            await made.journal.flush()
        made.job(at, "health_check", ok=minute % 500 != 499)
        if minute % 10 == 0:
            figures = {"signals_per_10min": Tally(10, 0, 3, 12, 1), "emergency_stop_flag": Tally(10, 0, 0, 0, 0)}
            made.put(tally_event(figures, now_at(at)))
        if minute % 90 == 30:
            made.signal(at, *(("confidence",), ("cooldown", "day_limit"), ())[minute // 90 % 3], end=None)
        if minute % 360 == 100:
            made.signal(at, end=Act.SETTLE)
    made.find(
        BEGIN + 601 * MINUTE,
        "aave_silent",
        Level.ALERT,
        msg("No endpoint has answered for {seconds} s.", seconds=65),
    )
    for minute in (130, 700, 1200):
        made.find(
            BEGIN + minute * MINUTE, "probe_slow", Level.WARNING, msg("{name} took long.", name="beta"), "beta"
        )
    made.trip(BEGIN + 900 * MINUTE)
    made.put(resume_event(("taro", "hanako"), [], now_at(BEGIN + 960 * MINUTE)))
    made.put(
        Event(
            "backup.made.local",
            Level.INFO,
            now_at(BEGIN + 5 * MINUTE),
            msg("Backup made."),
            {"target": "local", "bytes": 48_123_904},
        ),
        Event(
            "backup.drilled.local",
            Level.INFO,
            now_at(BEGIN + 6 * MINUTE),
            msg("Restored."),
            {"target": "local", "ok": True, "opened": True, "elapsed_ms": 2_400},
        ),
        estop_event(EstopDrill(1, 2, 5, 6, (Heard("slack", 90),)), DrillRules(), now_at(BEGIN + 7 * MINUTE)),
        outlook_event("main", outlook(situation(), Wad(16 * 10**17), now_at(BEGIN)), now_at(BEGIN + 8 * MINUTE)),
        Event(
            "note",
            Level.INFO,
            now_at(BEGIN + 980 * MINUTE),
            msg("note"),
            {"by": "taro", "text": f"価格の急落。相場を確認して再開した（{STRANGER}）。"},
        ),
    )
    return made


def keep(path: Path, days: int = 1) -> None:
    """The same, finished; with an event loop of its own."""

    async def write() -> None:
        made = await write_days(path, days)
        await made.journal.close()

    anyio.run(write)
