"""From the database's histograms to arrays, window by window."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain

import numpy as np

from driftgauge.storage import N_BINS, HistogramRows, LateCounts

from .design_effect import Counts


def by_window(
    found: HistogramRows, columns: Sequence[str]
) -> Iterator[tuple[datetime, dict[str, Counts]]]:
    """Yield each window's counts, ``(columns, bins)`` a segment, in order of time.

    Args:
        found: layers that are no column are left out.
        columns: names of the layers, in the order of the arrays.
    """
    numbers = {layer: number for number, layer in enumerate(columns)}
    places = {key: numbers[layer] for key, (_, layer) in found.series.items() if layer in numbers}
    rows = [row for row in found.rows if row[1] in places]
    if not rows:
        return
    table = np.fromiter(chain.from_iterable(rows), dtype=np.int64).reshape(len(rows), -1)
    starts, series, counts = table[:, 0], table[:, 1], table[:, -N_BINS:]
    names = sorted({found.series[key][0] for key in places})
    number_of = {name: number for number, name in enumerate(names)}
    keys, which = np.unique(series, return_inverse=True)
    segment = np.array([number_of[found.series[key][0]] for key in keys.tolist()])[which]
    column = np.array([places[key] for key in keys.tolist()])[which]
    ends = np.flatnonzero(np.append(starts[1:] != starts[:-1], True)) + 1
    begin = 0
    for end in ends.tolist():
        here, at = np.unique(segment[begin:end], return_inverse=True)
        window = np.zeros((len(here), len(columns), N_BINS), dtype=np.int64)
        window[at, column[begin:end]] = counts[begin:end]
        start = datetime.fromtimestamp(int(starts[begin]), UTC)
        yield start, dict(zip([names[n] for n in here.tolist()], window, strict=True))
        begin = end


def windows_of_segment(
    found: HistogramRows, segment: str, columns: Sequence[str]
) -> tuple[list[datetime], Counts]:
    """Return the starts and the counts, ``(windows, columns, bins)``, of one segment alone."""
    windows = [(start, segments[segment]) for start, segments in by_window(found, columns)]
    return [start for start, _ in windows], np.array([each for _, each in windows], dtype=np.int64)


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
