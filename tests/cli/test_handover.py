"""`ultrad note`, `notes` and `handover`: with the daemon, and from what it left."""

import json
from dataclasses import replace

import anyio
import pytest

from tests.cli.conftest import Desk, apart
from tests.core.make import cause
from tests.fakes.daemon import FakeDaemon
from tests.fakes.operations import NOW, ON
from ultrad.adapters.journal import open_journal
from ultrad.core.estop import trip_event
from ultrad.core.events import Event, Json, Level, Recorded, Severity
from ultrad.core.incidents import opened_event
from ultrad.core.position import Batch, Block, Reading
from ultrad.core.signs import Sign
from ultrad.errors import Permanent
from ultrad.i18n import Message, msg
from ultrad.units import Now, UsdE8, Wad

CHANGE: dict[str, Json] = {"key": "limits.trip_hf", "old": "1.6", "new": "1.5", "looser": True}
SECRET: dict[str, Json] = {"key": "notion.token (secret)", "old": "•", "new": "changed", "looser": False}


def event(kind: str, message: Message | None = None, **data: Json) -> Event:
    return Event(kind, Level.INFO, NOW, message or msg("{kind} happened", kind=kind), data)


def note(text: str) -> Event:
    return event("note", msg("Note of {by}: {text}", by="taro", text=text), by="taro", uid=1000, text=text)


def recorded(*events: Event) -> tuple[Recorded, ...]:
    return tuple(Recorded(seq, "ab" * 32, one) for seq, one in enumerate(events, 1))


def test_note__is_handed_over_in_one_line(desk: Desk, daemon: FakeDaemon) -> None:
    ran = desk.ultrad("note", "the new RPC is\n slow at noon")
    assert (ran.code, "ultrad handover" in ran.out) == (0, True)
    assert [text for _, text in daemon.operations.notes] == ["the new RPC is slow at noon"]
    daemon.operations.error = Permanent(msg("not now"))
    assert desk.ultrad("note", "x").err == "not now\n"


def test_note__daemon_down__says_what_to_do(desk: Desk) -> None:
    ran = desk.ultrad("note", "x")
    assert (ran.code, "systemctl start ultrad" in ran.err) == (3, True)


def test_notes__plain_json_and_none(desk: Desk, daemon: FakeDaemon) -> None:
    assert "No note" in desk.ultrad("notes").out
    daemon.operations.journal = recorded(note("first"), note("second"))
    lines = desk.ultrad("notes").out.splitlines()
    assert [line.split("  ")[1:] for line in lines] == [["taro", "first"], ["taro", "second"]]
    found = json.loads(desk.ultrad("notes", "--json").out)["notes"]
    assert [(one["by"], one["uid"], one["text"]) for one in found] == [
        ("taro", 1000, "first"),
        ("taro", 1000, "second"),
    ]
    assert desk.ultrad("notes", "--since", "tuesday").code == 2


def test_handover__daemon_up__one_page(desk: Desk, daemon: FakeDaemon) -> None:
    daemon.operations.shown = replace(daemon.operations.shown, estop=ON)
    daemon.operations.journal = recorded(
        note("watch the USDC feed"),
        event("config.changed", changes=[CHANGE, SECRET]),
        event("job.failed.backup_daily"),
        event("intent.settled"),
        event("intent.refused", rules=[{"rule": "cooldown"}]),
        *(event("resume.refused") for _ in range(35)),
    )
    ran = desk.ultrad("handover")
    assert ran.code == 0, ran.err
    rows = [" ".join(line.split()) for line in ran.out.splitlines()]
    for words in (
        "watch the USDC feed",
        "limits.trip_hf: 1.6 → 1.5 (looser than before)",
        "notion.token (secret): • → changed",
        "job.failed.backup_daily happened",
        "… and 5 before these",
        "ON since",
        "the health factor fell to 1.5845",
        "The channel line takes no notices.",
    ):
        assert any(words in row for row in rows), (words, ran.out)
    assert "executed 1" in rows
    assert "stopped by the rule cooldown 1" in rows
    found = json.loads(desk.ultrad("handover", "--json").out)
    assert (found["live"], found["estop"], found["skipped"]) == (True, "on", {"cooldown": 1})
    changes = found["chapters"]["changes"]["events"][0]["changes"]
    assert [one["key"] for one in changes] == ["limits.trip_hf", "notion.token (secret)"]


def test_handover__japanese__is_in_japanese(desk: Desk, daemon: FakeDaemon) -> None:
    daemon.operations.journal = recorded(note("x"))
    desk.write("ja")
    assert "引き継ぎ" in desk.ultrad("handover").out


def test_handover__daemon_down__from_the_journals_file(desk: Desk) -> None:
    assert desk.ultrad("init").code == 0

    async def leave() -> None:
        journal = open_journal(desk.home / "state/journal.db", thin_after_hours=24)
        now = Now(NOW.wall_ms, 10_000_000)
        settings: Json = {"trade.dry_run": "true"}
        sign = Sign(("disk_full", ""), Severity.S2, Level.ALERT, msg("The disk is full."))
        wrote = replace(note("a word"), now=now)
        journal.telemetry(batch().readings, now)
        await journal.append(
            Event("daemon.started", Level.INFO, now, msg("x"), {"version": "9.9.9"}),
            Event("config.loaded", Level.INFO, now, msg("x"), {"settings": settings}),
            trip_event(cause("hf_low", "main", now), now, flag=True),
            opened_event(1, sign, now),
            wrote,
        )
        await journal.close()

    apart(anyio.run, leave)
    ran = desk.ultrad("handover", "--hours", "744")
    assert ran.code == 0, ran.err
    assert "journal's file" in ran.err
    for words in ("DOWN. As ultrad 9.9.9 left it", "ON since", "The disk is full.", "DRY RUN", "1.7000"):
        assert words in ran.out, (words, ran.out)
    assert json.loads(desk.ultrad("handover", "--json").out)["flag"] is False


def batch() -> Batch:
    block = Block(7, "0x" + "ab" * 32, NOW.wall_ms // 1_000)
    reading = Reading("main", block, "a", Wad(17 * 10**17), UsdE8(25_000 * 10**8), UsdE8(11_000 * 10**8))
    return Batch(block, "a", (reading,), ())


@pytest.mark.parametrize("hours", ["0", "-1", "10000"])
def test_handover__odd_hours__is_a_usage_error(desk: Desk, hours: str) -> None:
    assert desk.ultrad("handover", f"--hours={hours}").code == 2
