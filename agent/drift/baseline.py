"""What is normal in each segment: its reference counts, the tests built on them, its OOD rate."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from .alert_look import log_ratio
from .design_effect import Counts
from .drift_test import Arrays, DriftTest
from .known_windows import KnownWindows
from .label_columns import n_label_columns
from .promise import promised_log_budget
from .rate import ood_rate
from .reference_windows import ReferenceWindows
from .tests.catalogue import DEFAULT_TESTS

MIN_EVENTS = 100
"""A segment with fewer reference events raises no alert of its own."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """One segment's baseline.

    Attributes:
        components: ``(components, columns, bins)`` counts of each of its states; the last column is the
            combined p-value, the first *n_labels* are of predictions.
        tests: what each test has measured, by name; those that the reference is large enough for.
        design_effects: one a column, at the typical bet.
        effective_events: the reference's effective sample size, at the median column.
        effective_windows: how many independent windows it counts as; see `effective_windows`.
        windows: of the reference.
        known: the reference windows; None where they were not read.
        n_labels: columns of predictions, before those of scores.
        is_provisional: whether its reference is too short for the first test of an alert, so that only those that
            stand in watch while more is learnt; no false-alarm budget is promised.
    """

    components: Counts
    tests: Mapping[str, Arrays]
    design_effects: Sequence[float]
    effective_events: float
    effective_windows: float
    windows: int
    known: KnownWindows | None = None
    n_labels: int = 0
    is_provisional: bool = False

    @property
    def scores(self) -> Baseline:
        """What it says of scores alone."""
        return self._part(slice(self.n_labels, None))

    @property
    def labels(self) -> Baseline:
        """What it says of predictions alone."""
        return self._part(slice(0, self.n_labels))

    @property
    def reference(self) -> Counts:
        """Return ``(columns, bins)`` counts of all components together."""
        total: Counts = self.components.sum(axis=0)
        return total

    def nearest(self, counts: Counts) -> Counts:
        """Return the counts of the component that explains *counts* best, both ``(columns, bins)``."""
        first, effects = self.components[0], self.design_effects
        better = [log_ratio(counts, each, first, effects) for each in self.components[1:]]
        found: Counts = self.components[int(np.argmax([0.0, *better]))]
        return found

    @property
    def events(self) -> int:
        """Reference events counted."""
        return int(self.reference[-1].sum())

    @property
    def promised_log_budget(self) -> float:
        """Logarithm of the largest false-alarm budget that is promised, ``-inf`` where none is."""
        return -math.inf if self.is_provisional else promised_log_budget(self.effective_windows)

    def keeps(self, log_budget: float) -> bool:
        """Return whether a false-alarm budget is promised, by its logarithm in windows of all segments."""
        return self.promised_log_budget >= log_budget

    def rate(self, alpha: float) -> float:
        """Return the segment's own OOD rate at *alpha*, an edge of the bins."""
        return ood_rate(self.reference[-1], alpha)

    def _part(self, columns: slice) -> Baseline:
        return replace(
            self,
            components=self.components[:, columns],
            design_effects=self.design_effects[columns],
            known=None,
            n_labels=0,
        )


def learn_baseline(
    windows: Counts | KnownWindows,
    tests: Sequence[DriftTest] = DEFAULT_TESTS,
    *,
    is_known: bool = False,
) -> Baseline | None:
    """Return the baseline that reference *windows* show, None if they are too few for any test.

    Where they are too few for the first test of an alert, it is provisional.

    Args:
        windows: ``(windows, columns, bins)`` counts in time order, or windows of known components; where
            one of *tests* reads predictions, their columns are first.
        tests: to build on them.
        is_known: whether these windows are a baseline whatever the tests need, as they were before.
    """
    n_labels = n_label_columns(tests)
    known = (
        windows.with_label_columns(n_labels)
        if isinstance(windows, KnownWindows)
        else KnownWindows.of(windows, n_labels)
    )
    reference = known.reference
    if reference.events < MIN_EVENTS:
        return None
    built, is_provisional = _built(reference, tests, is_known=is_known)
    if not built and not is_known:
        return None
    found = reference.components
    return Baseline(
        components=np.stack([known.windows[of].sum(axis=0) for of in known.of_components]),
        tests=built,
        design_effects=np.max([_design_effects(each) for each in found], axis=0).tolist(),
        effective_events=sum(each.effective_events for each in found),
        effective_windows=min(each.effective_windows for each in found),
        windows=sum(len(each.windows) for each in found),
        known=known,
        n_labels=n_labels,
        is_provisional=is_provisional,
    )


def _built(
    reference: ReferenceWindows, tests: Sequence[DriftTest], *, is_known: bool
) -> tuple[dict[str, Arrays], bool]:
    """Return what *tests* measure, by name, and whether those that stand in are alone."""
    made = {test.name: test.method.measure(reference) for test in tests}
    built = {name: measured for name, measured in made.items() if measured is not None}
    leading = {test.alert: test for test in reversed(tests) if not test.reads_labels}
    is_short = any(test.name not in built for test in leading.values())
    if not is_short or is_known:
        return built, is_short
    standing_in = {test.name for test in tests if test.stands_in}
    return {name: each for name, each in built.items() if name in standing_in}, True


def _design_effects(reference: ReferenceWindows) -> list[float]:
    """Return those of predictions, where they are judged, and of scores."""
    labels = reference.labels
    return [*(labels.design_effects if labels else ()), *reference.design_effects]


def learn_baselines(
    reference: Mapping[str, Counts], tests: Sequence[DriftTest] = DEFAULT_TESTS
) -> dict[str, Baseline]:
    """Return the baseline of each segment that has enough reference."""
    learnt = {segment: learn_baseline(windows, tests) for segment, windows in reference.items()}
    return {segment: baseline for segment, baseline in learnt.items() if baseline is not None}


def effective_windows(windows: Counts) -> float:
    """Return how many independent windows reference *windows* count as, at the median column.

    Of a reference with several components, the least known one.
    """
    return min(each.effective_windows for each in KnownWindows.of(windows).reference.components)
