"""Charts of out-of-distribution rates: where things lie, in per cent, for a page to draw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .heat import Shade

_HEIGHT = 100
_WIDTH = 1000
_GAP = 0.01
"""In per cent of the axis: columns that are further apart are not joined."""

_TOPS = (0.1, 0.25, 0.5, 1.0)


@dataclass(frozen=True, slots=True)
class Mark:
    """Something with a place on the time axis.

    Attributes:
        left: per cent from the chart's left.
        width: per cent of the chart.
    """

    left: float
    width: float
    label: str
    title: str
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """One segment's rate over time, and its p-values below.

    Attributes:
        heat: its p-values, a column for each point of the line.
        line: SVG path of the rate, 1,000 wide and 100 high.
        area: the same, closed at the bottom.
        faults: spans in which something is known to have been wrong.
        alerts: spans in which an alert was open.
        highest: the worst column's rate.
        normal: the rate while nothing is wrong; None if unknown.
        top: the rate at the upper end of the vertical axis.
        shows_normal: draw a line at *normal*.
    """

    name: str
    line: str
    area: str
    heat: tuple[Shade, ...]
    alerts: tuple[Mark, ...]
    highest: float
    normal: float | None
    faults: tuple[Mark, ...] = ()
    state: str = "quiet"
    top: float = 1.0
    shows_normal: bool = False

    @property
    def normal_from_top(self) -> float | None:
        """Where the line of the normal rate lies, in per cent of the height; None for no line."""
        if not self.shows_normal or self.normal is None:
            return None
        return 100 * (1 - min(1.0, self.normal / self.top))


def axis_top(rates: Sequence[float]) -> float:
    """Return the upper end of an axis that shows all of *rates*.

    >>> axis_top([0.01, 0.2]), axis_top([]), axis_top([0.9])
    (0.25, 0.1, 1.0)
    """
    highest = max(rates, default=0.0)
    return next((top for top in _TOPS if highest <= top), 1.0)


def rate_paths(
    points: Sequence[tuple[float, float]], width: float, *, top: float = 1.0
) -> tuple[str, str]:
    """Return the SVG paths of a line of steps and of the area below it.

    Where a column has no images the line breaks: no rate is made up.

    Args:
        points: each column's left edge in per cent of the axis, and its rate.
        width: of a column, in per cent of the axis.
        top: the rate at the upper end.
    """
    lines, areas = [], []
    for run in _runs(points, width):
        left, right = run[0][0], min(100.0, run[-1][0] + width)
        steps = [
            f"V{_HEIGHT * (1 - min(rate, top) / top):.1f} H{_x(min(100.0, at + width))}"
            for at, rate in run
        ]
        line = f"M{_x(left)}{steps[0].replace('V', ' ', 1)}"
        line = " ".join([line, *steps[1:]])
        lines.append(line)
        areas.append(f"{line} V{_HEIGHT} H{_x(left)} Z" if right > left else line)
    return " ".join(lines), " ".join(areas)


def _x(place: float) -> str:
    return f"{place * _WIDTH / 100:.1f}"


def _runs(points: Sequence[tuple[float, float]], width: float) -> list[list[tuple[float, float]]]:
    runs: list[list[tuple[float, float]]] = []
    for point in points:
        if runs and point[0] <= runs[-1][-1][0] + width + _GAP:
            runs[-1].append(point)
        else:
            runs.append([point])
    return runs
