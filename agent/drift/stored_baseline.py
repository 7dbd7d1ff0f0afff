"""A baseline as it is stored, and back: what the tests measured, and the windows that it was measured on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import numpy as np

from driftgauge.storage import BaselineSource, SegmentBaseline

from .baseline import Baseline
from .design_effect import Counts
from .drift_test import Arrays, DriftTest
from .known_windows import KnownWindows
from .label_columns import n_label_columns
from .packing import pack, unpack

MEASURED_FORMAT = 4
"""Of what the tests measure: with another number, a baseline is measured again from its windows."""


def to_stored(
    segment: str,
    baseline: Baseline,
    tests: Sequence[DriftTest],
    *,
    source: BaselineSource,
    made_by: str,
    begins: datetime | None = None,
    until: datetime | None = None,
    grown_until: datetime | None = None,
    anchor_shift: float | None = None,
) -> SegmentBaseline:
    """Return the row of a baseline.

    Args:
        segment: its name.
        baseline: what was measured, with its windows; these are stored unless the detector keeps them.
        tests: that were to be measured.
        source: where the windows come from.
        made_by: who made it.
        begins: event time of the first window.
        until: event time at which the last ends.
        grown_until: event time at which the last ends that quiet traffic brought.
        anchor_shift: how far what has grown lies from the rest.
    """
    known = baseline.known
    if known is None:
        raise ValueError(
            f"the baseline of {segment} was read without its windows: it cannot be stored"
        )
    arrays: Arrays = {
        "components": baseline.components,
        "design_effects": np.array(baseline.design_effects),
        "effective_windows": np.array(baseline.effective_windows),
        "n_labels": np.array(baseline.n_labels),
        "is_provisional": np.array(baseline.is_provisional),
    }
    for test in tests:
        arrays[f"{test.name}?"] = np.array(MEASURED_FORMAT)
    for name, measured in baseline.tests.items():
        arrays |= {f"{name}/{part}": values for part, values in measured.items()}
    return SegmentBaseline(
        segment=segment,
        source=source,
        made_by=made_by,
        events=baseline.events,
        effective_events=baseline.effective_events,
        windows=len(known.windows),
        begins=begins,
        until=until,
        tests=tuple(baseline.tests),
        components=len(baseline.components),
        measured=pack(arrays),
        grown=known.n_grown,
        grown_until=grown_until,
        anchor_shift=anchor_shift,
        reference=b"" if source == "fit" and not known.n_grown else known.packed(),
    )


def from_stored(row: SegmentBaseline, tests: Sequence[DriftTest]) -> Baseline | None:
    """Return the baseline of a row, None where not all *tests* were measured in today's way."""
    arrays, n_labels = unpack(row.measured), n_label_columns(tests)
    if int(arrays.get("n_labels", 0)) != n_labels:
        return None
    if any(arrays.get(f"{test.name}?") != MEASURED_FORMAT for test in tests):
        return None
    wanted = {test.name for test in tests}
    return Baseline(
        components=arrays["components"],
        tests={name: _of_test(arrays, name) for name in row.tests if name in wanted},
        design_effects=arrays["design_effects"].tolist(),
        effective_events=row.effective_events,
        effective_windows=float(arrays["effective_windows"]),
        windows=row.windows,
        n_labels=n_labels,
        is_provisional=bool(arrays["is_provisional"]),
    )


def stored_windows(
    row: SegmentBaseline, reference: Mapping[str, Counts], tests: Sequence[DriftTest]
) -> KnownWindows:
    """Return the windows that a baseline was measured on, with the columns that *tests* want.

    Args:
        row: read with its reference.
        reference: each segment's windows that the detector keeps.
        tests: that run.
    """
    if row.reference:
        return KnownWindows.unpacked(row.reference).with_label_columns(n_label_columns(tests))
    return KnownWindows.of(reference[row.segment], n_label_columns(tests))


def _of_test(arrays: Mapping[str, np.ndarray], name: str) -> Arrays:
    start = f"{name}/"
    return {key[len(start) :]: values for key, values in arrays.items() if key.startswith(start)}
