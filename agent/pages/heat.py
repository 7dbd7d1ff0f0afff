"""p-values over time as a strip of cells: a fault that the OOD rate does not show, shows here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from driftgauge.storage import EDGES

ROW_EDGES = (0.0, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
"""Edges of the rows; each is an edge of the stored histogram, the most unusual first."""

N_ROWS = len(ROW_EDGES) - 1
_SHARES = (0.06, 0.12, 0.25, 0.5)
_OPACITIES = (0.22, 0.42, 0.68, 1.0)


@dataclass(frozen=True, slots=True)
class Shade:
    """All cells of one shade, as one SVG path 1,000 wide and ``N_ROWS`` high."""

    path: str
    opacity: float


def heat_strip(columns: Sequence[tuple[float, Sequence[int]]], width: float) -> tuple[Shade, ...]:
    """Return the strip's shades.

    Args:
        columns: each column's left edge, in per cent of the strip, and its counts of p-values by bin.
        width: of a column, in per cent of the strip.
    """
    cells: list[list[str]] = [[] for _ in _SHARES]
    for left, counts in columns:
        for row, share in enumerate(row_shares(counts)):
            level = sum(share >= least for least in _SHARES) - 1
            if level >= 0:
                x, step = left * 10, min(width, 100 - left) * 10
                cells[level].append(f"M{x:.1f} {row}h{step:.1f}v1h-{step:.1f}z")
    return tuple(
        Shade("".join(paths), opacity)
        for paths, opacity in zip(cells, _OPACITIES, strict=True)
        if paths
    )


def row_shares(counts: Sequence[int]) -> list[float]:
    """Return each row's share of the p-values that *counts* has by bin."""
    shares, events = [0.0] * N_ROWS, max(sum(counts), 1)
    for count, high in zip(counts, EDGES[1:], strict=True):
        row = next(row for row, edge in enumerate(ROW_EDGES[1:]) if high <= edge)
        shares[row] += count / events
    return shares
