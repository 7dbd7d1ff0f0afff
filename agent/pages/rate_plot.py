"""Out-of-distribution rates over time as a picture, PNG or a page that needs no network."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from ..log import escaped
from .plot_file import finish_axes, new_figure, write_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, slots=True)
class RateLine:
    """One line of the picture.

    Attributes:
        rates: 0 to 1, one for each of *starts*; None where nothing was counted.
        normal: drawn as a dotted line; None for none.
    """

    name: str
    starts: Sequence[datetime]
    rates: Sequence[float | None]
    normal: float | None = None


def draw_rates(path: Path, title: str, lines: Sequence[RateLine], *, width: timedelta) -> None:
    """Write the picture to *path*, whose suffix says which kind it is.

    Args:
        path: overwritten if it exists.
        title: of the picture.
        lines: at most ten can be told apart.
        width: of a period; each rate holds for as long.

    Raises:
        SettingsError: matplotlib is not installed, or the file cannot be written.
    """
    figure = new_figure()
    _draw(figure.add_subplot(), escaped(title), lines, width)
    write_figure(figure, path, title)


def _draw(axes: Axes, title: str, lines: Sequence[RateLine], width: timedelta) -> None:
    from matplotlib.dates import date2num

    axes.xaxis_date()
    for line in lines:
        starts = date2num([*line.starts, line.starts[-1] + width])
        rates = [math.nan if rate is None else 100 * rate for rate in line.rates]
        label = " " + escaped(line.name)  # a label that begins with _ would be left out
        (drawn,) = axes.step(starts, [*rates, rates[-1]], where="post", label=label)
        if line.normal is not None:
            axes.axhline(100 * line.normal, color=drawn.get_color(), linestyle=":", linewidth=0.8)
    axes.set_title(title, loc="left", parse_math=False)
    axes.set_ylabel("out of distribution, %; dotted: normally")
    axes.set_ylim(bottom=0)
    finish_axes(axes)
