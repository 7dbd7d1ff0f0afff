"""The distribution of scores against that of normal images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...extras import install_command
from ..errors import SettingsError
from .score_table import Numbers

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from .score_table import NormalScores, ScoreTable

_INCHES = (8.0, 4.0)
N_BINS = 40
TOP_SHARE = 0.995
"""Scores above this quantile share the last bin, so that one extreme image does not flatten the rest."""


def draw_scores(table: ScoreTable, path: Path | None) -> Figure:
    """Return a figure of the table's scores and normal's; write it to *path* if there is one.

    Both are shares of images by score, so that their sizes compare. The dashed line is the score from
    which a share of alpha of normal images lies.

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
    axes = figure.add_subplot()
    found = table.scores[np.isfinite(table.scores)]
    edges = bin_edges(found, table.normal.values)
    for values, weights, label in (
        (table.normal.values, table.normal.weights, "normal: held-out reference images"),
        (found, np.full(len(found), 1 / max(len(found), 1)), f"{len(found)} scored images"),
    ):
        clipped = np.clip(values, edges[0], edges[-1])
        axes.hist(clipped, edges.tolist(), weights=100 * weights, alpha=0.5, label=label)
    limit = threshold(table.normal, table.alpha)
    axes.axvline(min(limit, edges[-1]), color="black", linestyle="--", linewidth=0.8)
    axes.set_xlabel(f"score; right of the dashed line lie {100 * table.alpha:g} % of normal images")
    axes.set_ylabel("share of images, %")
    axes.legend(frameon=False)
    if path is not None:
        _save(figure, path)
    return figure


def bin_edges(found: Numbers, normal: Numbers) -> Numbers:
    """Return the edges of the bars, which span all scores but the most extreme.

    Example:
        >>> edges = bin_edges(np.array([0.0, 9.0]), np.array([1.0, 4.0]))
        >>> edges[0], bool(edges[-1] > 8.9)
        (np.float64(0.0), True)
    """
    joined = np.concatenate([found, normal])
    low, high = float(joined.min()), float(np.quantile(joined, TOP_SHARE))
    return np.linspace(low, max(high, low + 1e-6), N_BINS + 1)


def threshold(normal: NormalScores, alpha: float) -> float:
    """Return the score that a share *alpha* of normal images reaches."""
    order = np.argsort(normal.values)
    reaching = 1 - np.cumsum(normal.weights[order]) + normal.weights[order]
    beyond = normal.values[order][reaching <= alpha + 1e-12]
    return float(beyond[0]) if len(beyond) else float(normal.values.max())


def _save(figure: Figure, path: Path) -> None:
    try:
        figure.savefig(path, dpi=120)
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"the plot cannot be written to {path}: {error}",
            hint="choose another file, which ends in .png or .svg",
        ) from error
