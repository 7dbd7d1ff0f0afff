"""The fitted faults as a part of a detector's files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..cells import CELL_NUMBERS
from .book import FaultBook, Level, n_told
from .traits import Array

PREFIX = "faults."
BARE = "bare."
"""Goes before the names of what was learnt without cells."""


def fault_tensors(book: FaultBook | None, prefix: str = PREFIX) -> dict[str, Tensor]:
    """Return the arrays of *book* by the names of their tensors."""
    if book is None:
        return {}
    tensors = {f"{prefix}centres": _single(book.centres), f"{prefix}scale": _single(book.scale)}
    for number, level in enumerate(book.levels):
        tensors[f"{prefix}{number}.weights"] = _single(level.weights)
        tensors[f"{prefix}{number}.examples"] = torch.from_numpy(level.examples).half()
    return tensors | fault_tensors(book.bare, f"{prefix}{BARE}")


def fault_notes(book: FaultBook | None) -> dict[str, Any] | None:
    """Return the rest, JSON-ready."""
    if book is None:
        return None
    return {
        "kinds": list(book.kinds),
        "levels": [
            {"noise": level.noise, "limits": level.limits.tolist()} for level in book.levels
        ],
        "alike": book.alike,
        "found": {kind: round(share, 4) for kind, share in book.found.items()},
        **({"cells": book.n_cells, "bare": fault_notes(book.bare)} if book.n_cells else {}),
    }


def load_faults(notes: Mapping[str, Any] | None, tensors: Mapping[str, Tensor]) -> FaultBook | None:
    """Return what was saved, None where a detector has none.

    Args:
        tensors: without the prefix, finite.

    Raises:
        ValueError, KeyError: the parts do not fit together.
    """
    if notes is None:
        return None
    kinds, scale = tuple(str(kind) for kind in notes["kinds"]), tensors["scale"].double().numpy()
    centres = tensors["centres"].double().numpy()
    levels = tuple(
        Level(
            noise=float(level["noise"]),
            weights=tensors[f"{number}.weights"].double().numpy(),
            examples=tensors[f"{number}.examples"].float().numpy(),
            limits=np.array([float(limit) for limit in level["limits"]]),
        )
        for number, level in enumerate(list(notes["levels"]))
    )
    n_cells = int(notes.get("cells", 0))  # artifacts of versions before have none
    _check(kinds, scale, centres, levels, n_cells)
    own = {name.removeprefix(BARE): t for name, t in tensors.items() if name.startswith(BARE)}
    bare = load_faults(notes["bare"], own) if n_cells else None
    if n_cells and (bare is None or len(bare.scale) != len(scale) - n_cells):
        raise ValueError("the faults of whole pictures are not those of the same statistics")
    return FaultBook(
        kinds=kinds,
        centres=centres,
        scale=scale,
        levels=levels,
        alike=float(notes["alike"]),
        found={str(kind): float(share) for kind, share in dict(notes["found"]).items()},
        n_cells=n_cells,
        bare=bare,
    )


def _check(
    kinds: tuple[str, ...], scale: Array, centres: Array, levels: tuple[Level, ...], n_cells: int
) -> None:
    n = len(scale)
    if not (scale > 0).all() or centres.shape[1:] != (n,) or not len(centres) or not levels:
        raise ValueError(f"the faults' centres have shape {centres.shape}, wanted (groups, {n})")
    if n_cells not in (0, CELL_NUMBERS) or n_cells >= n:
        raise ValueError(f"the faults have {n_cells} numbers of cells, wanted 0 or {CELL_NUMBERS}")
    f = n_told(n, n_cells)
    for level in levels:
        wanted, shape = (2 * f + 1, len(kinds)), level.weights.shape
        n_examples = level.examples.shape[1] if level.examples.ndim == 3 else 0  # noqa: PLR2004
        fits = level.examples.shape == (len(kinds), n_examples, f) and n_examples
        if shape != wanted or not fits or level.limits.shape != (len(kinds),) or level.noise <= 0:
            raise ValueError(f"the faults' weights have shape {shape}, wanted {wanted}")


def _single(values: Array) -> Tensor:
    return torch.from_numpy(values).float()
