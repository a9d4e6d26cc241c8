"""A report as one HTML file that needs nothing beside it: for people who read it, print it, or keep it."""

import base64
import hashlib
from collections.abc import Sequence
from typing import Final

from ultrad.core import report_care_words as care
from ultrad.core import report_words as say
from ultrad.core import situation
from ultrad.core.chart import Chart
from ultrad.core.estop import describe
from ultrad.core.events import Level, Severity
from ultrad.core.metrics import METRICS, mean_digits
from ultrad.core.periods import ReportKind
from ultrad.core.report import Report
from ultrad.core.report_words import About
from ultrad.core.status import STAGE_WORDS
from ultrad.i18n import Message, msg
from ultrad.units import Now, hf_text, usd_text
from ultrad.web.chart import charts
from ultrad.web.html import Html, Inside, el, join, void
from ultrad.web.style import CSS
from ultrad.web.words import Words, fixed

_MORE: Final = """
.tiles{display:grid;gap:.6rem;grid-template-columns:repeat(auto-fit,minmax(10rem,1fr));margin-bottom:.75rem}
.tile{background:var(--card);border:1px solid var(--line);border-left:.35rem solid var(--line);
border-radius:.6rem;padding:.6rem .8rem}
.tile b{display:block;font-size:1.45rem;line-height:1.3;font-variant-numeric:tabular-nums}
.tile.good{border-left-color:var(--good)}.tile.warn{border-left-color:var(--warn)}
.tile.bad{border-left-color:var(--bad)}
.tile,.tile span{color:var(--ink)}.tile span{color:var(--dim);font-size:.85rem}
.tile.bad b{color:var(--bad)}.tile.warn b{color:var(--warn)}
figure{margin:0 0 1rem}figcaption{font-size:.85rem;color:var(--dim);margin:.25rem 0}
.chart{width:100%;height:auto;display:block;font-size:11px}.chart text{fill:var(--dim)}
.chart .grid-line{stroke:var(--line);stroke-width:1}.chart .limit{stroke-width:1.2;stroke-dasharray:5 4}
.chart .limit.warn{stroke:var(--warn)}.chart .limit.bad{stroke:var(--bad)}
.chart text.warn{fill:var(--warn)}.chart text.bad{fill:var(--bad)}
.chart .curve{fill:none;stroke:#2f74d0;stroke-width:1.6;stroke-linejoin:round}
.chart .band{fill:#2f74d0;fill-opacity:.18;stroke:none}.chart .dot{fill:#2f74d0}
dl.facts{grid-template-columns:repeat(auto-fit,minmax(11rem,1fr));gap:.25rem 2rem;margin:0 0 .75rem}
.facts div{display:flex;justify-content:space-between;border-bottom:1px solid var(--line)}
td.num,th.num{text-align:right;white-space:nowrap}
.head{font-family:ui-monospace,monospace;font-size:.8rem}
@media print{body{max-width:none;background:#fff}section,.tile{break-inside:avoid}}
"""
REPORT_CSS: Final = CSS + _MORE
_DIGEST = base64.b64encode(hashlib.sha256(REPORT_CSS.encode()).digest()).decode()
REPORT_POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_DIGEST}'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_COLOURS = {Level.WARNING: "warn", Level.ALERT: "warn", Level.CRITICAL: "bad", Level.EMERGENCY: "bad"}
_LONG_HF = 6


def report_page(report: Report, chart: Chart, about: About, words: Words, made: Now) -> bytes:
    """The whole page as UTF-8."""
    titled = words(say.report_title(report, about))
    period = msg(
        "Period: {first} to {last} ({zone})",
        first=care.when(report.period.since_ms, about.zone),
        last=care.when(report.period.until_ms, about.zone),
        zone=str(about.zone),
    )
    body = join(
        el("header", el("h1", titled), el("span", about.place, class_="env"), el("time", words(period))),
        _tiles(report, words),
        _situation(report, about, words),
        _highlights(report, words),
        _incidents(report, words),
        _section(msg("Charts"), words, charts(chart, words)) if chart.curves else None,
        _positions(report, about, words),
        _distances(report, about, words),
        _trade(report, words),
        _jobs(report, words),
        _drills(report, words),
        _metrics(report, words),
        _notes(report, words),
        _record(report, about, words, made),
    )
    head = join(
        void("meta", charset="utf-8"),
        void("meta", name="viewport", content="width=device-width, initial-scale=1"),
        void("link", rel="icon", href="data:,"),
        el("title", f"{titled} · {about.place}"),
        el("style", Html(REPORT_CSS)),
    )
    page = el("html", el("head", head), el("body", body), lang=words.language)
    # the file is made to be passed on: what events and notes say of accounts is shortened as it is in messages
    return b"<!doctype html>" + say.shortened(page).encode("utf-8", "replace")


# ---------------------------------------------------------------- at a glance


def _tiles(report: Report, words: Words) -> Html:
    grave = any(one.severity is Severity.S1 for one in report.incidents)
    failed = sum(one.failed for one in report.jobs)
    lowest = min((one.hf_low for one in report.positions), default=None)
    change = report.change_bps
    count = len(report.incidents)
    tiles = (
        (msg("Emergency stop"), report.stop.mode.value.upper(), "bad" if report.paused else "good"),
        (msg("Open incidents"), str(count), "bad" if grave else "warn" if count else "good"),
        (msg("Lowest health factor"), "–" if lowest is None else hf_text(lowest), ""),
        (msg("Value change"), "–" if change is None else say.signed(change), ""),
        (msg("Signals carried out"), f"{report.trade.carried_out} / {report.trade.signals}", ""),
        (msg("Failed jobs"), str(failed), "warn" if failed else "good"),
    )
    shown = (
        el("div", el("span", words(label)), el("b", text), class_=f"tile {look}") for label, text, look in tiles
    )
    return el("div", *shown, class_="tiles")


def _situation(report: Report, about: About, words: Words) -> Html | None:
    """What happened and what to do now, before everything else."""
    if report.period.kind is not ReportKind.SITUATION:
        return None
    items = (el("p", words(one)) for one in situation.lines(report, about.zone))
    return el("section", el("strong", words(msg("EMERGENCY STOP"))), *items, class_="estop bad")


def _highlights(report: Report, words: Words) -> Html:
    if not report.highlights:
        return _section(msg("Most important"), words, _calm(msg("Nothing above the level info happened."), words))
    rows = [
        (
            (one.level.label, f"tight {_COLOURS.get(one.level, '')}"),
            (words(one.message), "wide"),
            (f"×{one.count}" if one.count > 1 else "", "num"),
            (words.when(one.at_ms), "tight dim"),
        )
        for one in report.highlights
    ]
    more = (
        el(
            "p",
            words(msg("and {count} more: ultrad log --level warning", count=report.more_highlights)),
            class_="dim",
        )
        if report.more_highlights
        else None
    )
    heads = (msg("Level"), msg("What"), msg("Times"), msg("First"))
    return _section(msg("Most important"), words, _table(heads, rows, words), more)


def _incidents(report: Report, words: Words) -> Html:
    if not report.incidents:
        return _section(msg("Open incidents"), words, _calm(msg("No incident is open."), words))
    rows = [
        (
            (str(one.number), "tight"),
            (one.severity.value, f"tight {'bad' if one.severity is Severity.S1 else 'warn'}"),
            (words(STAGE_WORDS[one.stage]), "tight"),
            (words(one.message), "wide"),
            (one.by, "tight"),
            (words.when(one.opened.wall_ms), "tight dim"),
        )
        for one in report.incidents
    ]
    heads = (msg("No."), msg("Severity"), msg("Stage"), msg("What"), msg("Taken on by"), msg("Since"))
    return _section(msg("Open incidents"), words, _table(heads, rows, words))


# ---------------------------------------------------------------- figures


def _positions(report: Report, about: About, words: Words) -> Html:
    if not report.positions:
        none = el("p", words(msg("No reading of any position in this period.")), class_="warn")
        return _section(msg("Positions"), words, none)
    rows = [
        (
            (one.position, "tight"),
            (say.account_text(one.position, about), "tight dim"),
            (hf_text(one.hf_low), "num"),
            (hf_text(one.hf_high), "num"),
            (hf_text(one.hf_last), "num"),
            (usd_text(one.net_first_e8), "num"),
            (usd_text(one.net_last_e8), "num"),
            ("–" if one.change_bps is None else say.signed(one.change_bps), "num"),
            (f"{one.count:,}", "num"),
        )
        for one in report.positions
    ]
    heads = (
        msg("Position"),
        msg("Account"),
        msg("HF min"),
        msg("HF max"),
        msg("HF last"),
        msg("Value first"),
        msg("Value last"),
        msg("Change"),
        msg("Readings"),
    )
    gaps = (el("p", words(one), class_="bad") for one in say.gap_lines(report, about.zone))
    return _section(msg("Positions"), words, _table(heads, rows, words), *gaps)


def _distances(report: Report, about: About, words: Words) -> Html | None:
    lines = [el("li", words(one)) for one in care.distance_lines(report, about.zone)]
    return _section(msg("Distances to the limits"), words, el("ul", *lines, class_="plain")) if lines else None


def _trade(report: Report, words: Words) -> Html:
    trade = report.trade
    facts = (
        (msg("Signals"), trade.signals),
        (msg("Admitted"), trade.admitted),
        (msg("Carried out"), trade.carried_out),
        (msg("Rehearsed"), trade.rehearsed),
        (msg("Failed or cancelled"), trade.failed),
        (msg("HOLD"), trade.held),
        (msg("Skipped or rejected"), trade.refused),
        (msg("Rescues"), trade.rescues),
    )
    listed = (el("div", el("dt", words(label)), el("dd", str(count))) for label, count in facts)
    rows = [((rule, "wide"), (str(count), "num")) for rule, count in trade.skips]
    skips = _table((msg("Skipped or rejected by rule"), msg("Times")), rows, words) if rows else None
    return _section(msg("Signals and trades"), words, el("dl", *listed, class_="facts"), skips)


def _jobs(report: Report, words: Words) -> Html:
    if not report.jobs:
        return _section(msg("Jobs"), words, el("p", words(msg("No job ran.")), class_="dim"))
    rows = [
        (
            (one.name, "wide"),
            (f"{one.finished:,}", "num"),
            (f"{one.failed:,}", "num warn" if one.failed else "num"),
            (f"{one.skipped:,}", "num warn" if one.skipped else "num"),
            (f"{one.stopped:,}", "num"),
        )
        for one in report.jobs
    ]
    heads = (msg("Name"), msg("Succeeded"), msg("Failed"), msg("Passed over"), msg("Stopped"))
    return _section(msg("Jobs"), words, _table(heads, rows, words))


def _drills(report: Report, words: Words) -> Html | None:
    """Each drill's runs over time, whenever they were."""
    missing = [el("p", words(one), class_="warn") for one in care.never_run(report)]
    if not report.drills:
        return _section(msg("Drills"), words, *missing) if missing else None
    rows = [
        (
            (words(care.drill_name(one)), "wide"),
            (words.when(one.at_ms), "tight dim"),
            (words(care.result(one)), "tight" if one.ok else "tight warn"),
            (words(care.times_text(one)), "wide"),
        )
        for one in report.drills
    ]
    heads = (msg("Name"), msg("When"), msg("Result"), msg("Took"))
    return _section(msg("Drills"), words, _table(heads, rows, words), *missing)


def _metrics(report: Report, words: Words) -> Html | None:
    if not report.metrics:
        return None
    rows = []
    for name, tally in report.metrics:
        metric = METRICS[name]
        figures = [(one, metric.digits) for one in (tally.low, tally.high, tally.last)]
        figures.insert(2, (tally.mean(metric.digits), mean_digits(metric.digits)))
        shown = [(f"{_short(*one)}{metric.unit and ' ' + metric.unit}", "num") for one in figures]
        rows.append(((name, "wide"), (f"{tally.count:,}", "num"), *shown))
    heads = (msg("Metric"), msg("Samples"), msg("Min"), msg("Max"), msg("Average"), msg("Newest"))
    return _section(msg("Metrics"), words, _table(heads, rows, words))


def _short(figure: int, digits: int) -> str:
    """At most so many digits after the point as people read; rounded down."""
    if digits > _LONG_HF:
        figure, digits = figure // 10 ** (digits - 4), 4
    return fixed(figure, digits) if digits else str(figure)


def _notes(report: Report, words: Words) -> Html | None:
    if not report.notes:
        return None
    rows = [
        ((words.when(one.at_ms), "tight dim"), (one.by, "tight"), (words(one.text), "wide"))
        for one in report.notes
    ]
    return _section(
        msg("Notes of the operators"), words, _table((msg("When"), msg("Who"), msg("Text")), rows, words)
    )


def _record(report: Report, about: About, words: Words, made: Now) -> Html:
    lines = (
        say.levels_line(report),
        say.notices_line(report),
        *care.backup_lines(report, about.zone),
        say.sizes_line(report),
        msg("Emergency stop: {state}; trips: {count}", state=describe(report.stop), count=report.trips),
        *say.unreadable_lines(report),
        *(msg("Loosened: {what}", what=one) for one in about.loosened),
        msg("Made at {time} by ultrad {version}", time=words.when(made.wall_ms), version=about.version),
    )
    check = msg(
        "To check the journal against it: ultrad audit verify --head {seq}:{hash}",
        seq=report.seq,
        hash=report.hash,
    )
    return _section(
        msg("Record"),
        words,
        el("ul", *(el("li", words(one)) for one in lines), class_="plain"),
        el("p", words(say.head_line(report)), class_="head"),
        el("p", words(check), class_="head"),
    )


# ---------------------------------------------------------------- building


def _section(title: Message, words: Words, *inside: Inside) -> Html:
    return el("section", el("h2", words(title)), *inside)


def _calm(sentence: Message, words: Words) -> Html:
    return el("p", words(sentence), class_="good")


def _table(heads: Sequence[Message], rows: Sequence[Sequence[tuple[str, str]]], words: Words) -> Html:
    labels = [words(head) for head in heads]
    looks = [look for _, look in rows[0]]
    head = el(
        "tr",
        *(
            el("th", label, class_="num" if "num" in look else "")
            for label, look in zip(labels, looks, strict=True)
        ),
    )
    body = (
        el(
            "tr",
            *(
                el("td", text, class_=look, data_label=label)
                for (text, look), label in zip(row, labels, strict=True)
            ),
        )
        for row in rows
    )
    return el("table", el("thead", head), el("tbody", *body))
