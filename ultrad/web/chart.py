"""A chart as SVG within a page: sharp at any size, in the page's own colours."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ultrad.core.chart import TOP_HF, Chart, Curve, stretches
from ultrad.i18n import msg
from ultrad.web.html import Html, el, join
from ultrad.web.words import Words

WIDTH, LEFT, RIGHT, TOP, BOTTOM = 760, 64, 12, 14, 26
HF_HEIGHT, USD_HEIGHT = 210, 150
_ROWS = 4


def charts(chart: Chart, words: Words) -> Html:
    """Two charts for each position: health factor with its limits, and net value."""
    return join(*(_position(one, chart, words) for one in chart.curves))


def _position(curve: Curve, chart: Chart, words: Words) -> Html:
    lows, highs = [low for low, _ in curve.hf], [high for _, high in curve.hf]
    hf_axis = (min((*lows, chart.trip_hf)) * 0.97, max((*highs, chart.warn_hf)) * 1.03)
    usd = [figure for pair in curve.usd for figure in pair]
    pad = max((max(usd) - min(usd)) * 0.1, abs(max(usd)) * 0.002, 0.01)
    usd_axis = (min(usd) - pad, max(usd) + pad)
    form = "{:,.0f}" if pad > 1 else "{:,.2f}"
    limits = ((chart.warn_hf, "warn"), (chart.trip_hf, "bad"))
    name = el("figcaption", words(msg("{position}: health factor", position=curve.name)))
    panel = _panel(curve.at, curve.hf, _Frame(*hf_axis, HF_HEIGHT, "{:.2f}", limits), chart.ticks)
    if min(lows) >= TOP_HF:
        top = f"{TOP_HF:.0f}"
        high = msg("{position}: health factor {top} or above all the time", position=curve.name, top=top)
        name, panel = el("figcaption", words(high)), Html("")
    return el(
        "figure",
        name,
        panel,
        el("figcaption", words(msg("{position}: net value (USD)", position=curve.name))),
        _panel(curve.at, curve.usd, _Frame(*usd_axis, USD_HEIGHT, form), chart.ticks),
    )


@dataclass(frozen=True, slots=True)
class _Frame:
    """A panel's axes: lowest and highest figure, height in pixels, how figures are written, lines across."""

    low: float
    high: float
    height: int
    form: str
    limits: Iterable[tuple[float, str]] = ()


def _panel(
    at: Sequence[float], bands: Sequence[tuple[float, float]], frame: _Frame, ticks: Iterable[tuple[float, str]]
) -> Html:
    height, form = frame.height, frame.form

    def x(share: float) -> float:
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)

    def y(figure: float) -> float:
        return round(TOP + (frame.high - figure) / (frame.high - frame.low) * (height - TOP - BOTTOM), 1)

    parts: list[Html] = []
    for row in range(_ROWS + 1):
        figure = frame.low + (frame.high - frame.low) * row / _ROWS
        parts.append(_line(x(0), y(figure), x(1), y(figure), "grid-line"))
        parts.append(_text(LEFT - 6, y(figure) + 4, form.format(figure), "end"))
    for share, label in ticks:
        parts.append(_line(x(share), TOP, x(share), height - BOTTOM, "grid-line"))
        parts.append(_text(x(share), height - 8, label, "end" if share > 0.97 else "middle"))  # noqa: PLR2004
    for figure, name in frame.limits:
        parts.append(_line(x(0), y(figure), x(1), y(figure), f"limit {name}"))
        parts.append(_text(x(1) - 4, y(figure) - 4, form.format(figure), "end", name))
    for stretch in stretches(at):
        top = [f"{x(at[one])},{y(bands[one][1])}" for one in stretch]
        under = [f"{x(at[one])},{y(bands[one][0])}" for one in stretch]
        parts.append(el("polygon", points=" ".join((*top, *reversed(under))), class_="band"))
        parts.append(el("polyline", points=" ".join(under), class_="curve"))
        if len(stretch) == 1:
            only = stretch[0]
            parts.append(el("circle", cx=str(x(at[only])), cy=str(y(bands[only][0])), r="2", class_="dot"))
    return el("svg", *parts, viewBox=f"0 0 {WIDTH} {height}", role="img", class_="chart")


def _line(x1: float, y1: float, x2: float, y2: float, look: str) -> Html:
    return el("line", x1=str(x1), y1=str(y1), x2=str(x2), y2=str(y2), class_=look)


def _text(x: float, y: float, text: str, anchor: str, look: str = "") -> Html:
    return el("text", text, x=str(x), y=str(y), text_anchor=anchor, class_=look)
