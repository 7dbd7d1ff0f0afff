"""What can go wrong in a detector.

DetectorError
├── NotFitted
├── LayerNotFound
├── LayerSilent
├── ModelNotTappable
├── ShapeMismatch
├── NonFiniteScore
├── ReferenceTooSmall
└── ArtifactError
    ├── ArtifactCorrupt
    ├── ArtifactTooNew
    └── ArtifactMismatch
"""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import DriftgaugeError


class DetectorError(DriftgaugeError):
    """The detector failed."""


class NotFitted(DetectorError):
    """The detector has not been fitted."""

    hint = "run `driftgauge fit` first"


class LayerNotFound(DetectorError):
    """A named layer is not in the model."""


class LayerSilent(DetectorError):
    """A tapped layer did not fire exactly once in a forward pass."""


class ModelNotTappable(DetectorError):
    """The model cannot be tapped as it is."""


class ShapeMismatch(DetectorError):
    """An array has another shape than the detector was fitted on."""


class NonFiniteScore(DetectorError):
    """A tap or a score is not a finite number."""

    hint = "look for NaN in the model's weights or for half-precision overflow in its layers"

    def __init__(self, message: str | None = None, *, rows: Sequence[int] = ()) -> None:
        super().__init__(message)
        self.rows = tuple(rows)
        """Whose taps or scores, by row of the batch."""


class ReferenceTooSmall(DetectorError):
    """There are too few reference images to fit and calibrate on."""


class ArtifactError(DetectorError):
    """A detector artifact cannot be used."""


class ArtifactCorrupt(ArtifactError):
    """The artifact is damaged or incomplete."""

    hint = "fit again, or restore the folder from a copy"


class ArtifactTooNew(ArtifactError):
    """The artifact was written by a newer driftgauge."""

    hint = "upgrade driftgauge"


class ArtifactMismatch(ArtifactError):
    """The artifact belongs to another model, other layers or another preprocessing."""

    hint = "fit a detector for this model with `driftgauge fit`"
