"""Why a question about rates found nothing: an unknown name, or a time without images."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from ..terminal.natural_order import natural_key
from ..terminal.printing import when

if TYPE_CHECKING:
    from .reading import Reading

_MOST_NAMES = 10


def nothing_found(reading: Reading, *, segment: str | None, layer: str | None) -> str:
    """Return what to tell a person who asked for *segment* and *layer*, None for all of them."""
    name = reading.stream.stream
    segments = reading.store.segments(name)
    if not segments:
        return f"No images counted on {name} yet."
    if segment is not None and segment not in segments:
        return _unknown("segment", segment, sorted(segments, key=natural_key))
    newest = segments[segment] if segment is not None else max(segments.values())
    rows = reading.store.rates(
        name, period="day", segment=segment, layer=None, since=newest - timedelta(days=1)
    )
    layers = sorted({row.layer for row in rows}, key=natural_key)
    if layer is not None and layers and layer not in layers:
        return _unknown("layer", layer, layers)
    return f"No images in this time; the newest window starts at {when(newest)} UTC."


def _unknown(kind: str, word: str, names: Sequence[str]) -> str:
    near = difflib.get_close_matches(word, names, n=1)
    meant = f"; did you mean {near[0]}?" if near else "."
    shown = ", ".join(names[:_MOST_NAMES])
    more = f" and {len(names) - _MOST_NAMES:,} more" if len(names) > _MOST_NAMES else ""
    return f"No {kind} {word} was counted{meant} There are: {shown}{more}."
