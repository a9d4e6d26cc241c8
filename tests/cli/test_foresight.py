"""`ultrad simulate`, `ultrad drill`, and what the status shows of the limits' distances."""

import json
from dataclasses import replace

import pytest

from tests.cli.conftest import Desk
from tests.fakes.daemon import FakeDaemon
from tests.fakes.foresight import situation
from tests.fakes.operations import NOW
from ultrad.core.drill import DrillRules, EstopDrill, Heard, estop_event, notify_event
from ultrad.core.events import Recorded
from ultrad.core.limits import Limits
from ultrad.core.outlook import outlook
from ultrad.core.whatif import Wish
from ultrad.errors import Transient
from ultrad.i18n import msg
from ultrad.operations import SimulateRequest
from ultrad.units import Now

RULES = DrillRules(("slack",))
AHEAD = outlook(situation(), Limits().trip_hf, Now(NOW.wall_ms - 9_000, NOW.steady_ms - 9_000))


def lines(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


def test_simulate__a_fall__shows_before_and_after(desk: Desk, daemon: FakeDaemon) -> None:
    ran = desk.ultrad("simulate", "--price", "WETH=-20%", "--borrow-rate", "+5%")
    assert ran.code == 0
    shown = lines(ran.out)
    assert "# main, as of block 21000000 (3 s ago)" in shown
    assert "Price of WETH $2,500.00 $2,000.00" in shown
    assert "Health factor 1.8863 1.5090" in shown
    assert "Net value $14,000.00 $9,000.00 (-35.72%)" in shown
    assert "So ultrad does nothing stops (health factor)" in shown
    wish = Wish((("WETH", "-20%"),), (("", "+5%"),))
    assert daemon.operations.supposed == [SimulateRequest(wish)]


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ("-47%", "has stopped long since; the pool liquidates"),
        ("+20%", "stops (the value moved too far)"),
        ("-5%", "warns"),
        ("-1%", "does nothing"),
    ],
)
def test_simulate__each_outcome__is_said(desk: Desk, daemon: FakeDaemon, change: str, verdict: str) -> None:
    ran = desk.ultrad("simulate", "--price", f"WETH={change}", "--position", "main")
    assert lines(ran.out)[-1].endswith(verdict)
    assert daemon.operations.supposed[0].position == "main"


def test_simulate__json_and_rates_of_one_debt__as_given(desk: Desk, daemon: FakeDaemon) -> None:
    ran = desk.ultrad("simulate", "--borrow-rate=USDC=20%", "--price", "USDC=1.01", "--json")
    (found,) = json.loads(ran.out)["positions"]
    assert found["after"]["to_liquidation_s"] < 111_827_707
    assert daemon.operations.supposed[0].wish.rates == (("USDC", "20%"),)


@pytest.mark.parametrize(
    ("argv", "why"),
    [
        ((), "Say what is to be supposed"),
        (("--price", "WETH"), "--price WETH: write SYMBOL=CHANGE"),
        (("--price", "=-20%"), "write SYMBOL=CHANGE"),
        (("--price", "WETH="), "write SYMBOL=CHANGE"),
        (("--price", "WETH=20%"), "20% is no price: write -20%"),
        (("--price", "DOGE=-20%"), "No position holds or owes DOGE"),
        (("--borrow-rate", "5"), "5 is no rate"),
        (("--borrow-rate", "+5%", "--borrow-rate", "+6%"), "can be said once"),
    ],
)
@pytest.mark.usefixtures("daemon")
def test_simulate__what_cannot_be__says_what_to_write(desk: Desk, argv: tuple[str, ...], why: str) -> None:
    ran = desk.ultrad("simulate", *argv)
    assert (ran.code, ran.out) == (1, "")
    assert why in ran.err


def test_status__distances__stand_under_the_positions(desk: Desk, daemon: FakeDaemon) -> None:
    position = daemon.operations.shown.positions[0]
    daemon.operations.shown = replace(daemon.operations.shown, positions=(replace(position, outlook=AHEAD),))
    shown = lines(desk.ultrad("status").out)
    assert "main WETH $2,500.00 $2,120.48 (-15.18%) $1,325.30 (-46.98%) 46583 h (1940 days) ∞ 9 s ago" in shown
    assert "USDC $1.00 $1.17897728 (+17.89%) $1.88636364 (+88.63%)" in shown


def test_status__distances_old_unread_or_of_nothing__are_said(desk: Desk, daemon: FakeDaemon) -> None:
    here = daemon.operations.shown.positions[0]
    trouble = msg("No endpoint could serve.")
    daemon.operations.shown = replace(
        daemon.operations.shown,
        positions=(
            replace(here, name="a", outlook=replace(AHEAD, prices=()), outlook_trouble=trouble),
            replace(here, name="b", outlook_trouble=trouble),
            replace(here, name="c"),
        ),
    )
    shown = lines(desk.ultrad("status").out)
    assert "a nothing at stake – – – 46583 h (1940 days) ∞ 9 s ago; since then: No endpoint could serve." in shown
    assert "b – – – – – – No endpoint could serve." in shown
    assert "c – – – – – – not read yet" in shown


# ---------------------------------------------------------------- drills


def test_drill_estop__well__shows_its_times(desk: Desk, daemon: FakeDaemon) -> None:
    drill = EstopDrill(1, 2, 30, 35, (Heard("slack", 400),))
    daemon.operations.journal = (Recorded(7, "cd" * 32, estop_event(drill, RULES, NOW)),)
    ran = desk.ultrad("drill", "estop")
    assert ran.code == 0
    assert daemon.operations.runs == ["estop_drill"]
    assert any("estop well 1 ms 2 ms 30 ms 35 ms 400 ms Drill of the stop" in line for line in lines(ran.out))
    assert daemon.operations.asked[-1].kinds == ("drill.estop",)


def test_drill_notify__a_channel_failed__the_command_fails(desk: Desk, daemon: FakeDaemon) -> None:
    heard = (Heard("slack", 400), Heard("line", None, msg("Refused.")))
    daemon.operations.journal = (Recorded(7, "cd" * 32, notify_event(heard, RULES, NOW)),)
    ran = desk.ultrad("drill", "notify", "--json")
    assert (ran.code, daemon.operations.runs) == (1, ["notify_drill"])
    assert json.loads(ran.out)["drills"][0]["event"]["data"]["channels"] == {"slack": 400, "line": None}


def test_drill_estop__its_disk_is_slow__no_older_one_is_shown(desk: Desk, daemon: FakeDaemon) -> None:
    ran = desk.ultrad("drill", "estop")
    assert (ran.code, ran.out) == (1, "")
    assert "not in the journal yet" in ran.err
    assert daemon.operations.asked[-1].since_ms == NOW.wall_ms


def test_drill_list__none_and_some__the_newest_first(desk: Desk, daemon: FakeDaemon) -> None:
    assert desk.ultrad("drill", "list").out == "There has been no drill yet: ultrad drill estop\n"
    drill = EstopDrill(failure=msg("no disk"))
    daemon.operations.journal = (Recorded(7, "cd" * 32, estop_event(drill, RULES, NOW)),)
    ran = desk.ultrad("drill", "list", "--limit", "5")
    assert (ran.code, daemon.operations.asked[-1].limit) == (0, 5)
    assert any("estop failed – – – – – The drill of the stop failed: no disk" in line for line in lines(ran.out))


def test_drill__refused__says_why(desk: Desk, daemon: FakeDaemon) -> None:
    daemon.operations.error = Transient(msg("it runs already"))
    ran = desk.ultrad("drill", "estop")
    assert (ran.code, ran.err) == (1, "it runs already\n")
