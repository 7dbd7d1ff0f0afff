"""A plot as a file: PNG, or a page that needs no network."""

from __future__ import annotations

import io
import warnings
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from ...extras import install_command
from ..errors import SettingsError
from ..log import escaped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INCHES = (11.0, 5.0)
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>body {{ font-family: sans-serif; margin: 1rem }} svg {{ width: 100%; height: auto }}</style>
</head><body>
{picture}
</body></html>
"""


def new_figure() -> Figure:
    """Return an empty figure.

    Raises:
        SettingsError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise SettingsError(
            f"a plot needs a package that is not installed: {error}", hint=install_command("plot")
        ) from error
    return Figure(figsize=_INCHES, layout="constrained")


def finish_axes(axes: Axes) -> None:
    """Name the time axis, and put the legend beside the plot; names of segments are no formulas."""
    axes.set_xlabel("UTC")
    axes.grid(alpha=0.3)
    legend = axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    for text in legend.get_texts():
        text.set_parse_math(False)


def write_figure(figure: Figure, path: Path, title: str) -> None:
    """Write the figure to *path*, whose suffix says which kind it is; an existing file is replaced.

    Raises:
        SettingsError: the file cannot be written.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a letter that the font lacks is drawn as a box
        data = _png(figure) if path.suffix == ".png" else _html(figure, title).encode()
    try:
        path.write_bytes(data)
    except OSError as error:
        raise SettingsError(
            f"the plot cannot be written to {path}: {error.strerror}", hint="choose another file"
        ) from error


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
