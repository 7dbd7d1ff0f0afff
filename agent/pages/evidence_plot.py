"""Evidence of each segment over time as a picture, with the alerts that it raises."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ..log import escaped
from .plot_file import finish_axes, new_figure, write_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, slots=True)
class EvidenceLine:
    """One line of the picture.

    Attributes:
        nearness: at *starts*, evidence against what an alert takes, 0 to 1.
        alarms: when alerts opened.
    """

    name: str
    starts: Sequence[datetime]
    nearness: Sequence[float]
    alarms: Sequence[datetime]


def draw_evidence(path: Path, title: str, lines: Sequence[EvidenceLine]) -> None:
    """Write the picture to *path*, PNG or HTML by its suffix; at most ten lines can be told apart.

    Raises:
        SettingsError: matplotlib is not installed, or the file cannot be written.
    """
    figure = new_figure()
    _draw(figure.add_subplot(), escaped(title), lines)
    write_figure(figure, path, title)


def _draw(axes: Axes, title: str, lines: Sequence[EvidenceLine]) -> None:
    from matplotlib.dates import date2num

    axes.xaxis_date()
    for line in lines:
        percents = [100 * value for value in line.nearness]
        label = " " + escaped(line.name)  # a label that begins with _ would be left out
        (drawn,) = axes.plot(date2num(line.starts), percents, label=label, linewidth=1.0)
        if line.alarms:
            at, full = date2num(line.alarms), [100.0] * len(line.alarms)
            axes.plot(at, full, "v", color=drawn.get_color(), markersize=8)
    axes.axhline(100.0, color="black", linestyle=":", linewidth=0.8)
    axes.set_title(title, loc="left", parse_math=False)
    axes.set_ylabel("evidence, % of what an alert takes; triangles: alerts")
    axes.set_ylim(0, 106)
    finish_axes(axes)
