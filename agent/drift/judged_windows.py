"""From the database's histograms to arrays, window by window."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from driftgauge.storage import N_BINS, HistogramRows, LateCounts

from .design_effect import Counts

NO_COUNTS: Counts = np.array([], dtype=np.int64)
"""Of a segment that has no windows."""


def by_window(
    found: HistogramRows, columns: Sequence[str]
) -> Iterator[tuple[datetime, dict[str, Counts]]]:
    """Yield each window's counts, ``(columns, bins)`` a segment, in order of time.

    Args:
        found: layers that are no column are left out.
        columns: names of the layers, in the order of the arrays.
    """
    table = _Table.of(found, columns)
    if table is None:
        return
    is_last = np.append(table.starts[1:] != table.starts[:-1], np.True_)
    begin = 0
    for end in (np.flatnonzero(is_last) + 1).tolist():
        here, at = np.unique(table.segment[begin:end], return_inverse=True)
        window = np.zeros((len(here), len(columns), N_BINS), dtype=np.int64)
        window[at, table.column[begin:end]] = table.counts[begin:end]
        start = datetime.fromtimestamp(int(table.starts[begin]), UTC)
        names = [table.segments[number] for number in here.tolist()]
        yield start, dict(zip(names, window, strict=True))
        begin = end


def windows_of_segments(
    found: HistogramRows, columns: Sequence[str]
) -> dict[str, tuple[list[datetime], Counts]]:
    """Return by segment the starts of its windows and their counts, ``(windows, columns, bins)``."""
    grouped: dict[str, tuple[list[datetime], Counts]] = {}
    table = _Table.of(found, columns)
    if table is None:
        return grouped
    for number, name in enumerate(table.segments):
        own = table.segment == number
        starts, at = np.unique(table.starts[own], return_inverse=True)
        windows = np.zeros((len(starts), len(columns), N_BINS), dtype=np.int64)
        windows[at, table.column[own]] = table.counts[own]
        if len(starts):
            grouped[name] = [datetime.fromtimestamp(each, UTC) for each in starts.tolist()], windows
    return grouped


@dataclass(frozen=True, slots=True)
class _Table:
    """Histograms as arrays, a row each, in order of start.

    Attributes:
        segments: names, in order.
        starts: ``(rows,)``, seconds since 1970.
        segment: ``(rows,)``, number among *segments*.
        column: ``(rows,)``.
        counts: ``(rows, bins)``.
    """

    segments: Sequence[str]
    starts: NDArray[np.int64]
    segment: NDArray[np.int64]
    column: NDArray[np.int64]
    counts: Counts

    @classmethod
    def of(cls, found: HistogramRows, columns: Sequence[str]) -> _Table | None:
        """Return those of *columns*; None where there is none."""
        numbers = {layer: number for number, layer in enumerate(columns)}
        own = {key: names for key, names in found.series.items() if names[1] in numbers}
        rows = [row for row in found.rows if row[1] in own]
        if not rows:
            return None
        table = np.fromiter(chain.from_iterable(rows), dtype=np.int64).reshape(len(rows), -1)
        keys, which = np.unique(table[:, 1], return_inverse=True)
        names = [own[key] for key in keys.tolist()]
        segments = sorted({segment for segment, _ in names})
        number_of = {segment: number for number, segment in enumerate(segments)}
        return cls(
            segments=segments,
            starts=table[:, 0],
            segment=np.array([number_of[segment] for segment, _ in names])[which],
            column=np.array([numbers[layer] for _, layer in names])[which],
            counts=table[:, -N_BINS:],
        )


def late_by_segment(
    late: Sequence[LateCounts], columns: Sequence[str]
) -> Mapping[str, tuple[datetime, Counts]]:
    """Join what came late to one ``(columns, bins)`` array a segment, with its first window."""
    numbers = {layer: number for number, layer in enumerate(columns)}
    grouped: dict[str, tuple[datetime, Counts]] = {}
    for row in late:
        if row.layer not in numbers:
            continue
        zero = np.zeros((len(columns), len(row.counts)), dtype=np.int64)
        first, counts = grouped.get(row.segment, (row.window_start, zero))
        counts[numbers[row.layer]] += row.counts
        grouped[row.segment] = min(first, row.window_start), counts
    return grouped
