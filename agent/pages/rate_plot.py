"""Out-of-distribution rates over time as a picture, PNG or a page that needs no network."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from ...extras import install_command
from ..errors import SettingsError
from ..log import escaped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SUFFIXES = (".png", ".html")
_INCHES = (11.0, 5.0)
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>body {{ font-family: sans-serif; margin: 1rem }} svg {{ width: 100%; height: auto }}</style>
</head><body>
{picture}
</body></html>
"""


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
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise SettingsError(
            f"a plot needs a package that is not installed: {error}", hint=install_command("plot")
        ) from error
    figure = Figure(figsize=_INCHES, layout="constrained")
    _draw(figure.add_subplot(), escaped(title), lines, width)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a letter that the font lacks is drawn as a box
        data = _png(figure) if path.suffix == ".png" else _html(figure, title).encode()
    try:
        path.write_bytes(data)
    except OSError as error:
        raise SettingsError(
            f"the plot cannot be written to {path}: {error.strerror}", hint="choose another file"
        ) from error


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
    axes.set_xlabel("UTC")
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    legend = axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    for text in legend.get_texts():
        text.set_parse_math(False)


def _png(figure: Figure) -> bytes:
    target = io.BytesIO()
    figure.savefig(target, format="png", dpi=120)
    return target.getvalue()


def _html(figure: Figure, title: str) -> str:
    from matplotlib import rc_context

    target = io.StringIO()
    with rc_context({"svg.fonttype": "none"}):
        figure.savefig(target, format="svg")
    picture = target.getvalue().partition("<svg")
    return _PAGE.format(title=escape(escaped(title)), picture=picture[1] + picture[2])
