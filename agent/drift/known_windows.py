"""The windows that a baseline is measured on: which component each belongs to, and how it came in."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .components import ComponentOf, add_component, find_components
from .design_effect import Counts
from .label_columns import with_labels
from .packing import pack, unpack
from .reference_windows import ReferenceWindows


@dataclass(frozen=True, slots=True, eq=False)
class KnownWindows:
    """Reference windows of one segment.

    Attributes:
        windows: ``(windows, columns, bins)`` counts, those of a component in time order; the first
            *n_labels* columns are of predictions.
        component_of: number of each window's component, ``(windows,)``.
        is_grown: whether quiet traffic brought it, ``(windows,)``; the others are the anchor: the first baseline,
            and what a person accepted.
    """

    windows: Counts
    component_of: ComponentOf
    is_grown: NDArray[np.bool_]
    n_labels: int = 0

    @classmethod
    def of(cls, windows: Counts, n_labels: int = 0) -> KnownWindows:
        """Return *windows* as an anchor, with the components that their scores show."""
        of = find_components(windows[:, n_labels:])
        return cls(windows, of, np.zeros(len(windows), dtype=np.bool_), n_labels)

    @property
    def reference(self) -> ReferenceWindows:
        """What tests measure on."""
        labels = self.windows[:, : self.n_labels] if self.n_labels else None
        return ReferenceWindows(self.windows[:, self.n_labels :], self.component_of, labels)

    def with_label_columns(self, n_labels: int) -> KnownWindows:
        """Return them with so many columns of predictions, unknown ones empty."""
        windows = with_labels(self.windows, self.n_labels, n_labels)
        return replace(self, windows=windows, n_labels=n_labels)

    @property
    def of_components(self) -> list[NDArray[np.bool_]]:
        """Which windows each component has."""
        return [self.component_of == n for n in range(int(self.component_of.max(initial=0)) + 1)]

    @property
    def n_grown(self) -> int:
        """Windows that quiet traffic brought."""
        return int(self.is_grown.sum())

    def grown_of(self, component: int) -> int:
        """Return how many of one component quiet traffic brought."""
        return int((self.is_grown & (self.component_of == component)).sum())

    def anchor(self, component: int) -> Counts:
        """Return the anchor's windows of one component."""
        found: Counts = self.windows[(self.component_of == component) & ~self.is_grown]
        return found

    def with_accepted(self, seen: Counts) -> KnownWindows:
        """Return them with the windows of a change that a person called normal."""
        windows, of = add_component(self.windows, self.component_of, seen, self.n_labels)
        more = np.zeros(len(windows) - len(self.windows), dtype=np.bool_)
        return KnownWindows(windows, of, np.concatenate([self.is_grown, more]), self.n_labels)

    def with_grown(self, component: int, seen: Counts) -> KnownWindows:
        """Return them with windows of quiet traffic."""
        of = np.full(len(seen), component, dtype=np.int8)
        return KnownWindows(
            np.concatenate([self.windows, seen]),
            np.concatenate([self.component_of, of]),
            np.concatenate([self.is_grown, np.ones(len(seen), dtype=np.bool_)]),
            self.n_labels,
        )

    def packed(self) -> bytes:
        """Return them as bytes."""
        small = self.windows.astype(np.min_scalar_type(int(self.windows.max(initial=0))))
        return pack(
            {
                "windows": small,
                "component_of": self.component_of,
                "is_grown": self.is_grown,
                "n_labels": np.array(self.n_labels),
            }
        )

    @classmethod
    def unpacked(cls, packed: bytes) -> KnownWindows:
        """Return what `packed` wrote; earlier versions wrote the windows alone."""
        arrays = unpack(packed)
        windows = arrays["windows"].astype(np.int64)
        if "component_of" not in arrays:
            return cls.of(windows)
        n_labels = int(arrays.get("n_labels", 0))
        return cls(windows, arrays["component_of"], arrays["is_grown"], n_labels)
