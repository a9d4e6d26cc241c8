"""Makes a report from the journal's file: in the commands' own process, or aside, for the daemon.

A composition root: it knows adapters. `python -m ultrad.reporting` reads an order as JSON, and answers in JSON.
"""

import json
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

from ultrad.adapters.journal.reader import open_reader
from ultrad.adapters.journal.span import facts_of
from ultrad.adapters.report_files import PAGE, PICTURE, ReportFiles, bytes_within
from ultrad.core import report_words
from ultrad.core.chart import Chart, chart_of
from ultrad.core.limits import Limits
from ultrad.core.messages import message_json
from ultrad.core.report import Report, compose
from ultrad.core.report_order import Made, Order
from ultrad.core.report_words import About
from ultrad.core.wire import from_json, to_json
from ultrad.errors import Transient, UltradError
from ultrad.i18n import LANGUAGES, Message, catalogue, msg
from ultrad.web.report_page import report_page
from ultrad.web.words import Words


def report_of(order: Order) -> Report:
    """The figures. Raises UltradError where the journal cannot be read."""
    where, path = order.where, Path(order.where.journal)
    with open_reader(path) as reader:
        facts = facts_of(reader, order.period)
    size = None
    with suppress(OSError):
        size = sum(one.stat().st_size for one in (path, path.with_name(f"{path.name}-wal")) if one.exists())
    return compose(replace(facts, log_bytes=bytes_within(Path(where.logs)), journal_bytes=size))


def about_of(order: Order) -> About:
    """What a report says of where it was made."""
    where = order.where
    return About(ZoneInfo(where.zone), where.place, where.version, where.accounts, order.loosened)


def make(order: Order) -> Made:
    """The report with its files. Raises UltradError; a picture that cannot be drawn is only told of."""
    report, about = report_of(order), about_of(order)
    where, name = order.where, order.period.name
    files = ReportFiles(Path(where.reports))
    language = next((one for one in LANGUAGES if one == where.language), "en")
    words = Words(catalogue(language), about.zone)
    chart = chart_of(report, Limits(warn_hf=where.warn_hf, trip_hf=where.trip_hf), about.zone)
    files.write(f"{name}{PAGE}", report_page(report, chart, about, words, order.made))
    picture, trouble = _picture(files, name, chart)
    lines = report_words.report_lines(report, about)
    if trouble is not None:
        lines = (*lines, trouble)
    return Made(
        name=name,
        title=report_words.report_title(report, about),
        lines=lines,
        seq=report.seq,
        hash=report.hash,
        page=f"{name}{PAGE}",
        picture=picture,
        trouble=trouble,
    )


def _picture(files: ReportFiles, name: str, chart: Chart) -> tuple[str, Message | None]:
    """The picture's file, if there is something to draw; else why there is none."""
    if not chart.curves:
        return "", None
    try:
        from ultrad.charting import png  # noqa: PLC0415 - imports matplotlib, some 60 MB: only where it is drawn

        files.write(f"{name}{PICTURE}", png(chart))
    except (ImportError, ValueError, Transient) as error:
        return "", msg("The chart could not be drawn as a picture: {reason}", reason=str(error))
    return f"{name}{PICTURE}", None


def main() -> int:
    """One order from the standard input, its answer to the standard output; 1 with the reason where it failed."""
    try:
        made = make(from_json(Order, json.load(sys.stdin)))
    except UltradError as error:
        json.dump({"error": message_json(error.message)}, sys.stdout)
        return 1
    json.dump(to_json(made), sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
