"""The status page: whether the stop is ON, how far each position is from its limits, and what is wrong."""

from ultrad.core.estop import Mode
from ultrad.core.events import Recorded, Severity
from ultrad.core.limits import Limits
from ultrad.core.status import (
    STAGE_WORDS,
    ChannelLine,
    EndpointLine,
    IncidentLine,
    JobLine,
    PositionStatus,
    Status,
)
from ultrad.i18n import Message, msg
from ultrad.units import ALL_BPS, INFINITE_HF, Now, Wad, bps_text, hf_text, short_address, usd_text
from ultrad.web.html import Html, Inside, el, join, void
from ultrad.web.outlook import outlook_html
from ultrad.web.page_trade import trade_html
from ultrad.web.style import CSS
from ultrad.web.table import MOST_ROWS
from ultrad.web.table import Cell as _Cell
from ultrad.web.table import level as _level
from ultrad.web.table import more as _more
from ultrad.web.table import section as _section
from ultrad.web.table import table as _table
from ultrad.web.table import yes as _yes
from ultrad.web.view import paused
from ultrad.web.words import Words

REFRESH_S = 5
METER_TOP_HF = 3 * 10**18
"""Where the meter of a health factor is full."""


def page(status: Status, limits: Limits, words: Words) -> bytes:
    """The whole page as UTF-8."""
    body = join(
        _header(status, words),
        _estop(status, words),
        *_positions(status, limits, words),
        trade_html(status.trade, words),
        _incidents(status.incidents, words),
        _findings(status, words),
        _events(status.recent, words),
        _channels(status.channels, words),
        _endpoints(status.endpoints, words),
        _jobs(status.jobs, words),
        _inside(status, words),
    )
    head = join(
        void("meta", charset="utf-8"),
        void("meta", name="viewport", content="width=device-width, initial-scale=1"),
        void("meta", http_equiv="refresh", content=str(REFRESH_S)),
        void("link", rel="icon", href="data:,"),
        el("title", f"{_mode(status)[0]} · ultrad {status.environment}"),
        el("style", Html(CSS)),
    )
    return b"<!doctype html>" + el("html", el("head", head), el("body", body), lang=words.language).encode(
        "utf-8", "replace"
    )


def _header(status: Status, words: Words) -> Html:
    return el(
        "header",
        el("h1", "ultrad"),
        el("span", status.environment, class_="env"),
        el("span", status.network, class_="dim"),
        el("time", words.when(status.now.wall_ms)),
    )


def _mode(status: Status) -> tuple[str, str, Message]:
    """A word that needs no translation, its colour, and the sentence under it."""
    match status.estop.mode:
        case Mode.ON:
            return "ESTOP ON", "bad", msg("Nothing of the strategy is signed or sent.")
        case Mode.OVERRIDDEN:
            return (
                "ESTOP OVERRIDDEN",
                "warn",
                msg("Somebody removed the flag: its causes are held off for a while. Finish it by ultrad resume."),
            )
        case Mode.OFF if paused(status):
            return (
                "ESTOP OFF",
                "warn",
                msg("The emergency stop is off, but the gate is shut: no transaction passes."),
            )
        case Mode.OFF:
            return "ESTOP OFF", "good", msg("The gate is open: transactions of the strategy may pass.")


def _estop(status: Status, words: Words) -> Html:
    estop = status.estop
    title, colour, sentence = _mode(status)
    lines = [el("p", words(sentence))]
    if estop.since is not None:
        lines.append(el("p", words(msg("Since {time}", time=words.when(estop.since.wall_ms))), class_="dim"))
    if estop.override_ends_ms is not None:
        ends = msg("The override ends at {time}", time=words.when(estop.override_ends_ms))
        lines.append(el("p", words(ends)))
    causes = [
        el(
            "li",
            words(one.message),
            " ",
            el("span", f"{words.when(one.at.wall_ms)} · {words(one.by)}", class_="dim"),
        )
        for one in estop.causes[:MOST_ROWS]
    ]
    if causes:
        lines.append(el("ul", *causes))
    if estop.shut_by:
        lines.append(el("p", words(msg("Shut by: {names}", names=", ".join(estop.shut_by))), class_="dim"))
    return el("section", el("strong", title), *lines, class_=f"estop {colour}")


# ---------------------------------------------------------------- positions


def _positions(status: Status, limits: Limits, words: Words) -> list[Html]:
    """Those nearest to their limits, an unread one before all."""
    nearest = sorted(status.positions, key=lambda one: one.reading.health_factor if one.reading else -1)
    shown = [el("div", *(_position(one, status.now, limits, words) for one in nearest[:MOST_ROWS]), class_="grid")]
    if len(nearest) > MOST_ROWS:
        shown.append(_more(len(nearest) - MOST_ROWS, words))
    if status.reading_age_ms is not None:
        seconds = f"{status.reading_age_ms / 1000:.1f}"
        age = msg("The newest accepted readings are {seconds} s old.", seconds=seconds)
        shown.append(el("p", words(age), class_="dim"))
    return shown


def _position(one: PositionStatus, now: Now, limits: Limits, words: Words) -> Html:
    title = el("h2", one.name, " ", el("span", short_address(one.account), class_="dim"))
    reading = one.reading
    if reading is None:
        return el("section", title, el("p", words(msg("Not read yet.")), class_="warn"))
    hf = reading.health_factor
    facts: list[tuple[Message, str]] = [
        (msg("Value may fall before the warning"), _room(hf, limits.warn_hf)),
        (msg("Value may fall before the stop"), _room(hf, limits.trip_hf)),
        (msg("Collateral"), usd_text(reading.collateral_e8)),
        (msg("Debt"), usd_text(reading.debt_e8)),
        (msg("Moved within 24 h"), "–" if one.change_bps is None else bps_text(one.change_bps)),
        (msg("Block"), str(reading.block.number)),
    ]
    listed = (part for label, figure in facts for part in (el("dt", words(label)), el("dd", figure)))
    return el(
        "section",
        title,
        el("div", hf_text(hf), class_=f"hf {_colour(hf, limits)}"),
        _meter(hf, limits),
        el("dl", *listed),
        *outlook_html(one, now, words),
    )


def _colour(hf: Wad, limits: Limits) -> str:
    if hf <= limits.trip_hf:
        return "bad"
    return "warn" if hf <= limits.warn_hf else "good"


def _room(hf: Wad, limit: Wad) -> str:
    """By how much the collateral's value may fall before the limit is reached: HF is proportional to it."""
    if hf == INFINITE_HF:
        return "∞"
    return bps_text(max(0, (hf - limit) * ALL_BPS // hf)) if hf else bps_text(0)


def _meter(hf: Wad, limits: Limits) -> Html:
    return el(
        "meter",
        hf_text(hf),
        min="1",
        max=hf_text(METER_TOP_HF),
        low=hf_text(limits.trip_hf),
        high=hf_text(limits.warn_hf),
        optimum=hf_text(METER_TOP_HF),
        value=hf_text(min(hf, METER_TOP_HF)),
    )


# ---------------------------------------------------------------- tables


def _incidents(incidents: tuple[IncidentLine, ...], words: Words) -> Html:
    """What somebody still has to resolve, the gravest first."""
    if not incidents:
        return _section(msg("Incidents"), words, el("p", words(msg("No incident is open.")), class_="good"))
    rows = [
        (
            _Cell(str(one.number)),
            _Cell(one.severity.value, f"tight {'bad' if one.severity is Severity.S1 else 'warn'}"),
            _Cell(words(STAGE_WORDS[one.stage])),
            _yes(not one.stands, words(msg("over")), words(msg("there"))),
            _Cell(words(one.message), "wide"),
            _Cell(one.by),
            _Cell(words.when(one.since_ms), "tight dim"),
        )
        for one in incidents
    ]
    heads = (
        msg("No."),
        msg("Severity"),
        msg("Stage"),
        msg("Condition"),
        msg("What"),
        msg("Taken on by"),
        msg("Since"),
    )
    return _section(msg("Incidents"), words, _table(heads, rows, words))


def _channels(channels: tuple[ChannelLine, ...], words: Words) -> Html:
    """The ways to people."""
    if not channels:
        nobody = msg("No channel is configured: nobody is told of anything.")
        return _section(msg("Channels"), words, el("p", words(nobody), class_="warn"))
    rows = [
        (
            _Cell(one.name),
            _yes(one.failing_since_ms is None, words(msg("works")), words(msg("takes nothing"))),
            _Cell("–" if one.delivered_ms is None else words.when(one.delivered_ms), "tight dim"),
            _Cell(str(one.waiting), "tight warn" if one.waiting else "tight"),
            _Cell("–" if one.quota_left is None else str(one.quota_left)),
            _Cell(words(one.reason) if one.reason else "", "wide"),
        )
        for one in channels
    ]
    heads = (
        msg("Name"),
        msg("State"),
        msg("Last delivered"),
        msg("Waiting"),
        msg("Quota left"),
        msg("Why"),
    )
    return _section(msg("Channels"), words, _table(heads, rows, words))


def _findings(status: Status, words: Words) -> Html:
    worst_first = sorted(status.findings, key=lambda one: -one.finding.level)
    rows = [
        (
            _level(one.finding.level),
            _Cell(words(one.finding.message), "wide"),
            _Cell(words.when(one.since.wall_ms), "tight dim"),
        )
        for one in worst_first
    ]
    nothing = el("p", words(msg("Nothing is wrong.")), class_="good")
    heads = (msg("Level"), msg("What"), msg("Since"))
    return _section(msg("Findings"), words, _table(heads, rows, words) if rows else nothing)


def _events(recent: tuple[Recorded, ...], words: Words) -> Html:
    rows = [
        (
            _Cell(words.when(one.event.now.wall_ms), "tight dim"),
            _level(one.event.level),
            _Cell(words(one.event.message), "wide"),
        )
        for one in recent
    ]
    return _section(msg("Last events"), words, _table((msg("When"), msg("Level"), msg("What")), rows, words))


def _endpoints(endpoints: tuple[EndpointLine, ...], words: Words) -> Html:
    rows = [
        (
            _Cell(one.name),
            _yes(one.usable, words(msg("usable")), words(msg("not used"))),
            _Cell("–" if one.head_number is None else str(one.head_number)),
            _Cell("–" if one.latency_ms is None else f"{one.latency_ms} ms"),
            _Cell(words(one.reason) if one.reason else "", "wide"),
        )
        for one in endpoints
    ]
    heads = (msg("Name"), msg("State"), msg("Head"), msg("Latency"), msg("Why"))
    return _section(msg("Endpoints"), words, _table(heads, rows, words))


def _jobs(jobs: tuple[JobLine, ...], words: Words) -> Html:
    rows = [
        (
            _Cell(one.name),
            _job_state(one, words),
            _Cell("–" if one.next_ms is None else words.when(one.next_ms), "tight dim"),
            _Cell("–" if one.last_started_ms is None else words.when(one.last_started_ms), "tight dim"),
            _Cell(words(one.last_message) if one.last_message else "", "wide"),
        )
        for one in jobs
    ]
    heads = (msg("Name"), msg("State"), msg("Next"), msg("Last"), msg("Result"))
    return _section(msg("Jobs"), words, _table(heads, rows, words))


def _job_state(one: JobLine, words: Words) -> _Cell:
    if one.running:
        return _Cell(words(msg("running")))
    if not one.enabled:
        return _Cell(words(msg("switched off")), "tight warn")
    if one.last_ok is None:
        return _Cell(words(msg("not run yet")), "tight dim")
    return _yes(one.last_ok, words(msg("ok")), words(msg("failed")))


def _inside(status: Status, words: Words) -> Html:
    rows = [
        (
            _Cell(one.name),
            _yes(not one.late, words(msg("turning")), words(msg("late"))),
            _Cell(f"{one.age_ms / 1000:.1f} / {one.limit_ms / 1000:.1f} s"),
            _Cell(str(one.restarts)),
        )
        for one in status.parts
    ]
    heads = (msg("Name"), msg("State"), msg("Silent for"), msg("Restarts"))
    journal = status.journal
    written = msg("Journal: {seq} events; {backlog} wait to be written", seq=journal.seq, backlog=journal.backlog)
    below: list[Inside] = [el("p", words(written), class_="dim")]
    if journal.trouble is not None:
        below.append(el("p", words(journal.trouble), class_="bad"))
    if status.loosened:
        below.append(el("p", words(msg("The configuration loosens:")), class_="warn"))
        below.append(el("ul", *(el("li", words(one)) for one in status.loosened), class_="plain"))
    below.append(el("p", f"ultrad {status.version}", class_="dim"))
    return _section(msg("Inside"), words, _table(heads, rows, words), *below)
