"""The status as sections: what `ultrad status` shows."""

from collections.abc import Iterable

from ultrad.cli.screen import BAD, DIM, GOOD, LEVEL_STYLES, NOTHING, Cell, Section, View, When
from ultrad.cli.view_outlook import outlook_sections
from ultrad.cli.view_trade import expected_section, trade_section
from ultrad.core.estop import Cause, Mode
from ultrad.core.events import Recorded, Severity
from ultrad.core.status import (
    STAGE_WORDS,
    ChannelLine,
    EndpointLine,
    EstopStatus,
    IncidentLine,
    JobLine,
    PartStatus,
    PositionStatus,
    Status,
)
from ultrad.i18n import Message, msg
from ultrad.units import INFINITE_HF, Wad, bps_text, hf_text, short_address, usd_text

OLD_READING_MS = 60_000
"""A reading older than this stands out. The daemon itself complains by each network's own limit."""


def status_view(status: Status, when: When, hints: Iterable[str] = ()) -> View:
    """Everything, the most important first. hints: lines about what to try next."""
    sections = (
        _positions(status),
        *outlook_sections(status),
        *((trade_section(status.trade),) if status.trade else ()),
        *((expected_section(status.expected),) if status.expected else ()),
        incidents_section(status.incidents, when),
        _findings(status, when),
        events_section(tuple(reversed(status.recent)), when, msg("Last events")),
        Section(msg("Try next"), (), tuple((Cell(hint),) for hint in hints)),
        jobs_section(status.jobs, when),
        _endpoints(status),
        channels_section(status.channels, when),
        _market(status, when),
        _loosened(status),
        _journal(status),
        _parts(status.parts),
    )
    banner, style = estop_banner(status.estop, when)
    told = msg(
        "ultrad {version}, {environment} on {network}, {time}, up since {started}",
        version=status.version,
        environment=status.environment,
        network=status.network,
        time=when(status.now.wall_ms),
        started=when(status.started_ms),
    )
    return View((*banner, Cell(told, DIM)), style, tuple(one for one in sections if one.rows))


# ---------------------------------------------------------------- the stop


def estop_banner(estop: EstopStatus, when: When) -> tuple[tuple[Cell, ...], str]:
    """The stop, its causes and the gate; and the style of its frame."""
    since = when(estop.since.wall_ms if estop.since else None)
    match estop.mode:
        case Mode.ON:
            style, line = "bold white on red", msg("EMERGENCY STOP: ON since {since}", since=since)
        case Mode.OVERRIDDEN:
            style = "bold black on yellow"
            line = msg(
                "EMERGENCY STOP: OVERRIDDEN since {since} until {until} (the flag was removed)",
                since=since,
                until=when(estop.override_ends_ms),
            )
        case Mode.OFF:
            style, line = "bold green", msg("EMERGENCY STOP: OFF")
    causes = tuple(Cell(_cause(cause, when), BAD) for cause in estop.causes)
    return (Cell(line, style), *causes, _gate(estop)), style.split(" on ")[-1]


def _cause(cause: Cause, when: When) -> Message:
    return msg("{time} {code}: {message}", time=when(cause.at.wall_ms), code=cause.code, message=cause.message)


def _gate(estop: EstopStatus) -> Cell:
    if estop.shut_by:
        return Cell(msg("Gate: shut by {reasons}", reasons=", ".join(estop.shut_by)), "yellow")
    return Cell(msg("Gate: open"), GOOD)


# ---------------------------------------------------------------- sections


def _positions(status: Status) -> Section:
    head = (
        msg("Name"),
        msg("Account"),
        msg("Health factor"),
        msg("To warning"),
        msg("To trip"),
        msg("Collateral"),
        msg("Debt"),
        msg("Change"),
        msg("Block"),
    )
    title = (
        msg("Positions (no reading yet)")
        if status.reading_age_ms is None
        else msg("Positions (read {seconds} s ago)", seconds=status.reading_age_ms // 1_000)
    )
    return Section(title, head, tuple(_position(one, status) for one in status.positions))


def _position(one: PositionStatus, status: Status) -> tuple[Cell, ...]:
    named = (Cell(one.name), Cell(short_address(one.account), DIM))
    change = NOTHING if one.change_bps is None else Cell(bps_text(one.change_bps))
    reading = one.reading
    if reading is None:
        return (*named, Cell("?", BAD), NOTHING, NOTHING, NOTHING, NOTHING, change, NOTHING)
    hf = reading.health_factor
    old = status.reading_age_ms is not None and status.reading_age_ms > OLD_READING_MS
    return (
        *named,
        Cell(hf_text(hf), DIM if old else _hf_style(hf, status)),
        _distance(hf, status.warn_hf),
        _distance(hf, status.trip_hf),
        Cell(usd_text(reading.collateral_e8)),
        Cell(usd_text(reading.debt_e8)),
        change,
        Cell(str(reading.block.number), DIM),
    )


def _hf_style(hf: Wad, status: Status) -> str:
    if status.warn_hf is None or status.trip_hf is None:
        return "bold"
    if hf <= status.trip_hf:
        return BAD
    return "bold yellow" if hf <= status.warn_hf else "bold green"


def _distance(hf: Wad, limit: Wad | None) -> Cell:
    """How far the health factor may fall yet; negative when it is under the limit."""
    if limit is None or hf == INFINITE_HF:
        return NOTHING
    left = hf - limit
    return Cell(f"+{hf_text(left)}" if left > 0 else f"-{hf_text(-left)}", GOOD if left > 0 else BAD)


def _market(status: Status, when: When) -> Section:
    head = (msg("Reserve"), msg("Price"), msg("Price of"), msg("State"))
    rows = tuple(
        (
            Cell(one.symbol),
            Cell(usd_text(one.price_e8)),
            Cell(when(None if one.price_updated_s is None else one.price_updated_s * 1_000), DIM),
            _reserve_state(active=one.active, frozen=one.frozen, paused=one.paused),
        )
        for one in status.reserves
    )
    if status.sequencer_up is not None:
        up = Cell(msg("up"), GOOD) if status.sequencer_up else Cell(msg("down"), BAD)
        rows += ((Cell(msg("Sequencer")), NOTHING, NOTHING, up),)
    return Section(msg("Market"), head, rows)


def _reserve_state(*, active: bool, frozen: bool, paused: bool) -> Cell:
    if not active:
        return Cell(msg("inactive"), BAD)
    if paused:
        return Cell(msg("paused"), BAD)
    return Cell(msg("frozen"), BAD) if frozen else Cell(msg("active"), GOOD)


def _findings(status: Status, when: When) -> Section:
    head = (msg("Level"), msg("Since"), msg("What"), msg("About"), msg("Message"))
    worst_first = sorted(status.findings, key=lambda one: -one.finding.level)
    rows = tuple(
        (
            Cell(line.finding.level.label, LEVEL_STYLES[line.finding.level]),
            Cell(when(line.since.wall_ms), DIM),
            Cell(line.finding.code),
            Cell(line.finding.subject),
            Cell(line.finding.message),
        )
        for line in worst_first
    )
    return (
        Section(msg("Findings"), head, rows) if rows else _one_line(msg("Findings"), msg("Nothing stands."), GOOD)
    )


def incidents_section(incidents: tuple[IncidentLine, ...], when: When) -> Section:
    """The open incidents, the gravest first."""
    head = (
        msg("No."),
        msg("Severity"),
        msg("Stage"),
        msg("Since"),
        msg("Condition"),
        msg("Taken on by"),
        msg("Message"),
    )
    rows = tuple(
        (
            Cell(str(one.number)),
            Cell(one.severity.value, BAD if one.severity is Severity.S1 else "yellow"),
            Cell(STAGE_WORDS[one.stage]),
            Cell(when(one.since_ms), DIM),
            Cell(msg("there"), BAD) if one.stands else Cell(msg("over"), GOOD),
            Cell(one.by),
            Cell(one.message),
        )
        for one in incidents
    )
    return Section(msg("Incidents"), head, rows)


def channels_section(channels: tuple[ChannelLine, ...], when: When) -> Section:
    """The ways to people."""
    head = (msg("Channel"), msg("State"), msg("Last delivered"), msg("Waiting"), msg("Quota left"), msg("Why"))
    rows = tuple(
        (
            Cell(one.name),
            Cell(msg("works"), GOOD) if one.failing_since_ms is None else Cell(msg("takes nothing"), BAD),
            Cell(when(one.delivered_ms), DIM),
            Cell(str(one.waiting), "yellow" if one.waiting else ""),
            NOTHING if one.quota_left is None else Cell(str(one.quota_left)),
            Cell(one.reason or ""),
        )
        for one in channels
    )
    return Section(msg("Channels"), head, rows)


def _endpoints(status: Status) -> Section:
    head = (msg("Endpoint"), msg("State"), msg("Heads by"), msg("Head"), msg("Latency"), msg("Why"))
    return Section(msg("Endpoints"), head, tuple(map(_endpoint, status.endpoints)))


def _endpoint(one: EndpointLine) -> tuple[Cell, ...]:
    return (
        Cell(one.name),
        Cell(msg("in use"), GOOD) if one.usable else Cell(msg("not used"), BAD),
        Cell(msg("subscription") if one.subscribed else msg("polling"), DIM),
        NOTHING if one.head_number is None else Cell(str(one.head_number)),
        NOTHING if one.latency_ms is None else Cell(f"{one.latency_ms} ms"),
        Cell(one.reason or ""),
    )


def jobs_section(jobs: tuple[JobLine, ...], when: When) -> Section:
    """The cron jobs."""
    head = (
        msg("Job"),
        msg("Cron"),
        msg("Next"),
        msg("Last"),
        msg("Took"),
        msg("Went"),
        msg("Failures in 24 h"),
        msg("Message"),
    )
    return Section(msg("Jobs"), head, tuple(_job(one, when) for one in jobs))


def _job(one: JobLine, when: When) -> tuple[Cell, ...]:
    return (
        Cell(one.name),
        Cell(one.cron, DIM),
        Cell(when(one.next_ms)) if one.enabled else Cell(msg("switched off"), "yellow"),
        Cell(when(one.last_started_ms)),
        NOTHING if one.last_duration_ms is None else Cell(f"{one.last_duration_ms} ms"),
        _went(one),
        Cell(str(one.failures_24h), BAD if one.failures_24h else ""),
        Cell(one.last_message or ""),
    )


def _went(one: JobLine) -> Cell:
    if one.running:
        return Cell(msg("running"), "cyan")
    if one.last_ok is None:
        return NOTHING
    return Cell(msg("well"), GOOD) if one.last_ok else Cell(msg("failed"), BAD)


def _parts(parts: tuple[PartStatus, ...]) -> Section:
    head = (msg("Part"), msg("State"), msg("Turned"), msg("Limit"), msg("Restarts"))
    rows = tuple(
        (
            Cell(one.name),
            Cell(msg("late"), BAD) if one.late else Cell(msg("turns"), GOOD),
            Cell(msg("{seconds} s ago", seconds=one.age_ms // 1_000)),
            Cell(f"{one.limit_ms // 1_000} s", DIM),
            Cell(str(one.restarts), "yellow" if one.restarts else ""),
        )
        for one in parts
    )
    return Section(msg("Parts"), head, rows)


def _journal(status: Status) -> Section:
    journal = status.journal
    if journal.trouble is not None:
        line, style = msg("{waiting} events wait: {why}", waiting=journal.backlog, why=journal.trouble), BAD
    else:
        style = ""
        line = msg(
            "event {seq}, hash {hash}, {waiting} waiting",
            seq=journal.seq,
            hash=journal.hash[:16],
            waiting=journal.backlog,
        )
    return _one_line(msg("Journal"), line, style)


def _loosened(status: Status) -> Section:
    rows = tuple((Cell(one, "yellow"),) for one in status.loosened)
    return Section(msg("Loosened or switched off by the configuration"), (), rows)


def events_section(events: tuple[Recorded, ...], when: When, title: Message) -> Section:
    """Events in the order given."""
    rows = tuple(
        (
            Cell(when(one.event.now.wall_ms), DIM),
            Cell(one.event.level.label, LEVEL_STYLES[one.event.level]),
            Cell(one.event.kind),
            Cell(one.event.message),
        )
        for one in events
    )
    return Section(title, (), rows)


def _one_line(title: Message, line: Message, style: str) -> Section:
    return Section(title, (), ((Cell(line, style),),))
