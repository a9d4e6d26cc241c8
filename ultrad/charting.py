"""A chart as PNG, by matplotlib: only ever imported aside, never by the daemon (some 60 MB).

Its own words are figures and ASCII names alone, so that no font of any language is needed.
"""

import io

import matplotlib as mpl
from matplotlib.figure import Figure

from ultrad.core.chart import Chart, stretches

DPI = 144
WIDTH_IN, ROW_IN = 9.0, 4.2
_INK, _DIM, _LINE = "#16202c", "#5b6775", "#dde2e8"
_CURVE, _WARN, _BAD = "#1f5fbf", "#a15c00", "#c01c28"


def png(chart: Chart) -> bytes:
    """The chart: for each position its health factor with the limits, and its net value below. Empty: a blank."""
    rows = max(1, len(chart.curves))
    with mpl.rc_context({"font.family": "DejaVu Sans", "font.size": 9, "axes.edgecolor": _LINE}):
        figure = Figure(figsize=(WIDTH_IN, ROW_IN * rows), dpi=DPI, facecolor="white", layout="constrained")
        panels = figure.subplots(2 * rows, 1, sharex=True, squeeze=False, height_ratios=[3, 2] * rows)
        for row, curve in enumerate(chart.curves):
            _panel(panels[2 * row][0], chart, curve.at, curve.hf, f"{curve.name} · HF")
            _panel(panels[2 * row + 1][0], chart, curve.at, curve.usd, f"{curve.name} · net value, USD")
            for limit, colour in ((chart.warn_hf, _WARN), (chart.trip_hf, _BAD)):
                panels[2 * row][0].axhline(limit, color=colour, linewidth=1, linestyle="--")
                panels[2 * row][0].annotate(
                    f"{limit:.2f}",
                    (1, limit),
                    xycoords=("axes fraction", "data"),
                    xytext=(4, 0),
                    textcoords="offset points",
                    va="center",
                    color=colour,
                    fontsize=8,
                )
        out = io.BytesIO()
        figure.savefig(out, format="png", metadata={"Software": None})
    return out.getvalue()


def _panel(
    axes: "mpl.axes.Axes",
    chart: Chart,
    at: tuple[float, ...],
    bands: tuple[tuple[float, float], ...],
    title: str,
) -> None:
    for stretch in stretches(at):
        share, lows = [at[one] for one in stretch], [bands[one][0] for one in stretch]
        axes.fill_between(share, lows, [bands[one][1] for one in stretch], color=_CURVE, alpha=0.18, linewidth=0)
        axes.plot(share, lows, color=_CURVE, linewidth=1.4, marker="." if len(stretch) == 1 else "")
    axes.set_title(title, loc="left", fontsize=10, color=_INK, fontweight="bold")
    axes.set_xlim(0, 1)
    axes.set_xticks([share for share, _ in chart.ticks], [label for _, label in chart.ticks])
    axes.tick_params(colors=_DIM, length=0, labelbottom=True)
    axes.grid(color=_LINE, linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.yaxis.set_major_formatter(lambda figure, _: f"{figure:,.2f}" if abs(figure) < 1_000 else f"{figure:,.0f}")  # noqa: PLR2004
