"""What is answered over HTTP."""

import socket
from dataclasses import replace

import anyio
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.fakes.operations import ACCOUNT, ON, FakeOperations, finding, incident, part, status
from tests.web.rig import TOKEN, ZONE, Server, http
from ultrad.core.events import Severity
from ultrad.core.limits import Limits
from ultrad.core.status import PositionStatus
from ultrad.errors import Transient
from ultrad.i18n import ENGLISH
from ultrad.web.server import FRESH_S, HttpPart, HttpSettings

READ_ROUTES = ("/", "/health", "/health/live", "/health/ready", "/metrics", "/api/status")


async def test_health__all_turn__is_ok_and_carries_warnings() -> None:
    async with http() as server:
        answer = await server.ask("GET", "/health")
    assert answer.status == 200
    assert answer.json == {
        "status": "ok",
        "estop": False,
        "warnings": ["alpha answers slowly"],
        "incidents": 1,
        "reasons": [],
    }


async def test_health__incidents__counts_those_that_somebody_is_told_of() -> None:
    graves = (Severity.S1, Severity.S2, Severity.S2, Severity.S3)
    shown = replace(status(), incidents=tuple(replace(incident(), severity=one) for one in graves))
    async with http(FakeOperations(shown=shown)) as server:
        answer = await server.ask("GET", "/health")
    assert (answer.status, answer.json["incidents"]) == (200, 3)


async def test_health__estop_on__is_still_ok_and_says_so() -> None:
    async with http(FakeOperations(shown=replace(status(), estop=ON))) as server:
        answer = await server.ask("GET", "/health")
    assert (answer.status, answer.json["status"], answer.json["estop"]) == (200, "ok", True)


async def test_health__a_part_falls_silent_and_turns_again__goes_503_and_back() -> None:
    async with http() as server:
        seen = [(await server.ask("GET", "/health")).status]
        server.operations.be_late("watchdog")
        await anyio.sleep(FRESH_S)
        late = await server.ask("GET", "/health")
        server.operations.be_late()
        await anyio.sleep(FRESH_S)
        seen += [late.status, (await server.ask("GET", "/health")).status]
    assert seen == [200, 503, 200]
    assert late.json["reasons"] == ["watchdog has not turned for 41 s (limit 30 s)."]


async def test_health__a_late_part_that_the_status_does_not_list__is_named() -> None:
    operations = FakeOperations(shown=replace(status(), parts=()))
    operations.late_parts = lambda: ("journal",)  # type: ignore[method-assign]
    async with http(operations) as server:
        answer = await server.ask("GET", "/health")
    assert answer.json["reasons"] == ["journal has not turned within its limit."]


async def test_health__many_questions_at_once__one_look_at_the_status() -> None:
    async with http() as server:
        for _ in range(5):
            await server.ask("GET", "/health")
        assert server.operations.looks <= 2


async def test_live__always__is_ok() -> None:
    operations = FakeOperations()
    operations.be_late("watchdog")
    async with http(operations) as server:
        assert (await server.ask("GET", "/health/live")).status == 200


async def test_ready__position_not_read_or_part_late__is_503_with_reasons() -> None:
    unread = PositionStatus("main", ACCOUNT, None, None)
    shown = replace(status(), positions=(unread,), parts=(part("chain", late=True),))
    async with http() as ready, http(FakeOperations(shown=shown)) as unready:
        assert (await ready.ask("GET", "/health/ready")).json == {"status": "ok", "reasons": []}
        answer = await unready.ask("GET", "/health/ready")
    assert answer.status == 503
    assert answer.json["reasons"] == [
        "chain has not turned for 41 s (limit 30 s).",
        "main has not been read yet.",
    ]


async def test_api_status__leads_with_the_operators_record__and_exact_decimals() -> None:
    async with http() as server:
        shown = (await server.ask("GET", "/api/status")).json
    assert shown["is_trading_paused"] is False
    assert shown["last_health_factor"] == "1.886400000000000000"
    assert shown["last_price_change_24h"] == "-2.50"
    assert shown["last_event_level"] == "warning"
    assert shown["emergency_reason"] is None
    assert shown["positions"][1]["reading"]["health_factor"] == "Infinity"
    assert shown["positions"][0]["reading"]["collateral_usd"] == "25000.00000000"


async def test_api_status__estop_on__pauses_trading_with_its_reason() -> None:
    async with http(FakeOperations(shown=replace(status(), estop=ON))) as server:
        shown = (await server.ask("GET", "/api/status")).json
    assert shown["is_trading_paused"] is True
    assert shown["emergency_reason"] == "main: the health factor fell to 1.5845"
    assert shown["estop"]["causes"][0]["figures"] == {"hf": "1.5845"}


async def test_api_status__incidents_and_channels__as_they_are() -> None:
    async with http() as server:
        shown = (await server.ask("GET", "/api/status")).json
    (one,) = shown["incidents"]
    assert (one["number"], one["severity"], one["stage"], one["stands"]) == (3, "S2", "open", True)
    infra, line = shown["channels"]
    assert (infra["up"], infra["failing_for_ms"], infra["reason"]) == (True, None, None)
    assert (line["up"], line["failing_for_ms"], line["waiting"], line["quota_left"]) == (False, 4_999_000, 2, 12)
    assert line["reason"] == "no answer in 15 s"


async def test_api_status__gate_shut_for_less_than_a_stop__pauses_trading_too() -> None:
    shut = replace(status().estop, shut_by=("no reading yet",))
    async with http(FakeOperations(shown=replace(status(), estop=shut))) as server:
        shown = (await server.ask("GET", "/api/status")).json
    assert (shown["is_trading_paused"], shown["emergency_reason"]) == (True, "no reading yet")


@pytest.mark.parametrize("route", ["/", "/health", "/metrics", "/api/status"])
async def test_any_route__whole_account__never_leaves(route: str) -> None:
    told = replace(status(), findings=(finding(f"the account {ACCOUNT} is odd"),))
    async with http(FakeOperations(shown=told)) as server:
        body = (await server.ask("GET", route)).body.decode()
    assert ACCOUNT.lower() not in body.lower()
    assert "0xAbCd…EF01" in body
    assert TOKEN not in body


async def test_metrics__names_of_the_operators__with_their_figures() -> None:
    async with http(FakeOperations(shown=replace(status(), estop=ON))) as server:
        await server.ask("GET", "/health")
        answer = await server.ask("GET", "/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    figures = _figures(answer.body)
    assert figures["aave_health_factor_current", "main"] == 1.8864
    assert figures["aave_health_factor_current", "savings"] == float("inf")
    assert figures["aave_health_factor_min", ""] == 1.8109
    assert figures["portfolio_value_change_1d_pct", "main"] == -2.5
    assert ("portfolio_value_change_1d_pct", "savings") not in figures
    assert figures["emergency_stop_flag", ""] == 1
    assert figures["emergency_event_count_24h", ""] == 1
    assert figures["automation_job_failure_count_24h", ""] == 0
    assert figures["backend_http_error_rate_1m", ""] == 0
    assert figures["backend_http_latency_p95_ms", ""] > 0
    assert figures["ultrad_gate_open", ""] == 0
    assert figures["ultrad_endpoint_usable", "beta"] == 0
    assert ("ultrad_endpoint_latency_seconds", "beta") not in figures


async def test_metrics__incidents_and_channels__a_figure_for_each() -> None:
    async with http() as server:
        figures = _figures((await server.ask("GET", "/metrics")).body)
    assert [figures["ultrad_incidents_open", one] for one in ("S1", "S2", "S3")] == [0, 1, 0]
    assert [figures["ultrad_notices_waiting", one] for one in ("infra", "line")] == [0, 2]
    assert [figures["ultrad_channel_up", one] for one in ("infra", "line")] == [1, 0]


async def test_metrics__nothing_known_yet__leaves_figures_out_rather_than_zero() -> None:
    empty = replace(
        status(),
        positions=(PositionStatus("main", ACCOUNT, None, None),),
        reading_age_ms=None,
        lowest_hf=None,
    )
    async with http(FakeOperations(shown=empty)) as server:
        names = {name for name, _ in _figures((await server.ask("GET", "/metrics")).body)}
    unknown = {
        "aave_health_factor_current",
        "aave_health_factor_min",
        "portfolio_value_change_1d_pct",
        "ultrad_reading_age_seconds",
        "backend_http_latency_p95_ms",
    }
    assert not names & unknown
    assert "emergency_stop_flag" in names


def _figures(body: bytes) -> dict[tuple[str, str], float]:
    """(name, value of the label that says which, or empty) → figure."""
    which = ("position", "endpoint", "part", "job", "level", "severity", "channel")
    return {
        (one.name, next((one.labels[name] for name in which if name in one.labels), "")): one.value
        for family in text_string_to_metric_families(body.decode())
        for one in family.samples
    }


# ---------------------------------------------------------------- manners


@pytest.mark.parametrize("route", READ_ROUTES)
async def test_any_route__headers__tell_nothing_and_allow_nothing(route: str) -> None:
    async with http() as server:
        answer = await server.ask("GET", route)
        head = await server.ask("HEAD", route)
    for one in (answer, head):
        assert one.status == 200
        assert one.headers["Server"] == "ultrad"
        assert one.headers["X-Content-Type-Options"] == "nosniff"
        assert one.headers["Cache-Control"] == "no-store"
        assert one.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert head.body == b""


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_any_route__other_methods__are_405_with_what_is_allowed(method: str) -> None:
    async with http() as server:
        answer = await server.ask(method, "/health")
    assert answer.status == 405
    assert set(answer.headers["Allow"].split(",")) == {"GET", "HEAD"}
    assert answer.json["kind"] == "permanent"


@pytest.mark.parametrize("target", ["/nothing", "//", "/health/", "/%2e%2e/etc/passwd", "/api", "/static/x.js"])
async def test_unknown_address__any__is_404_as_json(target: str) -> None:
    async with http() as server:
        answer = await server.ask("GET", target)
    assert answer.status == 404
    assert answer.json == {"error": {"message": "There is nothing at this address."}, "kind": "permanent"}


@pytest.mark.parametrize(
    ("host", "code"),
    [
        ("localhost", 200),
        ("LOCALHOST:8000", 200),
        ("127.0.0.1:8000", 200),
        ("[::1]:8000", 200),
        ("[::1]", 200),
        ("10.0.0.5:8000", 200),
        ("[fd00::5]:8000", 200),
        ("10.0.0", 421),
        ("[::1", 421),
        ("[1:2]", 421),
        ("com", 421),
        ("evil.example", 421),
        ("evil.example:8000", 421),
        ("127.0.0.1.evil.example", 421),
        ("localhost:8000:9", 421),
        ("localhost:", 421),
        ("", 421),
    ],
)
async def test_host_header__only_our_names__come_in(host: str, code: int) -> None:
    async with http() as server:
        assert (await server.ask("GET", "/api/status", Host=host)).status == code


async def test_fault_of_ours__is_500_without_its_inside(caplog: pytest.LogCaptureFixture) -> None:
    async with http(FakeOperations(error=ZeroDivisionError("a secret"))) as server:
        answer = await server.ask("GET", "/api/status")
    assert answer.status == 500
    assert answer.json["error"]["message"] == "A fault in ultrad; its log has the trace."
    assert answer.headers["Server"] == "ultrad"
    assert b"secret" not in answer.body
    assert "ZeroDivisionError" in caplog.text


async def test_faults__are_counted_as_errors_of_the_server() -> None:
    operations = FakeOperations(error=ZeroDivisionError())
    async with http(operations) as server:
        for _ in range(3):
            await server.ask("GET", "/api/status")
        operations.error = None
        figures = _figures((await server.ask("GET", "/metrics")).body)
    assert figures["backend_http_error_rate_1m", ""] == 1.0


# ---------------------------------------------------------------- the part


async def test_part__while_it_serves__turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ultrad.web.serving.TICK_S", 0.01)
    async with http() as server:
        before = server.turns
        await anyio.sleep(0.2)
        assert server.turns > before + 3


@pytest.mark.looptime
async def test_part__port_taken__is_reported_and_tried_again_only_after_a_rest() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        operations = FakeOperations()
        settings = HttpSettings(Limits, ZONE, port=taken.getsockname()[1])
        part_ = HttpPart(operations, settings, ENGLISH)
        server = Server(part_, operations)
        times = []
        for _ in range(3):
            begun_s = anyio.current_time()
            with pytest.raises(Transient, match=r"cannot listen on 127\.0\.0\.1 port .*: Address already"):
                await part_.run(server.turned)
            times.append(round(anyio.current_time() - begun_s))
    assert times == [0, 30, 30]
    assert server.turns == 60
