"""How far a position is from its limits, on the page and in `/api/status`."""

from dataclasses import replace
from pathlib import Path

from tests.fakes.foresight import situation
from tests.fakes.operations import ACCOUNT, NOW, FakeOperations, reading, status
from tests.web.rig import control, http
from tests.web.test_page import read
from ultrad.core.limits import Limits
from ultrad.core.outlook import outlook
from ultrad.core.status import PositionStatus, Status
from ultrad.core.whatif import Wish
from ultrad.core.wire import to_json
from ultrad.i18n import msg
from ultrad.operations import SimulateRequest
from ultrad.units import Now

AHEAD = outlook(situation(), Limits().trip_hf, Now(NOW.wall_ms - 9_000, NOW.steady_ms - 9_000))
TROUBLE = msg("No endpoint could serve.")


def shown(**fields: object) -> Status:
    return replace(status(), positions=(PositionStatus("main", ACCOUNT, reading(), None, **fields),))  # type: ignore[arg-type]


def test_page__with_an_outlook__prices_times_and_age_stand_there() -> None:
    text = read(shown(outlook=AHEAD)).all
    assert "WETH at which it is liquidated $1,325.30 (-46.98%)" in text
    assert "WETH at which it stops $2,120.48 (-15.18%)" in text
    assert "Interest alone: to the stop 46583 h (1940 days)" in text
    assert "Interest alone: to liquidation ∞" in text
    assert "Distances read 9 s ago." in text


def test_page__it_cannot_be_read__says_so_beside_what_was_read_before() -> None:
    text = read(shown(outlook=AHEAD, outlook_trouble=TROUBLE)).all
    assert "Distances read 9 s ago." in text
    assert "The distances could not be read: No endpoint could serve." in text
    assert "Distances" not in read(shown()).all


async def test_api_status__outlook__is_exact() -> None:
    async with http(FakeOperations(shown=shown(outlook=AHEAD, outlook_trouble=TROUBLE))) as server:
        found = (await server.ask("GET", "/api/status")).json["positions"][0]["outlook"]
    assert found["prices"][0] == {
        "symbol": "WETH",
        "price_usd": "2500.00000000",
        "collateral": True,
        "owed": False,
        "trip": {"reach": "ahead", "price_usd": "2120.48192771", "distance_pct": "-15.18"},
        "liquidation": {"reach": "ahead", "price_usd": "1325.30120481", "distance_pct": "-46.98"},
    }
    assert (found["age_ms"], found["trouble"]) == (9_000, "No endpoint could serve.")
    assert (found["interest_to_trip_s"] // 3_600, found["interest_to_liquidation_s"]) == (46_583, None)


async def test_api_status__not_read__says_why_or_nothing() -> None:
    for fields, wanted in (({}, None), ({"outlook_trouble": TROUBLE}, {"trouble": str(TROUBLE)})):
        async with http(FakeOperations(shown=shown(**fields))) as server:
            assert (await server.ask("GET", "/api/status")).json["positions"][0]["outlook"] == wanted


async def test_control__simulate__takes_a_wish_and_refuses_what_is_none(tmp_path: Path) -> None:
    request = SimulateRequest(Wish((("WETH", "-20%"),)))
    async with control(tmp_path / "socket") as server:
        answer = await server.ask("POST", "/simulate", to_json(request))
        assert (answer.status, answer.json[0]["after"]["trips"]) == (200, True)
        assert (await server.ask("POST", "/simulate", {"wish": {"prices": "all"}})).status == 400
        assert (await server.ask("POST", "/simulate", {})).status == 400
