"""`ultrad expect`, and what the status shows of it."""

import json
from dataclasses import replace

import pytest

from tests.cli.conftest import Desk
from tests.fakes.daemon import FakeDaemon
from ultrad.core.status import ExpectedLine
from ultrad.core.wire import from_json
from ultrad.errors import Permanent
from ultrad.i18n import msg
from ultrad.operations import ExpectRequest

SAID = ("expect", "--kind", "transfer", "--reason", "to the cold wallet")


def test_expect__plain__is_handed_over_with_its_defaults(desk: Desk, daemon: FakeDaemon) -> None:
    ran = desk.ultrad(*SAID)
    assert ran.code == 0
    assert "(transfer) within 30 minutes" in ran.out
    assert [one for _, one in daemon.operations.announced] == [ExpectRequest("transfer", "to the cold wallet", 30)]


def test_expect__amount_minutes_and_json__as_given(desk: Desk, daemon: FakeDaemon) -> None:
    ran = desk.ultrad(*SAID, "--max-usd", "1500.25", "--minutes", "5", "--json")
    assert from_json(ExpectedLine, json.loads(ran.out)).max_e8 == 150_025_000_000
    assert daemon.operations.announced[0][1].minutes == 5


@pytest.mark.parametrize("amount", ["-1", "much", "nan", "1e99"])
def test_expect__no_amount__is_a_usage_error(desk: Desk, daemon: FakeDaemon, amount: str) -> None:
    ran = desk.ultrad(*SAID, f"--max-usd={amount}")
    assert ran.code == 2
    assert amount in ran.err
    assert daemon.operations.announced == []


def test_expect__unknown_kind_or_no_reason__is_a_usage_error(desk: Desk, daemon: FakeDaemon) -> None:
    assert desk.ultrad("expect", "--kind", "sale", "--reason", "x").code == 2
    assert desk.ultrad("expect", "--kind", "any").code == 2
    assert daemon.operations.announced == []


def test_expect__refused__says_why(desk: Desk, daemon: FakeDaemon) -> None:
    daemon.operations.error = Permanent(msg("not you"))
    ran = desk.ultrad(*SAID)
    assert (ran.code, ran.err) == (1, "not you\n")


def test_status__announced_acts__are_shown(desk: Desk, daemon: FakeDaemon) -> None:
    assert "Announced acts" not in desk.ultrad("status").out
    lines = (
        ExpectedLine("e-1", "approve", 10**10, "taro", "a new pool", 90_000),
        ExpectedLine("e-2", "any", None, "hanako", "tidying up", 60_000),
    )
    daemon.operations.shown = replace(daemon.operations.shown, expected=lines)
    rows = [" ".join(line.split()) for line in desk.ultrad("status").out.splitlines()]
    assert "approve $100.00 2 min taro a new pool" in rows
    assert "any – 1 min hanako tidying up" in rows
