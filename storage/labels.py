"""How the classes that a model predicts are counted: as layers of their own, with the bins of p-values.

So they are written, rolled up, kept and read like the scores, in the same transactions. A name that begins
with `~` is no layer of a model.
"""

from __future__ import annotations

from collections.abc import Mapping

from .histogram import N_BINS

CLASSES = "~classes"
"""The layer whose bin b counts the b-th class of the detector's reference, the last bin all others."""

CONFIDENCE = "~confidence"
"""The layer that counts 1 - confidence, in the bins of p-values; its ``score_sum`` adds confidences."""

LABEL_LAYERS = (CLASSES, CONFIDENCE)

N_CLASSES = N_BINS - 1
"""Classes of the reference that are counted by name."""

OTHER_CLASSES = "(other classes)"
"""What the classes beyond these are called together."""


def shown_classes(manifest: Mapping[str, object]) -> list[str]:
    """Return the classes that a detector's manifest counts by name, as people call them.

    Args:
        manifest: its ``classes``, in the order of their bins, are as segments of classes have them; its
            ``notes`` may have better names of some in ``class_names``.
    """
    classes, notes = manifest.get("classes"), manifest.get("notes")
    if not isinstance(classes, list | tuple):
        return []
    names = notes.get("class_names") if isinstance(notes, Mapping) else None
    better = names if isinstance(names, Mapping) else {}
    return [str(better.get(name, name)) for name in classes[:N_CLASSES]]
