"""The status for people and their scripts: rendered, addresses shortened, amounts as exact decimals."""

from ultrad.core.estop import Cause, Mode
from ultrad.core.events import Json, Recorded
from ultrad.core.position import Reserve
from ultrad.core.status import (
    ChannelLine,
    EndpointLine,
    EstopStatus,
    ExpectedLine,
    IncidentLine,
    JobLine,
    MetricLine,
    PositionStatus,
    StandingLine,
    Status,
)
from ultrad.core.trade_status import RescueStatus, TradeStatus
from ultrad.i18n import Message
from ultrad.units import Now, short_address
from ultrad.web.outlook import outlook_json
from ultrad.web.words import Words, fixed, hf_exact

_USD_DIGITS = 8


def status_view(status: Status, words: Words) -> Json:
    """Everything in `/api/status`; the operators' record of five figures stands at the top."""
    return {
        **_record(status, words),
        "version": status.version,
        "environment": status.environment,
        "network": status.network,
        "time_ms": status.now.wall_ms,
        "started_ms": status.started_ms,
        "estop": _estop(status.estop, words),
        "positions": [_position(one, status.now, words) for one in status.positions],
        "reading_age_ms": status.reading_age_ms,
        "lowest_health_factor": None if status.lowest_hf is None else hf_exact(status.lowest_hf),
        "reserves": [_reserve(one) for one in status.reserves],
        "sequencer_up": status.sequencer_up,
        "endpoints": [_endpoint(one, words) for one in status.endpoints],
        "incidents": [_incident(one, words) for one in status.incidents],
        "trade": None if status.trade is None else _trade(status.trade, words),
        "expected": [_expected(one) for one in status.expected],
        "channels": [_channel(one, status, words) for one in status.channels],
        "findings": [_finding(one, words) for one in status.findings],
        "parts": [
            {
                "name": one.name,
                "late": one.late,
                "age_ms": one.age_ms,
                "limit_ms": one.limit_ms,
                "restarts": one.restarts,
            }
            for one in status.parts
        ],
        "jobs": [_job(one, words) for one in status.jobs],
        "journal": {
            "seq": status.journal.seq,
            "hash": status.journal.hash,
            "backlog": status.journal.backlog,
            "trouble": _said(status.journal.trouble, words),
        },
        "metrics": {one.name: _metric(one) for one in status.metrics},
        "emergency_event_count_24h": status.counts.emergency_events,
        "automation_job_failure_count_24h": status.counts.job_failures,
        "loosened": [words(one) for one in status.loosened],
        "recent": [_event(one, words) for one in status.recent],
    }


def _trade(trade: TradeStatus, words: Words) -> Json:
    return {
        "dry_run": trade.dry_run,
        "position": trade.position,
        "asset": short_address(trade.asset),
        "trouble": _said(trade.trouble, words),
        "used_usd": fixed(trade.used_e8, _USD_DIGITS),
        "limit_usd": None if trade.limit_e8 is None else fixed(trade.limit_e8, _USD_DIGITS),
        "in_the_air": trade.in_the_air or None,
        "waiting": trade.waiting,
        "rescue": None if trade.rescue is None else _rescue(trade.rescue, words),
        "recent": [
            {
                "id": one.id,
                "action": one.action.value,
                "arrived_ms": one.arrived_ms,
                "stage": one.stage.value,
                "hash": one.hash or None,
                "outcome": _said(one.end, words),
            }
            for one in trade.recent
        ],
    }


def _rescue(rescue: RescueStatus, words: Words) -> Json:
    return {
        "rescue_hf": hf_exact(rescue.rescue_hf),
        "target_hf": hf_exact(rescue.target_hf),
        "under_way": rescue.is_low,
        "used_1h_usd": fixed(rescue.hour_used_e8, _USD_DIGITS),
        "limit_1h_usd": fixed(rescue.hour_limit_e8, _USD_DIGITS),
        "used_24h_usd": fixed(rescue.day_used_e8, _USD_DIGITS),
        "limit_24h_usd": fixed(rescue.day_limit_e8, _USD_DIGITS),
        "obstacles": [words(one) for one in rescue.obstacles],
    }


def _metric(one: MetricLine) -> Json:
    figures = {"min": one.low, "max": one.high, "last": one.last}
    shown: dict[str, Json] = {
        name: None if figure is None else fixed(figure, one.digits) if one.digits else str(figure)
        for name, figure in figures.items()
    }
    shown["avg"] = None if one.mean is None else fixed(one.mean, one.mean_digits)
    return {"unit": one.unit or None, "look_back_ms": one.look_back_ms, "count": one.count, **shown}


def _expected(one: ExpectedLine) -> Json:
    most = None if one.max_e8 is None else fixed(one.max_e8, _USD_DIGITS)
    return {"id": one.id, "kind": one.kind, "max_usd": most, "by": one.by, "left_ms": one.left_ms}


def paused(status: Status) -> bool:
    """Whether nothing of the strategy may be sent: the stop is ON, or something else shuts the gate."""
    return status.estop.mode is Mode.ON or bool(status.estop.shut_by)


def _record(status: Status, words: Words) -> dict[str, Json]:
    factors = [one.reading.health_factor for one in status.positions if one.reading is not None]
    changes = [one.change_bps for one in status.positions if one.change_bps is not None]
    reasons = [words(one.message) for one in status.estop.causes] or list(status.estop.shut_by)
    return {
        "is_trading_paused": paused(status),
        "last_health_factor": hf_exact(min(factors)) if factors else None,
        "last_price_change_24h": fixed(max(changes, key=abs), 2) if changes else None,
        "last_event_level": status.last_level,
        "emergency_reason": " · ".join(reasons) or None,
    }


def _estop(estop: EstopStatus, words: Words) -> Json:
    return {
        "mode": estop.mode.value,
        "since_ms": None if estop.since is None else estop.since.wall_ms,
        "override_ends_ms": estop.override_ends_ms,
        "shut_by": list(estop.shut_by),
        "causes": [_cause(one, words) for one in estop.causes],
    }


def _cause(cause: Cause, words: Words) -> Json:
    return {
        "code": cause.code,
        "subject": cause.subject,
        "time_ms": cause.at.wall_ms,
        "by": cause.by,
        "message": words(cause.message),
        "figures": {name: words(figure) for name, figure in cause.figures},
    }


def _position(one: PositionStatus, now: Now, words: Words) -> Json:
    reading = one.reading
    seen: dict[str, Json] = (
        {}
        if reading is None
        else {
            "health_factor": hf_exact(reading.health_factor),
            "collateral_usd": fixed(reading.collateral_e8, _USD_DIGITS),
            "debt_usd": fixed(reading.debt_e8, _USD_DIGITS),
            "block": reading.block.number,
            "endpoint": reading.endpoint,
        }
    )
    return {
        "name": one.name,
        "account": short_address(one.account),
        "change_24h_pct": None if one.change_bps is None else fixed(one.change_bps, 2),
        "reading": seen or None,
        "outlook": outlook_json(one, now, words),
    }


def _reserve(one: Reserve) -> Json:
    return {
        "symbol": one.symbol,
        "active": one.active,
        "frozen": one.frozen,
        "paused": one.paused,
        "price_usd": fixed(one.price_e8, _USD_DIGITS),
        "price_updated_s": one.price_updated_s,
        "supply_cap": fixed(one.supply_cap, one.decimals) if one.supply_cap else None,
        "supplied": fixed(one.supplied, one.decimals),
        "available": fixed(one.available, one.decimals),
    }


def _endpoint(one: EndpointLine, words: Words) -> Json:
    return {
        "name": one.name,
        "usable": one.usable,
        "subscribed": one.subscribed,
        "head": one.head_number,
        "latency_ms": one.latency_ms,
        "reason": _said(one.reason, words),
    }


def _finding(one: StandingLine, words: Words) -> Json:
    found = one.finding
    return {
        "code": found.code,
        "subject": words(found.subject),
        "level": found.level.label,
        "severity": found.severity.value,
        "origin": found.origin.value,
        "effect": found.effect.value,
        "message": words(found.message),
        "since_ms": one.since.wall_ms,
    }


def _incident(one: IncidentLine, words: Words) -> Json:
    return {
        "number": one.number,
        "severity": one.severity.value,
        "stage": one.stage.value,
        "code": one.code,
        "subject": words(one.subject),
        "message": words(one.message),
        "since_ms": one.since_ms,
        "stands": one.stands,
        "by": one.by,
    }


def _channel(one: ChannelLine, status: Status, words: Words) -> Json:
    failing_ms = None if one.failing_since_ms is None else status.now.steady_ms - one.failing_since_ms
    return {
        "name": one.name,
        "up": one.failing_since_ms is None,
        "failing_for_ms": failing_ms,
        "reason": _said(one.reason, words),
        "delivered_ms": one.delivered_ms,
        "waiting": one.waiting,
        "quota_left": one.quota_left,
    }


def _job(one: JobLine, words: Words) -> Json:
    return {
        "name": one.name,
        "enabled": one.enabled,
        "cron": one.cron,
        "running": one.running,
        "next_ms": one.next_ms,
        "last_started_ms": one.last_started_ms,
        "last_ok": one.last_ok,
        "last_message": _said(one.last_message, words),
        "last_duration_ms": one.last_duration_ms,
        "failures_24h": one.failures_24h,
    }


def _event(one: Recorded, words: Words) -> Json:
    return {
        "seq": one.seq,
        "time_ms": one.event.now.wall_ms,
        "kind": one.event.kind,
        "level": one.event.level.label,
        "message": words(one.event.message),
    }


def _said(message: Message | None, words: Words) -> str | None:
    return None if message is None else words(message)
