"""Makes a report from the journal's file: in the commands' own process, or aside, for the daemon.

A composition root beside ultrad.app: it knows adapters.
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import cast
from zoneinfo import ZoneInfo

from ultrad import __version__
from ultrad.adapters.journal.reader import open_reader
from ultrad.adapters.journal.span import facts_of
from ultrad.adapters.report_files import PAGE, PICTURE, ReportFiles, bytes_within
from ultrad.core import report_words
from ultrad.core.chart import Chart, chart_of
from ultrad.core.events import Json
from ultrad.core.limits import Limits
from ultrad.core.report import Report, compose
from ultrad.core.report_order import Kept, Made, Order, Where
from ultrad.core.report_words import About
from ultrad.core.wire import from_json, to_json
from ultrad.errors import Transient
from ultrad.i18n import LANGUAGES, Message, catalogue, msg
from ultrad.paths import Paths
from ultrad.units import wad
from ultrad.web.report_page import report_page
from ultrad.web.words import Words


def report_of(where: Where, order: Order) -> Report:
    """The figures. Raises UltradError where the journal cannot be read."""
    path = Path(where.journal)
    with open_reader(path) as reader:
        facts = facts_of(reader, order.period)
    size = None
    with suppress(OSError):
        size = sum(one.stat().st_size for one in (path, path.with_name(f"{path.name}-wal")) if one.exists())
    log_bytes = bytes_within(Path(where.logs))
    return compose(replace(facts, log_bytes=log_bytes, journal_bytes=size, made_ms=order.made.wall_ms))


def about_of(where: Where, order: Order) -> About:
    """What a report says of where it was made."""
    return About(ZoneInfo(where.zone), where.place, where.version, where.accounts, order.loosened)


def make(where: Where, order: Order) -> Made:
    """The report with its files. Raises UltradError; a picture that cannot be drawn is only told of."""
    report, about = report_of(where, order), about_of(where, order)
    name = order.period.name
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
        # Where it keeps its list of fonts: else it makes one anew each time, or looks into a home directory.
        os.environ.setdefault("MPLCONFIGDIR", str(files.directory / ".matplotlib"))
        from ultrad.charting import png  # noqa: PLC0415 - imports matplotlib, some 60 MB: only where it is drawn

        files.write(f"{name}{PICTURE}", png(chart))
    except (ImportError, ValueError, Transient) as error:
        return "", msg("The chart could not be drawn as a picture: {reason}", reason=str(error))
    return f"{name}{PICTURE}", None


def where_of(config: Path) -> Where:
    """What stays the same for all reports, from the configuration without its secrets. Raises ConfigError."""
    from ultrad.config import read  # noqa: PLC0415 - costs more than all the rest of a command

    settings = read(config)
    paths = Paths.of(settings)
    return Where(
        journal=str(paths.journal),
        reports=str(paths.reports),
        logs=settings.log_dir,
        language=settings.language,
        zone=settings.timezone,
        place=f"{settings.environment}/{settings.chain.network}",
        version=__version__,
        warn_hf=wad(settings.limits.warn_hf),
        trip_hf=wad(settings.limits.trip_hf),
        accounts=tuple((one.name, one.account) for one in settings.positions),
    )


def kept(directory: Path) -> tuple[Kept, ...]:
    """The reports that are kept, the newest first. Raises Transient."""
    return ReportFiles(directory).kept()


def work(config: Path, arguments: Mapping[str, Json]) -> Mapping[str, Json]:
    """The work "report": its arguments are an Order, its result is what was Made. Raises UltradError."""
    return cast("Mapping[str, Json]", to_json(make(where_of(config), from_json(Order, dict(arguments)))))
