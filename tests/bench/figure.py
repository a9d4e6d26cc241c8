"""One figure of the benchmark."""

from collections.abc import Sequence
from statistics import median
from typing import TypedDict


class Figure(TypedDict):
    """value and floor in `unit`; ratio = value / floor (None without one); met: whether the goal holds."""

    name: str
    unit: str
    value: float
    floor: float | None
    ratio: float | None
    goal: str
    met: bool


def against_floor(name: str, unit: str, values: Sequence[float], floors: Sequence[float], most: float) -> Figure:
    """A figure whose median is to be at most `most` times the floor's."""
    value, floor = median(values), median(floors)
    ratio = value / floor
    return Figure(
        name=name,
        unit=unit,
        value=round(value, 3),
        floor=round(floor, 3),
        ratio=round(ratio, 2),
        goal=f"<= {most} x floor",
        met=ratio <= most,
    )


def at_most(name: str, unit: str, value: float, most: float) -> Figure:
    """A figure with a goal of its own."""
    return Figure(
        name=name,
        unit=unit,
        value=round(value, 3),
        floor=None,
        ratio=None,
        goal=f"<= {most} {unit}",
        met=value <= most,
    )


def at_least(name: str, unit: str, value: float, least: float) -> Figure:
    """A figure that is better the higher it is."""
    return Figure(
        name=name,
        unit=unit,
        value=round(value, 3),
        floor=None,
        ratio=None,
        goal=f">= {least} {unit}",
        met=value >= least,
    )


def row(figure: Figure) -> str:
    """One printed line."""
    floor = "" if figure["floor"] is None else f"floor {figure['floor']:.3f}  ratio {figure['ratio']:.2f}"
    mark = "met   " if figure["met"] else "MISSED"
    value = f"{figure['name']:46s} {figure['value']:10.3f} {figure['unit']:5s}"
    return f"{mark} {value} {floor:32s} goal {figure['goal']}"
