"""A long past: lives of signals, incidents with their notices, jobs and findings, in a journal's file."""

from collections.abc import Iterator
from decimal import Decimal
from itertools import islice
from pathlib import Path

from ultrad.adapters.journal import create
from ultrad.adapters.journal.schema import connect
from ultrad.core import incidents, intent_events, outbox, outbox_events, telling
from ultrad.core.admission import Refusal, Verdict
from ultrad.core.events import Event, Json, Level, Severity
from ultrad.core.incidents import Book
from ultrad.core.intent_steps import Mined, Purpose, Version
from ultrad.core.intents import Act, Intent
from ultrad.core.outbox import Outbox
from ultrad.core.position import Block
from ultrad.core.record import genesis, link, pack
from ultrad.core.signals import Action, Signal, Source
from ultrad.core.signs import Sign
from ultrad.core.telling import Notice, Target, Why
from ultrad.i18n import msg
from ultrad.units import Now

STEP_MS = 20_000
"""100,000 events are three weeks at this pace."""
TRADES = 3
REFUSED = 8
OTHERS = 20
"""In each round, beside one incident that is told to two channels: what a busy account's days are made of."""


def write(path: Path, count: int) -> None:
    """A journal of so many events, chained as the daemon chains them."""
    create(path)
    db = connect(path, "rw")
    db.execute("PRAGMA synchronous = OFF")
    (journal_id,) = db.execute("SELECT journal_id FROM meta").fetchone()
    digest = genesis(journal_id)
    db.execute("BEGIN")
    for seq, event in enumerate(islice(_events(), count), start=1):
        row = pack(event)
        digest = link(digest, seq, row)
        values = (row.kind, row.level, row.wall_ms, row.steady_ms, row.key, row.text, row.args, row.data, digest)
        db.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", (seq, *values))
    db.execute("COMMIT")
    db.close()


class _Time:
    def __init__(self) -> None:
        self._ms = 0

    def __call__(self) -> Now:
        self._ms += STEP_MS
        return Now(1_700_000_000_000 + self._ms, self._ms)


def _events() -> Iterator[Event]:
    time, nonce, book = _Time(), 0, Book()
    yield Event("daemon.started", Level.INFO, time(), msg("ultrad {version} has started.", version="0"))
    for number in range(1, 1_000_000):
        for place in range(TRADES):
            yield from _trade(f"{number}-{place}", nonce, time)
            nonce += 1
        for place in range(REFUSED):
            yield from _refused(f"{number}-r{place}", time)
        for event in _incident(book, number, time):
            if event.kind.startswith("incident."):
                book = incidents.after(book, event)
            yield event
        for _ in range(OTHERS):
            yield Event(
                "job.finished",
                Level.INFO,
                time(),
                msg("The job {job} went well in {ms} ms.", job="health_check", ms=412),
                {"job": "health_check", "ok": True, "duration_ms": 412},
            )


def _signal(name: str, now: Now) -> Signal:
    reason = "The news item is favourable, and two sources of another kind agree with it."
    return Signal(Source.NOTION, f"{name}-3f2a9c1e4b7d4e0f", Action.BUY, Decimal(80), reason, now.wall_ms, now)


def _trade(name: str, nonce: int, time: _Time) -> Iterator[Event]:
    signal = _signal(name, time())
    intent = Intent(signal.key, signal, signal.arrived)
    tx_hash = f"0x{nonce:064x}"
    version = Version(tx_hash, "02f8b4" + "5c" * 230, Purpose.OWN, 30 * 10**9, 10**9, time())
    mined = Mined(tx_hash, Block(20_000_000 + nonce, f"0x{nonce:064x}", 1_700_000_000), ok=True)
    figures: dict[str, Json] = {
        "funds_e8": "1000000000000", "supplied": "400000000000000000", "wallet": "90000000000000000",
        "hf_after": "2100000000000000000", "price_e8": "250000000000",
    }  # fmt: skip
    yield intent_events.proposed_event(signal)
    yield intent_events.admitted_event(intent, 20_000_000_000_000_000, 5_000_000_000, figures, time())
    yield intent_events.signed_event(intent, "supply", nonce, version)
    yield intent_events.mined_event(intent, mined, time())
    yield intent_events.confirmed_event(intent, mined, time())
    end = msg("{id} executed: {action} of {amount} ({hash}).", id=intent.id, action="BUY", amount=1, hash=tx_hash)
    yield intent_events.end_event(Act.SETTLE, intent, end, time())
    yield intent_events.written_event(intent, time())


def _refused(name: str, time: _Time) -> Iterator[Event]:
    signal = _signal(name, time())
    intent = Intent(signal.key, signal, signal.arrived)
    why = msg("the position was traded {minutes} minutes ago (cooldown: {limit})", minutes=3, limit=10)
    yield intent_events.proposed_event(signal)
    yield intent_events.refused_event(intent, (Refusal("cooldown", Verdict.SKIPPED, why),), time())
    yield intent_events.written_event(intent, time())


def _incident(book: Book, number: int, time: _Time) -> Iterator[Event]:
    what = msg("The endpoint {name} has not answered for {seconds} s.", name=f"rpc-{number}", seconds=61)
    key = ("endpoint_silent", f"rpc-{number}")
    sign = Sign(key, Severity.S2, Level.ALERT, what, stands=True, found=True, stop=False)
    data: dict[str, Json] = {"code": key[0], "subject": key[1], "severity": "S2"}
    yield Event("finding.raised", Level.ALERT, time(), what, data)
    opened = incidents.opened_event(number, sign, time())
    yield opened
    notice = Notice(Why.OPENED, Severity.S2, Level.ALERT, what, (what, what), number)
    to = (Target("slack", 0), Target("line", 0))
    keys = {one.channel: f"{one.channel}-{number}-0c1d2e3f" for one in to}
    queued = telling.queued_event(notice, f"n{number}", keys, to, time())
    yield queued
    for delivery in outbox.after(Outbox(), queued).waiting:
        yield outbox_events.unsure_event(delivery, time())
        yield outbox_events.delivered_event(delivery, "1700000000.123456", time())
    incident = incidents.after(book, opened).incidents[-1]
    yield incidents.acknowledged_event(incident, "taro", time())
    yield incidents.over_event(incident, time())
    yield Event("finding.cleared", Level.INFO, time(), what, data)
    yield incidents.resolved_event(incident, "taro", "exchanged", time())
