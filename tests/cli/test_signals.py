"""`ultrad signal send`, `ultrad signals` and `ultrad version deny | allow`."""

import json
import os
from dataclasses import replace

import pytest

from tests.cli.conftest import Desk
from tests.fakes.daemon import FakeDaemon
from tests.fakes.operations import NOW
from ultrad import __version__, offline
from ultrad.adapters import denied
from ultrad.core.allowances import Allowance
from ultrad.core.intents import Stage
from ultrad.core.signals import Action, Source
from ultrad.core.trade_status import IntentLine, RuleLine, TradeStatus
from ultrad.errors import Permanent, Transient
from ultrad.i18n import Message, msg
from ultrad.paths import Paths
from ultrad.units import Address

SETTLED = IntentLine(
    id="notion:1",
    source=Source.NOTION,
    action=Action.BUY,
    confidence="80",
    reason="a rate cut",
    arrived_ms=NOW.wall_ms,
    stage=Stage.SETTLED,
    value_e8="5000000000",
    hash="0xab",
    end=msg("{id} executed", id="notion:1"),
    ended_ms=NOW.wall_ms,
    written=True,
)
STOPPED = IntentLine(
    id="http:2",
    source=Source.HTTP,
    action=Action.SELL,
    confidence="55.5",
    reason="",
    arrived_ms=NOW.wall_ms,
    stage=Stage.REFUSED,
    value_e8="0",
    hash="",
    end=msg("{id} is skipped", id="http:2"),
    ended_ms=NOW.wall_ms,
    written=False,
    rules=(
        RuleLine("confidence", "skipped", msg("too unsure")),
        RuleLine("cooldown", "skipped", msg("too soon")),
    ),
)


def _trade(trouble: Message | None = None, *, dry_run: bool = False) -> TradeStatus:
    return TradeStatus(
        dry_run=dry_run,
        position="main",
        asset="0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48",
        signs=True,
        trouble=trouble,
        used_e8=50 * 10**8,
        limit_e8=None,
        in_the_air="http:3",
        waiting=1,
        recent=(SETTLED, STOPPED),
    )


def test_status__allowance_left_over_and_its_revocation__both_shown(desk: Desk, daemon: FakeDaemon) -> None:
    left = Allowance(Address("0x" + "1" * 40), "WETH", 10**18, Address("0x" + "2" * 40), True, 5 * 10**16)
    revoking = replace(
        STOPPED, id="revocation:1", source=Source.REVOCATION, stage=Stage.UNDER_WAY, end=None, rules=()
    )
    trade = replace(_trade(), left=(left,), recent=(revoking,))
    daemon.operations.shown = replace(daemon.operations.shown, trade=trade)
    rows = [" ".join(line.split()) for line in desk.ultrad("status").out.splitlines()]
    assert "Left over WETH: the pool 0x2222…2222 may take 0.05 (ultrad allowances)" in rows
    assert "revocation:1 revocation: on its way on chain" in rows


# ---------------------------------------------------------------- send


def test_send__a_decision__handed_in_with_who_and_why(desk: Desk, daemon: FakeDaemon) -> None:
    ran = desk.ultrad("signal", "send", "BUY", "--confidence", "80.5", "--reason", "a rate cut", "--id", "x1")
    assert (ran.code, ran.out) == (0, "Taken: operator:x1. What becomes of it: ultrad signals\n")
    (decision,) = daemon.operations.decisions
    assert (decision.source, decision.action, str(decision.confidence)) == (Source.OPERATOR, Action.BUY, "80.5")
    assert decision.reason == f"uid {os.getuid()}: a rate cut"


def test_send__the_same_id_again__told_what_became_of_it(desk: Desk, daemon: FakeDaemon) -> None:
    del daemon
    send = ("signal", "send", "BUY", "--confidence", "80", "--reason", "x", "--id", "x1")
    assert desk.ultrad(*send).code == 0
    ran = desk.ultrad(*send)
    assert (ran.code, ran.err) == (1, "The signal operator:x1 came before: done\n")


def test_send__no_id__each_has_its_own(desk: Desk, daemon: FakeDaemon) -> None:
    for _ in range(2):
        assert desk.ultrad("signal", "send", "HOLD", "--confidence", "1", "--reason", "x", "--json").code == 0
    assert len({one.id for one in daemon.operations.decisions}) == 2


def test_send__nobody_answers__says_how_to_send_it_again(desk: Desk) -> None:
    ran = desk.ultrad("signal", "send", "BUY", "--confidence", "80", "--reason", "x", "--id", "x1")
    assert ran.code == 3
    assert "--id x1" in ran.err


@pytest.mark.parametrize("confidence", ["high", "NaN", ""])
def test_send__confidence_that_is_no_number__usage(desk: Desk, confidence: str) -> None:
    assert desk.ultrad("signal", "send", "BUY", "--confidence", confidence, "--reason", "x").code == 2


def test_send__beyond_its_range__the_field_is_named(desk: Desk, daemon: FakeDaemon) -> None:
    del daemon
    ran = desk.ultrad("signal", "send", "BUY", "--confidence", "101", "--reason", "x")
    assert ran.code == 1
    assert ran.err.startswith("confidence: must be a number from 0 to 100")


def test_send__trading_not_configured__said(desk: Desk, daemon: FakeDaemon) -> None:
    daemon.operations.error = Permanent(msg("Trading is not configured: write [trade]."))
    ran = desk.ultrad("signal", "send", "BUY", "--confidence", "1", "--reason", "x")
    assert (ran.code, ran.err) == (1, "Trading is not configured: write [trade].\n")


# ---------------------------------------------------------------- list


def test_signals__what_came__every_rule_on_a_line_of_its_own(desk: Desk, daemon: FakeDaemon) -> None:
    daemon.operations.lines = (STOPPED, SETTLED)
    ran = desk.ultrad("signals", "--limit", "5")
    assert ran.code == 0
    assert daemon.operations.limits == [5]
    lines = [" ".join(line.split()) for line in ran.out.splitlines()]
    assert any(line.endswith("SELL: stopped by confidence, cooldown") for line in lines)
    assert "confidence too unsure" in lines
    assert "cooldown too soon" in lines
    assert any("executed $50.00 a rate cut notion:1 executed" in line for line in lines)


def test_signals__as_json__all_of_it(desk: Desk, daemon: FakeDaemon) -> None:
    daemon.operations.lines = (STOPPED,)
    (line,) = json.loads(desk.ultrad("signals", "--json").out)["signals"]
    assert [rule["rule"] for rule in line["rules"]] == ["confidence", "cooldown"]


def test_signals__none__said(desk: Desk, daemon: FakeDaemon) -> None:
    del daemon
    assert desk.ultrad("signals").out == "No signal has come yet.\n"


@pytest.mark.parametrize("limit", ["0", "1001"])
def test_signals__limit_beyond_its_range__usage(desk: Desk, limit: str) -> None:
    assert desk.ultrad("signals", "--limit", limit).code == 2


# ---------------------------------------------------------------- status


@pytest.mark.parametrize(
    ("trade", "said"),
    [
        (_trade(), "transactions are sent"),
        (_trade(dry_run=True), "DRY RUN: nothing is sent"),
        (_trade(msg("the record is torn")), "nothing is traded: the record is torn"),
    ],
)
def test_status__trading__said_plainly(desk: Desk, daemon: FakeDaemon, trade: TradeStatus, said: str) -> None:
    daemon.operations.shown = replace(daemon.operations.shown, trade=trade)
    out = desk.ultrad("status").out
    assert said in out
    assert "$50.00 in 24 hours; the limit is known after the first signal that is judged" in out
    assert "http:3" in out


# ---------------------------------------------------------------- versions


@pytest.fixture
def paths(desk: Desk) -> Paths:
    class Here:
        state_dir, runtime_dir = str(desk.home / "state"), str(desk.home / "run")

    found = Paths.of(Here())
    found.state.mkdir()
    return found


def test_deny__a_version__written_for_the_next_start_and_taken_back(desk: Desk, paths: Paths) -> None:
    ran = desk.ultrad("version", "deny", __version__, "--reason", "it rounds up")
    assert (ran.code, ran.out.splitlines()[0]) == (
        0,
        f"Version {__version__} is denied: it starts with the stop ON.",
    )
    assert "To stop it now" in ran.out
    (one,) = denied.read(paths.denied)
    assert (one.version, one.reason) == (__version__, "it rounds up")
    assert paths.denied.stat().st_mode & 0o777 == 0o600
    desk.ultrad("version", "deny", __version__, "--reason", "again")
    assert [one.reason for one in denied.read(paths.denied)] == ["again"]
    assert desk.ultrad("version", "allow", __version__).code == 0
    assert denied.read(paths.denied) == ()
    assert desk.ultrad("version", "allow", __version__).code == 1


def test_deny__what_is_no_version__usage(desk: Desk, paths: Paths) -> None:
    del paths
    assert desk.ultrad("version", "deny", "latest", "--reason", "x").code == 2


def test_deny__state_that_is_not_there__said(desk: Desk) -> None:
    ran = desk.ultrad("version", "deny", "1.0", "--reason", "x")
    assert ran.code == 1
    assert "denied.json cannot be written" in ran.err


def test_version__alone__still_printed(desk: Desk) -> None:
    assert desk.ultrad("version").out == f"ultrad {__version__}\n"


@pytest.mark.parametrize("content", ["{", "[1]", '[{"version": 1}]', "{}x"])
def test_denied__damaged__nobody_can_say(desk: Desk, paths: Paths, content: str) -> None:
    paths.denied.write_text(content, encoding="utf-8")
    with pytest.raises(Permanent, match="is damaged"):
        denied.read(paths.denied)
    assert desk.ultrad("version", "deny", "1.0", "--reason", "x").code == 1


def test_denied__a_directory_in_its_place__nobody_can_say(paths: Paths) -> None:
    paths.denied.mkdir()
    with pytest.raises(Transient):
        denied.read(paths.denied)
    with pytest.raises(Transient):
        offline.deny(paths, "1.0", "x", "me")
